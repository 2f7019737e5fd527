"""The door inside the process: a portal as a transport, for tests that want no socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from openclaw_ipython.net.client import ByteStream, ReadTimeout, RemoteProtocolError, Transport
from openclaw_ipython.net.client import Request as HttpRequest
from openclaw_ipython.net.client import Response as HttpResponse
from openclaw_ipython.practice.wire import NO_ANSWER, Cut, Desk, Pause, Request, Stall, Step

Sleep = Callable[[float], Awaitable[Any]]


class PracticeTransport(Transport):
    """Hands requests to `desk` and streams its answers, chunk by chunk. Waits go through `sleep`."""

    def __init__(self, desk: Desk, sleep: Sleep = asyncio.sleep) -> None:
        self._desk = desk
        self._sleep = sleep

    async def handle_async_request(self, request: HttpRequest) -> HttpResponse:
        """Answer as a connection would. Raises httpx's errors for broken ones."""
        asked = await _asked(request)
        patience = _Patience(self._sleep, request)
        response = self._desk.handle(asked)
        await patience.wait(response.delay)
        if response.status == NO_ANSWER:
            text = "Server disconnected without sending a response."
            raise RemoteProtocolError(text, request=request)
        if isinstance(response.body, bytes):
            return HttpResponse(response.status, headers=response.headers, content=response.body)
        body = _Body(response.body, patience, lambda sent: self._desk.noticed_hang_up(asked, sent))
        return HttpResponse(response.status, headers=response.headers, stream=body)


async def _asked(request: HttpRequest) -> Request:
    url = request.url
    path, _, query = url.raw_path.decode("ascii").partition("?")
    return Request(
        method=request.method,
        origin=f"{url.scheme}://{url.netloc.decode('ascii')}",
        path=path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.aread(),
    )


class _Patience:
    """Waits, but not longer than the client's read timeout, as a socket would."""

    def __init__(self, sleep: Sleep, request: HttpRequest) -> None:
        self._sleep = sleep
        self._request = request
        self._read_timeout: float | None = request.extensions.get("timeout", {}).get("read")

    async def wait(self, seconds: float) -> None:
        limit = self._read_timeout
        if limit is not None and seconds > limit:
            await self._sleep(limit)
            raise ReadTimeout("", request=self._request)
        if seconds > 0:
            await self._sleep(seconds)

    async def wait_for_ever(self) -> None:
        if self._read_timeout is not None:
            await self.wait(float("inf"))
        await asyncio.Event().wait()

    def cut(self) -> RemoteProtocolError:
        text = "peer closed connection without sending complete message body (incomplete chunked read)"
        return RemoteProtocolError(text, request=self._request)


class _Body(ByteStream):
    def __init__(self, steps: Iterable[Step], patience: _Patience, hung_up: Callable[[int], None]) -> None:
        self._steps = iter(steps)
        self._patience = patience
        self._hung_up = hung_up
        self._sent = 0
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        step = next(self._steps, None)
        while step is not None:
            # One step ahead: a client that has the last chunk and leaves did not hang up.
            following = next(self._steps, None)
            self._ended = following is None or isinstance(following, Cut)
            match step:
                case bytes():
                    await asyncio.sleep(0)  # the reader shares its loop with others, as on a socket
                    self._sent += 1
                    yield step
                case Pause():
                    await self._patience.wait(step.seconds)
                case Stall():
                    self._ended = False
                    await self._patience.wait_for_ever()
                case Cut():
                    raise self._patience.cut()
            step = following
        self._ended = True

    async def aclose(self) -> None:
        """Closing before the end is hanging up."""
        if not self._ended:
            self._ended = True
            self._hung_up(self._sent)
