"""Writing without holding up or failing an answer: a write-behind queue and a best-effort store."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from openclaw_ipython.errors import OpenClawError

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.database import Database

T = TypeVar("T")

DELAY = 0.2
"""Seconds between the first added item and the write: the answer that it belongs to is shown by then."""


class WriteBehindQueue(Generic[T]):
    """Passes added items to `write`, in lists and in order, on a thread of its own. `write` must not raise.

    The thread exists only while there are items, and the interpreter waits for it at exit. A forked child starts with
    an empty queue: the parent writes what it has added.
    """

    def __init__(self, write: Callable[[list[T]], None], delay: float = DELAY) -> None:
        self._write = write
        self._delay = delay
        self._pid = 0
        self._lock = threading.Lock()
        self._flushing = threading.Event()
        self._items: list[T] = []
        self._thread: threading.Thread | None = None

    def add(self, item: T) -> None:
        """Add one item. Returns at once."""
        self._check_process()
        with self._lock:
            self._items.append(item)
            if self._thread is not None:
                return
            self._flushing.clear()
            self._thread = thread = threading.Thread(target=self._run, name="openclaw-journal")
        try:
            thread.start()
        except RuntimeError:  # the interpreter is exiting and starts no more threads
            self._flushing.set()
            self._run()

    def flush(self) -> None:
        """Return when every added item is written."""
        self._check_process()
        with self._lock:
            thread = self._thread
            self._flushing.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _check_process(self) -> None:
        if self._pid == os.getpid():
            return
        if self._pid:  # after a fork the lock may be held by a thread of the parent
            self._lock, self._flushing = threading.Lock(), threading.Event()
            self._items, self._thread = [], None
        self._pid = os.getpid()

    def _run(self) -> None:
        self._flushing.wait(self._delay)
        while True:
            with self._lock:
                items, self._items = self._items, []
                if not items:
                    self._thread = None
                    return
            self._write(items)


def _always() -> bool:
    return True


def _ignore(error: OpenClawError) -> None:
    return None


class BestEffortStore:
    """A database whose errors fail nothing but the one read or write. `database` raises them, for commands about it.

    While `enabled()` is false nothing is written; reading still works. `on_error` is called with each error.
    """

    def __init__(
        self,
        database: Database,
        *,
        enabled: Callable[[], bool] = _always,
        on_error: Callable[[OpenClawError], None] = _ignore,
    ) -> None:
        self.database = database
        self._enabled = enabled
        self._on_error = on_error

    def write(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Run `work` as one transaction. Whether it was committed."""
        if not self._enabled():
            return False
        try:
            self.database.write(work)
        except OpenClawError as error:
            self._on_error(error)
            return False
        return True

    def read(self, work: Callable[[sqlite3.Connection], T], default: T) -> T:
        """The result of `work`; `default` if there is no file or it cannot be read."""
        try:
            return self.database.read(work, default)
        except OpenClawError as error:
            self._on_error(error)
            return default
