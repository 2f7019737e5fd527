"""A background event loop for the network, called from ordinary code on the thread of the cell.

Magics are plain functions called while the kernel's own loop runs, so the network has a loop of its own in a daemon
thread. Output is written on the caller's thread only, since output of another thread appears under the wrong cell.
Leaving a `batches` block, for whatever reason, cancels its task, which closes the connection. An interrupt may come
between any two steps of the cell's thread, so whether work begins and whether it is over is decided on the loop's
thread, where none comes.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from openclaw_ipython.errors import without_locals

T = TypeVar("T")

TICK = 0.2  # seconds; the longest time without a batch, empty if nothing has come
_CLOSING = 2.0
_EARLY = 0.05  # seconds until the first, when the caller has time to prepare for what will come
_MOMENT = 0.002  # seconds after the first item in which a short answer ends, and is one batch
_SLICE = 0.04  # seconds; on Windows an interrupt is seen between two waits only


def wait(event: threading.Event, seconds: float) -> bool:
    """`event.wait(seconds)`, interruptible on every platform."""
    if os.name != "nt":
        return event.wait(seconds)
    while seconds > _SLICE:
        if event.wait(_SLICE):
            return True
        seconds -= _SLICE
    return event.wait(max(seconds, 0.0))


class LoopThread:
    """An event loop and its thread, started at the first use and again after a fork."""

    def __init__(self) -> None:
        # By process: a forked child has this object but not the thread. No lock: an interrupt, or a fork, while it
        # is held would leave it so; what `dict` does at one stroke is enough.
        self._running: dict[int, tuple[asyncio.AbstractEventLoop, threading.Thread]] = {}

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the loop and return at once. Cancelling the future cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self.loop())

    def run(self, work: Coroutine[Any, Any, T], tick: Callable[[], object] = lambda: None) -> T:
        """Start `work` and wait for its result, interruptibly; an interrupt cancels it.

        Meanwhile `tick` is called a few times a second.
        """

        async def once() -> AsyncGenerator[T, None]:
            yield await work

        found: list[T] = []
        with self.batches(once, 0.0) as batches:
            for batch in batches:
                found += batch
                tick()
        return found[0]

    def batches(self, make: Callable[[], AsyncGenerator[T, None]], interval: float) -> Batches[T]:
        """Iterate an async iterator from ordinary code, in batches; see Batches."""
        return Batches(self, make, interval)

    def close(self) -> None:
        """Cancel what runs and end the thread. A later use starts a new one."""
        loop, thread = self._running.pop(os.getpid(), (None, None))
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end(loop), loop)
        if thread is not threading.current_thread():
            thread.join(_CLOSING)

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running; everything on it is done by its own thread."""
        pid = os.getpid()
        running = self._running.get(pid)
        if running is not None:
            return running[0]
        made: Future[asyncio.AbstractEventLoop] = Future()
        thread = threading.Thread(target=_serve, args=(made,), name="openclaw", daemon=True)
        try:
            thread.start()
            return self._running.setdefault(pid, (made.result(), thread))[0]
        finally:
            used, _ = self._running.get(pid, (None, None))
            if (
                not made.done() or made.result() is not used
            ):  # another thread was quicker, or an interrupt came
                made.add_done_callback(lambda made: made.result().call_soon_threadsafe(made.result().stop))


def _serve(made: Future[asyncio.AbstractEventLoop]) -> None:
    loop = asyncio.new_event_loop()  # here, where no interrupt comes: a half-made loop is never closed
    asyncio.set_event_loop(loop)
    try:
        made.set_result(loop)
        loop.run_forever()
    finally:
        loop.close()


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()
    loop.stop()


class Batches(Generic[T]):
    """What an async iterator yields, in lists, on the calling thread. A context manager.

    The first items are handed over as soon as they are there; after that whatever came is handed over
    every `interval` seconds. An empty list means that time passed and nothing came. The iterator's
    error is raised after its last items. Leaving the block cancels the work.
    """

    def __init__(
        self, loop_thread: LoopThread, make: Callable[[], AsyncGenerator[T, None]], interval: float
    ) -> None:
        self._loop_thread = loop_thread
        self._make = make
        self._interval = interval
        self._items: deque[T] = deque()
        self._some = threading.Event()
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._left = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None  # known to the loop's thread only

    def __enter__(self) -> Self:
        return self  # nothing has begun: an interrupt before the block needs no undoing

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __iter__(self) -> Iterator[list[T]]:
        """To be called once."""
        self._loop = self._loop_thread.loop()
        self._loop.call_soon_threadsafe(self._begin)
        timeout, has_begun = _EARLY, False
        try:
            while True:
                came, timeout = wait(self._some, timeout), TICK
                if came and not has_begun:
                    has_begun = True
                    wait(self._over, _MOMENT)
                over = self._over.is_set()  # read before the items: what comes after it is nothing
                self._some.clear()
                batch = [self._items.popleft() for _ in range(len(self._items))]
                if batch or not came:
                    yield batch
                if over:
                    if self._error is not None:
                        raise without_locals(self._error)
                    return
                if batch:
                    wait(self._over, self._interval)
        finally:
            self._leave()  # here as well: the next interrupt may hit before `__exit__` has done its work

    def _leave(self) -> None:
        self._left = True
        if self._loop is not None and not self._over.is_set():  # then there is nothing left to cancel
            with suppress(RuntimeError):  # the loop is closed, and what ran there with it
                self._loop.call_soon_threadsafe(self._end)

    def _begin(self) -> None:
        if not self._left:
            self._task = asyncio.create_task(self._pump())

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _pump(self) -> None:
        some = self._some
        try:
            async with aclosing(self._make()) as items:
                async for item in items:
                    self._items.append(item)
                    if not some.is_set():
                        some.set()
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):  # a cancellation is for the loop as well
                raise
        finally:
            self._over.set()
            some.set()
