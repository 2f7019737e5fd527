"""The results of commands as `text/plain` and `text/html`, made of plain values.

Any text may come from a file or a server, so all of it passes the terminal filter, and `html.escape` in HTML.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import hidden_fields
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import QUIET
from openclaw_ipython.sanitize.text import safe_text

_CODE = "font-family: var(--jp-code-font-family, monospace)"


class View(Struct, frozen=True, kw_only=True):
    """A result that is displayed by its MIME bundle and stays readable without a kernel.

    `data` is what `--json` prints of it, `words` what `--plain` does.
    """

    data: Any = None
    words: Sequence[str] = ()

    def text(self) -> str:
        """As plain text."""
        raise NotImplementedError

    def html(self) -> str:
        """As HTML."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.text(), "text/html": self.html()}

    def __repr__(self) -> str:
        return self.text()

    __rich_repr__ = hidden_fields


class MessageView(View, frozen=True):
    """One sentence, the next command to type, and details in a quieter colour."""

    message: str
    next_command: str = ""
    details: tuple[str, ...] = ()

    def text(self) -> str:
        """The message, the details indented below it, then the command."""
        lines = [self.message, *(f"  {line}" for line in self.details)]
        if self.next_command:
            lines.append(f"→ {self.next_command}")
        return "\n".join(map(safe_text, lines))

    def html(self) -> str:
        """The same, the details in a weaker colour."""
        parts = [f"<div>{_escape(self.message)}</div>"]
        parts += map(_quiet, self.details)
        if self.next_command:
            parts.append(f'<div>→ <code style="{_CODE}">{_escape(self.next_command)}</code></div>')
        return "".join(parts)


class TableView(View, frozen=True):
    """Rows under headings, and notes. Without rows it shows the sentence `empty` and `next_command`."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "nothing"
    next_command: str = ""
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Aligned columns."""
        if not self.rows:
            return MessageView(self.empty, self.next_command, tuple(self.notes)).text()
        table = [[safe_text(cell) for cell in row] for row in (self.headings, *self.rows)]
        widths = [max(_columns(row[i]) for row in table) for i in range(len(self.headings))]
        lines = ["  ".join(_padded(c, w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join([*lines, *map(safe_text, self.notes)])

    def html(self) -> str:
        """A table in the front end's own style."""
        if not self.rows:
            return MessageView(self.empty, self.next_command, tuple(self.notes)).html()
        head = "".join(f'<th style="text-align: left">{_escape(h)}</th>' for h in self.headings)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align: left">{_escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        notes = "".join(map(_quiet, self.notes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


class FactsView(View, frozen=True):
    """Names and values under a title, then commands with what they do."""

    title: str
    facts: Sequence[tuple[str, str]]
    commands: Sequence[tuple[str, str]] = ()

    def text(self) -> str:
        """Aligned lines."""
        lines = [self.title, *_two_columns(self.facts)]
        if self.commands:
            lines += ["", *_two_columns(self.commands)]
        return "\n".join(map(safe_text, lines))

    def html(self) -> str:
        """Two tables of two columns."""
        facts = "".join(
            _html_row(f'<span style="{QUIET}">{_escape(n)}</span>', _escape(v)) for n, v in self.facts
        )
        commands = "".join(_command_row(command, what) for command, what in self.commands)
        more = f'<table style="margin-top: 6px"><tbody>{commands}</tbody></table>' if commands else ""
        return f"<div><strong>{_escape(self.title)}</strong></div><table><tbody>{facts}</tbody></table>{more}"


class SectionsView(View, frozen=True):
    """Commands with what they do under headings, then a sentence. A command is never broken into two lines."""

    sections: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    end: str = ""

    def text(self) -> str:
        """Aligned lines below each heading."""
        width = max((_columns(name) for _heading, rows in self.sections for name, _what in rows), default=0)
        lines: list[str] = []
        for heading, rows in self.sections:
            lines += [heading, *_two_columns(rows, width), ""]
        return "\n".join(map(safe_text, [*lines, self.end])).rstrip("\n")

    def html(self) -> str:
        """One table, its headings in bold."""
        head = "text-align: left; padding: 8px 0 2px; background: none"
        parts = []
        for heading, rows in self.sections:
            parts.append(
                f'<tr style="background: none"><th colspan="2" style="{head}">{_escape(heading)}</th></tr>'
            )
            parts += [_command_row(name, what) for name, what in rows]
        return f"<table><tbody>{''.join(parts)}</tbody></table>{_quiet(self.end)}"


class RawView(View, frozen=True):
    """Text for programs (`--json`, `--plain`), written to standard output unchanged."""

    content: str

    def text(self) -> str:
        """The content."""
        return self.content


def as_json(value: Any) -> RawView:
    """A value as indented JSON; characters that act in a terminal are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    escaped = "".join(_escaped(c) if c != "\n" and not c.isprintable() else c for c in text)
    return RawView(escaped, data=value)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"


def _two_columns(rows: Sequence[tuple[str, str]], width: int = 0) -> list[str]:
    width = max([width, *(_columns(name) for name, _value in rows)])
    return [f"  {_padded(name, width)}  {value}" for name, value in rows]


def _command_row(command: str, what: str) -> str:
    code = f'<code style="{_CODE}; white-space: nowrap">{_escape(command)}</code>'
    return _html_row(code, f'<span style="{QUIET}">{_escape(what)}</span>')


def _html_row(*cells: str) -> str:
    style = "text-align: left; padding: 1px 14px 1px 0; background: none"
    return '<tr style="background: none">' + "".join(f'<td style="{style}">{c}</td>' for c in cells) + "</tr>"


def _columns(text: str) -> int:
    """The number of terminal columns of a text: a Chinese character takes two, a combining mark none."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # comes with IPython; not needed for ASCII

    return max(0, wcswidth(text))


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - _columns(text))


def _quiet(line: str) -> str:
    return f'<div style="{QUIET}">{_escape(line)}</div>'


def _escape(text: str) -> str:
    return html.escape(safe_text(text))


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `5 h 12 min`, `12 days`: at most two units."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("{seconds} s", seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    if whole < 2 * 86400:
        return _("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)
    return _("{days} days", days=whole // 86400)


def when(at: float) -> str:
    """The local time of `at`, epoch seconds, to the minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def written_to(*paths: Path) -> tuple[str, ...]:
    """A sentence for each file that a command wrote."""
    return tuple(_("written to {path}", path=short(path)) for path in paths)


def short(path: Path) -> str:
    """A path with `~` for the home folder."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
