"""One request of a batch: sent when the rate limiter allows it, and sent again after "too many requests".

Used by the local runner and by workers; reads no files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from openclaw_ipython.chat.adapt import adapt, text_length
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.http_errors import is_unknown_model
from openclaw_ipython.chat.stream import RetryPolicy, stream_chat
from openclaw_ipython.chat.thinking import SWITCHABLE, family_of, is_qwen
from openclaw_ipython.chat.types import ServiceNotice
from openclaw_ipython.errors import (
    AuthError,
    BudgetExceeded,
    ConfigError,
    OpenClawError,
    QuotaExceeded,
    RateLimited,
)

if TYPE_CHECKING:
    from openclaw_ipython.batch.rate_limit import Permit, RateLimiter
    from openclaw_ipython.chat.stream import ChatEndpoint
    from openclaw_ipython.chat.types import ChatRequest, Reply
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.structured.loop import ModelRequest

RETRY_POLICY = RetryPolicy(idle_timeout=600.0, retry_rate_limits=False)
"""A reply that is not streamed arrives after a long silence; the rate limiter handles "too many requests"."""

BATCH_CHAT_POLICY = RetryPolicy(retries=0, idle_timeout=3600.0, retry_rate_limits=False)
"""A row on a batch host waits up to an hour, and may have been paid for when its connection breaks."""

MAX_REFUSALS = 10
"""How many times a request is sent again after "too many requests"."""

MAX_RETRY_AFTER = 600.0
"""Seconds. A service that asks for a longer pause is not waited for."""

_QUOTA_PERIOD = 60.0  # seconds; a token quota per minute that is refused without Retry-After


class Throttle(Struct, eq=False):
    """Delays requests as the rate limiter demands, in the order they arrive.

    `monotonic` is a clock in seconds. `answers` counts the requests that were answered.
    """

    limiter: RateLimiter
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    answers: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def acquire(self, characters: int) -> Permit:
        """Return when a request with a prompt of that many characters may be sent."""
        async with self._turn:
            while (wait := self.limiter.wait(self.monotonic())) != 0:
                self._freed.clear()
                if wait is None:
                    await self._freed.wait()
                else:
                    await self.sleep(wait)
            return self.limiter.start(characters, self.monotonic())

    def answered(self, permit: Permit, reply: Reply) -> None:
        """The request was answered."""
        self.answers += 1
        usage = reply.usage
        tokens = (usage.input_tokens, usage.output_tokens) if usage else (None, None)
        self.limiter.answered(permit, tokens, self.monotonic())
        self._freed.set()

    def refused(self, permit: Permit, error: RateLimited) -> None:
        """The service answered "too many requests"."""
        retry_after = error.retry_after
        if retry_after is None and "allocationquota" in error.code.lower():
            retry_after = _QUOTA_PERIOD
        self.limiter.refused(permit, retry_after, self.monotonic())
        self._freed.set()

    def failed(self, permit: Permit) -> None:
        """The request failed in another way."""
        self.limiter.failed(permit, self.monotonic())
        self._freed.set()


OnRequestEnd = Callable[[str, float, "Reply | None", "OpenClawError | None"], None]
"""Called after every request with its outcome in a word, when it began (monotonic seconds), its reply and its error."""


async def send_request(
    endpoint: ChatEndpoint,
    request: ChatRequest,
    throttle: Throttle,
    model: str,
    *,
    before: Callable[[], Awaitable[None]] | None = None,
    on_end: OnRequestEnd = lambda *_: None,
    notify: Callable[[str], None] = lambda _: None,
) -> Reply:
    """Send one request. Raises what `stream_chat` raises, and RateLimited when waiting did not help.

    `before` is awaited each time before it is sent; if it raises, nothing is sent. `notify` is given the notes about a
    request that was changed because the host refused a part of it.
    """
    characters = sum(text_length(message.content) for message in request.messages)
    answered_before = throttle.answers
    for attempt in range(MAX_REFUSALS + 1):
        permit = await throttle.acquire(characters)
        outcome, reply = "interrupted", None
        failure: OpenClawError | None = None
        try:
            if before is not None:
                await before()
        except BaseException:
            throttle.failed(permit)
            raise
        try:
            reply = await _collect(endpoint, request, model, notify)
        except RateLimited as error:
            outcome, failure = type(error).__name__, error
            throttle.refused(permit, error)
            if attempt == MAX_REFUSALS or (error.retry_after or 0) > MAX_RETRY_AFTER:
                error.others_answered = throttle.answers > answered_before
                raise
        except BaseException as error:
            if isinstance(error, OpenClawError):
                outcome, failure = type(error).__name__, error
            throttle.failed(permit)
            raise
        else:
            outcome = "ok"
            throttle.answered(permit, reply)
            return reply
        finally:
            on_end(outcome, permit.at, reply, failure)
    raise AssertionError("the loop returns or raises")


async def _collect(
    endpoint: ChatEndpoint, request: ChatRequest, model: str, notify: Callable[[str], None]
) -> Reply:
    collector = Collector(model, endpoint.runtime.monotonic())
    async with aclosing(stream_chat(endpoint, request)) as events:
        async for event in events:
            if isinstance(event, ServiceNotice):
                notify(event.text)
            collector.add(event, endpoint.runtime.monotonic())
    return collector.reply(endpoint.runtime.monotonic())


def chat_request(route: ResolvedRequest, request: ModelRequest) -> ChatRequest:
    """A request of a batch, in the dialect of the host of `route`."""
    asked, family = route.unadapted or route.request, route.family or family_of(route.request.model)
    if asked.thinking is None and family in SWITCHABLE and (route.dialect.name or is_qwen(asked.model)):
        asked = replace(asked, thinking="off")  # rows think only if asked to
    asked = replace(asked, messages=request.messages, schema=request.schema)
    made = adapt(asked, route.dialect, route.family).request
    # also where a model thinks only in streams otherwise
    return replace(made, stream=False) if route.kind == "batch" else made


def affects_every_item(error: OpenClawError) -> bool:
    """Whether every other item would fail alike: no login, no quota, no such model, an invalid configuration."""
    match error:
        case RateLimited():
            return not error.others_answered
        case AuthError() | BudgetExceeded() | ConfigError() | QuotaExceeded():
            return True
    return is_unknown_model(error)
