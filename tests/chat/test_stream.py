"""One exchange end to end: what is sent, retried, waited for, refused and given back."""

import asyncio
import gzip
import tracemalloc
from contextlib import aclosing

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from raw_server import always, served

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.chat.received import with_timeout
from openclaw_ipython.chat.stream import stream_chat
from openclaw_ipython.chat.types import (
    ChatRequest,
    Finished,
    Message,
    Notice,
    ReasoningDelta,
    ServiceNotice,
    TextDelta,
    Usage,
    UsageReport,
)
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
    UsageError,
)
from openclaw_ipython.net.http import USER_AGENT, HttpClient
from openclaw_ipython.sanitize.secrets import Secret

QUOTA = {"error": {"code": "insufficient_quota", "message": "Free allocated quota exceeded."}}
CHAT = "/v1/chat/completions"
REQUEST = ChatRequest("coder-model", (Message("user", "hello"),))


# -- the ordinary way ----------------------------------------------------------------------


def test_an_answer_comes_in_pieces_with_its_usage(line, portal):
    portal.says("Hel", "lo", reasoning=("Hm",), usage={"prompt_tokens": 3, "completion_tokens": 2})
    received = line.ask()
    assert received.events == [
        ReasoningDelta("Hm"),
        TextDelta("Hel"),
        TextDelta("lo"),
        Finished("stop"),
        UsageReport(Usage(3, 2)),
    ]
    assert received.error is None


def test_what_is_sent(line, portal):
    line.ask()
    (request,) = portal.requests
    assert (request.method, request.path) == ("POST", CHAT)
    assert request.headers["user-agent"] == USER_AGENT
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers
    assert request.json()["messages"] == [{"role": "user", "content": "hello"}]


def test_an_answer_that_is_not_streamed_brings_the_same_events(line, portal):
    portal.says("Hel", "lo")
    received = line.ask(ChatRequest("coder-model", (Message("user", "hello"),), stream=False))
    assert received.text == "Hello"
    assert received.of(Finished) == [Finished("stop")]
    assert portal.requests[0].headers["accept"] == "application/json"


def test_a_document_in_place_of_a_stream_is_read(answering):
    body = {"choices": [{"message": {"content": "all at once"}, "finish_reason": "length"}]}
    received = answering(lambda request: httpx.Response(200, json=body)).ask()
    assert received.events == [TextDelta("all at once"), Finished("length")]


def test_without_done_a_finished_answer_is_complete(line, portal, wire):
    portal.raw_stream(wire.sent(wire.chunk({"content": "4"}, "stop")))
    received = line.ask()
    assert (received.text, received.error) == ("4", None)


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE] \r\n\r\n"])
def test_a_sloppy_done_is_accepted(line, portal, wire, end):
    portal.raw_stream(wire.sent(wire.chunk({"content": "4"}, "stop")), end)
    assert line.ask().error is None


def test_any_success_is_an_answer(answering, wire):
    received = answering(lambda request: httpx.Response(201, content=wire.whole("4"))).ask()
    assert (received.text, received.error) == ("4", None)


def test_a_usage_error_sends_nothing(line, portal):
    received = line.ask(ChatRequest("coder-model", (Message("user", "x"),), temperature=float("nan")))
    assert isinstance(received.error, UsageError)
    assert portal.requests == ()


# -- trying again --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_a_temporary_failure_is_retried_twice(line, portal, clock, status):
    portal.fails_next(CHAT, status, times=2).says("there")
    received = line.ask()
    assert received.text == "there"
    assert clock.slept == [0.5, 1.0]
    assert [notice.seconds for notice in received.of(Notice)] == [0.5, 1.0, None]
    assert received.of(Notice)[0].text.endswith("trying again")
    assert received.of(Notice)[2].text == "sent 3 times"  # for the footer, where a countdown does not stay


def test_there_are_at_most_two_retries(line, portal, clock):
    portal.fails_next(CHAT, 503, {"message": "busy"}, times=None)
    received = line.ask()
    assert isinstance(received.error, ServiceUnavailable)
    assert len(portal.requests) == 3
    assert clock.slept == [0.5, 1.0]
    assert all(isinstance(event, Notice) for event in received.events)


def test_the_wait_the_service_asks_for_is_kept(line, portal, clock):
    portal.fails_next(CHAT, 429, headers={"retry-after": "7"})
    portal.fails_next(CHAT, 503, headers={"retry-after-ms": "1250"})
    portal.says("x")
    assert line.ask().text == "x"
    assert clock.slept == [7.0, 1.25]


@pytest.mark.parametrize(("asked", "tries"), [("60", 2), ("61", 1), ("86400", 1)])
def test_more_than_a_minute_is_not_waited(line, portal, clock, asked, tries):
    portal.fails_next(CHAT, 429, headers={"retry-after": asked}).says("x")
    received = line.ask()
    assert len(portal.requests) == tries
    if tries == 1:
        assert isinstance(received.error, RateLimited)
        assert received.error.retry_after == float(asked)
        assert "run the cell again in" in received.error.hint
        assert clock.slept == []


@pytest.mark.parametrize("asked", ["0", "-1", "nan", "inf", "soon", ""])
def test_an_absurd_retry_after_is_ignored(line, portal, clock, asked):
    portal.fails_next(CHAT, 429, headers={"retry-after": asked}).says("x")
    assert line.ask().text == "x"
    assert clock.slept == [0.5]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, QUOTA, QuotaExceeded),
        (400, {"error": {"code": "invalid_parameter_error", "message": "x"}}, RequestRejected),
        (403, {"error": {"code": "access_denied", "message": "x"}}, RequestRejected),
        (404, {"error": {"code": "model_not_found", "message": "x"}}, RequestRejected),
        (405, {"error": "Coding Plan is currently only available for Coding Agents"}, RequestRejected),
    ],
)
def test_a_permanent_refusal_is_not_retried(line, portal, clock, status, body, kind):
    portal.fails_next(CHAT, status, body, {"x-request-id": "r-7"}, times=None)
    received = line.ask()
    assert type(received.error) is kind
    assert (received.error.status, received.error.request_id) == (status, "r-7")
    assert received.events == []
    assert len(portal.requests) == 1
    assert clock.slept == []


def test_a_dropped_connection_is_retried(line, portal, clock):
    portal.drops_next(CHAT).says("x")
    assert line.ask().text == "x"
    assert len(portal.requests) == 2


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (httpx.ConnectError("refused"), 3),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), 1),
        (httpx.ConnectTimeout(""), 3),
        (httpx.ReadError(""), 3),
        (httpx.WriteError(""), 3),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), 3),
        (httpx.RemoteProtocolError("illegal header line"), 1),
        (httpx.ReadTimeout(""), 1),
        (httpx.PoolTimeout(""), 1),
        (httpx.ProxyError("407"), 1),
        (httpx.UnsupportedProtocol(""), 1),
    ],
)
def test_only_a_request_that_did_not_arrive_is_repeated(answering, error, tries):
    requests = []

    def fail(request):
        requests.append(request)
        raise error

    received = answering(fail).ask()
    assert isinstance(received.error, ServiceUnavailable | ProtocolError)
    assert len(requests) == tries


def test_nothing_is_retried_after_the_first_event(line, portal, clock):
    portal.says("some", "thing").breaks_after(1)
    received = line.ask()
    assert received.text == "some"
    assert isinstance(received.error, StreamBroken)
    assert len(portal.requests) == 1
    assert clock.slept == []


def test_the_jitter_lengthens_our_own_wait(line, portal, clock):
    portal.fails_next(CHAT, 503).says("x")

    async def once():
        async with HttpClient(line.transport) as http:
            at = line.endpoint(http, {})
            at = replace(at, runtime=replace(at.runtime, random=lambda: 1.0))
            async with aclosing(stream_chat(at, REQUEST)) as events:
                return [event async for event in events]

    asyncio.run(once())
    assert clock.slept == [1.0]


# -- the login ---------------------------------------------------------------------------------


def test_a_401_is_renewed_once(line, portal):
    good = line.auth.tokens[0]
    line.auth.tokens = ("stale", good)
    portal.says("in")
    assert line.ask().text == "in"
    assert [request.bearer() for request in portal.requests] == ["stale", good]


def test_a_second_401_is_the_end(line, portal):
    line.auth.tokens = ("stale", "stale too")
    received = line.ask()
    assert isinstance(received.error, LoginRequired)
    assert received.error.hint.startswith("%openclaw login")
    assert len(portal.requests) == 2


def test_a_key_that_is_refused_is_not_tried_again(line, portal):
    line.auth = BearerAuth(FixedToken(Secret("sk-a-wrong-key")))
    assert isinstance(line.ask().error, LoginRequired)
    assert len(portal.requests) == 1


def test_a_retired_service_says_that_the_login_is_not_accepted(line, portal):
    portal.retired()
    assert isinstance(line.ask().error, LoginRequired)


def test_an_error_of_the_login_itself_passes_through(line):
    class Dead(httpx.Auth):
        async def async_auth_flow(self, request):
            raise RefreshRejected("the stored login is dead")
            yield request

    line.auth = Dead()
    assert isinstance(line.ask().error, RefreshRejected)


def test_a_refusal_does_not_repeat_the_token(answering):
    def echo(request):
        said = {
            "error": {"message": f"unknown: {request.headers['authorization']}", "code": "odd~shape/of.token"}
        }
        return httpx.Response(400, json=said)

    received = answering(echo, "odd~shape/of.token").ask()
    assert "odd~shape" not in f"{received.error} {received.error!r} {received.error.code}"


def test_a_key_that_no_header_can_hold_is_not_quoted(portal, clock, answering):
    with portal.serve() as url:
        line = answering(None, "sekret~value\nof two lines")
        line.transport, line.url = None, url + CHAT
        received = line.ask()
    assert isinstance(received.error, ProtocolError)
    assert "sekret" not in str(received.error)
    assert portal.requests == ()


# -- answers that are none -----------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_not_followed(answering, status):
    requests = []

    def redirect(request):
        requests.append(request)
        return httpx.Response(status, headers={"location": "https://elsewhere.example/v1"})

    received = answering(redirect).ask()
    assert isinstance(received.error, ProtocolError)
    assert received.error.status == status
    assert len(requests) == 1


def test_a_page_with_200_is_an_error(line, portal):
    portal.answers_html(CHAT)
    received = line.ask()
    assert isinstance(received.error, ProtocolError)
    assert "web page" in str(received.error)
    assert "aliyun" not in str(received.error)
    assert received.events == []


def test_an_error_document_with_200_is_an_error(answering):
    assert isinstance(answering(lambda request: httpx.Response(200, json=QUOTA)).ask().error, QuotaExceeded)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("body", [b"hello", b'{"choices":[]}', b"<html></html>", b"\x00\xff", b""])
def test_what_is_no_stream_is_an_error(answering, streamed, kind, body):
    received = answering(lambda request: streamed(body, content_type=kind)).ask()
    assert isinstance(received.error, ProtocolError)


def test_a_stream_needs_no_label(answering, streamed, wire):
    received = answering(lambda request: streamed(wire.whole("4"), content_type="text/plain")).ask()
    assert (received.text, received.error) == ("4", None)


@pytest.mark.parametrize(
    "address", ["http://", "https://[", "nonsense", "ftp://host/x", "http://a b/", "https://xn--/\x00"]
)
def test_a_useless_address_is_an_error_of_ours(line, address):
    line.transport, line.url = None, address
    assert isinstance(line.ask(retries=0).error, OpenClawError)


# -- answers that end early --------------------------------------------------------------------


@pytest.mark.parametrize("deltas", [0, 1, 2])
def test_a_cut_stream_is_broken_and_keeps_its_text(line, portal, deltas):
    portal.says("a", "b", "c").breaks_after(deltas)
    received = line.ask()
    assert received.text == "abc"[:deltas]
    assert isinstance(received.error, StreamBroken)
    assert "ended early" in str(received.error)


def test_without_a_finish_reason_and_done_an_answer_is_no_success(line, portal, wire):
    portal.raw_stream(wire.sent(wire.chunk({"content": "half"})))
    received = line.ask()
    assert received.text == "half"
    assert isinstance(received.error, StreamBroken)


def test_done_without_a_finish_reason_is_complete_and_noted(line, portal, wire):
    portal.raw_stream(wire.sent(wire.chunk({"content": "whole"}), "[DONE]"))
    received = line.ask()
    assert (received.text, received.error, received.of(Finished)) == ("whole", None, [Finished("stop")])
    assert received.of(Notice) == [ServiceNotice("the service gave no reason for the end")]


def test_an_empty_stream_is_broken(answering, streamed):
    assert isinstance(answering(lambda request: streamed()).ask().error, StreamBroken)
    assert isinstance(answering(lambda request: streamed(b": hi\n\n")).ask().error, StreamBroken)


def test_a_cut_document_is_broken(line, portal):
    portal.says("Hello").breaks_after(0)
    received = line.ask(ChatRequest("coder-model", (Message("user", "hello"),), stream=False))
    assert isinstance(received.error, StreamBroken)


def test_a_cut_after_the_finish_reason_does_not_matter(answering, streamed, wire):
    finished = wire.sent(wire.chunk({"content": "4"}, "stop"))
    received = answering(lambda request: streamed(finished, httpx.ReadError("cut"))).ask()
    assert (received.text, received.error) == ("4", None)


def test_a_refusal_whose_body_is_cut_is_still_that_refusal(answering):
    async def body():
        yield b'{"error": {"mess'
        raise httpx.ReadError("cut")

    received = answering(lambda request: httpx.Response(403, content=body())).ask()
    assert isinstance(received.error, RequestRejected)
    assert received.error.status == 403


def test_a_failure_in_the_middle_keeps_the_text(line, portal, wire):
    portal.raw_stream(
        wire.sent(wire.chunk({"content": "so far"})),
        b"id:1\nevent:error\n:HTTP_STATUS/429\n"
        b'data:{"code":"Throttling.AllocationQuota","message":"Allocated quota exceeded","request_id":"r-2"}\n\n',
    )
    received = line.ask()
    assert received.text == "so far"
    assert isinstance(received.error, RateLimited)
    assert (received.error.code, received.error.request_id) == ("Throttling.AllocationQuota", "r-2")
    assert len(portal.requests) == 1


# -- silence -------------------------------------------------------------------------------


def test_a_stalled_stream_is_an_error(line, portal, clock):
    portal.says("a", "b").stalls_after(1)
    received = line.ask(idle_timeout=30.0)
    assert received.text == "a"
    assert isinstance(received.error, StreamBroken)
    assert "no data for 30 s" in str(received.error)
    assert clock.slept == [30.0]
    assert len(portal.disconnects) == 1


def test_a_service_that_never_answers_is_an_error(line, portal, clock):
    portal.takes(500.0)
    received = line.ask(idle_timeout=30.0)
    assert isinstance(received.error, ServiceUnavailable)
    assert clock.slept == [30.0]
    assert len(portal.requests) == 1


@pytest.mark.parametrize("noise", [b": keep-alive\n\n", b"data:\n\n", b"event: ping\n\n", b"x"])
def test_comments_do_not_reset_the_idle_timeout(answering, clock, wire, noise):
    async def body():
        yield wire.sent(wire.chunk({"content": "a"}))
        for _ in range(100):
            clock.now += 9.0
            yield noise

    received = answering(lambda request: httpx.Response(200, content=body())).ask(idle_timeout=30.0)
    assert received.text == "a"
    assert "no data for 30 s" in str(received.error)


def test_a_slow_answer_with_data_is_no_error(answering, clock, wire):
    async def body():
        for _ in range(20):
            clock.now += 29.0
            yield b": keep-alive\n\n" + wire.sent(wire.chunk({"content": "a"}))
        yield wire.whole()

    received = answering(lambda request: httpx.Response(200, content=body())).ask(idle_timeout=30.0)
    assert (received.text, received.error) == ("a" * 20, None)


def test_the_time_the_caller_takes_is_not_idle_time(answering, streamed, clock, wire):
    pieces = wire.sent(wire.chunk({"content": "a"})), b": keep-alive\n\n", wire.whole("b")
    line = answering(lambda request: streamed(*pieces))

    async def slowly():
        said = []
        http = HttpClient(line.transport)
        async with aclosing(stream_chat(line.endpoint(http, {"idle_timeout": 30.0}), REQUEST)) as events:
            async for event in events:
                said.append(event)
                clock.now += 1000.0
        return said

    assert asyncio.run(slowly())[:2] == [TextDelta("a"), TextDelta("b")]


def test_the_usage_timeout_begins_at_the_finish_reason(answering, wire):
    async def body():
        yield wire.sent(wire.chunk({"content": "4"}, "stop"))
        await asyncio.Event().wait()

    received = answering(lambda request: httpx.Response(200, content=body())).ask(usage_timeout=0.01)
    assert (received.text, received.error) == ("4", None)


def test_comments_after_the_finish_reason_do_not_hold_the_answer(answering, clock, wire):
    async def body():
        yield wire.sent(wire.chunk({"content": "4"}, "stop"))
        while True:
            clock.now += 1.0
            yield b": keep-alive\n\n"

    began = clock.now
    assert answering(lambda request: httpx.Response(200, content=body())).ask(usage_timeout=5.0).error is None
    assert clock.now - began < 10


@pytest.mark.parametrize("more", ["nothing", "comments", "a flood"])
def test_a_connection_left_open_after_done_is_closed(answering, wire, more):
    async def body():
        yield wire.whole("4")
        while True:
            if more == "nothing":
                await asyncio.Event().wait()
            elif more == "comments":
                await asyncio.sleep(0)
            yield b": still here\n\n"

    received = answering(lambda request: httpx.Response(200, content=body())).ask(drain_timeout=0.01)
    assert (received.text, received.error) == ("4", None)


# -- connections -------------------------------------------------------------------------------


def at_the_door(line, url):
    line.transport, line.url = None, url + CHAT
    return line


def test_leaving_early_closes_the_connection(line, portal):
    portal.says("a", "b", pace=0.0).stalls_after(1)

    async def leave(url):
        async with HttpClient() as http:
            exchange = at_the_door(line, url).endpoint(http, {})
            async with aclosing(stream_chat(exchange, REQUEST)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        break
            return await asyncio.to_thread(portal.wait_for_disconnect)  # the client itself is still open

    with portal.serve() as url:
        assert asyncio.run(leave(url))


@pytest.mark.parametrize("stage", ["before the answer", "inside the answer"])
def test_cancelling_closes_the_connection(line, portal, stage):
    portal.takes(60.0) if stage == "before the answer" else portal.says("a", "b").stalls_after(1)

    async def cancel(url):
        arrived = asyncio.Event()
        async with HttpClient() as http:
            task = asyncio.create_task(at_the_door(line, url).receive(http=http, arrived=arrived))
            if stage == "inside the answer":
                await arrived.wait()
            while not portal.requests:  # noqa: ASYNC110 - another thread fills it
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await asyncio.to_thread(portal.wait_for_disconnect)

    with portal.serve() as url:
        assert asyncio.run(cancel(url))


def chunked(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FAILURE = b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'


def test_one_connection_serves_one_question_after_another(line, wire):
    async def ask_thrice():
        answer = STREAM + chunked(wire.whole("4")) + b"0\r\n\r\n"
        async with served(always(answer)) as server, HttpClient() as http:
            line.url = server.url
            for _ in range(3):
                assert (await line.receive(http=http)).error is None
            assert (server.opened, server.ended) == (1, 0)

    asyncio.run(ask_thrice())


def test_answers_that_end_in_an_error_disturb_no_other(line, wire):
    """Such an answer comes in one packet, its end with it: its connection may serve the next question at once."""
    good = STREAM + chunked(wire.whole("4")) + b"0\r\n\r\n"
    body = b'{"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}'
    document = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    bad = STREAM + chunked(wire.sent(wire.chunk({"content": "fo"})) + FAILURE) + b"0\r\n\r\n"
    failing = replace(REQUEST, model="failing")
    row = replace(REQUEST, model="row", stream=False)  # as a map asks

    def answer(question):
        return bad if b'"failing"' in question else document + body if b'"row"' in question else good

    async def ask():
        async with served(always(answer)) as server, HttpClient() as http:
            line.url = server.url
            left = iter(range(1500))

            async def slot():
                return [(n, await line.receive((REQUEST, failing, row)[n % 3], http=http)) for n in left]

            return [one for some in await asyncio.gather(*(slot() for _ in range(16))) for one in some]

    came = asyncio.run(ask())
    assert {(received.text, received.error) for n, received in came if n % 3 != 1} == {("4", None)}
    assert {"overloaded" in str(received.error) for n, received in came if n % 3 == 1} == {True}


def test_a_stalled_socket_is_an_error_after_the_idle_timeout(line, portal):
    portal.says("a", "b").stalls_after(1)
    with portal.serve() as url:
        received = at_the_door(line, url).ask(idle_timeout=0.5)
        assert portal.wait_for_disconnect()
    assert received.text == "a"
    assert "no data for 0.5 s" in str(received.error)


def test_one_client_serves_concurrent_requests(line, portal):
    portal.says("x")

    async def many(url):
        async with HttpClient() as http:
            there = at_the_door(line, url)
            return await asyncio.gather(*(there.receive(http=http) for _ in range(20)))

    with portal.serve() as url:
        assert [received.error for received in asyncio.run(many(url))] == [None] * 20


# -- hostile -----------------------------------------------------------------------------------


def test_a_packed_error_page_does_not_fill_the_memory(answering, streamed):
    bomb = gzip.compress(bytes(200_000_000), 9)
    pieces = [bomb[at : at + 65536] for at in range(0, len(bomb), 65536)]

    def refuse(request):
        response = streamed(*pieces, content_type="text/plain", content_encoding="gzip")
        response.status_code = 400
        return response

    tracemalloc.start()
    try:
        received = answering(refuse).ask()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(received.error, RequestRejected)


def test_a_packed_stream_is_unpacked_as_it_comes(answering, streamed, wire):
    packed = gzip.compress(wire.whole("a", "b"))
    pieces = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    received = answering(lambda request: streamed(*pieces, content_encoding="gzip")).ask()
    assert (received.text, received.error) == ("ab", None)


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip"])
def test_an_undecodable_compression_is_an_error(answering, streamed, wire, packing):
    received = answering(lambda request: streamed(wire.whole("a"), content_encoding=packing)).ask()
    assert isinstance(received.error, ProtocolError)
    assert received.text == ""


def test_an_endless_line_is_stopped(answering, streamed):
    def endless(request):
        return streamed(b"data: ", *[b"x" * 1_000_000] * 20)

    assert isinstance(answering(endless).ask().error, ProtocolError)


ANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ANY
@given(
    st.lists(st.binary(max_size=40), max_size=6),
    st.sampled_from(["text/event-stream", "application/json", "text/html", ""]),
)
def test_any_bytes_are_an_answer_or_an_error_of_ours(answering, streamed, pieces, kind):
    received = answering(lambda request: streamed(*pieces, content_type=kind)).ask(retries=0)
    assert received.error is not None or received.of(Finished)


@ANY
@given(
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(0, 600),
    st.integers(0, 255),
)
def test_the_text_of_a_damaged_answer_is_a_prefix(answering, streamed, wire, texts, at, byte):
    whole = wire.whole(*texts)
    expected = "".join(texts)
    at = min(at, len(whole))
    cut = answering(lambda request: streamed(whole[:at])).ask()
    assert expected.startswith(cut.text)
    assert cut.error is None or isinstance(cut.error, StreamBroken)
    assert cut.text == expected or cut.error is not None
    broken = answering(lambda request: streamed(whole[:at] + bytes([byte]) + whole[at + 1 :])).ask()
    assert broken.error is None or isinstance(broken.error, OpenClawError)


# -- a timeout for the whole answer ----------------------------------------------------------


class TimedAnswer:
    """Yields its events, then waits for ever unless `ends`."""

    def __init__(self, *events, ends=True):
        self.events, self.ends, self.closed = events, ends, False

    async def __call__(self):
        try:
            for event in self.events:
                yield event
            if not self.ends:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def all_of(seconds, answer):
    async def run():
        try:
            return [event async for event in with_timeout(seconds, answer())]
        finally:
            assert answer.closed

    return asyncio.run(run())


def test_an_answer_in_time_is_passed_on():
    events = (TextDelta("a"), TextDelta("b"), Finished("stop"))
    assert all_of(60, TimedAnswer(*events)) == list(events)


def test_a_timeout_without_text_is_unavailable_and_closes_the_stream():
    with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.01 s"):
        all_of(0.01, TimedAnswer(ends=False))


def test_a_timeout_after_text_keeps_the_text():
    with pytest.raises(StreamBroken, match=r"longer than 0\.01 s") as caught:
        all_of(0.01, TimedAnswer(TextDelta("so "), TextDelta("far"), ends=False))
    assert caught.value.partial == "so far"
