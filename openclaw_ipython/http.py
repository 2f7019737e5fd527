"""The one line out: makes the httpx client and turns httpx's errors into ours, for everyone.

What holds for every request of this package is decided here: no redirects (a 307 would repeat the
body, a refresh token among others, to another host), no cookies, no proxy for loopback, TLS always
checked (own CAs through `SSL_CERT_FILE`), our own `User-Agent`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from openclaw_ipython._version import __version__
from openclaw_ipython.errors import OpenClawError, ProtocolError, ServiceUnavailable
from openclaw_ipython.safe.secrets import redact

USER_AGENT = f"openclaw-ipython/{__version__}"
BODY_LIMIT = 64 * 1024
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def make_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for everything this package sends. `transport` is for tests and other doors."""
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {f"all://{host}": None for host in _LOOPBACK}
    return httpx.AsyncClient(
        transport=transport,
        mounts=None if transport else mounts,
        headers={"User-Agent": USER_AGENT},
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )


def is_loopback(url: str) -> bool:
    """Whether `url` is an http(s) URL of this machine: the only place plain http is allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and host in {"127.0.0.1", "localhost", "::1"}


def https_host(url: str) -> str | None:
    """The host of a well-formed https URL without user name or password; None for anything else."""
    if not re.fullmatch(r"https://[!-~]+", url, re.I) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    named = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", host)
    return host if named and parts.username is None and parts.password is None else None


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Inside, errors of httpx become ours. `what` names the other side, e.g. `qwen-portal at host`."""
    try:
        yield
    except httpx.HTTPError as error:
        raise from_httpx(error, what) from None
    except httpx.InvalidURL:
        raise ProtocolError(f"the address of {what} is not a valid URL") from None


def from_httpx(error: httpx.HTTPError, what: str) -> OpenClawError:
    """Our error for an httpx one; its text is kept short and without secrets."""
    hint = "is the address right? %openclaw models status shows it"
    match error:
        case httpx.ConnectTimeout():
            return ServiceUnavailable(f"{what} did not answer within {CONNECT_SECONDS:.0f} s", hint=hint)
        case httpx.TimeoutException():
            return ServiceUnavailable(f"{what} stopped answering", hint="try again in a moment")
        case httpx.ConnectError() if "CERTIFICATE" in str(error).upper():
            return ServiceUnavailable(
                f"the certificate of {what} is not trusted",
                hint="set SSL_CERT_FILE to your organisation's CA file",
            )
        case httpx.ConnectError():
            return ServiceUnavailable(f"{what} cannot be reached", hint=hint)
        case httpx.UnsupportedProtocol():
            return ProtocolError(f"the address of {what} must begin with https://", hint=hint)
        case httpx.ProxyError():
            return ServiceUnavailable(
                f"the proxy on the way to {what} refused", hint="check HTTPS_PROXY and NO_PROXY"
            )
        case httpx.RemoteProtocolError() | httpx.LocalProtocolError() | httpx.DecodingError():
            return ProtocolError(f"{what} broke the HTTP protocol: {redact(str(error))[:120]}")
        case _:
            return ServiceUnavailable(f"the connection to {what} broke", hint="try again in a moment")


async def read_capped(response: httpx.Response, limit: int = BODY_LIMIT) -> bytes:
    """At most `limit` decoded bytes of a body: error pages and compressed bombs end here."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(parts)[:limit]
