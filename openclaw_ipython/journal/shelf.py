"""Keeping things without depending on it: a file that cannot be used costs nothing but what it would hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from openclaw_ipython.errors import OpenClawError

if TYPE_CHECKING:
    import sqlite3

    from openclaw_ipython.journal.database import Database

T = TypeVar("T")


def _always() -> bool:
    return True


def _unheard(error: OpenClawError) -> None:
    return None


class Shelf:
    """A database for those who must not fail with it. Commands that are about the file itself use `database`.

    `on` is asked before every writing: while it says no, nothing is kept; what is there can still be read. `failed`
    is given the error that kept something from being read or written.
    """

    def __init__(
        self,
        database: Database,
        *,
        on: Callable[[], bool] = _always,
        failed: Callable[[OpenClawError], None] = _unheard,
    ) -> None:
        self.database = database
        self.on = on
        self._failed = failed

    def keep(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Carry out `work` as one transaction; whether it was."""
        if not self.on():
            return False
        try:
            self.database.write(work)
        except OpenClawError as error:
            self._failed(error)
            return False
        return True

    def look(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What `work` finds; `otherwise` where there is no file or it cannot be read."""
        try:
            return self.database.read(work, otherwise)
        except OpenClawError as error:
            self._failed(error)
            return otherwise
