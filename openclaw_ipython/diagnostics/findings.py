"""What the check-up finds: one value for every finding, always with what mends it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from openclaw_ipython.errors import DocumentError

Severity = Literal["error", "warning", "note"]

_ORDER = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `error` keeps something from working, `warning` will or may, `note` is good to know and no fault. `what`
    is a sentence, `where` a path, a setting or a variable, `fix` a line to type; `!` starts one for the shell.
    """

    check: str
    severity: Severity
    what: str
    where: str
    fix: str


def by_severity(found: list[Finding]) -> list[Finding]:
    """The worst first; each once."""
    return sorted(dict.fromkeys(found), key=lambda finding: _ORDER.index(finding.severity))


def shell_line(command: str, path: Path) -> str:
    """A line for the shell about one path, which may have blanks in it."""
    return f"!{command} {shlex.quote(str(path))}"


def unreadable(error: DocumentError) -> Finding:
    """The finding for a file that cannot be read."""
    return Finding("file-content", "error", str(error), str(error.path), error.hint or "correct the file")
