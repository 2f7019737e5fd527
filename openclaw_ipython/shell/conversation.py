"""The conversation of a question: the turns that are sent before it, and where its own turn is saved.

Without `-c` or `--chat` a question is *fresh*: it is remembered in memory only, and is written down as the first turn
of a conversation once another question continues it. A turn belongs to the cell it was asked in: asked again there, it
is sent with the turns before it and replaces the old turn in its place. Every question imports this module, so the
journal is opened only for a conversation.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from openclaw_ipython.chat.endings import ending_of
from openclaw_ipython.chat.types import Message
from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.journal.conversations import Conversations, Turn
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.reply import CellPrompt
    from openclaw_ipython.shell.session import RecentQuestions, Session

_IMAGE_MARK = "[a picture was here:"  # for the model, in place of the picture
_MARGIN = 0.9  # of the context window that is left, as token counts are estimates


def conversation_for(session: Session, options: AskOptions, typed: str) -> Conversation | None:
    """The conversation that the options name, None for `--no-history`; `typed` is the magic. Raises UsageError."""
    name, cell = options.chat, cell_of(session, typed)
    if options.no_history:
        if name or options.continue_:
            raise UsageError(_("--no-history is for a question of no conversation"))
        return None
    if name is None and not options.continue_:
        return Conversation(session, cell)
    return _Continued(session, options, cell)


class Conversation:
    """A fresh question: nothing is sent before it, and its turn, if the answer is complete, is remembered in memory."""

    def __init__(self, session: Session, cell: str) -> None:
        self._recent = session.recent_questions
        self._clock = session.runtime.clock
        self._cell = cell
        self._content: Any = ""

    def with_history(self, prompt: CellPrompt) -> CellPrompt:
        """`prompt` with the turns to send before it. To be called once."""
        self._content = prompt.messages[-1].content
        return prompt

    def remember(self, reply: Reply) -> None:
        """Save the turn of the question and its `reply`."""
        if is_a_turn(reply):
            from openclaw_ipython.journal.conversations import Turn

            self._save(
                Turn(self._cell, self._clock(), reply.model, without_images(self._content), str(reply))
            )

    def _save(self, turn: Turn) -> None:
        self._recent.add(turn)


class _Continued(Conversation):
    """The conversation of the given name, else the last one of this notebook."""

    def __init__(self, session: Session, options: AskOptions, cell: str) -> None:
        super().__init__(session, cell)
        name = options.chat
        self._tokens_left = _tokens_left(session, options)
        self._notes: list[str] = []
        self._notebook = notebook_of(session)
        self._session = session
        self._store, self._why = store_of(session, to_write=True)
        if self._why:
            self._notes.append(_("the conversation lives as long as this kernel: {why}", why=self._why))
        _replace_first_turns(self._recent, self._store, self._notebook)
        self._first: list[Turn] = []  # a fresh question that this conversation begins with
        self._name = name or self._last()
        turns = [*self._first, *self._store.turns(self._notebook, self._name)]
        own = next((at for at, turn in enumerate(turns) if turn.cell == cell), len(turns))
        self._before = turns[:own]
        if not self._before and name is None and own == len(turns):
            self._notes.append(
                _("there was nothing to continue: conversation {name} begins", name=self._name)
            )

    def with_history(self, prompt: CellPrompt) -> CellPrompt:
        """`prompt` with as many of the turns before it as fit the model's context window."""
        from openclaw_ipython.chat.token_estimate import of_messages

        asked = super().with_history(prompt).messages
        notes, left_out = self._notes, 0
        if self._tokens_left is not None:
            left_out = turns_to_leave_out(self._before, self._tokens_left - of_messages(asked))
        if left_out:
            notes.append(_("too long for the model: left out the oldest turns ({count})", count=left_out))
        before = self._before[left_out:]
        if count := sum(images_in(turn.prompt) for turn in before):
            notes.append(_("pictures of earlier turns, not sent again: {count}", count=count))
        return replace(prompt, content=[*as_messages(before), *asked], notes=(*prompt.notes, *notes))

    def _save(self, turn: Turn) -> None:
        written = self._store.save(self._notebook, self._name, *self._first, turn)
        self._recent.latest = None
        if not written and not self._why:  # the journal could be written before the question was asked
            from openclaw_ipython.shell.views import MessageView

            why = self._session.client.recorder.journal.error or ""
            self._session.show(
                MessageView(_("This turn is in memory only, until it can be written: {why}", why=why))
            )

    def _last(self) -> str:
        """The conversation of this cell, else the last one; a new number where the last question is a fresh one."""
        store, notebook, latest = self._store, self._notebook, self._recent.latest
        if own := store.of_cell(notebook, self._cell):
            return own
        if latest is None:
            return store.latest(notebook) or store.next_name(notebook)
        if begun := _begun_by(store, notebook, latest):
            return begun
        self._first.append(self._recent.turns[latest])
        return store.next_name(notebook)


def is_a_turn(reply: Reply) -> bool:
    """Whether an answer enters a conversation: one that broke off or was filtered does not."""
    return bool(reply) and ending_of(reply.finish_reason) in {"complete", "cut"}


def without_images(content: Any) -> Any:
    """`content` as it is saved: a picture that was sent as data is only mentioned, one at an address stays."""
    if isinstance(content, str):
        return content
    parts: list[Any] = []
    for part in content:
        url = str((part.get("image_url") or {}).get("url", "")) if part.get("type") == "image_url" else ""
        if url.startswith("data:"):
            kind = url[5:].partition(";")[0] or "image"
            parts.append({"type": "text", "text": f"{_IMAGE_MARK} {kind}, {len(url) * 3 // 4} bytes]"})
        else:
            parts.append(dict(part))
    return parts


def images_in(content: Any) -> int:
    """How many pictures of a saved content are only mentioned."""
    if isinstance(content, str):
        return 0
    return sum(str(part.get("text", "")).startswith(_IMAGE_MARK) for part in content)


def cell_of(session: Session, typed: str) -> str:
    """An id of the cell that asks: that of the front end, else a hash of `typed`.

    In a terminal each input is a cell of its own. Further questions of one cell get a number.
    """
    shell = session.shell
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    execution = (parent.get("header") or {}).get("msg_id")
    number = session.recent_questions.number_in(execution)
    cell = str((parent.get("metadata") or {}).get("cellId") or "")
    if not cell and session.front.kind == "terminal":
        cell = f"input:{os.getpid()}:{session.runtime.clock():.3f}"
    elif not cell:
        cell = f"typed:{hashlib.sha256(typed.encode('utf-8', 'replace')).hexdigest()[:24]}"
    return cell if number == 1 else f"{cell}#{number}"


def notebook_of(session: Session) -> str:
    """The owner of conversations: the notebook's path, where VS Code or Jupyter tells it, else the working folder."""
    named = session.shell.user_ns.get("__vsc_ipynb_file__") or session.runtime.environ.get("JPY_SESSION_NAME")
    if isinstance(named, str) and named:
        return str(Path.cwd() / named)
    return f"{Path.cwd()}{os.sep}" + ("(terminal)" if session.front.kind == "terminal" else "(notebook)")


def store_of(session: Session, *, to_write: bool = False) -> tuple[Conversations, str]:
    """The store of conversations, and, where they are only in memory, the reason."""
    if session.client.recording.journal:
        journal = session.client.recorder.journal
        error = journal.check() if to_write else None  # known now rather than after the answer
        return journal.conversations, str(error or "")
    recent = session.recent_questions
    if recent.unwritten is None:
        from openclaw_ipython.journal.conversations import memory_conversations

        recent.unwritten = memory_conversations()
    return recent.unwritten, _("the journal is off")


def _replace_first_turns(recent: RecentQuestions, store: Conversations, notebook: str) -> None:
    """Save fresh questions that were asked again after they had begun a conversation."""
    for cell, turn in list(recent.turns.items()):
        if name := _begun_by(store, notebook, cell):
            store.save(notebook, name, turn)
            if cell != recent.latest:
                del recent.turns[cell]


def _begun_by(store: Conversations, notebook: str, cell: str) -> str | None:
    """The conversation that a cell's question is the first of."""
    name = store.of_cell(notebook, cell)
    return name if name is not None and store.turns(notebook, name)[0].cell == cell else None


def _tokens_left(session: Session, options: AskOptions) -> int | None:
    """How many tokens the prompt and the turns before it may take beside the answer; None if unknown."""
    models = session.client.models
    try:
        word = options.model or session.preferences.default_model
        ref = models.resolve(word) if word else models.default()
        model = models.target(ref).model if ref is not None else None
    except OpenClawError:  # raised again when the question is asked
        return None
    if model is None or not model.context_window:
        return None
    answer = options.max_tokens or min(model.max_tokens or model.context_window, model.context_window // 4)
    return max(0, int(_MARGIN * (model.context_window - answer)))


def turns_to_leave_out(turns: Sequence[Turn], tokens: int) -> int:
    """How many of the oldest turns have to be left out for the others to take at most `tokens`."""
    from openclaw_ipython.chat.token_estimate import of_messages

    first = len(turns)
    while first and (tokens := tokens - of_messages(as_messages(turns[first - 1 : first]))) >= 0:
        first -= 1
    return first


def as_messages(turns: Sequence[Turn]) -> list[Message]:
    """Turns as they are sent."""
    return [
        message
        for turn in turns
        for message in (Message("user", turn.prompt), Message("assistant", turn.answer))
    ]
