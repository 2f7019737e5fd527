"""Running a batch row by row on one event loop, and the local runner, which sends its requests from this process.

Rows are pulled as earlier ones finish, so that at most `concurrency` of them are in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.auth.bearer import BearerAuth, RecentToken
from openclaw_ipython.batch.plan import Item
from openclaw_ipython.batch.request import (
    BATCH_CHAT_POLICY,
    Throttle,
    affects_every_item,
    chat_request,
    send_request,
)
from openclaw_ipython.chat.adapt import has_cache_marks
from openclaw_ipython.dispatch.failover import Failover
from openclaw_ipython.errors import BudgetExceeded, OpenClawError

if TYPE_CHECKING:
    from openclaw_ipython.batch.rate_limit import RateLimiter
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.batch.run import BatchRun, Finished
    from openclaw_ipython.chat.stream import ChatEndpoint
    from openclaw_ipython.chat.types import ChatRequest, Reply
    from openclaw_ipython.dispatch.budget import Reservation
    from openclaw_ipython.dispatch.failover import ResolvedRequest


BUDGET_INTERVAL = 0.2
"""Seconds until a request that waits for its budget looks again."""


class CallerExit(Exception):
    """`exception` is raised on the caller's thread: it ends the batch, whatever else is under way.

    SystemExit and KeyboardInterrupt of the caller's items or images would end the event loop.
    """

    def __init__(self, exception: BaseException) -> None:
        super().__init__()
        self.exception = exception


class Runner:
    """Runs a batch, `concurrency` rows at a time. How a request is sent is left to `_send_by`."""

    def __init__(self, batch: BatchRun, concurrency: int) -> None:
        self._batch = batch
        self._client = batch.client
        self._runtime = batch.client.runtime
        self._concurrency = concurrency
        self._failover = Failover(batch.route)
        self._success_recorded = False  # of the login in use
        self._changing_route = asyncio.Lock()
        self._exhausted = False
        self._over_budget: BudgetExceeded | None = None
        self._writing_cache = asyncio.Lock()
        self._cache_used = float("-inf")  # monotonic; the last use of the shared prefix in the prompt cache

    async def results(self) -> AsyncGenerator[Finished, None]:
        """Every item as it finishes. Raises the error that ends the batch."""
        finished: asyncio.Queue[Finished | None] = asyncio.Queue()
        tasks: list[asyncio.Task[None]] = []
        try:
            for _ in range(self._concurrency):
                tasks.append(asyncio.create_task(self._work(finished.put_nowait)))
                await asyncio.sleep(0)  # the first request leaves before the last connection is opened
            all_tasks = asyncio.gather(*tasks)
            all_tasks.add_done_callback(lambda _: finished.put_nowait(None))
            # taken also where tasks are cancelled while nobody awaits them: asyncio would print it
            all_tasks.add_done_callback(lambda done: done.cancelled() or done.exception())
            while (one := await finished.get()) is not None:
                yield one
            await all_tasks
            if self._over_budget is not None:
                raise self._over_budget
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_by(self, route: ResolvedRequest, item: Item) -> Reply | None:
        """The reply to the request of an item; None if it is to be sent again, by the route that is then in use."""
        raise NotImplementedError

    async def _work(self, put: Callable[[Finished], None]) -> None:
        try:
            for row in self._batch.rows:
                await asyncio.sleep(0)  # an interrupt ends the batch also where no row waits for anything
                put(await self._finish(row))
                if self._over_budget is not None:
                    return
        except BudgetExceeded as error:  # what the other tasks have sent is received
            self._over_budget = error
        except (SystemExit, KeyboardInterrupt) as exception:
            raise CallerExit(exception) from exception

    async def _finish(self, row: Row) -> Finished:
        item = self._batch.begin(row, self._failover.current)
        if not isinstance(item, Item):
            return item
        reply, item.sent = None, True
        try:
            while reply is None:
                reply = item.receive(await self._send(item))
        except OpenClawError as error:
            return self._batch.failed(row, error)
        finished = self._batch.succeeded(item, reply)
        if self._batch.route.kind == "batch":  # a row may have waited an hour
            await asyncio.to_thread(self._batch.checkpoint.flush)
        if not self._success_recorded:  # once, not for each of a thousand answers
            self._success_recorded = True
            await self._client.sender.record_login_outcome(self._failover.current, None)
        return finished

    async def _send(self, item: Item) -> Reply:
        """The reply of the current route; of the next ones when it is refused for good."""
        while True:
            route, cache = self._failover.current, self._batch.cache
            try:
                reply = await self._send_by(route, item)
            except BudgetExceeded:
                raise
            except OpenClawError as error:
                if not affects_every_item(error) or not await self._change_route(route, error):
                    raise
            else:
                if reply is not None:
                    if cache is not None:
                        await asyncio.to_thread(cache.put, route, item.request, reply)
                    return reply

    async def _hold(self, route: ResolvedRequest, request: ChatRequest) -> Reservation | None:
        """Reserve what a request may cost; waits while requests under way hold what it needs. Raises BudgetExceeded."""
        while True:
            try:
                return self._batch.hold(route, request)
            except BudgetExceeded as error:
                if not error.under_way:
                    raise
            await self._runtime.sleep(BUDGET_INTERVAL)

    @asynccontextmanager
    async def _cache_turn(self, sent: ResolvedRequest) -> AsyncGenerator[None, None]:
        """Entered when `sent` may be sent: alone while its marked prefix is not cached, so that it is written once."""
        if not has_cache_marks(sent.request.messages):
            yield
            return
        monotonic, lifetime = self._runtime.monotonic, sent.dialect.cache.lifetime
        if monotonic() - self._cache_used >= lifetime:
            async with self._writing_cache:
                if monotonic() - self._cache_used >= lifetime:
                    yield
                    self._cache_used = monotonic()
                    return
        began = monotonic()
        yield
        self._cache_used = max(self._cache_used, began)

    async def _change_route(self, refused: ResolvedRequest, error: OpenClawError) -> bool:
        """Change to the next route; False when there is none. All tasks call it, the first one makes the change."""
        async with self._changing_route:
            if self._failover.current is not refused:
                return True
            if self._exhausted:
                return False
            await self._client.sender.record_login_outcome(refused, error)
            self._exhausted = not self._failover.advance(error)
            if not self._exhausted:
                self._success_recorded, self._cache_used = False, float("-inf")
                for note in self._failover.notes():
                    self._batch.notify(note)
            return not self._exhausted


class LocalRunner(Runner):
    """Sends the requests of a batch from this process."""

    def __init__(self, batch: BatchRun, limiter: RateLimiter) -> None:
        super().__init__(batch, limiter.limits.concurrency)
        self._throttle = Throttle(limiter, self._runtime.monotonic, self._runtime.sleep)
        self._endpoint: tuple[ResolvedRequest, ChatEndpoint] | None = None  # of the route in use

    def _endpoint_of(self, route: ResolvedRequest) -> ChatEndpoint:
        if self._endpoint is not None and self._endpoint[0] is route:
            return self._endpoint[1]
        tokens = RecentToken(self._client.sender.tokens(route), self._runtime.monotonic)
        endpoint = replace(self._client.sender.endpoint(route), auth=BearerAuth(tokens))
        if route.kind == "batch":
            endpoint = replace(endpoint, retry_policy=BATCH_CHAT_POLICY)
        self._endpoint = (route, endpoint)
        return endpoint

    async def _send_by(self, route: ResolvedRequest, item: Item) -> Reply:
        made, held = chat_request(route, item.request), None
        sent = replace(route, request=made)

        async def before() -> None:
            nonlocal held
            held = await self._hold(route, made)

        def record(outcome: str, began: float, reply: Reply | None, error: OpenClawError | None) -> None:
            seconds = self._runtime.monotonic() - began
            at = self._runtime.clock() - seconds
            self._batch.record(sent, at, seconds, outcome, reply, held=held, error=error)

        async with self._cache_turn(sent):
            return await send_request(
                self._endpoint_of(route),
                made,
                self._throttle,
                str(route.ref),
                before=before,
                on_end=record,
                notify=self._batch.notify,
            )
