"""Conversations: the turns of each, per notebook and name, in the order in which they were first asked.

A turn belongs to a cell: asked again there, it is replaced in its place, and those after it stay. What goes into a
prompt is decided elsewhere; contents are the caller's JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.shelf import Shelf

KEPT_TURNS = 20_000
"""How many turns are kept in all; the oldest go first."""


class Turn(NamedTuple):
    """One question with its answer. `prompt` is the content of its message: text, or a list of parts.

    `cell` says where it was asked, `model` who answered (`provider/model`); `at` is epoch seconds.
    """

    cell: str
    at: float
    model: str
    prompt: Any
    answer: str


class Chat(NamedTuple):
    """One conversation in a list: `at` is when it was last taken up, `first` the content of its first question."""

    notebook: str
    name: str
    turns: int
    at: float
    first: Any


class Conversations:
    """The conversations in one journal, `most` turns in all."""

    def __init__(self, shelf: Shelf, most: int = KEPT_TURNS) -> None:
        self._shelf = shelf
        self._most = most

    def turns(self, notebook: str, name: str) -> list[Turn]:
        """The turns of a conversation in order; none where there is none. Raises DocumentError, StoreBusy."""
        return self._shelf.database.read(lambda c: _turns(c, notebook, name), [])

    def latest(self, notebook: str) -> str | None:
        """The conversation that was taken up last. Raises DocumentError, StoreBusy."""
        query = "SELECT chat FROM turns WHERE notebook = ? ORDER BY at DESC, id DESC LIMIT 1"
        return self._name(query, (notebook,))

    def of_cell(self, notebook: str, cell: str) -> str | None:
        """The conversation that a cell was last a part of. Raises DocumentError, StoreBusy."""
        query = "SELECT chat FROM turns WHERE notebook = ? AND cell = ? ORDER BY at DESC, id DESC LIMIT 1"
        return self._name(query, (notebook, cell))

    def free_number(self, notebook: str) -> str:
        """A name for a conversation that was given none: the next number. Raises DocumentError, StoreBusy."""
        query = "SELECT DISTINCT chat FROM turns WHERE notebook = ?"
        names: list[tuple[str]] = self._shelf.database.read(
            lambda c: c.execute(query, (notebook,)).fetchall(), []
        )
        return str(1 + max((int(name) for (name,) in names if name.isdecimal()), default=0))

    def keep(self, notebook: str, name: str, *turns: Turn) -> bool:
        """Add turns, or replace those of the same cells in their places; whether they were written."""
        return self._shelf.keep(lambda c: _put(c, notebook, name, turns, self._most))

    def chats(self, notebook: str | None = None) -> list[Chat]:
        """The conversations of a notebook (None: of all), the latest first. Raises DocumentError, StoreBusy."""
        where, values = ("WHERE notebook = ?", (notebook,)) if notebook is not None else ("", ())
        query = f"""
            SELECT t.notebook, t.chat, t.count, t.at, f.prompt FROM (
                SELECT notebook, chat, count(*) AS count, max(at) AS at, min(id) AS first
                FROM turns {where} GROUP BY notebook, chat
            ) AS t JOIN turns AS f ON f.id = t.first ORDER BY t.at DESC"""  # noqa: S608 - parts of this file only
        rows: list[tuple[str, str, int, float, str]] = self._shelf.database.read(
            lambda c: c.execute(query, values).fetchall(), []
        )
        return [Chat(*row[:4], json.loads(row[4])) for row in rows]

    def clear(self, notebook: str, name: str | None = None) -> int:
        """Delete a conversation (None: all of the notebook); how many turns. Raises DocumentError, StoreBusy."""
        if self.latest(notebook) is None:
            return 0
        query, values = "DELETE FROM turns WHERE notebook = ?", [notebook]
        if name is not None:
            query, values = f"{query} AND chat = ?", [*values, name]
        count = self._shelf.database.write(lambda c: c.execute(query, values).rowcount)
        if count:
            self._shelf.database.shrink()
        return count

    def _name(self, query: str, values: tuple[str, ...]) -> str | None:
        row = self._shelf.database.read(lambda c: c.execute(query, values).fetchone(), None)
        return str(row[0]) if row is not None else None


def _turns(connection: sqlite3.Connection, notebook: str, name: str) -> list[Turn]:
    query = "SELECT cell, at, model, prompt, answer FROM turns WHERE notebook = ? AND chat = ? ORDER BY id"
    rows = connection.execute(query, (notebook, name)).fetchall()
    return [Turn(cell, at, model, json.loads(prompt), answer) for cell, at, model, prompt, answer in rows]


def _put(
    connection: sqlite3.Connection, notebook: str, name: str, turns: tuple[Turn, ...], most: int
) -> None:
    for turn in turns:
        prompt = json.dumps(turn.prompt, ensure_ascii=False)
        connection.execute(
            "INSERT INTO turns (notebook, chat, cell, at, model, prompt, answer) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (notebook, chat, cell) DO UPDATE SET"
            " at = excluded.at, model = excluded.model, prompt = excluded.prompt, answer = excluded.answer",
            (notebook, name, turn.cell, turn.at, turn.model, prompt, turn.answer),
        )
    connection.execute("DELETE FROM turns WHERE id <= (SELECT max(id) FROM turns) - ?", (most,))


class Unwritten:
    """Conversations that live as long as the kernel: for a journal that is off or cannot be used. As Conversations."""

    def __init__(self) -> None:
        self._chats: dict[tuple[str, str], list[Turn]] = {}

    def turns(self, notebook: str, name: str) -> list[Turn]:
        """The turns of a conversation in order."""
        return list(self._chats.get((notebook, name), ()))

    def latest(self, notebook: str) -> str | None:
        """The conversation that was taken up last."""
        return next((name for place, name in reversed(self._chats) if place == notebook), None)

    def of_cell(self, notebook: str, cell: str) -> str | None:
        """The conversation that a cell was last a part of."""
        found = (
            name
            for (place, name), turns in reversed(self._chats.items())
            if place == notebook and any(turn.cell == cell for turn in turns)
        )
        return next(found, None)

    def free_number(self, notebook: str) -> str:
        """A name for a conversation that was given none."""
        numbers = [int(name) for place, name in self._chats if place == notebook and name.isdecimal()]
        return str(1 + max(numbers, default=0))

    def keep(self, notebook: str, name: str, *turns: Turn) -> bool:
        """Add turns, or replace those of the same cells in their places. False: they were not written."""
        kept = {turn.cell: turn for turn in self._chats.pop((notebook, name), ())}
        kept.update((turn.cell, turn) for turn in turns)
        self._chats[notebook, name] = list(kept.values())  # at the end: it is the latest now
        return False

    def chats(self, notebook: str | None = None) -> list[Chat]:
        """The conversations of a notebook (None: of all), the latest first."""
        found = [
            Chat(place, name, len(turns), max(turn.at for turn in turns), turns[0].prompt)
            for (place, name), turns in self._chats.items()
            if notebook in (None, place)
        ]
        return found[::-1]

    def clear(self, notebook: str, name: str | None = None) -> int:
        """Forget a conversation (None: all of the notebook); how many turns."""
        gone = [key for key in self._chats if key[0] == notebook and name in (None, key[1])]
        return sum(len(self._chats.pop(key)) for key in gone)
