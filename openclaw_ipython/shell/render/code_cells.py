"""Code of an answer into new cells below: which code, how it gets there, what of it is flagged.

A cell is put below by IPython's `set_next_input`. Front ends take one such cell from each cell that has run, and
JupyterLab takes the first where there are several; so further ones follow as those before them are run. Nothing is ever
run from here, and no cell but the one below is touched.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import Reply, code_blocks
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import html_text
from openclaw_ipython.sanitize.terminal import safe_text
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.shell.render.wrapper import Around

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.markdown import Renderer
    from openclaw_ipython.shell.render.surfaces import Surface

PYTHON = frozenset({"python", "py", "python3", "ipython", "ipython3"})
_MAX_FLAGGED = 5
_MAX_LINE = 80
_MAX_CODE = 100_000

# A magic or a shell command, at the start of a line or as what is assigned. Python has `!=` and `%` there as well.
_ACTS = re.compile(r"(?:[\w.\[\], ]+=\s*)?(?:!(?!=)|%{1,2}[A-Za-z_])")


def cells_in(text: str) -> list[str]:
    """The cells in an answer: its Python blocks; without those the unnamed ones; without any all of it, if Python."""
    blocks = [(language, code.strip("\n")) for language, code in code_blocks(text)]
    if not blocks:
        return [text.strip("\n")] if _is_python(text) else []
    named = [code for language, code in blocks if language in PYTHON]
    return [code for code in named or [c for language, c in blocks if not language] if code.strip()]


def flagged(cells: Sequence[str]) -> list[str]:
    """The lines in `cells` that act outside Python once they are run: magics and shell commands. Shortened."""
    lines = (line.strip() for cell in cells for line in cell.splitlines())
    found = [line for line in lines if _ACTS.match(line)]
    return [line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "…" for line in dict.fromkeys(found)]


def _is_python(text: str) -> bool:
    """Whether a text without any fence is code: it can be read as such, and a line of prose cannot."""
    try:
        with warnings.catch_warnings():  # an escape in somebody's prose is no business of the reader
            warnings.simplefilter("ignore")
            tree = ast.parse(text[:_MAX_CODE])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body)


class Below:
    """Puts cells below the running one. `put` replaces whatever was still to come."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._coming: list[str] = []  # the first one is in the notebook already

    def put(self, cells: Sequence[str]) -> None:
        """Have `cells` appear, the first when the running cell ends, each further one once that before it has run."""
        self.forget()
        if not cells:
            return
        self._coming = [_numbered(cell, n, len(cells)) for n, cell in enumerate(cells, 1)]
        self._shell.set_next_input(self._coming[0], replace=False)
        if len(cells) > 1:
            self._shell.events.register("post_run_cell", self._ran)

    def forget(self) -> None:
        """Let no further cell follow."""
        if len(self._coming) > 1:
            self._shell.events.unregister("post_run_cell", self._ran)
        self._coming = []

    def _ran(self, result: Any) -> None:
        """A cell has run. It is known by its first line: the person may have edited the rest."""
        source = getattr(result.info, "raw_cell", None) or ""
        if not result.success or _first_line(source) != _first_line(self._coming[0]):
            return
        rest = self._coming[1:]
        self._shell.set_next_input(rest[0], replace=False)
        if len(rest) == 1:
            self.forget()
        self._coming = rest


def _numbered(cell: str, number: int, count: int) -> str:
    """A line that says which cell of how many this is. A cell magic has to stay the first line."""
    if count == 1 or cell.lstrip().startswith("%%"):
        return cell
    if number == count:
        return _("# cell {number} of {count}", number=number, count=count) + f"\n{cell}"
    return _(
        "# cell {number} of {count}; the next one appears once this has run", number=number, count=count
    ) + (f"\n{cell}")


def _first_line(source: str) -> str:
    return source.lstrip().partition("\n")[0].rstrip()


class CodeRenderer(Around):
    """Shows an answer as `inner` does, and puts its code into cells below when it is complete."""

    def __init__(self, inner: Renderer, surface: Surface, put: Callable[[Sequence[str]], None]) -> None:
        super().__init__(inner)
        self._surface = surface
        self._put = put

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`, with a word in the footer about the cells, and a warning about what acts outside Python."""
        cells = [] if mark_text(reply) else cells_in(str(reply))
        self._inner.close(reply, [*notes, *_said(cells, reply)])
        if cells:
            self._put(cells)
            if lines := flagged(cells):
                self._surface.show(warning(lines))


def _said(cells: Sequence[str], reply: Reply) -> list[str]:
    if len(cells) > 1:
        return [
            _(
                "{count} cells of code: the first is below, the others follow as you run them",
                count=len(cells),
            )
        ]
    if cells:
        return [_("the code is in the cell below, not run")]
    return [] if mark_text(reply) or not reply else [_("no Python code in it")]


def warning(lines: Sequence[str]) -> dict[str, str]:
    """What is shown about lines that act outside Python, below an answer and above the cell they are in."""
    first = _("⚠ Look before you run it: this code does more than Python")
    shown = list(lines[:_MAX_FLAGGED])
    if len(lines) > len(shown):
        shown.append(_("… and {count} more such lines", count=len(lines) - len(shown)))
    html = "".join(f"<div><code>{html_text(line)}</code></div>" for line in shown)
    return {
        "text/html": f"<div><strong>{html_text(first)}</strong>{html}</div>",
        "text/plain": safe_text("\n".join([first, *(f"  {line}" for line in shown)])),
    }
