"""The renderers: one module each, named as `%config OpenClaw.renderer` names it.

A module of this package that defines `make(context)` is a renderer; nothing else is edited to add one. Importing the
package imports none of them.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer

NAMES = tuple(sorted(info.name for info in pkgutil.iter_modules(__path__)))


def make_renderer(context: RenderContext) -> Renderer:
    """The renderer that `context` names."""
    renderer: Renderer = import_module(f"{__name__}.{context.renderer}").make(context)
    return renderer
