"""Writing behind: what is to be written is taken in at once and written a moment later, on a thread of its own.

An answer never waits for a disk, and what comes in a burst is written together. Knows nothing of databases.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

PAUSE = 0.2
"""Seconds between the first thing taken in and the writing: by then the answer it is about has been shown."""


class Behind(Generic[T]):
    """Hands what was added to `write`, in lists, in order. `write` must not raise.

    The thread lives only while there is something to write, and the interpreter waits for it at its end. A forked
    child starts empty: what its parent had taken in is its parent's to write.
    """

    def __init__(self, write: Callable[[list[T]], None], pause: float = PAUSE) -> None:
        self._write = write
        self._pause = pause
        self._pid = 0
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._items: list[T] = []
        self._thread: threading.Thread | None = None

    def add(self, item: T) -> None:
        """Take one thing in. Returns at once."""
        self._begin()
        with self._lock:
            self._items.append(item)
            if self._thread is not None:
                return
            self._hurry.clear()
            self._thread = thread = threading.Thread(target=self._run, name="openclaw-journal")
        try:
            thread.start()
        except RuntimeError:  # the interpreter is about to end and starts no more threads
            self._hurry.set()
            self._run()

    def flush(self) -> None:
        """Return when everything that was added is written."""
        self._begin()
        with self._lock:
            thread = self._thread
            self._hurry.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _begin(self) -> None:
        if self._pid == os.getpid():
            return
        if self._pid:  # forked: the lock may be held by a thread that is not here
            self._lock, self._hurry = threading.Lock(), threading.Event()
            self._items, self._thread = [], None
        self._pid = os.getpid()

    def _run(self) -> None:
        self._hurry.wait(self._pause)
        while True:
            with self._lock:
                items, self._items = self._items, []
                if not items:
                    self._thread = None
                    return
            self._write(items)
