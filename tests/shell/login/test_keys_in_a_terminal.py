"""Signing in without the portal in terminal IPython: a hidden key, a question with an answer, the portal that ended."""

import json
import os
import re
import sys

import pytest
from scripted_portal import Portal

pexpect = pytest.importorskip("pexpect")
pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[=>]")
PROMPT = r"In \[\d+\]: "
KEY = "sk-made-up-for-the-prompt-0123456789"


class Terminal:
    def __init__(self, child, portal, origin, home):
        self.child = child
        self.portal = portal
        self.address = f"{origin}/v1"
        self.home = home
        self.seen = ""

    def type(self, line: str, until: str = PROMPT) -> str:
        self.child.sendline(line)
        self.child.expect(until, timeout=30)
        self.seen += self.child.before
        return ANSI.sub("", self.child.before).replace("\r", "")

    def config(self) -> dict:
        return json.loads((self.home / ".openclaw" / "openclaw.json").read_text("utf-8"))


@pytest.fixture
def terminal(tmp_path):
    portal = Portal().accepts_key(KEY)
    with portal.serve() as origin:
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and "API_KEY" not in k} | {
            "HOME": str(tmp_path), "OPENCLAW_HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ip"),
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "TERM": "dumb", "COLUMNS": "160", "PYTHONIOENCODING": "utf-8",
        }  # fmt: skip
        child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--ext=openclaw_ipython"],
            env=environ, encoding="utf-8", dimensions=(50, 160), timeout=30, cwd=str(tmp_path),
        )  # fmt: skip
        child.setecho(False)
        child.expect(r"In \[1\]: ")
        yield Terminal(child, portal, origin, tmp_path)
        child.close(force=True)


def test_a_key_is_asked_for_without_an_echo_after_the_terms(terminal):
    asked = terminal.type(
        f"%openclaw login --provider qwen-coding-plan --region {terminal.address}", until="API key of [^:]*: "
    )
    assert "terms allow interactive coding tools only" in asked
    done = terminal.type(KEY)
    assert "Signed in to Qwen Coding Plan as qwen-coding-plan:default" in done
    assert "Traceback" not in done
    terminal.type("%history")
    assert KEY not in terminal.seen
    assert KEY.encode() not in b"".join(
        p.read_bytes() for p in (terminal.home / "ip").rglob("*") if p.is_file()
    )
    entry = terminal.config()["models"]["providers"]["qwen-coding-plan"]
    assert entry["baseUrl"] == terminal.address


def test_a_refused_key_is_two_lines_that_name_the_other_addresses(terminal):
    terminal.type(
        f"%openclaw login --provider modelstudio --region {terminal.address}", until="API key of [^:]*: "
    )
    said = terminal.type("sk-of-somewhere-else-0123456789")
    assert "LoginRequired" in said
    assert f"in use: {terminal.address}" in said
    assert "dashscope-us.aliyuncs.com" in said
    assert "Traceback" not in said
    assert not (terminal.home / ".openclaw").exists()


def test_a_server_that_wants_a_key_asks_for_it(terminal):
    line = f"%openclaw login --provider openai-compatible --region {terminal.address}"
    terminal.type(line, until="API key of [^:]*: ")
    refused = terminal.type("sk-of-somewhere-else-0123456789")
    assert f"→ {line}" in refused
    assert not (terminal.home / ".openclaw").exists()
    terminal.type(line, until="API key of [^:]*: ")
    assert "Signed in to OpenAI-compatible server as openai-compatible:default" in terminal.type(KEY)
    assert KEY not in terminal.seen
    assert "openai-compatible/" in terminal.type("%qwen Hello")


def test_a_portal_that_ended_is_one_sentence_and_what_to_type(terminal):
    terminal.portal.answers_html("device/code", times=None)
    said = terminal.type("%openclaw login")
    assert "LoginUnavailable: the Qwen portal's free sign-in ended on 2026-04-15" in said
    assert "→ %openclaw login --provider modelstudio" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("", False), ("no", False)])
def test_an_import_is_asked_about(terminal, answer, written):
    folder = terminal.home / ".qwen"
    folder.mkdir()
    rows = [{"id": "coder-model", "baseUrl": terminal.address, "envKey": "MY_KEY"}]
    document = {"env": {"MY_KEY": KEY}, "modelProviders": {"openai": rows}}
    (folder / "settings.json").write_text(json.dumps(document), "utf-8")
    shown = terminal.type("%openclaw login --method import", until=r"\[y/N\] ")
    assert terminal.address in shown
    assert KEY not in shown
    after = terminal.type(answer)
    assert ("Imported: qwen-code" in after) is written
    assert (terminal.home / ".openclaw" / "openclaw.json").exists() is written
