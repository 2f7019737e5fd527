"""A chunk of requests for a worker, and what the worker does with it. Everything in this module can be pickled.

A worker needs nothing but its chunk: it reads no files, settings or journal of the machine it runs on.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.batch.rate_limit import Limits, RateLimiter
from openclaw_ipython.batch.request import RETRY_POLICY, Throttle, affects_every_item, send_request
from openclaw_ipython.chat.adjustments import HostMemory
from openclaw_ipython.chat.stream import ChatEndpoint
from openclaw_ipython.errors import OpenClawError, RateLimited, hidden_fields
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.chat.dialects import Dialect
    from openclaw_ipython.chat.types import ChatRequest, Reply


class CredentialEnvelope(Secret):
    """The token of one chunk, in the only form that can be pickled.

    `Secret` itself refuses to be pickled, so that no token is written to a file by accident. An envelope is made when a
    chunk is sent, travels in its arguments, and never enters the environment, a log or a result.
    """

    __slots__ = ()

    def __reduce__(self) -> Any:
        return CredentialEnvelope, (self.reveal(),)


class Chunk(Struct, frozen=True, eq=False):
    """Requests for one worker. `login` is None for a server that needs none.

    `window` and `delay` are those of `RateLimiter`, from an earlier chunk, and `adjustments` what the host is known to
    need. `id` is unique, because some schedulers run
    equal calls only once.
    """

    id: str
    url: str
    name: str
    model: str
    dialect: Dialect
    wrong_key: str
    login: CredentialEnvelope | None
    limits: Limits
    window: float | None
    requests: tuple[ChatRequest, ...]
    delay: float = 0.0
    adjustments: tuple[str, ...] = ()

    def __repr__(self) -> str:  # schedulers log the arguments of calls
        return f"Chunk({len(self.requests)} requests for {self.name})"

    __rich_repr__ = hidden_fields


class ChunkResult(Struct, frozen=True, eq=False):
    """The results of a chunk: a reply or an error for each request, None for one that was not sent.

    Requests are not sent after an error that affects all of them: `error`. A request for which "too many requests" was
    such an error has it too. `refusals` counts "too many requests",
    `window` and `next_delay` are for the rate limiter of the next chunk. `adjustments` are what the host needs, `notes`
    the notes about them.
    """

    results: tuple[Reply | OpenClawError | None, ...]
    error: OpenClawError | None
    window: float
    refusals: int
    next_delay: float = 0.0
    adjustments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ChunkResult({len(self.results)} results)"

    __rich_repr__ = hidden_fields


def run_chunk(chunk: Chunk) -> ChunkResult:
    """Send the requests of a chunk. An executor calls this in a process or thread of its own."""
    loop_thread = LoopThread()  # the worker's thread may have a running event loop
    try:
        return loop_thread.run(_run_chunk(chunk))
    finally:
        loop_thread.close()


async def _run_chunk(chunk: Chunk) -> ChunkResult:
    limiter = RateLimiter(chunk.limits, time.monotonic(), random.random, chunk.window, chunk.delay)
    results: list[Reply | OpenClawError | None] = [None] * len(chunk.requests)
    fatal: list[OpenClawError] = []
    remaining = iter(enumerate(chunk.requests))
    async with HttpClient() as http:
        exchange = _exchange(chunk, http)
        notes: dict[str, None] = {}
        throttle = Throttle(limiter, time.monotonic, asyncio.sleep)

        async def work() -> None:
            for at, request in remaining:
                if fatal:
                    return
                try:
                    results[at] = await send_request(
                        exchange, request, throttle, chunk.model, notify=notes.setdefault
                    )
                except OpenClawError as error:
                    if affects_every_item(error):
                        fatal.append(error)
                        if not isinstance(error, RateLimited):
                            return
                    # of a fatal one too: the driver knows whether it is this request's alone
                    results[at] = error

        await asyncio.gather(*(work() for _ in range(chunk.limits.concurrency)))
    error = fatal[0] if fatal else None
    model = chunk.requests[0].model if chunk.requests else ""
    return ChunkResult(
        tuple(results),
        error,
        limiter.window,
        limiter.refusals,
        limiter.next_delay(time.monotonic()),
        tuple(exchange.host_memory.known(chunk.url, model)),
        tuple(notes),
    )


def _exchange(chunk: Chunk, http: HttpClient) -> ChatEndpoint:
    source = FixedToken(chunk.login) if chunk.login is not None else FixedToken()
    memory = HostMemory()
    if chunk.requests:
        memory.learn(chunk.url, chunk.requests[0].model, chunk.adjustments)
    return ChatEndpoint(
        http=http,
        url=chunk.url,
        name=chunk.name,
        auth=BearerAuth(source),
        runtime=Runtime({}),
        retry_policy=RETRY_POLICY,
        dialect=chunk.dialect,
        refused_key_hint=chunk.wrong_key,
        host_memory=memory,
    )
