"""The SDK's own client, for a server that listens on this computer."""

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
