"""One SQLite file for many kernels: opened when needed, private, with waiting for locks and recovery from damage.

The tables are defined in `schema`. Callers pass a function of the connection, which runs as one short transaction.
Errors of the system and of SQLite become `DocumentError` or `StoreBusy`.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, NamedTuple, TypeVar

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.migrations import MIGRATIONS, ForeignDatabase, migrate, version_of

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

WAIT = 2.0
"""Seconds that the operations on one file may wait for other processes, in all; a cell takes no longer for it."""

RENEWAL = 30.0
"""Seconds after the last wait until they may wait again."""

LOG_BYTES = 4 * 1024 * 1024
"""The size to which the write-ahead log is truncated after a checkpoint."""

_PAUSE = 0.02  # seconds
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_REMOTE = r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|glusterfs|davfs|virtiofs|fuse\..+"
_ESCAPED = r"\\([0-7]{3})"


def is_remote(path: PurePath, mounts: str) -> bool:
    """Whether `path` (absolute, without links) is on a network file system.

    SQLite's write-ahead log does not work there: it needs shared memory (https://sqlite.org/wal.html). `mounts` is the
    text of `/proc/self/mounts`; without it only Windows shares are recognised.
    """
    if isinstance(path, PureWindowsPath):
        return path.drive.startswith("\\\\")
    kind, longest = "", -1
    for line in mounts.splitlines():
        mount, found = (*line.split(), "", "", "")[1:3]
        point = PurePath(re.sub(_ESCAPED, lambda m: chr(int(m[1], 8)), mount) or "/")
        if (path == point or point in path.parents) and len(point.parts) >= longest:
            kind, longest = found, len(point.parts)
    return re.fullmatch(_REMOTE, kind) is not None


def damaged_copy(path: Path) -> Path:
    """Where a damaged file is set aside."""
    return path.with_name(f"{path.name}.damaged")


def read_mounts() -> str:
    """The mounts of this machine; empty on systems other than Linux."""
    try:
        return Path("/proc/self/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""


class _Open(NamedTuple):
    """A connection and the identity of its file."""

    connection: sqlite3.Connection
    device: int
    inode: int


class Patience:
    """The time that operations on a file may wait for other processes: `seconds` in all, then again after RENEWAL.

    `pause` is the time between two attempts.
    """

    def __init__(
        self,
        seconds: float = WAIT,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pause: float = _PAUSE,
    ) -> None:
        self._seconds = self._left = seconds
        self._pause = pause
        self._monotonic = monotonic
        self._sleep = sleep
        self._last = monotonic()

    def wait(self) -> bool:
        """Wait a moment. False, at once, if there is no time left."""
        now = self._monotonic()
        if now - self._last > RENEWAL:
            self._left = self._seconds
        self._last = now
        if self._left <= 0:
            return False
        self._sleep(self._pause)
        self._left -= max(self._pause, self._monotonic() - now)
        return True

    def renew(self) -> None:
        """Allow the whole time again."""
        self._left = self._seconds


class Database:
    """The file at `path`. It is opened at the first use and created only by writing.

    All threads share one connection, under a lock; a forked child opens its own. A file that was deleted or replaced
    is reopened. A damaged file is renamed and `on_notice` is called with a sentence about it. A `portable` file is for
    sharing: it stays a single file with the default mode, is never renamed, and keeps the version with which it was
    made. `patience` is how long operations may wait for other processes that write; their transactions are short.
    """

    def __init__(
        self,
        path: Path,
        *,
        portable: bool = False,
        on_notice: Callable[[str], None] = lambda sentence: None,
        migrations: Sequence[Sequence[str]] = MIGRATIONS,
        patience: Patience | None = None,
        mounts: Callable[[], str] = read_mounts,
    ) -> None:
        self.path = path
        self._portable = portable
        self._on_notice = on_notice
        self._migrations = migrations
        self._patience = patience or Patience()
        self._mounts = mounts
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._open: _Open | None = None
        self._last_tried: os.stat_result | None = None  # of the file opened last, successfully or not
        self._inherited: list[_Open] = []  # the parent's, which a forked child must neither use nor close

    def read(self, work: Work[T], default: T) -> T:
        """The result of `work`; `default` if there is no file. Raises DocumentError, StoreBusy."""

        def act() -> T:
            if not self.path.exists():  # it may have been deleted since it was opened
                return default
            return work(self._connection())

        return self._run(act)

    def rows(self, query: str, *values: object) -> list[Any]:
        """The rows that a query gives; none if there is no file. Raises DocumentError, StoreBusy."""
        return self.read(lambda c: c.execute(query, values).fetchall(), [])

    def write(self, work: Work[T]) -> T:
        """Run `work` as one transaction. Raises DocumentError, StoreBusy."""

        def act() -> T:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        return self._run(act)

    def shrink(self) -> None:
        """Return the space of deleted rows to the system, so that nothing of them stays in the file."""

        def vacuum() -> None:
            connection = self._connection()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        if self.path.exists():
            self._run(vacuum)

    def __del__(self) -> None:
        if self._pid == os.getpid():
            self._disconnect()  # Python 3.13 warns of a connection that is only collected

    def close(self) -> None:
        """Close the file. A later use opens it again."""
        with self._own_lock():
            self._disconnect()

    # -- inside --

    def _own_lock(self) -> threading.Lock:
        """The lock of this process. A forked child may inherit a lock that is never released, so it gets a new one."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._pid = os.getpid()
            if self._open is not None:
                self._inherited.append(self._open)
                self._open = None
        return self._lock

    def _run(self, act: Callable[[], T]) -> T:
        with self._own_lock():
            renamed = False
            while True:
                try:
                    return act()
                except sqlite3.Error as error:
                    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
                    if code in _BUSY and self._patience.wait():
                        continue
                    if code in _DAMAGED and not renamed and not self._portable:
                        renamed = True
                        self._rename_damaged()
                    else:
                        self._disconnect()
                        raise self._error(error, code) from error
                except ForeignDatabase as error:
                    self._disconnect()
                    raise DocumentError(
                        _("{path} is not a journal of this release", path=self.path),
                        path=self.path,
                        hint=_("move it away, or name another file"),
                    ) from error
                except OSError as error:
                    self._disconnect()
                    raise self._error(error) from error

    def _connection(self) -> sqlite3.Connection:
        if self._open is not None:
            status = self._status()
            if status is not None and (status.st_dev, status.st_ino) == self._open[1:]:
                return self._open.connection
            self._disconnect()
        if not self.path.exists():
            _create(self.path, 0o666 if self._portable else 0o600)
        self._last_tried = self._status()
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
            status = self.path.stat()
        except BaseException:
            connection.close()
            raise
        self._open = _Open(connection, status.st_dev, status.st_ino)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA secure_delete = FAST").fetchall()
        # first: a file of another program must not be changed at all
        if self._portable and version_of(connection, len(self._migrations)):
            return  # of its tables only `answers` is used, which the first version has
        migrate(connection, self._migrations)
        if self._portable:
            return
        wanted = "DELETE" if is_remote(self.path.resolve(), self._mounts()) else "WAL"
        ((mode,),) = connection.execute("PRAGMA journal_mode").fetchall()
        if mode.upper() != wanted:
            try:
                ((mode,),) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchall()
            except sqlite3.OperationalError:  # another process has it open; the mode can change later
                pass
        if mode.upper() == "WAL":  # commits survive a killed process; only a power cut may undo the last ones
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}").fetchall()

    def _status(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except OSError:
            return None

    def _disconnect(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            try:
                opened.connection.close()
            except sqlite3.Error:  # SQLite recovers when the file is opened next
                pass

    def _rename_damaged(self) -> None:
        """Rename the damaged file, unless another process has done so already."""
        self._disconnect()
        status, damaged = self._status(), self._last_tried
        if status is None or damaged is None or not os.path.samestat(status, damaged):
            return
        away = damaged_copy(self.path)
        for suffix in reversed(_SUFFIXES):
            source = self.path.with_name(self.path.name + suffix)
            if source.exists():
                source.replace(away.with_name(away.name + suffix))
        text = _(
            "the journal was damaged and is now {path}; usage and spending count from the beginning",
            path=away,
        )
        self._on_notice(text)

    def _error(self, error: Exception, code: int = 0) -> DocumentError | StoreBusy:
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


class MemoryDatabase(Database):
    """A database in memory, for a journal that is off or cannot be used."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))
        self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(self._memory)

    def read(self, work: Work[T], default: T) -> T:
        """The result of `work`."""
        with self._own_lock():
            return work(self._memory)

    def write(self, work: Work[T]) -> T:
        """Run `work`."""
        with self._own_lock():
            return work(self._memory)

    def shrink(self) -> None:
        """Nothing: there is no file."""


def _create(path: Path, mode: int) -> None:
    """Create an empty file with `mode` from the start. SQLite gives its log files the same mode."""
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, mode))
