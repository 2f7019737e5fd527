"""The Authorization header: sources of tokens, and the Auth that applies them. Stored logins are in `tokens`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from msgspec import Struct

from openclaw_ipython.errors import AuthError, OpenClawError
from openclaw_ipython.net.http import Auth, Request, Response, discard
from openclaw_ipython.sanitize.secrets import Secret


class TokenSource(Protocol):
    """A source of bearer tokens."""

    async def current(self) -> Secret:
        """The token for the next request."""

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another token, after a 401 for `rejected`; None if there is none."""


class FixedToken(Struct, frozen=True):
    """An API key, or another token that cannot be renewed; an empty one for a server without a login."""

    value: Secret = Secret("")

    async def current(self) -> Secret:
        """The token."""
        return self.value

    async def renewed(self, rejected: Secret) -> Secret | None:
        """None."""
        return None


class RecentToken:
    """The token of another source, kept for `seconds`.

    A stored login is read from its files for each request. For a batch of many requests a second that is too slow.
    """

    def __init__(self, tokens: TokenSource, monotonic: Callable[[], float], seconds: float = 0.1) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
        self._seconds = seconds
        self._latest: tuple[Secret, float] | None = None

    async def current(self) -> Secret:
        """The token, at most `seconds` old."""
        now = self._monotonic()
        if self._latest is None or now - self._latest[1] > self._seconds:
            self._latest = await self._tokens.current(), now
        return self._latest[0]

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another token, from the other source."""
        self._latest = None
        return await self._tokens.renewed(rejected)


class BearerAuth(Auth):
    """Adds the token to a request; after a 401 it repeats the request once with another token."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self.renewed = False  # whether the request needed a second token, for the footer

    async def async_auth_flow(self, request: Request) -> AsyncGenerator[Request, Response]:
        """httpx's protocol of an Auth: yield requests, be sent responses."""
        token = await self._tokens.current()
        self._apply(request, token)
        response = yield request
        if response.status_code != 401:
            return
        try:
            other = await self._tokens.renewed(token)
        except AuthError:
            raise
        except OpenClawError:
            return  # the renewal failed for another reason; the caller reports the 401
        if other is not None:
            self.renewed = True
            await discard(response)
            self._apply(request, other)
            yield request

    @staticmethod
    def _apply(request: Request, token: Secret) -> None:
        if token:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
