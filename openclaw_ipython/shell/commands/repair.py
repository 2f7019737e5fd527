"""The subcommands about the last exception: which one is meant, and how a repair is shown.

`context.repairs` makes the prompt. Nothing is run: the repaired cell is put below.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import PYTHON
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _, language
from openclaw_ipython.sanitize.html import QUIET, html_code
from openclaw_ipython.sanitize.markdown import code_blocks
from openclaw_ipython.sanitize.text import safe_text, visible
from openclaw_ipython.shell.ask import ask_prompt
from openclaw_ipython.shell.commands.registry import command
from openclaw_ipython.shell.options import AskOptions
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.render.code_cells import CodeRenderer, check_bundle, flagged, warning
from openclaw_ipython.shell.render.renderers import make_renderer
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.shell.reply import CellPrompt, render_context
from openclaw_ipython.shell.views import MessageView, View

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.context.names import CellFailure
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer
    from openclaw_ipython.shell.session import Session

MODEL = Option(("-m", "--model"), "the model to ask: provider/model or alias", "REF", kind="model")
NO_MEND = Option(("--no-mend",), "do not send names that do not exist back to the model")
CELL = Option(("--cell",), "a cell that failed earlier, by its id in the notebook", "ID")
WISH = Positional("wish", "what to mind, in your words", required=False, rest=True)

_FIX = r"\s*%openclaw\s+(?:fix|explain)\b"
_OUR_MAGIC = r"\s*%%?(?:qwen|openclaw)\b"
MAX_LINES = 60
"""Lines that are shown; the rest is counted."""

_CONTEXT_LINES = 2  # unchanged lines around a change
_COLOURS = {"+": "rgba(46,160,67,.22)", "-": "rgba(248,81,73,.22)"}


@command("fix", WISH, MODEL, CELL, NO_MEND)
def fix(
    session: Session, *, wish: tuple[str, ...], model: str | None, cell: str | None, no_mend: bool
) -> View | None:
    """Repair the cell that failed last, in a new cell below, with what changes; nothing is run."""
    from openclaw_ipython.context.repairs import REPAIR, failure_prompt

    failure = failure_in(session, cell)
    if isinstance(failure, MessageView):
        return failure
    if not failure.source:
        return MessageView(_("The cell that failed is not known here"), "%openclaw explain")
    case = failure_prompt(REPAIR, failure, session.notebook.variables(), " ".join(wish), language())
    context, source = render_context(session), failure.source.strip("\n")
    head = f"%%writefile {failure.script}\n" if failure.script else ""
    renderer = RepairRenderer(make_renderer(context), context, source, case.unmask, head)
    options = AskOptions(model=model, system=case.system, mend=not no_mend)
    ask_prompt(session, options, CellPrompt(case.prompt), renderer)
    return None


@command("explain", WISH, MODEL, CELL)
def explain(session: Session, *, wish: tuple[str, ...], model: str | None, cell: str | None) -> View | None:
    """Explain the last exception, with the cell it came from."""
    from openclaw_ipython.context.repairs import EXPLAIN, failure_prompt

    failure = failure_in(session, cell)
    if isinstance(failure, MessageView):
        return failure
    case = failure_prompt(EXPLAIN, failure, session.notebook.variables(), " ".join(wish), language())
    options = AskOptions(model=model, system=case.system)
    ask_prompt(session, options, CellPrompt(case.prompt), make_renderer(render_context(session)))
    return None


def failure_in(session: Session, cell: str | None = None) -> CellFailure | MessageView:
    """The last exception of the notebook, or that of a cell, by its id; or a message where no model is needed.

    An exception of `%openclaw fix` itself (no login, an interrupt) is skipped: the one it was about is meant.
    """
    found = session.notebook.last_failure()
    if cell:
        if (error := session.preferences.failures.get(cell)) is None:
            return MessageView(_("That cell has not failed in this kernel lately; run it again"))
        found = session.notebook.failure_of(error)
    if found is not None and re.match(_FIX, found.source):
        found = session.failure
    session.failure = found
    if found is None:
        return MessageView(_("No cell has failed here yet"))
    if isinstance(found.error, KeyboardInterrupt):
        return MessageView(_("The last cell was interrupted; there is nothing wrong with it"))
    if isinstance(found.error, OpenClawError) and (found.error.hint or re.match(_OUR_MAGIC, found.source)):
        return MessageView(f"{type(found.error).__name__}: {found.error}", found.error.hint)
    return found


class RepairRenderer(CodeRenderer):
    """Shows an answer as `inner` does, then the difference to `source`, and puts the repaired cell into a new cell.

    `restored` gives the code of the answer as the person would have typed it; `head` is the first line of the new cell.
    """

    def __init__(
        self,
        inner: Renderer,
        context: RenderContext,
        source: str,
        restored: Callable[[str], str],
        head: str = "",
    ) -> None:
        super().__init__(inner, context)
        self._source = source
        self._restored = restored
        self._head = head

    def cells(self, reply: Reply) -> list[str]:
        """The repaired cell of an answer, if any."""
        code = self._restored(repaired_cell(str(reply)))
        return [code] if code else []

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`; then, of a complete answer, the difference, and the cell below."""
        code = "" if mark_text(reply) else "".join(self.cells(reply))
        bundle = diff_bundle(self._source, code) if code else None
        if bundle is not None:
            note = _("the repaired cell is below, not run")
        elif code:
            note = _("nothing to change in this cell")
        else:
            note = _("no repaired cell in the answer")
        self._inner.finish(reply, notes if mark_text(reply) else [*notes, note])
        if bundle is None:
            return
        self._context.surface.show(bundle)
        self._context.surface.show(check_bundle(self._context.check([code])))
        known = flagged([self._source])
        if lines := [line for line in flagged([code]) if line not in known]:
            self._context.surface.show(warning(lines))
        self._context.put_cells([self._head + code])


def repaired_cell(answer: str) -> str:
    """The repaired cell in an answer: its longest block of Python, or without any its longest unnamed block."""
    blocks = code_blocks(answer)
    python = [code for language, code in blocks if language in PYTHON]
    return max(python or [code for language, code in blocks if not language], key=len, default="").strip("\n")


def changes(before: str, after: str) -> list[str]:
    """The lines of a unified diff without its headings; where parts were left out between two changes, a `…`."""
    lines = list(
        difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES)
    )[3:]
    return ["…" if line.startswith("@@ ") else line for line in lines]


def diff_bundle(before: str, after: str) -> dict[str, str] | None:
    """The changes as display data; None where there are none."""
    lines = changes(visible(before), visible(after))
    if not lines:
        return None
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], _("… and {count} more lines", count=len(lines) - MAX_LINES)]
    title = _("What changes:")
    rows = "".join(
        f'<div style="{_style(line)};white-space:pre-wrap">{html_code(line) or " "}</div>' for line in lines
    )
    return {
        "text/html": (
            f'<div>{html_code(title)}</div><pre style="line-height:1.35;margin:4px 0"><code>{rows}</code></pre>'
        ),
        "text/plain": safe_text("\n".join([title, *lines])),
    }


def _style(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"background:{colour}" if colour else QUIET
