"""Code of an answer in new cells: which code, how the cells are made, and which lines are flagged.

IPython's `set_next_input` makes a cell below the one that runs. Front ends take one such cell from each cell, and
JupyterLab takes the first of several, so further cells follow as those before them are run. Nothing is run from here.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import PYTHON
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import QUIET, html_text
from openclaw_ipython.sanitize.markdown import code_blocks
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.render.renderer import RendererWrapper
from openclaw_ipython.shell.render.status import mark_text

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.codecheck.finding import CodeCheck
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer

_SHELL = frozenset({"bash", "sh", "shell", "zsh", "console", "shell-session", "shellsession", "terminal"})
_PROMPT = r"(?m)^[ \t]*[$%] (.*)$"
_MAX_FLAGGED = 5
_MAX_LINE = 80
_MAX_CODE = 100_000

# A magic or a shell command, at the start of a line or as what is assigned. Python has `!=` and `%` there as well.
_ACTS = r"(?:[\w.\[\], ]+=\s*)?(?:!(?!=)|%{1,2}[A-Za-z_])"


def cells_in(text: str) -> list[str]:
    """The cells in an answer: its Python blocks; without those the unnamed ones, or shell commands as `%%bash` cells;
    without any block all of it, if Python.
    """
    blocks = [(language, code.strip("\n")) for language, code in code_blocks(text) if code.strip()]
    if not blocks:
        return [text.strip("\n")] if _is_python(text) else []
    named = [code for language, code in blocks if language in PYTHON]
    return (
        named
        or [code for language, code in blocks if not language]
        or [_bash_cell(code) for language, code in blocks if language in _SHELL]
    )


def _bash_cell(commands: str) -> str:
    """A cell that runs `commands`. Of a session with prompts, only what was typed."""
    typed = re.findall(_PROMPT, commands)
    body = "\n".join(typed) if typed else commands
    return body if body.lstrip().startswith("%%") else f"%%bash\n{body}"


def flagged(cells: Sequence[str]) -> list[str]:
    """The lines in `cells` that act outside Python once they are run: magics and shell commands. Shortened."""
    lines = (line.strip() for cell in cells for line in cell.splitlines())
    found = [line for line in lines if re.match(_ACTS, line)]
    return [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "…" for line in dict.fromkeys(found)]


def _is_python(text: str) -> bool:
    """Whether a text without any fence is code: it can be read as such, and a line of prose cannot."""
    try:
        with warnings.catch_warnings():  # about escapes in prose
            warnings.simplefilter("ignore")
            tree = ast.parse(text[:_MAX_CODE])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body)


class NextCells:
    """Puts code into new cells below the running one. `put` replaces the cells that were still to come."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._pending: list[str] = []  # the first one is in the notebook already

    def put(self, cells: Sequence[str]) -> None:
        """Make the first of `cells` when the running cell ends, each further one when the one before it has run."""
        self.forget()
        if not cells:
            return
        self._pending = [_numbered(cell, n, len(cells)) for n, cell in enumerate(cells, 1)]
        self._shell.set_next_input(self._pending[0], replace=False)
        if len(cells) > 1:
            self._shell.events.register("post_run_cell", self._ran)

    def forget(self) -> None:
        """Make no further cells."""
        if len(self._pending) > 1:
            self._shell.events.unregister("post_run_cell", self._ran)
        self._pending = []

    def _ran(self, result: Any) -> None:
        """A cell has run. It is recognised by its first line, as the rest may have been edited."""
        source = getattr(result.info, "raw_cell", None) or ""
        if not result.success or _first_line(source) != _first_line(self._pending[0]):
            return
        rest = self._pending[1:]
        self._shell.set_next_input(rest[0], replace=False)
        if len(rest) == 1:
            self.forget()
        self._pending = rest


def _numbered(cell: str, number: int, count: int) -> str:
    """A line that says which cell of how many this is. A cell magic has to stay the first line."""
    if count == 1 or cell.lstrip().startswith("%%"):
        return cell
    goes_on = _(
        "# cell {number} of {count}; the next one appears once this has run", number=number, count=count
    )
    last = _("# cell {number} of {count}", number=number, count=count)
    return f"{last if number == count else goes_on}\n{cell}"


def _first_line(source: str) -> str:
    return source.lstrip().partition("\n")[0].rstrip()


class CodeRenderer(RendererWrapper):
    """Shows an answer as `inner` does, and puts the code of a complete one into new cells."""

    def __init__(self, inner: Renderer, context: RenderContext) -> None:
        super().__init__(inner)
        self._context = context

    def cells(self, reply: Reply) -> list[str]:
        """The code of an answer that goes into cells."""
        return cells_in(str(reply))

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`, with a note about the cells, what in them does not fit, and lines that act outside Python."""
        cells = [] if mark_text(reply) else self.cells(reply)
        note = "" if mark_text(reply) or not reply else _("no Python code in it")
        if cells:
            note = _("the code is in the cell below, not run")
        if (count := len(cells)) > 1:
            note = _(
                "{count} cells of code: the first is below, the others follow as you run them", count=count
            )
        self._inner.finish(reply, [*notes, note] if note else notes)
        if cells:
            self._context.put_cells(cells)
            self._context.surface.show(check_bundle(self._context.check(cells)))
            if lines := flagged(cells):
                self._context.surface.show(warning(lines))


def check_bundle(check: CodeCheck) -> dict[str, str]:
    """The result of a check as display data."""
    style = f"{QUIET};font-size:90%" if check.ok else "font-size:90%"
    return {"text/html": f'<div style="{style}">{html_text(str(check))}</div>', "text/plain": str(check)}


def warning(lines: Sequence[str]) -> dict[str, str]:
    """The warning about lines that act outside Python, as display data."""
    first = _("⚠ Look before you run it: this code does more than Python")
    shown = list(lines[:_MAX_FLAGGED])
    if len(lines) > len(shown):
        shown.append(_("… and {count} more such lines", count=len(lines) - len(shown)))
    html = "".join(f"<div><code>{html_text(line)}</code></div>" for line in shown)
    return {
        "text/html": f"<div><strong>{html_text(first)}</strong>{html}</div>",
        "text/plain": safe_text("\n".join([first, *(f"  {line}" for line in shown)])),
    }
