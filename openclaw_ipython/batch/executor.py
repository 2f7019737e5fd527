"""The executor runner: chunks of a batch are sent to the workers of an executor, and their replies come back.

Files, journal, token refresh and schema validation stay with the driver. The chunk of a worker
that failed is sent again; the rest of a chunk whose login was refused is sent again with a new one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.batch.local import CallerExit, Runner
from openclaw_ipython.batch.request import chat_request
from openclaw_ipython.batch.worker import Chunk, ChunkResult, CredentialEnvelope, run_chunk
from openclaw_ipython.chat.types import Reply
from openclaw_ipython.errors import LoginRequired, OpenClawError, RateLimited, ServiceUnavailable
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Item
    from openclaw_ipython.batch.rate_limit import Limits
    from openclaw_ipython.batch.run import BatchRun, Finished
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.sanitize.secrets import Secret

MAX_WORKER_FAILURES = 2
"""How many workers may end while they have an item before it counts as failed."""

_MAX_CHUNK = 200
_MAX_LOGINS = 2  # the current one, and the one it was refreshed to
_ASSUMED_WORKERS = 4
_SECONDS_PER_CHUNK = 15.0  # where there is a limit of requests per minute


class Executor(Protocol):
    """The part of `concurrent.futures.Executor` that is used."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a call on a worker."""


class _NotSent(Struct, frozen=True):
    """A request of a chunk was not answered: because of an error that affects all, or because the worker ended."""

    error: OpenClawError | None = None


_Answer = Reply | OpenClawError | _NotSent | CallerExit


class _Queued(Struct, frozen=True, eq=False):
    """A request that waits for a worker, and for its answer; `sent` is its route with the request."""

    sent: ResolvedRequest
    route: ResolvedRequest
    item: Item
    answer: asyncio.Future[_Answer]


class ExecutorRunner(Runner):
    """Sends the requests of a batch from the workers of an executor, in chunks.

    `workers` is the number of chunks in flight, by default that of all workers, `size` the number of items, None if
    unknown.
    """

    def __init__(
        self, batch: BatchRun, limits: Limits, executor: Executor, *, workers: int | None, size: int | None
    ) -> None:
        self._executor = executor
        self._workers = max(1, min(workers or workers_of(executor), limits.concurrency))
        self._limits = limits.share(self._workers)
        self._chunk_size = chunk_size(self._limits, math.ceil(size / self._workers) if size else None)
        super().__init__(batch, self._workers * self._chunk_size)
        self._busy = self._concurrency  # tasks that may be about to queue a request
        self._queue: deque[_Queued] = deque()
        self._wake = asyncio.Event()
        self._in_flight: set[Future[Any]] = set()
        self._window: float | None = None
        self._free_at: deque[float] = deque()  # monotonic; when the share of a returned chunk is unused again
        self._any_returned = False
        self._refused_logins: set[Secret] = set()
        self._refusals_in_a_row = 0  # logins in a row that were refused before any answer

    async def results(self) -> AsyncGenerator[Finished, None]:
        """Every item as its chunk comes back. Raises the error that ends the batch."""
        dispatcher = asyncio.create_task(self._dispatch())
        try:
            async with aclosing(super().results()) as results:
                async for finished in results:
                    yield finished
        finally:
            dispatcher.cancel()
            for future in self._in_flight:
                with suppress(Exception):  # some kinds of future cannot be cancelled
                    future.cancel()

    async def _work(self, put: Callable[[Finished], None]) -> None:
        try:
            await super()._work(put)
        finally:
            self._waits()

    def _waits(self) -> None:
        self._busy -= 1
        self._wake.set()

    async def _send_by(self, route: ResolvedRequest, item: Item) -> Reply | None:
        made = chat_request(route, item.request)
        # without the schema it was made from, and with plain dictionaries: it can be pickled
        made = replace(made, extra=dict(made.extra), headers=dict(made.headers), schema=None)
        sent = replace(route, request=made)
        self._waits()
        try:
            async with self._cache_turn(sent):
                held, at = await self._hold(route, made), self._runtime.clock()
                queued = _Queued(sent, route, item, asyncio.get_running_loop().create_future())
                self._queue.append(queued)
                self._wake.set()
                try:
                    answer = await queued.answer
                    if isinstance(answer, CallerExit):
                        raise answer
                except BaseException:
                    self._client.budget.release(held, route, None, None)
                    raise
        finally:
            self._busy += 1
        if isinstance(answer, Reply):
            self._refusals_in_a_row = 0
            self._batch.record(sent, at, answer.seconds, "ok", answer, held=held)
            return answer
        error = answer.error if isinstance(answer, _NotSent) else answer
        refused = isinstance(answer, RateLimited) and not answer.others_answered
        if isinstance(answer, _NotSent) or refused:
            self._client.budget.release(held, route, None, error)
        else:
            self._batch.record(sent, at, 0.0, type(error).__name__, held=held, error=error)
        if isinstance(answer, _NotSent) and isinstance(error, RateLimited):
            await self._change_route(route, error)  # without another one it is sent again all the same
        elif error is not None:
            raise error
        return None

    # -- chunks ------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        """Submit chunks while there are idle workers: full ones, or what there is when nothing else can be queued."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (
                self._queue
                and len(self._in_flight) < self._workers
                and (len(self._queue) >= self._chunk_size or self._busy <= 0)
            ):
                await self._submit()

    async def _submit(self) -> None:
        route, chunk = self._queue[0].route, list[_Queued]()
        while self._queue and len(chunk) < self._chunk_size and self._queue[0].route is route:
            chunk.append(self._queue.popleft())
        try:
            login = await self._login(route)
        except OpenClawError as error:
            _answer(chunk, [_NotSent(error)] * len(chunk))
            return
        memory = self._client.sender.endpoint(route).host_memory
        sent = Chunk(
            id=uuid4().hex,
            url=route.url,
            name=route.ref.provider,
            model=str(route.ref),
            dialect=route.dialect,
            wrong_key=route.refused_key_hint,
            login=CredentialEnvelope(login.reveal()) if login else None,
            limits=self._limits,
            window=self._window,
            requests=tuple(queued.sent.request for queued in chunk),
            delay=max(0.0, self._free_at.popleft() - time.monotonic()) if self._free_at else 0.0,
            adjustments=tuple(memory.known(route.url, route.ref.model)),
        )
        loop, at = asyncio.get_running_loop(), time.time()

        def done(future: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop is closed: the batch has ended
                loop.call_soon_threadsafe(self._receive, future, chunk, login, at)

        try:
            future = self._executor.submit(run_chunk, sent)
        except Exception as error:  # executors raise exceptions of their own when they accept no more work
            _answer(chunk, [_executor_broken(error)] * len(chunk))
            return
        self._in_flight.add(future)
        future.add_done_callback(done)

    async def _login(self, route: ResolvedRequest) -> Secret:
        """A current token that the service has not refused."""
        source = self._client.sender.tokens(route)
        token = await source.current()
        if token in self._refused_logins:
            renewed = await source.renewed(token)
            if renewed is None:
                raise LoginRequired(
                    _("the service does not accept the login of {name}", name=route.credential.label),
                    hint="%openclaw login --force",
                )
            token = renewed
        return token

    def _receive(self, future: Future[Any], chunk: list[_Queued], login: Secret, at: float) -> None:
        self._in_flight.discard(future)
        self._wake.set()
        try:
            returned: ChunkResult = future.result()
        except Exception as error:  # each library has an exception of its own for a lost worker
            self._worker_failed(chunk, error)
            return
        self._any_returned = True
        self._window = returned.window
        self._free_at.append(time.monotonic() + returned.next_delay)
        route = chunk[0].route
        memory = self._client.sender.endpoint(route).host_memory
        memory.learn(route.url, route.ref.model, returned.adjustments)
        for note in returned.notes:
            self._batch.notify(note)
        for _attempt in range(returned.refusals):
            self._batch.record(route, at, 0.0, RateLimited.__name__)
        reason = returned.error
        if isinstance(reason, LoginRequired) and login:
            known = login in self._refused_logins
            self._refused_logins.add(login)
            self._refusals_in_a_row += not known
            if known or self._refusals_in_a_row < _MAX_LOGINS:
                reason = None  # another login is tried first
        _answer(chunk, [_NotSent(reason) if result is None else result for result in returned.results])

    def _worker_failed(self, chunk: list[_Queued], error: Exception) -> None:
        """Send the requests of a lost worker again, or let them fail."""
        answers: list[_Answer] = []
        for queued in chunk:
            failures = queued.item.worker_failures = queued.item.worker_failures + 1
            if failures > MAX_WORKER_FAILURES and not self._any_returned:
                _answer(chunk, [_executor_broken(error)] * len(chunk))
                return
            lost = ServiceUnavailable(_("{count} workers ended while they had this item", count=failures))
            answers.append(lost if failures > MAX_WORKER_FAILURES else _NotSent())
        _answer(chunk, answers)


def _answer(chunk: list[_Queued], answers: Sequence[_Answer]) -> None:
    for queued, answer in zip(chunk, answers, strict=True):
        if not queued.answer.done():
            queued.answer.set_result(answer)


def _executor_broken(error: Exception) -> CallerExit:
    why = _("the executor's workers fail: {kind}: {why}", kind=type(error).__name__, why=str(error)[:200])
    hint = _("is openclaw-ipython installed on the workers? The same call resumes the batch")
    return CallerExit(ServiceUnavailable(why, hint=hint))


def chunk_size(limits: Limits, items: int | None = None) -> int:
    """How many requests a chunk has: four rounds, or 15 seconds of work, or a worker's share of the items.

    `limits` and `items` are the share of one worker.
    """
    size = min(_MAX_CHUNK, 4 * limits.concurrency, items or _MAX_CHUNK)
    if limits.requests_per_minute is not None:
        size = min(size, max(1, math.floor(limits.requests_per_minute * _SECONDS_PER_CHUNK / 60)))
    return size


def workers_of(executor: Any) -> int:
    """The number of workers of an executor: of the standard library, Dask or ipyparallel. 4 for any other."""
    for count_workers in (
        lambda: executor._max_workers,  # concurrent.futures
        lambda: sum(executor._client.nthreads().values()),  # distributed.cfexecutor
        lambda: len(executor.view.client.ids),  # ipyparallel
    ):
        try:
            count = count_workers()
        except Exception:  # noqa: S112 - executors of other libraries
            continue
        if isinstance(count, int) and count > 0:
            return count
    return _ASSUMED_WORKERS
