"""The subcommands about what is remembered: conversations and cached answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.conversations import as_json as exported_json
from openclaw_ipython.journal.conversations import as_markdown, text_of
from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.commands.registry import JSON, command
from openclaw_ipython.shell.conversation import notebook_of, store_of
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import FactsView, MessageView, TableView, View, short, when
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.journal.conversations import Turn
    from openclaw_ipython.shell.session import Session

_SNIPPET = 60  # characters of the first question in a list

# -- conversations -------------------------------------------------------------------------


@command("chat list", Option(("--all",), "those of other notebooks too"), JSON)
def chat_list(session: Session, *, all: bool) -> View:  # noqa: A002 - named as its option
    """The conversations of this notebook, the latest first."""
    notebook = None if all else notebook_of(session)
    chats = store_of(session)[0].summaries(notebook)
    data = [{"notebook": c.notebook, "name": c.name, "turns": c.turns, "at": c.at} for c in chats]
    headings = [_("Name"), _("Turns"), _("Last"), _("Begins with")]
    table = [[c.name, str(c.turns), when(c.at), _snippet(c.first)] for c in chats]
    if all:
        headings.append(_("Notebook"))
        table = [[*row, short(Path(c.notebook))] for row, c in zip(table, chats, strict=True)]
    begin = _("%%qwen -c goes on with the last question")
    return TableView(headings, table, _("no conversation yet"), begin, data={"chats": data})


@command(
    "chat show", Positional("name", "which; the last one if none is named", required=False, kind="chat"), JSON
)
def chat_show(session: Session, *, name: str | None) -> View:
    """A conversation, question by question."""
    found, turns = _turns(session, name)
    return Transcript(found, tuple(turns), data=[turn._asdict() for turn in turns])


@command(
    "chat clear",
    Positional("name", "which; all of this notebook if none is named", required=False, kind="chat"),
)
def chat_clear(session: Session, *, name: str | None) -> View:
    """Delete a conversation, or all of this notebook."""
    turns = store_of(session)[0].clear(notebook_of(session), name)
    if name is None:
        session.recent_questions.clear()
    elif not turns:
        raise _unknown(session, name)
    return MessageView(_("turns forgotten: {count}", count=turns))


@command(
    "chat export",
    Positional("name", "which conversation", kind="chat"),
    Positional("file", "where to: .md for people, .json for programs"),
    Option(("--force",), "replace a file that is there"),
)
def chat_export(session: Session, *, name: str, file: str, force: bool) -> View:
    """Write a conversation into a file: Markdown, or JSON by its suffix."""
    found, turns = _turns(session, name)
    path = Path(file).expanduser()
    text = exported_json(found, turns) if path.suffix.lower() == ".json" else as_markdown(found, turns)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UsageError(_("{path} exists", path=path), hint=_("--force replaces it")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(_("{path} cannot be written: {reason}", path=path, reason=reason)) from error
    return MessageView(_("turns written to {path}: {count}", count=len(turns), path=short(path)))


def _turns(session: Session, name: str | None) -> tuple[str, list[Turn]]:
    """The name and turns of a conversation, the last one for None. Raises UsageError."""
    store = store_of(session)[0]
    notebook = notebook_of(session)
    found = name or store.latest(notebook)
    if found is None:
        raise UsageError(_("no conversation yet"), hint=_("%%qwen -c goes on with the last question"))
    turns = store.turns(notebook, found)
    if not turns:
        raise _unknown(session, found)
    return found, turns


def _unknown(session: Session, name: str) -> UsageError:
    what = _("no conversation {name} in this notebook", name=name)
    return mistyped(what, name, chat_names(session), hint="%openclaw chat list")


def chat_names(session: Session) -> list[str]:
    """The names of this notebook's conversations."""
    return [chat.name for chat in store_of(session)[0].summaries(notebook_of(session))]


class Transcript(View, frozen=True):
    """A conversation as sanitised Markdown."""

    name: str
    turns: tuple[Turn, ...]

    def text(self) -> str:
        """Question and answer, one below the other."""
        parts = [self.name]
        for turn in self.turns:
            parts += [f"> {line}" for line in safe_text(text_of(turn.prompt)).splitlines()]
            parts += [f"({safe_text(turn.model)}, {when(turn.at)})", safe_text(turn.answer).strip("\n"), ""]
        return "\n".join(parts).rstrip("\n")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        parts = []
        for turn in self.turns:
            quoted = "\n".join(f"> {line}" for line in text_of(turn.prompt).splitlines())
            parts += [quoted, f"*{turn.model}, {when(turn.at)}*", turn.answer]
        return {"text/markdown": safe_markdown("\n\n".join(parts)), "text/plain": self.text()}


def _snippet(content: Any) -> str:
    words = " ".join(text_of(content).split())
    return words if len(words) <= _SNIPPET else words[: _SNIPPET - 1] + "…"


# -- the cache -----------------------------------------------------------------------------


@command("cache status", JSON)
def cache_status(session: Session) -> View:
    """Whether answers are stored, where, and how many there are."""
    recorder, preferences = session.client.recorder, session.preferences
    size = recorder.answers.size()
    path = recorder.options.cache_file or recorder.journal.path
    return FactsView(
        _("Cache"),
        [
            (_("state"), _("on") if preferences.cache else _("off; --cache turns it on for one question")),
            (_("answers"), f"{size.answers:,} ({math.ceil(size.characters / 1000):,} kB)"),
            (_("file"), _place(path, recorder.options.cache_file)),
        ],
        data={"on": preferences.cache, "file": str(path), **size._asdict()},
    )


@command(
    "cache on",
    Positional("file", "keep the answers in this file, to be passed on with a notebook", required=False),
)
def cache_on(session: Session, *, file: str | None) -> View:
    """Store answers, and show them for the same request, in this kernel."""
    preferences, error = session.preferences, None
    if file:
        before = preferences.cache_file
        # Absolute: the notebook may change its working directory.
        preferences.cache_file = str(Path(file).expanduser().absolute())
        try:
            error = session.client.recorder.answers.check()
        except OpenClawError:
            preferences.cache_file = before
            raise
    preferences.cache = True
    recorder = session.client.recorder  # follows the options
    if recorder.options.cache_file is None and not recorder.options.journal:
        return MessageView(
            _("The cache is on, but the journal is off: nothing is kept"), "%config OpenClaw.journal = True"
        )
    path = recorder.options.cache_file or recorder.journal.path
    if not file:
        error = recorder.journal.check()
    if error is not None:
        return MessageView(
            _("The cache is on; new answers are kept as long as this kernel: {why}", why=error), error.hint
        )
    return MessageView(
        _("The cache is on; answers are kept in {path}", path=_place(path, recorder.options.cache_file))
    )


@command("cache off")
def cache_off(session: Session) -> View:
    """Send every request; stored answers stay."""
    session.preferences.cache = False
    return MessageView(_("The cache is off"))


@command("cache clear")
def cache_clear(session: Session) -> View:
    """Delete all stored answers."""
    deleted = session.client.recorder.answers.clear()
    return MessageView(_("answers deleted: {count}", count=f"{deleted.answers:,}"))


def _place(path: Path, own: Path | None) -> str:
    """The file of answers: `own`, which the user named, as seen from the working directory, else with `~`."""
    here = Path.cwd()
    return str(path.relative_to(here)) if own and path.is_relative_to(here) else short(path)
