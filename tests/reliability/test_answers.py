"""Answers that are too much, too slow or too hostile, and readers that are: what a whole exchange does with them."""

import asyncio
import gzip
import threading
import tracemalloc
from contextlib import asynccontextmanager

import httpx
import pytest

from openclaw_ipython.auth.bearer import BearerAuth
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.http_errors import ErrorDetails, error_for
from openclaw_ipython.chat.types import Reply, TextDelta
from openclaw_ipython.errors import LoginRequired, ProtocolError
from openclaw_ipython.net.http import BODY_LIMIT, HttpClient, discard
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer

# -- a refused login ---------------------------------------------------------------------------


class Twice:
    """A source with a second token."""

    async def current(self):
        return Secret("the-first-token-0001")

    async def renewed(self, rejected):
        return Secret("the-second-token-0002")


class Body(httpx.AsyncByteStream):
    """Pieces for ever; how many were taken, and whether it was closed."""

    def __init__(self, piece, wait=0.0):
        self.piece, self.wait = piece, wait
        self.taken, self.closed = 0, False

    async def __aiter__(self):
        while True:
            await asyncio.sleep(self.wait)
            self.taken += 1
            yield self.piece

    async def aclose(self):
        self.closed = True


def renewed_over(body, **headers):
    """Ask once where the first token is answered 401 with `body`; the last response."""

    def handle(request):
        if "first" in request.headers["authorization"]:
            return httpx.Response(401, stream=body, headers=headers)
        return httpx.Response(200, text="welcome")

    async def ask():
        async with HttpClient(httpx.MockTransport(handle)) as http:
            response = await http.send("GET", "https://service.invalid/", auth=BearerAuth(Twice()))
            await response.aread()
            return response

    return asyncio.run(ask())


def test_a_refusal_without_end_is_not_read_to_its_end():
    body = Body(b"x" * 1000)
    assert renewed_over(body).text == "welcome"
    assert body.taken * 1000 <= BODY_LIMIT + 1000
    assert body.closed


def test_a_packed_refusal_is_not_unpacked():
    bomb = gzip.compress(bytes(100_000_000), 9)
    tracemalloc.start()
    try:
        assert renewed_over(Body(bomb), content_encoding="gzip").text == "welcome"
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_refusal_that_trickles_is_not_waited_for():
    body = Body(b"x", wait=3600)
    asyncio.run(discard(httpx.Response(401, stream=body), within=0.01))
    assert body.closed


def test_after_a_short_refusal_the_connection_is_used_again(house):
    async def ask(origin):
        house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"] = origin
        house.portal.interval(1, enforced=0)
        async with house.over_sockets() as client:
            await house.login(client)
            house.portal.expires_tokens()
            return await client.ask("hi")

    house.over_sockets = lambda: over_sockets(house)
    with house.portal.serve() as origin:
        assert asyncio.run(ask(origin))
    assert house.portal.disconnects == ()


@asynccontextmanager
async def over_sockets(house):
    from openclaw_ipython.client import Client, Runtime
    from openclaw_ipython.openclaw.store import Store

    runtime = Runtime(house.environ, house.clock, house.clock, house.clock.sleep, lambda: 0.0)
    async with Client(
        store=Store(house.home, Runtime(house.environ, clock=house.clock)), runtime=runtime
    ) as client:
        yield client


def test_a_refused_login_says_what_to_quote_when_asking_the_service():
    error = error_for(401, ErrorDetails("no such key", "invalid_api_key", "req-77"))
    assert isinstance(error, LoginRequired)
    assert (error.status, error.code, error.request_id) == (401, "invalid_api_key", "req-77")


# -- connections -------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["", "http://proxy.invalid:8080"], ids=["without a proxy", "with a proxy"])
def test_an_interrupt_during_the_tls_handshake_closes_the_connection(monkeypatch, proxy):
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)

    async def interrupted():
        greeted, ended = asyncio.Event(), asyncio.Event()

        async def silent(reader, writer):
            await reader.read(1)
            greeted.set()
            while await reader.read(65536):
                pass
            ended.set()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with server, HttpClient() as http:
            port = server.sockets[0].getsockname()[1]
            task = asyncio.create_task(http.send("GET", f"https://127.0.0.1:{port}/"))
            await asyncio.wait_for(greeted.wait(), 10)
            task.cancel()
            await asyncio.wait_for(ended.wait(), 10)
            return (await asyncio.gather(task, return_exceptions=True))[0]

    assert isinstance(asyncio.run(interrupted()), asyncio.CancelledError)


# -- too much ----------------------------------------------------------------------------------


def test_a_packed_stream_without_end_does_not_fill_the_memory(house):
    """A hundred megabytes of one line in a hundred kilobytes: read up to the limit of an event, then refused."""
    asyncio.run(house.login())
    bomb = gzip.compress(b"data: " + bytes(100_000_000), 9)

    def handle(request):
        headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
        return httpx.Response(200, headers=headers, content=pieces(bomb))

    async def ask():
        client = house.another()
        client._transport = httpx.MockTransport(handle)
        return await client.ask("hi")

    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="more than"):
            asyncio.run(ask())
        assert tracemalloc.get_traced_memory()[1] < 60_000_000  # the limit is 16 MiB, and growing copies it
    finally:
        tracemalloc.stop()


async def pieces(raw):
    for at in range(0, len(raw), 16_384):
        yield raw[at : at + 16_384]


# -- slow readers, many askers -----------------------------------------------------------------


class StuckOnce:
    """A surface whose first output takes until `over`."""

    def __init__(self, over):
        self.over = over
        self.outputs = []
        self.messages = 0

    def show(self, bundle):
        self.messages += 1
        if not self.outputs:
            assert self.over.wait(30)
        self.outputs.append(dict(bundle))
        return Output(self, len(self.outputs) - 1)

    def write(self, text):
        raise AssertionError("a notebook gets outputs")


class Output:
    def __init__(self, surface, at):
        self.surface, self.at = surface, at

    def update(self, bundle):
        self.surface.messages += 1
        self.surface.outputs[self.at] = dict(bundle)


def test_a_display_that_is_stuck_does_not_hold_the_stream_and_misses_nothing():
    over = threading.Event()

    async def stream():
        for count in range(10_000):
            yield TextDelta(f"{count} ")
        over.set()

    loop_thread, surface = LoopThread(), StuckOnce(over)
    renderer, collector = MarkdownRenderer(surface, lambda: 0.0), Collector("m", 0.0)
    renderer.start("m")
    with loop_thread.batches(stream, 0.0) as batches:
        for batch in batches:
            for event in batch:
                collector.add(event, 0.0)
            renderer.update(batch)
    renderer.finish(collector.reply(0.0, "stop"))
    loop_thread.close()
    shown = " ".join(output["text/plain"] for output in surface.outputs)
    assert [word for word in shown.split() if word.isdigit()][:10_000] == [str(n) for n in range(10_000)]
    assert surface.messages < 40


def test_an_interrupted_answer_that_was_not_shown_yet_is_not_painted_piece_by_piece():
    text = "Some *words* of `code`, and a [link](https://example.org/).\n\n" * 5_000
    over = threading.Event()
    over.set()
    surface = StuckOnce(over)
    renderer = MarkdownRenderer(surface, lambda: 0.0)
    renderer.start("m")
    renderer.finish(Reply(text, finish_reason="interrupted"))
    shown, footer = surface.outputs
    assert shown["text/plain"] == text.strip("\n")
    assert shown["text/markdown"].startswith("<pre")
    assert "interrupted" in footer["text/plain"]


def test_many_threads_ask_by_one_client_at_the_same_time(house):
    asyncio.run(house.login())
    client, loop_thread, answers = house.another(), LoopThread(), []

    def ask(number):
        for turn in range(5):
            said = loop_thread.run(client.ask(f"thread {number}, turn {turn}"))
            answers.append((number, turn, str(said)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    loop_thread.run(client.aclose())
    assert len([thread for thread in threading.enumerate() if thread.name == "openclaw"]) == 1
    loop_thread.close()
    assert sorted((number, turn) for number, turn, _ in answers) == [
        (n, t) for n in range(16) for t in range(5)
    ]
    assert all(f"thread {number}, turn {turn}" in said for number, turn, said in answers)
