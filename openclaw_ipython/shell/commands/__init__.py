"""The subcommands of `%openclaw`, in OpenClaw's own words, one module a subject.

Every module of this folder is imported; a function with the decorator `command` is a subcommand, and nothing else has
to be edited to add one. A command returns a View, or None; no command prints.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.shell.commands.registry import COMMANDS, Command, find, longest, next_words

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.shell.views import View

__all__ = ["COMMANDS", "Command", "dispatch", "find", "longest", "next_words"]

_GROUPS = (
    (N_("Ask"), ("repair",)),
    (N_("Sign in"), ("account",)),
    (N_("Models"), ("models",)),
    (N_("Conversations, cache and usage"), ("history", "usage", "batches")),
    (N_("Your own agents"), ("gateway",)),
    (N_("Tools and agents (MCP)"), ("mcp_servers", "mcp_kernel")),
    (N_("Settings"), ("home",)),
)
"""The headings of the help, each with the modules of its commands; a module that is not named comes last."""

_SUMMARIES = ("list", "status", "get")
"""The last word of the command whose help stands for those that share its other words."""

_IN_OVERVIEW = (("login",), ("models", "set"), ("models", "list"), ("models", "status"), ("help",))


def dispatch(session: Session, typed: Sequence[str]) -> View | None:
    """Run the subcommand that `typed` begins with. Raises UsageError for an unknown one."""
    if not typed:
        from openclaw_ipython.shell.commands.reports import overview

        return overview(session, [(COMMANDS[key].line, _(COMMANDS[key].help)) for key in _IN_OVERVIEW])
    found, arguments = find(typed)
    return found.run(session, arguments)


def overview_of_commands() -> list[tuple[str, list[tuple[str, str]]]]:
    """The headings of the help, each with its commands and their help.

    Commands of two words or more that differ in the last one only share a row: `%openclaw config get|set|unset`.
    """
    listed = {name for _title, modules in _GROUPS for name in modules}
    others = tuple(dict.fromkeys(name for one in COMMANDS.values() if (name := _module(one)) not in listed))
    sections = []
    for title, modules in (*_GROUPS, *(((N_("More"), others),) if others else ())):
        families: dict[tuple[str, ...], list[Command]] = {}
        for one in (one for one in COMMANDS.values() if _module(one) in modules):
            shared = one.words[:-1] if one.words[:-1] not in ((), ("mcp",), ("models",)) else one.words
            families.setdefault(shared, []).append(one)
        sections.append((title, [_row(family) for family in families.values()]))
    return sections


def _row(family: Sequence[Command]) -> tuple[str, str]:
    words = "|".join(one.words[-1] for one in family if len(one.words) == len(family[0].words))
    first = next((one for one in family if one.words[-1] in _SUMMARIES), family[0])
    return " ".join(["%openclaw", *first.words[:-1], words]), _(first.help)


def _module(one: Command) -> str:
    return one.module.rpartition(".")[2]


def _fill() -> None:
    """Import the modules of this folder, and sort their commands into the order of help."""
    for info in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{info.name}")
    names = [name for _title, modules in _GROUPS for name in modules]
    ranks = {name: rank for rank, name in enumerate(names)}
    ordered = sorted(COMMANDS.items(), key=lambda item: ranks.get(_module(item[1]), len(ranks)))
    COMMANDS.clear()
    COMMANDS.update(ordered)


_fill()
