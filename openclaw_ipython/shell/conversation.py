"""Which conversation a question belongs to: what is sent before it, and where its turn is kept.

A question is fresh unless `-c` or `--chat` says otherwise. A fresh one is remembered in memory only; it is written down
as the first turn of a conversation once another question continues it. A turn belongs to the cell it was asked in:
asked again there, it is sent with the turns before it, and replaces the old one in its place. Every question imports
this, so the journal is opened only where a conversation is meant.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import Message
from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.client import Prompt
    from openclaw_ipython.journal.conversations import Conversations, Turn, Unwritten
    from openclaw_ipython.shell.session import Session

LONGEST_NAME = 80
REMEMBERED = 50
"""How many fresh questions of a kernel are remembered, in case one is continued or begins a conversation."""

_UNFINISHED = frozenset({"interrupted", "ended early", "content_filter", ""})
_PICTURE = "[a picture was here:"  # for the model, in the turn's own place
_MARGIN = 0.9  # of the room that is left: how many tokens something is, is known about only


class Memory:
    """What a kernel remembers of its questions. One per session."""

    def __init__(self) -> None:
        self.fresh: dict[str, tuple[float, Any, str, str]] = {}
        """Cell → when, content, model and answer of the fresh questions, the latest at the end."""
        self.latest: str | None = None
        """The cell of the last question, where that was a fresh one."""
        self.execution: tuple[Any, int] = (None, 0)
        """Which execution asked last, and how often."""
        self.unwritten: Unwritten | None = None


def conversation(session: Session, values: dict[str, Any], typed: str) -> Talk:
    """The conversation that the options name; `typed` is the whole magic. Raises UsageError."""
    name, goes_on, cell = values["chat"], values["continue"], cell_of(session, typed)
    if values["no_history"]:
        if name or goes_on:
            raise UsageError(_("--no-history is for a question of no conversation"))
        return Talk(session, values, cell)
    if name is None and not goes_on:
        return _Fresh(session, values, cell)
    if name is not None and (not name.strip() or len(name) > LONGEST_NAME or not name.isprintable()):
        raise UsageError(_("the name of a conversation has 1 to {most} characters", most=LONGEST_NAME))
    return _Continued(session, values, cell)


class Talk:
    """A question that is part of no conversation, and what all kinds have in common."""

    def __init__(self, session: Session, values: dict[str, Any], cell: str) -> None:
        self._session = session
        self._values = values
        self._cell = cell
        self._content: Any = ""

    def messages(self, prompt: Prompt) -> Prompt:
        """What is sent: the turns before, and the question. What is to be told of it goes into `values["notes"]`."""
        self._content = prompt if isinstance(prompt, str) else prompt[-1].content
        return prompt

    def keep(self, reply: Reply) -> None:
        """The answer has come: remember the turn."""


class _Fresh(Talk):
    def keep(self, reply: Reply) -> None:
        if is_a_turn(reply):
            memory = self._session.memory
            memory.fresh.pop(self._cell, None)
            content = without_pictures(self._content)
            memory.fresh[self._cell] = (time.time(), content, reply.model, str(reply))
            memory.latest = self._cell
            if len(memory.fresh) > REMEMBERED:
                del memory.fresh[next(iter(memory.fresh))]


class _Continued(Talk):
    """A question of a conversation: the one of that name, else the last one of this notebook."""

    def __init__(self, session: Session, values: dict[str, Any], cell: str) -> None:
        super().__init__(session, values, cell)
        name = values["chat"]
        self._notes: list[str] = []
        self._notebook = notebook_of(session)
        self._store, why = store_of(session, to_write=True)
        if why:
            self._notes.append(_("the conversation lives as long as this kernel: {why}", why=why))
        _absorb(session.memory, self._store, self._notebook)
        self._first: list[Turn] = []  # of a conversation that begins with a fresh question
        self._name = name or self._last()
        turns = [*self._first, *self._store.turns(self._notebook, self._name)]
        own = next((at for at, turn in enumerate(turns) if turn.cell == cell), len(turns))
        self._before = turns[:own]
        if not self._before and name is None and own == len(turns):
            self._notes.append(
                _("there was nothing to continue: conversation {name} begins", name=self._name)
            )

    def messages(self, prompt: Prompt) -> Prompt:
        """What is sent: as many of the turns before as there is room for, and the question."""
        from openclaw_ipython.chat.token_estimate import of_messages

        super().messages(prompt)
        asked = [Message("user", prompt)] if isinstance(prompt, str) else list(prompt)
        left_out, room = 0, _room(self._session, self._values)
        if room is not None:
            left_out = fitting(self._before, room - of_messages(asked))
        if left_out:
            self._notes.append(
                _("too long for the model: left out the oldest turns ({count})", count=left_out)
            )
        before = self._before[left_out:]
        count = sum(pictures_in(turn.prompt) for turn in before)
        if count:
            self._notes.append(_("pictures of earlier turns, not sent again: {count}", count=count))
        self._values["notes"] = (*self._values.get("notes", ()), *self._notes)
        return [*as_messages(before), *asked]

    def keep(self, reply: Reply) -> None:
        """The answer has come: its turn is written down, in its place."""
        if not is_a_turn(reply):
            return
        from openclaw_ipython.journal.conversations import Turn

        content = without_pictures(self._content)
        turn = Turn(self._cell, time.time(), reply.model, content, str(reply))
        self._store.keep(self._notebook, self._name, *self._first, turn)
        self._session.memory.latest = None

    def _last(self) -> str:
        """The conversation this cell is a part of, else the last one; a number where that is yet to be written down."""
        store, notebook, memory = self._store, self._notebook, self._session.memory
        if own := store.of_cell(notebook, self._cell):
            return own
        if memory.latest is None:
            return store.latest(notebook) or store.free_number(notebook)
        if begun := _begun_by(store, notebook, memory.latest):
            return begun
        from openclaw_ipython.journal.conversations import Turn

        at, content, model, answer = memory.fresh[memory.latest]
        self._first.append(Turn(memory.latest, at, model, content, answer))
        return store.free_number(notebook)


def is_a_turn(reply: Reply) -> bool:
    """Whether an answer enters a conversation: one that was cut off does not."""
    return bool(reply) and reply.finish_reason not in _UNFINISHED


def without_pictures(content: Any) -> Any:
    """`content` as it is kept: a picture that was sent along is only mentioned, one at an address stays."""
    if isinstance(content, str):
        return content
    kept: list[Any] = []
    for part in content:
        url = str((part.get("image_url") or {}).get("url", "")) if part.get("type") == "image_url" else ""
        if url.startswith("data:"):
            kind = url[5:].partition(";")[0] or "image"
            kept.append({"type": "text", "text": f"{_PICTURE} {kind}, {len(url) * 3 // 4} bytes]"})
        else:
            kept.append(dict(part))
    return kept


def pictures_in(content: Any) -> int:
    """How many pictures of a kept content are only mentioned."""
    if isinstance(content, str):
        return 0
    return sum(str(part.get("text", "")).startswith(_PICTURE) for part in content)


def cell_of(session: Session, typed: str) -> str:
    """The cell that asks: the front end's id of it; where it tells none, what is typed in it.

    In a terminal every input is a cell of its own. Further questions of one cell are told apart by their number.
    """
    shell, memory = session.shell, session.memory
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    execution = (parent.get("header") or {}).get("msg_id")
    memory.execution = (execution, memory.execution[1] + 1 if memory.execution[0] == execution else 1)
    cell = str((parent.get("metadata") or {}).get("cellId") or "")
    if not cell and session.front.kind == "terminal":
        cell = f"input:{os.getpid()}:{time.time():.3f}"
    elif not cell:
        cell = f"typed:{hashlib.sha256(typed.encode('utf-8', 'replace')).hexdigest()[:24]}"
    return cell if memory.execution[1] == 1 else f"{cell}#{memory.execution[1]}"


def notebook_of(session: Session) -> str:
    """Whose conversations these are: the notebook's path, as VS Code or a Jupyter server tells it, else the folder."""
    named = session.shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if isinstance(named, str) and named:
        return str(Path.cwd() / named)
    return f"{Path.cwd()}{os.sep}" + ("(terminal)" if session.front.kind == "terminal" else "(notebook)")


def store_of(session: Session, *, to_write: bool = False) -> tuple[Conversations | Unwritten, str]:
    """Where conversations are kept, and why only in memory if they are."""
    why = ""
    if session.client.keeping.journal:
        journal = session.client.books.journal
        try:
            if to_write:  # to know it before the question is sent
                journal.database.write(lambda connection: None)
            journal.conversations.latest("")
        except OpenClawError as error:
            why = str(error)
        else:
            return journal.conversations, ""
    memory = session.memory
    if memory.unwritten is None:
        from openclaw_ipython.journal.conversations import Unwritten

        memory.unwritten = Unwritten()
    return memory.unwritten, why or _("the journal is off")


def _absorb(memory: Memory, store: Conversations | Unwritten, notebook: str) -> None:
    """Fresh questions that begin a conversation and were asked again since: their turns are replaced."""
    from openclaw_ipython.journal.conversations import Turn

    for cell, (at, content, model, answer) in list(memory.fresh.items()):
        if name := _begun_by(store, notebook, cell):
            store.keep(notebook, name, Turn(cell, at, model, content, answer))
            if cell != memory.latest:
                del memory.fresh[cell]


def _begun_by(store: Conversations | Unwritten, notebook: str, cell: str) -> str | None:
    """The conversation that a cell's question is the first of."""
    name = store.of_cell(notebook, cell)
    return name if name is not None and store.turns(notebook, name)[0].cell == cell else None


def _room(session: Session, values: dict[str, Any]) -> int | None:
    """How many tokens a question with all before it may take, the answer's own part left free."""
    models = session.client.models
    try:
        word = values.get("ref") or values["model"] or session.options.default_model
        ref = models.resolve(word) if word else models.default()
        model = models.target(ref).model if ref is not None else None
    except OpenClawError:  # to be said when the question is asked
        return None
    if model is None or not model.context_window:
        return None
    answer = values["max_tokens"] or min(model.max_tokens, model.context_window // 4)
    return max(0, int(_MARGIN * (model.context_window - answer)))


def fitting(turns: Sequence[Turn], room: int) -> int:
    """How many of the oldest turns have to be left out for the others to take at most `room` tokens."""
    from openclaw_ipython.chat.token_estimate import of_messages

    kept = len(turns)
    while kept and (room := room - of_messages(as_messages(turns[kept - 1 : kept]))) >= 0:
        kept -= 1
    return kept


def as_messages(turns: Sequence[Turn]) -> list[Message]:
    """Turns as they are sent."""
    return [
        message
        for turn in turns
        for message in (Message("user", turn.prompt), Message("assistant", turn.answer))
    ]
