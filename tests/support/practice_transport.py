"""A request handler as a transport of httpx, for tests without a socket."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from openclaw_ipython.net.http import ByteStream, ReadTimeout, RemoteProtocolError, Transport
from openclaw_ipython.net.http import Request as ClientRequest
from openclaw_ipython.net.http import Response as ClientResponse
from openclaw_ipython.practice.http_types import (
    NO_RESPONSE,
    Cut,
    HttpRequest,
    Pause,
    RequestHandler,
    Stall,
    Step,
)

Sleep = Callable[[float], Awaitable[Any]]


class PracticeTransport(Transport):
    """Passes requests to `handler` and streams its responses chunk by chunk; `sleep` is called for waits."""

    def __init__(self, handler: RequestHandler, sleep: Sleep = asyncio.sleep) -> None:
        self._handler = handler
        self._sleep = sleep

    async def handle_async_request(self, request: ClientRequest) -> ClientResponse:
        """The response, as over a connection. Raises the errors of httpx for a broken one."""
        url = request.url
        path, _, query = url.raw_path.decode("ascii").partition("?")
        received = HttpRequest(
            method=request.method,
            origin=f"{url.scheme}://{url.netloc.decode('ascii')}",
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.aread(),
        )
        response = self._handler.handle(received)
        await self.wait(request, response.delay)
        if response.status == NO_RESPONSE:
            text = "Server disconnected without sending a response."
            raise RemoteProtocolError(text, request=request)
        if isinstance(response.body, bytes):
            return ClientResponse(response.status, headers=response.headers, content=response.body)
        body = _ResponseStream(
            self, request, response.body, lambda sent: self._handler.client_disconnected(received, sent)
        )
        return ClientResponse(response.status, headers=response.headers, stream=body)

    async def wait(self, request: ClientRequest, seconds: float) -> None:
        """Wait, at most as long as the read timeout of `request`: then ReadTimeout is raised."""
        limit: float | None = request.extensions.get("timeout", {}).get("read")
        if limit is not None and seconds > limit:
            await self._sleep(limit)
            raise ReadTimeout("", request=request)
        if seconds == math.inf:
            await asyncio.Event().wait()
        if seconds > 0:
            await self._sleep(seconds)


class _ResponseStream(ByteStream):
    def __init__(
        self,
        transport: PracticeTransport,
        request: ClientRequest,
        steps: Iterable[Step],
        disconnected: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._request = request
        self._steps = iter(steps)
        self._disconnected = disconnected
        self._sent = 0
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        step = next(self._steps, None)
        while step is not None:
            # One step ahead: a client that closes after the last chunk has not disconnected early.
            following = next(self._steps, None)
            self._ended = following is None or isinstance(following, Cut)
            match step:
                case bytes():
                    await asyncio.sleep(0)  # as on a socket, other tasks run between two chunks
                    self._sent += 1
                    yield step
                case Pause():
                    await self._transport.wait(self._request, step.seconds)
                case Stall():
                    self._ended = False
                    await self._transport.wait(self._request, math.inf)
                case Cut():
                    text = "peer closed connection without sending complete message body (incomplete chunked read)"
                    raise RemoteProtocolError(text, request=self._request)
            step = following
        self._ended = True

    async def aclose(self) -> None:
        """Report a close before the end as a disconnect."""
        if not self._ended:
            self._ended = True
            self._disconnected(self._sent)
