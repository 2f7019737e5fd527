"""The call `oc.map`: its arguments made into a plan, carried out, and returned as a table or a list.

Blocks its caller, whose thread paints the progress; the network runs on a loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from openclaw_ipython.batch.interrupted import Interrupted
from openclaw_ipython.batch.local import Here, Left
from openclaw_ipython.batch.plan import Course, Errand, Memory, Plan
from openclaw_ipython.batch.progress import progress_for
from openclaw_ipython.batch.rate_limit import Limits, Pacer
from openclaw_ipython.batch.request import PATIENCE
from openclaw_ipython.batch.results import Results, table_library
from openclaw_ipython.batch.rows import Items, Row, items_of
from openclaw_ipython.batch.templates import Template
from openclaw_ipython.client import Client
from openclaw_ipython.errors import LoginRequired, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.event_loop import Bridge

if TYPE_CHECKING:
    from openclaw_ipython.batch.cached import Cached
    from openclaw_ipython.batch.executor import Executor
    from openclaw_ipython.batch.local import Landed
    from openclaw_ipython.batch.plan import Ask, Pictures
    from openclaw_ipython.context.image_encoding import Picture
    from openclaw_ipython.dispatch.failover import Question

OnError = Literal["value", "raise"] | Callable[[OpenClawError, Any], Any]

_INTERVAL = 0.1  # seconds between two looks at what came
_CLOSING = 2.0  # seconds


def map_items(
    items: Iterable[Any],
    prompt: str = "{item}",
    *,
    model: str | None = None,
    system: str | None = None,
    schema: Any = None,
    images: str | Callable[[Any], Any] | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    thinking: str | None = None,
    concurrency: int = 32,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    on_error: OnError = "value",
    cache: bool | None = None,
    resume: bool = True,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    table: bool | None = None,
    client: Client | None = None,
) -> Any:
    """Ask the same about every item, many at once, and return a table.

        import openclaw_ipython as oc

        oc.map(["good", "bad"], "Translate into Chinese: {item}")
        oc.map(df, "Label: {text}", schema=Label, concurrency=64, tokens_per_minute=1e6)

    `items` is a list, a Series, a DataFrame (pandas or polars) or any other iterable, which is pulled as needed. In
    `prompt`, `{item}` is the item, or `{column}` a column of its row; other braces stay. `images` names the column
    with the picture of a row, or is a function that gives the picture (or pictures) of an item.

    At most `concurrency` requests are under way, and no more a minute than the other two limits say. When the service
    says "too many requests", all of them step back together and come back gently. An item that fails has an error for
    an answer (`on_error="value"`); `"raise"` ends the batch instead, a function is called with the error and
    the item, and gives what stands there. An error that every item would meet (no login, no quota) ends the batch.

    Interrupted or ended early, it keeps what was done: the same call goes on where it was (`resume=False` starts
    anew). What is complete is forgotten, so that the same call later asks again; with `cache=True` it does not, nor
    does another call for any item that was asked in the same words.

    `executor` is any `concurrent.futures.Executor`: its `workers` (as many as it has) ask, with a share of the limits
    each. The login travels to them in memory only.

    Returns a DataFrame where the items came in one, or pandas is installed: the items, then `answer` (or the fields of
    `schema`), `error`, `model`, `tokens_in`, `tokens_out`, `seconds`. Else, and with `table=False`, a sequence of
    replies and errors with `.tally`, `.errors` and `.table()`.

    Raises UsageError for a prompt that names nothing of the items, what `Client.question` raises, and the error that
    ended the batch; Interrupted, a KeyboardInterrupt with the `.results` so far.
    """
    given = items_of(items)
    library = table_library(given) if table is not False else ""
    if table and not library:
        raise UsageError(_("a table needs pandas"), hint="pip install 'openclaw-ipython[pandas]'")
    if not callable(on_error) and on_error not in ("value", "raise"):
        raise UsageError(_("on_error is 'value', 'raise' or a function"))
    limits = _limits(concurrency, requests_per_minute, tokens_per_minute)
    options = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "thinking": thinking}
    plan = Plan(
        Template(prompt), prompt, model, system, _schema(schema), _pictures(images), options,
        pictured=images if isinstance(images, str) else "",
    )  # fmt: skip
    batch = _Batch(plan, given, limits, on_error, resume, _client(client), cache, library)
    return batch.carried_out(executor, workers, wanted=progress)


def _client(given: Client | None) -> Client:
    """The client to ask with. In a notebook the person's preferences for the journal and the cache count here too."""
    if given is not None:
        return given
    client = Client()
    client.keeping.follow_notebook()
    return client


def _shut(bridge: Bridge, client: Client) -> None:
    """Let go of connections and thread; a loop that somebody's slow generator holds up is not waited for."""
    with suppress(KeyboardInterrupt, RuntimeError, TimeoutError):
        bridge.submit(client.aclose()).result(_CLOSING)
    with suppress(KeyboardInterrupt):  # all is done by now
        bridge.close()


def _terms(client: Client, question: Question) -> list[str]:
    """What a service's terms say, where that may be about batches: some plans are for interactive use only."""
    try:
        terms = client.provider(question.ref.provider).terms
    except UsageError:  # an entry of the person's own
        return []
    return [_(terms)] if terms else []


def _limits(concurrency: int, requests: float | None, tokens: float | None) -> Limits:
    given: dict[str, Any] = {
        "concurrency": concurrency, "requests_per_minute": requests, "tokens_per_minute": tokens,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None and not (isinstance(value, Real) and float(value) > 0):
            raise UsageError(_("{name} must be a number above 0", name=name))
    return Limits(max(1, int(concurrency)), requests, tokens)


def _schema(wanted: Any) -> Any:
    if wanted is None:
        return None
    from openclaw_ipython.structured.schema import schema_of

    return schema_of(wanted)


def _pictures(images: str | Callable[[Any], Any] | None) -> Pictures | None:
    if images is None:
        return None
    from openclaw_ipython.context.image_encoding import ORDINARY
    from openclaw_ipython.context.images import of_values

    def look(row: Row) -> Any:
        if callable(images):
            return images(row.item)
        if images not in row.names:
            raise UsageError(
                _("no column {name} for the pictures", name=images), suggestions=tuple(row.names)
            )
        return row.names[images]

    def pictures(row: Row) -> tuple[Picture, ...]:
        found = look(row)
        if found is None:
            return ()
        several = isinstance(found, Sequence) and not isinstance(found, (str, bytes))
        return tuple(of_values(list(found) if several else [found], ORDINARY))

    return pictures


@dataclass
class _Batch:
    """One call, from its first row to its results."""

    plan: Plan
    items: Items
    limits: Limits
    on_error: OnError
    resume: bool
    client: Client
    cache: bool | None
    library: str
    pause: Callable[[], float] = lambda: 0.0

    def carried_out(self, executor: Executor | None, workers: int | None, *, wanted: bool) -> Any:
        """The results, as a table where that is wanted. Raises Interrupted, whenever it is interrupted."""
        results = Results(self.items, self.on_error if callable(self.on_error) else None)
        try:
            return self._carried_out(results, executor, workers, wanted=wanted)
        except KeyboardInterrupt:
            raise Interrupted(self._stopped(results), results) from None

    def _carried_out(
        self, results: Results, executor: Executor | None, workers: int | None, *, wanted: bool
    ) -> Any:
        rows = self.items.rows()
        first = next(rows, None)
        if first is None:
            return self._made(results)
        self._check(first)
        complete = False
        # Whatever raises where, an interrupt in the last of it too: what is done is kept, and the network ends.
        with ExitStack() as after:
            bridge = Bridge()
            client = self.client.sibling(patience=PATIENCE)
            after.callback(_shut, bridge, client)
            cached = self._cached(client)
            question, no_login = self._question(client, Course(self.plan, first).ask, cached)
            memory = self._memory(client, question)
            after.callback(lambda: memory.close(complete=complete))
            shown = progress_for(self.items.size, wanted=wanted)
            after.callback(lambda: shown.close(self._line(results)))
            results.notes += [*question.notes, *_terms(client, question)]
            errand = Errand(
                self.plan, chain([first], rows), question, client, memory, self.on_error == "raise",
                cached, results.notes.append, no_login,
            )  # fmt: skip
            try:
                landed = (
                    self._here(errand, bridge)
                    if executor is None
                    else self._elsewhere(errand, bridge, executor, workers)
                )
                with closing(landed):
                    for batch in landed:
                        for outcome, item in batch:
                            results.add(outcome, item)
                        shown.update(results.tally, self.pause())
                made = self._made(results)
            except OpenClawError as error:
                if results.tally.done:
                    error.args = (f"{error} · {self._stopped(results)}",)
                raise
            complete = not results.tally.errors  # and only now: a table that cannot be made loses no answers
        return made

    def _made(self, results: Results) -> Any:
        return results.table(self.library) if self.library else results

    def _line(self, results: Results) -> str:
        """What stands below when all is over."""
        summary = [results.tally.summary(self.items.size)] if results.tally.done else []
        return " · ".join([*summary, *dict.fromkeys(results.notes)])

    def _check(self, first: Row) -> None:
        if self.plan.pictures is None:
            self.plan.template.check(first.names)

    def _question(
        self, client: Client, ask: Ask, cached: Cached | None
    ) -> tuple[Question, LoginRequired | None]:
        """Who is asked; nobody, and why, where there is no login and the cache has answers all the same."""
        try:
            return self.plan.question(client, ask), None
        except LoginRequired as error:
            if cached is None:
                raise
            missing = error
        return self.plan.question(client, ask, cache=True), missing

    def _memory(self, client: Client, question: Question) -> Memory:
        kept = self.resume and client.keeping.journal
        return Memory(self.plan, client.books.journal.jobs.open(self.plan.key(question)) if kept else None)

    def _cached(self, client: Client) -> Cached | None:
        if not (client.keeping.cache if self.cache is None else self.cache):
            return None
        from openclaw_ipython.batch.cached import Cached

        return Cached(client.books.answers)

    def _stopped(self, results: Results) -> str:
        done = results.tally.done - results.tally.errors
        if not (self.resume and self.client.keeping.journal):
            return _("{done:,} answered", done=done)
        return _("{done:,} answered; the same call goes on from there", done=done)

    def _here(self, errand: Errand, bridge: Bridge) -> Generator[list[Landed], None, None]:
        runtime = errand.client.runtime
        pacer = Pacer(self.limits, runtime.monotonic(), runtime.random)
        self.pause = lambda: pacer.pause(runtime.monotonic())
        try:
            with bridge.batches(Here(errand, pacer).outcomes, _INTERVAL) as batches:
                yield from batches
        except Left as left:
            raise left.way from None

    def _elsewhere(
        self, errand: Errand, bridge: Bridge, executor: Executor, workers: int | None
    ) -> Generator[list[Landed], None, None]:
        from openclaw_ipython.batch.executor import Elsewhere, workers_of

        count = workers or workers_of(executor)
        run = Elsewhere(
            errand, self.limits, bridge=bridge, executor=executor, workers=count, size=self.items.size
        )
        return run.outcomes()
