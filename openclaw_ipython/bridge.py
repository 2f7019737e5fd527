"""One background event loop for the network, reached from ordinary code on the cell's thread.

Magics are plain functions called while the kernel's own loop runs, so the network lives on a private loop
in a daemon thread. Two rules make it sound: network on the bridge's loop, painting on the caller's
thread (a stray thread paints under the wrong cell); and leaving a `batches` block, for whatever reason,
cancels its task, which closes the connection.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

TICK = 0.2  # seconds; the longest wait without looking, so that an interrupt is seen on every platform
_CLOSING = 2.0


class Bridge:
    """The loop and its thread. Started at the first use, and again after a fork."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the loop and return at once. Cancelling the future cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Start `work` and wait for its result, interruptibly; an interrupt cancels it."""
        future = self.submit(work)
        try:
            while True:
                try:
                    return future.result(timeout=TICK)
                except TimeoutError:
                    if future.done():
                        return future.result()  # the work itself raised TimeoutError
        finally:
            future.cancel()

    def batches(self, make: Callable[[], AsyncGenerator[T, None]], interval: float) -> Batches[T]:
        """Iterate an async iterator from ordinary code, in batches; see Batches."""
        return Batches(self, make, interval)

    def close(self) -> None:
        """Cancel what runs and end the thread. A later use starts a new one."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(_end(loop), loop)
        if thread is not threading.current_thread():
            thread.join(_CLOSING)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._pid != os.getpid():  # a forked child has the object but not the thread
            self._loop = asyncio.new_event_loop()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="openclaw", daemon=True)
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
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

    def __init__(self, bridge: Bridge, make: Callable[[], AsyncGenerator[T, None]], interval: float) -> None:
        self._bridge = bridge
        self._make = make
        self._interval = interval
        self._items: deque[T] = deque()
        self._some = threading.Event()
        self._over = threading.Event()
        self._future: Future[None] | None = None

    def __enter__(self) -> Self:
        self._future = self._bridge.submit(self._pump())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._future is not None:
            self._future.cancel()

    def __iter__(self) -> Iterator[list[T]]:
        while True:
            came = self._some.wait(TICK)
            over = self._over.is_set()  # read before the items: what comes after it is nothing
            self._some.clear()
            batch = [self._items.popleft() for _ in range(len(self._items))]
            if batch or not came:
                yield batch
            if over:
                if self._future is not None:
                    self._future.result()
                return
            if batch:
                self._over.wait(self._interval)

    async def _pump(self) -> None:
        some = self._some
        try:
            async with aclosing(self._make()) as items:
                async for item in items:
                    self._items.append(item)
                    if not some.is_set():
                        some.set()
        finally:
            self._over.set()
            some.set()
