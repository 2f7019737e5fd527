"""The call `oc.map`: its arguments make a plan, a runner carries it out, and a table or a sequence is returned.

It blocks the calling thread, which draws the progress; the network runs on an event loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing, suppress
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, overload

from msgspec import Struct

from openclaw_ipython.batch.checkpoint import BatchCache, Checkpoint
from openclaw_ipython.batch.estimate import NO_ROWS, BatchEstimate, estimate
from openclaw_ipython.batch.local import CallerExit, LocalRunner
from openclaw_ipython.batch.plan import ImageReader, Item, Plan
from openclaw_ipython.batch.progress import confirm_agent, progress_for, say
from openclaw_ipython.batch.rate_limit import Limits, RateLimiter
from openclaw_ipython.batch.request import RETRY_POLICY
from openclaw_ipython.batch.results import Results, interrupted, table_library
from openclaw_ipython.batch.rows import ItemSource, PromptTemplate, Row, item_source
from openclaw_ipython.batch.run import BatchRun, CircuitBreaker, terms_notes
from openclaw_ipython.batch_api.records import BatchRecords
from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.client import Client
from openclaw_ipython.dispatch.budget import in_batch, limit_for
from openclaw_ipython.errors import LoginRequired, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.structured.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType
    from typing import Unpack

    from openclaw_ipython.batch.executor import Executor
    from openclaw_ipython.batch.run import Finished
    from openclaw_ipython.batch_api.services import BatchService, Form
    from openclaw_ipython.chat.types import Thinking
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.dispatch.resolve import RequestKeywords
    from openclaw_ipython.journal.limits import Limit

    class MapKeywords(RequestKeywords, total=False):
        """The keywords of `oc.map` that do not change its type."""

        schema: type | Mapping[str, Any] | UnionType | None
        images: str | Callable[[Any], Any] | None
        concurrency: int
        requests_per_minute: float | None
        tokens_per_minute: float | None
        on_error: OnError
        resume: bool
        executor: Executor | None
        workers: int | None
        batch: bool | Form
        progress: bool
        client: Client | None
        yes: bool
        budget: str | None


OnError = Literal["value", "raise"] | Callable[[OpenClawError, Any], Any]

Say = Callable[[str], None]

_PROGRESS_INTERVAL = 0.1  # seconds
_CLOSE_TIMEOUT = 2.0  # seconds


@overload
def map_items(
    items: Iterable[Any], prompt: str = ..., *, table: Literal[False], **options: Unpack[MapKeywords]
) -> Results: ...
@overload
def map_items(
    items: Iterable[Any],
    prompt: str = ...,
    *,
    table: bool | None = None,
    dry_run: bool = False,
    **options: Unpack[MapKeywords],
) -> Any: ...
@brief_in_cells
def map_items(
    items: Iterable[Any],
    prompt: str = "{item}",
    *,
    model: str | None = None,
    system: str | None = None,
    schema: type | Mapping[str, Any] | UnionType | None = None,
    images: str | Callable[[Any], Any] | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    thinking: Thinking | None = None,
    concurrency: int = 32,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    on_error: OnError = "value",
    cache: bool | None = None,
    resume: bool = True,
    executor: Executor | None = None,
    workers: int | None = None,
    batch: bool | Form = False,
    progress: bool = True,
    table: bool | None = None,
    client: Client | None = None,
    yes: bool = False,
    budget: str | None = None,
    dry_run: bool = False,
) -> Any:
    """Ask the same about every item, many at a time, and return a table.

        import openclaw_ipython as oc

        oc.map(["good", "bad"], "Translate into Chinese: {item}")
        oc.map(df, "Label: {text}", schema=Label, concurrency=64, tokens_per_minute=1e6)

    `items` is a list, a Series, a DataFrame (pandas or polars) or any other iterable, from which items are pulled as
    needed. In `prompt`, `{item}` is the item and `{column}` a column of its row; other braces stay. `images` names the
    column with the image of a row, or is a function that returns the image (or images) of an item. A row without one is
    asked without, and that is noted.

    At most `concurrency` requests are in flight, and the limits per minute are kept. After "too many requests" all of
    them pause and then resume slowly. An item that fails has its error in the place of an answer (`on_error="value"`);
    with `"raise"` it ends the batch, and a function is called with the error and the item and returns the value to
    use. An error that affects every item (no login, no quota) always ends the batch.

    After an interrupt or an error the same call resumes where it was (`resume=False` starts again). A complete batch
    is deleted from the journal, so the same call later sends all requests again; with `cache=True` it sends none, and
    neither does another call for an equal prompt.

    `budget` is the most that the batch may cost, with its earlier, unfinished runs: `2 USD`, `500k` tokens. Before it
    is passed the batch ends with BudgetExceeded; the same call with a higher one resumes.

    `executor` is any `concurrent.futures.Executor`: its `workers` (by default all of them) send the requests, each with
    a share of the limits. The token travels to them in memory only.

    With `dry_run` nothing is sent: the result is a BatchEstimate of rows, tokens, cost and time. A batch that is
    expected to take a dollar or a million tokens shows it as a line before the first request. Rows think only with
    `thinking`. A long beginning that they share is sent with marks for the service's prompt cache, if it has one.

    `batch=True` uses the service's batch interface: about half the price, answers within a day or so. Where the service
    has several, "chat" (a request a row, answered one by one), "files" or "inline" (all rows at once) chooses one. The
    call waits; after an interrupt the batch goes on at the service, and the same call fetches it.
    An agent of OpenClaw's Gateway is asked about first: each row is a turn in a session of its own, with the prompt of
    the agent, about 49,000 characters. `yes=True` is the answer.

    Returns a DataFrame if the items are a Series or a DataFrame or pandas is installed: the items, then `answer` (or
    the fields of `schema`), `error`, `model`, `tokens_in`, `tokens_out`, `seconds`. Otherwise, and with `table=False`,
    a sequence of replies and errors with `.tally`, `.errors` and `.table()`.

    Raises UsageError for a prompt without a placeholder, what `Client.resolve` raises, and the error that ended the
    batch. The KeyboardInterrupt of an interrupt has the `.results` so far.
    """
    source = item_source(items)
    library = table_library(source) if table is not False else ""
    if table and not library:
        raise UsageError(_("a table needs pandas"), hint="pip install 'openclaw-ipython[pandas]'")
    if not callable(on_error) and on_error not in ("value", "raise"):
        raise UsageError(_("on_error is 'value', 'raise' or a function"))
    limits = _limits(concurrency, requests_per_minute, tokens_per_minute)
    plan = Plan(
        PromptTemplate(prompt),
        model,
        system,
        schema_of(schema) if schema is not None else None,
        ImageReader(images) if images is not None else None,
        {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "thinking": thinking},
    )
    if batch and (executor is not None or not resume):
        raise UsageError(_("batch= takes neither executor= nor resume=False"))
    limit = limit_for(budget, "batch")
    if client is None:
        client = Client()
        client.recording.follow_notebook()
    call = _MapCall(plan, source, limits, on_error, resume, client, cache, library, limit, yes, batch)
    return call.estimate() if dry_run else call.run(executor, workers, show_progress=progress)


def _close(loop_thread: LoopThread, client: Client) -> None:
    """Close connections and thread, without waiting for an event loop that the caller's generator blocks."""
    with suppress(KeyboardInterrupt, RuntimeError, TimeoutError):
        loop_thread.submit(client.aclose()).result(_CLOSE_TIMEOUT)
    with suppress(KeyboardInterrupt):
        loop_thread.close()


def _limits(concurrency: int, requests: float | None, tokens: float | None) -> Limits:
    given: dict[str, Any] = {
        "concurrency": concurrency, "requests_per_minute": requests, "tokens_per_minute": tokens,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None and not (isinstance(value, Real) and float(value) > 0):
            raise UsageError(_("{name} must be a number above 0", name=name))
    return Limits(max(1, int(concurrency)), requests, tokens)


class _MapCall(Struct, eq=False):
    """One call of `oc.map`. `pause` returns the seconds that remain of a pause after "too many requests", `status` how
    far a batch is.
    """

    plan: Plan
    source: ItemSource
    limits: Limits
    on_error: OnError
    resume: bool
    client: Client
    use_cache: bool | None
    library: str
    budget: Limit | None
    yes: bool = False
    batch: bool | Form = False
    pause: Callable[[], float] = lambda: 0.0
    status: Callable[[], str] = lambda: ""
    service: BatchService | None = None
    checkpoint: Checkpoint | None = None

    def run(self, executor: Executor | None, workers: int | None, *, show_progress: bool) -> Any:
        """The results, as a table if wanted. An interrupt at any time has the results so far."""
        results = Results(self.source, self.on_error if callable(self.on_error) else None, self.plan.schema)
        try:
            return self._run(results, executor, workers, show_progress=show_progress)
        except KeyboardInterrupt:
            raise interrupted(self._progress_note(results), results) from None

    def _run(
        self, results: Results, executor: Executor | None, workers: int | None, *, show_progress: bool
    ) -> Any:
        complete, announce = False, say if show_progress else results.note
        with ExitStack() as stack:  # whatever is raised: finished items are stored, and the network is closed
            loop_thread = LoopThread()
            client = self.client.sibling(retry_policy=RETRY_POLICY)
            stack.callback(_close, loop_thread, client)
            stack.callback(lambda: self.checkpoint.close(complete=complete) if self.checkpoint else None)
            batch = self._batch(client, announce, results.note)
            if batch is None:
                return self._returned(results)
            route = batch.route
            stack.callback(lambda: client.budget.forget(batch.scope) if complete else None)
            progress = progress_for(self.source.size, wanted=show_progress)
            stack.callback(lambda: progress.close(self._last_line(results)))
            if show_progress and self.source.is_list:
                expected = estimate(batch, self.source, self.limits)
                results.tally.rows, results.tally.estimated_cost = self.source.size, expected.expected_cost
                if expected.is_large:
                    say(repr(expected))
            results.notes += [*route.notes, *terms_notes(client, route)]
            journal = client.recorder.journal
            if self._resumable(client) and (error := journal.check()) is not None:
                results.notes.append(_("an interrupted batch resumes in this kernel only: {why}", why=error))
                if show_progress:
                    say(results.notes[-1])
            try:
                announce = progress.say if show_progress else results.note
                with closing(self._finished(batch, loop_thread, executor, workers, announce)) as finished:
                    for some in finished:
                        for result, item in some:
                            results.add(result, item)
                        progress.update(results.tally, self.pause(), self.status())
                if self.plan.images is not None and self.plan.images.missing:
                    count = len(self.plan.images.missing)
                    results.notes.append(
                        _("rows without an image, asked without one: {count:,}", count=count)
                    )
                returned = self._returned(results)
            except OpenClawError as raised:
                error = client.explained(raised, route)
                if results.tally.done:
                    error.args = (f"{error} · {self._progress_note(results)}",)
                raise error from None
            # not before: the answers are kept if the table cannot be made
            complete = results.tally.complete == results.tally.done
        return returned

    def estimate(self) -> BatchEstimate:
        """What the batch would take. Raises UsageError for an iterator, and what `Client.resolve` raises."""
        if self.source.is_iterator:
            raise UsageError(
                _("an estimate would use up the iterator"), hint=_("pass a list: oc.map(list(items), …)")
            )
        batch = self._batch(self.client, say, dry_run=True)
        return estimate(batch, self.source, self.limits) if batch is not None else NO_ROWS

    def _batch(
        self, client: Client, announce: Say, notify: Say = lambda _: None, *, dry_run: bool = False
    ) -> BatchRun | None:
        """The run, of which nothing is sent yet; None if there are no rows. Raises what `oc.map` says."""
        rows = self.source.rows()
        first = next(rows, None)
        if first is None:
            return None
        if self.plan.images is None:
            self.plan.prompt.check(first.names)
        cache = self._cache(client)
        route, login_error = self._resolve(client, first, cache)
        if route.dialect.agent and not (self.yes or dry_run):
            confirm_agent(str(route.ref), self.source.size)
        key = self.plan.key(route)
        job = client.recorder.journal.jobs.open(key) if self._resumable(client) else None
        scope = key if job is not None else f"map-{client.runtime.random_bytes(8).hex()}"
        if self.batch and job is None:
            raise UsageError(_("batch= needs the journal"), hint="%config OpenClaw.journal = True")
        forms = BatchRecords(client.recorder.journal.jobs).forms(job.key) if job is not None else set()
        if self.batch or forms:
            from openclaw_ipython.batch.batch_runner import choose

            request = Item(self.plan, first).request
            route, self.service = choose(self.batch, route, forms, request, announce)
        claim = self.service is not None and not dry_run
        self.checkpoint = Checkpoint(self.plan, job, claim=claim)
        return BatchRun(
            self.plan,
            chain([first], rows),
            route,
            client,
            self.checkpoint,
            fail_fast=self.on_error == "raise",
            cache=cache,
            notify=notify,
            login_error=login_error,
            breaker=CircuitBreaker(self.limits.concurrency),
            scope=scope,
            limit=in_batch(self.budget, scope),
        )

    def _returned(self, results: Results) -> Any:
        return results.table(self.library) if self.library else results

    def _last_line(self, results: Results) -> str:
        """The line that remains when the batch has ended."""
        summary = [results.tally.summary(self.source.size)] if results.tally.done else []
        return " · ".join([*summary, *dict.fromkeys(results.notes)])

    def _resolve(
        self, client: Client, first: Row, cache: BatchCache | None
    ) -> tuple[ResolvedRequest, LoginRequired | None]:
        """The resolved model and login; without a login, the error to raise for an item that is not cached."""
        request = Item(self.plan, first).request
        shared = self.plan.prompt.shared(first.names) if self.source.size != 1 else None
        try:
            return self.plan.resolve(client, request, shared=shared), None
        except LoginRequired as error:
            if cache is None:
                raise
            login_error = error
        return self.plan.resolve(client, request, shared=shared, cache=True), login_error

    def _resumable(self, client: Client) -> bool:
        return self.resume and client.recording.journal

    def _cache(self, client: Client) -> BatchCache | None:
        wanted = client.recording.cache if self.use_cache is None else self.use_cache
        return BatchCache(client.recorder.answers) if wanted else None

    def _progress_note(self, results: Results) -> str:
        done = results.tally.complete
        if not self._resumable(self.client):
            return _("{done:,} answered", done=done)
        error = self.checkpoint.error if self.checkpoint is not None else None
        if error is not None:
            return _(
                "{done:,} answered; in this kernel the same call resumes from there: {why}",
                done=done,
                why=error,
            )
        if self.status():
            return _("{done:,} answered; the batch goes on, and the same call fetches it", done=done)
        return _("{done:,} answered; the same call resumes from there", done=done)

    def _finished(
        self,
        batch: BatchRun,
        loop_thread: LoopThread,
        executor: Executor | None,
        workers: int | None,
        announce: Say,
    ) -> Generator[list[Finished], None, None]:
        """The results as they come, in lists, of the runner that this call needs."""
        if executor is not None:
            from openclaw_ipython.batch.executor import ExecutorRunner

            size = self.source.size
            results = ExecutorRunner(batch, self.limits, executor, workers=workers, size=size).results
        elif self.service is not None and self.service.form != "chat":
            from openclaw_ipython.batch.batch_runner import BatchRunner

            batches = BatchRunner(batch, self.service, announce)
            self.status = lambda: batches.status
            results = batches.results
        else:
            runtime = batch.client.runtime
            limiter = RateLimiter(self.limits, runtime.monotonic(), runtime.random)
            self.pause = lambda: limiter.pause(runtime.monotonic())
            results = LocalRunner(batch, limiter).results
        try:
            with loop_thread.batches(results, _PROGRESS_INTERVAL) as finished:
                yield from finished
        except CallerExit as exit_:
            raise exit_.exception from None
