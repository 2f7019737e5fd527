"""Interrupts: delayed around a step that must be done completely or not at all, and shown as one line.

Python raises KeyboardInterrupt between any two instructions of the main thread: also between an output that is shown
and the line that remembers which one it is. Nothing inside such a step may wait.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

LONGEST = 0.03
"""Seconds for which an interrupt is held; a step that takes longer is interrupted like any other code."""


@contextmanager
def held(longest: float = LONGEST) -> Iterator[None]:
    """Let an interrupt that comes inside the block be raised at its end, or after `longest` seconds.

    Only the main thread is interrupted; in others, and where the handler is not Python's, this does nothing.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    came: list[tuple[int, Any]] = []
    over = threading.Lock()  # taken by what comes first: the end of the block, or of the time

    def again() -> None:
        if over.acquire(blocking=False):
            interrupt_main()

    def note(number: int, frame: Any) -> None:
        came.append((number, frame))
        if len(came) == 1:
            timer = threading.Timer(longest, again)
            timer.daemon = True
            timer.start()
        else:
            previous(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if over.acquire(blocking=False) and len(came) == 1:
            previous(*came[0])


def interrupt_main() -> None:
    """Interrupt the main thread, from any thread; where that is possible also in a call that waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def one_line(interrupt: KeyboardInterrupt) -> KeyboardInterrupt:
    """`interrupt`, to be shown as one line, by IPython and by a program that it ends.

    It is no subclass: only for KeyboardInterrupt itself a program ends with the exit status of an interrupt.
    """
    error: Any = interrupt
    below = [""] if sys.stdout.isatty() else []  # the terminal has written ^C
    error._render_traceback_ = lambda: [*below, f"KeyboardInterrupt: {interrupt}"]
    if not isinstance(sys.excepthook, _ExceptHook):
        sys.excepthook = _ExceptHook(sys.excepthook)
    return interrupt


class _ExceptHook:
    """Shows an interrupt in the lines that it renders itself as, any other exception as before."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        render = getattr(error, "_render_traceback_", None)
        if isinstance(error, KeyboardInterrupt) and render is not None:
            print("\n".join(render()), file=sys.stderr)  # noqa: T201 - as the hook that it replaces
        else:
            self._before(kind, error, trace)
