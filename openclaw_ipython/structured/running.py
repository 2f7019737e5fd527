"""Calling the functions that a model asked for: on which thread, in which loop, and what becomes of an exception.

An ordinary function runs on the caller's thread. A coroutine of a notebook belongs to the notebook's own loop, which is
already running while the cell waits: only a loop that can be entered again is able to run it. nest-asyncio's maintained
fork makes it one, at that moment and for nothing else; the network never runs there.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Self

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.structured.loop import Outcome, Planned
from openclaw_ipython.structured.tools import error_text, result_text

_TICK = 0.05  # seconds
_PARTING = 1.0  # seconds a cancelled coroutine gets to clean up


class Caller:
    """Runs the calls of one answer on this thread. A context manager: leaving it ends the loop it may have made.

    A coroutine runs on the loop that runs on this thread, where there is one; else on `loop`, and without that on one
    of its own, which lasts as long as the answer takes.
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

    def each(self, calls: Sequence[Planned]) -> Iterator[tuple[int, Outcome]]:
        """What came of each call, with its place in `calls`, as it is known.

        Ordinary functions go first, one after another; then all coroutines, side by side. An exception becomes an
        Outcome too; an interrupt is raised, and cancels the coroutines.
        """
        waiting: dict[int, Awaitable[Any]] = {}
        for at, planned in enumerate(calls):
            if planned.told or planned.tool is None:
                yield at, Outcome(planned.told, failed=True)
                continue
            value = _called(planned.tool.function, planned)
            if inspect.isawaitable(value):
                waiting[at] = value
            else:
                yield at, _as_outcome(value)
        if waiting:
            yield from zip(waiting, self._awaited(list(waiting.values())), strict=True)

    def _awaited(self, values: Sequence[Awaitable[Any]]) -> list[Outcome]:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = self._idle_loop()
        else:
            _make_reentrant(loop, values)
        tasks = [loop.create_task(_outcome(value)) for value in values]
        return _until_complete(loop, asyncio.gather(*tasks))

    def _idle_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            return self._loop
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.get_loop()


def _make_reentrant(loop: asyncio.AbstractEventLoop, values: Sequence[Awaitable[Any]]) -> None:
    """Raises UsageError where the loop is not asyncio's own (uvloop); then `values` are let go of."""
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


def _called(function: Callable[..., Any], planned: Planned) -> Any:
    """What `function` returns; an Outcome where it raises. (A future cannot carry every exception: StopIteration.)"""
    try:
        return function(*planned.places, **planned.names)
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        return Outcome(error_text(error), failed=True)


def _as_outcome(value: Any) -> Outcome:
    return value if isinstance(value, Outcome) else Outcome(result_text(value))


async def _outcome(value: Awaitable[Any]) -> Outcome:
    """What `value` comes to. Being cancelled from outside is none; raising the same error is one like any other."""
    try:
        return _as_outcome(await value)
    except (Exception, SystemExit) as error:
        return Outcome(error_text(error), failed=True)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return Outcome(error_text(error), failed=True)


def _until_complete(
    loop: asyncio.AbstractEventLoop, all_done: asyncio.Future[list[Outcome]]
) -> list[Outcome]:
    """Wait on `loop`. An interrupt cancels what is waited for, and gives it a moment to clean up."""
    ticking = loop.create_task(_tick()) if os.name == "nt" else None
    try:
        return loop.run_until_complete(all_done)
    except KeyboardInterrupt:
        if not all_done.done():
            all_done.cancel()
            loop.run_until_complete(asyncio.wait([all_done], timeout=_PARTING))
        if all_done.done() and not all_done.cancelled():
            all_done.exception()  # looked at, so that nobody is told that nobody looked
        raise
    finally:
        if ticking is not None:
            ticking.cancel()


async def _tick() -> None:
    """Windows does not wake a loop that waits for something when it is interrupted."""
    while True:  # noqa: ASYNC110 - what is waited for is a signal
        await asyncio.sleep(_TICK)


def notebook_loop() -> asyncio.AbstractEventLoop | None:
    """The loop in which IPython awaits what cells await, where this is its thread; it is idle while a cell waits."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return None
    if threading.current_thread() is not threading.main_thread():
        return None
    from IPython.core.async_helpers import get_asyncio_loop

    return get_asyncio_loop()  # type: ignore[no-any-return, no-untyped-call]


async def call_all(calls: Sequence[Planned]) -> list[Outcome]:
    """Run calls from a loop: coroutines side by side on it, ordinary functions one after another in a thread.

    So a function that takes its time holds up nobody else on the loop, and two are never in each other's way.
    """
    one_at_a_time = asyncio.Lock()

    async def value_of(planned: Planned, function: Callable[..., Any]) -> Any:
        if is_async(function):
            return await function(*planned.places, **planned.names)
        async with one_at_a_time:
            value = await asyncio.to_thread(_called, function, planned)
        return await value if inspect.isawaitable(value) else value

    async def run(planned: Planned) -> Outcome:
        if planned.told or planned.tool is None:
            return Outcome(planned.told, failed=True)
        return await _outcome(value_of(planned, planned.tool.function))

    return list(await asyncio.gather(*(run(planned) for planned in calls)))


def is_async(function: Any) -> bool:
    """Whether calling `function` gives a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
