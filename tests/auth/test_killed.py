"""Killed at every single file operation of a sign-in and of a refresh: the files stay whole, the next run recovers."""

import json
import os
import re
import stat
import time
from pathlib import Path

import pytest
from programs import SharedHome, programs
from scripted_portal import Portal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each death is that of a fork"),
]

LITTER = re.compile(r"\.[\w.-]+\.[0-9a-f]{16}\.tmp")
LOCKS = re.compile(r"(auth-profiles\.json|oauth_creds)\.lock(\.takeover)?")
CONFIG = """// mine
{ gateway: { port: 18789 }, /* theirs */ models: { providers: { other: { baseUrl: 'https://x/v1', models: [] } } } }
"""
STALE = {"pid": 2**22 + 1, "createdAt": "2026-01-01T00:00:00.000Z"}  # no system counts its processes that far


@pytest.fixture
def make(tmp_path):
    """A fresh home at one portal that approves by itself."""
    portal = Portal().approve_after(0).interval(1, enforced=0)
    with portal.serve() as url:
        count = 0

        def fresh(kind):
            nonlocal count
            count += 1
            folder = tmp_path / str(count)
            folder.mkdir()
            return SharedHome(folder, url, portal, kind)

        yield fresh


def everything(home):
    return {name: (home.folder / name).read_bytes() for name in home.names()}


def reset(home, files):
    """Put the home back as it was before."""
    for name in home.names() - set(files):
        (home.folder / name).unlink()
    for name, content in files.items():
        home.write(home.folder / name, content.decode())


def leftovers(home, files):
    """What is there and was not; each of it something that the next run deals with."""
    found = home.names() - set(files)
    for name in found:
        base = Path(name).name
        assert LITTER.fullmatch(base) or LOCKS.fullmatch(base), f"{name} was left behind"
    return found


def private(home):
    """Whatever holds a token is for its owner alone; a lock holds none."""
    for path in home.folder.rglob("*"):
        if path.is_file() and b"practice-" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def aged(home):
    """As if the killed program had died hours ago: its litter may be swept."""
    for name in home.names():
        if LITTER.fullmatch(Path(name).name):
            os.utime(home.folder / name, (time.time() - 7200,) * 2)


def test_a_sign_in_killed_anywhere_leaves_whole_files_and_the_next_one_works(make):
    home = make("openclaw")
    home.has_login(left=-10)
    home.write(home.config, CONFIG)
    stale = {
        "providers": {"qwen-portal": {"baseUrl": "https://portal.qwen.ai/v1", "apiKey": "x", "models": []}}
    }
    derived = home.profiles.with_name("models.json")
    home.write(derived, stale)
    before = everything(home)
    with programs("mortal", 1, home.environ) as (mortal,):
        operations = mortal.do(act="login")["result"]["operations"]
        after = everything(home)
        assert set(after) == set(before)
        states = set()
        for number in range(1, operations + 1):
            reset(home, before)
            assert mortal.do(act="login", dies_at=number)["killed"], number
            states.add(whole(home, before, derived))
            leftovers(home, before)
            private(home)
            aged(home)
            again = mortal.do(act="login", later=100)  # an empty lock is respected for a while
            assert again["result"]["answer"] == "signed in", (number, again)
            assert home.names() == set(before), number
            assert mortal.do(act="ask", later=100)["result"]["answer"], number
    # The profile comes first: alone it does no harm, and it is what cannot be had again.
    assert states == {(False, False, False), (True, False, False), (True, True, False), (True, True, True)}


def whole(home, before, derived):
    """Which of the three files is the new one; each is the old or the new one."""
    old = {path: before[str(path.relative_to(home.folder))] for path in (home.profiles, home.config, derived)}
    news = []
    for path, content in old.items():
        now = path.read_bytes()
        news.append(now != content)
        if now == content:
            continue
        if path == home.profiles:
            assert home.login()["at"] > time.time() * 1000
        elif path == home.config:
            text = now.decode()
            assert text.startswith("// mine\n")
            assert "/* theirs */" in text
            assert f"{home.url}/v1" in text
            assert '"qwen-portal/coder-model"' in text or "qwen-portal/coder-model" in text
        else:
            assert json.loads(now)["providers"]["qwen-portal"]["baseUrl"] == f"{home.url}/v1"
    return tuple(news)


@pytest.mark.parametrize("beside", ["nothing", "a stale lock"])
@pytest.mark.parametrize("kind", ["openclaw", "qwen"])
def test_a_refresh_killed_anywhere_leaves_whole_files_and_the_next_run_recovers(make, kind, beside):
    home = make(kind).is_set_up()
    home.has_login(left=-10)
    files = set(home.names())
    refreshed_in_vain = 0

    def begin():
        for name in home.names() - files:
            (home.folder / name).unlink()
        home.has_login(left=-10)
        if beside == "a stale lock":
            home.lock.write_text(json.dumps(STALE) if kind == "openclaw" else "somebody")
            os.utime(home.lock, (time.time() - 60,) * 2)

    with programs("mortal", 1, home.environ) as (mortal,):
        begin()
        operations = mortal.do(act="ask")["result"]["operations"]
        for number in range(1, operations + 1):
            begin()
            old, config, asked = home.file.read_bytes(), home.config.read_bytes(), len(home.portal.requests)
            assert mortal.do(act="ask", dies_at=number)["killed"], number
            carried_out = len(refreshes(home, asked))
            assert carried_out <= 1
            written = home.file.read_bytes() != old
            assert home.login()["at"] > time.time() * 1000 or not written
            assert not (written and not carried_out)
            assert home.config.read_bytes() == config
            leftovers(home, files)
            private(home)
            aged(home)
            asked = len(home.portal.requests)
            again = mortal.do(act="ask", later=100)["result"]
            if carried_out and not written:
                # The service has spent the token, and nobody knows the new one any more: this is said.
                refreshed_in_vain += 1
                assert again["error"] == "RefreshRejected", (number, again)
            else:
                assert again.get("answer"), (number, again)
                assert len(refreshes(home, asked)) == 1 - carried_out
                # A lock is in nobody's way before somebody needs it.
                home.expire()
                assert mortal.do(act="ask", later=100)["result"]["answer"], number
                assert home.names() == files, number
    assert 1 <= refreshed_in_vain < operations


def refreshes(home, since):
    return [r for r in home.portal.requests[since:] if r.form().get("grant_type") == "refresh_token"]
