"""An answer that is an error event, complete in one packet, beside good ones on the same connections.

Against a server on a socket, on each kind of event loop, through each door.
"""

import asyncio
import json
from concurrent.futures import Future
from functools import partial
from threading import Thread

import pytest
from raw_server import always, served

from openclaw_ipython.batch.mapping import map_items
from openclaw_ipython.client import Client
from openclaw_ipython.errors import ServiceError
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime

MANY = 100


def _whole(kind, text):
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(text), text)


def answer(body):
    """An error event for a question with `bad` in it, `good` for others."""
    request = json.loads(body)
    if "bad" in str(request["messages"]) or request["model"] == "broken":
        event = {"error": {"message": "upstream overloaded", "code": 502}}
        return _whole(b"text/event-stream", b"data: " + json.dumps(event).encode() + b"\n\n")
    choice = {
        "index": 0,
        "message": {"content": "good"},
        "delta": {"content": "good"},
        "finish_reason": "stop",
    }
    text = json.dumps({"choices": [choice]}).encode()
    if not request["stream"]:
        return _whole(b"application/json", text)
    return _whole(b"text/event-stream", b"data: " + text + b"\n\ndata: [DONE]\n\n")


@pytest.fixture
def server():
    """Serves in a thread, since clients have loops of their own; its address, and the bodies that arrived."""
    seen, ready = [], Future()

    async def serve():
        end = asyncio.Event()
        async with served(always(lambda body: seen.append(body) or answer(body))) as one:
            ready.set_result((one.url, asyncio.get_running_loop(), end))
            await end.wait()

    thread = Thread(target=asyncio.Runner(loop_factory=asyncio.SelectorEventLoop).run, args=(serve(),))
    thread.start()
    url, loop, end = ready.result(20)
    yield url, seen
    loop.call_soon_threadsafe(end.set)
    thread.join(20)


@pytest.fixture
def client(house, server):
    url, _ = server
    entry = {"baseUrl": f"{url}v1", "models": [{"id": "m", "name": "m"}, {"id": "broken", "name": "broken"}]}
    model = {"primary": "mine/broken", "fallbacks": ["mine/m"]}
    house.write_config({"models": {"providers": {"mine": entry}}, "agents": {"defaults": {"model": model}}})
    runtime = Runtime({})
    return lambda: Client(store=Store(house.home, runtime), runtime=runtime)


@pytest.fixture(params=["asyncio", "uvloop", "uvloop as policy"])
def run(request):
    if request.param == "asyncio":
        return asyncio.run
    uvloop = pytest.importorskip("uvloop")
    if request.param == "uvloop":
        return partial(_run_on, uvloop.new_event_loop)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    request.addfinalizer(lambda: asyncio.set_event_loop_policy(None))
    return asyncio.run


def _run_on(factory, scenario):
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(scenario)


async def _outcome(one, prompt):
    try:
        return str(await one.ask(prompt, model="mine/m"))
    except ServiceError as error:
        return "error" if "overloaded" in str(error) else f"broken: {error}"


@pytest.mark.parametrize("at_once", [False, True], ids=["one after another", "at once"])
def test_good_questions_beside_bad_ones_are_answered_and_sent_once(run, client, server, at_once):
    prompts = ["bad", "fine"] * MANY

    async def ask():
        async with client() as one:
            if at_once:
                return await asyncio.gather(*(_outcome(one, prompt) for prompt in prompts))
            return [await _outcome(one, prompt) for prompt in prompts]

    assert run(ask()) == ["error", "good"] * MANY
    good = [body for body in server[1] if b"fine" in body]
    assert len(good) == MANY


def test_rows_beside_bad_ones_are_answered(run, client):
    rows = ["bad" if number % 10 == 0 else f"row {number}" for number in range(MANY)]
    results = map_items(rows, model="mine/m", client=client(), progress=False, table=False, concurrency=16)
    assert [str(value) == "good" for value in results] == [row != "bad" for row in rows]


def test_a_fallback_answers_after_an_error_event(run, client):
    async def ask():
        async with client() as one:
            return [str(await one.ask(f"question {number}")) for number in range(MANY)]

    assert run(ask()) == ["good"] * MANY
