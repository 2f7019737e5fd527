"""Locks that are files: created exclusively, removed by their owner, taken over from owners that are gone.

`SidecarLock` is the lock that OpenClaw's releases with JSON credentials use: `auth-profiles.json.lock` beside the file
names its owner, and is taken over when its owner died or held it longer than 30 s. `LockFile` is what such locks have
in common; Qwen Code's is in `qwen_code.credentials`. They work on every file system that can create exclusively,
network ones included. No document is read or written here.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import stat
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.files import OS, FileSystem, make_folder, write_all

if TYPE_CHECKING:
    from openclaw_ipython.runtime.env import Runtime

STALE_SECONDS = 30.0
"""How long OpenClaw respects a lock. Hold it for less: bound every request that is made under it."""

ATTEMPTS = 11
_MAX_BYTES = 65536


if sys.platform == "win32":
    import ctypes

    def pid_alive(pid: int) -> bool:
        """Whether a process of this number runs on this machine. In doubt: yes."""
        query_limited_information, still_active, access_denied = 0x1000, 259, 5
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel32.OpenProcess(query_limited_information, False, pid & 0xFFFFFFFF)
        if not handle:
            return ctypes.get_last_error() == access_denied
        try:
            code = ctypes.c_ulong()
            known = kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
            return not known or code.value == still_active
        finally:
            kernel32.CloseHandle(handle)

else:

    def pid_alive(pid: int) -> bool:
        """Whether a process of this number runs on this machine. In doubt: yes."""
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:  # it exists and belongs to another user
            return True
        return True


class ExistingLock(Struct, frozen=True):
    """A lock that exists: the owner it names, since when, and which file it is.

    Old programs make a folder instead of a file, which has nothing but its age.
    """

    pid: int | None
    created_at: str | None
    host: str | None
    mtime: float
    inode: int
    content: bytes
    is_folder: bool = False


class LockFile(ABC):
    """A lock of the file `path` that is the file `lock` beside it. Not reentrant; one object per holder.

    Programs differ in what they write into it, when it counts as stale, and how long waiting for it is worth it.
    """

    def __init__(self, path: Path, lock: Path, runtime: Runtime, *, fs: FileSystem) -> None:
        self.path = path
        self._lock = lock
        self._guard = lock.with_name(lock.name + ".takeover")
        self._runtime = runtime
        self._fs = fs
        self._mine: tuple[int, bytes] | None = None  # inode and content of the lock we made

    @abstractmethod
    def content(self) -> bytes:
        """What marks a new lock as ours."""

    @abstractmethod
    def is_stale(self, found: ExistingLock) -> bool:
        """Whether the lock that exists may be taken over."""

    @abstractmethod
    def delays(self) -> Iterator[float]:
        """The seconds to wait after each failed attempt; when they are used up, give up."""

    def try_acquire(self) -> bool:
        """Take the lock now if it is free or stale. Does not wait.

        Raises DocumentError where no lock can be made (a read-only folder).
        """
        if self._mine is not None:
            return False
        try:
            make_folder(self._lock.parent, fs=self._fs)
            if self._create():
                return True
            found = self._read()
            return found is not None and self.is_stale(found) and self._take_over()
        except OSError as error:
            if error.errno == errno.EACCES and os.name == "nt":
                return False  # a lock that is being deleted right now
            reason = error.strerror or "the system refused"
            what = _("{name} cannot be locked: {reason}", name=self.path.name, reason=reason)
            raise DocumentError(what, path=self.path, hint=_("check who owns its folder")) from error

    def release(self) -> None:
        """Remove the lock if it is still ours: another program may have taken it over from a slow holder."""
        if self._mine is None:
            return
        mine, self._mine = self._mine, None
        with suppress(OSError):  # it becomes stale
            found = self._read()
            if found is not None and (found.inode, found.content) == mine:
                self._fs.unlink(self._lock)
        self._drop_old_guard()

    @contextmanager
    def hold(self, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Hold the lock for the length of a `with` block, waiting for it first. For code that may block.

        Raises StoreBusy when it is not free in time.
        """
        delays = self.delays()
        while not self.try_acquire():
            delay = next(delays, None)
            if delay is None:
                raise busy(self.path, self._lock)
            sleep(delay)
        try:
            yield
        finally:
            self.release()

    # -- inside ----------------------------------------------------------------------------

    def _create(self) -> bool:
        content = self.content()
        try:
            descriptor = self._fs.open_new(self._lock)
        except FileExistsError:
            return False
        try:
            try:
                write_all(descriptor, content, self._fs)
                inode = self._fs.fstat(descriptor).st_ino
            finally:
                self._fs.close(descriptor)
        except BaseException:
            self._unlink(self._lock)
            raise
        self._mine = inode, content
        return True

    def _take_over(self) -> bool:
        """Replace a stale lock by ours.

        Two programs may have found the same lock stale, and the slower one must not remove the new lock of the
        faster. So checking and removing happen again under a guard that one program at a time can have.
        """
        try:
            self._fs.close(self._fs.open_new(self._guard))
        except FileExistsError:
            self._drop_old_guard()
            return False
        try:
            found = self._read()
            if found is not None and not (self.is_stale(found) and self._set_aside(found)):
                return False
            return self._create()
        finally:
            self._unlink(self._guard)

    def _set_aside(self, stale: ExistingLock) -> bool:
        """Rename the stale lock away; put back what turns out to be another one (of a program without guard)."""
        if stale.is_folder:  # removed as by the programs that make such locks; one with content is no lock
            try:
                self._fs.rmdir(self._lock)
            except OSError as error:
                return isinstance(error, FileNotFoundError)
            return True
        # Named as a temporary file of `files`: what a killed process leaves here is removed with those.
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            self._fs.rename(self._lock, aside)
        except FileNotFoundError:
            return True
        try:
            if self._fs.lstat(aside).st_ino != stale.inode:
                self._fs.link(aside, self._lock)
                return False
            return True
        except FileExistsError:
            return False
        finally:
            self._unlink(aside)

    def _drop_old_guard(self) -> None:
        with suppress(OSError):
            if self._runtime.clock() - self._fs.lstat(self._guard).st_mtime > STALE_SECONDS:
                self._fs.unlink(self._guard)

    def _unlink(self, path: Path) -> None:
        with suppress(OSError):
            self._fs.unlink(path)

    def _read(self) -> ExistingLock | None:
        """The lock that is there, None for none and for what cannot be a lock (a pipe, a device)."""
        try:
            descriptor = self._fs.open_to_read(self._lock)
        except (PermissionError, IsADirectoryError):  # of another user, or a folder: judged by its age alone
            try:
                return _existing(b"", self._fs.lstat(self._lock))
            except FileNotFoundError:
                return None
        except FileNotFoundError:
            return None
        try:
            status = self._fs.fstat(descriptor)
            content = self._fs.read(descriptor, _MAX_BYTES) if stat.S_ISREG(status.st_mode) else b""
        finally:
            self._fs.close(descriptor)
        return _existing(content, status)


class SidecarLock(LockFile):
    """OpenClaw's lock of the file `path`: `<path>.lock`. `pid_alive` says whether a process runs on this machine."""

    def __init__(
        self,
        path: Path,
        runtime: Runtime,
        *,
        pid_alive: Callable[[int], bool] = pid_alive,
        host: str | None = None,
        fs: FileSystem = OS,
    ) -> None:
        super().__init__(path, path.with_name(path.name + ".lock"), runtime, fs=fs)
        self._alive = pid_alive
        self._host = host or socket.gethostname()

    def content(self) -> bytes:
        """Process and time, as OpenClaw writes them, and the machine."""
        now = datetime.fromtimestamp(self._runtime.clock(), UTC)
        created_at = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
        return json.dumps(
            {"pid": os.getpid(), "createdAt": created_at, "host": self._host}, indent=2
        ).encode()

    def is_stale(self, found: ExistingLock) -> bool:
        """OpenClaw's rule: the owner's process is gone, or the lock is older than 30 s.

        One addition: the pid of another machine says nothing here. Only our own locks name their machine; for
        those of OpenClaw the pid is looked up, as OpenClaw does.
        """
        now = self._runtime.clock()
        if found.pid is not None and found.created_at is not None:
            if found.host in (None, self._host) and not self._alive(found.pid):
                return True
            created = _epoch(found.created_at)
            if created is None or now - created > STALE_SECONDS:
                return True
        return now - found.mtime > STALE_SECONDS

    def delays(self) -> Iterator[float]:
        """OpenClaw's schedule: 11 attempts, 0.1 s doubling up to 10 s, each lengthened by up to as much again."""
        for attempt in range(ATTEMPTS - 1):
            yield min(10.0, 0.1 * 2**attempt) * (1 + self._runtime.random())


def busy(path: Path, lock: Path) -> StoreBusy:
    """The error for a lock of `path` that did not become free."""
    return StoreBusy(
        _("another program holds the lock of {name}", name=path.name),
        path=path,
        hint=_(
            "wait for it to finish; if none is running, remove {name} in {parent}",
            name=lock.name,
            parent=lock.parent,
        ),
    )


def _existing(content: bytes, status: os.stat_result) -> ExistingLock | None:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None
    try:
        claim = json.loads(content)
    except (ValueError, RecursionError):
        claim = None
    claim = claim if isinstance(claim, dict) else {}
    pid, created_at, host = claim.get("pid"), claim.get("createdAt"), claim.get("host")
    return ExistingLock(
        pid=pid if type(pid) is int and pid > 0 else None,
        created_at=created_at if isinstance(created_at, str) else None,
        host=host if isinstance(host, str) else None,
        mtime=status.st_mtime,
        inode=status.st_ino,
        content=content,
        is_folder=stat.S_ISDIR(status.st_mode),
    )


def _epoch(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
