"""`oc.ask` from ordinary code: scripts, threads, forks, running loops. Real processes, the practice portal."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from scripted_portal import Portal
from signed_in import sign_in

import openclaw_ipython as oc
from openclaw_ipython.api import close
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store

PLACE = "a name of this module"


@dataclasses.dataclass
class Point:
    x: int
    name: str


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A portal, and the environment of a home that is signed in to it."""
    folder = tmp_path_factory.mktemp("home")
    portal = Portal()
    with portal.serve() as origin:
        environ = {"OPENCLAW_HOME": str(folder), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        asyncio.run(sign_in(environ, portal))
        yield portal, environ


@pytest.fixture
def client(served):
    """A client of that home; `oc.ask` uses it in its own loop."""
    _, environ = served
    yield Client(store=Store(locate(environ, None, Path.exists), Runtime(environ)), runtime=Runtime(environ))
    close()


@pytest.fixture
def portal(served):
    return served[0]


def started(served, code: str) -> subprocess.Popen:
    """A script that runs in that home, with warnings as errors."""
    environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | served[1]
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> str:
    """What it printed; it has to end well."""
    with process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, ""), err
    return out


def script(served, code: str) -> str:
    return ended(started(served, code))


def questions(portal) -> list:
    return [r for r in portal.requests if r.path.endswith("/chat/completions")]


def last_body(portal) -> dict:
    return questions(portal)[-1].json()


# -- the prompt ----------------------------------------------------------------------------


def test_the_whole_answer_is_returned_and_nothing_is_shown(client, capfd):
    reply = oc.ask("hello", client=client)
    assert isinstance(reply, oc.Reply)
    assert "not a model" in reply
    assert reply.finish_reason == "stop"
    assert capfd.readouterr() == ("", "")


def test_names_of_the_caller_are_replaced_and_other_braces_stay(client, portal):
    here = {"key": [1, 2]}  # noqa: F841
    oc.ask('{here["key"][1]} {PLACE} {nowhere} {"json": 1} {} {here.__class__}', client=client)
    content = last_body(portal)["messages"][-1]["content"]
    assert content == '2 a name of this module {nowhere} {"json": 1} {} {here.__class__}'
    oc.ask("{PLACE}", client=client, raw=True)
    assert last_body(portal)["messages"][-1]["content"] == "{PLACE}"


def test_names_around_a_comprehension_are_those_of_the_caller_too(client, portal):
    table = "the table"  # noqa: F841
    portal.says("1").says("2")
    [oc.ask("{table}: {note}", client=client) for note in ("a", "b")]
    assert [request.json()["messages"][-1]["content"] for request in questions(portal)[-2:]] == [
        "the table: a",
        "the table: b",
    ]


def test_inserted_text_is_not_expanded(client, portal):
    text = "{PLACE}"  # noqa: F841
    oc.ask("{text}", client=client)
    assert last_body(portal)["messages"][-1]["content"] == "{PLACE}"


def test_messages_are_sent_as_they_are(client, portal):
    oc.ask(
        [oc.Message("user", "{PLACE}"), oc.Message("assistant", "b"), oc.Message("user", "c")], client=client
    )
    assert [m["content"] for m in last_body(portal)["messages"]] == ["{PLACE}", "b", "c"]


def test_options_reach_the_service(client, portal):
    oc.ask(
        "hi",
        client=client,
        model="qwen",
        system="be brief",
        temperature=0.5,
        top_p=0.9,
        max_tokens=9,
        extra={"seed": 1},
    )
    body = last_body(portal)
    assert body["messages"][0] == {"role": "system", "content": "be brief"}
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["seed"]) == (0.5, 0.9, 9, 1)


def test_images_are_sent_with_the_prompt(client, portal):
    from PIL import Image

    reply = oc.ask(
        "What is this?",
        images=[Image.new("RGB", (64, 48), "red")],
        model="qwen-portal/vision-model",
        client=client,
    )
    assert "64 × 48 pixels" in reply


def test_attachments_stand_before_the_prompt_under_their_names(client, portal, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("from a file")
    table = {"a": 1}
    oc.ask("Look at {table}", attach=[table, {"b": 2}, notes], client=client)
    content = last_body(portal)["messages"][-1]["content"]
    parts = ["table (dict", "value_2 (dict", "notes.txt (", "from a file", "Look at"]
    assert [content.index(part) for part in parts] == sorted(content.index(part) for part in parts)
    with pytest.raises(oc.UsageError, match="nor a file"):
        oc.ask("hi", attach=["lost.txt"], client=client)


# -- schemas and tools ---------------------------------------------------------------------


def test_an_answer_is_parsed(client):
    assert oc.ask('The point 3 called "p"', schema=Point, client=client).parsed == Point(3, "p")


def test_functions_run_on_this_thread_without_confirmation(client, portal):
    import threading

    where = []

    def look(a: int) -> int:
        where.append(threading.current_thread())
        return a

    reply = oc.ask("look 4", tools=[look], client=client)
    assert where == [threading.current_thread()]
    assert "`look` returned" in reply
    assert [call.name for call in reply.tool_calls] == ["look"]


def test_coroutines_run_without_a_loop_of_the_callers(client, portal):
    async def later(a: int) -> int:
        await asyncio.sleep(0)
        return a * 2

    oc.ask("later 4", tools=[later], client=client)
    assert last_body(portal)["messages"][-1]["content"] == "8"


# -- errors --------------------------------------------------------------------------------


def test_errors_are_the_typed_ones(client, portal):
    with pytest.raises(oc.ConfigError):
        oc.ask("hi", model="nobody/nothing", client=client)
    with pytest.raises(oc.UsageError):
        oc.ask("hi", schema=3, client=client)
    portal.fails_next("chat/completions", 400, {"error": {"message": "no such thing"}})
    with pytest.raises(oc.ServiceError, match="no such thing"):
        oc.ask("hi", client=client)


def test_an_answer_that_takes_too_long_is_an_error(client, portal):
    portal.says("a").stalls_after(1)
    with pytest.raises(oc.ServiceError, match=r"longer than 0\.2 s"):
        oc.ask("hi", client=client, timeout=0.2)
    assert "not a model" in oc.ask("hi", client=client)


# -- where it works ------------------------------------------------------------------------


def test_it_works_in_a_script_and_leaves_nothing_open(served):
    out = script(
        served,
        """
        import openclaw_ipython as oc

        def inner(this):
            return oc.ask("Explain {this}, {other}")

        other = "the other"
        print(inner("a thing").count("Explain a thing, the other"))
        """,
    )
    assert out == "1\n"


def test_it_works_inside_a_running_loop_and_in_threads(served):
    out = script(
        served,
        """
        import asyncio
        from concurrent.futures import ThreadPoolExecutor
        import openclaw_ipython as oc

        def one(number):
            return f"number {number}" in oc.ask("This is number {number}")

        async def main():
            lock = asyncio.Lock()

            async def later(a: int) -> int:
                async with lock:
                    await asyncio.sleep(0)
                return a

            print("not a model" in oc.ask("hi"))
            print("`later` returned" in oc.ask("later 3", tools=[later]))
            print(await asyncio.to_thread(one, 7))

        with ThreadPoolExecutor(8) as pool:
            print(all(pool.map(one, range(24))))
        asyncio.run(main())
        """,
    )
    assert out == "True\nTrue\nTrue\nTrue\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_it_works_after_a_fork(served):
    out = script(
        served,
        """
        import os, sys, warnings
        import openclaw_ipython as oc

        warnings.simplefilter("ignore")  # newer releases warn of forking with threads
        print("not a model" in oc.ask("hi"), flush=True)
        child = os.fork()
        if child == 0:
            print("not a model" in oc.ask("in the child"), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print("not a model" in oc.ask("in the parent"))
        """,
    )
    assert out == "True\nTrue\nTrue\n"


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_an_interrupt_ends_the_call_and_the_next_one_works(served):
    portal = served[0].says("a").stalls_after(1)
    before = len(questions(portal))
    process = started(
        served,
        """
        import openclaw_ipython as oc

        try:
            oc.ask("hi")
        except KeyboardInterrupt:
            print("interrupted")
        print("not a model" in oc.ask("hi"))
        """,
    )
    end = time.monotonic() + 30
    while len(questions(portal)) == before and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert ended(process) == "interrupted\nTrue\n"
