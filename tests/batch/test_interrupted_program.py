"""A program that is interrupted in `oc.map`: one line, and the exit status of an interrupt."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from scripted_portal import Portal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="a process group gets the interrupt there"),
]

PROGRAM = "import openclaw_ipython as oc; oc.map(map(str, range(10**6)), concurrency=4, progress=False)"


def test_an_interrupted_program_ends_with_one_line_and_the_status_of_an_interrupt(tmp_path):
    portal = Portal()
    with portal.serve() as origin:
        entry = {
            "baseUrl": f"{origin}/v1",
            "api": "openai-completions",
            "models": [{"id": "coder-model", "name": "a"}],
        }
        config = {
            "models": {"providers": {"mine": entry}},
            "agents": {"defaults": {"model": {"primary": "mine/coder-model"}}},
        }
        (tmp_path / ".openclaw").mkdir()
        (tmp_path / ".openclaw" / "openclaw.json").write_text(json.dumps(config), "utf-8")
        token = portal._oauth.issue(origin)["access_token"]
        environ = {**os.environ, "HOME": str(tmp_path), "OPENCLAW_HOME": str(tmp_path), "MINE_API_KEY": token}
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environ, stderr=subprocess.PIPE, text=True
        )
        moment = threading.Event()
        while len(portal.requests) < 50 and program.poll() is None:
            moment.wait(0.01)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert said.count("\n") == 1
    assert said.startswith("KeyboardInterrupt: ")
    assert "answered; the same call resumes from there" in said
    assert program.returncode == -signal.SIGINT
