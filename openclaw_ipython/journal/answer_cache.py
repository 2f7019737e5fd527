"""The answer cache: a request that was answered before need not be sent again.

The key is a hash of everything in the request that affects the answer. Values are JSON objects of the caller, which
decides what is stored (`dispatch.cache`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw_ipython.journal.writer import PrunedTable
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.journal.writer import BestEffortStore

MAX_CHARACTERS = 64 * 1024 * 1024
"""The size of all answers; the oldest are deleted first."""

_PRUNE_INTERVAL = 50  # answers


class CacheSize(NamedTuple):
    """The number of answers in a cache and of their characters."""

    answers: int
    characters: int


class AnswerCache:
    """The answers in one file, at most `max_characters`. `clock` returns epoch seconds."""

    def __init__(
        self, store: BestEffortStore, clock: Callable[[], float], max_characters: int = MAX_CHARACTERS
    ) -> None:
        self._store = store
        self._clock = clock
        prune = "DELETE FROM answers WHERE at <= (SELECT max(at) FROM (SELECT at, sum(length(answer))"
        prune += " OVER (ORDER BY at DESC) AS total FROM answers) WHERE total > ?)"
        self._table = PrunedTable(store, _PRUNE_INTERVAL, lambda c: c.execute(prune, (max_characters,)))

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored answer, or None. Does not change the file."""
        row = self._store.read(
            lambda c: c.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone(),
            None,
            lambda file, memory: memory or file,
        )
        found = json_value(row[0]) if row is not None else None
        return found if isinstance(found, dict) else None

    def put(self, key: str, model: str, answer: Mapping[str, Any]) -> None:
        """Store an answer. If the file cannot be written it is kept in memory."""
        text, now = json.dumps(answer, ensure_ascii=False), self._clock()
        row = (key, now, model, text)
        self._table.write(lambda c: c.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row))

    def check(self) -> OpenClawError | None:
        """The error if the file can be read but not written, which is enough to replay answers.

        Creates the file if there is none. Raises DocumentError, StoreBusy if it cannot be used at all.
        """
        error = self._store.check(touch=False)  # a file that others share stays as it is
        if error is not None and not self._store.database.path.exists():
            raise error
        self.size()
        return error

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        self._store.database.close()

    def size(self) -> CacheSize:
        """The size of the cache. Raises DocumentError, StoreBusy."""
        query = "SELECT count(*), coalesce(sum(length(answer)), 0) FROM answers"
        return CacheSize(*self._store.database.read(lambda c: c.execute(query).fetchone(), (0, 0)))

    def clear(self) -> CacheSize:
        """Delete all answers and return the size before. Raises DocumentError, StoreBusy."""
        before = self.size()
        if before.answers:
            self._store.database.write(lambda c: c.execute("DELETE FROM answers"))
            self._store.database.shrink()
        return before
