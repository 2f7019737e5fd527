"""One SQLite file, used by many kernels at once: opened late and privately, waited for, and set aside when damaged.

It knows no table. Whoever calls hands in what is to be done with a connection, as one short transaction. What the
system or SQLite refuses becomes one sentence (`DocumentError`, `StoreBusy`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.mounts import is_remote, read_mounts
from openclaw_ipython.journal.schema import MIGRATIONS, Foreign, migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

PATIENCE = 15.0
"""Seconds to wait for others that write; their transactions are short."""

LOG_BYTES = 4 * 1024 * 1024
"""What the write-ahead log is cut to after it was written back."""

_TRY_SECONDS = 2.0  # what SQLite itself waits before we look at the time
_PAUSE = 0.02
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BESIDE = ("", "-wal", "-shm", "-journal")


class _Open(NamedTuple):
    """A connection, and which file it leads to."""

    connection: sqlite3.Connection
    device: int
    inode: int


class Database:
    """The file at `path`. Nothing is opened or made before it is needed; reading never makes a file.

    One connection for all threads of the process, behind a lock; a forked child opens its own. A file that was
    deleted or replaced meanwhile is opened anew. `portable`: a file that is passed on; it stays a single file, its
    mode is the person's affair, and it is never moved away. `told` is given a sentence when a damaged file was.
    """

    def __init__(
        self,
        path: Path,
        *,
        portable: bool = False,
        told: Callable[[str], None] = lambda sentence: None,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
        patience: float = PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        mounts: Callable[[], str] = read_mounts,
    ) -> None:
        self.path = path
        self._portable = portable
        self._told = told
        self._migrations = migrations
        self._patience = patience
        self._monotonic = monotonic
        self._pause = pause
        self._mounts = mounts
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._open: _Open | None = None
        self._tried: os.stat_result | None = (
            None  # the file that was opened last, whether or not that went well
        )
        self._inherited: list[_Open] = []  # a parent's: to be neither used nor closed by its child

    def read(self, work: Work[T], otherwise: T) -> T:
        """What `work` finds; `otherwise` where there is no file yet. Raises DocumentError, StoreBusy."""

        def look() -> T:
            if not self.path.exists():  # also one that was deleted since it was opened
                return otherwise
            return work(self._connection())

        return self._carried_out(look)

    def write(self, work: Work[T]) -> T:
        """Carry out `work` as one transaction, all of it or nothing. Raises DocumentError, StoreBusy."""

        def change() -> T:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return done

        return self._carried_out(change)

    def shrink(self) -> None:
        """Give the space of what was deleted back, and let nothing of it stay in the file."""

        def vacuum() -> None:
            connection = self._connection()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        if self.path.exists():
            self._carried_out(vacuum)

    def fault(self) -> str:
        """What SQLite finds wrong with the file, empty for nothing. Looks at all of it."""
        found = self.read(lambda c: c.execute("PRAGMA quick_check(1)").fetchone(), ("ok",))
        return "" if found[0] == "ok" else str(found[0])

    def close(self) -> None:
        """Let go of the file. A later use opens it again."""
        with self._mine():
            self._shut()

    # -- inside --

    def _mine(self) -> threading.Lock:
        """The lock of this process: a forked child may have inherited one that nobody will ever release."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._pid = os.getpid()
            if self._open is not None:
                self._inherited.append(self._open)
                self._open = None
        return self._lock

    def _carried_out(self, act: Callable[[], T]) -> T:
        with self._mine():
            until = self._monotonic() + self._patience
            mended = False
            while True:
                try:
                    return act()
                except sqlite3.Error as error:
                    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
                    if code in _BUSY and self._monotonic() < until:
                        self._pause(_PAUSE)
                    elif code in _DAMAGED and not mended and not self._portable:
                        mended = True
                        self._set_aside()
                    else:
                        self._shut()
                        raise self._explained(error, code) from error
                except Foreign as error:
                    self._shut()
                    raise DocumentError(
                        _("{path} is not a journal of this release", path=self.path),
                        path=self.path,
                        hint=_("move it away, or name another file"),
                    ) from error
                except OSError as error:
                    self._shut()
                    raise self._explained(error) from error

    def _connection(self) -> sqlite3.Connection:
        if self._open is not None:
            status = self._status()
            if status is not None and (status.st_dev, status.st_ino) == self._open[1:]:
                return self._open.connection
            self._shut()
        if not self.path.exists():
            _make(self.path, 0o666 if self._portable else 0o600)
        self._tried = self._status()
        seconds = min(_TRY_SECONDS, self._patience)
        connection = sqlite3.connect(
            self.path, timeout=seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
            status = self.path.stat()
        except BaseException:
            connection.close()
            raise
        self._open = _Open(connection, status.st_dev, status.st_ino)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Before anything is read: what is not ours must not be changed, not even its kind of log.
        connection.execute("PRAGMA secure_delete = FAST").fetchall()
        migrate(connection, self._migrations)
        if self._portable:
            return
        alone = is_remote(self.path.resolve(), self._mounts())
        kind = "DELETE" if alone else "WAL"
        ((has,),) = connection.execute("PRAGMA journal_mode").fetchall()
        if has.upper() != kind:
            try:
                ((has,),) = connection.execute(f"PRAGMA journal_mode = {kind}").fetchall()
            except sqlite3.OperationalError:  # others have it open: whoever opens it alone will change it
                pass
        if (
            has.upper() == "WAL"
        ):  # a commit outlives a killed process; only a power cut may undo the last ones
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}").fetchall()

    def _status(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except OSError:
            return None

    def _shut(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            try:
                opened.connection.close()
            except sqlite3.Error:  # what it could not finish is finished by the next one who opens the file
                pass

    def _set_aside(self) -> None:
        """Move the damaged file away, unless another process has done so already."""
        self._shut()
        status, tried = self._status(), self._tried
        if status is None or tried is None or not os.path.samestat(status, tried):
            return
        away = self.path.with_name(f"{self.path.name}.damaged")
        for suffix in reversed(_BESIDE):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                source.replace(away.with_name(away.name + suffix))
        self._told(_("the journal was damaged; it was moved to {path} and begun anew", path=away))

    def _explained(self, error: Exception, code: int = 0) -> DocumentError | StoreBusy:
        if code in _BUSY:
            return StoreBusy(
                _("{path} is in use by another program", path=self.path),
                path=self.path,
                hint=_("try again in a moment"),
            )
        reason = getattr(error, "strerror", None) or str(error)
        hint = "%openclaw doctor" if not self._portable else _("name another file")
        return DocumentError(
            _("{path} cannot be used: {reason}", path=self.path, reason=reason), path=self.path, hint=hint
        )


def _make(path: Path, mode: int) -> None:
    """An empty file of that mode from its first moment; what SQLite lays beside it has the same."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, mode))
