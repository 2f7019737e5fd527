"""An interrupt between any two steps of the cell's thread: nothing goes on behind the cell, and the next one works."""

import asyncio
import threading
from pathlib import Path

import pytest
from interrupts import Interrupting
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import openclaw_ipython
from openclaw_ipython.runtime.event_loop import LoopThread

pytestmark = pytest.mark.slow

PACKAGE = Path(openclaw_ipython.__file__).parent


async def running() -> int:
    """How many tasks there are besides this one, after those that are ending have ended."""
    for _ in range(1000):
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        if not others:
            return 0
        await asyncio.sleep(0.001)
    return len(others)


async def endless(log):
    log.append("open")
    try:
        while True:
            yield 1
            await asyncio.sleep(0)
    finally:
        log.append("closed")


def a_stream(loop_thread, log):
    with loop_thread.batches(lambda: endless(log), 0.0) as batches:
        for count, _ in enumerate(batches):
            if count == 2:
                break


def a_result(loop_thread, log):
    async def work():
        log.append("open")
        try:
            await asyncio.sleep(0)
        finally:
            log.append("closed")

    loop_thread.run(work())


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # an interrupt while a loop is left
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # one that was never begun says so
@pytest.mark.parametrize("act", [a_stream, a_result])
@pytest.mark.parametrize("first_use", [True, False])
def test_an_interrupt_at_any_step_of_the_wait_ends_the_work_and_leaves_it_usable(act, first_use):
    interrupted = 0
    for at in range(1, 2000):
        loop_thread, log = LoopThread(), []
        if not first_use:
            assert loop_thread.run(running()) == 0
        interrupt = Interrupting(at, [PACKAGE / "runtime" / "event_loop.py"])
        try:
            interrupt(lambda: act(loop_thread, log))  # noqa: B023 - called at once
        except KeyboardInterrupt:
            interrupted += 1
        assert loop_thread.run(running()) == 0, interrupt.place
        assert log.count("open") == log.count("closed"), interrupt.place
        loop_thread.close()
        if not interrupt.fired:
            break
    assert interrupted > 15
    assert [t for t in threading.enumerate() if t.name == "openclaw"] == []


# -- a whole question --------------------------------------------------------------------------

PIECES = ("one ", "**two** ", "three\n\n", "- four\n", "- five\n\n", "six")
ANSWER = "".join(PIECES)


@pytest.fixture
def shell(house, monkeypatch, tmp_path):
    """A shell in this process, signed in to a portal over sockets, which shows Markdown and keeps what it shows."""
    monkeypatch.setenv("OPENCLAW_HOME", str(house.home.user_home))
    asyncio.run(house.login(set_default=True))
    config = Config(HistoryManager={"enabled": False}, OpenClaw={"renderer": "markdown"})
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.display_pub = CapturingDisplayPublisher(parent=shell)
    with house.portal.serve() as origin:
        path = house.home.config_path
        path.write_text(path.read_text().replace("http://127.0.0.1:8642", origin))
        monkeypatch.setenv("OPENCLAW_IPYTHON_OAUTH_ORIGIN", origin)
        shell.run_line_magic("load_ext", "openclaw_ipython")
        house.portal.says(*PIECES)
        shell.run_line_magic("qwen", "the first question makes everything there is")
        yield shell
        shell.run_line_magic("unload_ext", "openclaw_ipython")
    InteractiveShell.clear_instance()


def on_the_cells_thread():
    """The code between the magic, which makes an interrupt one line, and the network."""
    shell = [path for path in (PACKAGE / "shell").rglob("*.py") if path.name != "magics.py"]
    return [*shell, PACKAGE / "runtime" / "event_loop.py", PACKAGE / "chat" / "collect.py"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_an_interrupt_at_any_step_of_a_question_ends_it_and_the_next_one_is_answered(shell, house):
    portal, files = house.portal, on_the_cells_thread()
    loop_thread = shell._openclaw_ipython.session.loop_thread
    outcomes = set()
    for at in range(1, 20_000):
        portal._replies.clear()
        portal.says(*PIECES)
        shell.user_ns.pop("_qwen", None)
        shell.display_pub.outputs.clear()
        interrupt = Interrupting(at, files)
        try:
            interrupt(lambda: shell.run_cell_magic("qwen", "", "hi"))
            outcomes.add("answered")
        except KeyboardInterrupt as error:
            assert error._render_traceback_() == ["interrupted"], interrupt.place
            outcomes.add("interrupted")
        assert loop_thread.run(running()) == 0, interrupt.place
        reply = shell.user_ns.get("_qwen", "")
        assert ANSWER.startswith(reply), interrupt.place
        if reply and reply.finish_reason == "interrupted":
            assert "interrupted" in repr(shell.display_pub.outputs), interrupt.place
        if not interrupt.fired:
            break
    portal._replies.clear()
    portal.says(*PIECES)
    shell.run_cell_magic("qwen", "", "hi")
    assert shell.user_ns["_qwen"] == ANSWER
    assert outcomes == {"answered", "interrupted"}
    assert len([t for t in threading.enumerate() if t.name == "openclaw"]) == 1
