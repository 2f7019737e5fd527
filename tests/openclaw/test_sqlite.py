"""What OpenClaw's databases hold is read whatever their schema, and nothing happens to them."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.openclaw.files import FileSystem
from openclaw_ipython.openclaw.paths import Home, locate
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.openclaw.sqlite import read_logins
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.sanitize.secrets import Secret

SHARED = (
    "CREATE TABLE config_machine_state (state_key TEXT PRIMARY KEY, value_json TEXT, updated_at_ms INTEGER)"
)
AGENT = "CREATE TABLE auth_profile_store (store_key TEXT PRIMARY KEY, store_json TEXT NOT NULL, updated_at INTEGER)"
STATE = "CREATE TABLE auth_profile_state (state_key TEXT PRIMARY KEY, state_json TEXT NOT NULL, updated_at INTEGER)"
OAUTH = {
    "type": "oauth",
    "provider": "qwen-portal",
    "access": "AAAA",
    "refresh": "RRRR",
    "expires": 1_795_434_661_740,
}
KEY = {"type": "api_key", "provider": "other", "key": "KKKK"}


@pytest.fixture
def at(folder) -> Home:
    return locate({"OPENCLAW_STATE_DIR": str(folder / "state")}, folder, Path.exists)


def document(**profiles) -> str:
    return json.dumps(
        {"version": 1, "profiles": {name.replace("_", ":"): value for name, value in profiles.items()}}
    )


def database(path: Path, *tables: str, rows=(), journal="wal", encoding="UTF-8") -> Path:
    """A database as OpenClaw leaves one. `rows` are (table, key, text)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute(f"PRAGMA journal_mode = {journal}")
        for table in tables:
            connection.execute(table)
        for table, key, text in rows:
            connection.execute(f"INSERT INTO {table} VALUES (?, ?, 1)", [key, text])
    return path


def shared(at: Home, store: str, state: str | None = None, **more) -> Path:
    rows = [("config_machine_state", "auth.sharedStore", '{"location":"state-db"}')]
    rows += [("config_machine_state", "authProfiles.store", store)]
    rows += [("config_machine_state", "authProfiles.state", state)] if state else []
    return database(at.sqlite_path, SHARED, "CREATE TABLE other (x)", rows=rows, **more)


def tree(home: Home) -> dict[str, bytes]:
    root = home.state_dir
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


# -- what is found -------------------------------------------------------------------------


def test_a_home_without_a_database_has_nothing(at):
    found = read_logins(at)
    assert found.profiles.profiles == {}
    assert found.problems == ()
    assert not at.state_dir.exists()


def test_the_shared_store_is_read_with_its_bookkeeping(at):
    state = {"version": 1, "order": {"other": ["other:x"]}, "usageStats": {"other:x": {"errorCount": 1}}}
    shared(at, document(qwen_a=OAUTH, other_x=KEY), json.dumps(state))
    found = read_logins(at)
    assert found.problems == ()
    assert found.profiles.profiles == {
        "qwen:a": StoredProfile(
            "qwen:a",
            "oauth",
            "qwen-portal",
            access=Secret("AAAA"),
            refresh=Secret("RRRR"),
            expires=1_795_434_661_740,
        ),
        "other:x": StoredProfile("other:x", "api_key", "other", key=Secret("KKKK")),
    }
    assert found.profiles.order == {"other": ["other:x"]}
    assert found.profiles.stats == {"other:x": {"errorCount": 1}}
    assert found.sources == {"qwen:a": at.sqlite_path, "other:x": at.sqlite_path}


def test_the_agents_own_database_is_read_and_wins(at):
    shared(at, document(other_x=KEY, other_y=KEY))
    rows = [
        ("auth_profile_store", "primary", document(other_x={**KEY, "key": "mine"})),
        ("auth_profile_store", "backup", document(other_z=KEY)),
        ("auth_profile_state", "primary", '{"order": {"other": ["other:x"]}}'),
    ]
    database(at.agent_sqlite_path, AGENT, STATE, rows=rows)
    found = read_logins(at)
    assert {name: one.key for name, one in found.profiles.profiles.items()} == {
        "other:x": Secret("mine"),
        "other:y": Secret("KKKK"),
    }
    assert found.sources == {"other:x": at.agent_sqlite_path, "other:y": at.sqlite_path}
    assert found.profiles.order == {"other": ["other:x"]}


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("CREATE TABLE auth_profile_store (at INTEGER, id TEXT, owner TEXT, data BLOB)",
         [(1, "main", None, document(other_x=KEY).encode())]),
        ('CREATE TABLE auth_profile_store ("Profile Id" TEXT, profile_key TEXT, "json" TEXT)',
         [("p", "other:x", json.dumps(KEY)), ("q", "other:y", json.dumps(KEY))]),
        ("CREATE TABLE auth_profile_store (store_json TEXT, store_key TEXT) STRICT",
         [(document(other_x=KEY), "primary")]),
        ('CREATE TABLE auth_profile_store (my_key INTEGER PRIMARY KEY, "odd ""json" TEXT, value_json)',
         [(7, "{}", document(other_x=KEY))]),
        ("CREATE TABLE auth_profile_store (a_key TEXT PRIMARY KEY, a_json TEXT) WITHOUT ROWID",
         [("primary", "// not from OpenClaw\n" + document(other_x=KEY))]),
    ],
)  # fmt: skip
def test_columns_may_be_called_otherwise_and_a_row_may_hold_one_login(at, table, rows):
    database(at.agent_sqlite_path, table)
    with closing(sqlite3.connect(at.agent_sqlite_path)) as connection:
        for row in rows:
            connection.execute(f"INSERT INTO auth_profile_store VALUES ({','.join('?' * len(row))})", row)
        connection.commit()
    found = read_logins(at)
    assert found.problems == ()
    assert found.profiles.profiles["other:x"].key == Secret("KKKK")


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist", "off"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_every_journal_mode_and_encoding_is_read(at, journal, encoding):
    shared(at, document(other_x={**KEY, "email": "é@ключ"}), journal=journal, encoding=encoding)
    assert read_logins(at).profiles.profiles["other:x"].email == "é@ключ"


def test_the_marker_that_a_migration_took_for_a_key_is_no_login(at):
    placeholder = {"type": "api_key", "provider": "qwen-portal", "key": "qwen-oauth"}
    shared(
        at,
        document(
            **{"qwen-portal_models-json": placeholder, "old_style": {**KEY, "apiKey": "oauth:x", "key": None}}
        ),
    )
    found = read_logins(at)
    assert "qwen-portal:models-json" not in found.profiles.profiles
    assert "qwen-portal:models-json" not in found.sources
    assert "qwen-oauth" not in str(found.problems)


def test_a_path_with_every_sort_of_character_is_opened(folder):
    state = folder / "a b?c#d%20é&mode=rwc"
    home = locate({"OPENCLAW_STATE_DIR": str(state)}, folder, Path.exists)
    shared(home, document(other_x=KEY))
    assert "other:x" in read_logins(home).profiles.profiles


# -- nothing happens to it -----------------------------------------------------------------


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_reading_leaves_the_folder_as_it_was(at, journal):
    shared(at, document(other_x=KEY), journal=journal)
    before = tree(at)
    assert len(before) == 1  # no -wal and no -shm of ours either
    assert read_logins(at).profiles.profiles
    assert tree(at) == before


def test_while_another_program_writes_committed_logins_are_read_without_waiting(at):
    path = shared(at, document(other_x=KEY))
    update = "UPDATE config_machine_state SET value_json = ? WHERE state_key = 'authProfiles.store'"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(update, [document(other_y=KEY)])
        before = tree(at)
        assert set(read_logins(at).profiles.profiles) == {"other:y"}
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(update, [document(other_z=KEY)])
        assert set(read_logins(at).profiles.profiles) == {"other:y"}
        writer.execute("COMMIT")
        assert set(read_logins(at).profiles.profiles) == {"other:z"}
        assert tree(at)["state/openclaw.sqlite"] == before["state/openclaw.sqlite"]
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_what_a_killed_program_had_committed_is_read_from_its_log(at, folder):
    path = shared(at, document(other_x=KEY))
    dead = locate({"OPENCLAW_STATE_DIR": str(folder / "dead")}, folder, Path.exists)
    dead.sqlite_path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(
            "UPDATE config_machine_state SET value_json = ? WHERE state_key LIKE 'authP%'",
            [document(other_y=KEY)],
        )
        for file in path.parent.iterdir():
            (dead.sqlite_path.parent / file.name).write_bytes(file.read_bytes())
    log = (dead.sqlite_path.parent / "openclaw.sqlite-wal").read_bytes()
    assert log
    assert set(read_logins(dead).profiles.profiles) == {"other:y"}
    assert (dead.sqlite_path.parent / "openclaw.sqlite-wal").read_bytes() == log


def test_a_change_during_the_reading_repeats_it(at):
    path = shared(at, document(other_x=KEY), journal="delete")
    looks = []

    class Late(FileSystem):
        """Somebody writes between our first look at the stamps and the end of the first reading."""

        def stat(self, path):
            looks.append(path)
            if len(looks) == 5:
                with closing(sqlite3.connect(at.sqlite_path, isolation_level=None)) as writer:
                    writer.execute(
                        "UPDATE config_machine_state SET value_json = ?", [document(other_y=KEY) + " " * 5000]
                    )
            return super().stat(path)

    assert set(read_logins(at, Late()).profiles.profiles) == {"other:y"}
    assert path.exists()


# -- damage --------------------------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 5000)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    path.unlink()
    os.mkfifo(path)


def circle_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def in_the_middle_of_a_write(path: Path) -> None:
    """As a killed program leaves it, journal and all: only a writer could roll that back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = delete")
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO config_machine_state VALUES ('x', zeroblob(100000), 1)")
        files = {file: file.read_bytes() for file in path.parent.iterdir()}
    for file, content in files.items():
        file.write_bytes(content)


def sql(*statements: str):
    def act(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return act


DAMAGE = {
    "garbage": garbage,
    "truncated": truncated,
    "a folder": folder_instead,
    "a pipe": pipe_instead,
    "links in a circle": circle_instead,
    "in the middle of a write": in_the_middle_of_a_write,
    "other columns": sql("ALTER TABLE config_machine_state RENAME value_json TO cipher"),
    "one column": sql("DROP TABLE config_machine_state", "CREATE TABLE config_machine_state (state_key)"),
    "not JSON": sql("UPDATE config_machine_state SET value_json = 'hush-hush {'"),
    "a number": sql("UPDATE config_machine_state SET value_json = 5"),
    "a list": sql("UPDATE config_machine_state SET value_json = '[\"hush-hush\"]'"),
    "not text": sql("UPDATE config_machine_state SET value_json = x'ff00fe'"),
    "deep": sql("UPDATE config_machine_state SET value_json = '" + '{"a":' * 50_000 + "'"),
    "huge": sql("UPDATE config_machine_state SET value_json = zeroblob(20000000)"),
    "endless": sql(  # its list of tables takes long to read, and nothing is wrong with it
        "PRAGMA writable_schema = ON",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) INSERT INTO sqlite_master "
        "SELECT m.* FROM sqlite_master AS m, n WHERE m.type = 'index'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_a_problem_and_never_an_error(at, damage):
    path = shared(at, document(other_x=KEY), journal="delete")
    database(at.agent_sqlite_path, AGENT, rows=[("auth_profile_store", "primary", document(other_y=KEY))])
    try:
        DAMAGE[damage](path)
    except OSError as error:
        pytest.skip(str(error))
    before = tree(at)
    started = time.process_time()
    found = read_logins(at)
    assert time.process_time() - started < 5
    assert [problem.path for problem in found.problems] == [path]
    assert str(path) in str(found.problems[0])
    assert "hush-hush" not in repr(found)
    assert ("take too long" in str(found.problems[0])) == (damage == "endless")
    assert found.problems[0].__traceback__ is None
    assert set(found.profiles.profiles) == {"other:y"}  # the other database is read nevertheless
    assert tree(at) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(b""),
        sql("DROP TABLE config_machine_state"),
        sql("DELETE FROM config_machine_state WHERE state_key LIKE 'authP%'"),
        sql(
            "DROP TABLE config_machine_state",
            "CREATE VIEW config_machine_state AS SELECT 'authProfiles.store' AS state_key, '[]' AS value_json",
        ),
        sql("UPDATE config_machine_state SET value_json = '{}'"),
        sql("UPDATE config_machine_state SET value_json = '{\"profiles\": [], \"order\": 1}'"),
    ],
)  # fmt: skip
def test_a_database_without_logins_is_no_problem(at, act):
    act(shared(at, document(other_x=KEY), journal="delete"))
    found = read_logins(at)
    assert found.profiles.profiles == {}
    assert found.problems == ()


def test_one_broken_login_is_a_problem_and_the_others_count(at):
    shared(
        at,
        document(other_x=KEY, broken_a={"type": "oauth", "provider": "p", "access": 5}, broken_b="hush-hush"),
    )
    found = read_logins(at)
    assert set(found.profiles.profiles) == {"other:x"}
    assert len(found.problems) == 2
    assert "hush-hush" not in str(found.problems)


def test_a_database_of_another_user_is_a_problem(at):
    path = shared(at, document(other_x=KEY))

    class Denied(FileSystem):
        def stat(self, path):
            raise PermissionError(13, "Permission denied")

    assert [problem.path for problem in read_logins(at, Denied()).problems][:1] == [path]


@given(st.lists(st.tuples(st.integers(0, 2**15), st.binary(min_size=1, max_size=40)), min_size=1, max_size=8))
def test_no_bytes_in_a_database_raise_anything(tmp_path_factory, changes):
    home = locate({"OPENCLAW_STATE_DIR": str(tmp_path_factory.mktemp("s"))}, None, Path.exists)
    path = shared(home, document(other_x=KEY), journal="delete")
    data = bytearray(path.read_bytes())
    for offset, some in changes:
        start = offset % len(data)
        data[start : start + len(some)] = some
    path.write_bytes(bytes(data))
    read_logins(home)
    assert path.read_bytes() == bytes(data)


# -- in the store --------------------------------------------------------------------------


def test_the_store_reads_the_database_and_sees_what_changes_in_it(at):
    path = shared(at, document(other_x=KEY))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    reads = []

    def counting(home, fs):
        reads.append(1)
        return read_logins(home, fs)

    store = Store(at, read_sqlite=counting)
    assert store.storage == "sqlite"
    assert set(store.load().profiles) == {"other:x"}
    assert store.load().sources == {"other:x": path}
    assert len(reads) == 1
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(
            "UPDATE config_machine_state SET value_json = ? WHERE state_key LIKE 'authP%'",
            [document(other_y=KEY)],
        )
        assert set(store.load().profiles) == {"other:y"}  # still in the log
    assert set(Store(at).load().profiles) == {"other:y"}


def test_a_damaged_database_is_told_and_the_home_stays_of_its_era(at):
    garbage(shared(at, "{}"))
    before = tree(at)
    store = Store(at)
    snapshot = store.load()
    assert snapshot.storage == "sqlite"
    assert [problem.path for problem in snapshot.problems] == [at.sqlite_path]
    written = store.save_profile("other:x", StoredProfile("other:x", "api_key", "other", key=Secret("mine")))
    assert written == at.own_profiles
    assert {name: data for name, data in tree(at).items() if name in before} == before
    assert not at.auth_profiles.exists()


def test_the_json_file_of_an_earlier_release_is_not_mixed_in(at):
    shared(at, document(other_x=KEY))
    at.auth_profiles.parent.mkdir(parents=True)
    at.auth_profiles.write_text(document(other_old=KEY), "utf-8")
    assert set(Store(at).load().profiles) == {"other:x"}
