"""Calls from outside, made on the main thread of a kernel: one at a time, while no cell is running."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from typing import Any

from openclaw_ipython.runtime.interrupts import interrupt_main
from openclaw_ipython.structured.loop import CallOutcome
from openclaw_ipython.structured.tools import error_text

_POLL_SECONDS = 0.1

Captured = Callable[[], AbstractContextManager[Callable[[CallOutcome], CallOutcome]]]
"""Makes a block whose output is kept; what it yields adds the output to an outcome."""


class KernelCall:
    """A call that `start` begins, of at most `seconds`; `done` gets its outcome."""

    def __init__(
        self,
        start: Callable[[], CallOutcome | Coroutine[Any, Any, CallOutcome]],
        seconds: float,
        captured: Captured,
    ) -> None:
        self.done: Future[CallOutcome] = Future()
        self.turn: asyncio.Task[None] | None = None
        self._start = start
        self._seconds = seconds
        self._captured = captured
        self._awaited: asyncio.Future[CallOutcome] | None = None
        self._interruptible = False
        self._stop_reason = "The person interrupted the call."
        self._stopping: list[str] = []  # a `stop` that is under way in another thread

    def stop(self, reason: str) -> None:
        """End the call from another thread: it is dropped if it has not begun, else interrupted."""
        self.done.cancel()
        self._stopping.append(reason)
        try:
            if self._interruptible:
                self._stop_reason = reason
                interrupt_main()
        finally:
            self._stopping.pop()

    async def run(self) -> None:
        """Make the call, on the main thread; a second time does nothing."""
        if self.done.running() or not self.done.set_running_or_notify_cancel():
            return
        reason = f"The call was stopped: it took more than {self._seconds:g} s."
        timer = threading.Timer(self._seconds, self.stop, (reason,))
        timer.daemon = True
        timer.start()
        wakeup = signal.set_wakeup_fd(-1)  # an interrupt is for the call, not for the loop
        handler = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self._captured() as with_output:
                outcome = await self._outcome()
            outcome = with_output(outcome)
        finally:
            timer.cancel()
            while self._stopping:  # its interrupt has to come before a cell's handler is back
                time.sleep(0)  # noqa: ASYNC251 - for microseconds
            signal.signal(signal.SIGINT, handler)
            signal.set_wakeup_fd(wakeup)
        self.done.set_result(outcome)

    async def _outcome(self) -> CallOutcome:
        try:
            self._interruptible = True
            outcome = self._start()
            if not isinstance(outcome, CallOutcome):
                self._awaited = asyncio.ensure_future(outcome)
                outcome = await self._awaited
        except (KeyboardInterrupt, asyncio.CancelledError):
            outcome = CallOutcome(self._stop_reason, failed=True)
        except Exception as error:
            outcome = CallOutcome(error_text(error), failed=True)
        self._interruptible = False
        return outcome

    def _interrupt(self, *_: object) -> None:
        """The handler of SIGINT while the call runs."""
        if not self._interruptible:
            return
        if self._awaited is None:
            raise KeyboardInterrupt
        self._awaited.get_loop().call_soon_threadsafe(self._awaited.cancel)  # the loop itself goes on


class KernelThread:
    """The main thread of a kernel; made in a cell.

    A call takes its turn as a message to the kernel does, so that no cell begins while a coroutine of the call is
    awaited. ipykernel has no public way to do that.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._loop = asyncio.get_running_loop()
        self.call_soon = self._loop.call_soon_threadsafe

    def put(self, call: KernelCall) -> None:
        """Run `call` as soon as no cell is running. For any thread."""
        self.call_soon(self._begin, call)

    def _begin(self, call: KernelCall) -> None:
        lock = getattr(self._kernel, "_main_asyncio_lock", None)
        if lock is None:
            self._kernel.schedule_dispatch(call.run)  # ipykernel 6
        else:
            call.turn = self._loop.create_task(self._run(lock, call))

    async def _run(self, lock: asyncio.Lock, call: KernelCall) -> None:
        async with lock:
            await call.run()


class PromptThread:
    """The main thread of IPython in a terminal, while it waits at its prompt: `prompt` is a PromptSession."""

    def __init__(self, prompt: Any) -> None:
        self._prompt = prompt

    def put(self, call: KernelCall) -> None:
        """Run `call` as soon as the prompt is there. Called in an event loop of another thread."""
        call.turn = asyncio.create_task(self._offer(call))

    async def _offer(self, call: KernelCall) -> None:
        while not (call.done.done() or call.done.running()):  # each prompt has a loop of its own
            loop = self._prompt.app.loop
            if loop is not None:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(lambda on=loop: on.create_task(call.run()))
            await asyncio.sleep(_POLL_SECONDS)
