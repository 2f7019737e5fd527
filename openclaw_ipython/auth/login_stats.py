"""How the logins of one home stand: the failures and uses written down in `usageStats`, where OpenClaw has them.

Written are failures, the success that ends them, and the first use of a login that competes with others; a
question that simply works writes nothing. What cannot be written is kept in memory: bookkeeping must not cost
an answer. The arithmetic is in `cooldown`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth import cooldown
from openclaw_ipython.auth.cooldown import Backoff, Reason, Record, Rest
from openclaw_ipython.errors import ConfigError
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.locks import Lock
    from openclaw_ipython.openclaw.store import Store

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
Change = Callable[[Record], dict[str, Any]]

_TRIES = 3  # for the lock, about a second: an answer waits for this


class Standing:
    """The records of one home's logins. An id is a profile's, or that of a key, which only lives in memory.

    `clock` is epoch seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._memory: dict[str, dict[str, Any]] = {}
        self._stays: dict[str, str] = {}

    def record(self, login_id: str) -> Record:
        """What is written down about a login, or known here."""
        stored = self._store.load().stats.get(login_id, {})
        return max((stored, self._memory.get(login_id, {})), key=cooldown.last_change)

    def rest(self, login_id: str) -> Rest | None:
        """Whether the login rests now."""
        return cooldown.rest_of(self.record(login_id), self._now())

    def stays(self, provider_id: str) -> str:
        """The login this program has used for a provider and stays with; empty before the first use."""
        return self._stays.get(provider_id, "")

    async def failed(self, login_id: str, provider_id: str, reason: Reason, sleep: Sleep) -> None:
        """The service refused a login: let it rest."""
        log.debug("%s failed: %s", login_id, reason)
        now = self._now()
        if self._stays.get(provider_id) == login_id:
            del self._stays[provider_id]
        with suppress(ConfigError):  # a file that cannot be read has its own error, at the next question
            backoff = Backoff.of(self._store.load().config.get(("auth", "cooldowns")), provider_id)
            await self._change(login_id, lambda r: cooldown.failed(r, reason, now, backoff), sleep)

    async def worked(self, login_id: str, provider_id: str, sleep: Sleep, *, competes: bool) -> None:
        """The service took a login. `competes`: there are others whose turn depends on when this was used."""
        now, first = self._now(), self._stays.get(provider_id) != login_id
        self._stays[provider_id] = login_id
        with suppress(ConfigError):
            if cooldown.has_failures(self.record(login_id)) or (competes and first):
                await self._change(login_id, lambda r: cooldown.worked(r, now), sleep)

    def forgive(self, login_id: str) -> None:
        """The login is a new one: what the old one did does not count."""
        self._memory.pop(login_id, None)
        if not cooldown.has_failures(self.record(login_id)):
            return
        with suppress(ConfigError):
            lock = self._store.profiles_lock()
            if lock.try_acquire():
                try:
                    self._write(login_id, cooldown.forgiven)
                finally:
                    lock.release()

    # -- inside --

    def _now(self) -> int:
        return int(self._clock() * 1000)

    async def _change(self, login_id: str, change: Change, sleep: Sleep) -> None:
        if login_id not in self._store.load().profiles or not await self._written(login_id, change, sleep):
            self._memory[login_id] = change(self.record(login_id))
        else:
            self._memory.pop(login_id, None)

    async def _written(self, login_id: str, change: Change, sleep: Sleep) -> bool:
        try:
            lock = self._store.profiles_lock()
            if not await _acquired(lock, sleep):
                return False
            try:
                self._write(login_id, change)
            finally:
                lock.release()
        except ConfigError as error:
            log.debug("the use of %s was not written down: %s", login_id, type(error).__name__)
            return False
        return True

    def _write(self, login_id: str, change: Change) -> None:
        self._store.edit_profiles(lambda document: record_edits(document, login_id, change))


def record_edits(document: Any, login_id: str, change: Change) -> list[Edit]:
    """The edits of a credentials document that change one record of `usageStats`, and nothing else."""
    version = [] if isinstance(document, Mapping) and "version" in document else [Edit(("version",), 1)]
    stats = document.get("usageStats") if isinstance(document, Mapping) else None
    if not isinstance(stats, Mapping):
        return [*version, Edit(("usageStats",), {login_id: change({})})]
    path = ("usageStats", login_id)
    before = stats.get(login_id)
    if not isinstance(before, Mapping):
        return [*version, Edit(path, change({}))]
    after = change(before)
    return [
        *version,
        *(Edit((*path, key), value) for key, value in after.items() if before.get(key) != value),
        *(Edit((*path, key), REMOVE) for key in before if key not in after),
    ]


async def _acquired(lock: Lock, sleep: Sleep) -> bool:
    if lock.try_acquire():
        return True
    for delay in islice(lock.delays(), _TRIES):
        await sleep(delay)
        if lock.try_acquire():
            return True
    return False
