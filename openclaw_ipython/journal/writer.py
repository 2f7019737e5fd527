"""Writing without holding up or failing an answer: a write-behind queue and a best-effort store."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from openclaw_ipython.errors import OpenClawError

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.database import Database
    from openclaw_ipython.journal.stand_in import StandIn

T = TypeVar("T")

log = logging.getLogger(__name__)

DELAY = 0.2
"""Seconds between the first added item and the write: the answer that it belongs to is shown by then."""


class WriteBehindQueue(Generic[T]):
    """Passes added items to `write`, in lists and in order, on a thread of its own. What `write` raises is logged.

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
            thread = threading.Thread(target=self._run, name="openclaw-journal")
            with suppress(RuntimeError):  # the interpreter is exiting and starts no more threads
                thread.start()
                self._thread = thread  # not before: a flush, also one after an interrupt, joins it
                return
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
            try:
                self._write(items)
            except Exception as error:
                # items that cannot be written must not end the writing of those after them
                log.warning("%d items could not be written: %s", len(items), type(error).__name__)


class BestEffortStore(Struct, eq=False):
    """A database whose errors fail nothing. `database` raises them, for commands about it.

    What cannot be written is kept in memory (`stand_in`) and written before the next transaction that succeeds. While
    `enabled()` is false nothing is written; reading still works. `on_error` is called with each error.
    """

    database: Database
    enabled: Callable[[], bool] = lambda: True
    on_error: Callable[[OpenClawError], None] = lambda error: None

    @property
    def stand_in(self) -> StandIn:
        """What is in memory instead of the file."""
        from openclaw_ipython.journal.stand_in import stand_in_for  # here: the queue needs no database

        return stand_in_for(self.database.path)

    def write(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Run `work` as one transaction. Whether it was committed to the file; else it is kept in memory."""
        if not self.enabled():
            return False
        with self.stand_in.lock:
            error = self.stand_in.recent_error
            if error is None:
                error = self._commit(work)
                if error is None:
                    return True
                self.stand_in.begin(self.database, error)
            if self.stand_in.memory is not None:
                self.stand_in.memory.write(work)
            self.stand_in.pending.append(work)
        self.on_error(error)
        return False

    def check(self, *, touch: bool = True) -> OpenClawError | None:
        """Write what is in memory: the error if the file cannot be written.

        Only with `touch` a full disk is noticed, as something has to be written for that.
        """
        with self.stand_in.lock:
            error = self._commit(_touch if touch else lambda connection: None)
            if error is not None:
                self.stand_in.begin(self.database, error)
        return error

    def _commit(self, work: Callable[[sqlite3.Connection], object]) -> OpenClawError | None:
        stand_in = self.stand_in

        def everything(connection: sqlite3.Connection) -> None:
            for each in (*stand_in.pending, work):
                each(connection)

        try:
            self.database.write(everything)
        except OpenClawError as error:
            return error.with_traceback(None)  # its frames hold what was to be written
        stand_in.end()
        return None

    @property
    def current(self) -> Database:
        """The file, with what was in memory; the memory while the file cannot be written."""
        self.merge()
        return self.stand_in.memory or self.database

    def merge(self) -> None:
        """Write what is in memory, if there is anything and the file can be written."""
        if self.stand_in.memory is not None:
            self.check()

    def read(
        self, work: Callable[[sqlite3.Connection], T], default: T, join: Callable[[T, T], T] | None = None
    ) -> T:
        """The result of `work`; `default` if there is no file or it cannot be read.

        With `join`, the result for the memory, if there is any, is joined to that for the file.
        """
        try:
            found = self.database.read(work, default)
        except OpenClawError as error:
            self.on_error(error)
            found = default
        memory = self.stand_in.memory
        return join(found, memory.read(work, default)) if join is not None and memory is not None else found


class PrunedTable(Struct, eq=False):
    """A table of `store` that is pruned at the first write and after each `interval` rows."""

    store: BestEffortStore
    interval: int
    prune: Callable[[sqlite3.Connection], object]
    _left: int = 0

    def write(self, work: Callable[[sqlite3.Connection], object], rows: int = 1) -> None:
        """Run `work`, which adds rows. If the file cannot be written they are kept in memory until it can."""
        if self.store.write(work):
            self._left -= rows
            if self._left <= 0:
                self._left = self.interval
                self.store.write(self.prune)


def _touch(connection: sqlite3.Connection) -> None:
    """Change nothing, but in a transaction that has to be written."""
    ((version,),) = connection.execute("PRAGMA user_version")
    connection.execute(f"PRAGMA user_version = {version}")
