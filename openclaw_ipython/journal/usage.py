"""What was asked and what it took: one row a request, and their sums. No prompt and no answer is in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.shelf import Shelf

By = Literal["day", "model", "provider"]

KEPT_ROWS = 500_000
"""How many requests are remembered (about 60 MB); the oldest go first."""

OK = "ok"
CACHE = "cache"
INTERRUPTED = "interrupted"

_PRUNED_EVERY = 1_000  # rows
_GROUPS = {
    "day": "date(at, 'unixepoch', 'localtime')",
    "model": "model",
    "provider": "provider",
}


class Request(NamedTuple):
    """One request as it went. `at` is epoch seconds, spans are seconds, `cost` US dollars; None: not known.

    `outcome` is `ok`, `cache` (nothing was sent), `interrupted`, `ended early`, or the name of the error; `kind` is
    `ask`, or `map` for one of many.
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


class Sum(NamedTuple):
    """What the requests of one day, model or provider come to.

    `requests` were sent; `replays` came from the cache and are in no other number. `first_text` and `seconds` are
    averages over the answers that were complete; `cost` is None where no price is known, and counts the
    `priced` requests.
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


class UsageLog:
    """The requests in one journal, `most` of them."""

    def __init__(self, shelf: Shelf, most: int = KEPT_ROWS) -> None:
        self._shelf = shelf
        self._most = most
        self._until_pruned = 0

    def add(self, requests: Sequence[Request]) -> None:
        """Write requests down. What cannot be written is let go."""
        if not self._shelf.keep(lambda c: _insert(c, requests)):
            return
        self._until_pruned -= len(requests)
        if self._until_pruned <= 0:
            self._until_pruned = _PRUNED_EVERY
            self._shelf.keep(lambda c: _prune(c, self._most))

    def sums(self, by: By, since: float) -> list[Sum]:
        """The requests since then (epoch seconds), by day (`2026-11-23`, of this machine's clock), model or provider.

        Days in order, the others by how much they were asked. Raises DocumentError, StoreBusy.
        """
        order = "1" if by == "day" else "2 DESC, 1"
        return self._shelf.database.read(_summing(_GROUPS[by], "at >= ?", order, (since,)), [])

    def daily(self, since: float) -> list[tuple[str, Sum]]:
        """Model and sums, for each day (the name of the sum) and model. Raises DocumentError, StoreBusy."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, Sum]]:
            models = connection.execute("SELECT DISTINCT model FROM usage WHERE at >= ? ORDER BY 1", (since,))
            found = []
            for (model,) in models.fetchall():
                summing = _summing(_GROUPS["day"], "at >= ? AND model = ?", "1", (since, model))
                found += [(model, one) for one in summing(connection)]
            return found

        return self._shelf.database.read(work, [])

    def total(self, since: float) -> Sum:
        """All requests since then as one sum; an empty one where nothing is known."""
        nothing: list[Sum] = []
        found = self._shelf.look(_summing("''", "at >= ?", "1", (since,)), nothing)
        return found[0] if found else Sum("")

    def count(self, provider: str, since: float) -> int:
        """How many requests were sent to a provider since then."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM usage WHERE at >= ? AND provider = ? AND outcome <> ?",
                (since, provider, CACHE),
            ).fetchone()
            return int(count)

        return self._shelf.look(work, 0)


def _insert(connection: sqlite3.Connection, requests: Sequence[Request]) -> None:
    places = ", ".join("?" * len(Request._fields))
    connection.executemany(f"INSERT INTO usage ({', '.join(Request._fields)}) VALUES ({places})", requests)  # noqa: S608


def _prune(connection: sqlite3.Connection, most: int) -> None:
    connection.execute("DELETE FROM usage WHERE id <= (SELECT max(id) FROM usage) - ?", (most,))


def _summing(
    group: str, where: str, order: str, values: Sequence[object]
) -> Callable[[sqlite3.Connection], list[Sum]]:
    sent, done = f"outcome <> '{CACHE}'", f"outcome = '{OK}'"
    query = f"""
        SELECT {group}, sum({sent}), sum({sent} AND outcome NOT IN ('{OK}', '{INTERRUPTED}')),
            sum(outcome = '{INTERRUPTED}'), sum(outcome = '{CACHE}'),
            total(input_tokens), total(output_tokens), total(cached_tokens), total(thinking_tokens),
            avg(CASE WHEN {done} THEN first_text END), avg(CASE WHEN {done} THEN seconds END),
            sum(cost), count(cost)
        FROM usage WHERE {where} GROUP BY 1 ORDER BY {order}"""  # noqa: S608 - parts of this file only

    def work(connection: sqlite3.Connection) -> list[Sum]:
        rows = connection.execute(query, tuple(values)).fetchall()
        return [Sum(row[0], *row[1:5], *map(int, row[5:9]), *row[9:]) for row in rows]

    return work
