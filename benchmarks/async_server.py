"""An asyncio server for many concurrent short requests.

The server of the practice portal has a thread for each connection; with 64 concurrent requests the threads compete for
longer than an answer takes. Here one event loop serves all connections, so that the client is the slower side. It does
not notice disconnects and requires a Content-Length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

from openclaw_ipython.practice.http_types import HttpRequest, HttpResponse, Pause, RequestHandler, Step

HOST = "127.0.0.1"


async def serve(handler: RequestHandler) -> tuple[asyncio.Server, str]:
    """Listen on a free port. Returns the server and its URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                await _send(writer, handler.handle(request))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client disconnected
        finally:
            writer.close()

    server = await asyncio.start_server(connected, HOST, 0, backlog=256)
    return server, f"http://{HOST}:{server.sockets[0].getsockname()[1]}"


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request of a connection; None when it has ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return HttpRequest(method, f"http://{headers.get('host', HOST)}", path, query, headers, body)


async def _send(writer: asyncio.StreamWriter, response: HttpResponse) -> None:
    """Send the head and the body in chunks; the head is sent together with the first chunk."""
    steps: Iterable[Step] = (response.body,) if isinstance(response.body, bytes) else response.body
    phrase = HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {phrase}", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    waiting = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    for step in steps:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, bytes) and step:
            writer.write(waiting + b"%x\r\n%b\r\n" % (len(step), step))
            waiting = b""
    writer.write(waiting + b"0\r\n\r\n")
    await writer.drain()
