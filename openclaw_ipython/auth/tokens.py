"""A fresh token on demand: one refresh at a time in this program and among programs, and the httpx.Auth
that applies the token.

One refresh is shared by all tasks of a client (one task does it, the others await it) and, through the
store's lock, by all programs: after taking the lock the file is read again, and what somebody else
refreshed meanwhile is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from openclaw_ipython.auth.credentials import TokenGrant, expires_soon
from openclaw_ipython.auth.device_flow import refresh_flow
from openclaw_ipython.auth.login import Granted, carry_out
from openclaw_ipython.config.documents import StoredProfile
from openclaw_ipython.config.locks import Lock
from openclaw_ipython.config.store import Store
from openclaw_ipython.errors import (
    AuthError,
    ConfigError,
    LoginRequired,
    OpenClawError,
    RefreshRejected,
    ServiceError,
    ServiceUnavailable,
    StoreBusy,
)
from openclaw_ipython.safe.secrets import Secret

log = logging.getLogger(__name__)

REFRESH_SECONDS = 20.0  # the whole request; a lock older than 30 s is taken from its holder
REST_SECONDS = 60.0  # a token that is born "expired" is used, and not renewed again within this time


class TokenSource(Protocol):
    """Where the bearer of a request comes from."""

    async def current(self) -> Secret:
        """A token to send now."""

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Another one, after the service answered 401 to `rejected`; None when there is no other."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """An API key, or a token from the environment: it is what it is."""

    value: Secret

    async def current(self) -> Secret:
        """The token."""
        return self.value

    async def renewed(self, rejected: Secret) -> Secret | None:
        """There is no other one."""
        return None


@dataclass(frozen=True, slots=True)
class NoToken:
    """A server that wants no login."""

    async def current(self) -> Secret:
        """Nothing."""
        return Secret("")

    async def renewed(self, rejected: Secret) -> Secret | None:
        """Nothing."""
        return None


class StoredTokens:
    """The tokens of one OAuth profile of the store.

    `clock` is epoch seconds (expiry times are), `pulse` monotonic seconds, `sleep` waits. `warn` is told, in one
    sentence, what the reader should know (a refreshed token that could not be stored).
    """

    def __init__(
        self,
        store: Store,
        profile_id: str,
        *,
        token_url: str,
        client_id: str,
        http: httpx.AsyncClient,
        clock: Callable[[], float],
        pulse: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        warn: Callable[[str], None],
    ) -> None:
        self._store = store
        self._id = profile_id
        self._token_url = token_url
        self._client_id = client_id
        self._http = http
        self._clock = clock
        self._pulse = pulse
        self._sleep = sleep
        self._warn = warn
        self._running: asyncio.Task[Secret] | None = None
        self._unstored: tuple[Secret | None, StoredProfile] | None = None  # the refresh it replaced, and it
        self._renewed_at: float | None = None

    async def current(self) -> Secret:
        """A token that lives at least five more minutes if it can be had, at least a valid one otherwise.

        Raises LoginRequired, RefreshRejected, ServiceError (expired, and renewing failed), StoreBusy.
        """
        profile = self._stored()
        if profile.access and not self._due(profile):
            return profile.access
        try:
            return await self._renew(None)
        except (ServiceError, StoreBusy, RefreshRejected):
            if profile.access and not expires_soon(profile.expires, self._clock(), 0):
                return profile.access  # early renewal failed; the token itself is still good
            raise

    async def renewed(self, rejected: Secret) -> Secret | None:
        """A token other than `rejected`: somebody else's newer one, or a refreshed one."""
        profile = self._stored()
        if profile.access and profile.access != rejected:
            return profile.access
        return await self._renew(rejected)

    def _due(self, profile: StoredProfile) -> bool:
        if not expires_soon(profile.expires, self._clock()):
            return False
        return self._renewed_at is None or self._pulse() - self._renewed_at > REST_SECONDS

    def _stored(self) -> StoredProfile:
        profile = self._store.load().profiles.get(self._id)
        if self._unstored is not None:
            replaced, kept = self._unstored
            if profile is None or profile.refresh == replaced:
                return kept
        if profile is None:
            raise LoginRequired(f"no login for {self._id.partition(':')[0]}", hint="%openclaw login")
        return profile

    async def _renew(self, rejected: Secret | None) -> Secret:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._refresh(rejected), name="openclaw-refresh")
        # shielded: an interrupted cell must not cut a refresh between the service's answer and the file
        return await asyncio.shield(self._running)

    async def _refresh(self, rejected: Secret | None) -> Secret:
        async with self._locked():
            profile = self._stored()
            if profile.access and profile.access != rejected and not self._due(profile):
                log.debug("another program refreshed %s", self._id)
                return profile.access
            if not profile.refresh:
                raise LoginRequired("the login has expired", hint="%openclaw login")
            try:
                grant = await self._exchange(profile.refresh)
            except RefreshRejected:
                after = self._stored()
                if after.access and after.refresh != profile.refresh:
                    return after.access  # an unlocked writer (a login elsewhere) was faster
                raise
            self._renewed_at = self._pulse()
            fresh = replace(
                profile,
                access=grant.access,
                refresh=grant.refresh or profile.refresh,
                expires=int((self._clock() + grant.expires_in) * 1000),
            )
            self._save(fresh, profile.refresh)
            return grant.access

    async def _exchange(self, refresh: Secret) -> TokenGrant:
        log.debug("refreshing %s", self._id)
        flow = refresh_flow(self._token_url, self._client_id, refresh)
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                async with aclosing(
                    carry_out(flow, self._http, self._sleep, "the sign-in service")
                ) as events:
                    async for event in events:
                        if isinstance(event, Granted):
                            return event.grant
        except TimeoutError:
            pass
        raise ServiceUnavailable("the sign-in service did not answer in time", hint="try again in a moment")

    def _save(self, fresh: StoredProfile, replaced: Secret) -> None:
        try:
            self._store.save_profile(self._id, fresh)
            self._unstored = None
        except ConfigError as error:
            self._unstored = replaced, fresh
            self._warn(f"the refreshed login could not be stored ({error}); sign in again after a restart")

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        lock: Lock = self._store.profiles_lock()
        delays = lock.delays()
        while not lock.try_acquire():
            delay = next(delays, None)
            if delay is None:
                raise StoreBusy(
                    "another program holds the lock on the logins",
                    path=self._store.home.auth_profiles,
                    hint="close it, or run the cell again",
                )
            await self._sleep(delay)
        try:
            yield
        finally:
            lock.release()


class BearerAuth(httpx.Auth):
    """Puts the token on a request; after a 401, once, another one. Anything but a 401 is left alone."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self.renewed = False  # whether this request needed a second token, for the footer

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx's protocol: yield requests, be sent responses."""
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
            self._apply(request, other)
            yield request

    @staticmethod
    def _apply(request: httpx.Request, token: Secret) -> None:
        if token:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
