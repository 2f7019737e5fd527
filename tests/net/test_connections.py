"""The transport against servers that are written byte by byte: what it keeps, what it closes, whose error it raises."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.net import connections
from openclaw_ipython.net.connections import Connections
from openclaw_ipython.practice import Portal

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Server:
    """Answers with `script(reader, writer)`, called once for every connection; counts them and their ends."""

    def __init__(self, script):
        self.script = script
        self.opened = 0
        self.arrived = asyncio.Event()
        self.closed = asyncio.Event()
        self.url = ""

    async def serve(self, reader, writer):
        self.opened += 1
        self.arrived.set()
        try:
            await self.script(reader, writer)
            while await reader.read(65536):
                pass
        except OSError:
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def served(script, *, idle=30.0, most_idle=100, wall=lambda: 0.0, **limits):
    """A server, and a client of it."""
    server = Server(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    timeout = httpx.Timeout(10, **limits)
    transport = Connections(lambda: ssl.create_default_context(), idle=idle, most_idle=most_idle, wall=wall)
    async with listening, httpx.AsyncClient(transport=transport, timeout=timeout) as http:
        yield server, http


async def request(reader):
    """The head and the body of a request, read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    ]
    return head, await reader.readexactly(int(length[0]) if length else 0)


def always(answer):
    """A script that gives every request the same answer."""

    async def script(reader, writer):
        while not reader.at_eof():
            await request(reader)
            writer.write(answer)

    async def until_it_leaves(reader, writer):
        try:
            await script(reader, writer)
        except asyncio.IncompleteReadError:
            pass

    return until_it_leaves


def once(*parts, close=True):
    """A script that reads one request, sends `parts` one by one, and hangs up."""

    async def script(reader, writer):
        await request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return script


# -- keeping ---------------------------------------------------------------------------------


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_one_connection_serves_one_request_after_another():
    async def scenario():
        async with served(always(OK)) as (server, http):
            answers = [(await http.get(server.url)).text for _ in range(3)]
            assert answers == ["ok"] * 3
            assert server.opened == 1

    run(scenario)


def test_requests_at_the_same_time_have_a_connection_each_and_leave_them_for_later():
    async def scenario():
        async with served(always(OK)) as (server, http):
            await asyncio.gather(*(http.get(server.url) for _ in range(20)))
            opened = server.opened
            await asyncio.gather(*(http.get(server.url) for _ in range(20)))
            assert 1 < opened <= 20
            assert server.opened == opened

    run(scenario)


def test_no_more_than_so_many_are_kept():
    async def scenario():
        async with served(always(OK), most_idle=2) as (server, http):
            await asyncio.gather(*(http.get(server.url) for _ in range(5)))
            assert sum(map(len, http._transport._unused.values())) == 2
            assert server.opened == 5

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 400 Bad Request\r\n\r\n",  # something nobody asked for
    ],
    ids=["close", "1.0", "surplus"],
)
def test_what_cannot_be_used_again_is_closed(answer):
    async def scenario():
        async with served(always(answer)) as (server, http):
            for _ in range(2):
                assert (await http.get(server.url)).text == "ok"
                await server.closed.wait()
                server.closed.clear()
            assert server.opened == 2

    run(scenario)


def test_a_server_that_hangs_up_while_nothing_goes_on_is_no_error():
    async def scenario():
        async with served(once(OK)) as (server, http):
            for _ in range(3):
                assert (await http.get(server.url)).text == "ok"
                await server.closed.wait()
                server.closed.clear()
            assert server.opened == 3

    run(scenario)


def test_a_server_that_says_goodbye_while_nothing_goes_on_is_no_error():
    async def scenario():
        async with served(once(OK, close=False)) as (server, http):
            await http.get(server.url)
            (kept,) = http._transport._unused.values()
            kept[0].data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            assert (await http.get(server.url)).text == "ok"
            assert server.opened == 2

    run(scenario)


def test_an_unused_connection_is_closed_after_a_while():
    async def scenario():
        async with served(always(OK), idle=0.01) as (server, http):
            await http.get(server.url)
            await server.closed.wait()

    run(scenario)


def test_after_a_computer_has_slept_a_new_connection_is_opened():
    """Timers stood still meanwhile, and the other side may have gone without a word."""
    times = iter([0.0, 29.0, 29.0, 59.0, 59.0, 89.1, 89.1])

    async def scenario():
        async with served(always(OK), wall=lambda: next(times)) as (server, http):
            for opened in (1, 1, 1, 2):
                assert (await http.get(server.url)).text == "ok"
                assert server.opened == opened

    run(scenario)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_connection_of_a_loop_that_is_over_is_not_used():
    with Portal().serve() as url:
        http = httpx.AsyncClient(transport=Connections(ssl.create_default_context), timeout=10)
        for _ in range(2):
            assert asyncio.run(http.get(url)).status_code == 200
        asyncio.run(http.aclose())


def test_what_is_still_read_when_the_client_closes_is_closed_afterwards():
    async def scenario():
        async with served(always(OK)) as (server, http), http.stream("GET", server.url) as response:
            await http._transport.aclose()
            assert await response.aread() == b"ok"
            await server.closed.wait()

    run(scenario)


def test_closing_the_client_closes_what_is_kept():
    async def scenario():
        async with served(always(OK)) as (server, http):
            await http.get(server.url)
            await http.aclose()
            await server.closed.wait()

    run(scenario)


def test_a_body_that_is_not_read_to_its_end_closes_the_connection():
    async def scenario():
        async with served(once(CHUNKED, b"5\r\nhello\r\n", close=False)) as (server, http):
            async with http.stream("GET", server.url) as response:
                assert await anext(response.aiter_raw()) == b"hello"
            await server.closed.wait()
            assert not any(http._transport._unused.values())

    run(scenario)


# -- bodies ----------------------------------------------------------------------------------


def test_what_has_arrived_is_one_piece():
    body = b"".join(b"5\r\n%05d\r\n" % number for number in range(1000)) + b"0\r\n\r\n"

    async def scenario():
        async with served(once(CHUNKED + body)) as (server, http), http.stream("GET", server.url) as response:
            pieces = [piece async for piece in response.aiter_raw()]
        assert b"".join(pieces) == b"".join(b"%05d" % number for number in range(1000))
        assert len(pieces) < 20

    run(scenario)


class Line(asyncio.Transport):
    """The other end of a connection, in memory."""

    def __init__(self):
        super().__init__()
        self.sent = b""
        self.paused = self.gone = False

    def write(self, data):
        self.sent += data

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False

    def is_closing(self):
        return self.gone

    def abort(self):
        self.gone = True


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    st.lists(st.integers(min_value=1, max_value=20), min_size=1, max_size=60),
    st.sampled_from(["chunks", "length", "until the end"]),
)
def test_the_body_is_the_same_however_it_is_cut(parts, cuts, framing):
    whole = b"".join(parts)
    head = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
    match framing:
        case "chunks":
            sent = b"transfer-encoding: chunked\r\n\r\n"
            sent += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        case "length":
            sent = b"content-length: %d\r\n\r\n%b" % (len(whole), whole)
        case _:
            sent = b"\r\n" + whole
    sent = head + sent

    async def scenario():
        connection = connections._Connection()
        connection.connection_made(Line())
        await connection.send(httpx.Request("GET", "http://host.example/"), None)

        async def deliver():
            at = turn = 0
            while at < len(sent):
                size = cuts[turn % len(cuts)]
                connection.data_received(sent[at : at + size])
                at, turn = at + size, turn + 1
                await asyncio.sleep(0)
            if framing == "until the end":
                connection.eof_received()

        delivering = asyncio.create_task(deliver())
        assert (await connection.head(5)).status_code == 200
        assert b"".join([piece async for piece in connection.body(5)]) == whole
        await delivering

    asyncio.run(scenario())


ANSWERS = [
    CHUNKED + b"5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nbye",
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"fffffffffffffffff\r\nhello",
]
PLACES = st.integers(min_value=0, max_value=120)


@given(
    st.sampled_from(ANSWERS),
    st.lists(
        st.tuples(PLACES, st.integers(0, 5), st.sampled_from([b"", b"\r\n", b"\0", b":", b"0"])), max_size=3
    ),
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.lists(PLACES, max_size=4),
    st.booleans(),
)
def test_whatever_a_server_sends_is_an_answer_or_an_error_of_httpx(answer, damages, method, cuts, reset):
    for place, dropped, put in damages:
        answer = answer[:place] + put + answer[place + dropped :]
    ends = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]

    async def scenario():
        connection = connections._Connection()
        connection.connection_made(Line())
        await connection.send(httpx.Request(method, "http://host.example/", content=b"x"), None)
        for start, end in pairwise(ends):
            connection.data_received(answer[start:end])
        connection.connection_lost(ConnectionResetError() if reset else None)
        try:
            assert (await connection.head(5)).status_code >= 200
            body = b"".join([piece async for piece in connection.body(5)])
            assert len(body) <= len(answer)
        except httpx.HTTPError:
            pass

    asyncio.run(asyncio.wait_for(scenario(), 5))


def test_a_reader_that_does_not_read_slows_the_server_down():
    async def scenario():
        connection, line = connections._Connection(), Line()
        connection.connection_made(line)
        await connection.send(httpx.Request("GET", "http://host.example/"), None)
        connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
        await connection.head(5)
        body = connection.body(5)
        for _ in range(5):
            assert not line.paused
            connection.data_received(bytes(64 * 1024))
        assert line.paused
        assert len(await anext(body)) == 5 * 64 * 1024
        assert not line.paused

    run(scenario)


# -- sending ---------------------------------------------------------------------------------


def test_a_large_request_arrives_whole():
    body = bytes(range(256)) * 20_000
    seen = []

    async def script(reader, writer):
        seen.append(await request(reader))
        writer.write(OK)

    async def scenario():
        async with served(script) as (server, http):
            assert (await http.post(server.url, content=body)).text == "ok"
        head, arrived = seen[0]
        assert head.startswith(b"POST / HTTP/1.1\r\n")
        assert b"\r\nhost: 127.0.0.1" in head.lower()
        assert arrived == body

    run(scenario)


def test_an_answer_that_comes_before_the_request_is_through_counts():
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.write_eof()
        while await reader.read(65536):
            pass

    async def scenario():
        async with served(script) as (server, http):
            response = await http.post(server.url, content=bytes(10_000_000))
            assert response.status_code == 413
            await server.closed.wait()

    run(scenario)


def test_an_answer_counts_also_where_the_rest_of_the_request_is_never_taken():
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await done.wait()
        reader._transport.resume_reading()

    done = asyncio.Event()

    async def scenario():
        async with served(script) as (server, http):
            response = await http.post(server.url, content=bytes(30_000_000))
            assert response.status_code == 413
            assert not any(http._transport._unused.values())
            done.set()
            await server.closed.wait()

    run(scenario)


# -- errors ----------------------------------------------------------------------------------


async def nothing(reader, writer):
    """Read the request and stay silent."""
    await request(reader)


async def reset(reader, writer):
    await request(reader)
    writer.write(CHUNKED + b"5\r\nhello\r\n")
    await writer.drain()
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (once(), httpx.RemoteProtocolError, "disconnected"),
        (once(b"HTTP/1.1 200 OK\r\ncontent-le"), httpx.RemoteProtocolError, "disconnected"),
        (once(b"<html>\r\n\r\n"), httpx.RemoteProtocolError, "illegal status line"),
        (once(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), httpx.RemoteProtocolError, "too long"),
        (once(CHUNKED, b"5\r\nhel"), httpx.RemoteProtocolError, "incomplete"),
        (once(CHUNKED, b"zz\r\n"), httpx.RemoteProtocolError, "chunk"),
        (once(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"), httpx.RemoteProtocolError, "peer closed"),
        (reset, (httpx.ReadError, httpx.RemoteProtocolError), None),
        (nothing, httpx.ReadTimeout, None),
    ],
    ids=[
        "no answer", "half a head", "no HTTP", "an endless head", "half a chunk", "no chunk", "half a body",
        "reset", "silence",
    ],
)  # fmt: skip
def test_a_server_that_fails_is_an_error_of_httpx_and_its_connection_is_closed(script, error, said):
    async def scenario():
        async with served(script, read=0.2 if script is nothing else 10) as (server, http):
            with pytest.raises(error, match=said):
                await http.get(server.url)
            await server.closed.wait()

    run(scenario)


def test_what_came_before_the_damage_is_given():
    async def scenario():
        async with served(once(CHUNKED + b"5\r\nhello\r\nzz\r\n")) as (server, http):
            pieces = []
            with pytest.raises(httpx.RemoteProtocolError):
                async with http.stream("GET", server.url) as response:
                    pieces += [await anext(body := response.aiter_raw())]
                    await anext(body)
            assert pieces == [b"hello"]

    run(scenario)


def test_a_header_that_cannot_be_sent_is_a_mistake_of_ours():
    async def scenario():
        async with served(always(OK)) as (server, http):
            with pytest.raises(httpx.LocalProtocolError):
                await http.get(server.url, headers={"authorization": "Bearer two\nlines"})
            await server.closed.wait()

    run(scenario)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://host.example/", httpx.UnsupportedProtocol),
        ("http:///path", httpx.UnsupportedProtocol),
        ("http://" + "a" * 70 + ".example/", (httpx.ConnectError, httpx.InvalidURL)),
        ("http://127.0.0.1:65536/", httpx.InvalidURL),
        ("http://localhost:99999/", httpx.InvalidURL),
    ],
)
def test_an_address_that_leads_nowhere(url, error):
    async def scenario():
        async with httpx.AsyncClient(transport=Connections(ssl.create_default_context)) as http:
            with pytest.raises(error):
                await http.get(url)

    run(scenario)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://portal.qwen.ai/v1", ("https", "portal.qwen.ai", 443)),
        ("http://LOCALHOST:8000/", ("http", "localhost", 8000)),
        ("https://[::1]:8443/", ("https", "::1", 8443)),
        # not fass.de, which is another host: what Python makes of the name for people
        ("https://xn--fa-hia.de/", ("https", "xn--fa-hia.de", 443)),
        ("https://fa\xdf.de/", ("https", "xn--fa-hia.de", 443)),
    ],
)
def test_the_host_that_the_address_names_is_the_one_that_is_connected_to(url, origin):
    assert connections._origin(httpx.URL(url)) == origin


def test_a_server_that_does_not_take_the_request_is_given_up():
    async def script(reader, writer):
        reader._transport.pause_reading()
        await done.wait()
        reader._transport.resume_reading()

    done = asyncio.Event()

    async def scenario():
        async with served(script, write=0.2) as (server, http):
            with pytest.raises(httpx.WriteTimeout):
                await http.post(server.url, content=bytes(30_000_000))
            done.set()
            await server.closed.wait()

    run(scenario)


def test_a_head_that_trickles_in_is_given_up():
    async def script(reader, writer):
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not writer.is_closing():
            writer.write(b"y")
            await asyncio.sleep(0.01)

    async def scenario():
        async with served(script, read=0.2) as (server, http):
            with pytest.raises(httpx.ReadTimeout):
                await http.get(server.url)
            await server.closed.wait()

    run(scenario)


@pytest.mark.parametrize("ending", ["time", "cancel"])
def test_a_handshake_that_does_not_end_is_given_up_and_its_connection_closed(ending):
    async def script(reader, writer):
        await reader.read(10)

    async def scenario():
        limit = 0.1 if ending == "time" else 10
        async with served(script, connect=limit) as (server, http):
            asking = asyncio.create_task(http.get(server.url.replace("http:", "https:")))
            await server.arrived.wait()
            if ending == "cancel":
                await asyncio.sleep(0.05)
                asking.cancel()
            with pytest.raises(httpx.ConnectTimeout if ending == "time" else asyncio.CancelledError):
                await asking
            await server.closed.wait()

    run(scenario)


@pytest.mark.parametrize("stage", ["head", "body"])
def test_cancelling_closes_the_connection(stage):
    parts = () if stage == "head" else (CHUNKED, b"5\r\nhello\r\n")

    async def scenario():
        async with served(once(*parts, close=False)) as (server, http):
            asking = asyncio.create_task(http.get(server.url))
            await server.arrived.wait()
            await asyncio.sleep(0.02)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await server.closed.wait()

    run(scenario)


def test_closing_counts_for_forked_children_too():
    """They hold the same socket open, without knowing of it."""

    async def scenario():
        endless = once(CHUNKED, b"5\r\nhello\r\n", close=False)
        async with served(endless) as (server, http), http.stream("GET", server.url) as response:
            assert await anext(response.aiter_raw()) == b"hello"
            line = response.stream._stream._connection._transport.get_extra_info("socket")
            with line.dup():
                await response.aclose()
                await server.closed.wait()

    run(scenario)


def test_certificates_are_read_with_the_first_https_request_only():
    made = []

    def certificates():
        made.append(1)
        return ssl.create_default_context()

    async def hang_up(reader, writer):
        await reader.read(10)
        writer.close()

    async def scenario():
        async with (
            served(always(OK)) as (plain, _),
            served(hang_up) as (secret, _),
            httpx.AsyncClient(transport=Connections(certificates)) as http,
        ):
            await http.get(plain.url)
            assert made == []
            for _ in range(2):
                with pytest.raises(httpx.ConnectError):
                    await http.get(secret.url.replace("http:", "https:"))
        assert made == [1]

    run(scenario)
