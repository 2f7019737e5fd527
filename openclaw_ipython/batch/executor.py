"""The executor runner: chunks of a batch are sent to the workers of an executor, and their replies come back.

Files, journal, token refresh and schema validation stay with the driver, on the caller's thread. The chunk of a worker
that failed is sent again; the rest of a chunk whose login was refused is sent again with a new one.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.batch.plan import Item
from openclaw_ipython.batch.request import chat_request
from openclaw_ipython.batch.run import ActiveRoute
from openclaw_ipython.batch.worker import Chunk, ChunkResult, CredentialEnvelope, run_chunk
from openclaw_ipython.chat.adapt import has_cache_marks
from openclaw_ipython.errors import (
    BudgetExceeded,
    LoginRequired,
    OpenClawError,
    RateLimited,
    ServiceUnavailable,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.event_loop import TICK

if TYPE_CHECKING:
    from openclaw_ipython.batch.rate_limit import Limits
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.batch.run import BatchRun, Finished
    from openclaw_ipython.chat.types import ChatRequest, Reply
    from openclaw_ipython.dispatch.budget import Reservation
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.runtime.event_loop import LoopThread
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


class ExecutorRunner:
    """Runs a batch on an executor. The client belongs to the event loop of `loop_thread`.

    `workers` is the number of chunks in flight, by default that of all workers, `size` the number of items, None if
    unknown.
    """

    def __init__(
        self,
        batch: BatchRun,
        limits: Limits,
        loop_thread: LoopThread,
        executor: Executor,
        *,
        workers: int | None,
        size: int | None,
    ) -> None:
        self._batch = batch
        self._client = batch.client
        self._loop_thread = loop_thread
        self._executor = executor
        self._workers = max(1, min(workers or workers_of(executor), limits.concurrency))
        self._limits = limits.share(self._workers)
        self._chunk_size = chunk_size(self._limits, math.ceil(size / self._workers) if size else None)
        self._route = ActiveRoute(batch)
        self._window: float | None = None
        self._free_at: deque[float] = deque()  # monotonic; when the share of a returned chunk is unused again
        self._again: deque[Item] = deque()
        self._in_flight: dict[Future[Any], _SentChunk] = {}
        self._returned: SimpleQueue[Future[Any]] = SimpleQueue()
        self._finished: list[Finished] = []
        self._rows_exhausted = False
        self._any_returned = self._writing_cache = False
        self._refused_logins: set[Secret] = set()
        self._over_budget: BudgetExceeded | None = None
        self._refusals_in_a_row = 0  # logins in a row that were refused before any answer

    def results(self) -> Generator[list[Finished], None, None]:
        """Every item as its chunk comes back; an empty list now and then while nothing does.

        Raises the error that ends the batch, and ServiceUnavailable for a broken executor.
        """
        try:
            while True:
                while (
                    len(self._in_flight) < (1 if self._writing_cache else self._workers)
                    and self._over_budget is None
                ):
                    items = self._next_chunk()
                    if not items or not self._submit(items):
                        break
                finished, self._finished = self._finished, []
                yield finished
                if not self._in_flight:
                    if self._over_budget is not None:
                        raise self._over_budget
                    if self._again:  # the budget is held by requests of other programs
                        time.sleep(TICK)
                    if self._rows_exhausted and not self._again and not self._finished:
                        return
                    continue
                try:
                    future = self._returned.get(timeout=TICK)
                except Empty:
                    continue
                self._receive(future, self._in_flight.pop(future))
        finally:
            for future, sent in self._in_flight.items():
                self._release(sent)
                with suppress(Exception):  # some kinds of future cannot be cancelled
                    future.cancel()

    # -- sending -----------------------------------------------------------------------------

    def _next_chunk(self) -> list[Item]:
        """The next items to send: those to be sent again, then rows that no earlier run finished."""
        items: list[Item] = []
        while self._again and len(items) < self._chunk_size:
            items.append(self._again.popleft())
        while len(items) < self._chunk_size and len(self._finished) < 10 * self._chunk_size:
            row = next(self._batch.rows, None)
            if row is None:
                self._rows_exhausted = True
                break
            item = self._batch.begin(row, self._route.current)
            if not isinstance(item, Item):
                self._finished.append(item)
                continue
            items.append(item)
            if not self._any_returned and self._is_marked(item):
                break  # alone, so that the prompt cache is written once
        return items

    def _is_marked(self, item: Item) -> bool:
        return has_cache_marks(chat_request(self._route.current, item.request).messages)

    def _submit(self, items: list[Item]) -> bool:
        """Send the items that the budget allows; the others wait. Whether there are any."""
        route = self._route.current
        login, held = self._login(route), []
        # without the schema they were made from, and with plain dictionaries: they can be pickled
        made = [chat_request(route, item.request) for item in items]
        requests = [replace(r, extra=dict(r.extra), headers=dict(r.headers), schema=None) for r in made]
        try:
            for request in requests:
                held.append(self._batch.hold(route, request))  # noqa: PERF401 - those before an error stay
        except BudgetExceeded as error:
            self._over_budget = None if error.under_way else error
            self._again.extendleft(reversed(items[len(held) :]))
            items = items[: len(held)]
        if not items:
            return False
        self._writing_cache = not self._any_returned and self._is_marked(items[0])
        memory = self._client.sender.endpoint(route).host_memory
        chunk = Chunk(
            id=uuid4().hex,
            url=route.url,
            name=route.ref.provider,
            model=str(route.ref),
            dialect=route.dialect,
            wrong_key=route.refused_key_hint,
            login=CredentialEnvelope(login) if login else None,
            limits=self._limits,
            window=self._window,
            requests=tuple(requests[: len(items)]),
            delay=max(0.0, self._free_at.popleft() - time.monotonic()) if self._free_at else 0.0,
            adjustments=tuple(memory.known(route.url, route.ref.model)),
        )
        sent = _SentChunk(route, login, items, time.time(), held, requests[0])
        try:
            future = self._executor.submit(run_chunk, chunk)
        except Exception as error:  # executors raise exceptions of their own when they accept no more work
            self._release(sent)
            raise _executor_broken(error) from error
        self._in_flight[future] = sent
        future.add_done_callback(self._returned.put)
        return True

    def _release(self, sent: _SentChunk) -> None:
        """Settle what the requests of a lost chunk held: their outcome is unknown."""
        for held in sent.held:
            self._client.budget.release(held, sent.route, None, None)

    def _login(self, route: ResolvedRequest) -> Secret:
        """A current token that the service has not refused."""
        source = self._client.sender.tokens(route)
        token = self._loop_thread.run(source.current())
        if token in self._refused_logins:
            renewed = self._loop_thread.run(source.renewed(token))
            if renewed is None:
                raise LoginRequired(
                    _("the service does not accept the login of {name}", name=route.credential.label),
                    hint="%openclaw login --force",
                )
            token = renewed
        return token

    # -- receiving ---------------------------------------------------------------------------

    def _receive(self, future: Future[Any], sent: _SentChunk) -> None:
        try:
            returned: ChunkResult = future.result()
        except Exception as error:  # each library has an exception of its own for a lost worker
            self._worker_failed(sent, error)
            return
        self._any_returned, self._writing_cache = True, False
        self._window = returned.window
        self._free_at.append(time.monotonic() + returned.next_delay)
        memory = self._client.sender.endpoint(sent.route).host_memory
        memory.learn(sent.route.url, sent.route.ref.model, returned.adjustments)
        for note in returned.notes:
            self._batch.notify(note)
        for _attempt in range(returned.refusals):
            self._batch.record(sent.route, sent.at, 0.0, RateLimited.__name__)
        refused: list[tuple[Item, OpenClawError]] = []
        for item, result, held in zip(sent.items, returned.results, sent.held, strict=True):
            if result is None:
                self._client.budget.release(held, sent.route, None, returned.error)
                self._again.append(item)
            elif isinstance(result, RateLimited) and not result.others_answered:
                self._client.budget.release(held, sent.route, None, result)
                refused.append((item, result))
            elif isinstance(result, OpenClawError):
                name = type(result).__name__
                self._batch.record(sent.route, sent.at, 0.0, name, held=held, error=result)
                self._failed(item.row, result)
            else:
                self._answered(item, result, sent, held)
        other_route = returned.error is None or self._other_route(sent, returned.error)
        for item, refusal in refused:
            if other_route:
                self._again.append(item)
            else:
                self._failed(item.row, refusal)

    def _answered(self, item: Item, reply: Reply, sent: _SentChunk, held: Reservation | None) -> None:
        route = replace(sent.route, request=sent.first)
        self._batch.record(route, sent.at, reply.seconds, "ok", reply, held=held)
        if not self._route.success_recorded and self._route.current is sent.route:
            self._loop_thread.run(self._route.record_success())
        self._refusals_in_a_row = 0
        item.sent = True
        if self._batch.cache is not None:
            self._batch.cache.put(sent.route, item.request, reply)
        try:
            final = item.receive(reply)
        except OpenClawError as error:
            self._failed(item.row, error)
            return
        if final is None:  # it has another request to send
            self._again.append(item)
        else:
            self._finished.append(self._batch.succeeded(item, final))

    def _failed(self, row: Row, error: OpenClawError) -> None:
        self._finished.append(self._batch.failed(row, error))

    def _other_route(self, sent: _SentChunk, error: OpenClawError) -> bool:
        """Go on with a new login, then with the next model or login.

        When there is none, raises the error; returns False for "too many requests", which may be that of one row.
        """
        if self._route.current is not sent.route:
            return True  # another chunk has caused the switch already
        if isinstance(error, LoginRequired) and sent.login:
            if sent.login in self._refused_logins:
                return True  # known from another chunk
            self._refused_logins.add(sent.login)
            self._refusals_in_a_row += 1
            if self._refusals_in_a_row < _MAX_LOGINS:
                return True
        if not self._loop_thread.run(self._route.change(error)):
            if isinstance(error, RateLimited):
                return False
            raise self._route.failover.final_error(error)
        self._refusals_in_a_row = 0
        return True

    def _worker_failed(self, sent: _SentChunk, error: Exception) -> None:
        """Send the items of a lost worker again, or let them fail."""
        self._release(sent)
        for item in sent.items:
            item.worker_failures += 1
            if item.worker_failures <= MAX_WORKER_FAILURES:
                self._again.append(item)
            elif not self._any_returned:
                raise _executor_broken(error) from error
            else:
                lost = ServiceUnavailable(
                    _("{count} workers ended while they had this item", count=item.worker_failures)
                )
                self._failed(item.row, lost)


class _SentChunk(Struct, frozen=True, eq=False):
    """A chunk in flight; `at` is when it was sent, in Unix seconds, `first` its first request."""

    route: ResolvedRequest
    login: Secret
    items: list[Item]
    at: float
    held: list[Reservation | None]
    first: ChatRequest


def _executor_broken(error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        _("the executor's workers fail: {kind}: {why}", kind=type(error).__name__, why=str(error)[:200]),
        hint=_("is openclaw-ipython installed on the workers? The same call resumes the batch"),
    )


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
