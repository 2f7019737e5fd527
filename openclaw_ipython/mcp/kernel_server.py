"""The server of a kernel: variables and functions offered to agents of this computer, by the SDK's low-level server.

It listens on loopback and answers requests with its token. It runs on the event loop of the network; the calls are
made on the main thread of the kernel: one at a time, while no cell is running.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import itertools
import json
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import mcp_types as types
import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from msgspec import Struct

from openclaw_ipython._version import __version__
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import N_
from openclaw_ipython.runtime.interrupts import interrupt_main
from openclaw_ipython.sanitize.secrets import Secret, redact
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.structured.loop import CallOutcome
from openclaw_ipython.structured.runner import start_call
from openclaw_ipython.structured.tools import cap, error_text

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from openclaw_ipython.runtime.env import Runtime
    from openclaw_ipython.runtime.event_loop import LoopThread
    from openclaw_ipython.structured.tools import Tool

BODY_LIMIT = 1 << 20
"""Bytes of a request."""

_MOST_CALLS = 200  # that wait at the same time, and that the log has
_FIRST, _EVERY = 0.3, 10.0  # seconds after which a client that takes progress is told what it waits for
_LONGEST = 540.0  # seconds until it gets an answer
_SHOWN_ARGUMENTS = 1_000
_POLL_SECONDS = 0.1
_GONE = "openclaw_ipython.gone"  # in the scope of a request: a future, done when its connection is closed

Captured = Callable[[], AbstractContextManager[Callable[[CallOutcome], CallOutcome]]]
"""Makes a block whose output is kept; what it yields adds the output to an outcome."""


class KernelCall:
    """A call that `start` begins, of at most `seconds`; `done` gets its outcome."""

    def __init__(
        self,
        start: Callable[[], CallOutcome | Coroutine[Any, Any, CallOutcome]],
        seconds: float,
        captured: Captured,
    ) -> None:
        self.done: Future[CallOutcome] = Future()
        self.turn: asyncio.Task[None] | None = None
        self._start = start
        self._seconds = seconds
        self._captured = captured
        self._awaited: asyncio.Future[CallOutcome] | None = None
        self._interruptible = False
        self._stop_reason = "The person interrupted the call."
        self._stopping: list[str] = []  # a `stop` that is under way in another thread

    def stop(self, reason: str) -> None:
        """End the call from another thread: it is dropped if it has not begun, else interrupted."""
        self.done.cancel()
        self._stopping.append(reason)
        try:
            if self._interruptible:
                self._stop_reason = reason
                interrupt_main()
        finally:
            self._stopping.pop()

    async def run(self) -> None:
        """Make the call, on the main thread; a second time does nothing."""
        if self.done.running() or not self.done.set_running_or_notify_cancel():
            return
        reason = f"The call was stopped: it took more than {self._seconds:g} s."
        timer = threading.Timer(self._seconds, self.stop, (reason,))
        timer.daemon = True
        timer.start()
        wakeup = signal.set_wakeup_fd(-1)  # an interrupt is for the call, not for the loop
        handler = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self._captured() as with_output:
                outcome = await self._outcome()
            outcome = with_output(outcome)
        finally:
            timer.cancel()
            while self._stopping:  # its interrupt has to come before a cell's handler is back
                time.sleep(0)  # noqa: ASYNC251 - for microseconds
            signal.signal(signal.SIGINT, handler)
            signal.set_wakeup_fd(wakeup)
        self.done.set_result(outcome)

    async def _outcome(self) -> CallOutcome:
        try:
            self._interruptible = True
            outcome = self._start()
            if not isinstance(outcome, CallOutcome):
                self._awaited = asyncio.ensure_future(outcome)
                outcome = await self._awaited
        except (KeyboardInterrupt, asyncio.CancelledError):
            outcome = CallOutcome(self._stop_reason, failed=True)
        except Exception as error:
            outcome = CallOutcome(error_text(error), failed=True)
        self._interruptible = False
        return outcome

    def _interrupt(self, *_: object) -> None:
        """The handler of SIGINT while the call runs."""
        if not self._interruptible:
            return
        if self._awaited is None:
            raise KeyboardInterrupt
        self._awaited.get_loop().call_soon_threadsafe(self._awaited.cancel)  # the loop itself goes on


class KernelThread:
    """The main thread of a kernel; made in a cell.

    A call takes its turn as a message to the kernel does, so that no cell begins while a coroutine of the call is
    awaited. ipykernel has no public way to do that.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._loop = asyncio.get_running_loop()
        self.call_soon = self._loop.call_soon_threadsafe

    def put(self, call: KernelCall) -> None:
        """Run `call` as soon as no cell is running. For any thread."""
        self.call_soon(self._begin, call)

    def _begin(self, call: KernelCall) -> None:
        lock = getattr(self._kernel, "_main_asyncio_lock", None)
        if lock is None:
            self._kernel.schedule_dispatch(call.run)  # ipykernel 6
        else:
            call.turn = self._loop.create_task(self._run(lock, call))

    async def _run(self, lock: asyncio.Lock, call: KernelCall) -> None:
        async with lock:
            await call.run()


class PromptThread:
    """The main thread of IPython in a terminal, while it waits at its prompt: `prompt` is a PromptSession."""

    def __init__(self, prompt: Any) -> None:
        self._prompt = prompt

    def put(self, call: KernelCall) -> None:
        """Run `call` as soon as the prompt is there. Called in an event loop of another thread."""
        call.turn = asyncio.create_task(self._offer(call))

    async def _offer(self, call: KernelCall) -> None:
        while not (call.done.done() or call.done.running()):  # each prompt has a loop of its own
            loop = self._prompt.app.loop
            if loop is not None:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(lambda on=loop: on.create_task(call.run()))
            await asyncio.sleep(_POLL_SECONDS)


class Offered(Struct, frozen=True):
    """A variable (`reads`) or a function, offered as `name`. `tool` gives it as it is now, or raises UsageError."""

    name: str
    tool: Callable[[], Tool]
    reads: bool


class LoggedCall(Struct, eq=False):
    """A call in the log; `end` is empty while it lasts. `question` is answered where the person is asked about it.

    `size` counts the characters of the result; `seconds` include waiting.
    """

    time: float
    client: str
    name: str
    arguments: str
    end: str = ""
    size: int = 0
    seconds: float = 0.0
    question: Future[bool] | None = None


class _TooLong(Exception):
    """The wait is over; `str()` is for the client."""


class KernelServer:
    """Serves `offered`; functions that are not in `allowed` are asked about. All of it may change while it runs.

    A client that takes no progress is told to call again after `untold` seconds; clients usually wait for 60.
    """

    untold = 45.0

    def __init__(self, thread: KernelThread | PromptThread, runtime: Runtime) -> None:
        self.offered: Sequence[Offered] = ()
        self.allowed: set[str] = set()
        self.call_seconds = 60.0
        self.log: deque[LoggedCall] = deque(maxlen=_MOST_CALLS)
        self.token = Secret(base64.urlsafe_b64encode(runtime.random_bytes(32)).decode())
        self._thread = thread
        self._runtime = runtime
        self._calls: set[KernelCall] = set()
        self._left: dict[tuple[str, str], Future[bool]] = {}

    def captured(self) -> AbstractContextManager[Callable[[CallOutcome], CallOutcome]]:
        """A block whose output is kept; what it yields adds that to an outcome."""
        return nullcontext(lambda outcome: outcome)

    def changed(self) -> None:
        """Called, on any thread, when the log or the questions have changed."""

    def asked(self) -> Mapping[Future[bool], LoggedCall]:
        """The open questions, each with its call."""
        return {one.question: one for one in list(self.log) if one.question and not one.question.done()}

    def start(self, loop_thread: LoopThread) -> None:
        """Listen on a free port. Raises OSError."""
        # asyncio sends without delay only where the protocol is named: 40 ms an answer.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        server: Server[Any] = Server(
            "notebook", version=__version__, on_list_tools=self._list_tools, on_call_tool=self._call_tool
        )
        hosts = [f"127.0.0.1:{self.port}", f"localhost:{self.port}"]  # and no Origin: no web page
        app = server.streamable_http_app(
            max_request_body_size=BODY_LIMIT,
            max_sessions=_MOST_CALLS,
            transport_security=TransportSecuritySettings(allowed_hosts=hosts),
        )
        config = uvicorn.Config(
            _with_token(app, self.token), http="h11", ws="none", log_config=None, log_level="critical"
        )
        config.timeout_graceful_shutdown = 1
        self._web = uvicorn.Server(config)
        self._ended = loop_thread.submit(self._web.serve([listener]))

    def stop(self) -> None:
        """Drop the calls that wait, end the one that runs, and close the connections."""
        for call in list(self._calls):
            call.stop("The notebook stopped serving.")
        for question in self.asked():
            question.cancel()
        self._web.should_exit = True
        with suppress(Exception):
            self._ended.result(3)

    async def _list_tools(self, context: Any, params: object) -> types.ListToolsResult:
        tools = []
        for one in self.offered:
            with suppress(UsageError):
                spec = one.tool().spec["function"] | {"name": one.name}
                hints = types.ToolAnnotations(read_only_hint=True) if one.reads else None
                tools.append(types.Tool(input_schema=spec.pop("parameters"), annotations=hints, **spec))
        return types.ListToolsResult(tools=tools)

    async def _call_tool(self, context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        client = context.session.client_params
        arguments = json.dumps(params.arguments or {}, ensure_ascii=False, sort_keys=True)
        entry = LoggedCall(
            self._runtime.clock(),
            safe_text(client.client_info.name)[:60] if client is not None else "",
            safe_text(params.name)[:100],
            cap(redact(safe_text(arguments)), _SHOWN_ARGUMENTS),
        )
        began = self._runtime.monotonic()
        self.log.append(entry)
        self.changed()
        outcome, end = CallOutcome("The notebook could not make this call.", failed=True), N_("given up")
        try:
            outcome = await self._outcome(context, params.name, arguments, entry)
            end = N_("failed") if outcome.failed else N_("done")
        except _TooLong as error:
            outcome, end = CallOutcome(str(error), failed=True), N_("told to call again")
        except Exception:  # its text may be anything, and an older client would be sent it
            end = "failed"
        finally:
            entry.end, entry.size = end, len(outcome.text)
            entry.seconds = self._runtime.monotonic() - began
            self.changed()
        content: list[Any] = [types.TextContent(type="text", text=outcome.text)]
        for url in outcome.images:
            kind, _base64, data = url.removeprefix("data:").partition(";base64,")
            content.append(types.ImageContent(type="image", data=data, mime_type=kind))
        return types.CallToolResult(content=content, is_error=outcome.failed)

    async def _outcome(self, context: Any, name: str, arguments: str, entry: LoggedCall) -> CallOutcome:
        offered = next((one for one in self.offered if one.name == name), None)
        if offered is None:
            return CallOutcome("The notebook does not offer this.", failed=True)
        if len(self._calls) + len(self.asked()) >= _MOST_CALLS:
            return CallOutcome("Too many calls are waiting.", failed=True)
        if not (offered.reads or name in self.allowed or await self._ask(context, (name, arguments), entry)):
            return CallOutcome("The person did not allow this call.", failed=True)
        call = KernelCall(lambda: start_call(offered.tool(), arguments), self.call_seconds, self.captured)
        self._calls.add(call)
        try:
            self._thread.put(call)
            await self._until(context, call.done, "The kernel is running a cell.")
            return call.done.result()
        finally:
            self._calls.discard(call)
            if not call.done.done():
                call.stop("The caller gave up.")

    async def _ask(self, context: Any, key: tuple[str, str], entry: LoggedCall) -> bool:
        """Ask the person. A question whose caller was told to call again is answered to its next call."""
        entry.question = question = self._left.pop(key, None) or Future()
        self.changed()
        try:
            await self._until(context, question, "The person is asked in the notebook whether this may run.")
            return question.result()
        except _TooLong:
            self._left[key] = question
            raise
        except asyncio.CancelledError:
            question.cancel()
            raise

    async def _until(self, context: Any, done: Future[Any], waiting: str) -> None:
        """Wait for `done`, and tell the client. Raises _TooLong, and CancelledError where the client is gone."""
        began = self._runtime.monotonic()
        told = (context.meta or {}).get("progress_token") is not None
        ended, gone = asyncio.wrap_future(done), context.request.scope[_GONE]
        for count in itertools.count(1):
            pause = min(self.untold, _FIRST if count == 1 else _EVERY)
            await asyncio.wait({ended, gone}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return
            if gone.done():
                raise asyncio.CancelledError
            running = done.running()
            if self._runtime.monotonic() - began > (_LONGEST if told or running else self.untold):
                end = "The call does not end." if running else f"{waiting} Nothing has run: call again later."
                raise _TooLong(end)
            now = "The call is running." if running else f"{waiting} The call comes after that."
            await context.session.report_progress(count, message=now)


def _with_token(app: ASGIApp, token: Secret) -> ASGIApp:
    """`app` for requests with the token; any other gets 401, whatever it asks for."""
    expected = f"Bearer {token.reveal()}".encode()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if not hmac.compare_digest(dict(scope["headers"]).get(b"authorization", b""), expected):
            headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        gone = asyncio.get_running_loop().create_future()

        async def watched() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect" and not gone.done():
                gone.set_result(None)
            return message

        await app({**scope, _GONE: gone}, watched, send)

    return guarded
