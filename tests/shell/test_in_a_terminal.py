"""Terminal IPython through a pseudo-terminal: what a person at a prompt sees."""

import os
import re
import sys
import urllib.parse
import urllib.request

import pytest
from mcp_home import Servers
from scripted_portal import Portal

pexpect = pytest.importorskip("pexpect")
pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[=>]")


class Terminal:
    def __init__(self, child, portal, origin):
        self.child = child
        self.portal = portal
        self.origin = origin

    def type(self, line: str, until: str = r"In \[\d+\]: ") -> str:
        """Type a line and return what is printed until the next prompt (or `until`)."""
        self.child.sendline(line)
        self.child.expect(until, timeout=20)
        return ANSI.sub("", self.child.before).replace("\r", "")

    def press(self, decision: str, link: str) -> None:
        page = urllib.request.urlopen(link).read().decode()
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        body = urllib.parse.urlencode({**fields, "decision": decision}).encode()
        urllib.request.urlopen(f"{self.origin}/authorize", body).read()


@pytest.fixture
def terminal(tmp_path):
    portal = Portal()
    with portal.serve() as origin:
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {
            "HOME": str(tmp_path), "OPENCLAW_HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ip"),
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "TERM": "dumb", "COLUMNS": "120", "PYTHONIOENCODING": "utf-8",
        }  # fmt: skip
        child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--ext=openclaw_ipython"],
            env=environ, encoding="utf-8", dimensions=(50, 120), timeout=30,
        )  # fmt: skip
        child.setecho(False)
        child.expect(r"In \[1\]: ")
        yield Terminal(child, portal, origin)
        child.close(force=True)


def link_in(text: str) -> str:
    return re.search(r"http://127\.0\.0\.1:\d+/authorize\?\S+", text).group(0)


def test_login_blocks_shows_link_code_and_qr_and_ends_signed_in(terminal):
    shown = terminal.type("%openclaw login", until="Ctrl-C cancels")
    assert re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", shown)
    assert "█" in shown
    terminal.press("approve", link_in(shown))
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    after = ANSI.sub("", terminal.child.before)
    assert "Signed in to Qwen as qwen-portal:default" in after
    assert after.rstrip().endswith("→ %%qwen")
    answer = terminal.type("%qwen why?")
    assert "I am the practice portal, not a model." in answer
    assert re.search(r"\(qwen-portal/coder-model · .* tokens\)", answer)
    assert "<" not in answer
    assert "\x1b" not in answer


def test_ctrl_c_cancels_a_login_in_one_line(terminal):
    terminal.type("%openclaw login", until="Ctrl-C cancels")
    terminal.child.sendintr()
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    after = ANSI.sub("", terminal.child.before)
    assert "LoginCancelled" in after
    assert "Traceback" not in after
    assert "2" in terminal.type("1 + 1")


def test_a_denied_login_is_two_lines(terminal):
    shown = terminal.type("%openclaw login", until="Ctrl-C cancels")
    terminal.press("deny", link_in(shown))
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    after = ANSI.sub("", terminal.child.before)
    assert "LoginDenied" in after
    assert "Traceback" not in after


def test_ctrl_c_keeps_the_text_that_came_and_the_prompt_is_back(terminal):
    terminal.portal.approve_after(0)
    terminal.type("%openclaw login")
    terminal.portal.says("one ", "two ").stalls_after(2)
    terminal.type("%qwen hi", until="two")
    terminal.child.sendintr()
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    after = ANSI.sub("", terminal.child.before).replace("\r", "")
    assert after.count("interrupted") == 1
    assert re.match(r"\s*\n\(interrupted · qwen-portal/coder-model · [\d.]+ s\)\n", after)  # below ^C
    assert terminal.portal.wait_for_disconnect()
    assert "not a model" in terminal.type("%qwen again")


def test_control_sequences_of_a_model_do_not_reach_the_terminal(terminal):
    terminal.portal.approve_after(0)
    terminal.type("%openclaw login")
    terminal.portal.says("a\x1b", "]52;c;ZXZpbA==\x07b\x1b[2J", "c\x9bH", "d\rE")
    terminal.child.sendline("%qwen hi")
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    raw = terminal.child.before
    answer = raw[: raw.index("qwen-portal/")]
    assert "\x1b]52" not in raw
    assert "\x1b[2J" not in raw
    assert "\x9b" not in raw
    assert "\x07" not in answer


def test_json_is_laid_out_and_a_repair_is_shown_as_text(terminal):
    terminal.portal.approve_after(0)
    terminal.type("%openclaw login")
    terminal.portal.says('{"a":', "[1]}")
    assert '{\n  "a": [\n    1\n  ]\n}\n(qwen-portal/coder-model' in terminal.type(
        "%qwen -f json -o data give me json"
    )
    assert "[1]" in terminal.type("data['a']")
    terminal.type("1 / zero")
    terminal.portal.says("It has no value.\n\n```python\n1 / 2\n```")
    repaired = terminal.type("%openclaw fix")
    assert "It has no value." in repaired
    assert "What changes:\n-1 / zero\n+1 / 2" in repaired
    assert "<" not in repaired


def test_views_and_errors_are_plain_text(terminal):
    assert "not signed in" in terminal.type("%openclaw")
    error = terminal.type("%qwen hi")
    assert "LoginRequired" in error
    assert "→ %openclaw login" in error
    assert "Traceback" not in error
    assert "did you mean" in terminal.type("%openclaw lgin")


def test_functions_are_asked_about_and_coroutines_run_on_the_loop_that_cells_await_on(terminal):
    terminal.portal.approve_after(0)
    terminal.type("%openclaw login")
    terminal.type("import asyncio; lock = asyncio.Lock(); await lock.acquire()")
    terminal.type(
        "async def later(a: int): await asyncio.sleep(0); lock.release(); return asyncio.get_running_loop()"
    )
    terminal.type("%qwen --tools later later 7", until="Enter: no >")
    shown = terminal.type("y")
    assert "= <" in shown  # the loop, as it prints
    assert "`later` returned" in shown
    assert "False True" in terminal.type("print(lock.locked(), await lock.acquire())")
    terminal.type("%qwen --tools later later 7", until="Enter: no >")
    assert "✗ The person did not allow this call." in terminal.type("")
    terminal.type("%qwen --tools later later 7", until="Enter: no >")
    terminal.child.sendintr()
    terminal.child.expect(r"In \[\d+\]: ", timeout=20)
    assert "Traceback" not in terminal.child.before
    assert "2" in terminal.type("1 + 1")


def test_what_a_prompt_holds_goes_along_and_a_dry_run_is_text(terminal):
    terminal.portal.approve_after(0)
    terminal.type("%openclaw login")
    terminal.type("import pathlib; held = {'a': 1}; pathlib.Path('/nowhere')")
    assert "inserted held" in terminal.type("%qwen --cells -2 -a held what is {held}?")
    sent = terminal.portal.requests[-1].json()["messages"][-1]["content"]
    assert sent.endswith("what is {'a': 1}?")
    assert "PosixPath('/nowhere')" in sent
    shown = terminal.type("%qwen --dry-run what is {held}?")
    assert "Nothing was sent." in shown
    assert "--- user ---\nwhat is {'a': 1}?" in shown


def test_an_assistants_step_is_asked_about_and_run_at_the_prompt(terminal):
    terminal.portal.approve_after()
    terminal.type("%openclaw login")
    terminal.portal.calls("run", {"code": "total = sum([1, 2])\nprint('total', total)\ntotal"}).says(
        "It is 3."
    )
    shown = terminal.type("%qwen --assist add one and two", until="Run this here.*> ")
    assert "total = sum([1, 2])" in shown
    assert "✓ fits this kernel" in shown
    answer = terminal.type("y")
    assert "total 3\n" in answer
    assert "It is 3." in answer
    assert "3" in terminal.type("total")
    (result,) = [
        message["content"]
        for message in terminal.portal.requests[-1].json()["messages"]
        if message["role"] == "tool"
    ]
    assert "total 3" in result


def test_an_mcp_server_that_takes_long_is_seen_to_start(terminal, tmp_path):
    servers = Servers(tmp_path, {})
    servers.add("slow", "slow")
    terminal.type("%openclaw mcp allow slow --yes", until="starting slow … 1 s")
    (tmp_path / "slow" / "go").touch()
    terminal.child.expect(r"In \[\d+\]: ", timeout=60)
    _before, gone, after = terminal.child.before.rpartition(f"\r{'':<79}\r")
    assert gone
    assert "allowed tools of slow: " in after
    assert "starting" not in after
    terminal.type("%unload_ext openclaw_ipython")
    assert servers.are_gone()
