"""The database file: its mode, migrations, locking, damage, and where it may be."""

import multiprocessing
import os
import sqlite3
import stat
import sys
import threading
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.journal.database import Database, Patience, is_remote
from openclaw_ipython.journal.migrations import APPLICATION_ID, MIGRATIONS, migrate

FIRST = Path(__file__).parent / "version-1.sqlite"

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
not_root = pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", lambda: 1)() == 0, reason="nothing is forbidden to root"
)


def put(key: str, answer: str = "{}"):
    return lambda c: c.execute("INSERT OR REPLACE INTO answers VALUES (?, 0, 'm', ?)", (key, answer))


def keys(connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM answers ORDER BY key")]


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# -- creating and reading --------------------------------------------------------------------


def test_reading_makes_no_file(database, path):
    assert database.read(keys, ["nothing"]) == ["nothing"]
    assert not path.parent.exists()


@posix
def test_the_file_its_log_and_its_folder_are_private(database, path):
    mask = os.umask(0)
    try:
        database.write(put("a"))
        assert names(path.parent) == {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"}
        assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    finally:
        os.umask(mask)


def test_rows_are_read_by_another_connection(database, path):
    database.write(put("a"))
    assert Database(path).read(keys, []) == ["a"]


def test_a_deleted_file_is_created_again_by_the_next_write(database, path):
    database.write(put("a"))
    for beside in list(path.parent.iterdir()):
        beside.unlink()
    assert database.read(keys, ["nothing"]) == ["nothing"]
    assert not path.exists()
    database.write(put("b"))
    assert Database(path).read(keys, []) == ["b"]


def test_the_log_of_a_deleted_file_is_not_applied_to_a_new_one(database, path):
    database.write(put("a"))
    path.unlink()
    Database(path).write(put("b"))
    assert Database(path).read(keys, []) == ["b"]


def test_a_failed_transaction_is_rolled_back(database):
    database.write(put("a"))

    def half(connection):
        put("b")(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(half)
    assert database.read(keys, []) == ["a"]
    database.write(put("c"))
    assert database.read(keys, []) == ["a", "c"]


# -- versions ------------------------------------------------------------------------------


def test_a_file_of_the_first_version_is_read(tmp_path):
    """`version-1.sqlite` was written by the first release with a journal. Never regenerate it."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(FIRST.read_bytes())
    database = Database(path)
    assert database.read(lambda c: c.execute("PRAGMA user_version").fetchone(), None) == (len(MIGRATIONS),)
    for table, count in (("usage", 2), ("turns", 2), ("answers", 1), ("results", 1)):
        assert database.read(lambda c, t=table: c.execute(f"SELECT count(*) FROM {t}").fetchone(), None) == (
            count,
        )


def test_an_older_file_is_migrated_with_its_rows(path):
    Database(path).write(put("a"))
    later = (*MIGRATIONS, ["ALTER TABLE answers ADD COLUMN note TEXT", "UPDATE answers SET note = 'old'"])
    newer = Database(path, migrations=later)
    assert newer.read(lambda c: c.execute("SELECT key, note FROM answers").fetchall(), []) == [("a", "old")]
    assert newer.read(lambda c: c.execute("PRAGMA user_version").fetchone(), None) == (len(later),)


def test_a_failed_migration_changes_nothing(path):
    Database(path).write(put("a"))
    broken = (*MIGRATIONS, ["ALTER TABLE answers ADD COLUMN note TEXT", "ALTER TABLE nothing ADD COLUMN x"])
    with pytest.raises(DocumentError, match="nothing"):
        Database(path, migrations=broken).write(put("b"))
    assert Database(path).read(keys, []) == ["a"]
    columns = Database(path).read(lambda c: c.execute("SELECT * FROM answers").description, [])
    assert [column[0] for column in columns] == ["key", "at", "model", "answer"]


def test_a_file_of_a_later_release_is_not_changed(path):
    later = Database(path, migrations=(*MIGRATIONS, ["CREATE TABLE more (x)"]))
    later.write(put("a"))
    later.close()
    before = path.read_bytes()
    with pytest.raises(DocumentError, match="not a journal of this release"):
        Database(path).write(put("b"))
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_not_changed(path):
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(DocumentError, match="not a journal"):
        Database(path, portable=True).write(put("a"))
    assert path.read_bytes() == before


def test_a_migration_runs_once_when_several_connect_at_the_same_time(path):
    Database(path).write(put("a"))
    once = (*MIGRATIONS, ["INSERT INTO answers VALUES ('migrated ' || hex(randomblob(4)), 0, 'm', '')"])
    threads = [
        threading.Thread(target=lambda: Database(path, migrations=once).read(keys, [])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Database(path, migrations=once).read(keys, [])) == 2


def test_the_file_has_the_application_id(database):
    database.write(put("a"))
    assert database.read(lambda c: c.execute("PRAGMA application_id").fetchone(), None) == (APPLICATION_ID,)


def test_migrating_an_up_to_date_file_takes_no_lock(path):
    Database(path).write(put("a"))
    with sqlite3.connect(path, isolation_level=None) as writer, sqlite3.connect(path, timeout=0) as reader:
        writer.execute("BEGIN IMMEDIATE")
        migrate(reader)
        writer.execute("ROLLBACK")
    writer.close()
    reader.close()


# -- damage --------------------------------------------------------------------------------

DAMAGE = {
    "garbage": lambda data: b"garbage " * 4096,
    "a torn header": lambda data: b"SQLite format 3\0" + b"\xff" * 4080 + data[4096:],
    "zeroes in the middle": lambda data: data[:4096] + b"\0" * (len(data) - 4096),
    "half of it": lambda data: data[: len(data) // 2 // 4096 * 4096],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_renamed_with_one_notice(path, damage):
    first = Database(path)
    for number in range(200):
        first.write(put(f"{number:03}", "x" * 500))
    first.close()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    notices = []
    database = Database(path, on_notice=notices.append)
    database.write(put("new"))
    assert database.read(keys, []) == ["new"]
    assert path.with_name("journal.sqlite.damaged").exists()
    assert len(notices) == 1
    assert "journal.sqlite.damaged" in notices[0]


def test_a_file_that_another_process_replaced_is_not_renamed(path):
    ours = Database(path)
    ours.write(put("a"))
    theirs = Database(path)
    path.replace(path.with_name("elsewhere"))
    theirs.write(put("b"))
    ours._rename_damaged()
    assert Database(path).read(keys, []) == ["b"]


def test_a_damaged_file_that_is_replaced_while_it_is_opened_is_not_renamed(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not SQLite " * 300)
    ours = Database(path)
    with pytest.raises(sqlite3.DatabaseError):
        ours._connection()
    path.replace(path.with_name("elsewhere"))
    Database(path).write(put("b"))
    ours._rename_damaged()
    assert Database(path).read(keys, []) == ["b"]


def test_a_damaged_portable_file_is_not_renamed(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not SQLite, but somebody's work " * 300)
    with pytest.raises(DocumentError):
        Database(path, portable=True).write(put("a"))
    assert names(path.parent) == {path.name}


# -- locks ------------------------------------------------------------------------


class Ticks:
    """A monotonic clock that advances by a second with every call."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_write_waits_for_another_writer(path):
    Database(path).write(put("a"))
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    released = threading.Timer(0.2, lambda: holder.execute("COMMIT"))
    released.start()
    Database(path).write(put("b"))
    released.join()
    holder.close()
    assert Database(path).read(keys, []) == ["a", "b"]


def test_a_file_in_use_for_too_long_is_an_error_in_plain_words(path):
    Database(path).write(put("a"))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="in use by another program") as caught:
        Database(path, patience=Patience(0.05, Ticks())).write(put("b"))
    assert "locked" not in str(caught.value)
    holder.close()


def test_readers_do_not_wait_for_a_writer(path):
    Database(path).write(put("a"))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert Database(path, patience=Patience(0.0)).read(keys, []) == ["a"]
    holder.close()


def test_threads_share_one_connection(database):
    threads = [
        threading.Thread(target=lambda n=number: [database.write(put(f"{n}-{i}")) for i in range(20)])
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.read(keys, [])) == 160


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_opens_its_own_connection(database, path):
    database.write(put("parent"))
    lock = database._own_lock()
    with lock:  # as a thread of the parent might, at that moment
        child = multiprocessing.get_context("fork").Process(target=database.write, args=(put("child"),))
        child.start()
        child.join(20)
    assert child.exitcode == 0
    database.write(put("parent again"))
    assert database.read(keys, []) == ["child", "parent", "parent again"]


# -- places --------------------------------------------------------------------------------


@not_root
def test_a_read_only_folder_is_an_error_in_plain_words(path):
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(DocumentError, match="cannot be used"):
            Database(path).write(put("a"))
    finally:
        path.parent.chmod(0o700)


def test_a_folder_at_the_path_is_an_error_in_plain_words(path):
    path.mkdir(parents=True)
    with pytest.raises(DocumentError, match="cannot be used"):
        Database(path).write(put("a"))


MOUNTS = r"""
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb /home/local xfs rw 0 0
//server/share /mnt/share\040of\040all cifs rw 0 0
me@host:/ /mnt/far fuse.sshfs rw 0 0
/dev/sdc /mnt/stick fuseblk rw 0 0
C:\134 /mnt/c 9p rw 0 0
"""


@pytest.mark.parametrize(
    ("where", "remote"),
    [
        ("/root/.openclaw/ipython/journal.sqlite", False),
        ("/home/me/.openclaw/ipython/journal.sqlite", True),
        ("/home/local/me/journal.sqlite", False),
        ("/homework/journal.sqlite", False),
        ("/mnt/share of all/journal.sqlite", True),
        ("/mnt/far/journal.sqlite", True),
        ("/mnt/stick/journal.sqlite", False),
        ("/mnt/c/Users/me/journal.sqlite", True),
    ],
)
def test_a_network_file_system_is_recognised_by_its_mount(where, remote):
    assert is_remote(PurePosixPath(where), MOUNTS) is remote


def test_a_windows_share_is_a_network_file_system():
    assert is_remote(PureWindowsPath(r"\\server\home\journal.sqlite"), "")
    assert not is_remote(PureWindowsPath(r"C:\Users\me\journal.sqlite"), "")


def test_on_a_network_file_system_there_is_no_write_ahead_log(path):
    database = Database(path, mounts=lambda: "server:/ / nfs4 rw 0 0")
    database.write(put("a"))
    assert names(path.parent) == {"journal.sqlite"}
    assert database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone(), None) == ("delete",)


def test_a_file_that_moved_to_a_network_file_system_loses_its_log(database, path):
    database.write(put("a"))
    database.close()
    moved = Database(path, mounts=lambda: "server:/ / nfs4 rw 0 0")
    moved.write(put("b"))
    moved.close()
    assert names(path.parent) == {"journal.sqlite"}


def test_a_portable_file_is_a_single_file_with_the_default_mode(path):
    mask = os.umask(0o022)
    try:
        database = Database(path, portable=True)
        database.write(put("a"))
        assert names(path.parent) == {"journal.sqlite"}
        assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o644
    finally:
        os.umask(mask)


def test_deleted_content_does_not_stay_in_the_file(database, path):
    database.write(put("a", "a secret conversation"))
    database.write(lambda c: c.execute("DELETE FROM answers"))
    database.shrink()
    assert all(b"a secret conversation" not in entry.read_bytes() for entry in path.parent.iterdir())
