"""`%openclaw fix` and `%openclaw explain`: which failure is meant, and how a repair is shown.

What the model is told is made in `context.repairs`. Nothing is ever run: the repaired cell is put below, for the
person to look at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import Reply, code_blocks
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.ask import ask_prompt
from openclaw_ipython.shell.inputs import CellPrompt
from openclaw_ipython.shell.options import AskOptions
from openclaw_ipython.shell.render.code_cells import PYTHON, flagged, warning
from openclaw_ipython.shell.render.diffs import diff_bundle
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.shell.render.surfaces import JupyterSurface, TerminalSurface
from openclaw_ipython.shell.render.wrapper import Around
from openclaw_ipython.shell.reply import renderer_for
from openclaw_ipython.shell.views import MessageView

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Failure
    from openclaw_ipython.context.repairs import Case
    from openclaw_ipython.shell.render.markdown import Renderer
    from openclaw_ipython.shell.render.surfaces import Surface
    from openclaw_ipython.shell.session import Session

_OURS = re.compile(r"\s*%openclaw\s+(?:fix|explain)\b")


def failure_in(session: Session) -> Failure | MessageView:
    """The failure that is meant, or what to say where no model is needed.

    The last exception of the notebook; where that is one of asking about it (no login, an interrupt), the one that was
    asked about.
    """
    found = session.notebook.last_failure()
    if found is not None and _OURS.match(found.source):
        found = session.failure
    session.failure = found
    if found is None:
        return MessageView(_("No cell has failed here yet"))
    if isinstance(found.error, KeyboardInterrupt):
        return MessageView(_("The last cell was interrupted; there is nothing wrong with it"))
    if isinstance(found.error, OpenClawError) and found.error.hint:
        return MessageView(f"{type(found.error).__name__}: {found.error}", found.error.hint)
    return found


def ask_about(session: Session, case: Case, renderer: Renderer, model: str | None) -> Reply:
    """Send the question of `case`, to `model` where it is named."""
    options = AskOptions(model=model, system=case.system)
    return ask_prompt(session, options, CellPrompt(case.prompt), renderer)


def repair_renderer(session: Session, failure: Failure, case: Case) -> RepairRenderer:
    """Shows the answer as answers are shown here, then the difference; puts the cell below."""
    surface = TerminalSurface(sys.stdout) if session.front.kind == "terminal" else JupyterSurface()
    return RepairRenderer(
        renderer_for(session), surface, failure.source.strip("\n"), case.restored, session.below.put
    )


class RepairRenderer(Around):
    """Shows an answer as `inner` does, then what changes in `source`; the repaired cell goes to `put`.

    `restored` gives the code of the answer as the person would have typed it.
    """

    def __init__(
        self,
        inner: Renderer,
        surface: Surface,
        source: str,
        restored: Callable[[str], str],
        put: Callable[[Sequence[str]], None],
    ) -> None:
        super().__init__(inner)
        self._surface = surface
        self._source = source
        self._restored = restored
        self._put = put

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`; then, of a complete answer, the difference, and the cell below."""
        code = "" if mark_text(reply) else repaired_cell(str(reply))
        code = self._restored(code)
        bundle = diff_bundle(self._source, code) if code else None
        if bundle is not None:
            said = _("the repaired cell is below, not run")
        elif code:
            said = _("nothing to change in this cell")
        else:
            said = _("no repaired cell in the answer")
        self._inner.close(reply, notes if mark_text(reply) else [*notes, said])
        if bundle is None:
            return
        self._surface.show(bundle)
        known = flagged([self._source])
        if lines := [line for line in flagged([code]) if line not in known]:
            self._surface.show(warning(lines))
        self._put([code])


def repaired_cell(answer: str) -> str:
    """The repaired cell in an answer: its longest block of Python, or without any its longest unnamed block."""
    blocks = code_blocks(answer)
    python = [code for language, code in blocks if language in PYTHON]
    return max(python or [code for language, code in blocks if not language], key=len, default="").strip("\n")
