"""`silent`: shows nothing, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, Reply
    from openclaw_ipython.shell.render.renderer import RenderContext


class SilentRenderer:
    """Shows nothing."""

    interval = 0.5

    def start(self, label: str) -> None:
        """Nothing."""

    def update(self, events: Sequence[ChatEvent]) -> None:
        """Nothing."""

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Nothing."""

    def cancel(self) -> None:
        """Nothing."""


def make(context: RenderContext) -> SilentRenderer:
    """The renderer of `silent`."""
    return SilentRenderer()
