"""An answer that has to be there by a certain time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from openclaw_ipython.chat.types import ChatEvent, TextDelta
from openclaw_ipython.errors import ServiceUnavailable, StreamBroken
from openclaw_ipython.i18n import _


async def within(seconds: float, events: AsyncGenerator[ChatEvent, None]) -> AsyncGenerator[ChatEvent, None]:
    """`events`, as long as the last of them comes within `seconds` from now.

    Raises StreamBroken (its `.partial` is the text so far) where the answer has begun by then, else ServiceUnavailable.
    """
    end = asyncio.get_running_loop().time() + seconds
    pieces: list[str] = []
    async with aclosing(events):
        while True:
            try:
                # Only the waiting is timed: a timeout around a yield would hit whatever its receiver does.
                async with asyncio.timeout_at(end):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _late(seconds, "".join(pieces)) from None
            if isinstance(event, TextDelta):
                pieces.append(event.text)
            yield event


def _late(seconds: float, partial: str) -> ServiceUnavailable | StreamBroken:
    if not partial:
        return ServiceUnavailable(
            _("no answer within {seconds} s", seconds=f"{seconds:g}"),
            hint=_("--timeout S waits longer; without it there is no limit"),
        )
    error = StreamBroken(_("the answer took longer than {seconds} s", seconds=f"{seconds:g}"))
    error.partial = partial
    return error
