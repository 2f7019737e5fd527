"""The formats of `-f NAME`: one module each, called NAME, that defines `FORMAT`.

A module of this package is a format; nothing else is edited to add one. Importing the package imports none of them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.shell.render.renderers import make_renderer

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer

NAMES = tuple(sorted(info.name for info in pkgutil.iter_modules(__path__)))


class Format(Struct, frozen=True):
    """How an answer is asked for, shown and bound.

    `instruction` is added to the system prompt, so that the question stays as it was typed; it is in English, which
    models follow best. `make` makes the renderer, by default that of the context. `parse` gives the value that the
    name of `-o` is bound to; None binds the reply. It raises SchemaMismatch where the answer has none: with `-o` the
    cell fails then.
    """

    help: str
    instruction: str = ""
    make: Callable[[RenderContext], Renderer] = make_renderer
    parse: Callable[[Reply], Any] = lambda reply: None

    def system_prompt(self, system: str | None) -> str | None:
        """The system prompt `system` with the instruction."""
        return "\n\n".join(filter(None, (system, self.instruction))) or None


def find_format(name: str) -> Format:
    """The format called `name`, one of NAMES."""
    found: Format = import_module(f"{__name__}.{name}").FORMAT
    return found
