"""The tools of MCP servers in a cell: the person is asked before a server starts for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.mcp.connection import CONNECTIONS
from openclaw_ipython.mcp.consent import Consent
from openclaw_ipython.mcp.offer import offer
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.shell.front_end import YES, answer_to
from openclaw_ipython.shell.views import MessageView, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_ipython.mcp.entries import McpServer
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.structured.tools import Tool


def store_of(session: Session) -> Store:
    """The configuration of the session's home."""
    return Store(session.client.home, session.runtime)


def server_tools(session: Session, words: Sequence[str]) -> Mapping[str, Tool]:
    """The tools that words such as `mcp:NAME` name. Raises as `offer`."""
    tools, notes = offer(words, store_of(session), lambda server: may_start(session, server))
    for note in notes:
        session.show(MessageView(note))
    return tools


def names_of_tools(session: Session, server: McpServer) -> list[str]:
    """The tools of a server that it has listed in this process, or that have been allowed; nothing is started."""
    allowed = Consent(session.client.home.own_dir).tools(server)
    return sorted({*CONNECTIONS.listed(server.name), *allowed})


def may_start(session: Session, server: McpServer) -> bool:
    """Show the exact command, and where it is written; ask whether it may run."""
    if not session.front.can_answer():
        return False
    session.show(command_of(server))
    question = _("Connect to it?") if server.transport != "stdio" else _("Start it?")
    return answer_to(f"{question} {_('y: yes, Enter: no')} > ") in YES


def command_of(server: McpServer) -> MessageView:
    """The exact command of a server, and where it is written."""
    details = [server.shown, _("{path} in {file}", path=server.path, file=short(server.file))]
    if server.unpinned:
        details.append(
            _("{package} is named without a version: each start runs the newest", package=server.unpinned)
        )
    return MessageView(
        _("The MCP server {name} has not been used here before, or has changed:", name=server.name),
        details=tuple(details),
    )
