"""What a renderer is, what it is made from, and renderers that wrap another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, Reply
    from openclaw_ipython.codecheck.finding import CodeCheck
    from openclaw_ipython.shell.render.surfaces import Surface


class Renderer:
    """Shows one answer: `start`, then `update` until the answer ends, then `finish` or `cancel` once."""

    interval = 0.5
    """Seconds between two calls of `update`."""

    def start(self, label: str) -> None:
        """The request is sent to `label`, e.g. `qwen-portal/coder-model`."""

    def update(self, events: Sequence[ChatEvent]) -> None:
        """Show what is new in `events`; without events, that time has passed."""

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """The answer has ended, complete or not: show the rest, and the footer with `notes`."""

    def cancel(self) -> None:
        """The request failed before anything arrived: remove the status line."""


class RenderContext(Struct, frozen=True):
    """What renderers of one cell are made from.

    `renderer` is a name in the package `renderers`, `surface` is that of the front end, `monotonic` gives monotonic
    seconds, `put_cells` puts code into new cells, and `check` compares code with the namespace.
    """

    renderer: str
    surface: Surface
    monotonic: Callable[[], float]
    put_cells: Callable[[Sequence[str]], None]
    check: Callable[[Sequence[str]], CodeCheck]
    footer: bool = True


class RendererWrapper(Renderer):
    """Shows an answer as `inner` does; subclasses add to it."""

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self.interval = inner.interval

    def start(self, label: str) -> None:
        """As `inner`."""
        self._inner.start(label)

    def update(self, events: Sequence[ChatEvent]) -> None:
        """As `inner`."""
        self._inner.update(events)

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`."""
        self._inner.finish(reply, notes)

    def cancel(self) -> None:
        """As `inner`."""
        self._inner.cancel()
