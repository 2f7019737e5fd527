"""Writing behind: at once for who adds, in order, all of it, and never twice."""

import os
import subprocess
import sys
import threading

import pytest

from openclaw_ipython.journal.writer import Behind

NEVER = 3600.0  # a pause that only `flush` ends


def test_what_is_added_is_written_once_and_in_order():
    written = []
    behind = Behind(written.extend, pause=NEVER)
    for number in range(100):
        behind.add(number)
    assert written == []
    behind.flush()
    assert written == list(range(100))
    behind.flush()
    assert written == list(range(100))


def test_a_burst_is_written_together():
    batches = []
    behind = Behind(batches.append, pause=NEVER)
    for number in range(100):
        behind.add(number)
    behind.flush()
    assert len(batches) == 1


def test_it_is_written_without_anybody_asking():
    done = threading.Event()
    Behind(lambda items: done.set(), pause=0.0).add(1)
    assert done.wait(10)


def test_after_a_flush_there_is_a_pause_again():
    written = []
    behind = Behind(written.extend, pause=NEVER)
    behind.add(1)
    behind.flush()
    behind.add(2)
    assert written == [1]
    behind.flush()
    assert written == [1, 2]


def test_many_threads_may_add():
    written = []
    behind = Behind(written.extend, pause=0.0)
    threads = [threading.Thread(target=lambda: [behind.add(1) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    behind.flush()
    assert len(written) == 4000


def test_the_interpreter_waits_for_it():
    program = (
        "from openclaw_ipython.journal.writer import Behind\n"
        "Behind(lambda items: print('written', items, flush=True), pause=0.05).add('a')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("written ['a']\n", "")


def test_it_writes_even_while_the_interpreter_ends():
    program = (
        "import atexit\n"
        "from openclaw_ipython.journal.writer import Behind\n"
        "behind = Behind(lambda items: print('written', items, flush=True), pause=0.05)\n"
        "atexit.register(behind.flush)\n"
        "atexit.register(behind.add, 'late')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("written ['late']\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_write_what_is_its_parents(tmp_path):
    path = tmp_path / "written"

    def write(items):
        with path.open("a") as file:
            file.write("".join(f"{item}\n" for item in items))

    behind = Behind(write, pause=NEVER)
    behind.add("parent")
    child = os.fork()
    if child == 0:
        behind.flush()
        behind.add("child")
        behind.flush()
        os._exit(0)
    os.waitpid(child, 0)
    behind.flush()
    assert sorted(path.read_text().split()) == ["child", "parent"]
