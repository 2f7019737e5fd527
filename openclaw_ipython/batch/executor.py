"""A batch carried out by an executor: chunks go out to its workers, and come back as outcomes.

The driver keeps what must not leave this machine: files, journal, the renewing of logins, the checking against a
schema. It runs on the caller's thread. A chunk whose worker died is sent again; one whose login ended is sent on with
a new one.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from openclaw_ipython.batch.handover import Handover
from openclaw_ipython.batch.outcomes import Outcome, outcome_of
from openclaw_ipython.batch.plan import Breaker, Course
from openclaw_ipython.batch.request import Manner
from openclaw_ipython.batch.worker import Chunk, Returned, carry_out
from openclaw_ipython.dispatch.failover import Question, Routing
from openclaw_ipython.dispatch.send import Sent, priced
from openclaw_ipython.errors import LoginRequired, OpenClawError, RateLimited, ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.event_loop import TICK

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Errand
    from openclaw_ipython.batch.rate_limit import Limits
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.chat.types import ChatRequest, Reply
    from openclaw_ipython.runtime.event_loop import Bridge
    from openclaw_ipython.sanitize.secrets import Secret

MOST_DEATHS = 2
"""How many workers may die over an item before it counts as failed."""

_LARGEST = 200
_MOST_LOGINS = 2  # the one that was there, and the one it was renewed to
_GUESSED_WORKERS = 4
_SECONDS = 15.0  # of work in a chunk, where a rate is given

Landed = tuple[Outcome, Any]


class Executor(Protocol):
    """What is needed of a `concurrent.futures.Executor`."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a call somewhere."""


class Elsewhere:
    """One run of an errand whose client lives on the loop of `bridge`.

    `workers` is how many chunks are out at once, `size` how many items there are, None where that is not known.
    """

    def __init__(
        self,
        errand: Errand,
        limits: Limits,
        *,
        bridge: Bridge,
        executor: Executor,
        workers: int,
        size: int | None,
    ) -> None:
        self._errand = errand
        self._client = errand.client
        self._bridge = bridge
        self._executor = executor
        self._workers = max(1, min(workers, limits.concurrency))
        self._limits = limits.divided(self._workers)
        self._size = chunk_size(self._limits, math.ceil(size / self._workers) if size else None)
        self._breaker = Breaker(limits.concurrency)
        self._routing = Routing(errand.question)
        self._manner = Manner(errand.question)
        self._window: float | None = None
        self._rests: deque[float] = deque()  # monotonic; until when what came back has used its share up
        self._again: deque[Course] = deque()
        self._out: dict[Future[Any], _Sent] = {}
        self._back: SimpleQueue[Future[Any]] = SimpleQueue()
        self._ready: list[Landed] = []
        self._exhausted = False
        self._worked = False
        self._spent: set[Secret] = set()
        self._refused = 0  # logins in a row by which nothing was answered
        self._noted = False

    def outcomes(self) -> Generator[list[Landed], None, None]:
        """Every item, as it comes back; an empty list means that time has passed.

        Raises the error that would meet every other item too, and ServiceUnavailable for an executor that is broken.
        """
        try:
            while True:
                while len(self._out) < self._workers and (courses := self._next()):
                    self._send(courses)
                yield self._taken()
                if not self._out:
                    if self._exhausted and not self._again and not self._ready:
                        return
                    continue
                try:
                    future = self._back.get(timeout=TICK)
                except Empty:
                    continue
                self._receive(future, self._out.pop(future))
        finally:
            for future in self._out:
                with suppress(Exception):  # some kinds of future cannot be taken back
                    future.cancel()

    # -- out ---------------------------------------------------------------------------------

    def _taken(self) -> list[Landed]:
        ready, self._ready = self._ready, []
        return ready

    def _next(self) -> list[Course]:
        """The next chunk: what has to be asked again, then rows that no earlier run had finished."""
        courses: list[Course] = []
        while self._again and len(courses) < self._size:
            courses.append(self._again.popleft())
        while len(courses) < self._size and len(self._ready) < 10 * self._size:
            row = next(self._errand.rows, None)
            if row is None:
                self._exhausted = True
                break
            try:
                course = Course(self._errand.plan, row)
            except OpenClawError as error:
                self._failed(row, error)
                continue
            known = self._errand.memory.recall(course)
            if known is not None:
                self._ready.append((known, row.item))
            elif not self._replayed(course):
                courses.append(course)
        return courses

    def _replayed(self, course: Course) -> bool:
        """Whether the cache had all that was to be asked about an item."""
        while (reply := self._errand.known(self._routing.at, course.ask)) is not None:
            try:
                answer = course.takes(reply)
            except OpenClawError as error:
                self._failed(course.row, error)
                return True
            if answer is not None:
                self._done(course, answer)
                return True
        return False

    def _send(self, courses: list[Course]) -> None:
        question = self._routing.at
        login = self._login(question)
        chunk = Chunk(
            number=uuid4().hex,
            url=question.url,
            name=question.ref.provider,
            model=str(question.ref),
            dialect=question.dialect,
            wrong_key=question.wrong_key,
            login=Handover(login) if login else None,
            limits=self._limits,
            window=self._window,
            requests=tuple(_bare(self._manner.request(c.ask.messages, c.ask.schema)) for c in courses),
            rest=max(0.0, self._rests.popleft() - time.monotonic()) if self._rests else 0.0,
        )
        try:
            future = self._executor.submit(carry_out, chunk)
        except Exception as error:  # whatever an executor raises that takes no more work
            raise _broken(error) from error
        self._out[future] = _Sent(question, login, courses, time.time())
        future.add_done_callback(self._back.put)

    def _login(self, question: Question) -> Secret:
        """The bearer for a chunk: fresh, and another one than the service has refused."""
        source = self._client.tokens(question)
        token = self._bridge.run(source.current())
        if token in self._spent:
            renewed = self._bridge.run(source.renewed(token))
            if renewed is None:
                raise LoginRequired(
                    _("the service does not accept the login of {name}", name=question.credential.label),
                    hint="%openclaw login --force",
                )
            token = renewed
        return token

    # -- back --------------------------------------------------------------------------------

    def _receive(self, future: Future[Any], sent: _Sent) -> None:
        try:
            returned: Returned = future.result()
        except Exception as error:  # each library has its own for a worker that is gone
            self._died(sent, error)
            return
        self._worked = True
        self._window = returned.window
        self._rests.append(time.monotonic() + returned.owed)
        for _attempt in range(returned.refusals):
            self._book(sent, RateLimited.__name__, None)
        for course, came in zip(sent.courses, returned.came, strict=True):
            if came is None:
                self._again.append(course)
            elif isinstance(came, OpenClawError):
                self._book(sent, type(came).__name__, None)
                self._failed(course.row, came)
            else:
                self._answered(course, came, sent)
        if returned.ended is not None:
            self._ended(sent, returned)

    def _answered(self, course: Course, reply: Reply, sent: _Sent) -> None:
        if reply.usage is not None:
            reply.usage = priced(reply.usage, sent.question)
        self._book(sent, "ok", reply)
        if not self._noted and self._routing.at is sent.question:
            self._noted = True
            self._bridge.run(self._client.noted(sent.question, None))
        self._refused = 0
        course.asked = True
        if self._errand.cached is not None:
            self._errand.cached.keep(sent.question, course.ask, reply)
        try:
            answer = course.takes(reply)
        except OpenClawError as error:
            self._failed(course.row, error)
            return
        if answer is None:
            self._again.append(course)
        else:
            self._done(course, answer)

    def _book(self, sent: _Sent, outcome: str, reply: Reply | None) -> None:
        seconds, usage, first = (reply.seconds, reply.usage, reply.first_text) if reply else (0.0, None, None)
        self._client.books.note(Sent(sent.question, sent.at, seconds, outcome, usage, first))

    def _done(self, course: Course, answer: Reply) -> None:
        self._breaker.ends(None)
        self._errand.memory.keep(course, answer)
        outcome = outcome_of(course.row.position, answer, remembered=not course.asked)
        self._ready.append((outcome, course.row.item))

    def _failed(self, row: Row, error: OpenClawError) -> None:
        if self._errand.stops_at_errors or self._breaker.ends(error):
            raise error
        self._ready.append((Outcome(row.position, error=error), row.item))

    def _ended(self, sent: _Sent, returned: Returned) -> None:
        """A chunk that was not carried through: with another token, by somebody else, or not at all."""
        error = returned.ended
        assert error is not None  # noqa: S101 - asked for by the caller
        if self._routing.at is not sent.question:
            return  # somebody else is asked already
        if returned.spent and sent.login:
            if sent.login in self._spent:
                return  # known from another chunk
            self._spent.add(sent.login)
            self._refused += 1
            if self._refused < _MOST_LOGINS:
                return
        self._bridge.run(self._client.noted(sent.question, error))
        if not self._routing.goes_on(error):
            raise self._routing.error(error)
        self._refused = 0
        self._manner = Manner(self._routing.at)
        self._noted = False
        for note in self._routing.notes():
            self._errand.note(note)

    def _died(self, sent: _Sent, error: Exception) -> None:
        """The worker is gone, and what it had is asked again."""
        for course in sent.courses:
            course.deaths += 1
            if course.deaths <= MOST_DEATHS:
                self._again.append(course)
            elif not self._worked:
                raise _broken(error) from error
            else:
                self._failed(
                    course.row, ServiceUnavailable(_("{count} workers ended over it", count=course.deaths))
                )


class _Sent:
    """A chunk that is out."""

    __slots__ = ("at", "courses", "login", "question")

    def __init__(self, question: Question, login: Secret, courses: list[Course], at: float) -> None:
        self.question = question
        self.login = login
        self.courses = courses
        self.at = at


def _bare(request: ChatRequest) -> ChatRequest:
    """The request without what only made it: a worker sends it as it is."""
    return replace(request, extra=dict(request.extra), headers=dict(request.headers), schema=None)


def _broken(error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        _("the executor's workers fail: {kind}: {why}", kind=type(error).__name__, why=str(error)[:200]),
        hint=_("is openclaw-ipython installed where they are? The same call goes on where it was"),
    )


def chunk_size(limits: Limits, items: int | None = None) -> int:
    """How many requests are in a chunk, given a worker's share of the limits and of the items: some rounds, or some
    seconds, and not so many that other workers have nothing to do.
    """
    size = min(_LARGEST, 4 * limits.concurrency, items or _LARGEST)
    if limits.requests_per_minute is not None:
        size = min(size, max(1, math.floor(limits.requests_per_minute * _SECONDS / 60)))
    return size


def workers_of(executor: Any) -> int:
    """How many workers an executor has, as far as it tells: those of the standard library, Dask and ipyparallel do."""
    for look in (
        lambda: executor._max_workers,  # concurrent.futures
        lambda: sum(executor._client.nthreads().values()),  # distributed.cfexecutor
        lambda: len(executor.view.client.ids),  # ipyparallel
    ):
        try:
            count = look()
        except Exception:  # noqa: S112 - another library's executor
            continue
        if isinstance(count, int) and count > 0:
            return count
    return _GUESSED_WORKERS
