"""Running MCP servers: one task owns each, on an event loop of its own thread. The SDK is imported there, at first use.

A message of a server may be megabytes, which the SDK reads slowly: so the loop is neither the notebook's nor that of
the requests. A server's stderr goes to the file `ipython/mcp/NAME.log` of the state folder. Beside it stands the
process id of each server that runs, so that a later program ends the servers of one that was killed.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import re
import socket
from contextlib import AsyncExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from openclaw_ipython.errors import ConfigError, OpenClawError, RequestRejected, ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.mcp import require_sdk
from openclaw_ipython.net.urls import is_loopback, is_private, is_unencrypted
from openclaw_ipython.openclaw.files import make_folder
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.sanitize.text import safe_text

if TYPE_CHECKING:
    from mcp import Client as SdkClient
    from mcp.types import CallToolResult
    from mcp.types import Tool as ListedTool

    from openclaw_ipython.mcp.entries import McpServer

CLOSED, TIMED_OUT = -32000, -32001
"""The SDK's codes of errors for a connection that ended, and for an answer that did not come in time."""

_START_LIMIT = 20.0  # seconds until a server has to be ready, if its entry names none
_CALL_LIMIT = 60.0  # seconds until a call has to be answered, if the entry of the server names none
_MARK = "OPENCLAW_IPYTHON_MCP"  # in the environment of a server: which one it is
_PASSED_ON = r"(?i)(https?|all|no)_proxy|ssl_cert_(file|dir)|node_extra_ca_certs|requests_ca_bundle"
_MOST_LISTED = 2_000  # tools of one server
_LOG_LIMIT = 1 << 20  # bytes
_LOG_CHECK = 1.0  # seconds
_ANSWERS = 2.0  # seconds; for a server that let a call time out
_CLOSING = 3.0  # seconds for all servers to end, before they are killed


class Connection:
    """One server, started at its first use. `notes` are sentences for the person. The methods run on the loop."""

    def __init__(self, server: McpServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.notes: list[str] = []
        self.listed: dict[str, ListedTool] = {}
        self._log_path = folder / f"{re.sub('[^A-Za-z0-9_-]', '_', server.name)[:60]}.log"
        self._log_start = 0
        self._client: SdkClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._lock = asyncio.Lock()
        self._status = 0  # of the last HTTP response

    async def tools(self) -> dict[str, ListedTool]:
        """The tools by name, as the server lists them now; a server that has died is started again, once.

        Raises ConfigError, ServiceUnavailable, RequestRejected.
        """
        is_new = self._client is None
        try:
            self.listed = await _list_of(await self._ready())
        except Exception as error:
            if is_new or isinstance(error, OpenClawError):
                raise self._explained(error) from None
            await self.close()
            return await self.tools()
        return self.listed

    async def call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool. Raises what the SDK raises; a server that answers nothing any more is ended."""
        from mcp import MCPError

        client = await self._ready()
        limit = self.server.seconds("requestTimeoutMs", "timeout", otherwise=_CALL_LIMIT)
        try:
            return await client.call_tool(name, arguments, read_timeout_seconds=limit)
        except MCPError as error:
            if error.code == TIMED_OUT:
                try:
                    await asyncio.wait_for(_list_of(client), _ANSWERS)
                except Exception:
                    await self.close()
            raise

    async def close(self) -> None:
        """End the server; the next use starts it again."""
        task, self._task, self._client = self._task, None, None
        self._stop.set()
        if task is not None:
            await asyncio.wait([task])

    def log_line(self) -> str:
        """The last line with an error that the server wrote to stderr since its start, or the last one."""
        with suppress(OSError, IndexError), self._log_path.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 4_000))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
            return self._safe(next((line for line in reversed(lines) if "error" in line.lower()), lines[-1]))
        return ""

    def _safe(self, text: str) -> str:
        return safe_text(redact(text, *self.server.secrets))[:300].strip()

    # -- starting --

    async def _ready(self) -> SdkClient:
        async with self._lock:
            if self._client is not None:
                return self._client
            await self.close()
            if self.server.transport != "sse":
                return await self._start(self.server.transport)
            try:  # what is written as SSE is often streamable HTTP today
                return await self._start("http")
            except (ServiceUnavailable, RequestRejected) as error:
                with suppress(ServiceUnavailable):
                    client = await self._start("sse")
                    self.notes = [_("{name} uses the old SSE transport", name=self.server.name)]
                    return client
                raise error from None

    async def _start(self, transport: str) -> SdkClient:
        import mcp.client.sse  # noqa: F401 - here, as the time that it takes is not the server's

        up: asyncio.Future[SdkClient] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        task = self._task = asyncio.create_task(self._own(transport, up, self._stop))
        limit = self.server.seconds("connectionTimeoutMs", "discoveryTimeoutMs", otherwise=_START_LIMIT)
        try:
            self._client = await asyncio.wait_for(asyncio.shield(up), limit)
        except BaseException as error:
            task.cancel()
            await asyncio.wait([task])
            if not isinstance(error, Exception):
                raise
            raise self._explained(error) from None
        return self._client

    async def _own(self, transport: str, up: asyncio.Future[SdkClient], stop: asyncio.Event) -> None:
        """Start the server, wait, and end it: the SDK demands one task for all of it."""
        from mcp import Client as SdkClient

        try:
            async with AsyncExitStack() as stack:
                make_folder(self.folder)  # the file is appended to: other programs may have the same server
                descriptor = os.open(self._log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
                log = stack.enter_context(os.fdopen(descriptor, "a"))
                self._log_start = os.fstat(descriptor).st_size
                opened = self._run(stack, log) if transport == "stdio" else self._connect(stack, transport)
                client = SdkClient(nullcontext(await opened), read_timeout_seconds=_START_LIMIT)
                up.set_result(await stack.enter_async_context(client))
                while not stop.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _LOG_CHECK)
                    if os.fstat(descriptor).st_size > _LOG_LIMIT:
                        self._log_start = 0
                        os.ftruncate(descriptor, 0)
        except BaseException as error:
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            if not up.done() and isinstance(error, Exception):
                up.set_exception(error)
                up.exception()  # retrieved, or asyncio logs that it never was

    async def _connect(self, stack: AsyncExitStack, transport: str) -> Any:
        import httpx2
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamable_http_client

        url, headers = self.server.url, self.server.texts("headers")
        if is_unencrypted(url) and not is_private(url):
            raise ConfigError(_("{url} is not encrypted", url=self.server.shown), hint=self.server.place)
        if transport == "sse":
            return await stack.enter_async_context(sse_client(url, headers))

        async def note_status(response: httpx2.Response) -> None:
            self._status = response.status_code

        hooks = {"response": [note_status]}
        limits, proxied = httpx2.Timeout(30, read=300), not is_loopback(url)
        http = httpx2.AsyncClient(headers=headers, timeout=limits, trust_env=proxied, event_hooks=hooks)
        await stack.enter_async_context(http)
        return await stack.enter_async_context(streamable_http_client(url, http_client=http))

    async def _run(self, stack: AsyncExitStack, log: TextIO) -> Any:
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        mark = f"{os.getpid()}-{id(stack)}"
        network = {name: value for name, value in os.environ.items() if re.fullmatch(_PASSED_ON, name)}
        env = {**network, **self.server.texts("env"), _MARK: mark}
        command, folder = self.server.entry["command"], self.server.entry.get("cwd")
        program = StdioServerParameters(command=command, args=self.server.arguments, env=env, cwd=folder)
        path = self.folder / f"{mark}.pid"
        stack.callback(path.unlink, missing_ok=True)  # after the process has ended
        streams = await stack.enter_async_context(stdio_client(program, log))
        _record(mark, path)
        return streams

    def _explained(self, error: Exception) -> OpenClawError:
        """A failure to start, or to list, as an error of ours."""
        name, place = self.server.name, self.server.place
        if isinstance(error, OpenClawError):
            return error
        if self._status in (401, 403):
            what = _("{name} refused the credentials (HTTP {status})", name=name, status=self._status)
            return RequestRejected(what, status=self._status, hint=place)
        code = getattr(error, "code", TIMED_OUT if isinstance(error, TimeoutError) else 0)
        known = {TIMED_OUT: _("it did not answer in time"), CLOSED: _("it has ended")}
        why = ": ".join(filter(None, (known.get(code) or self._safe(str(error)), self.log_line())))
        what = _("the MCP server {name} cannot be used: {why}", name=name, why=why)
        return ServiceUnavailable(what, hint=place)


async def _list_of(client: SdkClient) -> dict[str, ListedTool]:
    """All pages of the list of tools, as it is now."""
    found: dict[str, ListedTool] = {}
    cursor: str | None = ""
    async with asyncio.timeout(_START_LIMIT):
        while cursor is not None and len(found) < _MOST_LISTED:
            page = await client.list_tools(cursor=cursor or None, cache_mode="refresh")
            found |= {tool.name: tool for tool in page.tools}
            cursor = page.next_cursor if page.tools else None
    return found


class Connections:
    """The servers of this process, and the thread of their event loop. They end with the process, or by `close`."""

    def __init__(self) -> None:
        self.loop_thread = LoopThread()
        self._open: dict[tuple[int, str], Connection] = {}  # by process: a forked child has none of them

    def to(self, server: McpServer, own_dir: Path) -> Connection:
        """The connection to a server, which starts at its first use. Raises UsageError without the SDK."""
        folder = own_dir / "mcp"
        require_sdk()
        if not self._open:
            atexit.register(self.close)
            end_left_over(folder)
        key = (os.getpid(), server.name)
        if (known := self._open.get(key)) is not None and known.server != server:
            self.loop_thread.run(self._open.pop(key).close())
        return self._open.setdefault(key, Connection(server, folder))

    def listed(self, name: str) -> list[str]:
        """The tools that a server of this process has listed last."""
        known = self._open.get((os.getpid(), name))
        return list(known.listed) if known is not None else []

    def close(self) -> None:
        """End the servers, by force where they do not end by themselves."""
        mine = [self._open.pop(key) for key in list(self._open) if key[0] == os.getpid()]

        async def end() -> None:
            await asyncio.wait([asyncio.ensure_future(each.close()) for each in mine], timeout=_CLOSING)

        if mine:
            with suppress(RuntimeError, KeyboardInterrupt):
                self.loop_thread.run(end())
            # before their records go with the tasks of the loop
            for folder in {each.folder for each in mine}:
                end_left_over(folder, mine=True)
            self.loop_thread.close()


CONNECTIONS = Connections()


def _record(mark: str, path: Path) -> None:
    """Write the process id and the start time of the server with this mark, and of this process, into a file."""
    import psutil

    me = psutil.Process()
    for child in me.children():
        with suppress(psutil.Error):
            if child.environ().get(_MARK) == mark:
                row = [socket.gethostname(), me.pid, me.create_time(), child.pid, child.create_time()]
                path.write_text(json.dumps(row), "utf-8")


def end_left_over(folder: Path, *, mine: bool = False) -> None:
    """Kill the servers of programs on this machine that no longer run; with `mine`, those of this process."""
    import psutil

    def running(pid: int, start: float) -> psutil.Process | None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            same = abs(process.create_time() - start) < 1 and process.status() != psutil.STATUS_ZOMBIE
            return process if same else None
        return None

    for path in folder.glob("*.pid"):
        with suppress(OSError, ValueError, psutil.Error):
            host, owner, owner_start, pid, start = json.loads(path.read_text("utf-8"))
            orphaned = owner == os.getpid() if mine else running(owner, owner_start) is None
            if host == socket.gethostname() and orphaned:
                if (server := running(pid, start)) is not None:
                    for process in [*server.children(recursive=True), server]:
                        process.kill()
                path.unlink()
