"""A renderer around another one: everything as that one does, except what a subclass does at its ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, Reply
    from openclaw_ipython.shell.render.markdown import Renderer


class Around:
    """Shows an answer as `inner` does."""

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self.interval = inner.interval

    def open(self, label: str) -> None:
        """As `inner`."""
        self._inner.open(label)

    def feed(self, events: Sequence[ChatEvent]) -> None:
        """As `inner`."""
        self._inner.feed(events)

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """As `inner`."""
        self._inner.close(reply, notes)

    def abandon(self) -> None:
        """As `inner`."""
        self._inner.abandon()
