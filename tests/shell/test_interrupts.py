"""An interrupt in every phase of a cell: it ends, the other side sees the connection close, nothing is left behind.

How fast a cell ends is measured by hand and written in docs/reliability.md; here is only what must be true
on a machine of any speed.
"""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

LEFT = """
import asyncio, threading, os as _os
def _left():
    session = get_ipython()._openclaw_ipython.session
    loop = session.loop_thread.loop()
    async def tasks():
        here = asyncio.current_task()
        for _ in range(200):
            running = [t for t in asyncio.all_tasks() if t is not here]
            if not running:
                return []
            await asyncio.sleep(0.01)
        return [repr(t) for t in running]
    running = asyncio.run_coroutine_threadsafe(tasks(), loop).result(10)
    threads = [t.name for t in threading.enumerate() if t.name == "openclaw"]  # others start their own
    sockets = [str(c.raddr) for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == _port]
    locks = [n for _, _, names in _os.walk(_os.environ["OPENCLAW_HOME"]) for n in names if n.endswith(".lock")]
    return running, threads, sockets, locks
import psutil
"""


class Watched:
    """A notebook with a look at what is left after a cell: tasks, threads, sockets to `port`, lock files."""

    def __init__(self, notebook):
        self.notebook = notebook
        self.port = int(notebook.origin.rpartition(":")[2])
        assert not notebook.run(LEFT).ename
        notebook.run("%qwen warm up")  # the loop and its thread are there from now on

    def left(self):
        self.notebook.run(f"_port = {self.port}")
        return self.notebook.value("_left()")

    def interrupted(self, code, when):
        """Run `code`, interrupt it once `when(cell)`; the cell."""
        fired = []

        def during(cell):
            if not fired and when(cell):
                fired.append(True)
                self.notebook.kernel.interrupt()

        cell = self.notebook.run(code, during=during)
        assert fired, cell
        return cell

    def assert_clean(self, cell, ename="KeyboardInterrupt"):
        assert cell.status == "error"
        assert cell.ename == ename
        assert len(cell.traceback) <= 200
        running, threads, sockets, locks = self.left()
        assert running == []
        assert threads == ["openclaw"]
        assert locks == []
        assert len(sockets) <= 1  # a connection at rest may be kept for the next question

    def assert_goes_on(self):
        cell = self.notebook.run("%%qwen\nagain")
        assert not cell.ename, cell.traceback
        assert "not a model" in cell.text


@pytest.fixture
def watched(signed_in):
    return Watched(signed_in)


@contextmanager
def listening():
    """A port of this machine where connections are taken and no answer is ever sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken, ended = threading.Event(), threading.Event()

        def take():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                taken.set()
                connection.settimeout(30)
                try:
                    while connection.recv(65536):
                        pass
                except OSError:
                    return
                ended.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}/v1", taken, ended
    thread.join(10)


def name_a_service(notebook, url):
    config = notebook.config()
    entry = {
        "baseUrl": url,
        "api": "openai-completions",
        "apiKey": "made-up-key",
        "models": [{"id": "some-model"}],
    }
    config["models"]["providers"]["mine"] = entry
    (notebook.state / "openclaw.json").write_text(json.dumps(config))


def test_in_connect(watched):
    with listening() as (url, taken, ended):
        name_a_service(watched.notebook, url)
        cell = watched.interrupted("%%qwen mine/some-model\nhi", lambda _: taken.is_set())
        assert ended.wait(10)
    watched.assert_clean(cell)
    assert cell.text.strip() == ""
    watched.assert_goes_on()


def test_in_the_wait_for_the_answer(watched):
    portal, asked = watched.notebook.portal, len(watched.notebook.chats())
    portal.takes(60)
    cell = watched.interrupted("%%qwen\nhi", lambda _: len(watched.notebook.chats()) > asked)
    assert portal.wait_for_disconnect()
    portal.takes(0)
    watched.assert_clean(cell)
    assert cell.text.strip() == ""
    watched.assert_goes_on()


def test_in_the_stream(watched):
    portal = watched.notebook.portal
    portal.says("one ", "two ").stalls_after(2)
    cell = watched.interrupted("%%qwen -o got\nhi", lambda cell: "two" in cell.text)
    assert portal.wait_for_disconnect()
    watched.assert_clean(cell)
    assert "one two" in cell.text
    assert "interrupted" in cell.text
    assert watched.notebook.value("(str(got), got.finish_reason, _qwen is got)") == (
        "one two ",
        "interrupted",
        True,
    )
    watched.assert_goes_on()


def test_in_the_thinking(watched):
    portal = watched.notebook.portal
    portal.says("never", reasoning=("Let me ", "see")).stalls_after(2)
    cell = watched.interrupted("%%qwen\nhi", lambda cell: "thinking" in cell.text)
    assert portal.wait_for_disconnect()
    watched.assert_clean(cell)
    assert "interrupted" in cell.text
    assert watched.notebook.value("(str(_qwen), _qwen.reasoning)")[0] == ""
    watched.assert_goes_on()


HANGING = """
import time
_publisher, _hung = get_ipython().display_pub, []
_publish = _publisher.publish
def _slow(*args, **named):
    if not _hung:
        _hung.append(1)
        print("painting", flush=True)
        time.sleep(60)
    return _publish(*args, **named)
_publisher.publish = _slow
"""


def test_in_the_middle_of_painting(watched):
    portal = watched.notebook.portal
    watched.notebook.run(HANGING)
    portal.says("one ", "two ").stalls_after(2)
    cell = watched.interrupted("%%qwen\nhi", lambda cell: "painting" in cell.stdout)
    assert portal.wait_for_disconnect()
    watched.notebook.run("del _publisher.publish")
    watched.assert_clean(cell)
    assert "one" in cell.text
    assert "interrupted" in cell.text
    assert watched.notebook.value("_qwen.finish_reason") == "interrupted"
    watched.assert_goes_on()


def test_while_a_long_answer_is_painted(watched):
    portal = watched.notebook.portal
    paragraph = "Some *words* of `code`, and a [link](https://example.org/).\n\n"
    portal.says(*[paragraph * 200] * 200).stalls_after(200)
    cell = watched.interrupted("%%qwen\nhi", lambda cell: cell.messages > 10)
    assert portal.wait_for_disconnect()
    watched.assert_clean(cell)
    assert "interrupted" in cell.text
    assert watched.notebook.value("_qwen.startswith('Some *words*')")
    watched.assert_goes_on()


def test_in_the_pause_before_a_retry(watched):
    portal, asked = watched.notebook.portal, len(watched.notebook.chats())
    portal.fails_next("chat", 503, {"error": {"message": "busy"}}, {"retry-after": "50"})
    cell = watched.interrupted("%%qwen\nhi", lambda cell: "trying again · 49 s" in cell.text)
    watched.assert_clean(cell)
    assert "trying again" not in cell.text  # the countdown does not stay
    assert len(watched.notebook.chats()) == asked + 1
    watched.assert_goes_on()


def test_in_the_wait_for_a_pending_sign_in(notebook):
    notebook.run("%openclaw login")
    fired = []

    def during(cell):
        if not fired and "waiting for the sign-in" in cell.text:
            fired.append(notebook.kernel.interrupt())

    cell = notebook.run("%%qwen\nhi", during=during)
    assert (cell.ename, cell.text.strip()) == ("KeyboardInterrupt", "")
    assert len(cell.traceback) <= 200
    assert notebook.value("get_ipython()._openclaw_ipython.session.pending is not None")  # it goes on
    code = [r for r in notebook.portal.requests if r.path.endswith("/device/code")]
    assert len(code) == 1
    notebook.portal.approve_after(0)
    assert notebook.kernel.settle(lambda: "Signed in" in str(notebook.kernel.displays), 15)
    Watched(notebook).assert_goes_on()


def test_in_a_sign_in_that_is_waited_for(notebook):
    before = notebook.files()
    fired = []

    def during(cell):
        if not fired and "user_code" in cell.text:
            fired.append(notebook.kernel.interrupt())

    cell = notebook.run("%openclaw login --wait", during=during)
    assert cell.ename == "LoginCancelled"
    assert len(cell.traceback.splitlines()) <= 2
    assert notebook.files() == before
    assert notebook.value("get_ipython()._openclaw_ipython.session.pending") is None


def test_in_a_command_that_asks_a_service(watched):
    portal, asked = watched.notebook.portal, len(watched.notebook.portal.requests)
    portal.fails_next("/models", 503, {"error": {"message": "busy"}}, {"retry-after": "50"}, times=None)
    with listening() as (url, taken, ended):
        name_a_service(watched.notebook, url)
        cell = watched.interrupted(
            "%openclaw models list --refresh --provider mine", lambda _: taken.is_set()
        )
        assert ended.wait(10)
    assert asked <= len(portal.requests)
    watched.assert_clean(cell)
    watched.assert_goes_on()


def test_a_refusal_names_the_request_for_whoever_asks_the_service(signed_in):
    signed_in.portal.fails_next(
        "chat", 400, {"error": {"message": "no", "code": "bad"}, "request_id": "req-0077"}
    )
    cell = signed_in.run("%%qwen\nhi")
    assert cell.ename == "RequestRejected"
    assert "req-0077" in cell.traceback.splitlines()[0]
