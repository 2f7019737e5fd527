"""The subcommands about the person's own OpenClaw Gateway. It is asked, never started, set up or restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import to_builtins

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.shell.agent_cell import agents as listed_agents
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, command
from openclaw_ipython.shell.views import FactsView, TableView, View

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

_ELSEWHERE = N_(
    "a Gateway and its agents are set up, started and stopped by the OpenClaw program: !openclaw …"
)


@command("agents", JSON, PLAIN, leftover=_ELSEWHERE)
def agents(session: Session) -> View:
    """The agents of your OpenClaw Gateway, for `%%openclaw AGENT`."""
    ids = listed_agents(session)
    rows = [(one, f"openclaw/{one}", f"%%openclaw {one}") for one in ids]
    data = {"agents": [{"id": one, "ref": ref} for one, ref, _command in rows]}
    headings = (_("Agent"), _("Model"), _("To ask it"))
    return TableView(headings, rows, _("none"), "!openclaw agents list", data=data, words=ids)


@command("gateway", JSON, leftover=_ELSEWHERE)
def gateway(session: Session) -> View:
    """The state of your OpenClaw Gateway, its endpoints and its secret."""
    state = session.loop_thread.run(session.client.doctor.gateway())
    words = {True: _("yes"), False: _("no"), None: _("not known")}
    facts = [(_("runs"), state.version or _("no"))]
    if state.version:
        secret = {True: _("right"), False: _("wrong"), None: _("not known")}[state.accepted]
        if not state.secret and not state.accepted:
            secret = state.why or _("not known")
        facts += [
            (_("ready"), ", ".join([words[state.ready], *state.failing])),
            (_("chat endpoint on"), words[state.chat]),
            (_("responses endpoint on"), _("{state} (not needed here)", state=words[state.responses])),
            (_("secret"), f"{secret} ({state.secret})" if state.secret else secret),
            (_("agents"), ", ".join(state.agents) or _("not known")),
        ]
    what, fix = state.fix
    if state.problem[0] and not state.version:
        facts.append((_("why"), what))
        what = ""
    commands = (
        [(fix, what)] if fix else [(f"%%openclaw {state.agents[0]}", _("ask it"))] if state.agents else []
    )
    data = to_builtins(state) | {"fix": fix or None}
    return FactsView(f"OpenClaw Gateway {state.url}", facts, commands, data=data)
