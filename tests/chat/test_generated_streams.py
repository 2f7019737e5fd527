"""Ten thousand answers made at random through a whole exchange: half of them valid, the others damaged.

A number names a stream, and the failing one is arrived. More of them: GENERATED_STREAMS=1000000 pytest <this file>.
"""

import asyncio
import gzip
import os
import random
from contextlib import aclosing

import httpx
import pytest
from streams import DAMAGES, damaged, read_plainly, split, whole

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.stream import ChatEndpoint, stream_chat
from openclaw_ipython.chat.types import ChatRequest, Message
from openclaw_ipython.errors import LoginRequired, OpenClawError, ProtocolError, ServiceError, StreamBroken
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

COUNT = int(os.environ.get("GENERATED_STREAMS", "10000"))
BLOCKS = 20
REQUEST = ChatRequest("some-model", (Message("user", "hello"),))


class Service(httpx.AsyncBaseTransport):
    """Answers every request with the body that was put into `pieces`; an error among them breaks the line."""

    def __init__(self):
        self.pieces = []
        self.headers = {}

    async def handle_async_request(self, request):
        async def body():
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        return httpx.Response(200, headers=self.headers, content=body())


class Line:
    """Exchanges with a `Service` by one client, without a wait and without a clock."""

    def __init__(self, http, service):
        self.service = service
        self.endpoint = ChatEndpoint(
            http=http,
            url="https://service.invalid/v1/chat/completions",
            name="the service",
            auth=BearerAuth(FixedToken(Secret("made-up-token-0001"))),
            runtime=Runtime({}, lambda: 0.0, lambda: 0.0, lambda _: asyncio.sleep(0), lambda: 0.0),
        )

    async def ask(self, pieces, **headers):
        """What came of it: the reply so far, and the error, if one ended it."""
        self.service.pieces = pieces
        self.service.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        collector = Collector("service/some-model", 0.0)
        try:
            async with aclosing(stream_chat(self.endpoint, REQUEST)) as events:
                async for event in events:
                    collector.add(event, 0.0)
        except OpenClawError as error:
            return collector.reply(0.0), error
        return collector.reply(0.0), None


def block(check, number):
    """`check(line, rng, seed)` for the streams of one block, every other one of all."""

    async def run():
        service = Service()
        async with HttpClient(service) as http:
            line = Line(http, service)
            for seed in range(number, COUNT // 2, BLOCKS):
                try:
                    await asyncio.wait_for(check(line, random.Random(seed), seed), 30)
                except Exception as error:
                    error.add_note(f"stream {seed}")
                    raise

    asyncio.run(run())


KINDS = [
    "text/event-stream",
    "text/event-stream; charset=latin-1",
    "text/plain",
    "application/octet-stream",
    "",
]


async def a_valid_one(line, rng, _):
    made = whole(rng)
    raw, headers = made.raw, {"content_type": rng.choice(KINDS)}
    if rng.random() < 0.1:
        raw, headers["content_encoding"] = gzip.compress(raw, 1), "gzip"
    pieces = split(rng, raw)
    if rng.random() < 0.05:
        pieces.append(httpx.ReadError("cut after the end"))
    reply, error = await line.ask(pieces, **headers)
    assert error is None
    assert str(reply) == made.text
    assert reply.reasoning == made.reasoning
    assert reply.finish_reason == made.finish
    assert [[c.id, c.name, c.arguments] for c in reply.tool_calls] == list(made.calls.values())
    assert (reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens)) == made.usage


@pytest.mark.parametrize("number", range(BLOCKS))
def test_a_valid_stream_is_read_whole_however_it_is_written_and_cut(number):
    block(a_valid_one, number)


BREAKS = [None, httpx.ReadError(""), httpx.ReadTimeout(""), httpx.RemoteProtocolError("peer closed")]


async def a_damaged_one(line, rng, seed):
    made, other = whole(rng), whole(rng)
    damage = DAMAGES[seed % len(DAMAGES)]
    raw = damaged(rng, damage, made, other)
    broken = rng.choice(BREAKS) if damage == "cut" else None
    pieces = [*split(rng, raw), *([broken] if broken else [])]
    reply, error = await line.ask(pieces, content_type=rng.choice(KINDS))
    if damage == "cut":
        assert made.text.startswith(reply)
    assert read_plainly(raw).startswith(reply)
    if error is None:
        assert reply.finish_reason != "ended early"
        assert str(reply) == read_plainly(raw)
    else:
        assert isinstance(error, ServiceError | LoginRequired)
        assert 0 < len(str(error).encode()) < 1000
        assert damage != "cut" or isinstance(error, StreamBroken | ProtocolError)


@pytest.mark.parametrize("number", range(BLOCKS))
def test_a_damaged_stream_gives_a_prefix_of_what_is_there_and_an_error_of_ours(number):
    block(a_damaged_one, number)


async def a_mislabelled_one(line, rng, _):
    made = whole(rng)
    kind = rng.choice(["text/html", "application/json", "application/problem+json", "application/xhtml+xml"])
    reply, error = await line.ask(split(rng, made.raw), content_type=kind)
    assert error is None
    assert (str(reply), reply.finish_reason) == (made.text, made.finish)


@pytest.mark.parametrize("number", range(0, BLOCKS, 5))
def test_a_stream_that_is_said_to_be_something_else_is_read_all_the_same(number):
    block(a_mislabelled_one, number)
