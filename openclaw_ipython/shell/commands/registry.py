"""`%openclaw …`: the complete table of subcommands, and running one.

The words are OpenClaw's own. A command returns a View (or None); no command prints. Each subject has a file
of its own, which fills the table when it is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import account, home, journal, models, repair, reports
from openclaw_ipython.shell.commands.table import COMMANDS, Command, arrange, find, longest, next_words
from openclaw_ipython.shell.parser import parse

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.shell.views import View

__all__ = ["COMMANDS", "Command", "dispatch", "find", "longest", "next_words"]

arrange([module.__name__ for module in (account, models, repair, journal, home)])

_FIRST = (("login",), ("models", "set"), ("models", "list"), ("models", "status"), ("help",))


def dispatch(session: Session, typed: Sequence[str]) -> View | None:
    """Run the subcommand that `typed` begins with. Raises UsageError for words that are none."""
    if not typed:
        return reports.overview(session, [(COMMANDS[key].line, _(COMMANDS[key].help)) for key in _FIRST])
    found, rest = find(typed)
    return found.run(session, parse(rest, found.spec))
