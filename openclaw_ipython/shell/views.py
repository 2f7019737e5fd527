"""Results people look at, as `text/plain` and `text/html`. Built from plain values; a view never fetches.

Every word may come from a file or a server, so every word goes through the terminal filter, and through
`html.escape` in HTML.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.terminal import safe_text

_GREY = "color: var(--jp-ui-font-color2, #777)"
_CODE = "font-family: var(--jp-code-font-family, monospace)"


class View:
    """Something to look at. Displayed through its MIME bundle; readable without a kernel."""

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


@dataclass(frozen=True, slots=True, repr=False)
class Said(View):
    """One sentence: what happened; `then` is what to type next, `more` are quieter lines."""

    sentence: str
    then: str = ""
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """The sentence, then the quieter lines."""
        lines = [self.sentence, *(f"  {line}" for line in self.more)]
        if self.then:
            lines.append(f"→ {self.then}")
        return "\n".join(map(safe_text, lines))

    def html(self) -> str:
        """The same, the quieter lines grey."""
        parts = [f"<div>{_escape(self.sentence)}</div>"]
        parts += [f'<div style="{_GREY}">{_escape(line)}</div>' for line in self.more]
        if self.then:
            parts.append(f'<div>→ <code style="{_CODE}">{_escape(self.then)}</code></div>')
        return "".join(parts)


@dataclass(frozen=True, slots=True, repr=False)
class Table(View):
    """Rows under headings. `empty` is what is said when there are none."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "nothing"
    then: str = ""

    def text(self) -> str:
        """Columns as wide as they need to be."""
        if not self.rows:
            return "\n".join([safe_text(self.empty), *([f"→ {safe_text(self.then)}"] if self.then else [])])
        table = [[safe_text(cell) for cell in row] for row in (self.headings, *self.rows)]
        widths = [max(_columns(row[i]) for row in table) for i in range(len(self.headings))]
        return "\n".join(
            "  ".join(_padded(c, w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table
        )

    def html(self) -> str:
        """A table of the front end's own style."""
        if not self.rows:
            return Said(self.empty, self.then).html()
        head = "".join(f'<th style="text-align: left">{_escape(h)}</th>' for h in self.headings)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align: left">{_escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, slots=True, repr=False)
class Facts(View):
    """Names and values under a title, then what can be typed."""

    title: str
    facts: Sequence[tuple[str, str]]
    commands: Sequence[tuple[str, str]] = ()

    def text(self) -> str:
        """Aligned lines."""
        width = max((_columns(name) for name, _ in self.facts), default=0)
        lines = [self.title, *(f"  {_padded(name, width)}  {value}" for name, value in self.facts)]
        if self.commands:
            width = max(len(command) for command, _ in self.commands)
            lines += ["", *(f"  {command.ljust(width)}  {what}" for command, what in self.commands)]
        return "\n".join(safe_text(line) for line in lines)

    def html(self) -> str:
        """A quiet two-column table, then the commands."""
        cell = 'style="text-align: left; padding: 1px 14px 1px 0; background: none"'
        facts = "".join(
            f'<tr style="background: none"><td {cell}><span style="{_GREY}">{_escape(name)}</span></td>'
            f"<td {cell}>{_escape(value)}</td></tr>"
            for name, value in self.facts
        )
        commands = "".join(
            f'<tr style="background: none"><td {cell}><code style="{_CODE}">{_escape(command)}</code></td>'
            f'<td {cell}><span style="{_GREY}">{_escape(what)}</span></td></tr>'
            for command, what in self.commands
        )
        more = f'<table style="margin-top: 6px"><tbody>{commands}</tbody></table>' if commands else ""
        return f"<div><strong>{_escape(self.title)}</strong></div><table><tbody>{facts}</tbody></table>{more}"


@dataclass(frozen=True, slots=True, repr=False)
class Raw(View):
    """Text for programs (`--json`, `--plain`): written to standard output as it is."""

    content: str

    def text(self) -> str:
        """The content."""
        return self.content

    def html(self) -> str:
        """The content, preformatted."""
        return f"<pre>{_escape(self.content)}</pre>"


def as_json(value: Any) -> Raw:
    """A value as JSON for programs: readable, and without characters that would act in a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return Raw("".join(_escaped(c) if c != "\n" and not c.isprintable() else c for c in text))


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"


def _columns(text: str) -> int:
    """How wide a text is in a terminal: a Chinese character takes two columns (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - _columns(text))


def _escape(text: str) -> str:
    return html.escape(safe_text(text))


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `5 h 12 min`, `12 days`: two units at most."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("{seconds} s", seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    if whole < 2 * 86400:
        return _("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)
    return _("{days} days", days=whole // 86400)


def short(path: Path) -> str:
    """A path as people write it, with `~` for the home folder."""
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)
