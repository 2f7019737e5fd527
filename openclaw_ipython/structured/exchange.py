"""The rounds of an answer carried out: for those who wait on a thread, and for those who wait in a loop.

How one question is asked is passed in; what is asked next is decided in `rounds`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, closing
from typing import Any

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Answered, ChatEvent, Message, Reply, ToolResult
from openclaw_ipython.structured.loop import Ask, Outcome, Rounds, Run, Step, rounds
from openclaw_ipython.structured.running import call_all
from openclaw_ipython.structured.schema import schema_of
from openclaw_ipython.structured.tools import Functions, tools_of


def steps_for(messages: Sequence[Message], schema: Any = None, tools: Functions = ()) -> Rounds:
    """The steps to an answer that fits `schema` (what `schema_of` takes, or None), with `tools` on offer.

    Raises UsageError for what is no schema and what cannot be offered.
    """
    fits = schema_of(schema) if schema is not None else None
    return rounds(messages, tools=tools_of(tools), schema=fits)


def carried_out(steps: Rounds, ask: Callable[[Ask], Reply], run: Callable[[Run], Sequence[Outcome]]) -> Reply:
    """The whole answer, on this thread. Raises what `ask`, `run` and the steps raise."""
    outcome: Reply | Sequence[Outcome] | None = None
    with closing(steps):
        while True:
            try:
                step: Step = steps.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            outcome = ask(step) if isinstance(step, Ask) else run(step)


async def streamed(
    steps: Rounds,
    ask: Callable[[Ask], tuple[str, AsyncGenerator[ChatEvent, None]]],
    monotonic: Callable[[], float],
) -> AsyncGenerator[ChatEvent, None]:
    """What comes in all rounds, as it comes; the calls and their results in between; at the end Answered.

    `Finished` stands at the end of each round. `ask` gives the ref of the model that is asked, and what it says;
    `monotonic` monotonic seconds.
    """
    outcome: Reply | Sequence[Outcome] | None = None
    with closing(steps):
        while True:
            try:
                step: Step = steps.send(outcome)
            except StopIteration as end:
                yield Answered(end.value)
                return
            if isinstance(step, Ask):
                model, answer = ask(step)
                collector = Collector(model, monotonic())
                async with aclosing(answer) as events:
                    async for event in events:
                        collector.add(event, monotonic())
                        yield event
                outcome = collector.reply(monotonic())
                continue
            for planned in step.calls:
                yield planned.call
            outcome = await call_all(step.calls)
            for planned, one in zip(step.calls, outcome, strict=True):
                yield ToolResult(planned.call, one.text, one.failed)
