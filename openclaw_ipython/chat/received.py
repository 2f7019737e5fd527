"""The text of an answer that has arrived, which an error that ends the answer keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from openclaw_ipython.chat.types import ChatEvent, TextDelta, TextWasReasoning
from openclaw_ipython.errors import LoginRequired, ServiceError


class ReceivedText:
    """The text of an answer so far: `str()` of it."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, event: ChatEvent) -> None:
        """Add one event."""
        if isinstance(event, TextDelta):
            self._texts.append(event.text)
        elif isinstance(event, TextWasReasoning):
            self._texts.clear()

    def __str__(self) -> str:
        return "".join(self._texts)


@contextmanager
def partial_kept() -> Iterator[ReceivedText]:
    """An error of the service that leaves the block gets the text that was received as its `partial`."""
    received = ReceivedText()
    try:
        yield received
    except (ServiceError, LoginRequired) as error:
        error.partial = error.partial or str(received)
        raise
