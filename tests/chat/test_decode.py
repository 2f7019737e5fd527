"""Answers: what the services' streams and documents say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.decode import AnswerDecoder, _decode_json, _parse
from openclaw_ipython.chat.dialects import ANY_SERVICE, DIALECTS
from openclaw_ipython.chat.fields import read_usage
from openclaw_ipython.chat.sse import ServerEvent
from openclaw_ipython.chat.types import (
    Finished,
    Notice,
    ReasoningDelta,
    ServiceNotice,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.sanitize.secrets import Secret

# -- streams ---------------------------------------------------------------------------------


def reply_of(raw):
    decoder, collector = AnswerDecoder(), Collector("m", 0.0)
    for event in decoder.feed(raw):
        collector.add(event, 0.0)
    return decoder, collector.reply(0.0)


def lined(*lines, end="\n\n"):
    return "".join(line + end for line in lines).encode()


THINKING = (
    ": keep-alive",
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"qwen3.7-plus","choices":[{"index":0,'
    '"delta":{"role":"assistant","content":null,"reasoning_content":"Two "},"finish_reason":null}],"usage":null}',
    'data:{"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"plus two."},"finish_reason":null}],'
    '"usage":null}',
    'data: {"choices":[{"index":0,"delta":{"content":"4","reasoning_content":null},"finish_reason":null}]}',
    'data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":null}',
    'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,'
    '"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":7}}}',
    "data: [DONE]",
)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_thinking_text_and_usage_are_told_apart(end):
    decoder, reply = reply_of(lined(*THINKING, end=end))
    assert reply == "4"
    assert reply.reasoning == "Two plus two."
    assert reply.finish_reason == "stop"
    assert reply.usage == Usage(12, 9, 0, 7)
    assert decoder.finished
    assert decoder.done


def test_a_tool_call_in_fragments_becomes_one_call():
    def piece(call, role=None):
        return {
            "choices": [{"index": 0, "delta": {"content": None, "tool_calls": [call]}, "finish_reason": None}]
        }

    chunks = [
        piece(
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "list", "arguments": ""}}
        ),
        piece(
            {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": '{"path": "'}}
        ),
        piece({"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": '/w"}'}}),
        {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls"}]},
    ]
    _, reply = reply_of(lined(*(f"data: {json.dumps(chunk)}" for chunk in chunks), "data: [DONE]"))
    assert reply.tool_calls == (ToolCall("call_1", "list", '{"path": "/w"}'),)
    assert reply.finish_reason == "tool_calls"


def decode_event(event, *known):
    return list(AnswerDecoder(*known)._chunk(_parse(event.data), event))


def events_of(chunk, **about):
    return decode_event(ServerEvent(json.dumps(chunk), **about))


def choice(**fields):
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": None} | fields]}


@pytest.mark.parametrize(
    ("chunk", "events"),
    [
        ({"choices": []}, []),
        ({"choices": None}, []),
        ({"choices": {}}, []),
        ({"choices": [None, 1, "x", []]}, []),
        ({}, []),
        ({"object": "ping"}, []),
        ({"choices": [], "error": None}, []),
        (choice(delta=None), []),
        (choice(delta="x"), []),
        (choice(delta={"content": None}), []),
        (
            choice(delta={"content": 5, "reasoning_content": 6, "tool_calls": 5}),
            [ReasoningDelta("6"), TextDelta("5")],
        ),
        (choice(delta={"content": "a"}), [TextDelta("a")]),
        (choice(index=None, delta={"content": "a"}), [TextDelta("a")]),
        (choice(index=1, delta={"content": "a"}), [TextDelta("a")]),
        ({"choices": [{"delta": {"content": "a"}}]}, [TextDelta("a")]),
        (choice(delta={"reasoning": "r"}), [ReasoningDelta("r")]),
        (choice(delta={"reasoning_content": "", "reasoning": "r"}), [ReasoningDelta("r")]),
        (choice(delta={"content": "a", "reasoning_content": "r"}), [ReasoningDelta("r"), TextDelta("a")]),
        (choice(delta={"content": [{"type": "text", "text": "a"}, None, {"text": 1}]}), [TextDelta("a")]),
        (choice(delta={"content": "half \ud83d"}), [TextDelta("half \ufffd")]),
        (choice(delta={"content": "\ud83d\ude00"}), [TextDelta("😀")]),
        (choice(finish_reason="length"), [Finished("length")]),
        (choice(finish_reason="content_filter"), [Finished("content_filter")]),
        (choice(finish_reason=""), []),
        (choice(finish_reason=7), []),
        (choice(delta=None, finish_reason="stop"), [Finished("stop")]),
        (choice(delta={"content": "a"}, finish_reason="stop"), [TextDelta("a"), Finished("stop")]),
        (choice(delta={"tool_calls": [None, {}]}), [ToolCallDelta(1, "", "", "")]),
        (choice(delta={"tool_calls": [{"index": "x", "function": None}]}), [ToolCallDelta(0, "", "", "")]),
        ({"usage": None, "choices": []}, []),
        ({"usage": {}, "choices": []}, [UsageReport(Usage())]),
        ({"usage": {"prompt_tokens": 1}}, [UsageReport(Usage(1))]),
        (choice(finish_reason="stop") | {"usage": {}}, [Finished("stop"), UsageReport(Usage())]),
    ],
)
def test_each_chunk_says_what_is_in_it(chunk, events):
    assert events_of(chunk) == events


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "cached_tokens": 3}, Usage(1, 2, 3)),
        ({"prompt_tokens_details": {"cached_tokens": 4}, "cached_tokens": 3}, Usage(None, None, 4)),
        ({"prompt_tokens": -1, "completion_tokens": "2", "cached_tokens": True}, Usage()),
        ({"prompt_tokens_details": [], "completion_tokens_details": None}, Usage()),
    ],
)
def test_token_counts_are_found_in_every_field(usage, read):
    assert read_usage(usage, ANY_SERVICE) == read


@pytest.mark.parametrize(
    ("dialect", "usage", "hit", "written"),
    [
        ("", {"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5}}, 4, 5),
        ("", {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, 4, None),
        ("", {"prompt_tokens_details": {"cached_tokens": 0}}, 0, None),
        ("", {"prompt_tokens_details": {"cached_tokens": None}, "cache_read_input_tokens": 4}, 4, None),
        (
            "dashscope",
            {"prompt_tokens_details": {"cached_tokens": 0, "cache_creation_input_tokens": 5}},
            0,
            5,
        ),
        ("dashscope", {"cached_tokens": 4}, 4, None),
        ("openrouter", {"prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5}}, 4, 5),
        ("vllm", {"prompt_tokens_details": None}, None, None),
    ],
)
def test_hits_and_writes_of_the_prompt_cache_are_in_the_fields_of_the_host(dialect, usage, hit, written):
    read = read_usage(usage, DIALECTS[dialect].cache)
    assert (read.cached_tokens, read.written_tokens) == (hit, written)


@pytest.mark.parametrize(
    ("event", "kind", "code", "request_id"),
    [
        (
            ServerEvent(
                json.dumps(choice(delta={"content": "Throttling: slow down"}, finish_reason="error_finish"))
            ),
            RateLimited,
            "Throttling",
            "",
        ),
        (ServerEvent(json.dumps(choice(delta=None, finish_reason="error_finish"))), RequestRejected, "", ""),
        (
            ServerEvent(
                '{"error":{"code":"data_inspection_failed","message":"Output data may contain …",'
                '"type":"data_inspection_failed"},"request_id":"r-1"}',
                "error",
            ),
            RequestRejected,
            "data_inspection_failed",
            "r-1",
        ),
        (
            ServerEvent(
                '{"code":"Throttling.AllocationQuota","message":"Allocated quota exceeded","request_id":"r-2"}',
                "error",
                "HTTP_STATUS/429",
            ),
            RateLimited,
            "Throttling.AllocationQuota",
            "r-2",
        ),
        (ServerEvent('{"message":"no"}', "error", "HTTP_STATUS/500"), ServiceUnavailable, "", ""),
        (ServerEvent('{"message":"no"}', "error", "HTTP_STATUS/²00"), RequestRejected, "", ""),
        (ServerEvent("{}", "error"), RequestRejected, "", ""),
        (ServerEvent('{"choices":[]}', "error"), RequestRejected, "", ""),
        (ServerEvent('{"error":"words","choices":[]}'), RequestRejected, "", ""),
        (ServerEvent('{"error":true}'), RequestRejected, "", ""),
        (
            ServerEvent('{"error":{"code":"insufficient_quota","message":"x"},"request_id":"r"}'),
            QuotaExceeded,
            "insufficient_quota",
            "r",
        ),
        (ServerEvent('{"ret":["FAIL_SYS_USER_VALIDATE"]}'), RequestRejected, "FAIL_SYS_USER_VALIDATE", ""),
        (ServerEvent('{"code":500,"message":"x"}'), ServiceUnavailable, "500", ""),
    ],
)
def test_a_failure_inside_a_stream_is_an_error(event, kind, code, request_id):
    with pytest.raises(kind) as caught:
        decode_event(event)
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.request_id) == (code, request_id)


def test_a_dead_login_inside_a_stream_is_an_error_of_login():
    with pytest.raises(LoginRequired):
        events_of({"error": {"code": "invalid_api_key", "message": "x"}})


def test_an_error_inside_a_stream_does_not_repeat_the_token():
    for chunk in (
        {"error": "bad odd~token"},
        choice(delta={"content": "bad odd~token"}, finish_reason="error_finish"),
    ):
        with pytest.raises(RequestRejected) as caught:
            decode_event(ServerEvent(json.dumps(chunk)), Secret("odd~token"))
        assert "odd~token" not in str(caught.value)


@pytest.mark.parametrize(
    "data", ["null", "1", '"x"', "[]", "true", "{", '{"choices":[{"del', "x", "NaN", "[" * 9999]
)
def test_data_that_is_no_object_is_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        decode_event(ServerEvent(data))


def test_a_number_too_long_to_read_is_a_protocol_error():
    with pytest.raises(ProtocolError):
        decode_event(ServerEvent('{"x":' + "9" * 5000 + "}"))


# -- the whole answer --------------------------------------------------------------------------


def test_events_before_malformed_data_are_yielded():
    decoder, said = AnswerDecoder(), []
    raw = lined('data: {"choices":[{"delta":{"content":"kept"}}]}', 'data: {"choi', "data: [DONE]")
    with pytest.raises(ProtocolError):
        said.extend(decoder.feed(raw))
    assert said == [TextDelta("kept")]
    assert not decoder.finished


@pytest.mark.parametrize(
    "done", ["data: [DONE]", "data:[DONE]", "data:  [DONE]  ", "event: done\ndata: [DONE]"]
)
def test_nothing_after_done_is_decoded(done):
    decoder = AnswerDecoder()
    stop = json.dumps(choice(finish_reason="stop"))
    assert list(decoder.feed(lined(f"data: {stop}", done, "data: this is no JSON"))) == [Finished("stop")]
    assert decoder.done


def test_blank_data_is_passed_over_and_does_not_count():
    decoder = AnswerDecoder()
    assert list(decoder.feed(b"data:\n\ndata: \n\n: comment\n\nevent: ping\n\n")) == []
    assert decoder.events == 0


def test_an_endless_answer_is_an_error():
    decoder = AnswerDecoder(limit=1000)
    text = lined('data: {"choices":[{"delta":{"content":"' + "x" * 100 + '"}}]}')
    said = []
    with pytest.raises(StreamBroken, match="longer than"):
        for _ in range(100):
            said.extend(decoder.feed(text))
    assert len(said) == 10


@pytest.mark.parametrize("piece", ['{"index":0,"id":"a"}', '{"function":{"name":"f"}}', "{}"])
def test_endless_tool_calls_are_an_error(piece):
    decoder = AnswerDecoder(limit=10_000)
    with pytest.raises(StreamBroken, match="longer than"):
        for _ in range(101):
            list(decoder.feed(lined('data: {"choices":[{"delta":{"tool_calls":[' + piece + "]}}]}")))


def test_adjacent_texts_of_a_chunk_are_joined_in_order():
    parts = [{"content": "a"}, {"content": "b"}, {"reasoning_content": "c"}, {"reasoning_content": "d"}]
    parts += [{"tool_calls": [{"function": {"name": "f"}}]}, {"content": "e"}]
    stop = choice(finish_reason="stop")
    raw = lined(*(f"data: {json.dumps({'choices': [{'delta': part}]})}" for part in parts))
    assert list(AnswerDecoder().feed(raw + lined(f"data: {json.dumps(stop)}"))) == [
        TextDelta("ab"),
        ReasoningDelta("cd"),
        ToolCallDelta(0, "", "f", ""),
        TextDelta("e"),
        Finished("stop"),
    ]


DELTAS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6)


@given(DELTAS, st.floats(0, 1), st.integers(1, 40))
def test_a_cut_answer_is_a_prefix_of_the_whole(texts, share, size):
    chunks = [json.dumps(choice(delta={"content": text})) for text in texts]
    raw = lined(
        *(f"data: {c}" for c in chunks), f"data: {json.dumps(choice(finish_reason='stop'))}", "data: [DONE]"
    )
    _, whole = reply_of(raw)
    cut = raw[: int(len(raw) * share)]
    decoder, said = AnswerDecoder(), []
    for at in range(0, len(cut), size):
        said.extend(decoder.feed(cut[at : at + size]))
    heard = "".join(event.text for event in said if isinstance(event, TextDelta))
    assert whole.startswith(heard)
    assert heard == whole or not decoder.finished


LINES = st.sampled_from(
    [
        "data: ",
        "event: error\n",
        ":HTTP_STATUS/429\n",
        '{"choices":[',
        '{"delta":{"content":"',
        "x",
        '"}}',
        "]}",
        "\n\n",
        "null",
        "[DONE]",
        '{"error":',
        '"e"',
        "{}",
        "}",
        '"finish_reason":"stop"',
        '"error_finish"',
        ",",
        "\ud83d",
        "\\ud83d",
        '{"code":1,"message":[2]}',
        '"tool_calls":[{"index":-1}]',
        '"usage":{"prompt_tokens":1e9}',
        "\r",
    ]
)


@given(
    st.one_of(
        st.lists(LINES, max_size=40).map("".join).map(lambda t: t.encode("utf-8", "replace")), st.binary()
    )
)
def test_any_bytes_are_events_or_an_error_of_ours(raw):
    try:
        _, reply = reply_of(raw)
    except OpenClawError as error:
        str(error).encode()
    else:
        reply.encode()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "stop", "error_finish", "\ud83d", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "finish_reason",
                    "index",
                    "usage",
                    "error",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "id",
                    "reasoning_content",
                    "prompt_tokens_details",
                    "text",
                    "code",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(VALUES)
def test_any_json_is_events_or_an_error_of_ours(value):
    for read in (lambda: events_of(value), lambda: decode_completion(json.dumps(value).encode())):
        try:
            events = read()
        except OpenClawError:
            continue
        collector = Collector("m", 0.0)
        for event in events:
            collector.add(event, 0.0)
        collector.reply(0.0).encode()


# -- one document ------------------------------------------------------------------------------


def decode_completion(body, *known):
    decoder = AnswerDecoder(*known)
    return [*decoder.feed(body), *decoder.finish()]


def document(**message):
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3},
    }


def test_a_document_says_the_same_as_a_stream():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = json.dumps(
        document(role="assistant", content="4", reasoning_content="hm", tool_calls=[call])
    ).encode()
    assert decode_completion(body) == [
        ReasoningDelta("hm"),
        TextDelta("4"),
        ToolCallDelta(0, "c", "f", "{}"),
        Finished("stop"),
        UsageReport(Usage(3)),
    ]
    assert decode_completion(b"\xef\xbb\xbf" + body) == decode_completion(body)


def test_a_whole_document_without_a_reason_is_complete_and_noted():
    assert decode_completion(b'{"choices":[{"message":{"content":"4"}}]}') == [
        TextDelta("4"),
        Finished("stop"),
        ServiceNotice("the service gave no reason for the end"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[5]}',
        b'{"choices":[{}]}',
        b"<html>",
        b'{"choices":[{"message":{"content":"cut',
        b'{"object":"list","data":[]}',
    ],
)
def test_json_that_is_no_completion_is_an_error(body):
    with pytest.raises(ProtocolError):
        decode_completion(body)


def test_a_refusal_with_200_is_an_error():
    with pytest.raises(QuotaExceeded) as caught:
        decode_completion(b'{"error":{"code":"insufficient_quota","message":"no"},"request_id":"r"}')
    assert caught.value.request_id == "r"
    with pytest.raises(RequestRejected, match="FAIL_SYS"):
        decode_completion(b'{"ret":["FAIL_SYS_USER_VALIDATE","x"]}')


@pytest.mark.parametrize(
    ("citations", "notes"),
    [
        (["https://a.example", "https://b.example"], ["sources: https://a.example · https://b.example"]),
        (["https://a.example\n\x1b[31mred", 7, None], ["sources: https://a.example ⟨U+001B⟩[31mred"]),
        ([f"u{n}" for n in range(30)], ["sources: " + " · ".join(f"u{n}" for n in range(20)) + " · …"]),
        ([], []),
        ("https://a.example", []),
        ({"a": 1}, []),
    ],
)
def test_the_sources_of_an_answer_are_one_note_at_its_end(citations, notes):
    chunk = {"choices": [{"index": 0, "delta": {"content": "4"}}], "citations": citations}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "citations": citations}
    decoder = AnswerDecoder()
    raw = lined(*("data: " + json.dumps(part) for part in (chunk, chunk, last)), "data: [DONE]")
    events = [*decoder.feed(raw), *decoder.finish()]
    assert [event.text for event in events if isinstance(event, Notice)] == notes


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
JSON_PIECES = [
    *'{}[]",:-.\\/ea1 \n\t\x01\ufeff\ud83d', "\\ud83d", "\\ude00", "\\u0000", "400", "0", "NaN", "null", "1" * 30
]  # fmt: skip


@given(
    JSON_VALUES.map(json.dumps)
    | JSON_VALUES.map(lambda value: json.dumps(value, ensure_ascii=False))
    | st.lists(st.sampled_from(JSON_PIECES), max_size=14).map("".join)
)
def test_json_is_decoded_as_the_standard_library_does(text):
    assert decoded(_decode_json, text) == decoded(json.loads, text)


def decoded(decode, text):
    try:
        return repr(decode(text))
    except (ValueError, RecursionError):
        return "refused"
