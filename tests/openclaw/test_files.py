"""A file is replaced as a whole or not at all, whatever fails."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import (
    MAX_BYTES,
    FileChanged,
    FileSystem,
    read_text,
    stamp_of,
    write_atomically,
)

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX modes, links and owners")
CALLS = [name for name, item in vars(FileSystem).items() if callable(item) and not name.startswith("_")]


class Failing(FileSystem):
    """Counts its calls and fails the `n`-th with `error`; a short write is a legal answer of the system."""

    def __init__(self, n: int, error: BaseException) -> None:
        self.left = n
        self.error = error
        self.failed = ""
        for name in CALLS:
            setattr(self, name, self._counted(name, getattr(self, name)))

    def _counted(self, name, call):
        def counted(*args):
            self.left -= 1
            if self.left == 0:
                self.failed = name
                if name == "close":
                    call(*args)  # a close that reports an error has still closed
                raise self.error
            if name == "write":
                return call(args[0], args[1][:7])
            return call(*args)

        return counted


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_written_is_read(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("files") / "a.json"
    stamp = write_atomically(path, text)
    assert read_text(path) == (text, stamp)
    assert stamp_of(path) == stamp


def test_a_missing_file_is_none(folder):
    assert read_text(folder / "a") is None
    assert read_text(folder / "a" / "b") is None
    assert stamp_of(folder / "a") is None


@pytest.mark.parametrize("text", ["\ufeff{}\r\n", "a\r\nb\rc\n", ""])
def test_byte_order_marks_and_line_ends_stay(folder, text):
    path = folder / "a"
    path.write_bytes(text.encode())
    assert read_text(path)[0] == text
    write_atomically(path, text)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()], ids=["full", "^C"]
)
@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("n", range(1, 40))
def test_whatever_call_fails_the_file_is_the_old_or_the_new_one(folder, n, before, error):
    path = folder / "sub" / "a.json"
    if before is not None:
        path.parent.mkdir()
        path.write_text(before)
    fs = Failing(n, error)
    try:
        write_atomically(path, "new and longer", fs=fs)
    except DocumentError as failure:
        assert isinstance(failure.__cause__, OSError)
        assert failure.__cause__.errno == errno.ENOSPC
        assert failure.hint
    except KeyboardInterrupt:
        pass
    else:
        assert path.read_text() == "new and longer"
    now = path.read_text() if path.exists() else None
    assert now in (before, "new and longer")
    if fs.failed != "unlink":
        assert not path.parent.exists() or names(path.parent) in ([], ["a.json"])


def test_the_fault_table_reaches_the_end(folder):
    fs = Failing(40, OSError())
    write_atomically(folder / "sub" / "a.json", "new and longer", fs=fs)
    assert fs.failed == ""
    assert fs.left > 0


def test_a_file_that_was_changed_meanwhile_is_left_alone(folder):
    path = folder / "a"
    stamp = write_atomically(path, "one")
    path.write_text("somebody else's")
    with pytest.raises(FileChanged):
        write_atomically(path, "two", expect=stamp)
    with pytest.raises(FileChanged):
        write_atomically(path, "two", expect=None)
    assert path.read_text() == "somebody else's"
    assert names(folder) == ["a"]


def test_a_file_that_vanished_meanwhile_is_noticed(folder):
    path = folder / "a"
    stamp = write_atomically(path, "one")
    path.unlink()
    with pytest.raises(FileChanged):
        write_atomically(path, "two", expect=stamp)


def test_an_unchanged_file_is_replaced(folder):
    path = folder / "a"
    write_atomically(path, "two", expect=write_atomically(path, "one", expect=None))
    assert path.read_text() == "two"


@posix
def test_files_are_for_their_owner_alone_from_the_start(folder):
    modes = []

    class Watching(FileSystem):
        def write(self, descriptor, data):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            return super().write(descriptor, data)

    old_mask = os.umask(0)
    try:
        path = folder / "x" / "y" / "a"
        write_atomically(path, "secret", fs=Watching())
    finally:
        os.umask(old_mask)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(made.stat().st_mode) for made in (path.parent, path.parent.parent)] == [0o700] * 2


@posix
def test_a_looser_mode_is_tightened(folder):
    path = folder / "a"
    path.write_text("x")
    path.chmod(0o644)
    write_atomically(path, "y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_of_ours_is_written_through(folder, exists):
    real, link = folder / "dotfiles" / "real", folder / "link"
    real.parent.mkdir()
    if exists:
        real.write_text("old")
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert names(folder) == ["dotfiles", "link"]


@posix
def test_a_link_of_another_user_is_refused(folder):
    class Foreign(FileSystem):
        def lstat(self, path):
            status = list(super().lstat(path))
            status[stat.ST_UID] += 1
            return os.stat_result(status)

    real, link = folder / "real", folder / "link"
    real.write_text("old")
    link.symlink_to(real)
    with pytest.raises(DocumentError, match="another user"):
        write_atomically(link, "new", fs=Foreign())
    assert real.read_text() == "old"


@posix
def test_a_circle_of_links_is_an_error(folder):
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    with pytest.raises(DocumentError, match="circle"):
        read_text(folder / "a")
    with pytest.raises(DocumentError, match="circle"):
        write_atomically(folder / "a", "x")


def test_a_folder_is_an_error(folder):
    with pytest.raises(DocumentError):
        read_text(folder)
    with pytest.raises(DocumentError):
        write_atomically(folder, "x")


@posix
def test_a_pipe_is_refused_without_waiting_for_its_writer(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(DocumentError, match="ordinary"):
        read_text(folder / "pipe")


def test_what_is_no_utf8_is_an_error_that_shows_nothing(folder):
    path = folder / "a"
    path.write_bytes(b"ok\nsecret \xff\n")
    with pytest.raises(DocumentError) as caught:
        read_text(path)
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_huge_file_is_refused(folder):
    path = folder / "a"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DocumentError, match="16 MiB"):
        read_text(path)


def test_half_characters_are_refused(folder):
    with pytest.raises(DocumentError):
        write_atomically(folder / "a", "\ud83d")
    assert names(folder) == []


def test_litter_of_killed_writers_is_removed_when_it_is_old(folder):
    old, young, other = (folder / f".{n}.tmp" for n in ("a." + "0" * 16, "a." + "1" * 16, "b." + "0" * 16))
    for path in (old, young, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (1, 1))
    write_atomically(folder / "a", "x")
    assert names(folder) == sorted(["a", young.name, other.name])


class Busy(FileSystem):
    """Windows, where a reader keeps the file from being replaced for a while."""

    replace_is_busy_while_read = True

    def __init__(self, times: int) -> None:
        self.times = times
        self.paused: list[float] = []

    def replace(self, source, target):
        self.times -= 1
        if self.times >= 0:
            raise PermissionError(errno.EACCES, "in use")
        super().replace(source, target)

    def pause(self, seconds):
        self.paused.append(seconds)


def test_a_short_reader_on_windows_is_waited_for(folder):
    fs = Busy(3)
    write_atomically(folder / "a", "x", fs=fs)
    assert (folder / "a").read_text() == "x"
    assert len(fs.paused) == 3


def test_a_long_reader_on_windows_is_an_error_within_half_a_second(folder):
    fs = Busy(100)
    with pytest.raises(DocumentError, match="permission"):
        write_atomically(folder / "a", "x", fs=fs)
    assert sum(fs.paused) < 0.5
    assert names(folder) == []
