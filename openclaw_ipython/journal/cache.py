"""Answers that were given, by what they were given to: the same request need not be sent again.

The key is a hash of all that shapes an answer; what is kept is the caller's JSON. Whether an answer may be kept,
and how it is shown again, is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.shelf import Shelf

KEPT_BYTES = 64 * 1024 * 1024
"""How much text is kept in all; the oldest answers go first."""

_PRUNED_EVERY = 50  # answers
_FORM = 1  # to be raised when what is kept changes its form: then every answer is asked for again


class Kept(NamedTuple):
    """How much there is in a cache: answers, and characters of them."""

    answers: int
    characters: int


def key_of(shape: Mapping[str, Any]) -> str:
    """The key of a request: `shape` holds all that shapes the answer, as values that JSON has a form for."""
    text = json.dumps([_FORM, shape], sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Answers:
    """The answers in one file, `most` characters of them. `clock` is epoch seconds."""

    def __init__(self, shelf: Shelf, clock: Callable[[], float], most: int = KEPT_BYTES) -> None:
        self._shelf = shelf
        self._most = most
        self._clock = clock
        self._until_pruned = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer to that request, None where none is kept. Changes nothing in the file."""
        row = self._shelf.look(
            lambda c: c.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone(), None
        )
        found = _parsed(row[0]) if row is not None else None
        return found if isinstance(found, dict) else None

    def put(self, key: str, model: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer. What cannot be written is let go."""
        text, now = json.dumps(answer, ensure_ascii=False), self._clock()
        row = (key, now, model, text)
        if not self._shelf.keep(
            lambda c: c.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
        ):
            return
        self._until_pruned -= 1
        if self._until_pruned <= 0:
            self._until_pruned = _PRUNED_EVERY
            self._shelf.keep(lambda c: _prune(c, self._most))

    def begin(self) -> None:
        """See to it that answers can be kept and looked up. Raises DocumentError, StoreBusy where they cannot."""
        if self._shelf.database.path.exists():  # which may be for reading only: a replay needs no more
            self.kept()
        else:
            self._shelf.database.write(lambda connection: None)

    def close(self) -> None:
        """Let go of the file. A later use opens it again."""
        self._shelf.database.close()

    def kept(self) -> Kept:
        """How much there is. Raises DocumentError, StoreBusy."""
        query = "SELECT count(*), coalesce(sum(length(answer)), 0) FROM answers"
        return Kept(*self._shelf.database.read(lambda c: c.execute(query).fetchone(), (0, 0)))

    def clear(self) -> Kept:
        """Delete all answers; how much there was. Raises DocumentError, StoreBusy."""
        found = self.kept()
        if found.answers:
            self._shelf.database.write(lambda c: c.execute("DELETE FROM answers"))
            self._shelf.database.shrink()
        return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _prune(connection: sqlite3.Connection, most: int) -> None:
    total, until = 0, None
    for at, size in connection.execute("SELECT at, length(answer) FROM answers ORDER BY at DESC"):
        total += size
        if total > most:
            until = at
            break
    if until is not None:
        connection.execute("DELETE FROM answers WHERE at <= ?", (until,))
