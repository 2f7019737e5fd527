"""The difference between two texts as display data: coloured in a notebook, with signs everywhere. Pure."""

from __future__ import annotations

import difflib

from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import html_code
from openclaw_ipython.sanitize.text import safe_text, visible

MAX_LINES = 60
"""Lines that are shown; the rest is counted."""

_AROUND = 2  # unchanged lines around a change
_COLOURS = {"+": "rgba(46,160,67,.22)", "-": "rgba(248,81,73,.22)"}
_GREY = "opacity:.65"


def changes(before: str, after: str) -> list[str]:
    """The lines of a unified diff without its headings; where parts were left out between two changes, a `…`."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_AROUND))[3:]
    return ["…" if line.startswith("@@ ") else line for line in lines]


def diff_bundle(before: str, after: str) -> dict[str, str] | None:
    """The changes as display data; None where there are none."""
    lines = changes(visible(before), visible(after))
    if not lines:
        return None
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], _("… and {count} more lines", count=len(lines) - MAX_LINES)]
    title = _("What changes:")
    rows = "".join(
        f'<div style="{_style(line)};white-space:pre-wrap">{html_code(line) or " "}</div>' for line in lines
    )
    return {
        "text/html": (
            f'<div>{html_code(title)}</div><pre style="line-height:1.35;margin:4px 0"><code>{rows}</code></pre>'
        ),
        "text/plain": safe_text("\n".join([title, *lines])),
    }


def _style(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"background:{colour}" if colour else _GREY
