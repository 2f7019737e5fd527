"""The SDK's own client, for a server on this computer, and a kernel that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

ERAS = ("auto", "legacy")
"""The modes of the client: the stateless protocol of 2026, and the handshake of the years before."""


@asynccontextmanager
async def mcp_client(url: str, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result) -> str:
    return "\n".join(one.text for one in result.content if one.type == "text")


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread or process does."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


class Served:
    """A notebook that serves, and calls of its tools."""

    def __init__(self, notebook, line: str) -> None:
        self.notebook = notebook
        self.cell = notebook.run(f"%openclaw mcp serve {line}")
        assert not self.cell.ename, self.cell.traceback
        (self.token_file,) = (notebook.state / "ipython" / "mcp").iterdir()
        self.token = self.token_file.read_text()
        self.url = f"http://127.0.0.1:{self.token_file.stem}/mcp"

    def client(self, mode="auto"):
        return mcp_client(self.url, self.token, mode)

    async def called(self, name, mode="auto", **arguments):
        async with self.client(mode) as client:
            return await client.call_tool(name, arguments)

    def call(self, name, mode="auto", **arguments):
        return asyncio.run(self.called(name, mode, **arguments))
