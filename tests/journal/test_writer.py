"""The write-behind queue: adding returns at once; every item is written once and in order."""

import os
import subprocess
import sys
import threading

import pytest

from openclaw_ipython.journal.writer import WriteBehindQueue

NEVER = 3600.0  # a delay that only `flush` ends


def test_items_are_written_once_and_in_order():
    written = []
    queue = WriteBehindQueue(written.extend, delay=NEVER)
    for number in range(100):
        queue.add(number)
    assert written == []
    queue.flush()
    assert written == list(range(100))
    queue.flush()
    assert written == list(range(100))


def test_a_flush_while_another_thread_adds_the_first_item_waits_for_its_writing():
    written = []
    queue = WriteBehindQueue(written.extend, delay=0.0)
    adding = threading.Thread(target=lambda: [queue.add(number) for number in range(2000)])
    adding.start()
    while adding.is_alive():
        queue.flush()
    queue.flush()
    assert written == list(range(2000))


def test_a_burst_is_written_together():
    batches = []
    queue = WriteBehindQueue(batches.append, delay=NEVER)
    for number in range(100):
        queue.add(number)
    queue.flush()
    assert len(batches) == 1


def test_items_that_cannot_be_written_do_not_end_the_writing_of_later_ones(caplog):
    written = []

    def write(items):
        if 0 in items:
            raise OverflowError
        written.extend(items)

    queue = WriteBehindQueue(write, delay=NEVER)
    for number in range(3):
        queue.add(number)
        queue.flush()
    assert written == [1, 2]
    assert "OverflowError" in caplog.text


def test_items_are_written_without_a_flush():
    done = threading.Event()
    WriteBehindQueue(lambda items: done.set(), delay=0.0).add(1)
    assert done.wait(10)


def test_after_a_flush_there_is_a_delay_again():
    written = []
    queue = WriteBehindQueue(written.extend, delay=NEVER)
    queue.add(1)
    queue.flush()
    queue.add(2)
    assert written == [1]
    queue.flush()
    assert written == [1, 2]


def test_many_threads_may_add():
    written = []
    queue = WriteBehindQueue(written.extend, delay=0.0)
    threads = [threading.Thread(target=lambda: [queue.add(1) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.flush()
    assert len(written) == 4000


def test_the_interpreter_waits_for_the_queue_at_exit():
    program = (
        "from openclaw_ipython.journal.writer import WriteBehindQueue\n"
        "WriteBehindQueue(lambda items: print('written', items, flush=True), delay=0.05).add('a')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("written ['a']\n", "")


def test_items_added_while_the_interpreter_exits_are_written():
    program = (
        "import atexit\n"
        "from openclaw_ipython.journal.writer import WriteBehindQueue\n"
        "queue = WriteBehindQueue(lambda items: print('written', items, flush=True), delay=0.05)\n"
        "atexit.register(queue.flush)\n"
        "atexit.register(queue.add, 'late')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("written ['late']\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_write_the_items_of_its_parent(tmp_path):
    path = tmp_path / "written"

    def write(items):
        with path.open("a") as file:
            file.write("".join(f"{item}\n" for item in items))

    queue = WriteBehindQueue(write, delay=NEVER)
    queue.add("parent")
    child = os.fork()
    if child == 0:
        queue.flush()
        queue.add("child")
        queue.flush()
        os._exit(0)
    os.waitpid(child, 0)
    queue.flush()
    assert sorted(path.read_text().split()) == ["child", "parent"]
