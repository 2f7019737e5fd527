"""`-f`: what a format asks of the model, who shows it, and which value it leaves. Loaded when a format is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openclaw_ipython.shell.render.markdown import MarkdownRenderer, PlainRenderer, Renderer, SilentRenderer
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.shell.render.surfaces import JupyterSurface, TerminalSurface

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.shell.session import Session

# In English, as models are told things best; in the system prompt, so that the question stays as it was typed.
_INSTRUCTIONS = {
    "text": "Answer in plain text, without Markdown.",
    "code": (
        "Answer with Python code for a Jupyter notebook, in fenced blocks marked `python`, one block for each cell, "
        "and with few words around them."
    ),
    "json": "Answer with one JSON value and nothing else: no words, no code fence.",
    "html": (
        "Answer with one HTML page and nothing else. Styles have to stand in it and pictures have to be inline SVG "
        "or data: addresses; scripts do not run, and nothing is loaded."
    ),
    "math": "Answer with one formula in LaTeX and nothing else: no words, no delimiters.",
}


def instructed(system: str | None, name: str | None) -> str | None:
    """The system prompt `system` with what the format `name` asks of the model."""
    return "\n\n".join(filter(None, (system, _INSTRUCTIONS.get(name or "")))) or None


def renderer(session: Session, painter: str, name: str) -> Renderer:
    """Who shows an answer in the format `name`; `painter` is how this front end is painted on.

    That is `markdown`, `plain` or `silent`. The format decides over it only where it asks for less.
    """
    footer = session.options.footer
    if "silent" in (painter, name):
        inner: Renderer = SilentRenderer()
    elif painter == "plain" or name == "text":
        inner = _plain(session, name, footer)
    else:
        inner = _rich(session, name, footer)
    if name != "code":
        return inner
    from openclaw_ipython.shell.render.code_cells import CodeRenderer

    surface = TerminalSurface(sys.stdout) if session.front.kind == "terminal" else JupyterSurface()
    return CodeRenderer(inner, surface, session.below.put)


def _plain(session: Session, name: str, footer: bool) -> Renderer:
    surface = TerminalSurface(sys.stdout)
    if name != "json":  # a page and a formula are as good to read as they come
        return PlainRenderer(surface, session.monotonic, footer=footer)
    from openclaw_ipython.shell.render.buffered import PlainWholeRenderer, as_json

    return PlainWholeRenderer(surface, session.monotonic, as_json, footer=footer)


def _rich(session: Session, name: str, footer: bool) -> Renderer:
    if name not in ("json", "html", "math"):
        return MarkdownRenderer(JupyterSurface(), session.monotonic, footer=footer)
    from openclaw_ipython.shell.render.buffered import WholeRenderer, as_formula, as_json, as_page

    form = {"json": as_json, "html": as_page, "math": as_formula}[name]
    return WholeRenderer(JupyterSurface(), session.monotonic, form, footer=footer)


def parsed(reply: Reply, name: str) -> Any:
    """What `Reply.parsed` is in the format `name`: for `json` the value in a complete answer, else None."""
    if name != "json" or mark_text(reply):
        return None
    from openclaw_ipython.structured.extract import as_python, extract

    found = extract(str(reply))
    return None if found is None else as_python(found)
