"""Reading and replacing small text files, so that no reader ever meets half of one.

The only module of the package that reads and writes documents on the disk; it does not know what the text means. Every
call of the operating system goes through a `FileSystem`, so that a test can make any of them fail.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from msgspec import UNSET, UnsetType

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.i18n import N_, _

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024
"""No configuration is larger; a bigger file is something else."""

_UNREADABLE = N_("{path} could not be read: {reason}")
_UNWRITABLE = N_("{path} could not be written: {reason}")

_ATTEMPTS = 3  # a change is merged again when another program writes meanwhile
_LEFTOVER_AGE = 3600.0  # seconds; no write takes that long
_REPLACE_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2)  # seconds; on Windows no file is replaced while it is read


class Stamp(NamedTuple):
    """Identifies one state of a file: modification time in nanoseconds, size in bytes, inode."""

    mtime_ns: int
    size: int
    inode: int


ANY: Final = UNSET
"""As `expect`: replace the file in whatever state it is."""


class FileChanged(Exception):
    """Another program wrote the file between reading and writing it. Nothing was written: merge again."""


def until_written(path: Path, attempt: Callable[[], T]) -> T:
    """What `attempt` returns, which is called again when another program wrote meanwhile. Raises StoreBusy."""
    for _attempt in range(_ATTEMPTS):
        with suppress(FileChanged):
            return attempt()
    what = _("{name} keeps being changed by another program", name=path.name)
    raise StoreBusy(what, path=path, hint=_("try again in a moment"))


class FileSystem:
    """The calls of the operating system that this package makes, so that a test can replace each of them."""

    replace_is_busy_while_read = os.name == "nt"
    """Whether replacing fails while another process has the file open."""

    read = staticmethod(os.read)
    write = staticmethod(os.write)
    fsync = staticmethod(os.fsync)
    close = staticmethod(os.close)
    fstat = staticmethod(os.fstat)
    stat = staticmethod(os.stat)
    lstat = staticmethod(os.lstat)
    realpath = staticmethod(Path.resolve)
    replace = staticmethod(os.replace)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    listdir = staticmethod(os.listdir)
    pause = staticmethod(time.sleep)

    def open_to_read(self, path: Path) -> int:
        """A descriptor; does not wait for the other end of a pipe."""
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))

    def open_new(self, path: Path) -> int:
        """A descriptor of a file that did not exist, readable by its owner alone."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file; fails if that exists."""
        target.hardlink_to(source)

    def set_mtime(self, path: Path, mtime_ns: int) -> None:
        """Set the modification time of a file."""
        os.utime(path, ns=(mtime_ns, mtime_ns))

    def can_replace(self, path: Path) -> bool:
        """Whether this user may put another file in the place of this one, or of what it links to."""
        return os.access(path.resolve().parent, os.W_OK)

    def mkdir(self, path: Path) -> None:
        """A folder for its owner alone."""
        path.mkdir(mode=0o700)

    def sync_folder(self, path: Path) -> None:
        """Make a rename survive a power cut, where folders can be opened (not on Windows)."""
        if os.name == "nt":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


OS: Final = FileSystem()


# -- reading -------------------------------------------------------------------------------


def read_text(path: Path, *, fs: FileSystem = OS) -> tuple[str, Stamp] | None:
    """The text and its stamp; None if there is no such file. A byte-order mark stays in the text.

    Raises `DocumentError` for what is not a readable UTF-8 file of at most `MAX_BYTES`.
    """
    with _explain_errors(path, _UNREADABLE):
        try:
            descriptor = fs.open_to_read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            status = fs.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "is a folder")
            if not stat.S_ISREG(status.st_mode):
                raise DocumentError(
                    _("{path} is not an ordinary file", path=path), path=path, hint=_("move it away")
                )
            data = read_at_most(descriptor, MAX_BYTES, fs)
        finally:
            fs.close(descriptor)
    if len(data) > MAX_BYTES:
        raise DocumentError(
            _("{path} is larger than {size} MiB", path=path, size=MAX_BYTES >> 20),
            path=path,
            hint=_("this is not a configuration file"),
        )
    # The stamp is from before the reading: a file that changed meanwhile looks changed afterwards.
    return _decode(path, data), _stamp(status)


def stamp_of(path: Path, *, fs: FileSystem = OS) -> Stamp | None:
    """The stamp of a file, which is not read; None if it is missing."""
    with _explain_errors(path, _UNREADABLE):
        try:
            return _stamp(fs.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def read_at_most(descriptor: int, limit: int, fs: FileSystem) -> bytes:
    """The content of an open file; of a longer one, somewhat more than `limit` bytes."""
    chunks: list[bytes] = []
    size = 0
    while size <= limit and (chunk := fs.read(descriptor, 1 << 20)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:  # which holds the data: not chained
        line = data.count(b"\n", 0, error.start) + 1
    raise DocumentError(
        _("{path} is not UTF-8 text (line {line})", path=path, line=line),
        path=path,
        line=line,
        hint=_("save {name} as UTF-8", name=path.name),
    )


# -- writing -------------------------------------------------------------------------------


def write_atomically(
    path: Path, text: str, *, expect: Stamp | UnsetType | None = ANY, fs: FileSystem = OS
) -> Stamp:
    """Make `text` the content of `path`, atomically, readable by its owner alone; the new stamp.

    Readers get the old or the new content, complete, whatever fails or is killed in between. Missing folders are
    made (mode 700); the file has mode 600 from its creation on. A symbolic link is written through if link and
    target belong to this user.

    `expect` is the stamp of the text that `text` is based on (None: there was no file); if the file has another
    one by now, `FileChanged` is raised and nothing written. Raises `DocumentError` if it cannot be written.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        data = None
    if data is None:
        raise DocumentError(_("{path} would hold half characters", path=path), path=path)
    with _explain_errors(path, _UNWRITABLE):
        target = _link_target(path, fs)
        make_folder(target.parent, fs=fs)
        return _replace(target, data, expect, fs)


def make_folder(path: Path, *, fs: FileSystem = OS) -> None:
    """The folder and its parents, each new one with mode 700."""
    missing = []
    while not _is_there(path, fs):
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process was faster
            fs.mkdir(folder)


def _replace(target: Path, data: bytes, expect: Stamp | UnsetType | None, fs: FileSystem) -> Stamp:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    descriptor = fs.open_new(temporary)
    try:
        try:
            write_all(descriptor, data, fs)
            fs.fsync(descriptor)
            new = _stamp(fs.fstat(descriptor))
        finally:
            fs.close(descriptor)
        if expect is not ANY and stamp_of(target, fs=fs) != expect:
            raise FileChanged
        _rename_over(temporary, target, fs)
    except BaseException:
        with suppress(OSError):
            fs.unlink(temporary)
        raise
    with suppress(OSError):  # the new content is there: what fails from here on is not reported as a failure
        fs.sync_folder(target.parent)
        _remove_leftovers(target, new, fs)
    return new


def write_all(descriptor: int, data: bytes, fs: FileSystem) -> None:
    """Write `data` to the end."""
    rest = memoryview(data)
    while rest:
        rest = rest[fs.write(descriptor, rest) :]


def _rename_over(source: Path, target: Path, fs: FileSystem) -> None:
    for pause in _REPLACE_PAUSES if fs.replace_is_busy_while_read else ():
        try:
            return fs.replace(source, target)
        except PermissionError:
            fs.pause(pause)
    return fs.replace(source, target)


def _remove_leftovers(target: Path, new: Stamp, fs: FileSystem) -> None:
    """Remove the temporary files of writers that were killed. Both times are of the file system's clock."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp")
    for name in fs.listdir(target.parent):
        if pattern.fullmatch(name):
            leftover = target.with_name(name)
            if new.mtime_ns - fs.lstat(leftover).st_mtime_ns > _LEFTOVER_AGE * 1e9:
                fs.unlink(leftover)


def _link_target(path: Path, fs: FileSystem) -> Path:
    try:
        status = fs.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path
    if not stat.S_ISLNK(status.st_mode):
        return path
    target = fs.realpath(path)
    owners = {status.st_uid}
    if _is_there(target, fs):
        owners.add(fs.stat(target).st_uid)
    if owners != {os.getuid() if hasattr(os, "getuid") else status.st_uid}:
        raise DocumentError(
            _("{path} is a link of another user", path=path),
            path=path,
            hint=_("replace the link by a file"),
        )
    return target


def _is_there(path: Path, fs: FileSystem) -> bool:
    try:
        fs.stat(path)
    except FileNotFoundError:
        return False
    return True


# -- failures ------------------------------------------------------------------------------

_REASONS = {
    errno.ENOSPC: (N_("the disk is full"), N_("free some space and try again")),
    errno.EDQUOT: (N_("your disk quota is used up"), N_("free some space and try again")),
    errno.EROFS: (N_("the folder is read-only"), N_("set OPENCLAW_STATE_DIR to a folder you can write to")),
    errno.EACCES: (N_("permission denied"), N_("check who owns the file and its folder")),
    errno.EPERM: (N_("permission denied"), N_("check who owns the file and its folder")),
    errno.EISDIR: (N_("it is a folder"), N_("move the folder away")),
    errno.ENOTDIR: (N_("part of the path is not a folder"), "%openclaw doctor"),
    errno.ELOOP: (N_("its links lead in a circle"), N_("replace the link by a file")),
    errno.ENAMETOOLONG: (N_("the path is too long"), N_("use a shorter one")),
}


@contextmanager
def _explain_errors(path: Path, message: str) -> Iterator[None]:
    """Turn an `OSError` into a DocumentError; the cause is kept, without the frames that hold the text."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # pathlib before 3.13 reports a circle of links as RuntimeError
        code = error.errno if isinstance(error, OSError) else errno.ELOOP
        default = getattr(error, "strerror", None) or N_("the system refused")
        reason, hint = _REASONS.get(code or 0, (default, ""))
        raise DocumentError(
            _(message, path=path, reason=_(reason)), path=path, hint=_(hint) if hint else ""
        ) from error.with_traceback(None)
