"""Valid tokens of a stored OAuth login, with one refresh at a time in this process and among processes.

All tasks of a client share one refresh. Processes exclude each other with the lock of the login's storage: while
waiting for the lock, and after taking it, the stored login is read again, and a token that another process has
refreshed meanwhile is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.token_grant import TokenGrant, expires_soon
from openclaw_ipython.errors import (
    ConfigError,
    DocumentError,
    LoginRequired,
    OpenClawError,
    RefreshRejected,
    ServiceUnavailable,
    StoreBusy,
)
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.net.http import HttpClient
    from openclaw_ipython.openclaw.locks import LockFile
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.token_stores import ProfileTokenStore
    from openclaw_ipython.qwen_code.credentials import QwenCodeFile
    from openclaw_ipython.runtime.env import Runtime
    from openclaw_ipython.sanitize.secrets import Secret

log = logging.getLogger(__name__)

REPEAT_SECONDS = 60.0  # the shortest time between two refreshes, also for a token whose expiry is in the past
_REREAD_SECONDS = 0.25  # the interval at which a file is re-read that another program may be writing


class StoredTokens:
    """The tokens of one stored OAuth login.

    `store` is its storage. `warn` is called with a sentence for the user, when a refreshed token cannot be stored.
    """

    def __init__(
        self,
        store: ProfileTokenStore | QwenCodeFile,
        *,
        token_url: str,
        client_id: str,
        http: HttpClient,
        runtime: Runtime,
        warn: Callable[[str], None],
    ) -> None:
        self._store = store
        self._token_url = token_url
        self._client_id = client_id
        self._http = http
        self._runtime = runtime
        self._warn = warn
        self._running: asyncio.Task[Secret] | None = None
        self._exchanging = False  # a refresh was sent, and its result is not stored yet
        self._unstored: _Unstored | None = None
        self._renewal: tuple[Secret | None, int | None, float] | None = None  # token, expiry, when it came
        self._refused: tuple[Secret, float] | None = None

    @property
    def name(self) -> str:
        """The login's name in messages."""
        return self._store.name

    async def current(self) -> Secret:
        """A valid token, renewed some minutes before it expires.

        Raises LoginRequired, RefreshRejected, ConfigError, and ServiceError if it has expired and its renewal failed.
        """
        self._store_pending()
        profile = self._stored()
        if profile.access and not self._needs_renewal(profile):
            return profile.access
        urgent = not profile.access or expires_soon(profile.expires, self._runtime.clock(), 0)
        try:
            return await self._renew(profile.access, urgent=urgent)
        except OpenClawError:
            if profile.access and not expires_soon(profile.expires, self._runtime.clock(), 0):
                return profile.access  # the early renewal failed; the token is still valid
            raise

    async def renewed(self, rejected: Secret) -> Secret | None:
        """A token other than `rejected`: one that another process has stored, or a refreshed one."""
        return self._stored_elsewhere(rejected) or await self._renew(rejected, urgent=True)

    async def aclose(self) -> None:
        """Cancel a running refresh; one that was sent to the service is awaited until its result is stored."""
        running = self._running
        if running is None or running.done():
            return
        if not self._exchanging:
            running.cancel()
        await asyncio.wait([running])

    # -- the stored login ---------------------------------------------------------------------

    def _stored(self) -> StoredProfile:
        profile = self._store.read()
        if self._unstored is not None and self._unstored.is_newer_than(profile):
            return self._unstored.fresh
        if profile is None:
            raise LoginRequired(_("{name} is gone", name=self._store.name), hint="%openclaw login")
        return profile

    def _needs_renewal(self, profile: StoredProfile) -> bool:
        if not expires_soon(profile.expires, self._runtime.clock(), self._store.policy.refresh_margin):
            return False
        if self._renewal is None:
            return True
        *renewed, since = self._renewal
        return (
            renewed != [profile.access, profile.expires] or self._runtime.monotonic() - since > REPEAT_SECONDS
        )

    def _stored_elsewhere(self, old: Secret | None) -> Secret | None:
        """A valid stored token other than `old`: another process has renewed the login."""
        profile = self._stored()
        if not profile.access or profile.access == old:
            return None
        if expires_soon(profile.expires, self._runtime.clock(), 0):
            return None
        log.debug("another program renewed %s", self._store.name)
        self._renewal = profile.access, profile.expires, self._runtime.monotonic()
        return profile.access

    # -- the refresh --------------------------------------------------------------------------

    async def _renew(self, old: Secret | None, *, urgent: bool) -> Secret:
        """Refresh the login, or await the refresh that runs. `old` is the token to replace."""
        if self._running is not None and not self._running.done():
            token = await asyncio.shield(self._running)
            if token != old:
                return token
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._refresh(old, urgent), name="openclaw-refresh")
        # shielded: an interrupted cell must not cancel a refresh between the service's answer and its storage
        return await asyncio.shield(self._running)

    async def _refresh(self, old: Secret | None, urgent: bool) -> Secret:
        try:
            return await self._refresh_once(old, urgent)
        except _RefreshRefused as error:
            refused = error.refresh
        rejected = RefreshRejected(
            _("{name} is no longer accepted", name=self._store.name), hint=_(self._store.policy.hint)
        )
        if not await self._changed_since(refused):
            raise rejected
        try:  # another program refreshed without the lock, or the user signed in again
            return await self._refresh_once(old, urgent)
        except _RefreshRefused:
            raise rejected from None

    async def _refresh_once(self, old: Secret | None, urgent: bool) -> Secret:
        async with self._locked(old, urgent) as other:
            if other is not None:
                return other
            profile = self._stored()
            if not profile.refresh:
                raise LoginRequired(_("the login has expired"), hint="%openclaw login")
            self._exchanging = True
            try:
                grant = await self._exchange(profile.refresh)
                fresh = replace(
                    profile,
                    access=grant.access,
                    refresh=grant.refresh or profile.refresh,
                    expires=int((self._runtime.clock() + grant.expires_in) * 1000),
                )
                self._renewal = fresh.access, fresh.expires, self._runtime.monotonic()
                return self._save(fresh, profile.refresh) or grant.access
            finally:
                self._exchanging = False

    @asynccontextmanager
    async def _locked(self, old: Secret | None, urgent: bool) -> AsyncIterator[Secret | None]:
        """Hold the lock of the login. Yields a token that another process has stored meanwhile, or None.

        In a folder where no lock can be made (a read-only one) an `urgent` refresh goes on without it.
        """
        lock = self._store.lock()
        delays = lock.delays()
        other = None
        try:
            while other is None and not self._acquired(lock, urgent):
                delay = next(delays, None)
                if delay is None:
                    raise StoreBusy(
                        _("another program holds the lock of {name}", name=self._store.name),
                        path=self._store.path,
                        hint=_("close it, or run the cell again"),
                    )
                await self._runtime.sleep(delay)
                other = self._stored_elsewhere(old)
            yield other or self._stored_elsewhere(old)
        finally:
            lock.release()

    @staticmethod
    def _acquired(lock: LockFile, urgent: bool) -> bool:
        try:
            return lock.try_acquire()
        except DocumentError:
            if not urgent:
                raise
            return True  # no other process can make a lock there either

    async def _exchange(self, refresh: Secret) -> TokenGrant:
        """Ask the service for new tokens. Raises _RefreshRefused, at once for a token that it refused a moment ago."""
        if self._refused is not None:
            refused, since = self._refused
            if refused == refresh and self._runtime.monotonic() - since < REPEAT_SECONDS:
                raise _RefreshRefused(refresh)
        log.debug("refreshing %s", self._store.name)
        # not loaded by a question with a valid token
        from openclaw_ipython.auth.device_flow import refresh_flow
        from openclaw_ipython.auth.flow_runner import Granted, run_flow

        flow = refresh_flow(self._token_url, self._client_id, refresh)
        try:
            async with asyncio.timeout(self._store.policy.request_timeout):
                async with aclosing(
                    run_flow(flow, self._http, self._runtime.sleep, "the sign-in service")
                ) as events:
                    async for event in events:
                        if isinstance(event, Granted):
                            return event.grant
        except TimeoutError:
            pass
        except RefreshRejected:
            self._refused = refresh, self._runtime.monotonic()
            raise _RefreshRefused(refresh) from None
        raise ServiceUnavailable(
            _("the sign-in service did not answer in time"), hint=_("try again in a moment")
        )

    async def _changed_since(self, refused: Secret) -> bool:
        """Whether the stored login differs from the refused one, now or within the re-read time."""
        reads = round(self._store.policy.reread_timeout / _REREAD_SECONDS)
        for read in range(reads + 1):
            if read:
                await self._runtime.sleep(_REREAD_SECONDS)
            profile = self._store.read()
            if profile is not None and profile.refresh not in (None, refused):
                return True
        return False

    # -- storage ---------------------------------------------------------------------------

    def _save(self, fresh: StoredProfile, replaced: Secret) -> Secret | None:
        """Store the renewed login. If another login was stored meanwhile, that one stays and its token is returned."""
        origin = self._unstored.origin if self._unstored is not None else replaced
        try:
            stored = self._store.read()
            if stored is not None and stored.access and stored.refresh not in (origin, replaced):
                self._unstored = None
                return stored.access
            self._store.write(fresh)
            self._unstored = None
        except ConfigError as error:
            self._unstored = _Unstored(origin, fresh)
            what = _(
                "the refreshed login could not be stored ({error}); sign in again after a restart",
                error=error,
            )
            self._warn(what)
        return None

    def _store_pending(self) -> None:
        """Store a login that could not be stored before, if that is possible without waiting."""
        pending = self._unstored
        if pending is None:
            return
        lock = self._store.lock()
        try:
            if lock.try_acquire():
                if pending.is_newer_than(self._store.read()):
                    self._store.write(pending.fresh)
                self._unstored = None
        except ConfigError:
            pass  # the user was warned, and the token is still in memory
        finally:
            lock.release()


class _Unstored(Struct, frozen=True):
    """A renewed login that is in memory only; `origin` is the refresh token that is still stored."""

    origin: Secret
    fresh: StoredProfile

    def is_newer_than(self, stored: StoredProfile | None) -> bool:
        return stored is None or stored.refresh == self.origin


class _RefreshRefused(Exception):
    """The service refused the token `refresh`. Raised and caught in this module."""

    def __init__(self, refresh: Secret) -> None:
        super().__init__()
        self.refresh = refresh
