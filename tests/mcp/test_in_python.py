"""MCP servers in `Client`: what has been allowed is called, nothing else is started."""

import asyncio

import pytest
from mcp_home import Servers

from openclaw_ipython.chat.types import ToolCall, ToolResult
from openclaw_ipython.errors import UsageError
from openclaw_ipython.mcp.connection import CONNECTIONS
from openclaw_ipython.mcp.offer import digest_of, listed

pytestmark = pytest.mark.slow


@pytest.fixture
def servers(house):
    made = Servers(house.home.user_home, {})
    made.add("good", "good")
    yield made
    CONNECTIONS.close()
    assert made.are_gone()


async def asked(house, **options):
    async with house.client as client:
        return [event async for event in client.stream("add", **options)]


def test_a_client_calls_the_tools_that_were_allowed(house, servers):
    asyncio.run(house.login())
    with pytest.raises(UsageError, match="has not been allowed to start") as raised:
        asyncio.run(asked(house, tools=["mcp:good/add"]))
    assert raised.value.hint == "%openclaw mcp allow good"
    with pytest.raises(UsageError, match="'good' is no function"):
        asyncio.run(asked(house, tools=["good"]))
    assert servers.lines("good", "started") == []
    ((connection, consent, tools),) = listed(["good/add"], servers.store, lambda _server: True)
    consent.allow(connection.server, {tool.name: digest_of(tool) for tool in tools})
    with pytest.raises(UsageError, match="the tool wait of good is new"):
        asyncio.run(asked(house, tools=["mcp:good"]))
    house.portal.calls("mcp__good__add", {"a": 2, "b": 3}, ("double", {"a": 4})).says("five")

    def double(a: int) -> int:
        return 2 * a

    events = asyncio.run(asked(house, tools=[double, "mcp:good/add"]))
    called = [event.name for event in events if isinstance(event, ToolCall)]
    results = [event.text for event in events if isinstance(event, ToolResult)]
    assert called == ["mcp__good__add", "double"]
    assert "\n5\n" in results[0]
    assert results[1] == "8"
    assert str(events[-1].reply) == "five"
