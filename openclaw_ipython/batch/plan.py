"""What is asked about every row, and of whom: the batch as it was ordered. Files are read, nothing is sent.

`here` and `elsewhere` carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.batch.outcomes import Outcome, item_key, job_key, kept, outcome_of, recalled
from openclaw_ipython.batch.request import is_about_all
from openclaw_ipython.chat.types import Message
from openclaw_ipython.context.prompt_types import Prompt
from openclaw_ipython.dispatch.send import Sent
from openclaw_ipython.errors import OpenClawError, ServiceUnavailable

if TYPE_CHECKING:
    from openclaw_ipython.batch.cached import Cached
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.batch.templates import Template
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.client import Client
    from openclaw_ipython.context.image_encoding import Picture
    from openclaw_ipython.dispatch.failover import Question
    from openclaw_ipython.errors import LoginRequired
    from openclaw_ipython.journal.jobs import Job
    from openclaw_ipython.structured.schema import Schema

Pictures = Callable[["Row"], "tuple[Picture, ...]"]
"""The images of a row, as they are sent."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Messages to send. `schema` is what the host may hold the answer to."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None


_PICTURE = Message("user", ({"type": "image_url", "image_url": {"url": ""}},))
"""Stands for the pictures of rows where it is decided who is asked, and is sent to nobody."""

Talk = Generator[Ask, "Reply", "Reply"]


@dataclass(frozen=True)
class Plan:
    """One batch. `options` are those of `Client.question`."""

    template: Template
    typed: str
    model: str | None = None
    system: str | None = None
    schema: Schema | None = None
    pictures: Pictures | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    pictured: str = ""

    def messages(self, row: Row) -> tuple[Message, ...]:
        """What is asked about one row. Raises UsageError for an image that cannot be read."""
        text = self.template.fill(row.names)
        content: Any = text
        if self.pictures is not None:
            content = Prompt(text, text, self.pictures(row)).content
        turn = (Message("user", content),)
        return (Message("system", self.system), *turn) if self.system else turn

    def talk(self, messages: tuple[Message, ...]) -> Talk:
        """The course of one item: what to ask, and what the replies come to."""
        if self.schema is None:
            return _once(messages)
        return _fitting(messages, self.schema)

    def question(self, client: Client, first: Ask, *, cache: bool = False) -> Question:
        """Who is asked, decided once for all rows, by the first of them. Raises what `Client.question` raises.

        With `cache`, nobody, where the answer to that is kept.
        """
        thinks = self.options.get("thinking") not in (None, "off")  # some hosts think only while they stream
        messages = first.messages
        if self.pictures is not None and not cache:  # the first row may be one without
            messages = (*messages, _PICTURE)
        question = client.question(
            messages, model=self.model, stream=thinks, answer_schema=first.schema, cache=cache,
            **self.options,
        )  # fmt: skip
        return replace(question, kind="map", others=tuple(replace(o, kind="map") for o in question.others))

    def key(self, question: Question) -> str:
        """The name of this batch in the journal: the same call later, or elsewhere, goes on with it."""
        return job_key(
            {
                "prompt": self.typed,
                "model": str(question.meant),
                "system": self.system,
                "schema": self.schema.for_request if self.schema is not None else None,
                "images": self.pictured,
                **self.options,
            }
        )


def _once(messages: tuple[Message, ...]) -> Talk:
    reply = yield Ask(messages)
    return reply


def _fitting(messages: tuple[Message, ...], schema: Schema) -> Talk:
    from openclaw_ipython.structured import loop

    steps = loop.tool_loop(messages, schema)
    reply: Any = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as end:
            answer: Reply = end.value
            return answer
        assert isinstance(step, loop.ModelRequest)  # without functions there is nothing else to do  # noqa: S101
        reply = yield Ask(step.messages, step.schema)


class Course:
    """One item on its way: from its row to an outcome, however it is asked."""

    __slots__ = ("_talk", "ask", "asked", "deaths", "key", "messages", "row")

    def __init__(self, plan: Plan, row: Row) -> None:
        self.row = row
        self.messages = plan.messages(row)
        self.key = item_key(row.position, self.messages)
        self.deaths = 0  # of workers that had it
        self.asked = False  # whether anything was sent for it
        self._talk = plan.talk(self.messages)
        self.ask = next(self._talk)

    def takes(self, reply: Reply) -> Reply | None:
        """Take a reply in: the whole answer, or None where `ask` is to be asked next. Raises SchemaMismatch."""
        try:
            self.ask = self._talk.send(reply)
        except StopIteration as end:
            answer: Reply = end.value
            return answer
        return None


class Memory:
    """The journal's part: what earlier runs of the same batch had finished. Without a `job` nothing is known."""

    def __init__(self, plan: Plan, job: Job | None) -> None:
        self._plan = plan
        self._job = job
        self._done = job.done() if job is not None else {}

    def recall(self, course: Course) -> Outcome | None:
        """The outcome of an item that was finished before."""
        reply = recalled(self._done.pop(course.key, None))
        if reply is None:
            return None
        if self._plan.schema is not None:
            from openclaw_ipython.structured.schema import Mismatch

            try:
                reply.parsed = self._plan.schema.validate(str(reply))
            except Mismatch:
                return None
        return outcome_of(course.row.position, reply, remembered=True)

    def keep(self, course: Course, reply: Reply) -> None:
        """An item is finished."""
        if self._job is not None:
            self._job.store(course.key, kept(reply))

    def close(self, *, complete: bool) -> None:
        """The run is over. What is complete is forgotten: the same call later asks anew."""
        if self._job is None:
            return
        if complete:
            self._job.forget()
        else:
            self._job.flush()


@dataclass(frozen=True)
class Errand:
    """A plan on its way: the rows that are left, who is asked, what earlier runs had done.

    `client` lives on the loop that does the asking. `stops_at_errors`: one item that fails ends the batch. `cached` are
    the answers that will do again, None where none shall; `note` is told what the reader should know: who stands in,
    and why. With `no_login`, there are only those answers.
    """

    plan: Plan
    rows: Iterator[Row]
    question: Question
    client: Client
    memory: Memory
    stops_at_errors: bool = False
    cached: Cached | None = None
    note: Callable[[str], None] = lambda _: None
    no_login: LoginRequired | None = None

    def known(self, question: Question, ask: Ask) -> Reply | None:
        """The answer that the cache has. Raises LoginRequired where it has none and nobody can be asked."""
        known = self.cached.known(question, ask) if self.cached is not None else None
        if known is not None:
            self.client.books.note(Sent(question, self.client.runtime.clock(), 0.0, "cache"))
        elif self.no_login is not None:
            raise self.no_login
        return known


class Breaker:
    """Stops a batch that goes nowhere: nothing has worked yet, or the service has been failing for long. Pure."""

    def __init__(self, concurrency: int) -> None:
        self._patience = concurrency + 5
        self._worked = False
        self._in_a_row = 0

    def ends(self, error: OpenClawError | None) -> bool:
        """Take in how an item ended; whether the batch should end with this error."""
        if error is None:
            self._worked, self._in_a_row = True, 0
            return False
        self._in_a_row += 1
        if is_about_all(error):
            return True
        if not self._worked:
            return self._in_a_row >= self._patience
        return isinstance(error, ServiceUnavailable) and self._in_a_row >= 3 * self._patience
