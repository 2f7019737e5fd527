"""Conversations: turns per notebook and name, in the order in which they were first asked, and their export.

A turn belongs to a cell. When the cell asks again, its turn is replaced in place and later turns stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.writer import BestEffortStore

MAX_TURNS = 20_000
"""The number of turns of all conversations; the oldest are deleted first."""


class Turn(NamedTuple):
    """A question and its answer. `prompt` is the content of its message: text, or a list of content parts.

    `cell` identifies the cell that asked, `model` is the ref of the model that answered; `at` is epoch seconds.
    """

    cell: str
    at: float
    model: str
    prompt: Any
    answer: str


class ConversationSummary(NamedTuple):
    """A conversation in a list. `at` is the time of its latest turn, `first` the content of its first question."""

    notebook: str
    name: str
    turns: int
    at: float
    first: Any


class Conversations:
    """The conversations in one journal, at most `max_turns` in all."""

    def __init__(self, store: BestEffortStore, max_turns: int = MAX_TURNS) -> None:
        self._store = store
        self._max_turns = max_turns

    def turns(self, notebook: str, name: str) -> list[Turn]:
        """The turns of a conversation in order. Raises DocumentError, StoreBusy."""
        query = (
            "SELECT cell, at, model, prompt, answer FROM turns WHERE notebook = ? AND chat = ? ORDER BY id"
        )
        rows = self._store.current.rows(query, notebook, name)
        return [Turn(cell, at, model, json.loads(prompt), answer) for cell, at, model, prompt, answer in rows]

    def latest(self, notebook: str) -> str | None:
        """The conversation with the latest turn. Raises DocumentError, StoreBusy."""
        query = "SELECT chat FROM turns WHERE notebook = ? ORDER BY at DESC, id DESC LIMIT 1"
        return self._name(query, notebook)

    def of_cell(self, notebook: str, cell: str) -> str | None:
        """The conversation with the latest turn of a cell. Raises DocumentError, StoreBusy."""
        query = "SELECT chat FROM turns WHERE notebook = ? AND cell = ? ORDER BY at DESC, id DESC LIMIT 1"
        return self._name(query, notebook, cell)

    def next_name(self, notebook: str) -> str:
        """The next number, as the name of a new conversation. Raises DocumentError, StoreBusy."""
        query = "SELECT DISTINCT chat FROM turns WHERE notebook = ?"
        names = self._store.current.rows(query, notebook)
        return str(1 + max((int(name) for (name,) in names if name.isdecimal()), default=0))

    def save(self, notebook: str, name: str, *turns: Turn) -> bool:
        """Add turns, or replace those of the same cells. Whether they are in the file, and not only in memory."""
        return self._store.write(lambda c: _put(c, notebook, name, turns, self._max_turns))

    def summaries(self, notebook: str | None = None) -> list[ConversationSummary]:
        """The conversations of a notebook (None: of all), the latest first. Raises DocumentError, StoreBusy."""
        query = """
            SELECT t.notebook, t.chat, t.count, t.at, f.prompt FROM (
                SELECT notebook, chat, count(*) AS count, max(at) AS at, min(id) AS first
                FROM turns WHERE notebook = coalesce(?, notebook) GROUP BY notebook, chat
            ) AS t JOIN turns AS f ON f.id = t.first ORDER BY t.at DESC"""
        rows = self._store.current.rows(query, notebook)
        return [ConversationSummary(*row)._replace(first=json.loads(row[-1])) for row in rows]

    def clear(self, notebook: str, name: str | None = None) -> int:
        """Delete a conversation (None: all of the notebook). Returns the number of turns.

        Raises DocumentError, StoreBusy.
        """
        if self.latest(notebook) is None:
            return 0
        delete = "DELETE FROM turns WHERE notebook = ? AND chat = coalesce(?, chat)"
        count = self._store.current.write(lambda c: c.execute(delete, (notebook, name)).rowcount)
        if count:
            self._store.database.shrink()
        return count

    def _name(self, query: str, *values: str) -> str | None:
        return next((str(name) for (name,) in self._store.current.rows(query, *values)), None)


def _put(
    connection: sqlite3.Connection, notebook: str, name: str, turns: tuple[Turn, ...], max_turns: int
) -> None:
    for turn in turns:
        prompt = json.dumps(turn.prompt, ensure_ascii=False)
        connection.execute(
            "INSERT INTO turns (notebook, chat, cell, at, model, prompt, answer) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (notebook, chat, cell) DO UPDATE SET"
            " at = excluded.at, model = excluded.model, prompt = excluded.prompt, answer = excluded.answer",
            (notebook, name, turn.cell, turn.at, turn.model, prompt, turn.answer),
        )
    connection.execute("DELETE FROM turns WHERE id <= (SELECT max(id) FROM turns) - ?", (max_turns,))


def memory_conversations() -> Conversations:
    """Conversations that are lost when the process ends."""
    from openclaw_ipython.journal.database import MemoryDatabase
    from openclaw_ipython.journal.writer import BestEffortStore

    return Conversations(BestEffortStore(MemoryDatabase()))


# -- export ------------------------------------------------------------------------------


def as_markdown(name: str, turns: Sequence[Turn]) -> str:
    """The turns as Markdown, each under a heading with its time."""
    parts = [f"# {name}"]
    for number, turn in enumerate(turns, 1):
        when = datetime.fromtimestamp(turn.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        parts += [f"## {number} · {when}", text_of(turn.prompt), f"### {turn.model}", turn.answer.strip("\n")]
    return "\n\n".join(parts) + "\n"


def as_json(name: str, turns: Sequence[Turn]) -> str:
    """The turns as JSON: the messages in the form of the chat completions API, with time and model."""
    data = {
        "name": name,
        "turns": [{"at": turn.at, "model": turn.model, "messages": _messages(turn)} for turn in turns],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def text_of(content: Any) -> str:
    """The text of a message content, and the addresses of its pictures."""
    if isinstance(content, str):
        return content.strip("\n")
    parts = [part.get("text") or (part.get("image_url") or {}).get("url", "") for part in content]
    return "\n\n".join(str(part).strip("\n") for part in parts if part)


def _messages(turn: Turn) -> list[dict[str, Any]]:
    return [{"role": "user", "content": turn.prompt}, {"role": "assistant", "content": turn.answer}]
