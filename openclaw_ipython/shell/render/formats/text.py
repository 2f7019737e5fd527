"""`-f text`: plain text, without Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.shell.render.formats import Format
from openclaw_ipython.shell.render.renderers import make_renderer

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer


def make(context: RenderContext) -> Renderer:
    """The plain renderer, unless nothing is to be shown."""
    return make_renderer(context if context.renderer == "silent" else replace(context, renderer="plain"))


FORMAT = Format("plain text, without Markdown", "Answer in plain text, without Markdown.", make)
