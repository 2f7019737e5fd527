"""The journal of a home: usage, conversations, answers and jobs in one file, opened at the first use of any of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.journal.cache import Answers
from openclaw_ipython.journal.conversations import Conversations
from openclaw_ipython.journal.database import Database
from openclaw_ipython.journal.jobs import Jobs
from openclaw_ipython.journal.shelf import Shelf
from openclaw_ipython.journal.usage import UsageLog

if TYPE_CHECKING:
    from openclaw_ipython.errors import OpenClawError


class Journal:
    """The file at `path`, which need not exist. `clock` is epoch seconds; while `on` says no, nothing is kept.

    Deleting the file loses what it holds and nothing else. `trouble` is what last kept it from being used, None
    when nothing did; `notices` are sentences for the person, to be taken out by whoever says them.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.path = path
        self.trouble: OpenClawError | None = None
        self.notices: list[str] = []
        self.database = Database(path, told=self.notices.append)
        self._shelf = Shelf(self.database, on=on, failed=self._note)
        self._clock = clock

    @cached_property
    def usage(self) -> UsageLog:
        """One row a request."""
        return UsageLog(self._shelf)

    @cached_property
    def conversations(self) -> Conversations:
        """Turns, per notebook and name."""
        return Conversations(self._shelf)

    @cached_property
    def answers(self) -> Answers:
        """Answers by what they were given to."""
        return Answers(self._shelf, self._clock)

    @cached_property
    def jobs(self) -> Jobs:
        """Results of jobs that can be taken up again."""
        return Jobs(self._shelf, self._clock)

    def close(self) -> None:
        """Write what is still to be written, and let go of the file."""
        if "jobs" in vars(self):
            self.jobs.flush()
        self.database.close()

    def _note(self, error: OpenClawError) -> None:
        self.trouble = error


def portable_answers(path: Path, clock: Callable[[], float] = time.time) -> Answers:
    """The answers in a file that is passed on with a notebook: a single file, of whatever mode."""
    return Answers(Shelf(Database(path, portable=True)), clock)
