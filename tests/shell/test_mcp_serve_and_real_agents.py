"""Released OpenClaw and Qwen Code, set up with the lines of `%openclaw mcp serve`, use the kernel."""

import json
import shlex
import subprocess

import pytest
from mcp_clients import Served
from real_programs import OPENCLAW_WITH_SQLITE, QWEN_CODE_OF_SEPTEMBER, RealProgram, why_not

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "never"),
]

KEY = "sk-made-up-for-an-agent-0123456789"
SETUP = """
number = 41
def add(a: int) -> int:
    "Add the number."
    print("adding")
    return number + a
"""


@pytest.fixture
def served(notebook):
    notebook.run(SETUP)
    return Served(notebook, "number add --yes")


def lines(served) -> list[str]:
    """The printed lines: for the shell, for OpenClaw, for Qwen Code."""
    return [part.split("\n")[0] for part in served.cell.text.split("```text\n")[1:]]


def token_of(export: str) -> str:
    """What a shell makes of the first line."""
    command = f'{export}; printf %s "$NOTEBOOK_MCP_TOKEN"'
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout


def test_openclaw_probes_the_kernel(served, tmp_path):
    export, command, _qwen_code = lines(served)
    openclaw = RealProgram(OPENCLAW_WITH_SQLITE, tmp_path)
    token = {"NOTEBOOK_MCP_TOKEN": token_of(export)}
    program, *words = shlex.split(command)
    assert program == "openclaw"
    openclaw.run(*words, **token)
    config = (tmp_path / ".openclaw" / "openclaw.json").read_text()
    assert served.token not in config
    said = openclaw.run("mcp", "probe", "notebook", **token)
    assert "2 tools" in said


def test_qwen_code_calls_a_function_of_the_kernel(served, notebook, tmp_path):
    export, _openclaw, entry = lines(served)
    settings = {
        "mcpServers": json.loads(f"{{{entry}}}"),
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    (tmp_path / ".qwen").mkdir()
    (tmp_path / ".qwen" / "settings.json").write_text(json.dumps(settings))
    notebook.portal.accepts_key(KEY)
    notebook.portal.calls("mcp__notebook__add", {"a": 1}).says("It is 42.")
    said = RealProgram(QWEN_CODE_OF_SEPTEMBER, tmp_path).run(
        "--approval-mode", "yolo", "-p", "add 1", NOTEBOOK_MCP_TOKEN=token_of(export),
        OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{notebook.origin}/v1", OPENAI_MODEL="coder-model",
    )  # fmt: skip
    assert "It is 42." in said
    first, second = (request.json() for request in notebook.chats()[-2:])
    assert {"mcp__notebook__add", "mcp__notebook__number"} <= {
        tool["function"]["name"] for tool in first["tools"]
    }
    (result,) = [m["content"] for m in second["messages"] if m["role"] == "tool"]
    assert "42\n\nPrinted:\nadding" in json.dumps(result, ensure_ascii=False).replace("\\n", "\n")
