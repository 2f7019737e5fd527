"""`%%openclaw`: the cell goes to an agent of the person's own OpenClaw Gateway, in one session per notebook.

The Gateway keeps the history of a session, so only the new message is sent. A session is the request field `user`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.errors import ServiceError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.providers.openclaw_gateway import PROVIDER
from openclaw_ipython.shell.ask import ask_prompt
from openclaw_ipython.shell.conversation import notebook_of
from openclaw_ipython.shell.options import AGENT_CELL, AskOptions
from openclaw_ipython.shell.parser import parse, words
from openclaw_ipython.shell.reply import compose_prompt

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session


def ask_agent(session: Session, line: str, cell: str) -> None:
    """`%%openclaw LINE` with the text `cell`: ask, show the answer, bind it to `_qwen` and to the name of `-o`.

    Raises UsageError for a line that cannot be read, and where there are several agents and none is named; otherwise
    as `%%qwen`.
    """
    given = dict(parse(words(line), AGENT_CELL))
    agent, name, fresh = given.pop("agent"), given.pop("session"), given.pop("new")
    send(session, agent, cell.strip("\n"), AskOptions(**given), name=name, fresh=fresh)


def send(
    session: Session,
    agent: str | None,
    text: str,
    options: AskOptions,
    *,
    name: str | None = None,
    fresh: bool = False,
) -> None:
    """Send `text` to `agent` (None: the only one), in the session `name` (None: the notebook's)."""
    if not text.strip():
        raise UsageError(_("the message to the agent is empty"), hint=AGENT_CELL.manual)
    ref = PROVIDER.ref(agent.removeprefix(f"{PROVIDER.id}/") if agent else only_agent(session))
    sessions = session.agent_sessions
    is_first, user = sessions.user(notebook_of(session), name, fresh=fresh)
    power = _(
        "the Gateway's secret gives full control of it, and the agent's own tools may run without asking here"
    )
    notes = [power] if is_first else []
    if user in sessions.cancelled:
        notes.append(_("the interrupted message stays in the agent's memory; --new begins without it"))
    prompt = compose_prompt(session, options, text)
    prompt = replace(prompt, notes=(*prompt.notes, *notes))
    options = replace(options, model=str(ref), param=(*options.param, ("user", user)), no_cache=True)
    try:
        ask_prompt(session, options, prompt)
    except (KeyboardInterrupt, ServiceError) as error:
        if isinstance(error, KeyboardInterrupt) or options.timeout is not None:
            sessions.cancelled.add(user)
        sessions.agents.clear()  # the Gateway may have others by now
        raise
    if not options.dry_run:
        sessions.cancelled.discard(user)


def only_agent(session: Session) -> str:
    """The agent of a Gateway that has one, asked once a kernel. Raises UsageError for several."""
    known = session.agent_sessions.agents
    if len(known) != 1:
        known[:] = agents(session)
    if len(known) != 1:
        names = ", ".join(known)
        raise UsageError(
            _("the Gateway has several agents: {names}", names=names)
            if known
            else _("the Gateway has no agent"),
            suggestions=tuple(known),
            hint=f"%%openclaw {known[0]}" if known else "!openclaw agents list",
        )
    return known[0]


def agents(session: Session) -> list[str]:
    """The ids of the Gateway's agents, as it lists them now. Raises what a question raises."""
    refreshed = session.loop_thread.run(session.client.refresh_models(PROVIDER.id))
    return [spec.id for spec in refreshed.models]
