"""The one line out: makes the httpx client and turns httpx's errors into ours, for everyone.

What holds for every request of this package is decided here: no redirects (a 307 would repeat the
body, a refresh token among others, to another host), no cookies, no proxy for loopback, TLS always
checked (own CAs through `SSL_CERT_FILE`), our own `User-Agent`, and bodies that cannot fill the memory
however tightly they are packed.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any, cast
from urllib.request import getproxies

import httpx

from openclaw_ipython._version import __version__
from openclaw_ipython.errors import ConfigError, OpenClawError, ProtocolError, ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.net.connections import Connections
from openclaw_ipython.sanitize.secrets import redact

USER_AGENT = f"openclaw-ipython/{__version__}"
BODY_LIMIT = 64 * 1024
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0
PIECE = 64 * 1024
_PROXIED = {"http", "https", "all"}  # what a proxy may be named for; `no` alone names none
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class _NoCookies(httpx.Cookies):
    """Keeps none and sends none, without taking every answer apart in search of them."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """None."""

    def set_cookie_header(self, request: httpx.Request) -> None:
        """None."""


class _Client(httpx.AsyncClient):
    """httpx's client without cookies."""

    @property
    def cookies(self) -> httpx.Cookies:
        """None, whatever was set."""
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None: ...


_NO_COOKIES = _NoCookies()


def make_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for everything this package sends. `transport` is for tests and other doors.

    Raises ConfigError when the proxy or the CA file that the environment names cannot be used.
    """
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {f"all://{host}": None for host in _LOOPBACK}
    if transport is None and not _PROXIED & getproxies().keys():
        transport = Connections(_certificates)  # httpx looks at the proxies only if it makes the transport
    try:
        return _Client(
            transport=transport,
            mounts=None if transport else mounts,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            event_hooks={} if transport else {"request": [_watch_handshake]},
        )
    except ImportError:
        raise ConfigError(
            _("the proxy in the environment is a SOCKS proxy, for which a package is missing"),
            hint=_("%pip install 'httpx[socks]', or unset ALL_PROXY"),
        ) from None
    except OSError:
        raise _no_ca_file() from None
    except (ValueError, httpx.InvalidURL):  # their text may hold the proxy's password
        raise ConfigError(
            _("the proxy in the environment is not a valid proxy address"),
            hint=_("look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"),
        ) from None


def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError:
        raise _no_ca_file() from None


async def _watch_handshake(request: httpx.Request) -> None:
    if request.url.scheme == "https":
        request.extensions["trace"] = _Handshake()


class _Handshake:
    """Closes the connection of a TLS handshake that was interrupted; httpcore (1.0) would leave it open.

    It is httpx's `trace` extension: called with the name of each step and what the step is about.
    """

    def __init__(self) -> None:
        self._line: Any = None  # the stream of the plain connection, once it is there

    async def __call__(self, step: str, about: Mapping[str, Any]) -> None:
        if step.endswith("connect_tcp.complete"):
            self._line = about["return_value"]
        elif step.endswith("start_tls.failed") and self._line is not None:
            await self._line.aclose()


def _no_ca_file() -> ConfigError:
    return ConfigError(_("the CA file named in SSL_CERT_FILE or SSL_CERT_DIR cannot be read"))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Inside, errors of httpx become ours. `what` names the other side, e.g. `qwen-portal at host`."""
    try:
        yield
    except httpx.HTTPError as error:
        raise from_httpx(error, what) from None
    except httpx.InvalidURL:
        raise ProtocolError(_("the address of {what} is not a valid URL", what=what)) from None


def from_httpx(error: httpx.HTTPError, what: str) -> OpenClawError:
    """Our error for an httpx one; its text is kept short and without secrets."""
    hint = _("is the address right? %openclaw models status shows it")
    match error:
        case httpx.ConnectTimeout():
            return ServiceUnavailable(
                _("{what} did not answer within {seconds:.0f} s", what=what, seconds=CONNECT_SECONDS),
                hint=hint,
            )
        case httpx.TimeoutException():
            return ServiceUnavailable(
                _("{what} stopped answering", what=what), hint=_("try again in a moment")
            )
        case httpx.ConnectError() if _untrusted(error):
            return ServiceUnavailable(
                _("the certificate of {what} is not trusted", what=what),
                hint=_("set SSL_CERT_FILE to your organisation's CA file"),
            )
        case httpx.ConnectError():
            return ServiceUnavailable(_("{what} cannot be reached", what=what), hint=hint)
        case httpx.UnsupportedProtocol():
            return ProtocolError(_("the address of {what} must begin with https://", what=what), hint=hint)
        case httpx.ProxyError():
            return ServiceUnavailable(
                _("the proxy on the way to {what} refused", what=what),
                hint=_("check HTTPS_PROXY and NO_PROXY"),
            )
        case httpx.RemoteProtocolError() if _hung_up(error):
            return ServiceUnavailable(
                _("{what} closed the connection without an answer", what=what),
                hint=_("try again in a moment"),
            )
        case httpx.RemoteProtocolError() | httpx.DecodingError():
            return ProtocolError(
                _("{what} broke the HTTP protocol: {said}", what=what, said=redact(str(error)[:500])[:120])
            )
        case httpx.LocalProtocolError():  # its text quotes the header: the login, as a rule
            return ProtocolError(
                _("the request to {what} is not valid HTTP", what=what),
                hint=_("is there a line break or blank in the key?"),
            )
        case _:
            return ServiceUnavailable(
                _("the connection to {what} broke", what=what), hint=_("try again in a moment")
            )


def undelivered(error: httpx.HTTPError) -> bool:
    """Whether a question may be sent again after `error`, which came instead of an answer.

    There was no connection, or it ended before a byte of the answer: an idle one closed under the request, as a rule.
    That the service has not read it is likely, not certain.
    """
    match error:
        case httpx.ConnectError():
            return not _untrusted(error)
        case httpx.RemoteProtocolError():
            return _hung_up(error)
        case _:
            return isinstance(error, httpx.ConnectTimeout | httpx.ReadError | httpx.WriteError)


def _untrusted(error: httpx.ConnectError) -> bool:
    return "CERTIFICATE" in str(error).upper()


def _hung_up(error: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(error)


async def read_capped(response: httpx.Response, limit: int = BODY_LIMIT) -> bytes:
    """At most `limit` decoded bytes of a body: error pages and compressed bombs end here."""
    body = bytearray()
    async with aclosing(body_pieces(response)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) >= limit:
                break
    return bytes(body[:limit])


async def discard(response: httpx.Response, limit: int = BODY_LIMIT, within: float = 1.0) -> None:
    """Let go of a body that nobody reads, before httpx reads all of it in order to send the request again.

    A short one is taken in, so that the connection can be used again; at more than `limit` bytes, or after
    `within` seconds, it is closed instead.
    """
    body, response.stream = response.stream, httpx.ByteStream(b"")
    response.headers.pop("content-encoding", None)
    if not isinstance(body, httpx.AsyncByteStream):
        return
    size = 0
    try:
        async with asyncio.timeout(within):
            async for piece in body:
                size += len(piece)
                if size > limit:
                    break
    except (TimeoutError, httpx.HTTPError):
        pass  # then it is closed as it is
    finally:
        await body.aclose()


def body_pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The decoded body as it comes. 64 KiB of gzip may hold 64 MiB: it is unpacked 64 KiB at a time.

    Raises httpx's errors; DecodingError for a packing other than gzip, which alone is asked for.
    """
    if response.is_stream_consumed:  # a transport that had the whole body at hand; httpx has decoded it
        return _one_piece(response.content)
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in {"gzip", "x-gzip"}:
        return _gunzipped(response)
    if packing not in {"", "identity"}:
        raise httpx.DecodingError("a packing that was not asked for", request=response.request)
    return cast("AsyncGenerator[bytes, None]", response.aiter_raw())


async def _one_piece(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _gunzipped(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    async for chunk in response.aiter_raw():
        try:
            for piece in _unpacked(unpacker, chunk):
                yield piece
        except zlib.error:
            raise httpx.DecodingError("damaged gzip", request=response.request) from None


def _unpacked(unpacker: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    while not unpacker.eof and (piece := unpacker.decompress(chunk, PIECE)):
        yield piece
        chunk = unpacker.unconsumed_tail
