"""A batch whose process is killed without warning: the same call, in another process, goes on."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

import openclaw_ipython as oc

pytestmark = pytest.mark.slow

SCRIPT = """
import openclaw_ipython as oc
oc.map([f"item {i}" for i in range(300)], concurrency=4, progress=False, table=False)
"""


def test_a_killed_process_loses_a_moment_of_answers_and_no_more(far):
    far.portal.takes(0.01)
    environ = os.environ | {
        "OPENCLAW_HOME": str(far.home.user_home),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": far.origin,
    }
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], env=environ)
    deadline = time.monotonic() + 60
    while len(far.prompts()) < 120 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = Counter(far.prompts())
    assert 120 <= len(before) < 300
    far.portal.takes(0)
    replies = oc.map(
        [f"item {i}" for i in range(300)], concurrency=4, client=far.client, progress=False, table=False
    )
    assert [f"item {i}" in reply for i, reply in enumerate(replies)] == [True] * 300
    assert 0 < replies.tally.remembered <= len(before)
    after = Counter(far.prompts())
    assert len(after) == 300
    assert max(after.values()) <= 2
