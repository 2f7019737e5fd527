"""The subcommands about the MCP servers that OpenClaw and Qwen Code are set up with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands.registry import JSON, command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, TableView, View, as_json, short

if TYPE_CHECKING:
    from openclaw_ipython.mcp.entries import McpServer
    from openclaw_ipython.shell.session import Session

_YES = Option(("--yes",), "do not ask")


@command("mcp list", JSON)
def list_servers(session: Session, *, json: bool) -> View:
    """List the MCP servers of OpenClaw and Qwen Code; nothing is started."""
    from openclaw_ipython.mcp.consent import Consent
    from openclaw_ipython.mcp.entries import configured
    from openclaw_ipython.shell.server_tools import store_of

    store = store_of(session)
    consent = Consent(store.home.own_dir)
    rows = []
    for server in configured(store).values():
        known = _("allowed") if consent.may_start(server) else _("not used here yet")
        state = (server.problem() or known) if server.enabled else _("switched off")
        rows.append((server.name, server.shown, f"{server.path} · {short(server.file)}", state))
    headings = ("server", "command", "file", "state")
    if json:
        return as_json([dict(zip(headings, row, strict=True)) for row in rows])
    empty = _("OpenClaw and Qwen Code have no MCP servers here")
    return TableView([_(h) for h in ("Server", "Command or address", "Where", "State")], rows, empty)


@command("mcp allow", Positional("name", "the server, or SERVER/TOOL", kind="server"), _YES)
def allow(session: Session, *, name: str, yes: bool) -> View:
    """Let Python code (oc.ask) start an MCP server and call its tools, as they are now."""
    from openclaw_ipython.errors import UsageError
    from openclaw_ipython.mcp.consent import Consent
    from openclaw_ipython.mcp.entries import PREFIX
    from openclaw_ipython.mcp.offer import clean, digest_of, listed
    from openclaw_ipython.shell.front_end import YES, answer_to
    from openclaw_ipython.shell.server_tools import command_of, may_start, store_of

    def approve(server: McpServer) -> bool:
        if yes:
            session.show(command_of(server))
        return yes or may_start(session, server)

    if not yes and not session.front.can_answer():
        raise UsageError(_("no person can be asked here"), hint=f"%openclaw mcp allow {name} --yes")
    store = store_of(session)
    consent = Consent(store.home.own_dir)
    ((connection, tools),) = listed([name], store, consent, approve)
    rows = [(clean(tool.name), " ".join(clean(tool.description or "").split())[:100]) for tool in tools]
    session.show(TableView([_("Tool"), _("What the server says of it")], rows, _("it has no tools")))
    if not yes and answer_to(_("Let code call these without asking? y: yes, Enter: no > ")) not in YES:
        return MessageView(_("Nothing was allowed"))
    consent.allow(connection.server, {tool.name: digest_of(tool) for tool in tools})
    return MessageView(
        _("{count} tools of {name} are allowed", count=len(tools), name=name),
        f"%%qwen --tools {PREFIX}{name.removeprefix(PREFIX)}",
    )
