"""`%%qwen` at a prompt: Enter after its first line goes on to the next line, as for every cell magic."""

import os
import re
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from scripted_portal import Portal

from openclaw_ipython.shell import magics

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[=>]")


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    before = list(shell.input_transformers_cleanup)
    magics.load(shell)
    yield shell
    magics.unload(shell)
    assert shell.input_transformers_cleanup == before
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("line", ["%%qwen", "%%qwen -s x", "%%qwen qwen -t 0.2", "%%qwen -s 'is it?'"])
def test_a_first_line_waits_for_its_body(shell, line):
    assert shell.check_complete(line)[0] == "incomplete"
    assert shell.check_complete(f"{line}\nis it?")[0] == "incomplete"
    assert shell.check_complete(f"{line}\nis it?\n\n")[0] == "complete"


@pytest.mark.parametrize("line", ["%qwen is it?", "%qwen what's this?", "%qwen", "%qwen?", "%openclaw"])
def test_a_line_is_complete(shell, line):
    assert shell.check_complete(line)[0] == "complete"


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        ("%%qwen", "run_line_magic('qwen', '')"),
        ("%%qwen -s x\n\n", "run_line_magic('qwen', '')"),
        ("%%qwen\nis it?", "run_cell_magic('qwen', '', 'is it?\\n')"),
        ("%qwen is it?", "run_line_magic('qwen', 'is it?')"),
        ("%qwen?", "run_line_magic('pinfo', '%qwen')"),
        ("%%qwen?", "run_line_magic('pinfo', '%%qwen')"),
        ("%%qwenlike x\n", "run_cell_magic('qwenlike', 'x', '')"),
    ],
)
def test_what_is_run(shell, typed, run):
    assert shell.transform_cell(typed).strip() == f"get_ipython().{run}"


@pytest.mark.kernel
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("prompt", [[], ["--simple-prompt"]], ids=["prompt-toolkit", "simple prompt"])
def test_enter_after_the_first_line_goes_on_to_the_next(tmp_path, prompt):
    pexpect = pytest.importorskip("pexpect")
    with Portal().serve() as origin:
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {
            "HOME": str(tmp_path), "OPENCLAW_HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ip"),
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1",
            "PYTHONIOENCODING": "utf-8", "QWEN_OAUTH_TOKEN": "none",
        }  # fmt: skip
        arguments = ["-m", "IPython", "--colors=NoColor", "--no-banner", "--no-confirm-exit", *prompt]
        child = pexpect.spawn(
            sys.executable, arguments, env=environ, encoding="utf-8", dimensions=(50, 120), timeout=30
        )
        try:
            child.expect(r"In \[1\]:")
            child.send("%load_ext openclaw_ipython\r")
            child.expect(r"In \[2\]:")
            child.send("%%qwen --dry-run\r")
            child.expect(r"\.\.\.:")
            child.send("why is the sky blue\r")
            child.expect(r"\.\.\.:")
            child.send("\r\r")  # an empty line ends the cell, as after %%bash
            child.expect(r"In \[3\]:")
            shown = ANSI.sub("", child.before)
        finally:
            child.close(force=True)
    assert "The prompt is empty" not in shown
    assert "SyntaxError" not in shown
    assert "LoginRequired" in shown  # it was asked: there is no model in this home
