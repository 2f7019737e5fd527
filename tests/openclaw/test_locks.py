"""The sidecar lock keeps OpenClaw's rules, and of many takers one wins."""

import json
import multiprocessing
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.openclaw.files import FileSystem
from openclaw_ipython.openclaw.locks import SidecarLock, pid_alive
from openclaw_ipython.runtime.env import Runtime

NOW = 1_795_000_000.0
HOST = "this-machine"


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def lock(
    folder: Path, *, now: float = NOW, alive=lambda pid: True, host: str = HOST, **options
) -> SidecarLock:
    runtime = Runtime({}, clock=Clock(now), random=lambda: 0.5)
    return SidecarLock(folder / "f.json", runtime, pid_alive=alive, host=host, **options)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def leave(folder: Path, content: str, *, age: float = 0) -> Path:
    path = folder / "f.json.lock"
    path.write_text(content)
    os.utime(path, (NOW - age, NOW - age))
    return path


def claim(*, age: float = 0, **more) -> str:
    return json.dumps({"pid": 4242, "createdAt": iso(NOW - age), **more})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_lock_file_is_openclaws(folder):
    held = lock(folder)
    assert held.try_acquire()
    text = (folder / "f.json.lock").read_text()
    content = json.loads(text)
    assert content["pid"] == os.getpid()
    assert content["createdAt"] == "2026-11-18T11:06:40.000Z" == iso(NOW)
    assert text.startswith('{\n  "pid": ')
    held.release()
    assert files(folder) == []


def test_a_held_lock_is_not_given_twice(folder):
    first, second = lock(folder), lock(folder)
    assert first.try_acquire()
    os.utime(folder / "f.json.lock", (NOW, NOW))
    assert not first.try_acquire()
    assert not second.try_acquire()
    second.release()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()


@pytest.mark.parametrize(
    ("content", "age", "alive", "taken"),
    [
        (claim(), 0, True, False),
        (claim(), 0, False, True),
        (claim(age=31), 0, True, True),
        (claim(age=29), 29, True, False),
        (claim(age=-5), 0, True, False),
        (claim(), 31, True, True),
        ('{"pid": 4242, "createdAt": "soon"}', 0, True, True),
        ('{"pid": 4242, "createdAt": "2026-11-18T11:06:39"}', 0, True, False),
        ("", 0, False, False),
        ("", 31, True, True),
        ("{torn", 5, False, False),
        ("[]", 31, True, True),
        ('{"pid": "4242", "createdAt": "soon"}', 0, False, False),
        ('{"pid": -1, "createdAt": "soon"}', 0, False, False),
        ('{"pid": true, "createdAt": 5}', 31, True, True),
        (claim(host=HOST), 0, False, True),
        (claim(host="another-machine"), 0, False, False),
        (claim(host="another-machine", age=31), 0, False, True),
    ],
)
def test_a_stale_lock_is_taken_and_a_live_one_is_not(folder, content, age, alive, taken):
    path = leave(folder, content, age=age)
    taker = lock(folder, alive=lambda pid: alive)
    assert taker.try_acquire() is taken
    assert (path.read_text() == content) is not taken
    assert files(folder) == ["f.json.lock"]
    taker.release()
    assert files(folder) == ([] if taken else ["f.json.lock"])


@pytest.mark.parametrize(("age", "taken"), [(29, False), (31, True)])
def test_a_folder_left_by_an_old_program_is_judged_by_its_age(folder, age, taken):
    in_the_way = folder / "f.json.lock"
    in_the_way.mkdir()
    os.utime(in_the_way, (NOW - age, NOW - age))
    taker = lock(folder, alive=lambda pid: False)
    assert taker.try_acquire() is taken
    assert in_the_way.is_dir() is not taken
    taker.release()
    assert files(folder) == ([] if taken else ["f.json.lock"])


def test_a_folder_with_something_in_it_is_never_taken(folder):
    in_the_way = folder / "f.json.lock"
    in_the_way.mkdir()
    (in_the_way / "somebody's").touch()
    os.utime(in_the_way, (1, 1))
    assert not lock(folder, alive=lambda pid: False).try_acquire()
    assert files(folder) == ["f.json.lock"]
    assert (in_the_way / "somebody's").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are POSIX")
def test_a_pipe_of_that_name_is_never_taken(folder):
    os.mkfifo(folder / "f.json.lock")
    os.utime(folder / "f.json.lock", (1, 1))
    assert not lock(folder, alive=lambda pid: False).try_acquire()
    assert files(folder) == ["f.json.lock"]


def test_the_slower_of_two_takers_does_not_rob_the_faster(folder):
    leave(folder, claim())
    faster = lock(folder, alive=lambda pid: False)
    won = []

    def alive(pid):
        """Asked while the slower taker judges: right then the faster one goes through."""
        if not won:
            won.append(faster.try_acquire())
            os.utime(folder / "f.json.lock", (NOW, NOW))
        return pid == os.getpid()

    slower = lock(folder, alive=alive)
    assert not slower.try_acquire()
    assert won == [True]
    assert json.loads((folder / "f.json.lock").read_text())["pid"] == os.getpid()


def test_a_lock_made_by_a_program_without_guard_is_put_back(folder):
    leave(folder, claim())

    class Swapping(FileSystem):
        """Between judging and renaming, the stale lock is replaced by somebody's live one."""

        def rename(self, source, target):
            fresh = folder / "fresh"
            fresh.write_text(claim(pid_of="other"))
            fresh.replace(source)
            super().rename(source, target)

    assert not lock(folder, alive=lambda pid: False, fs=Swapping()).try_acquire()
    assert "other" in (folder / "f.json.lock").read_text()
    assert files(folder) == ["f.json.lock"]


def test_a_guard_left_by_a_killed_taker_does_not_block_for_ever(folder):
    leave(folder, claim())
    guard = folder / "f.json.lock.takeover"
    guard.touch()
    os.utime(guard, (NOW - 31, NOW - 31))
    taker = lock(folder, alive=lambda pid: False)
    assert not taker.try_acquire()
    assert taker.try_acquire()


@pytest.mark.parametrize(("age", "stays"), [(29, True), (31, False)])
def test_an_old_guard_is_removed(folder, age, stays):
    guard = folder / "f.json.lock.takeover"
    guard.touch()
    os.utime(guard, (NOW - age, NOW - age))
    with lock(folder).hold():
        pass
    assert guard.exists() is stays


def test_a_lock_that_was_taken_from_us_is_not_removed_by_us(folder):
    slow = lock(folder)
    assert slow.try_acquire()
    fast = lock(folder, now=NOW + 60)
    assert fast.try_acquire()
    slow.release()
    assert files(folder) == ["f.json.lock"]
    fast.release()
    assert files(folder) == []


def test_the_waiting_follows_openclaws_schedule(folder):
    bases = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]
    assert list(lock(folder).delays()) == pytest.approx([1.5 * base for base in bases])


def test_waiting_ends_when_the_lock_is_released(folder):
    holder, waiter = lock(folder), lock(folder)
    assert holder.try_acquire()
    os.utime(folder / "f.json.lock", (NOW, NOW))
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            holder.release()

    with waiter.hold(sleep):
        assert files(folder) == ["f.json.lock"]
    assert len(slept) == 3
    assert files(folder) == []


def test_waiting_has_an_end(folder):
    leave(folder, claim())
    slept = []
    with pytest.raises(StoreBusy) as caught, lock(folder).hold(slept.append):
        pytest.fail("the lock is held by another")
    assert len(slept) == 10
    assert caught.value.path == folder / "f.json"
    assert caught.value.hint


def test_a_failure_inside_releases_the_lock(folder):
    with pytest.raises(KeyboardInterrupt), lock(folder).hold():
        raise KeyboardInterrupt
    assert files(folder) == []


def test_a_folder_that_cannot_be_written_is_an_error(folder):
    class ReadOnly(FileSystem):
        def open_new(self, path):
            raise OSError(30, "Read-only file system")

    with pytest.raises(DocumentError, match="cannot be locked"):
        lock(folder, fs=ReadOnly()).try_acquire()


def test_a_lock_that_cannot_be_filled_is_not_left_behind(folder):
    class Full(FileSystem):
        def write(self, descriptor, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(DocumentError):
        lock(folder, fs=Full()).try_acquire()
    assert files(folder) == []


def test_the_folder_is_made(folder):
    taker = lock(folder / "agents" / "main")
    assert taker.try_acquire()
    taker.release()


def test_this_process_is_alive_and_an_ended_one_is_not():
    assert pid_alive(os.getpid())
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    child.join()
    assert not pid_alive(child.pid)
    assert not pid_alive(2**31 - 1)


def test_of_many_takers_of_a_stale_lock_one_wins(folder):
    for _ in range(30):
        leave(folder, claim())
        takers = [
            SidecarLock(folder / "f.json", Runtime({}, clock=Clock()), pid_alive=_alive) for _ in range(8)
        ]
        barrier = threading.Barrier(len(takers))
        results = []

        def take(taker, barrier=barrier, results=results):
            barrier.wait()
            results.append(taker.try_acquire())

        threads = [threading.Thread(target=take, args=[taker]) for taker in takers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(results) <= 1
        for taker in takers:
            taker.release()
        (folder / "f.json.lock").unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    return pid == os.getpid()
