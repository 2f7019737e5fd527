"""What goes into the Authorization header: where a token comes from, and the Auth that applies it.

A source is asked for each request. Renewing a stored login is in `tokens`; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from openclaw_ipython.errors import AuthError, OpenClawError
from openclaw_ipython.net.client import Auth, Request, Response, discard
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.values import dataclass


class TokenSource(Protocol):
    """Where the bearer of a request comes from."""

    async def current(self) -> Secret:
        """A token to send now."""

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another one, after the service answered 401 to `rejected`; None when there is no other."""


@dataclass(frozen=True)
class FixedToken:
    """An API key, or a token from the environment: it is what it is."""

    value: Secret

    async def current(self) -> Secret:
        """The token."""
        return self.value

    async def renewed(self, rejected: Secret) -> Secret | None:
        """There is no other one."""
        return None


@dataclass(frozen=True)
class NoToken:
    """A server that wants no login."""

    async def current(self) -> Secret:
        """Nothing."""
        return Secret("")

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Nothing."""
        return None


class RecentToken:
    """The token of another source, which is asked again after `seconds`: for hundreds of requests a second.

    A stored login is looked at in its files for each request, so that what another program does to it counts at once;
    a batch can do with a moment later. `monotonic` is monotonic seconds.
    """

    def __init__(self, tokens: TokenSource, monotonic: Callable[[], float], seconds: float = 0.1) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
        self._seconds = seconds
        self._known: tuple[Secret, float] | None = None

    async def current(self) -> Secret:
        """The token, at most `seconds` old."""
        now = self._monotonic()
        if self._known is None or now - self._known[1] > self._seconds:
            self._known = await self._tokens.current(), now
        return self._known[0]

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another one, by the other source."""
        self._known = None
        return await self._tokens.renewed(rejected)


class BearerAuth(Auth):
    """Puts the token on a request; after a 401, once, another one. Anything but a 401 is left alone."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self.renewed = False  # whether this request needed a second token, for the footer

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
            return  # renewing failed for another reason: the 401 itself is what there is to report
        if other is not None:
            self.renewed = True
            await discard(response)
            self._apply(request, other)
            yield request

    @staticmethod
    def _apply(request: Request, token: Secret) -> None:
        if token:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
