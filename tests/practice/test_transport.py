"""The portal as a transport of httpx, without a socket."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from scripted_portal import Portal

BODY = {"model": "coder-model", "messages": [{"role": "user", "content": "hello"}], "stream": True}


def in_process(portal: Portal, **options: object) -> httpx.AsyncClient:
    bearer = {"authorization": f"Bearer {portal.issue()['access_token']}"}
    return httpx.AsyncClient(
        transport=portal.transport(**options), base_url="https://portal.test", headers=bearer
    )


def test_the_transport_streams_chunk_by_chunk(portal):
    portal.says("Hel", "lo")

    async def chunks() -> list[bytes]:
        async with (
            in_process(portal) as client,
            client.stream("POST", "/v1/chat/completions", json=BODY) as got,
        ):
            return [chunk async for chunk in got.aiter_raw()]

    received = asyncio.run(chunks())
    assert len(received) == 5
    assert json.loads(received[1][6:])["choices"][0]["delta"]["content"] == "Hel"
    assert portal.disconnects == ()


def test_the_transport_calls_the_given_sleep_for_waits(portal):
    portal.says("a", "b", pace=3).takes(7)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def ask() -> None:
        async with in_process(portal, sleep=sleep) as client:
            await client.post("/v1/chat/completions", json=BODY, timeout=None)

    asyncio.run(ask())
    assert waited == [7, 3, 3]


def test_closing_a_stream_early_is_a_disconnect(portal):
    portal.floods(100)

    async def leave() -> None:
        async with (
            in_process(portal) as client,
            client.stream("POST", "/v1/chat/completions", json=BODY) as got,
        ):
            async for _ in got.aiter_raw():
                break

    asyncio.run(leave())
    assert [disconnect.sent for disconnect in portal.disconnects] == [1]


def test_closing_after_the_last_chunk_is_no_disconnect(portal):
    portal.says("a")

    async def leave() -> None:
        async with (
            in_process(portal) as client,
            client.stream("POST", "/v1/chat/completions", json=BODY) as got,
        ):
            async for chunk in got.aiter_raw():
                if b"[DONE]" in chunk:
                    break

    asyncio.run(leave())
    assert portal.disconnects == ()


def test_cancelling_a_stalled_stream_is_a_disconnect(portal):
    portal.says("a").stalls_after(1)

    async def cancel() -> None:
        async with in_process(portal) as client:
            arrived = asyncio.Event()

            async def read() -> None:
                async with client.stream("POST", "/v1/chat/completions", json=BODY, timeout=None) as got:
                    async for chunk in got.aiter_raw():
                        if b'"a"' in chunk:
                            arrived.set()

            task = asyncio.create_task(read())
            await arrived.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

    asyncio.run(cancel())
    assert [disconnect.sent for disconnect in portal.disconnects] == [2]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (lambda portal: portal.says("a").breaks_after(1), httpx.RemoteProtocolError),
        (lambda portal: portal.drops_next("/chat"), httpx.RemoteProtocolError),
        (lambda portal: portal.says("a").stalls_after(1), httpx.ReadTimeout),
        (lambda portal: portal.takes(60), httpx.ReadTimeout),
        (lambda portal: portal.says("a", pace=60), httpx.ReadTimeout),
    ],
    ids=["breaks", "drops", "stalls", "takes", "paces"],
)
def test_the_transport_raises_what_a_connection_would(portal, script, error):
    script(portal)

    async def ask() -> None:
        async with in_process(portal) as client:
            await client.post("/v1/chat/completions", json=BODY, timeout=0.01)

    with pytest.raises(error):
        asyncio.run(ask())


def test_the_transport_answers_for_any_host(portal):
    async def ask() -> str:
        async with in_process(portal) as client:
            return (await client.get("https://chat.example/authorize?user_code=%20x")).text

    assert "Unknown code" in asyncio.run(ask())
    assert portal.requests[0].origin == "https://chat.example"
