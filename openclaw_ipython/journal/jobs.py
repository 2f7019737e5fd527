"""Jobs of many items that can be taken up again: what each finished item came to.

A job is known by a key that its owner makes of all that shapes it; the same key is the same job, in any process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw_ipython.journal.writer import Behind

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.shelf import Shelf

KEPT_SECONDS = 30 * 86400.0
"""How long the results of a job are kept after the last of them came."""

KEPT_RESULTS = 200_000
"""How many results are kept in all; the oldest go first."""

_PRUNED_EVERY = 2_000  # results


class Stored(NamedTuple):
    """One finished item on its way into the file."""

    job: str
    item: str
    result: str


class Jobs:
    """The jobs of one journal, `most` results in all. `clock` is epoch seconds."""

    def __init__(self, shelf: Shelf, clock: Callable[[], float], most: int = KEPT_RESULTS) -> None:
        self._shelf = shelf
        self._most = most
        self._clock = clock
        self._behind: Behind[Stored] = Behind(self._write)
        self._until_pruned = 0

    def open(self, key: str) -> Job:
        """The job of that key, begun or not. Reads and writes nothing yet."""
        return Job(self, key)

    def store(self, stored: Stored) -> None:
        """Take one result in; it is written a moment later."""
        self._behind.add(stored)

    def flush(self) -> None:
        """Return when everything stored so far is in the file."""
        self._behind.flush()

    def done(self, key: str) -> dict[str, Any]:
        """Item → result. What cannot be read counts as not done."""
        self.flush()
        rows: list[tuple[str, str]] = self._shelf.look(lambda c: _results(c, key), [])
        return {item: json.loads(result) for item, result in rows}

    def forget(self, key: str) -> None:
        """Delete what is kept of a job."""
        self.flush()
        self._shelf.keep(lambda c: c.execute("DELETE FROM results WHERE job = ?", (key,)))

    def _write(self, stored: list[Stored]) -> None:
        now = self._clock()
        if not self._shelf.keep(lambda c: _insert(c, stored, now)):
            return
        self._until_pruned -= len(stored)
        if self._until_pruned <= 0:
            self._until_pruned = _PRUNED_EVERY
            self._shelf.keep(lambda c: _prune(c, now, self._most))


class Job:
    """What is known of one job."""

    def __init__(self, jobs: Jobs, key: str) -> None:
        self._jobs = jobs
        self.key = key

    def done(self) -> dict[str, Any]:
        """Item key → its result, as it was stored, by this process and by those before."""
        return self._jobs.done(self.key)

    def store(self, item: str, result: Any) -> None:
        """Keep what an item came to: any JSON value. Returns at once; a second result replaces the first.

        Raises TypeError or ValueError for what JSON has no form for.
        """
        self._jobs.store(Stored(self.key, item, json.dumps(result, ensure_ascii=False)))

    def flush(self) -> None:
        """Return when everything stored so far is in the file: after that not even a killed process loses it."""
        self._jobs.flush()

    def forget(self) -> None:
        """Delete what is kept of it: the next time it starts from the beginning."""
        self._jobs.forget(self.key)


def _results(connection: sqlite3.Connection, key: str) -> list[tuple[str, str]]:
    return connection.execute("SELECT item, result FROM results WHERE job = ?", (key,)).fetchall()


def _insert(connection: sqlite3.Connection, stored: Iterable[Stored], now: float) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO results (job, item, at, result) VALUES (?, ?, ?, ?)",
        [(job, item, now, result) for job, item, result in stored],
    )


def _prune(connection: sqlite3.Connection, now: float, most: int) -> None:
    """Forget the jobs of long ago, and the oldest results where there are too many."""
    since = now - KEPT_SECONDS
    connection.execute(
        "DELETE FROM results WHERE at < ? AND job NOT IN (SELECT job FROM results WHERE at >= ?)",
        (since, since),
    )
    connection.execute(
        "DELETE FROM results WHERE at < (SELECT at FROM results ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (most - 1,),
    )
