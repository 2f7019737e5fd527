"""A server of npm, as people have it: OPENCLAW_TEST_REAL_PROGRAMS=1 installs it into `.cache/mcp-server`."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from mcp_home import Servers

from openclaw_ipython.mcp.connection import CONNECTIONS

ENVIRONMENT = dict(os.environ)  # before the tests' own home hides npm's settings
CACHE = Path(__file__).parents[2] / ".cache" / "mcp-server"
PACKAGE = "@modelcontextprotocol/server-filesystem"
NPM = shutil.which("npm")

pytestmark = pytest.mark.skipif(
    not NPM or ENVIRONMENT.get("OPENCLAW_TEST_REAL_PROGRAMS") != "1",
    reason="needs npm, and installs a server: set OPENCLAW_TEST_REAL_PROGRAMS=1",
)


@pytest.fixture
def server(tmp_path):
    """The command of the installed server, for one folder."""
    script = CACHE / "node_modules" / PACKAGE / "dist" / "index.js"
    if not script.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE.parent / ".gitignore").write_text("*\n")
        (CACHE / "package.json").write_text(json.dumps({"private": True}))
        command = [NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"{PACKAGE}@2026.8.31"]
        subprocess.run(command, cwd=CACHE, env=ENVIRONMENT, check=True, capture_output=True, timeout=600)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "notes.txt").write_text("tea 3\ncoffee 4\n")
    return {"command": "node", "args": [str(script), str(folder)]}, folder


def test_the_filesystem_server_of_npm(tmp_path, server):
    entry, folder = server
    servers = Servers(tmp_path, {})
    servers.add("files", "", **entry, toolFilter={"include": ["read_*", "list_directory", "write_file"]})
    tools = servers.offer("files")
    try:
        assert {"mcp__files__read_text_file", "mcp__files__list_directory"} <= tools.keys()
        assert "mcp__files__move_file" not in tools
        assert "$schema" not in json.dumps([tool.spec for tool in tools.values()])
        assert "notes.txt" in tools["mcp__files__list_directory"].function(path=str(folder)).text
        assert "coffee 4" in tools["mcp__files__read_text_file"].function(path=str(folder / "notes.txt")).text
        written = tools["mcp__files__write_file"].function(path=str(folder / "new.txt"), content="cake 5")
        assert not written.failed
        assert (folder / "new.txt").read_text() == "cake 5"
        outside = tools["mcp__files__read_text_file"].function(path="/etc/hostname")
        assert outside.failed
        assert "denied" in outside.text
        (recorded,) = (servers.own / "mcp").glob("*.pid")
        assert json.loads(recorded.read_text())[1] == os.getpid()
    finally:
        CONNECTIONS.close()
    assert list((servers.own / "mcp").glob("*.pid")) == []
