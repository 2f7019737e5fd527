"""HTTP/1.1 on the running event loop: the transport under the client of `http`.

h11 speaks the protocol, asyncio moves the bytes, httpx is served. httpx's own asynchronous transport does the same by
way of httpcore and anyio; importing these takes longer than everything else before a first question, and every chunk
of a body goes through six generators there. Here all that has arrived is handed on as one piece. What must not enter:
retries, redirects, anything about questions and answers; nor proxies, for which httpx's transport is used.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import NamedTuple

import h11
import httpx

IDLE_SECONDS = 50.0
"""How long an unused connection is kept: less than the minute after which many gateways close it themselves."""

MOST_IDLE = 100
"""Unused connections that are kept in all."""

_HEADER_LIMIT = 100 * 1024  # bytes of headers, and of one line between two chunks
_WRITTEN_AT_ONCE = 256 * 1024  # bytes; the time limit for writing is for each such part
_UNREAD_LIMIT = 256 * 1024  # bytes that may wait for their reader before the other side is slowed down
_LAST_PORT = 65535
_ATTEMPT_DELAY = 0.25  # seconds until the next address of a host is tried beside the first (RFC 8305 §5)


class Origin(NamedTuple):
    """What a connection leads to."""

    scheme: str
    host: str
    port: int


class Connections(httpx.AsyncBaseTransport):
    """Opens connections, and keeps them for the next request to the same origin.

    `certificates` makes the TLS context; it is called with the first https request, since reading the CA files takes
    long. `wall` is the time of day in seconds, which goes on while a computer sleeps. Raises httpx's errors, as its own
    transport does; whatever `certificates` raises.
    """

    def __init__(
        self,
        certificates: Callable[[], ssl.SSLContext],
        *,
        idle: float = IDLE_SECONDS,
        most_idle: int = MOST_IDLE,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._certificates = certificates
        self._context: ssl.SSLContext | None = None
        self._idle = idle
        self._most_idle = most_idle
        self._wall = wall
        self._unused: dict[Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the response is open, and its end (or its `aclose`) gives the connection back."""
        limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        origin = _origin(request.url)
        connection = self._take(origin) or await self._open(origin, limits.get("connect"))
        try:
            await connection.send(request, limits.get("write"))
            head = await connection.head(limits.get("read"))
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(connection, limits.get("read"), lambda: self._give_back(origin, connection)),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        """Close the connections that are not in use; those that are, after it."""
        unused, self._unused, self._most_idle = self._unused, {}, 0
        for connections in unused.values():
            for connection in connections:
                connection.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the next round of the loop

    def _take(self, origin: Origin) -> _Connection | None:
        """The connection used last: the most likely to be open still."""
        unused = self._unused.get(origin, [])
        while unused:
            connection = unused.pop()
            if connection.resume(self._wall()):
                return connection
        return None

    def _give_back(self, origin: Origin, connection: _Connection) -> None:
        for others in self._unused.values():
            others[:] = [other for other in others if other.is_open]
        if sum(map(len, self._unused.values())) >= self._most_idle or not connection.rest(
            self._idle, self._wall()
        ):
            connection.abort()
            return
        self._unused.setdefault(origin, []).append(connection)

    async def _open(self, origin: Origin, limit: float | None) -> _Connection:
        context = self._tls() if origin.scheme == "https" else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit):
                _, connection = await loop.create_connection(
                    _Connection,
                    origin.host,
                    origin.port,
                    ssl=context,
                    server_hostname=origin.host if context else None,
                    happy_eyeballs_delay=None if _is_address(origin.host) else _ATTEMPT_DELAY,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
            raise httpx.ConnectError(str(error)) from error
        return connection

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = self._certificates()
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


def _origin(url: httpx.URL) -> Origin:
    if url.scheme not in {"http", "https"} or not url.host:
        raise httpx.UnsupportedProtocol("the URL must begin with http:// or https:// and name a host")
    port = url.port or (443 if url.scheme == "https" else 80)
    if port > _LAST_PORT:  # a resolver may take it modulo 65536
        raise httpx.InvalidURL(f"there is no port {port}")
    # As it is sent: `url.host` is the name for people, which Python would encode anew, by older rules that may lead to
    # another host (xn--fa-hia, fass).
    return Origin(url.scheme, url.raw_host.decode("ascii"), port)


def _is_address(host: str) -> bool:
    """Whether there is nothing to look up, and so nothing to try beside it: that costs more than connecting."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Body(httpx.AsyncByteStream):
    """What follows the head of a response."""

    def __init__(self, connection: _Connection, limit: float | None, done: Callable[[], None]) -> None:
        self._connection = connection
        self._limit = limit
        self._done: Callable[[], None] | None = done

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._connection.body(self._limit):
                yield piece
        except BaseException:
            self._connection.abort()
            raise

    async def aclose(self) -> None:
        """Let go of the connection: it is used again if the body was read to its end."""
        done, self._done = self._done, None
        if done is not None:
            done()


class _Connection(asyncio.Protocol):
    """One connection: what asyncio calls when something comes, and one exchange at a time for the transport."""

    def __init__(self) -> None:
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADER_LIMIT)
        self._transport: asyncio.Transport | None = None
        self._came: list[bytes] = []
        self._unread = 0
        self._error: Exception | None = None
        self._is_over = False  # nothing more will come
        self._loop = asyncio.get_running_loop()
        self._head: h11.Response | None = None
        self._is_resting = False
        self._bedtime: asyncio.TimerHandle | None = None
        self._latest = 0.0  # by the wall clock: when it will have rested for too long
        self._waiting: asyncio.Future[None] | None = None  # for whatever happens next
        self._is_full = False  # the other side takes nothing more for now

    # -- called by the loop ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what `create_connection` makes
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._is_resting:  # nobody asked: the other side says good-bye
            self.abort()
            return
        self._came.append(data)
        self._unread += len(data)
        if self._unread > _UNREAD_LIMIT and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._is_over = True
        self._wake()
        return False  # asyncio closes our side too

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over, self._error = True, self._error or exc
        self._transport = None  # it cannot even be closed any more
        self._wake()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    # -- life --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether, as far as is known here, the other side still listens."""
        return self._transport is not None and not self._is_over and not self._transport.is_closing()

    def rest(self, seconds: float, now: float) -> bool:
        """Wait for the next exchange, `seconds` at most from `now`; False when there can be none."""
        finished = self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE
        surplus = self._came or self._protocol.trailing_data[0]  # it would be taken for the next answer
        if not finished or surplus or not self.is_open:
            return False
        self._protocol.start_next_cycle()
        self._head = None
        self._is_resting = True
        self._bedtime, self._latest = self._loop.call_later(seconds, self.abort), now + seconds
        return True

    def resume(self, now: float) -> bool:
        """Be used again; False when the other side has gone meanwhile, or must be taken to have gone.

        Timers stand still while a computer sleeps, and nobody hears a good-bye then. On the loop of an `asyncio.run`
        that is over nobody would hear anything.
        """
        if asyncio._get_running_loop() is not self._loop:
            return False
        if now > self._latest:
            self.abort()
        self._is_resting = False
        if self._bedtime is not None:
            self._bedtime.cancel()
        return self.is_open

    def abort(self) -> None:
        """Close at once, whatever is going on.

        Not from elsewhere than its own loop: that one is over, or belongs to the process that this one was forked from.
        """
        if asyncio._get_running_loop() is not self._loop:
            return
        if self._bedtime is not None:
            self._bedtime.cancel()
        if self._transport is not None:
            self._transport.abort()
            line = self._transport.get_extra_info("socket")
            with suppress(OSError, AttributeError):  # AttributeError: it is gone already
                # A forked child may have it as well; then closing ours alone would tell the other side nothing.
                line.shutdown(socket.SHUT_RDWR)

    # -- one exchange ------------------------------------------------------------------------

    async def send(self, request: httpx.Request, limit: float | None) -> None:
        """Write all of `request`, or as much as the other side wants: one that stops listening may have answered."""
        with _ours(h11.LocalProtocolError, httpx.LocalProtocolError):
            head = h11.Request(
                method=request.method.encode("ascii"),
                target=request.url.raw_path,
                headers=request.headers.raw,
            )
            message = self._protocol.send(head) or b""
            assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - an AsyncClient makes no other
            async for piece in request.stream:  # a head and a short body leave together: one packet, not two
                message += self._protocol.send(h11.Data(data=piece)) or b""
                if len(message) >= _WRITTEN_AT_ONCE:
                    if not await self._write(message, limit):
                        return  # without its end: this connection is not used again
                    message = b""
            if await self._write(message, limit):
                await self._write(self._protocol.send(h11.EndOfMessage()) or b"", limit)

    async def head(self, limit: float | None) -> h11.Response:
        """The head of the answer, which has to be there within `limit` seconds, however it trickles in."""
        start = self._loop.time()
        while (head := self._head_so_far()) is None:
            data = await self._read(None if limit is None else start + limit - self._loop.time())
            if not data and self._protocol.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            self._protocol.receive_data(data)
        return head

    def _head_so_far(self) -> h11.Response | None:
        """The head of the answer once it has come. What comes before it (100, 103) is passed over."""
        while self._head is None:
            with _ours(h11.RemoteProtocolError, httpx.RemoteProtocolError):
                event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                return None
            if isinstance(event, h11.Response):
                self._head = event
        return self._head

    async def body(self, limit: float | None) -> AsyncIterator[bytes]:
        """The body in pieces: whatever has arrived is one of them."""
        while True:
            pieces: list[bytes] = []
            broken: h11.RemoteProtocolError | None = None
            try:
                while isinstance(event := self._protocol.next_event(), h11.Data):
                    pieces.append(event.data)
            except h11.RemoteProtocolError as error:  # what came before it is still good
                broken = error
            if pieces:
                yield b"".join(pieces)
            if broken is not None:
                raise httpx.RemoteProtocolError(str(broken)) from broken
            if event is not h11.NEED_DATA:
                return
            self._protocol.receive_data(await self._read(limit))

    async def _read(self, limit: float | None) -> bytes:
        """What has come, at least a byte; nothing at the end."""
        while not self._came and not self._is_over:
            await self._wait(limit, httpx.ReadTimeout)
        if not self._came and self._error is not None:
            raise httpx.ReadError(str(self._error)) from self._error
        return self._take()

    def _take(self) -> bytes:
        data = b"".join(self._came)
        self._came.clear()
        if self._unread > _UNREAD_LIMIT and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0
        return data

    async def _write(self, data: bytes, limit: float | None) -> bool:
        """Write `data`; False when the other side wants no more: it has answered, or is gone."""
        for start in range(0, len(data), _WRITTEN_AT_ONCE):
            if self._transport is None or self._transport.is_closing():
                return False
            self._transport.write(data[start : start + _WRITTEN_AT_ONCE])
            while self._is_full and not self._is_over:
                await self._wait(limit, httpx.WriteTimeout)
                if self._came:
                    self._protocol.receive_data(self._take())
                if self._head_so_far() is not None:
                    return False
        return True

    async def _wait(self, limit: float | None, late: type[httpx.TimeoutException]) -> None:
        """Wait until the loop tells of anything: data, an end, room for more to be sent."""
        self._waiting = self._loop.create_future()
        try:
            async with asyncio.timeout(limit):
                await self._waiting
        except TimeoutError as error:
            raise late(str(error)) from error
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


@contextmanager
def _ours(theirs: type[h11.ProtocolError], ours: type[httpx.ProtocolError]) -> Iterator[None]:
    try:
        yield
    except theirs as error:
        raise ours(str(error)) from error
