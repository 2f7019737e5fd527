"""The findings of the check-up: each says what is wrong, where, and the command that repairs it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import ProfileRow
    from openclaw_ipython.auth.advice import SignInAdvice
    from openclaw_ipython.errors import DocumentError
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.openclaw.store import Snapshot
    from openclaw_ipython.providers import Providers

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


class Facts(Struct, frozen=True):
    """The state that the checks of logins and configuration read. `now` in epoch milliseconds.

    `missing_login(provider)` is the reason why a provider has no login, or empty.
    """

    snapshot: Snapshot
    models: Models
    providers: Providers
    home: Home
    advice: SignInAdvice
    rows: Sequence[ProfileRow]
    environ: Mapping[str, str]
    now: int
    missing_login: Callable[[str], str]


def worst_first(found: list[Finding]) -> list[Finding]:
    """The findings by severity, without duplicates."""
    return sorted(dict.fromkeys(found), key=lambda finding: _WORST_FIRST.index(finding.severity))


def shell_line(command: str, *paths: Path) -> str:
    """A line for the shell with paths, quoted where they have blanks."""
    return f"!{command} {shlex.join(map(str, paths))}"


def unreadable(error: DocumentError) -> Finding:
    """The finding for a file that cannot be read."""
    return Finding("file-content", "error", str(error), str(error.path), error.hint or _("correct the file"))
