"""Real MCP servers in a home of their own."""

import pytest
from mcp_home import Servers

from openclaw_ipython.mcp.connection import CONNECTIONS


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    made = Servers(tmp_path_factory.mktemp("servers"), {"TOKEN": "s3cret-of-the-server"})
    made.add("good", "good", env={"TOKEN": "${TOKEN}"})
    yield made
    CONNECTIONS.close()
    assert made.running() == []


@pytest.fixture(scope="module")
def good(servers):
    """The tools of a server that works, by their own names."""
    return {name.removeprefix("mcp__good__"): tool for name, tool in servers.offer("good").items()}
