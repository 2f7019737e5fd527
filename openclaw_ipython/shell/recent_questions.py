"""The latest questions of this kernel that belong to no conversation, in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_ipython.journal.conversations import Conversations, Turn

LIMIT = 50
"""How many questions are remembered, in case one is continued or begins a conversation."""


class RecentQuestions:
    """Cell → turn, the latest at the end. One per session."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}
        self.latest: str | None = None
        """The cell of the last question, where that belongs to no conversation."""
        self.unwritten: Conversations | None = None
        """The conversations of this kernel while the journal cannot be written."""
        self._execution: Any = None
        self._count = 0

    def number_in(self, execution: Any) -> int:
        """Count a question of the cell execution `execution`; the first is 1."""
        self._count = self._count + 1 if execution == self._execution else 1
        self._execution = execution
        return self._count

    def add(self, turn: Turn) -> None:
        """Remember `turn` as the latest question, in place of an earlier one of its cell."""
        self.turns.pop(turn.cell, None)
        self.turns[turn.cell] = turn
        self.latest = turn.cell
        if len(self.turns) > LIMIT:
            del self.turns[next(iter(self.turns))]

    def clear(self) -> None:
        """Forget all questions."""
        self.turns.clear()
        self.latest = None
