"""Many programs and one login: one refresh, whoever needs it, whatever lies around. Real processes, real files."""

import json
import os
import stat
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

import pytest
from programs import SharedHome, programs
from scripted_portal import Portal

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store

pytestmark = pytest.mark.slow

PROCESSES, ROUNDS = 8, 20


@pytest.fixture
def served():
    portal = Portal()
    with portal.serve() as url:
        yield portal, url


@pytest.fixture(params=["openclaw", "qwen"])
def shared(request, served, tmp_path):
    portal, url = served
    folder = tmp_path / "shared"
    folder.mkdir()
    return SharedHome(folder, url, portal, request.param).is_set_up().has_login(left=3600)


class Round:
    """What one round of questions came to."""

    def __init__(self, home: SharedHome, askers, questions: int = 1) -> None:
        before = len(home.portal.requests)
        for asker in askers:
            asker.tell(questions=questions)
        self.results = [result for asker in askers for result in asker.hear()["results"]]
        self.home = home
        self.requests = home.portal.requests[before:]

    @property
    def refreshes(self):
        return [r for r in self.requests if r.form().get("grant_type") == "refresh_token"]

    @property
    def bearers(self):
        chats = [r for r in self.requests if r.path.endswith("/chat/completions")]
        return {r.headers["authorization"].removeprefix("Bearer ") for r in chats}

    def check(self, files: set[str], *, refreshes: int = 1) -> None:
        """All are answered, by so many refreshes, and the files are as one finds them after any quiet day."""
        assert [r for r in self.results if not r.get("answer")] == []
        assert len(self.refreshes) == refreshes
        assert self.home.names() == files
        if sys.platform != "win32":
            assert stat.S_IMODE(self.home.file.stat().st_mode) == 0o600


def test_eight_processes_with_one_expired_token_make_one_refresh_twenty_times(shared):
    files = shared.names()
    with programs("asker", PROCESSES, shared.environ) as askers:
        for number in range(ROUNDS):
            before = shared.login()
            if number % 2:
                shared.portal.expires_tokens()  # nobody knows, until a 401 says so
            else:
                shared.expire()
            done = Round(shared, askers, questions=1 + number % 3)
            done.check(files)
            after = shared.login()
            assert after["refresh"] != before["refresh"]
            assert after["at"] > time.time() * 1000
            if not number % 2:
                assert done.bearers == {after["access"]}  # nobody sent the old one


def openclaws_lock(**changes) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"pid": os.getpid(), "createdAt": now} | changes)


def ended_process() -> int:
    from multiprocessing import get_context

    child = get_context("spawn").Process(target=int)
    child.start()
    child.join()
    return child.pid


def left_behind(home: SharedHome):
    """Locks of programs that are gone, in every state they may be found in."""
    old = 31 if home.kind == "openclaw" else 41

    def file(content: str, age: float):
        home.lock.write_text(content)
        os.utime(home.lock, (time.time() - age,) * 2)

    def folder():
        home.lock.mkdir()
        os.utime(home.lock, (time.time() - old,) * 2)

    yield "a file", lambda: file(openclaws_lock(createdAt="2026-01-01T00:00:00.000Z"), old)
    yield "an empty file", lambda: file("", old)
    yield "garbage", lambda: file("\0{\x01 garbage", old)
    yield "an id", lambda: file(str(uuid.uuid4()), old)
    yield "a folder", folder
    dead = ended_process()
    yield "a dead process", lambda: file(openclaws_lock(pid=dead), 0 if home.kind == "openclaw" else old)


def test_what_dead_programs_left_behind_costs_neither_an_answer_nor_a_second_refresh(shared):
    files = shared.names()
    with programs("asker", PROCESSES, shared.environ) as askers:
        for what, leave in left_behind(shared):
            shared.expire()
            leave()
            done = Round(shared, askers)
            assert done.results, what
            done.check(files)


def test_a_held_lock_is_waited_for(shared):
    files = shared.names()
    with programs("asker", PROCESSES, shared.environ) as askers:
        shared.expire()
        shared.lock.write_text(openclaws_lock() if shared.kind == "openclaw" else str(uuid.uuid4()))
        released = []

        def release():
            released.append(time.time())
            shared.lock.unlink()

        threading.Timer(1.0, release).start()
        done = Round(shared, askers)
        done.check(files)
        assert done.refreshes[0].time >= released[0]


def test_what_the_holder_of_the_lock_writes_is_what_all_use(shared):
    files = shared.names()
    with programs("asker", PROCESSES, shared.environ) as askers:
        shared.expire()
        shared.lock.write_text(openclaws_lock() if shared.kind == "openclaw" else str(uuid.uuid4()))

        def finish():
            shared.has_login(left=3600)
            shared.lock.unlink()

        threading.Timer(1.0, finish).start()
        done = Round(shared, askers)
        done.check(files, refreshes=0)
        assert done.bearers == {shared.login()["access"]}


def test_many_threads_of_one_program_make_one_refresh(shared):
    import asyncio

    files = shared.names()
    shared.expire()
    barrier, answers = threading.Barrier(PROCESSES), []

    def ask():
        home = locate({}, shared.folder, lambda _: False)
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": shared.url}

        async def work():
            async with Client(
                store=Store(home, Runtime(environ)), runtime=Runtime(environ), journal=False
            ) as client:
                barrier.wait()
                answers.append(await client.ask("hi", model="qwen-portal/coder-model"))

        asyncio.run(work())

    threads = [threading.Thread(target=ask) for _ in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == PROCESSES
    refreshes = [r for r in shared.portal.requests if r.form().get("grant_type") == "refresh_token"]
    assert len(refreshes) == 1
    assert shared.names() == files
