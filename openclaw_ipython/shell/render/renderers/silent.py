"""`silent`: shows nothing, for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.shell.render.renderer import Renderer

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext


class SilentRenderer(Renderer):
    """Shows nothing."""


def make(context: RenderContext) -> SilentRenderer:
    """The renderer of `silent`."""
    return SilentRenderer()
