"""The text of an answer that has arrived, which an error that ends the answer keeps; the limit on its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from openclaw_ipython.chat.types import ChatEvent, TextDelta, TextWasReasoning
from openclaw_ipython.errors import LoginRequired, ServiceError, ServiceUnavailable, StreamBroken
from openclaw_ipython.i18n import _


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


async def with_timeout(
    seconds: float, events: AsyncGenerator[ChatEvent, None]
) -> AsyncGenerator[ChatEvent, None]:
    """`events`, if the last of them comes within `seconds` from now.

    Raises StreamBroken (its `.partial` is the text so far) if text has arrived by then, else ServiceUnavailable.
    """
    end = asyncio.get_running_loop().time() + seconds
    received = ReceivedText()
    async with aclosing(events):
        while True:
            try:
                # only the wait is timed: a timeout around the `yield` would interrupt the receiver
                async with asyncio.timeout_at(end):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not str(received):
                    why = _("no answer within {seconds} s", seconds=f"{seconds:g}")
                    hint = _("--timeout S waits longer; without it there is no limit")
                    raise ServiceUnavailable(why, hint=hint) from None
                error = StreamBroken(_("the answer took longer than {seconds} s", seconds=f"{seconds:g}"))
                error.partial = str(received)
                raise error from None
            received.add(event)
            yield event
