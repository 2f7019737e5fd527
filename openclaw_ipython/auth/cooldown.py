"""Which login rests after failures, and for how long: OpenClaw's arithmetic over its `usageStats` records.

Pure: a record in, a record out; times are epoch milliseconds. The records are shared with OpenClaw, so the numbers
and names are its own (releases of early 2026), and keys it does not know stay. Reading and writing the file is in
`standing`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from openclaw_ipython.values import dataclass

Reason = Literal["rate_limit", "billing", "auth"]
Record = Mapping[str, Any]

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_WORDS = {
    "rate_limit": "too many requests",
    "overloaded": "too many requests",
    "billing": "quota or balance used up",
    "auth": "login not accepted",
    "auth_permanent": "login not accepted",
}
_FAILING = ("failureCounts", "lastFailureAt", "cooldownUntil", "disabledUntil", "disabledReason")


@dataclass(frozen=True)
class Backoff:
    """How long is rested where that can be configured. Milliseconds.

    `billing` is the first rest after a billing failure, doubled each time up to `billing_most`; after `window`
    without a failure counting starts anew.
    """

    billing: int = 5 * _HOUR
    billing_most: int = 24 * _HOUR
    window: int = 24 * _HOUR

    @classmethod
    def of(cls, cooldowns: Any, provider_id: str) -> Self:
        """As `auth.cooldowns` of the configuration has it for a provider; what is no number of hours is ignored."""
        settings = cooldowns if isinstance(cooldowns, Mapping) else {}
        of_providers = settings.get("billingBackoffHoursByProvider")
        own = (
            {str(k).lower(): v for k, v in of_providers.items()} if isinstance(of_providers, Mapping) else {}
        )
        first = _hours(own.get(provider_id.lower())) or _hours(settings.get("billingBackoffHours"))
        return cls(
            max(first or cls().billing, _MINUTE),
            _hours(settings.get("billingMaxHours")) or cls().billing_most,
            _hours(settings.get("failureWindowHours")) or cls().window,
        )


@dataclass(frozen=True)
class Rest:
    """A login that should not be used now: for how many seconds yet, and why, in words."""

    seconds: float
    why: str

    @property
    def span(self) -> str:
        """The time left, for people: `45 s`, `25 min`, `5 h`."""
        for size, unit in ((_HOUR, "h"), (_MINUTE, "min")):
            if self.seconds * 1000 > 2 * size:
                return f"{math.ceil(self.seconds * 1000 / size)} {unit}"
        return f"{math.ceil(self.seconds)} s"


def rest_of(record: Record, now: int) -> Rest | None:
    """The rest that a record prescribes at `now`; None when the login may be used."""
    until = max(_time(record, "cooldownUntil"), _time(record, "disabledUntil"))
    if until <= now:
        return None
    disabled = _time(record, "disabledUntil") > now
    reason = record.get("disabledReason") if disabled else _last_reason(record)
    return Rest((until - now) / 1000, _WORDS.get(str(reason), "earlier failures"))


def failed(record: Record, reason: Reason, now: int, backoff: Backoff) -> dict[str, Any]:
    """The record after one more failure.

    Rate limits and refused logins rest 1, 5, 25, then 60 minutes; billing rests by `backoff`. A rest that goes on
    is not made longer; counting starts anew after one that is over.
    """
    record = _without_old_failures(record, now, backoff)
    counts = dict(_counts(record)) | {reason: _count(_counts(record), reason) + 1}
    after = record | {
        "errorCount": _count(record, "errorCount") + 1,
        "failureCounts": counts,
        "lastFailureAt": now,
    }
    if reason == "billing":
        rest = min(
            backoff.billing * 2 ** min(counts[reason] - 1, 10), max(backoff.billing, backoff.billing_most)
        )
        after |= {"disabledUntil": _time(record, "disabledUntil") or now + rest, "disabledReason": reason}
    else:
        rest = min(_MINUTE * 5 ** min(after["errorCount"] - 1, 3), _HOUR)
        after |= {"cooldownUntil": _time(record, "cooldownUntil") or now + rest}
    return after


def worked(record: Record, now: int) -> dict[str, Any]:
    """The record after a success: no failures, used now."""
    kept = {key: value for key, value in record.items() if key not in _FAILING}
    return kept | {"errorCount": 0, "lastUsed": now}


def forgiven(record: Record) -> dict[str, Any]:
    """The record after a new login: no failures."""
    return {key: value for key, value in record.items() if key not in _FAILING} | {"errorCount": 0}


def has_failures(record: Record) -> bool:
    """Whether a success or a new login would have something to clear."""
    return _count(record, "errorCount") > 0 or any(key in record for key in _FAILING)


def last_used(record: Record) -> int:
    """When the login was last used; 0 for never."""
    return _time(record, "lastUsed")


def last_change(record: Record) -> int:
    """When something was last written down; 0 for never."""
    return max(_time(record, "lastUsed"), _time(record, "lastFailureAt"))


def _without_old_failures(record: Record, now: int, backoff: Backoff) -> dict[str, Any]:
    over = [key for key in ("cooldownUntil", "disabledUntil") if 0 < _time(record, key) <= now]
    kept = {key: value for key, value in record.items() if key not in over}
    if "disabledUntil" in over:
        kept.pop("disabledReason", None)
    resting = _time(kept, "cooldownUntil") or _time(kept, "disabledUntil")
    last = _time(record, "lastFailureAt")
    if (over and not resting) or (last and now - last > backoff.window):
        kept |= {"errorCount": 0}
        kept.pop("failureCounts", None)
    return kept


def _last_reason(record: Record) -> str:
    """The reason counted most: which failure came last is not written down."""
    counts = _counts(record)
    return max(counts, key=lambda reason: _count(counts, reason), default="")


def _counts(record: Record) -> Mapping[str, Any]:
    counts = record.get("failureCounts")
    return counts if isinstance(counts, Mapping) else {}


def _count(record: Record, key: str) -> int:
    value = record.get(key)
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _time(record: Record, key: str) -> int:
    """Epoch milliseconds, 0 for anything else."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**53:
        return 0
    return int(value)


def _hours(value: Any) -> int:
    """A number of hours in milliseconds, 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        return 0
    return max(1, int(value * _HOUR))
