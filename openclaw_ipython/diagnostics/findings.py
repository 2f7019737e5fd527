"""The findings of the check-up: each says what is wrong, where, and the command that repairs it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.errors import DocumentError

Severity = Literal["error", "warning", "note"]

_WORST_FIRST = ("error", "warning", "note")


class Finding(Struct, frozen=True):
    """One finding of the check-up.

    An `error` keeps something from working, a `warning` will or may do so, a `note` is no fault. `what` is a sentence,
    `where` a path, a setting or a variable, `fix` a line to type; one that begins with `!` is for the shell.
    """

    check: str
    severity: Severity
    what: str
    where: str
    fix: str


def worst_first(found: list[Finding]) -> list[Finding]:
    """The findings by severity, without duplicates."""
    return sorted(dict.fromkeys(found), key=lambda finding: _WORST_FIRST.index(finding.severity))


def shell_line(command: str, path: Path) -> str:
    """A line for the shell with one path, quoted where it has blanks."""
    return f"!{command} {shlex.quote(str(path))}"


def unreadable(error: DocumentError) -> Finding:
    """The finding for a file that cannot be read."""
    return Finding("file-content", "error", str(error), str(error.path), error.hint or _("correct the file"))
