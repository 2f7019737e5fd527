"""What is sent to a worker, and what it does there: some requests asked, with a share of the limits.

A chunk is all a worker needs; it reads no file, no setting and no journal of the machine it runs on. Everything in here
can be pickled.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken, NoToken
from openclaw_ipython.batch.rate_limit import Limits, Pacer
from openclaw_ipython.batch.request import PATIENCE, Gate, asked, is_about_all
from openclaw_ipython.chat.stream import Exchange
from openclaw_ipython.errors import LoginRequired, OpenClawError
from openclaw_ipython.net.client import make_client
from openclaw_ipython.runtime.event_loop import Bridge

if TYPE_CHECKING:
    import httpx

    from openclaw_ipython.batch.handover import Handover
    from openclaw_ipython.chat.dialects import Dialect
    from openclaw_ipython.chat.types import ChatRequest, Reply


@dataclass(frozen=True, repr=False)
class Chunk:
    """Requests for one worker. `login` is None for a server that wants none.

    `window` is what the last chunk learned, `rest` for how many seconds nobody asks at first: an earlier chunk has used
    up that much of the limits. `number` makes every chunk another one: some schedulers take equal calls for the same.
    """

    number: str
    url: str
    name: str
    model: str
    dialect: Dialect
    wrong_key: str
    login: Handover | None
    limits: Limits
    window: float | None
    requests: tuple[ChatRequest, ...]
    rest: float = 0.0

    def __repr__(self) -> str:
        return (
            f"Chunk({len(self.requests)} requests for {self.name})"  # schedulers log the arguments of a call
        )


@dataclass(frozen=True, repr=False)
class Returned:
    """What came of a chunk: a reply or an error for each request, None for those that were not asked.

    Some are not asked when an error would meet them all: `ended` is that error. `refusals` counts "too many requests";
    `owed` is the `rest` of the chunk that comes after this one.
    """

    came: tuple[Reply | OpenClawError | None, ...]
    ended: OpenClawError | None
    window: float
    refusals: int
    owed: float = 0.0

    @property
    def spent(self) -> bool:
        """Whether the login was not accepted (any more): the rest can be asked with another one."""
        return isinstance(self.ended, LoginRequired)


def carry_out(chunk: Chunk) -> Returned:
    """Ask what a chunk holds. This is what an executor calls, in a process or thread of its own."""
    bridge = Bridge()  # a worker's thread may have a running loop already
    try:
        return bridge.run(_carried_out(chunk))
    finally:
        bridge.close()


async def _carried_out(chunk: Chunk) -> Returned:
    pacer = Pacer(chunk.limits, time.monotonic(), random.random, chunk.window, chunk.rest)
    async with make_client() as http:
        work = _Work(chunk, _exchange(chunk, http), Gate(pacer, time.monotonic, asyncio.sleep))
        await asyncio.gather(*(work.slot() for _ in range(chunk.limits.concurrency)))
    owed = pacer.owed(time.monotonic())
    return Returned(tuple(work.came), work.ended, pacer.window, pacer.refusals, owed)


class _Work:
    """A chunk on its way."""

    def __init__(self, chunk: Chunk, exchange: Exchange, gate: Gate) -> None:
        self._chunk = chunk
        self._exchange = exchange
        self._gate = gate
        self._left = iter(enumerate(chunk.requests))
        self.came: list[Reply | OpenClawError | None] = [None] * len(chunk.requests)
        self.ended: OpenClawError | None = None

    async def slot(self) -> None:
        """One request after the other, until there are none or an error would meet them all."""
        for at, request in self._left:
            if self.ended is not None:
                return
            try:
                self.came[at] = await asked(self._exchange, request, self._gate, self._chunk.model)
            except OpenClawError as error:
                if is_about_all(error):
                    self.ended = self.ended or error
                    return
                self.came[at] = error


def _exchange(chunk: Chunk, http: httpx.AsyncClient) -> Exchange:
    source = FixedToken(chunk.login.secret()) if chunk.login is not None else NoToken()
    return Exchange(
        http=http,
        url=chunk.url,
        name=chunk.name,
        auth=BearerAuth(source),
        sleep=asyncio.sleep,
        clock=time.monotonic,
        wall=time.time,
        random=random.random,
        patience=PATIENCE,
        dialect=chunk.dialect,
        wrong_key=chunk.wrong_key,
    )
