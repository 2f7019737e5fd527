"""The checks of files: permissions, links, locks, leftovers of interrupted writes, and the journal."""

import sys
from pathlib import Path

import pytest
from checkup import examine, faults, seen
from msgspec.structs import replace

from openclaw_ipython.diagnostics.file_checks import FileFact, check_files, inspect_files

posix = pytest.mark.skipif(sys.platform == "win32", reason="about permissions")

NOW = 1_795_000_000.0
FILE = FileFact(Path("/h/openclaw.json"), "file", mtime=NOW - 10)
FOLDER = FileFact(Path("/h"), "folder", is_folder=True, mode=0o700, mtime=NOW)
LOCK = FileFact(Path("/h/auth-profiles.json.lock"), "lock", mode=0o644, mtime=NOW - 5)
QWEN_LOCK = FileFact(Path("/q/oauth_creds.lock"), "lock", mode=0o644, mtime=NOW - 35)
LEFTOVER = FileFact(Path("/h/.openclaw.json.0123456789abcdef.tmp"), "leftover", mtime=NOW - 4000)


@pytest.mark.parametrize(
    "fact",
    [FILE, FOLDER, LOCK, QWEN_LOCK, replace(FILE, mode=0o400), replace(LEFTOVER, mtime=NOW - 60)],
)
def test_these_files_are_no_finding(fact):
    assert list(check_files([fact], NOW, windows=False)) == []


@pytest.mark.parametrize(
    ("fact", "check", "fix"),
    [
        (replace(FILE, mode=0o644), "mode", "!chmod 600 /h/openclaw.json"),
        (replace(FILE, path=Path("/h/a b.json"), mode=0o640), "mode", "!chmod 600 '/h/a b.json'"),
        (replace(FOLDER, mode=0o755), "mode", "!chmod 700 /h"),
        (replace(FILE, role="shared", mode=0o644), "shared", ""),
        (replace(FILE, role="shared", mode=0o644, mine=False), "shared", ""),
        (replace(FILE, role="shared", mode=0o600, mine=False), "owner", "!ls -ld /h/openclaw.json"),
        (replace(FILE, role="shared", mode=0o666), "mode", "!chmod 644 /h/openclaw.json"),
        (replace(FILE, mine=False), "owner", "!ls -ld /h/openclaw.json"),
        (replace(FILE, is_folder=True), "kind", "!mv -i /h/openclaw.json /h/openclaw.json.old"),
        (replace(FOLDER, is_folder=False), "kind", "!mv -i /h /h.old"),
        (replace(FILE, mtime=NOW + 7200), "clock", "!date"),
        (replace(FILE, link="/gone", broken=True), "link", "!rm /h/openclaw.json"),
        (replace(LOCK, mtime=NOW - 31), "lock", "!rm /h/auth-profiles.json.lock"),
        (replace(LOCK, is_folder=True), "lock", "!rmdir /h/auth-profiles.json.lock"),
        (replace(QWEN_LOCK, mtime=NOW - 41), "lock", "!rm /q/oauth_creds.lock"),
        (LEFTOVER, "leftover", "!rm /h/.openclaw.json.0123456789abcdef.tmp"),
    ],
)
@posix
def test_these_files_are_a_finding(fact, check, fix):
    assert [(f.check, f.fix) for f in check_files([fact], NOW, windows=False)] == [(check, fix)]


def test_permissions_are_not_checked_on_windows():
    assert (
        list(check_files([replace(FILE, mode=0o666), replace(FOLDER, mode=0o777)], NOW, windows=True)) == []
    )


@posix
def test_a_link_is_a_note_and_its_target_is_checked(signed_in, tmp_path):
    real = tmp_path / "elsewhere.json"
    signed_in.home.config_path.rename(real)
    signed_in.home.config_path.symlink_to(real)
    assert [(f.check, f.severity) for f in examine(signed_in) if f.check == "link"] == [("link", "note")]
    real.chmod(0o644)
    assert [f.check for f in faults(signed_in)] == ["mode"]


@posix
def test_a_configuration_for_all_users_is_a_note(signed_in, tmp_path_factory):
    shared = tmp_path_factory.mktemp("etc") / "openclaw.json"
    signed_in.home.config_path.rename(shared)
    shared.chmod(0o644)
    home = replace(signed_in.home, config_path=shared)
    findings = list(check_files(inspect_files(home), shared.stat().st_mtime, windows=False))
    assert [(f.check, f.severity, f.where) for f in findings] == [("shared", "note", str(shared))]
    assert "(mode 644)" in findings[0].what


@posix
def test_files_open_to_other_users_are_found_in_a_real_home(signed_in):
    signed_in.home.auth_profiles.chmod(0o644)
    signed_in.home.state_dir.chmod(0o755)
    assert [(f.check, Path(f.where).name) for f in faults(signed_in)] == [
        ("mode", ".openclaw"),
        ("mode", "auth-profiles.json"),
    ]


def test_leftovers_of_writers_are_inspected_and_other_files_are_not(signed_in):
    agent, state = signed_in.home.agent_dir, signed_in.home.state_dir
    left = [
        agent / ".auth-profiles.json.0123456789abcdef.tmp",
        agent / "auth-profiles.json.lock.takeover",
        state / "openclaw.json.1234.0d9f.tmp",
    ]
    other = [agent / "notes.tmp", state / "openclaw.json.bak", state / ".other.json.0123456789abcdef.tmp"]
    for path in (*left, *other):
        path.write_text("")
    assert {f.path for f in inspect_files(signed_in.home) if f.role == "leftover"} == set(left)


# -- the journal -------------------------------------------------------------------------------


def journal_of(house):
    from openclaw_ipython.journal.journal import Journal

    journal = Journal(house.home.journal)
    journal.cache.put("k", "p/m", {"text": "a" * 9_000})
    return journal


def test_a_sound_journal_is_no_finding(signed_in):
    journal_of(signed_in).close()
    assert faults(signed_in) == []


def test_a_journal_in_use_is_no_finding(signed_in):
    journal = journal_of(signed_in)
    assert faults(signed_in) == []
    journal.close()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda data: b"damaged " * 2048, "the journal is damaged"),
        (lambda data: data[:8192] + b"\xff" * (len(data) - 8192), "the journal is damaged"),
    ],
)
def test_a_damaged_journal_is_found_and_left_as_it_is(signed_in, damage, what):
    journal_of(signed_in).close()
    path = signed_in.home.journal
    path.write_bytes(damage(path.read_bytes()))
    before = seen(signed_in)
    (found,) = faults(signed_in)
    assert (found.check, found.severity) == ("journal", "warning")
    assert what in found.what
    assert seen(signed_in) == before


def test_a_damaged_journal_that_was_set_aside_is_noted(signed_in):
    journal_of(signed_in).close()
    path = signed_in.home.journal
    path.write_bytes(b"damaged " * 2048)
    journal_of(signed_in).close()
    (found,) = [finding for finding in examine(signed_in) if finding.check == "journal"]
    assert (found.severity, found.where) == ("note", f"{path}.damaged")
    assert found.fix == f"!rm {path}.damaged"


def test_a_journal_of_a_later_release_is_found(signed_in):
    import sqlite3

    journal_of(signed_in).close()
    with sqlite3.connect(signed_in.home.journal) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    (found,) = faults(signed_in)
    assert "a later release's database" in found.what


def test_the_database_of_another_program_is_found(signed_in):
    import sqlite3

    signed_in.home.own_dir.mkdir(mode=0o700, exist_ok=True)
    with sqlite3.connect(signed_in.home.journal) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    signed_in.home.journal.chmod(0o600)
    (found,) = faults(signed_in)
    assert "another program's database" in found.what
