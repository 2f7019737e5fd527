"""`kill -9` at every step of a batch: the same call ends with every row once, nothing sent twice and nothing left."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from scripted_portal import Portal

import openclaw_ipython as oc
from openclaw_ipython.batch_api.records import BatchRecords
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.practice.server import listening

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")]

ITEMS = [f"item {number}" for number in range(5)]
PROGRAM = """
import openclaw_ipython as oc
oc.map([f"item {number}" for number in range(5)], batch=FORM, concurrency=1, progress=False, table=False)
"""


class KillingPortal:
    """Kills its client at the first request that matches: before it takes effect, or after, without an answer."""

    def __init__(self, portal, pattern, *, late, nth=1):
        self.portal, self._pattern, self._late, self._left = portal, pattern, late, nth
        self.program = None

    def handle(self, request):
        self._left -= re.fullmatch(self._pattern, f"{request.method} {request.path}") is not None
        if self._left == 0 and self.program is not None:
            response = self.portal.handle(request) if self._late else None
            self.program.kill()
            self.program.wait()
            self.program = None
            return response or self.portal.handle(request.__class__("GET", request.origin, "/"))
        return self.portal.handle(request)

    def client_disconnected(self, request, sent):
        pass


class KilledCall:
    """A home, a program that was killed in `oc.map`, and the same call in this process."""

    def __init__(self, folder, portal, form):
        self.folder, self.portal, self.form = folder, portal, form

    def kill(self, pattern, *, late, nth=1):
        """Run the program until it is killed, and the call again."""
        killing = KillingPortal(self.portal, pattern, late=late, nth=nth)
        with listening(killing, 0) as origin:
            entry = {
                "baseUrl": f"{origin}/v1",
                "api": "openai-completions",
                "models": [{"id": "coder-model", "name": "a"}],
            }
            config = {
                "models": {"providers": {"mine": entry}},
                "agents": {"defaults": {"model": {"primary": "mine/coder-model"}}},
            }
            (self.folder / ".openclaw").mkdir()
            (self.folder / ".openclaw" / "openclaw.json").write_text(json.dumps(config), "utf-8")
            self.environ = {
                "OPENCLAW_HOME": str(self.folder),
                "MINE_API_KEY": self.portal.issue(origin)["access_token"],
            }
            killing.program = program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM.replace("FORM", repr(self.form))],
                env={**os.environ, **self.environ, "HOME": str(self.folder)},
            )
            program.wait(120)
            assert program.returncode == -signal.SIGKILL
            return oc.map(ITEMS, batch=self.form, progress=False, table=False, client=self.client())

    def client(self):
        async def at_once(_):
            pass

        runtime = Runtime(self.environ, sleep=at_once)
        return Client(store=Store(locate(self.environ, None, Path.exists), runtime), runtime=runtime)

    def records(self):
        client = self.client()
        try:
            return BatchRecords(client.recorder.journal.jobs).all()
        finally:
            client.recorder.close()

    def sent(self, path):
        return [r for r in self.portal.requests if r.method == "POST" and r.path == path]


MOMENTS = {
    "before the upload": ("POST /v1/files", False, 1),
    "after the upload": ("POST /v1/files", True, 1),
    "before create": ("POST /v1/batches", False, 1),
    "after create": ("POST /v1/batches", True, 1),
    "at the first look": ("GET /v1/batches/.*", True, 1),
    "at the output file": ("GET /v1/files/.*/content", False, 1),
    "at the error file": ("GET /v1/files/.*/content", True, 2),
    "before the first deletion": ("DELETE .*", False, 1),
    "after the first deletion": ("DELETE .*", True, 1),
    "after the last deletion": ("DELETE .*", True, 3),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_files_and_batches(tmp_path, moment):
    pattern, late, nth = MOMENTS[moment]
    portal = Portal().batches(fails=1)
    call = KilledCall(tmp_path, portal, "files")
    replies = call.kill(pattern, late=late, nth=nth)
    rerun = "deletion" in moment  # the answers were in the journal: the row that failed is asked again
    assert [isinstance(reply, str) for reply in replies] == [False, True, True, True, True]
    assert isinstance(replies[0], OpenClawError)
    assert set(Counter(portal.batch_desk.answered).values()) == {1}
    assert len(portal.batch_desk.answered) == 4
    assert len(call.sent("/v1/files")) == len(call.sent("/v1/batches")) == 1 + rerun
    assert portal.batch_desk.files == {}
    assert call.records() == []


@pytest.mark.parametrize(
    ("pattern", "late"),
    [
        ("POST /v1/batches", False),
        ("POST /v1/batches", True),
        ("GET /v1/batches/.*", True),
        ("DELETE .*", True),
    ],
)
def test_batches_without_files(tmp_path, pattern, late):
    portal = Portal()
    call = KilledCall(tmp_path, portal, "inline")
    assert all(isinstance(reply, str) for reply in call.kill(pattern, late=late))
    assert len(call.sent("/v1/batches")) == 1
    assert portal.batch_desk.batches == {}
    assert call.records() == []


def test_rows_on_a_batch_host(tmp_path):
    portal = Portal()
    call = KilledCall(tmp_path, portal, "chat")
    assert all(isinstance(reply, str) for reply in call.kill("POST .*/chat/completions", late=False, nth=4))
    sent = Counter(request.json()["messages"][-1]["content"] for request in call.sent("/v1/chat/completions"))
    assert set(sent) == set(ITEMS)
    assert sum(sent.values()) == len(ITEMS)
