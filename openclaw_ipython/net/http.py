"""The HTTP client of the package, on httpx, which is imported in this folder only.

What holds for every request is decided here: HTTP/1.1, no redirects (a 307 would repeat the body, a refresh token among
others, to another host), no cookies, no login from a `.netrc`, the proxies of the environment (`proxies`), TLS always
checked (`tls`), the package's own `User-Agent`, a limit for the time of each step, and bodies that cannot fill the
memory however tightly they are packed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.request import getproxies

import httpx
from httpx import AsyncBaseTransport as Transport
from httpx import AsyncByteStream as ByteStream
from httpx import (
    Auth,
    DecodingError,
    HTTPError,
    InvalidURL,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
)

from openclaw_ipython._version import __version__
from openclaw_ipython.net.faults import CONNECT_SECONDS, service_error, translated, undelivered
from openclaw_ipython.net.proxies import proxy_for
from openclaw_ipython.net.tls import client_context, trusting_nobody

if TYPE_CHECKING:
    import ssl

__all__ = [
    "Auth",
    "ByteStream",
    "DecodingError",
    "HTTPError",
    "HttpClient",
    "InvalidURL",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "Transport",
    "body_pieces",
    "discard",
    "read_capped",
    "service_error",
    "translated",
    "undelivered",
]  # fmt: skip

USER_AGENT = f"openclaw-ipython/{__version__}"
BODY_LIMIT = 64 * 1024
ANSWER_SECONDS = 120.0
PIECE = 64 * 1024

BODY_SECONDS = 60.0
"""The longest time for the whole of a body that is read at once, however steadily it trickles."""

IDLE_SECONDS = 50.0
"""How long an unused connection is kept: less than the minute after which many gateways close it themselves."""

REQUESTS_PER_CLIENT = 4
"""Requests at the same time for which one httpx client is used.

Its connection pool looks at all of its connections for every request and every answer: 64 requests under way cost
3.4 ms of CPU each in one client, 0.7 ms in sixteen.
"""

_LAST_PORT = 65535
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=IDLE_SECONDS)
_KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), 60)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL")
    if hasattr(socket, name)
]
"""A batch host is silent for up to an hour, and routers forget a silent connection after some minutes."""

_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}


_Way = tuple[bool, str | None]
"""Whether the requests of a client are encrypted, and their proxy."""


class _Client(httpx.AsyncClient):
    """An httpx client; how many requests it has under way, and when the last one ended."""

    busy = 0
    used = 0.0


class HttpClient:
    """Sends requests: over one httpx client, over several when many are under way at the same time.

    They share one TLS context. httpx clients and the CA files are loaded when they are needed first; each event loop
    has clients of its own, since a connection belongs to its loop. `transport` replaces the network; `wall` is the time
    of day in seconds, which goes on while a computer sleeps.
    """

    def __init__(self, transport: Transport | None = None, *, wall: Callable[[], float] = time.time) -> None:
        self._transport = transport
        self._wall = wall
        self._certificates: ssl.SSLContext | None = None
        self._clients: dict[asyncio.AbstractEventLoop, dict[_Way, list[_Client]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        for clients in self._clients.pop(asyncio.get_running_loop(), {}).values():
            for client in clients:
                await client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        data: Mapping[str, str] | None = None,
        json: object = None,
        auth: Auth | None = None,
        idle: float | None = ANSWER_SECONDS,
    ) -> Response:
        """The open response to a request; the caller closes it. Nothing of the body has been read.

        `data` is sent as a form. `idle` is the longest silence in seconds, None for no limit. Raises HTTPError and
        InvalidURL; whatever of ours `auth` raises; ConfigError when the proxy or the CA file that the environment
        names cannot be used.
        """
        address = _parsed(url)
        proxy = None if self._transport else proxy_for(str(address), getproxies())
        limits = httpx.Timeout(idle, connect=CONNECT_SECONDS if idle is None else min(idle, CONNECT_SECONDS))
        request = httpx.Request(
            method,
            address,
            headers={**_HEADERS, **(headers or {})},
            content=content,
            data=data,
            json=json,
        )
        client = await self._client((address.scheme == "https", proxy))
        client.busy += 1
        try:
            async with asyncio.timeout(None) as head:
                request.extensions = {"timeout": limits.as_dict(), "trace": _Steps(head, idle)}
                response = await client.send(request, auth=auth, stream=True)
        except BaseException as error:
            self._done(client)
            if isinstance(error, TimeoutError):
                raise ReadTimeout("the head of the answer did not end", request=request) from error
            if isinstance(error, UnicodeError):  # from the resolver: a host name that cannot be one
                raise httpx.ConnectError(str(error), request=request) from error
            raise
        if response.is_closed:
            self._done(client)
        else:
            assert isinstance(response.stream, ByteStream)  # noqa: S101 - an AsyncClient makes no other
            response.stream = _Body(response.stream, lambda: self._done(client))
        return response

    def _done(self, client: _Client) -> None:
        client.busy -= 1
        client.used = self._wall()

    async def _client(self, way: _Way) -> _Client:
        """The first client with few requests under way: the fewer clients, the likelier an open connection."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients = {other: kept for other, kept in self._clients.items() if not other.is_closed()}
        clients = self._clients.setdefault(loop, {}).setdefault(way, [])
        now = self._wall()
        stale = [one for one in clients if not one.busy and now - one.used > IDLE_SECONDS]
        clients[:] = [one for one in clients if one not in stale]
        client = next((one for one in clients if one.busy < REQUESTS_PER_CLIENT), None)
        if client is None:
            client = self._made(*way)
            client.used = now
            clients.append(client)
        for one in stale:  # httpx's own timer stands still while a computer sleeps
            await one.aclose()
        return client

    def _made(self, secure: bool, proxy: str | None) -> _Client:
        through = None
        if proxy is not None:
            through = httpx.Proxy(proxy, ssl_context=self._tls() if proxy.startswith("https:") else None)
        transport = self._transport or httpx.AsyncHTTPTransport(
            verify=self._tls() if secure else trusting_nobody(),
            proxy=through,
            trust_env=False,
            limits=_LIMITS,
            socket_options=_KEEP_ALIVE,
        )
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        return _Client(transport=transport, trust_env=False, follow_redirects=False, cookies=no_cookies)

    def _tls(self) -> ssl.SSLContext:
        """The context of all clients: reading the CA files takes long."""
        if self._certificates is None:
            self._certificates = client_context(os.environ)
        return self._certificates


@lru_cache(maxsize=16)
def _parsed(url: str) -> httpx.URL:
    """Taken apart once: a thousand questions go to the same address."""
    address = httpx.URL(url)
    if address.scheme not in {"http", "https"}:
        raise httpx.UnsupportedProtocol(f"there is no protocol {address.scheme!r}")
    if address.port is not None and address.port > _LAST_PORT:  # a resolver may take it modulo 65536
        raise InvalidURL(f"there is no port {address.port}")
    return address


class _Body(ByteStream):
    """The body of a response; `done` is called when it is closed."""

    def __init__(self, stream: ByteStream, done: Callable[[], None]) -> None:
        self._stream = stream
        self._done: Callable[[], None] | None = done

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        done, self._done = self._done, None
        try:
            await self._stream.aclose()
        finally:
            if done is not None:
                done()


class _Steps:
    """Watches the steps of a request, as httpx's `trace` extension: called with the name of each and what it is about.

    It limits the time of the head of the answer, which httpx does for every packet of it only, and closes the
    connection of a TLS handshake that was interrupted, which httpcore (1.0) leaves open.
    """

    def __init__(self, head: asyncio.Timeout, seconds: float | None) -> None:
        self._head = head
        self._seconds = seconds
        self._connection: Any = None  # the plain one, once it is there

    async def __call__(self, step: str, about: Mapping[str, Any]) -> None:
        if step.endswith("receive_response_headers.started") and self._seconds is not None:
            self._head.reschedule(asyncio.get_running_loop().time() + self._seconds)
        elif step.endswith("receive_response_headers.complete"):
            self._head.reschedule(None)
        elif step.endswith("connect_tcp.complete"):
            self._connection = about["return_value"]
        elif step.endswith("start_tls.failed") and self._connection is not None:
            await self._connection.aclose()


async def read_capped(
    response: Response, limit: int = BODY_LIMIT, within: float | None = BODY_SECONDS
) -> bytes:
    """At most `limit` decoded bytes of a body: error pages and compressed bombs end here.

    Raises ReadTimeout when the body takes longer than `within` seconds, None for no limit.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(within), aclosing(body_pieces(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) >= limit:
                    break
    except TimeoutError:
        raise ReadTimeout("the body did not end", request=response.request) from None
    return bytes(body[:limit])


async def discard(response: Response, limit: int = BODY_LIMIT, within: float = 1.0) -> None:
    """Let go of a body that nobody reads, before httpx reads all of it in order to send the request again.

    A short one is taken in, so that the connection can be used again; at more than `limit` bytes, or after
    `within` seconds, it is closed instead.
    """
    body, response.stream = response.stream, httpx.ByteStream(b"")
    response.headers.pop("content-encoding", None)
    if not isinstance(body, ByteStream):
        return
    size = 0
    try:
        async with asyncio.timeout(within):
            async for piece in body:
                size += len(piece)
                if size > limit:
                    break
    except (TimeoutError, HTTPError):
        pass  # then it is closed as it is
    finally:
        await body.aclose()


def body_pieces(response: Response) -> AsyncGenerator[bytes, None]:
    """The decoded body as it comes. 64 KiB of gzip may hold 64 MiB: it is unpacked 64 KiB at a time.

    Raises httpx's errors; DecodingError for a packing other than gzip, which alone is asked for.
    """
    if response.is_stream_consumed:  # a transport that had the whole body at hand; httpx has decoded it
        return _one_piece(response.content)
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in {"gzip", "x-gzip"}:
        return _gunzipped(response)
    if packing not in {"", "identity"}:
        raise DecodingError("a packing that was not asked for", request=response.request)
    return cast("AsyncGenerator[bytes, None]", response.aiter_raw())


async def _one_piece(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _gunzipped(response: Response) -> AsyncGenerator[bytes, None]:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as chunks:
        async for chunk in chunks:
            try:
                for piece in _unpacked(unpacker, chunk):
                    yield piece
            except zlib.error:
                raise DecodingError("damaged gzip", request=response.request) from None


def _unpacked(unpacker: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    while not unpacker.eof and (piece := unpacker.decompress(chunk, PIECE)):
        yield piece
        chunk = unpacker.unconsumed_tail
