"""Memory in place of a file that cannot be written: for the life of the process, and until the file is free again."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.journal.database import MemoryDatabase, Patience

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.database import Database

Work = Callable[["sqlite3.Connection"], Any]

MAX_PENDING = 5_000
"""Transactions that are kept in memory; the oldest are dropped first."""


RETRY_INTERVAL = 1.0
"""Seconds after a failed write until the next one tries the file again."""


class StandIn:
    """What could not be written to one file: the transactions, in order, and a database in memory that has them.

    `error` is the reason, None while the file can be written. Conversations of the file that can still be read are
    copied into the memory, so that they go on. `notices` are sentences for the person; showing one removes it.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.RLock()
        self._monotonic = monotonic
        self._failed = 0.0
        self.patience = Patience()
        self.pending: deque[Work] = deque(maxlen=MAX_PENDING)
        self.memory: MemoryDatabase | None = None
        self.error: OpenClawError | None = None
        self.notices: list[str] = []

    def begin(self, database: Database, error: OpenClawError) -> None:
        """Use the memory from now on, because of `error`."""
        self.error = error
        self._failed = self._monotonic()
        if self.memory is None:
            self.memory = MemoryDatabase()
            turns: list[tuple[Any, ...]] = []
            with suppress(OpenClawError):
                turns = database.read(lambda c: c.execute("SELECT * FROM turns").fetchall(), [])
            if turns:
                places = ", ".join("?" * len(turns[0]))
                insert = f"INSERT INTO turns VALUES ({places})"  # noqa: S608 - of this file only
                self.memory.write(lambda c: c.executemany(insert, turns))

    @property
    def recent_error(self) -> OpenClawError | None:
        """The error of a write that failed a moment ago: to try all pending transactions each time would take long."""
        return self.error if self._monotonic() - self._failed < RETRY_INTERVAL else None

    def end(self) -> None:
        """The file has everything: the memory is not needed any more."""
        self.pending.clear()
        self.memory = self.error = None


_STAND_INS: dict[Path, StandIn] = {}


def stand_in_for(path: Path) -> StandIn:
    """The stand-in of a file, which all stores of this process share."""
    return _STAND_INS.setdefault(path.absolute(), StandIn())


if hasattr(os, "register_at_fork"):  # the parent writes what is pending
    os.register_at_fork(after_in_child=_STAND_INS.clear)


def _last_chance() -> None:
    for stand_in in _STAND_INS.values():
        stand_in.patience.renew()


atexit.register(_last_chance)  # registered later than what closes the journals, so called earlier
