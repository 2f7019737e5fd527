"""The server of a kernel over HTTP: who is let in, what is told while a call waits, what never leaves."""

import asyncio
import os

import httpx2
import pytest
from mcp_clients import ERAS, mcp_client, text_of, until

from openclaw_ipython.errors import UsageError
from openclaw_ipython.mcp.kernel_server import BODY_LIMIT, KernelServer, Offered
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.structured.tools import tool_of

INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}  # fmt: skip


class Thread:
    """A main thread that makes calls at once, on the loop of the server, or in `busy` keeps them."""

    def __init__(self):
        self.busy = False
        self.kept = []

    def put(self, call):
        self.kept.append(call)
        if not self.busy:
            call.turn = asyncio.ensure_future(self.make(call))

    async def make(self, call):
        if call.done.set_running_or_notify_cancel():
            call.done.set_result(call._start())


@pytest.fixture
def serve():
    """`serve(*functions, …)`: a server that offers them, running."""
    loop_thread = LoopThread()
    servers = []

    def start(*functions, thread=None, asks=False, untold=45.0) -> KernelServer:
        server = KernelServer(thread or Thread(), Runtime(os.environ))
        server.untold = untold
        server.offered = [
            Offered(each.__name__, lambda each=each: tool_of(each, each.__name__), reads=False)
            for each in functions
        ]
        if not asks:
            server.allowed = {each.__name__ for each in functions}
        server.start(loop_thread)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()
    loop_thread.close()


def client_of(server, mode="auto"):
    return mcp_client(server.url, server.token.reveal(), mode)


def double(n: int) -> int:
    """Double a number."""
    return 2 * n


def post(server, *, token=None, path="/mcp", **options):
    headers = {
        "authorization": f"Bearer {token or server.token.reveal()}".encode("latin-1"),
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        **options.pop("headers", {}),
    }
    return httpx2.post(f"http://127.0.0.1:{server.port}{path}", headers=headers, timeout=10, **options)


@pytest.mark.parametrize("token", ["wrong", "\xe9", "x" * 10_000])
@pytest.mark.parametrize("path", ["/mcp", "/", "/other"])
def test_nothing_is_said_without_the_token(serve, token, path):
    answer = post(serve(double), token=token, path=path, json=INITIALIZE)
    assert answer.status_code == 401
    assert answer.content == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 403),  # a web page of this computer
        ({"content-type": "text/plain"}, 400),
    ],
)
def test_web_pages_are_kept_out_even_with_the_token(serve, headers, status):
    assert post(serve(double), headers=headers, json=INITIALIZE).status_code == status


def test_a_body_over_the_limit_is_refused(serve):
    assert post(serve(double), content=b" " * (BODY_LIMIT + 1)).status_code == 413


def test_each_start_has_a_token_and_a_port_of_its_own(serve):
    one, other = serve(double), serve(double)
    assert one.token != other.token
    assert one.port != other.port
    assert len(one.token.reveal()) >= 43  # 32 bytes


@pytest.mark.parametrize("mode", ERAS)
def test_functions_are_listed_and_called(serve, mode):
    server = serve(double)

    async def talk():
        async with client_of(server, mode) as client:
            (tool,) = (await client.list_tools()).tools
            right = await client.call_tool("double", {"n": 4})
            wrong = await client.call_tool("double", {"n": "four"})
            unknown = await client.call_tool("triple", {})
            return tool, right, wrong, unknown

    tool, right, wrong, unknown = asyncio.run(talk())
    assert (tool.name, tool.description, tool.annotations) == ("double", "Double a number.", None)
    assert tool.input_schema["required"] == ["n"]
    assert (text_of(right), right.is_error) == ("8", False)
    assert wrong.is_error
    assert "Expected `int`" in text_of(wrong)
    assert (text_of(unknown), unknown.is_error) == ("The notebook does not offer this.", True)
    assert [(one.name, one.end) for one in server.log] == [
        ("double", "done"),
        ("double", "failed"),
        ("triple", "failed"),
    ]
    assert all(one.client == "mcp" for one in server.log)


@pytest.mark.parametrize("mode", ERAS)
def test_a_fault_of_the_server_says_nothing_about_itself(serve, mode):
    class Broken:
        def put(self, call):
            raise RuntimeError("a secret")

    async def talk():
        async with client_of(serve(double, thread=Broken()), mode) as client:
            return await client.call_tool("double", {"n": 4})

    result = asyncio.run(talk())
    assert result.is_error
    assert text_of(result) == "The notebook could not make this call."


def test_what_is_gone_is_not_listed(serve):
    def gone():
        raise UsageError("gone")

    server = serve(double)
    server.offered = [*server.offered, Offered("gone", gone, reads=True)]

    async def names():
        async with client_of(server) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert asyncio.run(names()) == ["double"]


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_that_takes_progress_is_told_at_once_and_answered_after(serve, mode):
    thread = Thread()
    thread.busy = True
    told = asyncio.Queue()

    async def progress(done, total, message):
        await told.put(message)

    async def talk():
        async with client_of(serve(double, thread=thread), mode) as client:
            call = asyncio.ensure_future(client.call_tool("double", {"n": 4}, progress_callback=progress))
            message = await asyncio.wait_for(told.get(), 20)
            (kept,) = thread.kept
            await thread.make(kept)
            return message, await call

    message, result = asyncio.run(talk())
    assert message == "The kernel is running a cell. The call comes after that."
    assert text_of(result) == "8"


@pytest.mark.parametrize("mode", ERAS)
def test_any_other_client_is_told_to_call_again_and_nothing_has_run(serve, mode):
    thread = Thread()
    thread.busy = True
    server = serve(double, thread=thread, untold=0.01)

    async def talk():
        async with client_of(server, mode) as client:
            return await client.call_tool("double", {"n": 4})

    result = asyncio.run(talk())
    assert result.is_error
    assert text_of(result).endswith("Nothing has run: call again later.")
    assert thread.kept[0].done.cancelled()
    assert [one.end for one in server.log] == ["told to call again"]


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("how", ["cancelled", "disconnected"])
def test_the_call_of_a_client_that_gave_up_is_dropped(serve, mode, how):
    thread = Thread()
    thread.busy = True
    server = serve(double, thread=thread)

    async def talk():
        async with client_of(server, mode) as client:
            call = asyncio.ensure_future(client.call_tool("double", {"n": 4}))
            await until(lambda: thread.kept)
            if how == "cancelled":
                call.cancel()
                await asyncio.wait([call])
                await until(lambda: thread.kept[0].done.cancelled())
        call.cancel()

    asyncio.run(asyncio.wait_for(talk(), 20))

    asyncio.run(asyncio.wait_for(until(lambda: thread.kept[0].done.cancelled()), 20))
    assert [one.end for one in server.log] == ["given up"]


def test_the_call_of_a_client_that_was_killed_is_dropped(serve):
    thread = Thread()
    thread.busy = True
    server = serve(double, thread=thread)
    session = {"mcp-session-id": post(server, json=INITIALIZE).headers["mcp-session-id"]}
    post(server, headers=session, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    headers = session | {
        "authorization": f"Bearer {server.token.reveal()}",
        "accept": "application/json, text/event-stream",
    }
    params = {"name": "double", "arguments": {"n": 4}}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}

    async def talk():
        async with (
            httpx2.AsyncClient() as client,
            client.stream("POST", server.url, headers=headers, json=call),
        ):
            await until(lambda: thread.kept)
        await until(lambda: thread.kept[0].done.cancelled())

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_the_person_is_asked_and_the_answer_holds_for_that_call(serve):
    server = serve(double, asks=True)
    answers = iter([True, False])

    async def talk():
        async def answered(call):
            await until(lambda: server.asked())
            ((question, entry),) = server.asked().items()
            assert entry.arguments == '{"n": 4}'
            question.set_result(next(answers))
            return await call

        async with client_of(server) as client:
            return [
                text_of(await answered(asyncio.ensure_future(client.call_tool("double", {"n": 4}))))
                for _ in range(2)
            ]

    assert asyncio.run(asyncio.wait_for(talk(), 20)) == ["8", "The person did not allow this call."]


def test_an_answer_that_comes_too_late_is_for_the_next_call_of_its_kind(serve):
    server = serve(double, asks=True, untold=0.01)

    async def talk():
        async with client_of(server) as client:
            first = text_of(await client.call_tool("double", {"n": 4}))
            ((question, _entry),) = server.asked().items()
            question.set_result(True)
            other = text_of(await client.call_tool("double", {"n": 5}))
            return first, other, text_of(await client.call_tool("double", {"n": 4}))

    first, other, second = asyncio.run(talk())
    assert "The person is asked" in first
    assert "The person is asked" in other
    assert second == "8"


def test_stopping_ends_calls_and_questions_that_wait_and_open_connections(serve):
    def half(n: int) -> float:
        return n / 2

    thread = Thread()
    thread.busy = True
    server = serve(double, half, thread=thread)
    server.allowed = {"double"}

    async def talk():
        async with client_of(server, "legacy") as client:
            call = asyncio.ensure_future(client.call_tool("double", {"n": 4}))
            await until(lambda: thread.kept)
            asked = asyncio.ensure_future(client.call_tool("half", {"n": 4}))
            await until(server.asked)
            await asyncio.to_thread(server.stop)
            await asyncio.wait([call, asked], timeout=20)
            return call.done() and asked.done() and not server.asked()

    assert asyncio.run(talk())
    with pytest.raises(httpx2.ConnectError):
        post(server, json=INITIALIZE)
