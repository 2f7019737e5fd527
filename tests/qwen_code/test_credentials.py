"""Qwen Code's login in place: read as Qwen Code reads it, written so that a running one goes on with it."""

import json
import os
import stat
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.openclaw.files import FileSystem
from openclaw_ipython.qwen_code.credentials import QwenCodeFile, QwenCodeLock
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

NOW = 1_795_000_000.0
CREDS = {
    "access_token": "access-1",
    "refresh_token": "refresh-1",
    "token_type": "Bearer",
    "resource_url": "portal.qwen.ai",
    "expiry_date": 1_795_003_600_000,
}
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")


def creds(folder: Path, text: object = CREDS, *, age: float = 60) -> Path:
    path = folder / "oauth_creds.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text, indent=2), "utf-8")
    os.utime(path, (NOW - age, NOW - age))
    return path


def file(folder: Path, **options) -> QwenCodeFile:
    return QwenCodeFile(folder, Runtime({}, clock=lambda: NOW), **options)


def lock(folder: Path, now: float = NOW, **options) -> QwenCodeLock:
    return QwenCodeLock(
        folder / "oauth_creds.json", Runtime({}, clock=lambda: now, random=lambda: 0.5), **options
    )


def leave_lock(folder: Path, content: str = "somebody", *, age: float = 0) -> Path:
    path = folder / "oauth_creds.lock"
    path.write_text(content)
    os.utime(path, (NOW - age, NOW - age))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def renewed(profile):
    from msgspec.structs import replace

    return replace(profile, access=Secret("access-2"), refresh=Secret("refresh-2"), expires=1_795_009_999_000)


# -- reading ---------------------------------------------------------------------------------


def test_the_login_is_the_profile_openclaw_makes_of_it(folder):
    creds(folder)
    profile = file(folder).read()
    assert profile.id == "qwen-portal:qwen-cli"
    assert (profile.type, profile.provider) == ("oauth", "qwen-portal")
    assert profile.access.reveal() == "access-1"
    assert profile.refresh.reveal() == "refresh-1"
    assert profile.expires == 1_795_003_600_000
    assert profile.extra["resource_url"] == "portal.qwen.ai"


def test_without_a_file_there_is_no_login(folder):
    assert file(folder).read() is None
    assert file(folder / "nowhere").read() is None
    assert names(folder) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"access_token": None}, "access_token"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": 5}, "access_token"),
        ({"access_token": "a\r\nX-Evil: 1"}, "access_token"),
        ({"access_token": "a b"}, "access_token"),
        ({"access_token": "tökén"}, "access_token"),
        ({"refresh_token": None}, "refresh_token"),
        ({"refresh_token": ["r"]}, "refresh_token"),
        ({"token_type": "MAC"}, "token_type"),
        ({"token_type": 1}, "token_type"),
        ({"expiry_date": None}, "expiry_date"),
        ({"expiry_date": "1795003600000"}, "expiry_date"),
        ({"expiry_date": True}, "expiry_date"),
        ({"expiry_date": -1}, "expiry_date"),
        ({"expiry_date": 10**400}, "expiry_date"),
        ({"expiry_date": float("inf")}, "expiry_date"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_in_the_error(folder, change, word):
    path = creds(folder, CREDS | change)
    before = path.read_bytes()
    with pytest.raises(DocumentError, match=word) as caught:
        file(folder).read()
    assert caught.value.path == path
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "   ", "{", "[]", "null", '"text"', "{broken", "\x00", '{"access_token": "a']
)
def test_a_damaged_file_is_reported_with_its_path_and_left(folder, text):
    path = creds(folder, text)
    with pytest.raises(DocumentError) as caught:
        file(folder).read()
    assert caught.value.path == path
    assert path.read_text() == text


def test_a_torn_file_is_read_again(folder):
    """Old releases write in place."""
    path = creds(folder, json.dumps(CREDS)[:40])

    class Finishing(FileSystem):
        def pause(self, seconds):
            creds(folder)

    assert file(folder, fs=Finishing()).read().access.reveal() == "access-1"
    assert json.loads(path.read_text()) == CREDS


def test_an_error_about_the_file_has_no_frame_that_holds_its_text(folder):
    creds(folder, json.dumps(CREDS) + "}")
    with pytest.raises(DocumentError) as caught:
        file(folder).read()
    error, frames = caught.value, []
    trace = error.__traceback__
    while trace is not None:
        frames.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    assert len(frames) >= 2
    assert not any("refresh-1" in frame for frame in frames[1:])  # the first is this test
    assert "refresh-1" not in str(error)
    assert error.__context__ is None


@given(st.binary(max_size=300))
def test_no_content_brings_anything_but_a_login_or_a_document_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    (folder / "oauth_creds.json").write_bytes(data)

    class Quick(FileSystem):
        def pause(self, seconds):
            pass

    try:
        profile = file(folder, fs=Quick()).read()
    except DocumentError:
        return
    assert profile is not None


# -- writing ---------------------------------------------------------------------------------


def test_writing_changes_the_tokens_and_nothing_else(folder):
    path = creds(folder, {"future": {"x": [1, None]}, **CREDS, "id_token": "id-1", "z": "ü"})
    qwen = file(folder)
    qwen.write(renewed(qwen.read()))
    assert json.loads(path.read_text("utf-8")) == {
        "future": {"x": [1, None]},
        **CREDS,
        "access_token": "access-2",
        "refresh_token": "refresh-2",
        "expiry_date": 1_795_009_999_000,
        "id_token": "id-1",
        "z": "ü",
    }
    assert next(iter(json.loads(path.read_text("utf-8")))) == "future"


def test_qwen_code_ignores_a_file_without_token_type_so_it_gets_one(folder):
    path = creds(folder, {key: value for key, value in CREDS.items() if key != "token_type"})
    qwen = file(folder)
    qwen.write(renewed(qwen.read()))
    assert json.loads(path.read_text())["token_type"] == "Bearer"


def test_a_file_that_vanished_meanwhile_is_written_anew_with_all_it_had(folder):
    path = creds(folder, {**CREDS, "future": 1})
    qwen = file(folder)
    profile = qwen.read()
    path.unlink()
    qwen.write(renewed(profile))
    written = json.loads(path.read_text())
    assert written == {
        **CREDS,
        "future": 1,
        "access_token": "access-2",
        "refresh_token": "refresh-2",
        "expiry_date": 1_795_009_999_000,
    }
    assert qwen.read().access.reveal() == "access-2"


def test_the_folder_that_vanished_too_is_made_again(folder):
    home = folder / ".qwen"
    home.mkdir()
    path = creds(home)
    profile = file(home).read()
    path.unlink()
    home.rmdir()
    file(home).write(renewed(profile))
    assert file(home).read().refresh.reveal() == "refresh-2"


@posix
def test_the_mode_is_tightened_when_the_file_is_written(folder):
    path = creds(folder)
    path.chmod(0o644)
    qwen = file(folder)
    qwen.write(renewed(qwen.read()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(folder) == ["oauth_creds.json"]


@pytest.mark.parametrize("ahead", [0, 3600.5])
def test_the_written_file_is_at_least_a_millisecond_newer_whatever_the_clocks_say(folder, ahead):
    import time

    path = creds(folder)
    moment = time.time() + ahead
    os.utime(path, (moment, moment))
    before = path.stat().st_mtime_ns
    qwen = file(folder)
    qwen.write(renewed(qwen.read()))
    assert path.stat().st_mtime_ns >= before + 1_000_000


def test_what_cannot_be_parsed_is_not_overwritten(folder):
    path = creds(folder)
    qwen = file(folder)
    profile = qwen.read()
    path.write_text("{ somebody is editing")
    with pytest.raises(DocumentError):
        qwen.write(renewed(profile))
    assert path.read_text() == "{ somebody is editing"
    assert names(folder) == ["oauth_creds.json"]


def test_a_full_disk_leaves_the_old_file(folder):
    path = creds(folder)
    before = path.read_bytes()

    class Full(FileSystem):
        def write(self, descriptor, data):
            raise OSError(28, "No space left on device")

    qwen = file(folder, fs=Full())
    with pytest.raises(DocumentError, match="disk is full"):
        qwen.write(renewed(qwen.read()))
    assert path.read_bytes() == before
    assert names(folder) == ["oauth_creds.json"]


def test_a_change_by_another_program_between_reading_and_renaming_is_merged(folder):
    path = creds(folder)

    class Busy(FileSystem):
        times = 0

        def fsync(self, descriptor):
            self.times += 1
            if self.times == 1:
                creds(folder, {**CREDS, "theirs": True}, age=5)

    qwen = file(folder, fs=Busy())
    qwen.write(renewed(qwen.read()))
    written = json.loads(path.read_text())
    assert written["theirs"] is True
    assert written["access_token"] == "access-2"


def test_a_file_that_never_rests_is_given_up(folder):
    creds(folder)

    class Restless(FileSystem):
        times = 0

        def fsync(self, descriptor):
            self.times += 1
            creds(folder, {**CREDS, "n": "x" * self.times})

    qwen = file(folder, fs=Restless())
    with pytest.raises(StoreBusy):
        qwen.write(renewed(qwen.read()))


# -- the lock --------------------------------------------------------------------------------


def test_the_lock_is_qwen_codes(folder):
    held = lock(folder)
    assert held.try_acquire()
    text = (folder / "oauth_creds.lock").read_text()
    assert str(uuid.UUID(text)) == text
    held.release()
    assert names(folder) == []


def test_two_locks_have_different_contents(folder):
    first = lock(folder)
    assert first.try_acquire()
    one = (folder / "oauth_creds.lock").read_text()
    first.release()
    assert first.try_acquire()
    assert (folder / "oauth_creds.lock").read_text() != one


@pytest.mark.parametrize(
    "content", ["7b0cbb2e-5a38-4a60-9a0e-3d6ad7d6a0b4", "", "garbage\0", '{"pid": 999999999}']
)
@pytest.mark.parametrize(("age", "taken"), [(0, False), (11, False), (36, False), (39, False), (41, True)])
def test_a_lock_is_taken_over_only_when_no_release_would_still_hold_it(folder, content, age, taken):
    path = leave_lock(folder, content, age=age)
    taker = lock(folder)
    assert taker.try_acquire() is taken
    assert (path.read_text() == content) is not taken
    taker.release()
    assert names(folder) == ([] if taken else ["oauth_creds.lock"])


@pytest.mark.parametrize(("age", "taken"), [(39, False), (41, True)])
def test_a_folder_in_its_place_is_judged_by_its_age_too(folder, age, taken):
    path = folder / "oauth_creds.lock"
    path.mkdir()
    os.utime(path, (NOW - age, NOW - age))
    taker = lock(folder)
    assert taker.try_acquire() is taken
    taker.release()
    assert names(folder) == ([] if taken else ["oauth_creds.lock"])


def test_only_our_own_lock_is_released(folder):
    held = lock(folder)
    assert held.try_acquire()
    path = folder / "oauth_creds.lock"
    path.unlink()  # as every Qwen Code does when it exits, whoever holds it
    leave_lock(folder, "somebody else's")
    held.release()
    assert path.read_text() == "somebody else's"


def test_a_lock_that_a_leaving_qwen_code_removed_is_no_error(folder):
    held = lock(folder)
    assert held.try_acquire()
    (folder / "oauth_creds.lock").unlink()
    held.release()
    assert names(folder) == []


def test_waiting_lasts_longer_than_a_lock_can_be_stale(folder):
    delays = list(lock(folder).delays())
    assert 45 <= sum(delays) <= 47
    assert max(delays) <= 1
    assert delays[0] < 0.2


def test_a_lock_that_is_never_released_is_an_error(folder):
    leave_lock(folder)
    with pytest.raises(StoreBusy) as caught, lock(folder).hold(lambda _: None):
        pytest.fail("the lock is held by another")
    assert "oauth_creds.lock" in caught.value.hint
