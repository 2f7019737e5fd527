"""A batch carried out in this process: as many requests under way as the pacer allows, on one event loop.

Rows are pulled one by one as others are finished, so that no more than `concurrency` of them are in the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.bearer import BearerAuth, RecentToken
from openclaw_ipython.batch.outcomes import Outcome, outcome_of
from openclaw_ipython.batch.plan import Breaker, Course
from openclaw_ipython.batch.request import Gate, Manner, asked, is_about_all
from openclaw_ipython.dispatch.failover import Question, Routing
from openclaw_ipython.dispatch.send import Sent, priced
from openclaw_ipython.errors import OpenClawError

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Ask, Errand
    from openclaw_ipython.batch.rate_limit import Pacer
    from openclaw_ipython.batch.request import Noted
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.chat.stream import Exchange
    from openclaw_ipython.chat.types import Reply

Landed = tuple[Outcome, Any]
"""An outcome and the item it is of."""


class Left(Exception):
    """Code of the caller (an item's, a picture's) wants to leave, which would end the loop it runs on.

    `way` is the SystemExit or KeyboardInterrupt that it raised, for the caller's own thread.
    """

    def __init__(self, way: BaseException) -> None:
        super().__init__()
        self.way = way


class Here:
    """One run of an errand."""

    def __init__(self, errand: Errand, pacer: Pacer) -> None:
        self._errand = errand
        self._client = errand.client
        self._runtime = errand.client.runtime
        self._pacer = pacer
        self._breaker = Breaker(pacer.limits.concurrency)
        self._routing = Routing(errand.question)
        self._manner = Manner(errand.question)
        self._exchange: Exchange | None = None
        self._noted = False
        self._turning = asyncio.Lock()
        self._over = False

    async def outcomes(self) -> AsyncGenerator[Landed, None]:
        """Every item, as it is finished. Raises the error that would meet every other item too."""
        gate = Gate(self._pacer, self._runtime.monotonic, self._runtime.sleep)
        self._exchange = self._opened(self._routing.at)
        landed: asyncio.Queue[Landed | None] = asyncio.Queue()
        tasks: list[asyncio.Task[None]] = []
        try:
            for _ in range(self._pacer.limits.concurrency):
                tasks.append(asyncio.create_task(self._slot(gate, landed.put_nowait)))
                await asyncio.sleep(0)  # the first request leaves before the last connection is opened
            whole = asyncio.gather(*tasks)
            whole.add_done_callback(lambda _: landed.put_nowait(None))
            while (one := await landed.get()) is not None:
                yield one
            await whole
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _opened(self, question: Question) -> Exchange:
        tokens = RecentToken(self._client.tokens(question), self._runtime.monotonic)
        return replace(self._client.exchange(question), auth=BearerAuth(tokens))

    async def _slot(self, gate: Gate, land: Callable[[Landed], None]) -> None:
        try:
            for row in self._errand.rows:
                land((await self._outcome(row, gate), row.item))
        except (SystemExit, KeyboardInterrupt) as way:
            raise Left(way) from way

    async def _outcome(self, row: Row, gate: Gate) -> Outcome:
        try:
            course = Course(self._errand.plan, row)
            known = self._errand.memory.recall(course)
            if known is not None:
                await asyncio.sleep(0)
                return known
            reply = None
            while reply is None:
                reply = course.takes(await self._reply(course, gate))
        except OpenClawError as error:
            if self._errand.stops_at_errors or self._breaker.ends(error):
                raise
            return Outcome(row.position, error=error)
        self._breaker.ends(None)
        self._errand.memory.keep(course, reply)
        if course.asked:
            await self._note_success()
        return outcome_of(row.position, reply, remembered=not course.asked)

    async def _reply(self, course: Course, gate: Gate) -> Reply:
        """The reply to what is to be asked next: one that was given before, or a new one."""
        cached, ask = self._errand.cached, course.ask
        known = self._errand.known(self._routing.at, ask)
        if known is not None:
            await asyncio.sleep(0)
            return known
        course.asked = True
        reply = await self._asked(ask, gate)
        if cached is not None and reply.model == str(self._routing.at.ref):
            await asyncio.to_thread(cached.keep, self._routing.at, ask, reply)
        return reply

    async def _asked(self, ask: Ask, gate: Gate) -> Reply:
        """The reply of whoever is to be asked now; another login or model where this one is refused for good."""
        while True:
            at, exchange, manner = self._routing.at, self._exchange, self._manner
            assert exchange is not None  # noqa: S101 - made before the first slot
            request = manner.request(ask.messages, ask.schema)
            try:
                return await asked(exchange, request, gate, str(at.ref), self._noting(at))
            except OpenClawError as error:
                if not is_about_all(error) or not await self._turned(at, error):
                    raise

    def _noting(self, question: Question) -> Noted:
        """Writes one request into the books."""

        def note(outcome: str, began: float, reply: Reply | None) -> None:
            usage = reply.usage if reply is not None else None
            if reply is not None and usage is not None:
                usage = reply.usage = priced(usage, question)
            seconds = self._runtime.monotonic() - began
            first = reply.first_text if reply is not None else None
            self._client.books.note(
                Sent(question, self._runtime.clock() - seconds, seconds, outcome, usage, first)
            )

        return note

    async def _turned(self, at: Question, error: OpenClawError) -> bool:
        """Whether somebody else is asked from now on. All tasks meet the error; one of them sees to it."""
        async with self._turning:
            if self._routing.at is not at:
                return True
            if self._over:
                return False
            await self._client.noted(at, error)
            if not self._routing.goes_on(error):
                self._over = True
                return False
            self._exchange = self._opened(self._routing.at)
            self._manner = Manner(self._routing.at)
            self._noted = False
            for note in self._routing.notes():
                self._errand.note(note)
            return True

    async def _note_success(self) -> None:
        """Once for all: a thousand answers need not be written down a thousand times."""
        if not self._noted:
            self._noted = True
            await self._client.noted(self._routing.at, None)
