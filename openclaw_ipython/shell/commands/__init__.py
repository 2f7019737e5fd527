"""The subcommands of `%openclaw`, in OpenClaw's own words, one module a subject.

Every module of this folder is imported; a function with the decorator `command` is a subcommand, and nothing else has
to be edited to add one. A command returns a View, or None; no command prints.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands.registry import COMMANDS, Command, find, longest, next_words

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.shell.views import View

__all__ = ["COMMANDS", "Command", "dispatch", "find", "longest", "next_words"]

_FIRST_IN_HELP = ("account", "models", "repair", "history", "usage", "home")
_IN_OVERVIEW = (("login",), ("models", "set"), ("models", "list"), ("models", "status"), ("help",))


def dispatch(session: Session, typed: Sequence[str]) -> View | None:
    """Run the subcommand that `typed` begins with. Raises UsageError for an unknown one."""
    if not typed:
        from openclaw_ipython.shell.commands.reports import overview

        return overview(session, [(COMMANDS[key].line, _(COMMANDS[key].help)) for key in _IN_OVERVIEW])
    found, arguments = find(typed)
    return found.run(session, arguments)


def _fill() -> None:
    """Import the modules of this folder, and sort their commands into the order of help."""
    for info in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{info.name}")
    ranks = {f"{__name__}.{name}": rank for rank, name in enumerate(_FIRST_IN_HELP)}
    ordered = sorted(COMMANDS.items(), key=lambda item: ranks.get(item[1].module, len(ranks)))
    COMMANDS.clear()
    COMMANDS.update(ordered)


_fill()
