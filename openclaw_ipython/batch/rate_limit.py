"""How fast may be asked: the window, requests and tokens a minute, and stepping back when a service says so. Pure.

One pacer is shared by all requests of a batch. Time is passed in (monotonic seconds); waiting is the caller's.
What happens after "too many requests" follows TCP's congestion control (RFC 5681): the window is halved once for
all the requests that were under way together, nobody asks until the pause is over, and each round that works opens
the window by one again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 1.0
_GUESSED_OUTPUT = 100.0  # tokens, until the first answers tell


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch keeps to. `concurrency` is the most requests under way; None is no limit."""

    concurrency: int = 32
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def divided(self, workers: int) -> Limits:
        """The share of one of `workers`; together they stay within these limits, but one request each is the least."""
        return Limits(
            max(1, self.concurrency // workers),
            None if self.requests_per_minute is None else self.requests_per_minute / workers,
            None if self.tokens_per_minute is None else self.tokens_per_minute / workers,
        )


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one request: its number, when it was given, and how many tokens it was thought to take."""

    number: int
    at: float
    tokens: float


class Bucket:
    """A budget of so many a minute, that fills evenly: a second's worth may be spent at once, no more.

    Services count by the second too (a sixtieth), and refuse bursts. What is taken may exceed what is there, since one
    request can be larger than a second's worth; then it is waited for.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, self._rate)
        self._level = self._most
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until something may be taken."""
        self._fill(now)
        missing = min(1.0, self._most) - self._level
        return max(0.0, missing / self._rate)

    def owed(self, now: float) -> float:
        """Seconds until it is full, as a new one is."""
        self._fill(now)
        return (self._most - self._level) / self._rate

    def take(self, amount: float, now: float) -> None:
        """Spend; a negative amount is given back."""
        self._fill(now)
        self._level = min(self._most, self._level - amount)

    def _fill(self, now: float) -> None:
        self._level = min(self._most, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Pacer:
    """Says who may ask when. `random` gives 0 to 1.

    `window` is what an earlier pacer of the same job had learned, `rest` its `owed`: seconds in which nobody asks.
    """

    def __init__(
        self,
        limits: Limits,
        now: float,
        random: Callable[[], float],
        window: float | None = None,
        rest: float = 0.0,
    ) -> None:
        self.limits = limits
        self.window = min(float(limits.concurrency), max(1.0, window or limits.concurrency))
        self.running = 0
        self.refusals = 0
        self._random = random
        self._requests = Bucket(limits.requests_per_minute, now) if limits.requests_per_minute else None
        self._tokens = Bucket(limits.tokens_per_minute, now) if limits.tokens_per_minute else None
        self._paused_until = now + rest
        self._given = 0
        self._cut_at = 0  # tickets of a lower number belong to a round that was cut already
        self._in_a_row = 0
        self._output = _GUESSED_OUTPUT
        self._answers = 0

    def wait(self, now: float) -> float | None:
        """Seconds until the next request may be sent: 0 for now, None for "when one of those under way is back"."""
        if self.running >= int(self.window):
            return None
        waits = [self._paused_until - now]
        waits += [bucket.wait(now) for bucket in (self._requests, self._tokens) if bucket is not None]
        return max(0.0, *waits)

    def pause(self, now: float) -> float:
        """Seconds for which nobody asks, because the service wants that."""
        return max(0.0, self._paused_until - now)

    def owed(self, now: float) -> float:
        """The `rest` of a pacer that comes after this one, so that both together stay within the limits."""
        buckets = [bucket.owed(now) for bucket in (self._requests, self._tokens) if bucket is not None]
        return max(self.pause(now), *buckets, 0.0)

    def start(self, characters: int, now: float) -> Ticket:
        """One request is sent. `characters` is the length of its prompt, from which its tokens are guessed."""
        self.running += 1
        ticket = Ticket(self._given, now, characters / 4 + self._output)
        self._given += 1
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(ticket.tokens, now)
        return ticket

    def answered(self, ticket: Ticket, tokens: tuple[int | None, int | None], now: float) -> None:
        """It was answered; `tokens` are those in and out as the service counted them."""
        self.running -= 1
        if ticket.number >= self._cut_at:
            self._in_a_row = 0
            self.window = min(float(self.limits.concurrency), self.window + 1 / self.window)
        came_in, came_out = tokens
        if came_out is not None:
            self._answers = min(self._answers + 1, 100)
            self._output += (came_out - self._output) / self._answers
        if self._tokens is not None and came_in is not None and came_out is not None:
            self._tokens.take(came_in + came_out - ticket.tokens, now)

    def refused(self, ticket: Ticket, retry_after: float | None, now: float) -> None:
        """The service said "too many requests"; `retry_after` is how many seconds it wants to be left alone."""
        self.running -= 1
        self.refusals += 1
        self._not_counted(ticket, now)
        if ticket.number >= self._cut_at:
            self.window = max(1.0, min(self.window, self.running + 1) / 2)
            self._cut_at = self._given
            pause = min(LONGEST_PAUSE, _FIRST_PAUSE * 2**self._in_a_row)
            self._in_a_row += 1
            self._pause(pause * (1 + self._random()) / 2, now)
        if retry_after is not None:
            self._pause(retry_after, now)

    def failed(self, ticket: Ticket, now: float) -> None:
        """It came to nothing in another way, and took no tokens as far as is known."""
        self.running -= 1
        self._not_counted(ticket, now)

    def _not_counted(self, ticket: Ticket, now: float) -> None:
        if self._tokens is not None:
            self._tokens.take(-ticket.tokens, now)

    def _pause(self, seconds: float, now: float) -> None:
        self._paused_until = max(self._paused_until, now + seconds)
