"""Cooldowns of logins after failures: OpenClaw's arithmetic over its `usageStats` records, and the records' storage.

The functions are pure: a record in, a record out; times are epoch milliseconds. The records are shared with OpenClaw:
the numbers and names are those of its releases of early 2026, and unknown keys stay. `LoginStats` reads and writes
the records: failures, the success that ends them, and the first use of a login among several. A success without
earlier failures writes nothing. A record that cannot be written is kept in memory, so that no answer is lost.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import Struct

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit, mapping_at, member_at
from openclaw_ipython.openclaw.profiles import version_edits

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.runtime.env import Runtime

log = logging.getLogger(__name__)

Reason = Literal["rate_limit", "billing", "auth"]
Record = Mapping[str, Any]
Change = Callable[[Record], dict[str, Any]]

_LOCK_ATTEMPTS = 3  # about a second; an answer waits for it
_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_REASONS = {
    "rate_limit": "too many requests",
    "overloaded": "too many requests",
    "billing": "quota or balance used up",
    "auth": "login not accepted",
    "auth_permanent": "login not accepted",
}
_FAILURE_KEYS = ("failureCounts", "lastFailureAt", "cooldownUntil", "disabledUntil", "disabledReason")


class Backoff(Struct, frozen=True):
    """The configurable part of the cooldowns, in milliseconds.

    `billing` is the cooldown after a first billing failure; it doubles with each further one up to `billing_most`.
    After `window` without a failure, counting starts again.
    """

    billing: int = 5 * _HOUR
    billing_most: int = 24 * _HOUR
    window: int = 24 * _HOUR

    @classmethod
    def of(cls, cooldowns: Any, provider_id: str) -> Self:
        """Read `auth.cooldowns` of the configuration for a provider; anything but a number of hours is ignored."""
        settings, of_providers = mapping_at(cooldowns), mapping_at(cooldowns, "billingBackoffHoursByProvider")
        own = {str(k).lower(): v for k, v in of_providers.items()}
        first = _hours(own.get(provider_id.lower())) or _hours(settings.get("billingBackoffHours"))
        return cls(
            max(first or cls().billing, _MINUTE),
            _hours(settings.get("billingMaxHours")) or cls().billing_most,
            _hours(settings.get("failureWindowHours")) or cls().window,
        )


class Cooldown(Struct, frozen=True):
    """The time during which a login is not used after failures: the seconds left, and the reason in words."""

    seconds: float
    why: str

    @property
    def time_left(self) -> str:
        """The seconds left in the largest fitting unit: `45 s`, `25 min`, `5 h`."""
        for size, unit in ((_HOUR, "h"), (_MINUTE, "min")):
            if self.seconds * 1000 > 2 * size:
                return f"{math.ceil(self.seconds * 1000 / size)} {unit}"
        return f"{math.ceil(self.seconds)} s"


def cooldown_of(record: Record, now: int) -> Cooldown | None:
    """The cooldown that a record states at `now`; None when the login may be used."""
    until = max(_time(record, "cooldownUntil"), _time(record, "disabledUntil"))
    if until <= now:
        return None
    disabled = _time(record, "disabledUntil") > now
    reason = record.get("disabledReason") if disabled else _last_reason(record)
    return Cooldown((until - now) / 1000, _REASONS.get(str(reason), "earlier failures"))


def after_failure(record: Record, reason: Reason, now: int, backoff: Backoff) -> dict[str, Any]:
    """The record after one more failure.

    The cooldown is 1, 5, 25, then 60 minutes after rate limits and refused logins, and `backoff` after billing
    failures. A current cooldown is not extended; after a finished one, counting starts again.
    """
    record = _without_old_failures(record, now, backoff)
    counts = dict(mapping_at(record, "failureCounts"))
    counts[reason] = _count(counts, reason) + 1
    after = record | {
        "errorCount": _count(record, "errorCount") + 1,
        "failureCounts": counts,
        "lastFailureAt": now,
    }
    if reason == "billing":
        pause = min(
            backoff.billing * 2 ** min(counts[reason] - 1, 10), max(backoff.billing, backoff.billing_most)
        )
        after |= {"disabledUntil": _time(record, "disabledUntil") or now + pause, "disabledReason": reason}
    else:
        pause = min(_MINUTE * 5 ** min(after["errorCount"] - 1, 3), _HOUR)
        after |= {"cooldownUntil": _time(record, "cooldownUntil") or now + pause}
    return after


def after_success(record: Record, now: int) -> dict[str, Any]:
    """The record after a success: no failures, used now."""
    return without_failures(record) | {"lastUsed": now}


def without_failures(record: Record) -> dict[str, Any]:
    """The record without its failures: after a new login."""
    return {key: value for key, value in record.items() if key not in _FAILURE_KEYS} | {"errorCount": 0}


def has_failures(record: Record) -> bool:
    """Whether the record holds failures."""
    return _count(record, "errorCount") > 0 or any(key in record for key in _FAILURE_KEYS)


def is_refused(record: Record) -> bool:
    """Whether the service refused the login, and has not accepted it since: a success removes the failures."""
    counts = mapping_at(record, "failureCounts")
    return _count(counts, "auth") + _count(counts, "auth_permanent") > 0


def last_used(record: Record) -> int:
    """The time of the last use; 0 if there was none."""
    return _time(record, "lastUsed")


def last_change(record: Record) -> int:
    """The time of the last use or failure; 0 if there was none."""
    return max(_time(record, "lastUsed"), _time(record, "lastFailureAt"))


def _without_old_failures(record: Record, now: int, backoff: Backoff) -> dict[str, Any]:
    over = [key for key in ("cooldownUntil", "disabledUntil") if 0 < _time(record, key) <= now]
    recent = {key: value for key, value in record.items() if key not in over}
    if "disabledUntil" in over:
        recent.pop("disabledReason", None)
    cooling = _time(recent, "cooldownUntil") or _time(recent, "disabledUntil")
    last = _time(record, "lastFailureAt")
    if (over and not cooling) or (last and now - last > backoff.window):
        recent |= {"errorCount": 0}
        recent.pop("failureCounts", None)
    return recent


def _last_reason(record: Record) -> str:
    """The most frequent reason: the record does not hold which failure came last."""
    counts = mapping_at(record, "failureCounts")
    return max(counts, key=lambda reason: _count(counts, reason), default="")


def _count(record: Record, key: str) -> int:
    value = record.get(key)
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _time(record: Record, key: str) -> int:
    """Epoch milliseconds, 0 for anything else."""
    return int(_number(record.get(key), 2**53))


def _hours(value: Any) -> int:
    """A number of hours in milliseconds, 0 for anything else."""
    number = _number(value, 1e6)
    return max(1, int(number * _HOUR)) if number else 0


def _number(value: Any, limit: float) -> float:
    """A positive number below `limit`, 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < limit:
        return 0
    return value


# -- storage --


class LoginStats:
    """The records of one home's logins, by the id of a profile or a key. A key's record is kept in memory only."""

    def __init__(self, store: Store, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._memory: dict[str, dict[str, Any]] = {}
        self._last_used: dict[str, str] = {}

    def record(self, login_id: str) -> Record:
        """The record of a login: the stored one or the one in memory, whichever is newer."""
        stored = self._store.load().stats.get(login_id, {})
        return max((stored, self._memory.get(login_id, {})), key=last_change)

    def cooldown(self, login_id: str) -> Cooldown | None:
        """The current cooldown of a login; None when it may be used."""
        return cooldown_of(self.record(login_id), self._now())

    def last_login(self, provider_id: str) -> str:
        """The id of the login that last worked for a provider in this process; empty before the first use."""
        return self._last_used.get(provider_id, "")

    async def record_failure(self, login_id: str, provider_id: str, reason: Reason) -> None:
        """Start the cooldown of a login that the service refused."""
        log.debug("%s failed: %s", login_id, reason)
        now = self._now()
        if self._last_used.get(provider_id) == login_id:
            del self._last_used[provider_id]
        with suppress(ConfigError):  # an unreadable file is reported by the next question
            backoff = Backoff.of(self._store.load().config.get(("auth", "cooldowns")), provider_id)
            await self._change(login_id, lambda r: after_failure(r, reason, now, backoff))

    async def record_success(self, login_id: str, provider_id: str, *, one_of_several: bool) -> None:
        """End the cooldown of a login that worked.

        `one_of_several`: the provider has other logins, and their order depends on the time of this use.
        """
        now, first = self._now(), self._last_used.get(provider_id) != login_id
        self._last_used[provider_id] = login_id
        with suppress(ConfigError):
            if has_failures(self.record(login_id)) or (one_of_several and first):
                await self._change(login_id, lambda r: after_success(r, now))

    def reset(self, login_id: str) -> None:
        """Remove the failures of a login that was replaced by a new one."""
        self._memory.pop(login_id, None)
        if not has_failures(self.record(login_id)):
            return
        with suppress(ConfigError):
            lock = self._store.profiles_lock()
            if lock.try_acquire():
                try:
                    self._write(login_id, without_failures)
                finally:
                    lock.release()

    def _now(self) -> int:
        return int(self._runtime.clock() * 1000)

    async def _change(self, login_id: str, change: Change) -> None:
        if login_id not in self._store.load().profiles or not await self._written(login_id, change):
            self._memory[login_id] = change(self.record(login_id))
        else:
            self._memory.pop(login_id, None)

    async def _written(self, login_id: str, change: Change) -> bool:
        try:
            lock = self._store.profiles_lock()
            for delay in islice(lock.delays(), _LOCK_ATTEMPTS):
                if lock.try_acquire():
                    break
                await self._runtime.sleep(delay)
            else:
                if not lock.try_acquire():
                    return False
            try:
                self._write(login_id, change)
            finally:
                lock.release()
        except ConfigError as error:
            log.debug("the record of %s was not written: %s", login_id, type(error).__name__)
            return False
        return True

    def _write(self, login_id: str, change: Change) -> None:
        self._store.edit_profiles(lambda document: record_edits(document, login_id, change))


def record_edits(document: Any, login_id: str, change: Change) -> list[Edit]:
    """The edits of a credentials document that change one record of `usageStats`, and nothing else."""
    version = version_edits(document)
    stats = member_at(document, ("usageStats",))
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
