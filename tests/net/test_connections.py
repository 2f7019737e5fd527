"""Connections of the client, against servers that are written byte by byte: which are kept, which are closed."""

import asyncio
import gc
import re
import socket
import ssl
from contextlib import aclosing
from functools import partial

import httpx
import pytest
from raw_server import CHUNKED, OK, always, once, request, reset, served
from scripted_portal import Portal

from openclaw_ipython.net import http as client
from openclaw_ipython.net.http import REQUESTS_PER_CLIENT, HttpClient, body_pieces, undelivered
from openclaw_ipython.runtime.event_loop import LoopThread


@pytest.fixture(params=["asyncio", "uvloop", "uvloop as policy"])
def run(request):
    """Runs a coroutine function on each kind of event loop."""
    if request.param == "asyncio":
        return partial(_run_on, None)
    uvloop = pytest.importorskip("uvloop")
    if request.param == "uvloop":
        return partial(_run_on, uvloop.new_event_loop)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    request.addfinalizer(lambda: asyncio.set_event_loop_policy(None))
    return partial(_run_on, None)


def _run_on(factory, scenario):
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(scenario(), 20))


async def text(http, url, method="GET", **options):
    async with aclosing(await http.send(method, url, **options)) as response:
        return (await response.aread()).decode()


def clients(http):
    """The httpx clients behind a client, of the running loop."""
    return [one for some in http._clients[asyncio.get_running_loop()].values() for one in some]


# -- keeping ---------------------------------------------------------------------------------


def test_one_connection_serves_one_request_after_another(run):
    async def scenario():
        async with served(always(OK)) as server, HttpClient() as http:
            assert [await text(http, server.url) for _ in range(20)] == ["ok"] * 20
            assert server.opened == 1

    run(scenario)


def test_a_connection_that_is_silent_for_long_is_kept_alive(run):
    async def scenario():
        async with (
            served(always(OK)) as server,
            HttpClient() as http,
            aclosing(await http.send("GET", server.url)) as response,
        ):
            used = response.extensions["network_stream"].get_extra_info("socket")
            assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1

    run(scenario)


def test_many_requests_at_the_same_time_are_spread_over_clients_and_leave_connections_for_later(run):
    many = 4 * REQUESTS_PER_CLIENT

    async def scenario():
        async with served(always(OK)) as server, HttpClient() as http:
            for _ in range(3):
                assert await asyncio.gather(*(text(http, server.url) for _ in range(many))) == ["ok"] * many
            assert len(clients(http)) == 4
            assert [one.busy for one in clients(http)] == [0] * 4
            assert server.opened <= many
            for _ in range(5):
                await text(http, server.url)
            assert server.opened <= many

    run(scenario)


def test_a_place_is_given_back_however_a_request_ends(run):
    async def scenario():
        async with (
            served(once(CHUNKED, b"5\r\nhello\r\n", close=False)) as stalled,
            served(once()) as silent,
            HttpClient() as http,
        ):
            async with aclosing(await http.send("GET", stalled.url)):
                assert [one.busy for one in clients(http)] == [1]
            with pytest.raises(httpx.RemoteProtocolError):
                await http.send("GET", silent.url)
            with pytest.raises(httpx.LocalProtocolError):
                await http.send("GET", silent.url, headers={"authorization": "Bearer two\nlines"})
            asking = asyncio.create_task(text(http, stalled.url))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert [one.busy for one in clients(http)] == [0]

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
    ids=["close", "1.0"],
)
def test_a_connection_that_cannot_be_used_again_is_closed(run, answer):
    async def scenario():
        async with served(always(answer)) as server, HttpClient() as http:
            for _ in range(2):
                assert await text(http, server.url) == "ok"
            assert server.opened == 2

    run(scenario)


@pytest.mark.parametrize("goodbye", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"], ids=["closed", "408"])
def test_a_connection_that_the_server_ended_while_it_was_idle_costs_no_question(run, goodbye):
    async def scenario():
        ended = asyncio.Event()

        async def script(reader, writer):
            await request(reader)
            writer.write(OK)
            await writer.drain()
            await idle.wait()
            writer.write(goodbye)
            writer.close()
            await writer.wait_closed()
            ended.set()

        async with served(script) as server, HttpClient() as http:
            for opened in (1, 2, 3):
                idle = asyncio.Event()
                ended.clear()
                assert await text(http, server.url) == "ok"
                assert server.opened == opened
                idle.set()
                await ended.wait()

    run(scenario)


def test_a_connection_that_ends_under_a_request_is_an_undelivered_request(run):
    async def script(reader, writer):
        await request(reader)
        writer.write(OK)
        await request(reader)
        writer.close()

    async def scenario():
        async with served(script) as server, HttpClient() as http:
            assert await text(http, server.url) == "ok"
            with pytest.raises(httpx.HTTPError) as caught:
                await text(http, server.url)
            assert undelivered(caught.value)

    run(scenario)


def test_after_a_computer_has_slept_a_new_connection_is_opened(run):
    """Timers stand still meanwhile, and the other side may have gone without a word."""
    now = 0.0

    async def scenario():
        nonlocal now
        async with served(always(OK)) as server, HttpClient(wall=lambda: now) as http:
            for later, opened in ((0, 1), (49, 1), (49, 1), (51, 2)):
                now += later
                assert await text(http, server.url) == "ok"
                assert server.opened == opened

    run(scenario)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_connection_of_a_loop_that_is_over_is_neither_used_nor_kept():
    http = HttpClient()
    with Portal().serve() as url:
        for _ in range(3):
            assert "practice" in asyncio.run(text(http, url))
            assert len(http._clients) == 1
    asyncio.run(http.aclose())
    del http
    gc.collect()  # nothing can close a connection of a loop that is over: collected here, and not in another test


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_the_loop_of_another_thread_keeps_its_connections(kind, request):
    if kind == "uvloop":
        asyncio.set_event_loop_policy(pytest.importorskip("uvloop").EventLoopPolicy())
        request.addfinalizer(lambda: asyncio.set_event_loop_policy(None))
    thread, http = LoopThread(), HttpClient()

    async def ask_many(url):
        return await asyncio.gather(*(text(http, url) for _ in range(20)))

    with Portal().serve() as url:
        for _ in range(2):
            assert len(thread.run(ask_many(url))) == 20
        thread.run(http.aclose())
    thread.close()


def test_closing_the_client_closes_idle_connections(run):
    async def scenario():
        async with served(always(OK)) as server, HttpClient() as http:
            await text(http, server.url)
            await http.aclose()
            await server.closed.wait()

    run(scenario)


def test_a_body_that_is_not_read_to_its_end_closes_the_connection(run):
    async def scenario():
        async with served(once(CHUNKED, b"5\r\nhello\r\n", close=False)) as server, HttpClient() as http:
            async with (
                aclosing(await http.send("GET", server.url)) as response,
                aclosing(body_pieces(response)) as pieces,
            ):
                assert await anext(pieces) == b"hello"
            await server.closed.wait()

    run(scenario)


@pytest.mark.parametrize("stage", ["head", "body"])
def test_cancelling_closes_the_connection(run, stage):
    async def scenario():
        came = asyncio.Event()

        async def script(reader, writer):
            await request(reader)
            if stage == "body":
                writer.write(CHUNKED + b"5\r\nhello\r\n")
            else:
                came.set()

        async def ask():
            async with aclosing(await http.send("GET", server.url)) as response:
                async for _ in response.aiter_raw():
                    came.set()

        async with served(script) as server, HttpClient() as http:
            asking = asyncio.create_task(ask())
            await came.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await server.closed.wait()

    run(scenario)


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (once(), httpx.RemoteProtocolError, "disconnected"),
        (once(b"HTTP/1.1 200 OK\r\ncontent-le"), httpx.RemoteProtocolError, "disconnected"),
        (once(b"<html>\r\n\r\n"), httpx.RemoteProtocolError, "illegal status line"),
        (once(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), httpx.RemoteProtocolError, "too long"),
        (once(CHUNKED, b"5\r\nhel"), httpx.RemoteProtocolError, "incomplete"),
        (once(CHUNKED, b"zz\r\n"), httpx.RemoteProtocolError, "chunk"),
        (once(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"), httpx.RemoteProtocolError, "peer closed"),
        (reset, (httpx.ReadError, httpx.RemoteProtocolError), None),
        (once(close=False), httpx.ReadTimeout, None),
    ],
    ids=[
        "no answer", "half a head", "no HTTP", "an endless head", "half a chunk", "no chunk", "half a body",
        "reset", "silence",
    ],
)  # fmt: skip
def test_a_server_that_fails_is_an_http_error_and_its_connection_is_closed(run, script, error, message):
    async def scenario():
        async with served(script) as server, HttpClient() as http:
            with pytest.raises(error, match=message):
                await text(http, server.url, idle=0.2 if message is None else 10.0)
            await server.closed.wait()

    run(scenario)


def test_a_head_that_trickles_in_is_given_up(run):
    async def script(reader, writer):
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not writer.is_closing():
            writer.write(b"y")
            await asyncio.sleep(0.01)

    async def scenario():
        async with served(script) as server, HttpClient() as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.send("GET", server.url, idle=0.2)
            await server.closed.wait()

    run(scenario)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://portal.qwen.ai/v1", b"portal.qwen.ai"),
        ("https://portal.QWEN.ai:8443/", b"portal.qwen.ai"),
        # not fass.de, which is another host: what Python makes of the name for people
        ("https://xn--fa-hia.de/", b"xn--fa-hia.de"),
        ("https://fa\xdf.de/", b"xn--fa-hia.de"),
    ],
)
def test_the_host_that_the_address_names_is_the_one_that_is_connected_to(url, host):
    asked = []

    async def look_up(name, *_, **__):
        asked.append(name)
        raise OSError

    async def scenario():
        asyncio.get_running_loop().getaddrinfo = look_up
        async with HttpClient() as http:
            with pytest.raises(httpx.ConnectError):
                await http.send("GET", url)

    asyncio.run(scenario())
    assert set(asked) == {host}


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://host.example/", httpx.UnsupportedProtocol),
        ("http:///path", (httpx.UnsupportedProtocol, httpx.ConnectError)),
        ("http://" + "a" * 70 + ".example/", (httpx.ConnectError, httpx.InvalidURL)),
        ("http://127.0.0.1:65536/", httpx.InvalidURL),
        ("http://localhost:99999/", httpx.InvalidURL),
        ("http://localhost:port/", httpx.InvalidURL),
    ],
)
def test_an_address_that_leads_nowhere(run, url, error):
    async def scenario():
        async with HttpClient() as http:
            with pytest.raises(error):
                await http.send("GET", url)

    run(scenario)


def test_an_answer_that_comes_before_the_request_is_through_counts(run):
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.write_eof()

    async def scenario():
        async with served(script) as server, HttpClient() as http:
            async with aclosing(await http.send("POST", server.url, content=bytes(10_000_000))) as response:
                assert response.status_code == 413
            await server.closed.wait()

    run(scenario)


# -- TLS -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["time", "cancel"])
def test_a_handshake_that_does_not_end_is_given_up_and_its_connection_closed(run, ending):
    async def scenario():
        greeted = asyncio.Event()

        async def script(reader, writer):
            await reader.read(10)
            greeted.set()

        async with served(script) as server, HttpClient() as http:
            url = server.url.replace("http:", "https:")
            asking = asyncio.create_task(text(http, url, idle=0.1 if ending == "time" else 10.0))
            await greeted.wait()
            if ending == "cancel":
                asking.cancel()
            with pytest.raises(httpx.ConnectTimeout if ending == "time" else asyncio.CancelledError):
                await asking
            await server.closed.wait()

    run(scenario)


def test_encrypted_connections_are_kept_and_their_clients_share_one_context(run, own_ca, monkeypatch):
    cert, key = own_ca
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    made = []
    create = client.client_context
    monkeypatch.setattr(client, "client_context", lambda environ: made.append(1) or create(environ))

    def echo(body):
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    async def scenario():
        async with (
            served(always(OK)) as plain,
            served(always(echo), ssl=context) as server,
            HttpClient() as http,
        ):
            await text(http, plain.url)
            assert made == []
            for body in (b"", b"large" * 500_000, b"short"):
                assert (await text(http, server.url, "POST", content=body)).encode() == body
            assert server.opened == 1
            many = 2 * REQUESTS_PER_CLIENT
            await asyncio.gather(*(text(http, server.url, "POST", content=b"x") for _ in range(many)))
            assert len(made) == 1

    run(scenario)


# -- the protocol ----------------------------------------------------------------------------


def test_requests_are_http_1_1_and_keep_their_connection(run):
    heads = []

    async def script(reader, writer):
        head, _ = await request(reader)
        heads.append(head)
        writer.write(OK)

    async def scenario():
        async with served(script) as server, HttpClient() as http:
            await text(http, server.url, "POST", content=b"x")

    run(scenario)
    assert heads[0].startswith(b"POST / HTTP/1.1\r\n")
    assert re.search(rb"\r\nhost: 127\.0\.0\.1:\d+\r\n", heads[0].lower())
    assert b"close" not in heads[0]
