"""The subcommands about the MCP servers of OpenClaw and Qwen Code, and their tools in a cell.

The person is asked before a server starts for the first time, or after its command has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.commands.registry import JSON, command
from openclaw_ipython.shell.front_end import YES, answer_to
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.render.renderer import Handle, JupyterSurface
from openclaw_ipython.shell.views import MessageView, TableView, View, short

if TYPE_CHECKING:
    from openclaw_ipython.mcp.entries import McpServer
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.structured.tools import Tool

UNASKED = Option(("--yes",), "do not ask")


@command("mcp list", JSON)
def list_servers(session: Session) -> View:
    """List the MCP servers of OpenClaw and Qwen Code; nothing is started."""
    from openclaw_ipython.mcp.entries import Consent, configured

    consent = Consent(session.client.home.own_dir)
    rows = []
    for server in configured(_store(session)).values():
        known = _("allowed") if consent.may_start(server) else _("not used here yet")
        state = (server.problem or known) if server.enabled else _("switched off")
        rows.append((server.name, server.shown, f"{server.path} · {short(server.file)}", state))
    data = [dict(zip(("server", "command", "place", "state"), row, strict=True)) for row in rows]
    headings = (_("Server"), _("Command or address"), _("Where"), _("State"))
    return TableView(
        headings,
        rows,
        _(
            "no MCP server is set up here: mcpServers of .qwen/settings.json and mcp.servers of openclaw.json list them"
        ),
        data=data,
    )


@command("mcp allow", Positional("name", "the server, or SERVER/TOOL", kind="server"), UNASKED)
def allow(session: Session, *, name: str, yes: bool) -> View:
    """Let Python code (oc.ask) start an MCP server and call its tools, as they are now."""
    from openclaw_ipython.mcp.entries import configured, selected
    from openclaw_ipython.mcp.offer import clean, digest_of, listed

    selected([name], configured(_store(session)))
    if not yes and not session.front.can_answer():
        raise UsageError(_("no person can be asked here"), hint=f"%openclaw mcp allow {name} --yes")
    approve = lambda server: _may_start(session, server, yes=yes)  # noqa: E731
    ((connection, consent, tools),) = listed([name], _store(session), approve, _waiting(session))
    rows = [(clean(tool.name), " ".join(clean(tool.description or "").split())[:100]) for tool in tools]
    session.show(TableView((_("Tool"), _("What the server says of it")), rows, _("it has no tools")))
    if not yes and answer_to(_("Let Python code call these? y: yes, Enter: no > ")) not in YES:
        return MessageView(_("Nothing was allowed"))
    consent.allow(connection.server, {tool.name: digest_of(tool) for tool in tools})
    allowed = _("allowed tools of {name}: {count}", count=len(tools), name=connection.server.name)
    return MessageView(allowed, f"oc.ask(…, tools=['mcp:{name.removeprefix('mcp:')}'])")


def server_tools(session: Session, words: Sequence[str]) -> Mapping[str, Tool]:
    """The tools that words such as `mcp:NAME` name; new servers are asked about. Raises as `mcp.offer.offer`."""
    from openclaw_ipython.mcp.offer import offer

    approve = lambda server: _may_start(session, server)  # noqa: E731
    tools, notes = offer(words, _store(session), approve, _waiting(session))
    for note in notes:
        session.show(MessageView(note))
    return tools


def server_words(session: Session, fragment: str) -> list[str]:
    """What completes `mcp:`: the servers, and after a slash the tools that have been listed here, or allowed."""
    from openclaw_ipython.mcp.connection import CONNECTIONS
    from openclaw_ipython.mcp.entries import PREFIX, Consent, configured

    done, comma, last = fragment.rpartition(",")
    name, slash, _tool = last.removeprefix(PREFIX).partition("/")
    servers = configured(_store(session))
    tools: set[str] = set()
    if slash and name in servers:
        tools = {*CONNECTIONS.listed(name), *Consent(session.client.home.own_dir).tools(servers[name])}
    words = [*servers, *(f"{name}/{tool}" for tool in sorted(tools))]
    return [f"{done}{comma}{PREFIX}{word}" for word in words]


def _store(session: Session) -> Store:
    return Store(session.client.home, session.runtime)


def _waiting(session: Session) -> Callable[[str], None]:
    """Shows from the first second on that a server starts, and nothing any more when it is up."""
    monotonic, in_terminal = session.runtime.monotonic, session.front.kind == "terminal"
    shown, begun = "", 0.0
    handle: Handle | None = None

    def show(name: str) -> None:
        nonlocal shown, begun, handle
        begun = (begun or monotonic()) if name else 0.0
        seconds = int(monotonic() - begun) if name else 0
        text = _("starting {name} … {seconds} s", name=safe_text(name), seconds=seconds) if seconds else ""
        if text == shown or (in_terminal and not sys.stderr.isatty()):
            return
        shown, bundle = text, {"text/plain": text, "text/html": f"<small>{escape(text)}</small>"}
        if in_terminal:
            sys.stderr.write(f"\r{text:<79}" if text else f"\r{'':<79}\r")
            sys.stderr.flush()
        elif handle is None:
            handle = JupyterSurface().show(bundle)
        else:
            handle.update(bundle)

    return show


def _may_start(session: Session, server: McpServer, *, yes: bool = False) -> bool:
    """Show the exact command of a server, and where it is written; whether it may run."""
    if not yes and not session.front.can_answer():
        return False
    details = [server.shown, f"{server.path} · {short(server.file)}"]
    if package := server.unpinned:
        details.append(_("{package} has no version: each start runs the newest", package=package))
    what = _("The MCP server {name} has not been used here before, or has changed:", name=server.name)
    session.show(MessageView(what, details=tuple(details)))
    question = _("Start it?") if server.transport == "stdio" else _("Connect to it?")
    return yes or answer_to(f"{question} {_('y: yes, Enter: no')} > ") in YES
