"""The subcommands about the last exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _, language
from openclaw_ipython.shell.commands.registry import command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, View

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

MODEL = Option(("-m", "--model"), "the model to ask: provider/model or alias", "REF", kind="model")
NO_MEND = Option(("--no-mend",), "do not send names that do not exist back to the model")
CELL = Option(("--cell",), "a cell that failed earlier, by its id in the notebook", "ID")
WISH = Positional("wish", "what to mind, in your words", required=False, rest=True)


@command("fix", WISH, MODEL, CELL, NO_MEND)
def fix(
    session: Session, *, wish: tuple[str, ...], model: str | None, cell: str | None, no_mend: bool
) -> View | None:
    """Repair the cell that failed last, in a new cell below, with what changes; nothing is run."""
    from openclaw_ipython.context.repairs import REPAIR, failure_prompt
    from openclaw_ipython.shell import repairing

    failure = repairing.failure_in(session, cell)
    if isinstance(failure, MessageView):
        return failure
    if not failure.source:
        return MessageView(_("The cell that failed is not known here"), "%openclaw explain")
    case = failure_prompt(REPAIR, failure, session.notebook.variables(), " ".join(wish), language())
    renderer = repairing.repair_renderer(session, failure, case)
    repairing.ask_about(session, case, renderer, model, mend=not no_mend)
    return None


@command("explain", WISH, MODEL, CELL)
def explain(session: Session, *, wish: tuple[str, ...], model: str | None, cell: str | None) -> View | None:
    """Explain the last exception, with the cell it came from."""
    from openclaw_ipython.context.repairs import EXPLAIN, failure_prompt
    from openclaw_ipython.shell import repairing
    from openclaw_ipython.shell.reply import renderer_for

    failure = repairing.failure_in(session, cell)
    if isinstance(failure, MessageView):
        return failure
    case = failure_prompt(EXPLAIN, failure, session.notebook.variables(), " ".join(wish), language())
    repairing.ask_about(session, case, renderer_for(session), model)
    return None
