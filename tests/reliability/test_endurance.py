"""A long day in one kernel: what it opens it closes, and a fork disturbs nobody. Counted, never timed."""

import asyncio
import os
import threading

import psutil
import pytest
from scripted_portal import Portal
from signed_in import sign_in

from openclaw_ipython.practice.server import listening

pytestmark = [pytest.mark.slow, pytest.mark.kernel]

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

QUESTIONS = 200
MEBIBYTE = 2**20
WRITING = "any(thread.name == 'openclaw-journal' for thread in __import__('threading').enumerate())"


class Counting:
    """A portal behind a door that has a thread for each connection: askers are counted by their threads."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.askers: set[threading.Thread] = set()

    def handle(self, request):
        if request.path.endswith("/chat/completions"):
            self.askers.add(threading.current_thread())
        return self.portal.handle(request)

    def client_disconnected(self, request, sent):
        self.portal.client_disconnected(request, sent)


class Day:
    """A kernel that is signed in, its process, and the desk that sees its connections."""

    def __init__(self, kernel, desk: Counting) -> None:
        self.kernel = kernel
        self.desk = desk
        self.process = psutil.Process(kernel.value("__import__('os').getpid()"))

    def ask(self, times: int = 1, prompt: str = "hello") -> None:
        for _ in range(times):
            cell = self.kernel.run(f"%%qwen\n{prompt}")
            assert cell.status == "ok", cell

    def held(self) -> tuple[int, int]:
        """Open file descriptors (handles on Windows) and threads, once nothing is being written down any more."""
        while self.kernel.value(WRITING):
            pass
        count = getattr(self.process, "num_fds", None) or self.process.num_handles
        return count(), self.process.num_threads()

    def rss(self) -> float:
        self.kernel.run("import gc; gc.collect();")
        return self.process.memory_info().rss / MEBIBYTE


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    from jupyter_client.manager import start_new_kernel
    from kernels import Kernel

    folder = tmp_path_factory.mktemp("day")
    (folder / "home").mkdir()
    portal = Portal(keep=10)
    desk = Counting(portal)
    with listening(desk, 0) as origin:
        asyncio.run(
            sign_in({"OPENCLAW_HOME": str(folder / "home"), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}, portal)
        )
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        environ |= {
            "HOME": str(folder),
            "IPYTHONDIR": str(folder / "ipython"),
            "OPENCLAW_HOME": str(folder / "home"),
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin,
        }
        # IPython's history would open and close a file of its own whenever it likes.
        apart = ["--HistoryManager.hist_file=:memory:"]
        manager, client = start_new_kernel(
            kernel_name="python3", env=environ, cwd=str(folder), extra_arguments=apart
        )
        try:
            kernel = Kernel(manager, client)
            kernel.run("%load_ext openclaw_ipython")
            day = Day(kernel, desk)
            day.ask(20)  # allocators and caches settle
            yield day
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_two_hundred_questions_hold_no_more_files_threads_or_memory_than_the_first_ones(day):
    held, rss, askers = day.held(), day.rss(), len(day.desk.askers)
    day.ask(QUESTIONS)
    assert day.held() == held
    assert day.rss() - rss < 10  # MiB; 50 KiB for each question would be seen
    assert len(day.desk.askers) == askers  # the one connection that was open


def test_answers_that_fail_hold_nothing_either(day):
    """A broken connection is closed, and the next question has a new one."""
    day.ask()
    held = day.held()
    for _ in range(10):
        day.desk.portal.says("Cut ", "here").breaks_after(1)
        assert day.kernel.run("%%qwen\nhello").status == "error"
    day.ask()
    assert day.held() == held


def test_loading_again_and_again_holds_one_of_everything(day):
    day.ask()
    held = day.held()
    for _ in range(10):
        day.kernel.run("%reload_ext openclaw_ipython")
        day.ask()
    assert day.held() == held


FORK = """
import os
ends = os.pipe()
child = os.fork()
if child == 0:
    try:
        os.close(ends[0])
        get_ipython().run_line_magic("config", "OpenClaw.renderer = 'silent'")
        get_ipython().run_cell_magic("qwen", "", "from the child")
        os.write(ends[1], str(_qwen).encode())
    finally:
        os._exit(0)
os.close(ends[1])
said = b""
while more := os.read(ends[0], 4096):
    said += more
os.close(ends[0])
os.waitpid(child, 0);
"""


@forks
def test_a_forked_child_asks_on_a_connection_of_its_own_and_the_parent_goes_on(day):
    day.ask()
    held, askers = day.held(), len(day.desk.askers)
    cell = day.kernel.run(FORK)
    assert cell.status == "ok", cell
    assert "not a model" in day.kernel.value("said.decode()")
    assert len(day.desk.askers) == askers + 1
    day.ask(3)
    assert len(day.desk.askers) == askers + 1  # the parent's connection is still the one it had
    assert day.held() == held


@forks
def test_a_pool_of_forked_workers_asks_and_leaves_the_parent_as_it_was(day):
    """`multiprocessing` by fork, as data people use it: every worker has its own loop and connection."""
    day.ask()
    held = day.held()
    cell = day.kernel.run(POOL)
    assert cell.status == "ok", cell
    answers = day.kernel.value("answers")
    assert len(answers) == 4
    assert all("not a model" in answer for answer in answers)
    day.ask()
    assert day.held() == held


POOL = """
import multiprocessing

def ask(prompt):
    get_ipython().run_line_magic("config", "OpenClaw.renderer = 'silent'")
    get_ipython().run_cell_magic("qwen", "", prompt)
    return str(get_ipython().user_ns["_qwen"])

with multiprocessing.get_context("fork").Pool(2) as pool:
    answers = pool.map(ask, ["one", "two", "three", "four"])
    pool.close()
    pool.join()
del pool
import gc; gc.collect();
"""
