"""Servers on a socket whose answers are written byte by byte, in the event loop of the test."""

import asyncio
import socket
from contextlib import asynccontextmanager

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class RawServer:
    """Answers with `script(reader, writer)`, called once for every connection; counts them and their ends."""

    def __init__(self, script):
        self.script = script
        self.opened = 0
        self.ended = 0
        self.arrived = asyncio.Event()
        self.closed = asyncio.Event()
        self.url = ""

    async def serve(self, reader, writer):
        self.opened += 1
        self.arrived.set()
        try:
            await self.script(reader, writer)
            while await reader.read(65536):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended += 1
            self.closed.set()
            writer.close()


@asynccontextmanager
async def served(script, **options):
    """A server with its address in `url`; `options` are those of `asyncio.start_server`."""
    server = RawServer(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, **options)
    scheme, host = ("https", "localhost") if options.get("ssl") else ("http", "127.0.0.1")
    server.url = f"{scheme}://{host}:{listening.sockets[0].getsockname()[1]}/"
    try:
        yield server
    finally:
        listening.close()


async def request(reader):
    """The head and the body of a request, read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = [
        line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    ]
    return head, await reader.readexactly(int(length[0]) if length else 0)


def always(answer):
    """A script that gives every request the same answer; `answer` may be a function of the request's body."""

    async def script(reader, writer):
        while True:
            _, body = await request(reader)
            writer.write(answer(body) if callable(answer) else answer)

    return script


def once(*parts, close=True):
    """A script that reads one request, sends `parts` one by one, and hangs up."""

    async def script(reader, writer):
        await request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return script


async def reset(reader, writer):
    """A script that breaks the connection inside a body."""
    await request(reader)
    writer.write(CHUNKED + b"5\r\nhello\r\n")
    await writer.drain()
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
