"""Carrying out the steps of a tool loop: on the calling thread, or in an event loop.

An ordinary function runs on the calling thread. A coroutine belongs to the notebook's event loop, which is already
running while the cell waits: it is made re-entrant with nest-asyncio2 at the first coroutine and for nothing else.
Network requests never run on it.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Any, Self

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Answered, ChatEvent, Reply, ServiceNotice, ToolCall, ToolResult
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.structured.loop import CallOutcome, ModelRequest, PlannedCall, Step, ToolLoop, ToolRun
from openclaw_ipython.structured.text_calls import unread_call
from openclaw_ipython.structured.tools import (
    BadArguments,
    Tool,
    error_text,
    pictures_of,
    result_text,
    without_partial,
)

_TICK_SECONDS = 0.05
_CLEANUP_SECONDS = 1.0  # for a cancelled coroutine


# -- the loop ------------------------------------------------------------------------------


def run_loop(
    loop: ToolLoop,
    ask: Callable[[ModelRequest], Reply],
    run: Callable[[ToolRun], Sequence[CallOutcome]],
) -> Reply:
    """The whole answer, on this thread. Raises what `ask`, `run` and the loop raise."""
    result: Reply | Sequence[CallOutcome] | None = None
    with closing(loop):
        while True:
            try:
                step: Step = loop.send(result)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result = ask(step) if isinstance(step, ModelRequest) else run(step)


async def stream_loop(
    loop: ToolLoop,
    ask: Callable[[ModelRequest], tuple[str, AsyncGenerator[ChatEvent, None]]],
    monotonic: Callable[[], float],
) -> AsyncGenerator[ChatEvent, None]:
    """The events of all rounds as they arrive, with calls and results in between, and Answered at the end.

    `Finished` ends each round. `ask` returns the ref of the model and its events.
    """
    result: Reply | Sequence[CallOutcome] | None = None
    offered = False
    with closing(loop):
        while True:
            try:
                step: Step = loop.send(result)
            except StopIteration as end:
                if offered and (note := unread_call(end.value)):
                    yield ServiceNotice(note)
                yield Answered(end.value)
                return
            if isinstance(step, ModelRequest):
                offered = "tools" in step.fields
                model, answer = ask(step)
                collector = Collector(model, monotonic())
                async with aclosing(answer) as events:
                    async for event in events:
                        collector.add(event, monotonic())
                        yield event
                result = collector.reply(monotonic())
                continue
            for planned in step.calls:
                yield planned.call
            result = await run_calls(step.calls)
            for planned, outcome in zip(step.calls, result, strict=True):
                yield ToolResult(planned.call, outcome.text, outcome.failed)


# -- calls on this thread ------------------------------------------------------------------


class CallRunner:
    """Runs the calls of one answer on this thread. A context manager: leaving it closes a loop that it made.

    A coroutine runs on the event loop that is running on this thread; without one on `loop`; without that on a loop
    of its own, which lasts as long as the answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()

    def run(self, calls: Sequence[PlannedCall]) -> Iterator[tuple[int, CallOutcome]]:
        """The outcome of each call with its index in `calls`, as soon as it is known.

        Ordinary functions run first, one after another, then all coroutines concurrently. An exception becomes an
        outcome; an interrupt is raised and cancels the coroutines.
        """
        awaitables: dict[int, Awaitable[Any]] = {}
        for at, planned in enumerate(calls):
            value = _call(planned)
            if inspect.isawaitable(value):
                awaitables[at] = value
            else:
                yield at, _as_outcome(value)
        if awaitables:
            yield from zip(awaitables, self._await_all(list(awaitables.values())), strict=True)

    def _await_all(self, values: Sequence[Awaitable[Any]]) -> list[CallOutcome]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = self._idle_loop()
        else:
            _make_reentrant(loop, values)
        tasks = [loop.create_task(_outcome(value)) for value in values]
        return _run_until_complete(loop, asyncio.gather(*tasks))

    def _idle_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            return self._loop
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.get_loop()


def _make_reentrant(loop: asyncio.AbstractEventLoop, values: Sequence[Awaitable[Any]]) -> None:
    """Raises UsageError for a loop that is not asyncio's own (uvloop), and closes the coroutines in `values`."""
    import nest_asyncio2

    try:
        nest_asyncio2.apply(loop)
    except ValueError:
        for value in values:
            if inspect.iscoroutine(value):
                value.close()
        kind = type(loop).__module__.partition(".")[0]
        raise UsageError(
            _(
                "a coroutine cannot be called here: the event loop of {kind} cannot be entered again",
                kind=kind,
            ),
            hint=_("offer an ordinary function, or await oc.Client().ask(…, tools=[…])"),
        ) from None


def _call(planned: PlannedCall) -> Any:
    """The result of a call, or a CallOutcome if it is refused or raises. (A future cannot hold StopIteration.)"""
    if planned.refusal or planned.tool is None:
        return CallOutcome(planned.refusal, failed=True)
    try:
        return planned.tool.function(*planned.args, **planned.kwargs)
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        return CallOutcome(error_text(error), failed=True)


def start_call(tool: Tool, arguments: str) -> CallOutcome | Coroutine[Any, Any, CallOutcome]:
    """Call a function on this thread: its outcome, or if it gives an awaitable the coroutine of the outcome."""
    try:
        args, kwargs = tool.arguments(arguments)
    except BadArguments as error:
        return CallOutcome(str(error), failed=True)
    value = _call(PlannedCall(ToolCall("", tool.name, arguments), tool, args, kwargs))
    return _outcome(value) if inspect.isawaitable(value) else _as_outcome(value)


def _as_outcome(value: Any) -> CallOutcome:
    if isinstance(value, CallOutcome):
        return value
    pictures = pictures_of(value)
    if pictures:
        sizes = ", ".join(f"{picture.width}×{picture.height} pixels" for picture in pictures)
        return CallOutcome(f"A picture, {sizes}.", images=tuple(picture.url for picture in pictures))
    return CallOutcome(result_text(value))


async def _outcome(value: Awaitable[Any]) -> CallOutcome:
    """The outcome of `value`. Its own CancelledError is an outcome; cancellation from outside is raised."""
    try:
        return _as_outcome(await value)
    except (Exception, SystemExit) as error:
        return CallOutcome(error_text(error), failed=True)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return CallOutcome(error_text(error), failed=True)


def _run_until_complete(
    loop: asyncio.AbstractEventLoop, all_done: asyncio.Future[list[CallOutcome]]
) -> list[CallOutcome]:
    """Wait on `loop`. An interrupt cancels the coroutines and gives them a moment to clean up."""
    ticking = loop.create_task(_tick()) if os.name == "nt" else None
    try:
        return loop.run_until_complete(all_done)
    except KeyboardInterrupt:
        if not all_done.done():
            all_done.cancel()
            loop.run_until_complete(asyncio.wait([all_done], timeout=_CLEANUP_SECONDS))
        if all_done.done() and not all_done.cancelled():
            all_done.exception()  # retrieved, or asyncio logs that it never was
        raise
    finally:
        if ticking is not None:
            ticking.cancel()


async def _tick() -> None:
    """Wake the loop regularly: on Windows an interrupt does not wake one that is waiting."""
    while True:  # noqa: ASYNC110 - what is waited for is a signal
        await asyncio.sleep(_TICK_SECONDS)


def notebook_loop() -> asyncio.AbstractEventLoop | None:
    """IPython's loop for `await` in cells, which is idle while a cell waits; None outside IPython's main thread."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return None
    if threading.current_thread() is not threading.main_thread():
        return None
    from IPython.core.async_helpers import get_asyncio_loop

    return get_asyncio_loop()  # type: ignore[no-any-return, no-untyped-call]


# -- calls in an event loop ----------------------------------------------------------------


async def run_calls(calls: Sequence[PlannedCall]) -> list[CallOutcome]:
    """Run calls from an event loop: coroutines concurrently on it, ordinary functions one at a time in a thread.

    A slow function blocks nothing else on the loop, and two functions never run at the same time.
    """
    one_at_a_time = asyncio.Lock()

    async def value_of(planned: PlannedCall) -> Any:
        if planned.tool is not None and is_coroutine_function(planned.tool.function):
            value = _call(planned)
        else:
            async with one_at_a_time:
                value = await asyncio.to_thread(_call, planned)
        return await value if inspect.isawaitable(value) else value

    return list(await asyncio.gather(*(_outcome(value_of(planned)) for planned in calls)))


def is_coroutine_function(function: Any) -> bool:
    """Whether calling `function` gives a coroutine."""
    function = without_partial(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
