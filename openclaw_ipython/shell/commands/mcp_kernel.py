"""The subcommands that offer variables and functions of this kernel to agents, by MCP."""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.names import is_reference
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.mcp import require_sdk
from openclaw_ipython.shell.commands.registry import command
from openclaw_ipython.shell.parser import Option, Positional, seconds
from openclaw_ipython.shell.views import MessageView, View

if TYPE_CHECKING:
    from openclaw_ipython.mcp.kernel_server import Offered
    from openclaw_ipython.shell.session import Session
    from openclaw_ipython.structured.tools import Tool

NAMES = Positional("name", "variables, to be read, and functions, to be called", kind="name", rest=True)
YES = Option(("--yes",), "let agents call the functions without asking each time")
TIMEOUT = Option(("--timeout",), "the longest time of a call, in seconds (60)", "SECONDS", convert=seconds)
SERVE = "%openclaw mcp serve NAME …"


@command("mcp serve", NAMES, YES, TIMEOUT)
def serve(session: Session, *, name: tuple[str, ...], yes: bool, timeout: float | None) -> View | None:
    """Offer variables and functions of this kernel to agents on this computer, by MCP."""
    require_sdk()
    from openclaw_ipython.shell.mcp_serving import Serving
    from openclaw_ipython.shell.reply import render_context

    names = [one for word in name for one in re.split(r",\s*", word) if one]
    offers = {one.name: one for one in (_offered(session, each, yes=yes) for each in names)}
    if (serving := session.serving) is None:
        folder = session.client.home.own_dir / "mcp"
        serving = session.serving = Serving(session.shell, folder, session.runtime, session.loop_thread)
    serving.offered = list(offers.values())
    serving.allowed = set(offers) if yes else set()
    serving.call_seconds = timeout or 60.0
    text = serving.lines()
    render_context(session).surface.show({"text/plain": text, "text/markdown": text})
    _show_widget(session)
    return None


@command("mcp status")
def status(session: Session) -> View | None:
    """Show what is offered to agents by MCP, and their calls."""
    serving = session.serving
    if serving is None:
        return MessageView(_("Nothing is offered to agents"), SERVE)
    session.show(MessageView(serving.title, "%openclaw mcp stop", (serving.url,)))
    return None if _show_widget(session) else serving.log_view()


@command("mcp stop")
def stop(session: Session) -> View:
    """Stop offering variables and functions to agents."""
    serving, session.serving = session.serving, None
    if serving is None:
        return MessageView(_("Nothing is offered to agents"), SERVE)
    serving.stop()
    return MessageView(_("Agents can no longer reach this kernel"))


def _show_widget(session: Session) -> bool:
    """Show questions and calls, where there are widgets."""
    if session.serving is None or session.front.kind == "terminal":
        return False
    from openclaw_ipython.shell.login.keys import show_widget
    from openclaw_ipython.shell.render.renderer import JupyterSurface

    calls = session.serving.log_view().text() if session.serving.log else ""
    text = calls or _("[calls of agents: %openclaw mcp status]")
    show_widget(JupyterSurface(), session.serving.widget, text)
    return True


def _offered(session: Session, name: str, *, yes: bool) -> Offered:
    """What `name` stands for, offered: a function to be called, anything else to be read. Raises UsageError."""
    from openclaw_ipython.mcp.kernel_server import Offered
    from openclaw_ipython.shell.assistant import described
    from openclaw_ipython.shell.tool_loop import value_named
    from openclaw_ipython.structured.runner import is_coroutine_function
    from openclaw_ipython.structured.tools import tool_of

    if not is_reference(name) or name.startswith("_"):
        raise UsageError(_("{name} is not the name of a variable", name=name))
    value = value_named(session.notebook, "mcp serve", name, lambda _value: True)
    terminal = session.front.kind == "terminal"
    if not _is_function(value):

        def read() -> str:
            return described(session.notebook, name)

        read.__doc__ = f"Read the variable {name} ({type(value).__name__}) of the notebook, as text."
        variable = tool_of(read, name)
        return Offered(variable.name, lambda: variable, reads=True)
    if not yes and (terminal or not session.front.can_answer()):
        raise UsageError(
            _("{name} is a function, and nobody can be asked here before it runs", name=name),
            hint=_("--yes lets agents call it without asking"),
        )
    if terminal and is_coroutine_function(value):
        raise UsageError(
            _("{name} is a coroutine function: agents can call it in a notebook only", name=name)
        )

    def function() -> Tool:
        now = value_named(session.notebook, "mcp serve", name, _is_function)
        if not _is_function(now):
            raise UsageError(_("{name} cannot be called", name=name))
        return tool_of(now, name)

    return Offered(function().name, function, reads=False)


def _is_function(value: Any) -> bool:
    return inspect.isroutine(value) or isinstance(value, functools.partial)
