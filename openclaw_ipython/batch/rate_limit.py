"""When the next request of a batch may be sent: concurrency, requests and tokens per minute, and backing off. Pure.

All requests of a batch share one rate limiter. Times are monotonic seconds and passed in; the caller waits. After "too
many requests" it follows the congestion control of TCP (RFC 5681): the window is halved once for all requests that
were in flight together, none is sent until the pause is over, and each successful round widens the window by one.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

MAX_PAUSE = 60.0
_FIRST_PAUSE = 1.0
_ASSUMED_OUTPUT = 100.0  # tokens, until there are answers to average


class Limits(Struct, frozen=True):
    """The limits of a batch. `concurrency` is the most requests in flight; None means no limit."""

    concurrency: int = 32
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def share(self, workers: int) -> Limits:
        """The limits of one of several workers, which together stay within these; at least one request at a time."""
        return Limits(
            max(1, self.concurrency // workers),
            None if self.requests_per_minute is None else self.requests_per_minute / workers,
            None if self.tokens_per_minute is None else self.tokens_per_minute / workers,
        )


class Permit(Struct, frozen=True):
    """Permission to send one request: its number, the time it was given, and the estimated tokens."""

    number: int
    at: float
    tokens: float


class TokenBucket:
    """A budget per minute that fills evenly and holds one second's worth.

    Services count per second too (a sixtieth) and refuse bursts. The level may become negative, since one request can
    exceed a second's worth.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60
        self._capacity = max(1.0, self._rate)
        self._level = self._capacity
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until something may be taken."""
        self._fill(now)
        missing = min(1.0, self._capacity) - self._level
        return max(0.0, missing / self._rate)

    def seconds_to_full(self, now: float) -> float:
        """Seconds until the bucket is full, as a new one is."""
        self._fill(now)
        return (self._capacity - self._level) / self._rate

    def take(self, amount: float, now: float) -> None:
        """Take an amount; a negative one is given back."""
        self._fill(now)
        self._level = min(self._capacity, self._level - amount)

    def _fill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class RateLimiter:
    """Decides when requests may be sent. `random` returns 0 to 1.

    `window` and `delay` come from the rate limiter of an earlier chunk: the window it had reached, and its
    `next_delay`, in seconds before the first request.
    """

    def __init__(
        self,
        limits: Limits,
        now: float,
        random: Callable[[], float],
        window: float | None = None,
        delay: float = 0.0,
    ) -> None:
        self.limits = limits
        self.window = min(float(limits.concurrency), max(1.0, window or limits.concurrency))
        self.running = 0
        self.refusals = 0
        self._random = random
        self._requests = TokenBucket(limits.requests_per_minute, now) if limits.requests_per_minute else None
        self._tokens = TokenBucket(limits.tokens_per_minute, now) if limits.tokens_per_minute else None
        self._paused_until = now + delay
        self._permits = 0
        self._cut_at = 0  # permits below this number belong to a round whose window was cut already
        self._cuts_in_a_row = 0
        self._mean_output = _ASSUMED_OUTPUT
        self._answers = 0

    def wait(self, now: float) -> float | None:
        """Seconds until the next request may be sent: 0 for now, None for "when one in flight has ended"."""
        if self.running >= int(self.window):
            return None
        waits = [self._paused_until - now]
        waits += [bucket.wait(now) for bucket in (self._requests, self._tokens) if bucket is not None]
        return max(0.0, *waits)

    def pause(self, now: float) -> float:
        """Seconds that remain of the pause after "too many requests"."""
        return max(0.0, self._paused_until - now)

    def next_delay(self, now: float) -> float:
        """The `delay` of the next rate limiter, so that both together stay within the limits."""
        buckets = [b.seconds_to_full(now) for b in (self._requests, self._tokens) if b is not None]
        return max(self.pause(now), *buckets, 0.0)

    def start(self, characters: int, now: float) -> Permit:
        """A request is sent. Its tokens are estimated from `characters`, the length of the prompt."""
        self.running += 1
        permit = Permit(self._permits, now, characters / 4 + self._mean_output)
        self._permits += 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(permit.tokens, now)
        return permit

    def answered(self, permit: Permit, tokens: tuple[int | None, int | None], now: float) -> None:
        """The request was answered; `tokens` are input and output as the service counted them."""
        self.running -= 1
        if permit.number >= self._cut_at:
            self._cuts_in_a_row = 0
            self.window = min(float(self.limits.concurrency), self.window + 1 / self.window)
        inputs, outputs = tokens
        if outputs is not None:
            self._answers = min(self._answers + 1, 100)
            self._mean_output += (outputs - self._mean_output) / self._answers
        if self._tokens is not None and inputs is not None and outputs is not None:
            self._tokens.take(inputs + outputs - permit.tokens, now)

    def refused(self, permit: Permit, retry_after: float | None, now: float) -> None:
        """The service answered "too many requests", with `Retry-After` in seconds if it named one."""
        self.refusals += 1
        self.failed(permit, now)
        if permit.number >= self._cut_at:
            self.window = max(1.0, min(self.window, self.running + 1) / 2)
            self._cut_at = self._permits
            pause = min(MAX_PAUSE, _FIRST_PAUSE * 2**self._cuts_in_a_row)
            self._cuts_in_a_row += 1
            self._pause(pause * (1 + self._random()) / 2, now)
        if retry_after is not None:
            self._pause(retry_after, now)

    def failed(self, permit: Permit, now: float) -> None:
        """The request failed in another way; its estimated tokens are given back."""
        self.running -= 1
        if self._tokens is not None:
            self._tokens.take(-permit.tokens, now)

    def _pause(self, seconds: float, now: float) -> None:
        self._paused_until = max(self._paused_until, now + seconds)
