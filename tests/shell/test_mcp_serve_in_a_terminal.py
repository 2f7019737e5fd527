"""`%openclaw mcp serve` at IPython's own prompt: calls are made while it waits."""

import asyncio
import os
import re
import sys

import pytest
from mcp_clients import mcp_client, text_of

pexpect = pytest.importorskip("pexpect")
pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]


@pytest.fixture
def child(tmp_path):
    environ = os.environ | {
        "OPENCLAW_HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "200", "PROMPT_TOOLKIT_NO_CPR": "1",
    }  # fmt: skip
    command = ["-m", "IPython", "--no-banner", "--no-confirm-exit", "--ext=openclaw_ipython"]
    child = pexpect.spawn(
        sys.executable, command, env=environ, encoding="utf-8", dimensions=(50, 200), timeout=30
    )
    yield child
    child.close(force=True)


def typed(child, line: str, answer: str) -> str:
    child.send(f"{line}\r")
    child.expect(answer)
    return child.match[0]


def test_calls_are_made_while_the_prompt_waits_and_print_nothing(child, tmp_path):
    child.expect(r"In .*1")
    typed(child, "def add(a: int): print('adding'); return a + number", "In .*2")
    typed(child, "async def later(): pass", "In .*3")
    typed(child, "import time; number = 41", "In .*4")
    typed(child, "%openclaw mcp serve number add", "nobody can be asked here before it runs")
    typed(child, "%openclaw mcp serve later --yes", "agents can call it in a notebook only")
    typed(child, "%openclaw mcp serve number add --yes", r"httpUrl")
    child.expect("In .*7")
    (token,) = tmp_path.rglob("*.token")
    url = f"http://127.0.0.1:{token.stem}/mcp"

    async def talk():
        async with mcp_client(url, token.read_text()) as client:
            first = [text_of(await client.call_tool(name, args)) for name, args in calls]
            child.send("print('be' + 'gun'); time.sleep(1); number = 50\r")
            child.expect("begun")  # a cell runs: the call comes after it
            return [*first, text_of(await client.call_tool("add", {"a": 1}))]

    calls = [("number", {}), ("add", {"a": 1})]
    number, added, after = asyncio.run(talk())
    assert "number (int):\n41" in number
    assert added == "42\n\nPrinted:\nadding"
    assert after.startswith("5")
    shown = typed(child, "%openclaw mcp status", r"(?s)Offered to agents.*Duration.*done")
    assert len(re.findall(r"\badd\b.*\bdone\b", shown)) >= 1
    typed(child, "%openclaw mcp stop", "can no longer reach this kernel")
    assert list(tmp_path.rglob("*.token")) == []
