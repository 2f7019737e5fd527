"""An answer that is there already, shown in its last state at once: nothing grows, and every run looks the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import ChatEvent, Notice
from openclaw_ipython.shell.render.wrapper import Around

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.shell.render.markdown import Renderer


class AtOnce(Around):
    """A renderer that is told of an answer only when it is complete. What is to be said goes into the footer."""

    def __init__(self, inner: Renderer) -> None:
        super().__init__(inner)
        self._notes: list[str] = []

    def feed(self, events: Sequence[ChatEvent]) -> None:
        """Keep what belongs into the footer."""
        self._notes += [event.text for event in events if isinstance(event, Notice) and event.seconds is None]

    def close(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Show all of it."""
        self._inner.close(reply, [*self._notes, *notes])
