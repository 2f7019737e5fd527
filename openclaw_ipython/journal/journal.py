"""The journal: usage, conversations, cached answers and jobs in one file, which is opened at the first use."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.journal.answer_cache import AnswerCache
from openclaw_ipython.journal.conversations import Conversations
from openclaw_ipython.journal.database import Database
from openclaw_ipython.journal.jobs import Jobs
from openclaw_ipython.journal.stand_in import stand_in_for
from openclaw_ipython.journal.usage import UsageLog
from openclaw_ipython.journal.writer import BestEffortStore

if TYPE_CHECKING:
    from openclaw_ipython.errors import OpenClawError


class Journal:
    """The file at `path`, which need not exist. `clock` returns epoch seconds; while `enabled()` is false nothing is
    written.

    What cannot be written is kept in memory, which stands in for the file as long as the process lives. `error` is the
    last error of the file, or None. `notices` are those of the stand-in.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        enabled: Callable[[], bool] = lambda: True,
    ) -> None:
        self.path = path
        self.error: OpenClawError | None = None
        stand_in = stand_in_for(path)
        self.notices = stand_in.notices
        self.database = Database(path, on_notice=self.notices.append, patience=stand_in.patience)
        self._store = BestEffortStore(self.database, enabled=enabled, on_error=self._set_error)
        self._clock = clock

    @cached_property
    def usage(self) -> UsageLog:
        """One row per request."""
        return UsageLog(self._store)

    @cached_property
    def conversations(self) -> Conversations:
        """Turns per notebook and name."""
        return Conversations(self._store)

    @cached_property
    def cache(self) -> AnswerCache:
        """Answers by request."""
        return AnswerCache(self._store, self._clock)

    @cached_property
    def jobs(self) -> Jobs:
        """Results of resumable jobs."""
        return Jobs(self._store, self._clock)

    def check(self) -> OpenClawError | None:
        """Write what is in memory only: the error if the file cannot be written."""
        return self._store.check()

    def close(self) -> None:
        """Write queued results, and what is in memory only, and close the file."""
        if "jobs" in vars(self):
            self.jobs.queue.flush()
        if self._store.stand_in.pending:
            self.check()
        self.database.close()

    def _set_error(self, error: OpenClawError) -> None:
        if self.error is None:
            self.notices.append(_("not written down, kept in memory until it can be: {why}", why=error))
        self.error = error


def portable_cache(path: Path, clock: Callable[[], float] = time.time) -> AnswerCache:
    """The answers in a single file that can be shared with a notebook."""
    return AnswerCache(BestEffortStore(Database(path, portable=True)), clock)
