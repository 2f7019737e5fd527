"""Finished items are stored in the journal and loaded by the next run, also after the process was killed."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

import openclaw_ipython as oc
from openclaw_ipython.batch.checkpoint import Checkpoint
from openclaw_ipython.batch.plan import item_key, job_key
from openclaw_ipython.chat.types import Message

SCRIPT = """
import openclaw_ipython as oc
oc.map([f"item {i}" for i in range(300)], concurrency=4, progress=False, table=False)
"""


def test_the_job_key_depends_on_prompt_model_and_options():
    shape = {"prompt": "p", "model": "a/b", "temperature": None}
    assert job_key(shape) == job_key(dict(reversed(shape.items())))
    others = [{**shape, "prompt": "q"}, {**shape, "model": "a/c"}, {**shape, "temperature": 0.0}]
    assert len({job_key(s) for s in [shape, *others]}) == 4


def test_the_item_key_depends_on_position_and_messages():
    one = item_key(0, [Message("user", "x")])
    assert one == item_key(0, [Message("user", "x")])
    assert len({one, item_key(1, [Message("user", "x")]), item_key(0, [Message("user", "y")])}) == 3


class Interrupted:
    """A job whose results are never read: an interrupt comes first."""

    given_back = False

    def claim(self):
        return lambda: setattr(self, "given_back", True)

    def results(self):
        raise KeyboardInterrupt


def test_an_interrupt_before_the_first_row_gives_the_claim_back():
    job = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(None, job, claim=True)
    assert job.given_back


@pytest.mark.slow
def test_the_next_process_resumes_after_a_kill(remote):
    remote.portal.takes(0.01)
    environ = os.environ | {
        "OPENCLAW_HOME": str(remote.home.user_home),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": remote.origin,
    }
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], env=environ)
    deadline = time.monotonic() + 60
    while len(remote.prompts()) < 120 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = Counter(remote.prompts())
    assert 120 <= len(before) < 300
    remote.portal.takes(0)
    replies = oc.map(
        [f"item {i}" for i in range(300)], concurrency=4, client=remote.client, progress=False, table=False
    )
    assert [f"item {i}" in reply for i, reply in enumerate(replies)] == [True] * 300
    assert 0 < replies.tally.remembered <= len(before)
    after = Counter(remote.prompts())
    assert len(after) == 300
    assert max(after.values()) <= 2
