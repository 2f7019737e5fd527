"""A fresh token on demand: one refresh at a time in this program and among programs.

One refresh is shared by all tasks of a client (one task does it, the others await it) and, through the
lock of the place where the login lives, by all programs: while waiting for the lock and after taking it the
file is read again, and what somebody else refreshed meanwhile is used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.auth.types import TokenGrant, expires_soon
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
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from openclaw_ipython.net.client import HttpClient
    from openclaw_ipython.openclaw.locks import Lock
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.token_stores import TokenStore

log = logging.getLogger(__name__)

REST_SECONDS = 60.0  # a token that is born "expired" is used, and not renewed within this time
_LOOK_SECONDS = 0.25  # between two looks at a file that somebody else may be writing


class StoredTokens:
    """The tokens of one OAuth login that is written down somewhere (`home`).

    `clock` is epoch seconds (expiry times are), `monotonic` monotonic seconds, `sleep` waits. `warn` is told, in one
    sentence, what the reader should know (a refreshed token that could not be stored).
    """

    def __init__(
        self,
        home: TokenStore,
        *,
        token_url: str,
        client_id: str,
        http: HttpClient,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        warn: Callable[[str], None],
    ) -> None:
        self._home = home
        self._token_url = token_url
        self._client_id = client_id
        self._http = http
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._warn = warn
        self._running: asyncio.Task[Secret] | None = None
        self._asking = False  # the service was asked, and its answer is not written yet
        self._unstored: _Unstored | None = None
        self._new: tuple[_Life, float] | None = None  # what a renewal brought, and when
        self._refused: tuple[Secret, float] | None = None

    @property
    def name(self) -> str:
        """What the login is called in sentences."""
        return self._home.name

    async def current(self) -> Secret:
        """A token that lives some minutes more if it can be had, at least a valid one otherwise.

        Raises LoginRequired, RefreshRejected, ServiceError (expired, and renewing failed), ConfigError.
        """
        self._store_late()
        profile = self._stored()
        if profile.access and not self._due(profile):
            return profile.access
        urgent = not profile.access or expires_soon(profile.expires, self._clock(), 0)
        try:
            return await self._renew(profile.access, urgent=urgent)
        except OpenClawError:
            if profile.access and not expires_soon(profile.expires, self._clock(), 0):
                return profile.access  # early renewal failed; the token itself is still good
            raise

    async def renewed(self, rejected: Secret) -> Secret | None:
        """A token other than `rejected`: somebody else's newer one, or a refreshed one."""
        return self._delivered(rejected) or await self._renew(rejected, urgent=True)

    async def aclose(self) -> None:
        """End what goes on. A refresh that the service may have carried out is not cut off before it is written."""
        running = self._running
        if running is None or running.done():
            return
        if not self._asking:
            running.cancel()
        await asyncio.wait([running])

    # -- what is there ---------------------------------------------------------------------

    def _stored(self) -> StoredProfile:
        profile = self._home.read()
        if self._unstored is not None and self._unstored.is_newer_than(profile):
            return self._unstored.fresh
        if profile is None:
            raise LoginRequired(_("{name} is gone", name=self._home.name), hint="%openclaw login")
        return profile

    def _due(self, profile: StoredProfile) -> bool:
        if not expires_soon(profile.expires, self._clock(), self._home.policy.refresh_margin):
            return False
        if self._new is None:
            return True
        life, since = self._new
        return life != _life(profile) or self._monotonic() - since > REST_SECONDS

    def _delivered(self, spent: Secret | None) -> Secret | None:
        """A living token other than `spent`: somebody else was faster."""
        profile = self._stored()
        if not profile.access or profile.access == spent:
            return None
        if expires_soon(profile.expires, self._clock(), 0):
            return None
        log.debug("another program renewed %s", self._home.name)
        self._new = _life(profile), self._monotonic()
        return profile.access

    # -- renewing --------------------------------------------------------------------------

    async def _renew(self, spent: Secret | None, *, urgent: bool) -> Secret:
        """One refresh for all tasks that need one. `spent` is what shall not be used again."""
        if self._running is not None and not self._running.done():
            token = await asyncio.shield(self._running)
            if token != spent:
                return token
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._refresh(spent, urgent), name="openclaw-refresh")
        # shielded: an interrupted cell must not cut a refresh between the service's answer and the file
        return await asyncio.shield(self._running)

    async def _refresh(self, spent: Secret | None, urgent: bool) -> Secret:
        try:
            return await self._refresh_once(spent, urgent)
        except _Refused as refused:
            dead = refused.refresh
        rejected = RefreshRejected(
            _("{name} is no longer accepted", name=self._home.name), hint=_(self._home.policy.hint)
        )
        if not await self._somebody_wrote(dead):
            raise rejected
        try:  # somebody who did not wait for the lock was faster, or signed in anew
            return await self._refresh_once(spent, urgent)
        except _Refused:
            raise rejected from None

    async def _refresh_once(self, spent: Secret | None, urgent: bool) -> Secret:
        async with self._turn(spent, urgent) as delivered:
            if delivered is not None:
                return delivered
            profile = self._stored()
            if not profile.refresh:
                raise LoginRequired(_("the login has expired"), hint="%openclaw login")
            self._asking = True
            try:
                grant = await self._exchange(profile.refresh)
                fresh = replace(
                    profile,
                    access=grant.access,
                    refresh=grant.refresh or profile.refresh,
                    expires=int((self._clock() + grant.expires_in) * 1000),
                )
                self._new = _life(fresh), self._monotonic()
                return self._save(fresh, profile.refresh) or grant.access
            finally:
                self._asking = False

    @asynccontextmanager
    async def _turn(self, spent: Secret | None, urgent: bool) -> AsyncIterator[Secret | None]:
        """Inside, it is our turn to refresh, unless another program did meanwhile: then its token is given.

        Where no lock can be made (a read-only folder), an `urgent` refresh goes on without one.
        """
        lock = self._home.lock()
        delays = lock.delays()
        delivered = None
        try:
            while delivered is None and not self._acquired(lock, urgent):
                delay = next(delays, None)
                if delay is None:
                    raise self._busy()
                await self._sleep(delay)
                delivered = self._delivered(spent)
            yield delivered or self._delivered(spent)
        finally:
            lock.release()

    @staticmethod
    def _acquired(lock: Lock, urgent: bool) -> bool:
        try:
            return lock.try_acquire()
        except DocumentError:
            if not urgent:
                raise
            return True  # nobody else can make a lock there either

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            _("another program holds the lock of {name}", name=self._home.name),
            path=self._home.path,
            hint=_("close it, or run the cell again"),
        )

    async def _exchange(self, refresh: Secret) -> TokenGrant:
        """Ask the service. Raises _Refused, at once for what it refused a moment ago."""
        if self._refused is not None:
            dead, since = self._refused
            if dead == refresh and self._monotonic() - since < REST_SECONDS:
                raise _Refused(refresh)
        log.debug("refreshing %s", self._home.name)
        from openclaw_ipython.auth.device_flow import (
            refresh_flow,  # loaded when a token is due, not at every start
        )
        from openclaw_ipython.auth.login import Granted, carry_out

        flow = refresh_flow(self._token_url, self._client_id, refresh)
        try:
            async with asyncio.timeout(self._home.policy.request_timeout):
                async with aclosing(
                    carry_out(flow, self._http, self._sleep, "the sign-in service")
                ) as events:
                    async for event in events:
                        if isinstance(event, Granted):
                            return event.grant
        except TimeoutError:
            pass
        except RefreshRejected:
            self._refused = refresh, self._monotonic()
            raise _Refused(refresh) from None
        raise ServiceUnavailable(
            _("the sign-in service did not answer in time"), hint=_("try again in a moment")
        )

    async def _somebody_wrote(self, refused: Secret) -> bool:
        """Whether there is another login than the refused one, now or within the second look."""
        looks = round(self._home.policy.reread_timeout / _LOOK_SECONDS)
        for look in range(looks + 1):
            if look:
                await self._sleep(_LOOK_SECONDS)
            profile = self._home.read()
            if profile is not None and profile.refresh not in (None, refused):
                return True
        return False

    # -- keeping ---------------------------------------------------------------------------

    def _save(self, fresh: StoredProfile, replaced: Secret) -> Secret | None:
        """Write the renewed login down. What somebody else signed in to meanwhile stays: its token is given."""
        origin = self._unstored.origin if self._unstored is not None else replaced
        try:
            stored = self._home.read()
            if stored is not None and stored.access and stored.refresh not in (origin, replaced):
                self._unstored = None
                return stored.access
            self._home.write(fresh)
            self._unstored = None
        except ConfigError as error:
            self._unstored = _Unstored(origin, fresh)
            self._warn(f"the refreshed login could not be stored ({error}); sign in again after a restart")
        return None

    def _store_late(self) -> None:
        """Write down what could not be written before, if that works by now; without waiting."""
        kept = self._unstored
        if kept is None:
            return
        lock = self._home.lock()
        try:
            if lock.try_acquire():
                if kept.is_newer_than(self._home.read()):
                    self._home.write(kept.fresh)
                self._unstored = None
        except ConfigError:
            pass  # it was said once, and the token is still here
        finally:
            lock.release()


_Life = tuple[Secret | None, int | None]


def _life(profile: StoredProfile) -> _Life:
    """A token and its end."""
    return profile.access, profile.expires


@dataclass(frozen=True)
class _Unstored:
    """A renewed login that is in memory only; `origin` is the refresh token that the file still holds."""

    origin: Secret
    fresh: StoredProfile

    def is_newer_than(self, stored: StoredProfile | None) -> bool:
        return stored is None or stored.refresh == self.origin


class _Refused(Exception):
    """The service does not take `refresh` (any more). Inside this file only."""

    def __init__(self, refresh: Secret) -> None:
        super().__init__()
        self.refresh = refresh
