"""The steps of a flow over HTTP: the wait that a response asks for, and bodies that do not end."""

import asyncio

import httpx
import pytest
from raw_server import served

from openclaw_ipython.auth import flow_runner
from openclaw_ipython.auth.device_flow import FormReply, NoReply, Post
from openclaw_ipython.auth.flow_runner import post
from openclaw_ipython.net.http import HttpClient

DATE = "Mon, 30 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Mon, 30 Nov 2026 10:00:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Mon, 30 Nov 2026 10:00:30 GMT"}, None),
    ],
)
def test_the_wait_that_a_response_asks_for(headers, seconds):
    async def ask():
        transport = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers))
        async with HttpClient(transport) as http:
            return await post(Post("https://host.example/token", {}), http, "the service")

    reply = asyncio.run(ask())
    assert isinstance(reply, FormReply)
    assert reply.retry_after == seconds


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
    ids=["head", "body"],
)
def test_an_answer_that_trickles_ends_at_the_total_limit(monkeypatch, head):
    monkeypatch.setattr(flow_runner, "EXCHANGE_SECONDS", 0.3)

    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(b"x: y\r\n" if head.count(b"\r\n") == 1 else b"1\r\n \r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def ask():
        async with served(script) as server, HttpClient() as http:
            reply = await post(Post(server.url, {}), http, "the service")
            await server.closed.wait()
            return reply

    reply = asyncio.run(asyncio.wait_for(ask(), 20))
    assert isinstance(reply, NoReply)
    assert "the service" in str(reply.error)
