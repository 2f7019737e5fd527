"""An answer that has to be there by a certain time."""

import asyncio

import pytest

from openclaw_ipython.chat.stream import with_timeout
from openclaw_ipython.chat.types import Finished, TextDelta
from openclaw_ipython.errors import ServiceUnavailable, StreamBroken


class Answer:
    """Yields its events, then waits for ever unless `ends`."""

    def __init__(self, *events, ends=True):
        self.events, self.ends, self.closed = events, ends, False

    async def __call__(self):
        try:
            for event in self.events:
                yield event
            if not self.ends:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def all_of(seconds, answer):
    async def run():
        try:
            return [event async for event in with_timeout(seconds, answer())]
        finally:
            assert answer.closed

    return asyncio.run(run())


def test_an_answer_in_time_is_passed_on_whole():
    events = (TextDelta("a"), TextDelta("b"), Finished("stop"))
    assert all_of(60, Answer(*events)) == list(events)


def test_silence_ends_as_unavailable_and_the_exchange_is_closed():
    with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.01 s"):
        all_of(0.01, Answer(ends=False))


def test_an_answer_that_takes_too_long_is_kept_as_far_as_it_came():
    with pytest.raises(StreamBroken, match=r"longer than 0\.01 s") as caught:
        all_of(0.01, Answer(TextDelta("so "), TextDelta("far"), ends=False))
    assert caught.value.partial == "so far"
