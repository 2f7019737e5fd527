"""The limit on the time of a whole answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from openclaw_ipython.chat.received import ReceivedText
from openclaw_ipython.errors import ServiceUnavailable, StreamBroken
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent


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
                raise _timed_out(seconds, str(received)) from None
            received.add(event)
            yield event


def _timed_out(seconds: float, partial: str) -> ServiceUnavailable | StreamBroken:
    if not partial:
        return ServiceUnavailable(
            _("no answer within {seconds} s", seconds=f"{seconds:g}"),
            hint=_("--timeout S waits longer; without it there is no limit"),
        )
    error = StreamBroken(_("the answer took longer than {seconds} s", seconds=f"{seconds:g}"))
    error.partial = partial
    return error
