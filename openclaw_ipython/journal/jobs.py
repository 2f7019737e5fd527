"""Resumable jobs of many items: the result of each finished item.

A job is identified by a key that its owner computes; the same key is the same job in any process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.writer import PrunedTable, WriteBehindQueue

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.journal.writer import BestEffortStore

MAX_AGE = 30 * 86400.0
"""Seconds after its last result until a job is deleted."""

MAX_RESULTS = 200_000
"""The number of results of all jobs; the oldest are deleted first."""

BATCHES = "batches"
"""The key of the job with the batches that are under way on a service. Its results do not give way to others."""

CLAIM_AGE = 26 * 3600.0
"""Seconds after which a running call is taken for ended: services answer a batch within a day."""

_CLAIMS = "claims"
_HELD: set[str] = set()
"""The keys of the jobs that calls of this process have: a claim that an interrupt has left is none of them."""

_PRUNE_INTERVAL = 2_000  # results


class Jobs:
    """The jobs of one journal, at most `max_results` of all of them. `clock` returns epoch seconds."""

    def __init__(
        self, store: BestEffortStore, clock: Callable[[], float], max_results: int = MAX_RESULTS
    ) -> None:
        self.store = store
        self.queue: WriteBehindQueue[tuple[str, str, str]] = WriteBehindQueue(self._write)
        self._table = PrunedTable(store, _PRUNE_INTERVAL, lambda c: _prune(c, clock(), max_results))
        self.clock = clock

    def open(self, key: str) -> Job:
        """The job with that key, which may be new. Reads and writes nothing yet."""
        return Job(self, key)

    def _write(self, results: list[tuple[str, str, str]]) -> None:
        now = self.clock()
        self._table.write(lambda c: _insert(c, results, now), len(results))


class Job:
    """The results of one job."""

    def __init__(self, jobs: Jobs, key: str) -> None:
        self._jobs = jobs
        self.key = key

    def results(self) -> dict[str, Any]:
        """Item → result, of this process and of earlier ones; nothing if the journal cannot be read."""
        self.flush()
        none: list[tuple[str, str]] = []
        query = "SELECT item, result FROM results WHERE job = ?"
        rows = self._jobs.store.read(
            lambda c: c.execute(query, (self.key,)).fetchall(), none, lambda file, memory: [*file, *memory]
        )
        return {item: json.loads(result) for item, result in rows}

    def store(self, item: str, result: Any) -> None:
        """Store the result of an item, any JSON value. Returns at once; a second result replaces the first.

        Raises TypeError or ValueError if the value has no JSON form.
        """
        self._jobs.queue.add((self.key, item, json.dumps(result, ensure_ascii=False)))

    def flush(self) -> None:
        """Return when every stored result is in the file, where it survives a killed process, or else in memory."""
        self._jobs.queue.flush()

    @property
    def error(self) -> OpenClawError | None:
        """Why results are in memory only; None while all of them are in the file."""
        return self._jobs.store.stand_in.error

    def claim(self) -> Callable[[], object]:
        """Take the job for one running call, until the returned function is called or this process ends.

        Raises StoreBusy while another call has it, and the error of a journal that cannot be written.
        """
        from openclaw_ipython.journal.spending import is_alive, this_process  # only batches have claims

        store, now, mine = self._jobs.store, self._jobs.clock(), this_process()

        def take(c: sqlite3.Connection) -> str:
            query = "SELECT result FROM results WHERE job = ? AND item = ? AND at > ?"
            found = c.execute(query, (_CLAIMS, self.key, now - CLAIM_AGE)).fetchone()
            if found is not None and (self.key in _HELD if found[0] == mine else is_alive(found[0])):
                return str(found[0])
            _insert(c, [(_CLAIMS, self.key, mine)], now)
            return ""

        if (error := store.check()) is not None:
            raise error
        if other := store.database.write(take):
            host, pid, _started = other.rsplit(" ", 2)
            raise StoreBusy(
                _("the same call is running in process {pid} of {host}", pid=pid, host=host),
                path=store.database.path,
                hint=_("wait until it ends; if it is interrupted there, this call continues it"),
            )
        _HELD.add(self.key)
        delete = "DELETE FROM results WHERE job = ? AND item = ? AND result = ?"

        def give_back() -> None:
            _HELD.discard(self.key)
            store.write(lambda c: c.execute(delete, (_CLAIMS, self.key, mine)))

        return give_back

    def delete(self, item: str | None = None) -> None:
        """Delete the result of an item; for None all results, so that the job starts from the beginning next time."""
        self.flush()
        delete = "DELETE FROM results WHERE job = ? AND item = coalesce(?, item)"
        self._jobs.store.write(lambda c: c.execute(delete, (self.key, item)))


def _insert(connection: sqlite3.Connection, results: Iterable[tuple[str, str, str]], now: float) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO results (job, item, at, result) VALUES (?, ?, ?, ?)",
        [(job, item, now, result) for job, item, result in results],
    )


def _prune(connection: sqlite3.Connection, now: float, max_results: int) -> None:
    """Delete old jobs, and the oldest results if there are too many."""
    since = now - MAX_AGE
    connection.execute(
        "DELETE FROM results WHERE at < ? AND job NOT IN (SELECT job FROM results WHERE at >= ?)",
        (since, since),
    )
    connection.execute(
        "DELETE FROM results WHERE at < (SELECT at FROM results ORDER BY at DESC LIMIT 1 OFFSET ?)"
        " AND job NOT IN (?, ?)",
        (max_results - 1, BATCHES, _CLAIMS),
    )
