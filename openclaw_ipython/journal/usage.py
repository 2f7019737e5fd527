"""The usage log: one row per request, and sums of them. It holds no prompts and no answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from openclaw_ipython.journal.writer import PrunedTable

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.writer import BestEffortStore

GroupBy = Literal["day", "model", "provider"]

MAX_ROWS = 500_000
"""The number of stored requests (about 60 MB); the oldest are deleted first."""

OK = "ok"
CACHE = "cache"
INTERRUPTED = "interrupted"

_PRUNE_INTERVAL = 1_000  # rows
_RECENT = 1_000  # rows
_NO_ROWS: Sequence[tuple[Any, ...]] = ()
_GROUPS = {
    "day": "date(at, 'unixepoch', 'localtime')",
    "model": "model",
    "provider": "provider",
}


class UsageRecord(NamedTuple):
    """One request. `at` is epoch seconds, `first_text` and `seconds` durations in seconds, `cost` US dollars.

    None means unknown.

    `cached_tokens` and `written_tokens` are the input tokens that were read from the prompt cache and written to it;
    with `upper_bound` the cost is at most `cost`.

    `outcome` is `ok`, `cache` (nothing was sent), `interrupted`, `ended early`, or the name of the error class; `kind`
    is `ask`, or `map` for an item of a batch.
    """

    at: float
    kind: str
    provider: str
    model: str
    outcome: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    thinking_tokens: int | None = None
    first_text: float | None = None
    seconds: float = 0.0
    cost: float | None = None
    written_tokens: int | None = None
    upper_bound: bool = False


class UsageSum(NamedTuple):
    """The sum of the requests of one day, model or provider (`name`).

    `requests` were sent; `replays` came from the cache and are in no other number. `first_text` and `seconds` are
    averages over complete answers. `cost` is the sum over the `priced` requests, None if there are none; that of
    `bounded` ones is an upper bound. `cached_tokens` and `written_tokens` are parts of `input_tokens`.
    """

    name: str
    requests: int = 0
    errors: int = 0
    interrupted: int = 0
    replays: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    thinking_tokens: int = 0
    first_text: float | None = None
    seconds: float | None = None
    cost: float | None = None
    priced: int = 0
    written_tokens: int = 0
    bounded: int = 0


class UsageLog:
    """The requests in one journal, at most `max_rows`."""

    def __init__(self, store: BestEffortStore, max_rows: int = MAX_ROWS) -> None:
        self._store = store
        prune = "DELETE FROM usage WHERE id <= (SELECT max(id) FROM usage) - ?"
        self._table = PrunedTable(store, _PRUNE_INTERVAL, lambda c: c.execute(prune, (max_rows,)))

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add requests. If the journal cannot be written they are kept in memory until it can."""
        self._table.write(lambda c: _insert(c, records), len(records))

    def sums(self, by: GroupBy, since: float) -> list[UsageSum]:
        """The sums since a time (epoch seconds) by day (`2026-11-23`, local time), model or provider.

        Days are in order, models and providers by number of requests. Raises DocumentError, StoreBusy.
        """
        order = "1" if by == "day" else "2 DESC, 1"
        self._store.merge()
        return [
            _sum(*row) for row in self._store.database.read(_grouped(_GROUPS[by], order, since), _NO_ROWS)
        ]

    def daily(self, since: float) -> list[tuple[str, UsageSum]]:
        """(model, sum) for each model and day. Raises DocumentError, StoreBusy."""
        work = _grouped(f"model, {_GROUPS['day']}", "1, 2", since)
        return [(model, _sum(*row)) for model, *row in self._store.database.read(work, _NO_ROWS)]

    def total(self, since: float) -> UsageSum:
        """The sum of all requests since then; an empty sum if the journal has none or cannot be read."""
        rows = self._store.read(_grouped("''", "1", since), _NO_ROWS)
        return _sum(*rows[0]) if rows else UsageSum("")

    def past_answers(self, model: str, kind: str) -> tuple[float | None, float | None]:
        """The means of the tokens and the seconds of the last complete answers of a model; None without any."""
        query = """SELECT avg(output_tokens), avg(seconds) FROM (SELECT output_tokens, seconds FROM usage
            WHERE model = ? AND kind = ? AND outcome = ? ORDER BY id DESC LIMIT ?)"""
        found = self._store.read(
            lambda c: c.execute(query, (model, kind, OK, _RECENT)).fetchone(), (None, None)
        )
        return found[0], found[1]

    def count(self, provider: str, since: float) -> int:
        """The number of requests sent to a provider since then."""
        query = "SELECT count(*) FROM usage WHERE at >= ? AND provider = ? AND outcome <> ?"
        values = (since, provider, CACHE)
        (count,) = self._store.read(lambda c: c.execute(query, values).fetchone(), (0,))
        return int(count)


def _insert(connection: sqlite3.Connection, records: Sequence[UsageRecord]) -> None:
    names, places = ", ".join(UsageRecord._fields), ", ".join("?" * len(UsageRecord._fields))
    connection.executemany(f"INSERT INTO usage ({names}) VALUES ({places})", records)  # noqa: S608


def _grouped(
    groups: str, order: str, since: float
) -> Callable[[sqlite3.Connection], Sequence[tuple[Any, ...]]]:
    sent, done = f"outcome <> '{CACHE}'", f"outcome = '{OK}'"
    query = f"""
        SELECT {groups}, sum({sent}), sum({sent} AND outcome NOT IN ('{OK}', '{INTERRUPTED}')),
            sum(outcome = '{INTERRUPTED}'), sum(outcome = '{CACHE}'),
            total(input_tokens), total(output_tokens), total(cached_tokens), total(thinking_tokens),
            avg(CASE WHEN {done} THEN first_text END), avg(CASE WHEN {done} THEN seconds END),
            sum(cost), count(cost), cast(total(written_tokens) AS INTEGER), sum(upper_bound)
        FROM usage WHERE at >= ? GROUP BY {groups} ORDER BY {order}"""  # noqa: S608 - parts of this file only
    return lambda connection: connection.execute(query, (since,)).fetchall()


def _sum(name: str, *columns: Any) -> UsageSum:
    return UsageSum(name, *columns[:4], *map(int, columns[4:8]), *columns[8:])
