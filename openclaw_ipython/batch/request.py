"""One request of a batch: sent when the pacer says so, sent again after "too many requests", put together as a reply.

Used alike by the driver and by workers elsewhere: knows an exchange and a pacer, no files and no batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.dialects import shaped
from openclaw_ipython.chat.stream import Patience, stream_chat
from openclaw_ipython.errors import OpenClawError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from openclaw_ipython.batch.rate_limit import Pacer, Ticket
    from openclaw_ipython.chat.stream import Exchange
    from openclaw_ipython.chat.types import ChatRequest, Message, Reply
    from openclaw_ipython.dispatch.failover import Question

PATIENCE = Patience(idle=600.0, limits=False)
"""A whole answer comes at once, after a silence as long as it took; limits are the pacer's."""

MOST_REFUSALS = 10
"""How often one request is sent again after "too many requests"."""

TOO_LONG = 600.0
"""Seconds. A service that wants to be left alone for longer is not waited for."""

_REFILLED = 60.0  # a quota of tokens a minute, refused without saying for how long


class Gate:
    """Lets tasks through as the pacer says, in the order they came. `monotonic` is monotonic seconds."""

    def __init__(
        self, pacer: Pacer, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.pacer = pacer
        self.monotonic = monotonic
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    async def enter(self, characters: int) -> Ticket:
        """Return when a request with a prompt of so many characters may be sent."""
        async with self._turn:
            while (wait := self.pacer.wait(self.monotonic())) != 0:
                self._freed.clear()
                if wait is None:
                    await self._freed.wait()
                else:
                    await self._sleep(wait)
            return self.pacer.start(characters, self.monotonic())

    def answered(self, ticket: Ticket, reply: Reply) -> None:
        """It was answered."""
        usage = reply.usage
        tokens = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
        self.pacer.answered(ticket, tokens, self.monotonic())
        self._freed.set()

    def refused(self, ticket: Ticket, error: RateLimited) -> None:
        """The service said "too many requests"."""
        wants = error.retry_after
        if wants is None and "allocationquota" in error.code.lower():
            wants = _REFILLED
        self.pacer.refused(ticket, wants, self.monotonic())
        self._freed.set()

    def failed(self, ticket: Ticket) -> None:
        """It came to nothing in another way."""
        self.pacer.failed(ticket, self.monotonic())
        self._freed.set()


Noted = Callable[[str, float, "Reply | None"], None]
"""Is told of every request when it is over: its outcome in a word, when it began (`monotonic`), what was answered."""


async def asked(
    exchange: Exchange, request: ChatRequest, gate: Gate, model: str, note: Noted | None = None
) -> Reply:
    """The answer to one request. Raises what `stream_chat` raises; RateLimited when waiting did not help."""
    characters = length(request)
    for attempt in range(MOST_REFUSALS + 1):
        ticket = await gate.enter(characters)
        outcome, reply = "interrupted", None
        try:
            reply = await _collected(exchange, request, model)
        except RateLimited as error:
            outcome = type(error).__name__
            gate.refused(ticket, error)
            if attempt == MOST_REFUSALS or (error.retry_after or 0) > TOO_LONG:
                raise
        except BaseException as error:
            outcome = type(error).__name__ if isinstance(error, OpenClawError) else outcome
            gate.failed(ticket)
            raise
        else:
            outcome = "ok"
            gate.answered(ticket, reply)
            return reply
        finally:
            if note is not None:
                note(outcome, ticket.at, reply)
    raise AssertionError("the loop returns or raises")


async def _collected(exchange: Exchange, request: ChatRequest, model: str) -> Reply:
    collector = Collector(model, exchange.clock())
    async with aclosing(stream_chat(exchange, request)) as events:
        async for event in events:
            collector.add(event, exchange.clock())
    return collector.reply(exchange.clock())


def length(request: ChatRequest) -> int:
    """The characters of all messages; pictures do not count by their bytes."""
    return sum(
        len(message.content)
        if isinstance(message.content, str)
        else sum(len(part.get("text", "")) for part in message.content)
        for message in request.messages
    )


class Manner:
    """Puts messages into the manner of the host of one question. For plain text that is worked out once."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._plain: dict[tuple[str, ...], ChatRequest] = {}

    def request(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> ChatRequest:
        """The request that asks these messages. `schema` is always the same or None."""
        question, messages = self._question, tuple(messages)
        kind = (*(message.role for message in messages), "schema" if schema is not None else "")
        plain = all(map(_is_plain, messages))
        known = self._plain.get(kind)
        if plain and known is not None:
            return replace(known, messages=messages)
        asked_for = replace(question.asked or question.request, messages=messages, schema=schema)
        made = shaped(asked_for, question.dialect, question.family).request
        if plain and made.messages == messages and not made.stream:  # only a stream is marked by its length
            self._plain[kind] = made
        return made


def _is_plain(message: Message) -> bool:
    return type(message.content) is str and not message.reasoning and not message.tool_calls


def is_about_all(error: OpenClawError) -> bool:
    """Whether every other item would meet the same error: no login, no quota, no such model, a broken home."""
    from openclaw_ipython.errors import AuthError, ConfigError, QuotaExceeded, RequestRejected

    match error:
        case AuthError() | ConfigError() | QuotaExceeded() | RateLimited():
            return True
        case RequestRejected(status=404) | RequestRejected(code="model_not_found"):
            return True
    return False
