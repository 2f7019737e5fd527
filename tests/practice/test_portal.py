"""Chat through the portal: the format of completions, and the scripts that change it."""

from __future__ import annotations

import json

import pytest
from scripted_portal import Portal

from openclaw_ipython.practice.http_types import Cut, Pause, Stall

STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def test_the_stream_has_the_observed_shape(ask, portal, clock):
    portal.says("Hel", "lo", reasoning=("Hm",))
    answer = ask.chat("greet", **STREAM)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    role, *deltas, end, usage = answer.chunks
    assert role["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "reasoning_content": None},
            "finish_reason": None,
        }
    ]
    assert [chunk["choices"][0]["delta"] for chunk in deltas] == [
        {"content": None, "reasoning_content": "Hm"},
        {"content": "Hel", "reasoning_content": None},
        {"content": "lo", "reasoning_content": None},
    ]
    assert end["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 6,
        "completion_tokens": 3,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert all(chunk["usage"] is None for chunk in answer.chunks[:-1])
    for chunk in answer.chunks:
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["created"] == int(clock.now)
        assert chunk["model"] == "coder-model"
        assert chunk["id"] == role["id"]
    assert answer.text.endswith("data: [DONE]\n\n")


def test_usage_is_streamed_only_when_asked_for(ask, portal):
    portal.says("x")
    assert all(chunk["choices"] for chunk in ask.chat("hello", stream=True).chunks)


def test_without_stream_the_answer_is_one_document(ask, portal):
    portal.says("Hel", "lo", usage={"prompt_tokens": 1})
    answer = ask.chat("hello").json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {"prompt_tokens": 1}


def test_every_delta_is_a_separate_and_paced_chunk(ask, portal):
    portal.says("a", "b", pace=0.5)
    steps = ask.chat("hello", stream=True).steps
    assert [step if isinstance(step, Pause) else type(step) for step in steps] == [
        bytes,
        Pause(0.5),
        bytes,
        Pause(0.5),
        bytes,
        bytes,
        bytes,
    ]


def test_the_pace_of_the_portal_applies_to_answers_without_their_own(ask, portal):
    portal.paces(0.25).says("a").says("b", pace=0)
    assert Pause(0.25) in ask.chat("hello", stream=True).steps
    assert not any(isinstance(step, Pause) for step in ask.chat("hello", stream=True).steps)


def test_queued_answers_come_first_and_later_ones_are_composed(ask, portal):
    portal.says("one").says("two")
    assert [ask.chat("x").content for _ in range(2)] == ["one", "two"]
    assert "not a model" in ask.chat("x").content


@pytest.mark.parametrize(("script", "fault"), [("breaks_after", Cut()), ("stalls_after", Stall())])
@pytest.mark.parametrize("after", [0, 1, 2, 5])
def test_a_fault_comes_after_that_many_deltas(ask, portal, script, fault, after):
    getattr(portal.says("a", "b"), script)(after)
    answer = ask.chat("hello", **STREAM)
    assert answer.content == "ab"[:after]
    assert answer.steps[-1] == fault
    assert 'finish_reason": "stop' not in answer.text
    assert "[DONE]" not in answer.text


def test_a_fault_without_an_answer_breaks_the_composed_one(ask, portal):
    portal.breaks_after(2)
    assert ask.chat("hello", stream=True).content == "*I am "
    assert ask.chat("hello", stream=True).steps[-1] == b"data: [DONE]\n\n"


def test_a_fault_in_a_document_leaves_half_of_it(ask, portal):
    portal.says("Hello").breaks_after(0)
    *parts, last = ask.chat("hello").steps
    assert last == Cut()
    with pytest.raises(ValueError, match=r"JSON|Unterminated|Expecting"):
        json.loads(b"".join(parts))


def test_an_answer_can_end_without_a_finish_reason(ask, portal):
    portal.says("Hel", finish=None)
    answer = ask.chat("hello", **STREAM)
    assert answer.content == "Hel"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in answer.chunks)
    assert b"[DONE]" not in answer.body


def test_a_raw_stream_is_sent_byte_for_byte(ask, portal):
    chunks = (b"data: {\xf0\x9f", b"\x98\x80}\r", b"\n\r\n")
    portal.raw_stream(*chunks)
    assert tuple(ask.chat("hello", stream=True).steps) == chunks


def test_floods_repeats_one_delta(ask, portal):
    portal.floods(5_000)
    answer = ask.chat("hello", stream=True)
    assert answer.content == "12345" * 5_000
    assert len(answer.steps) == 5_003


def test_tool_calls_come_in_fragments(ask, portal):
    portal.calls("add", {"a": 1, "b": 22})
    answer = ask.chat("hello", stream=True)
    fragments = [delta["tool_calls"][0] for delta in answer.deltas if "tool_calls" in delta]
    assert fragments[0]["id"] == "call_1"
    assert fragments[0]["function"] == {"name": "add", "arguments": ""}
    assert {fragment["id"] for fragment in fragments[1:]} == {""}
    assert len(fragments) > 2
    arguments = "".join(fragment["function"]["arguments"] for fragment in fragments)
    assert json.loads(arguments) == {"a": 1, "b": 22}
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_tool_calls_in_one_document_leave_the_content_null(ask, portal):
    portal.calls("add", "{broken")
    message = ask.chat("hello").json()["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "add", "arguments": "{broken"}


def test_failures_apply_to_matching_paths_and_are_used_up(ask, portal):
    portal.fails_next("/chat", 429, {"error": "x"}, headers={"retry-after": "3"}, times=2)
    assert ask.device_code().status == 200
    failed = ask.chat("hello")
    assert (failed.status, failed.json(), failed.headers["retry-after"]) == (429, {"error": "x"}, "3")
    assert [ask.chat("hello").status for _ in range(2)] == [429, 200]


def test_failures_can_last(ask, portal):
    portal.fails_next("/chat", 503, "down", times=None)
    assert [ask.chat("hello").status for _ in range(3)] == [503] * 3


def test_a_failed_request_uses_no_queued_answer(ask, portal):
    portal.says("kept").fails_next("/chat", 500)
    assert ask.chat("hello").status == 500
    assert ask.chat("hello").content == "kept"


def test_the_firewall_answers_200_with_a_page(ask, portal):
    portal.answers_html("/chat")
    page = ask.chat("hello", stream=True)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!doctype html>")
    assert "aliyun_waf_aa" in page.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("POST", "/v1/v1/chat/completions", 404),
    ],
)
def test_other_paths_and_methods_are_refused(ask, method, path, status):
    assert ask.send(method, path).status == status


def test_requests_are_recorded_unchanged(ask, portal, clock):
    ask.chat("hello", temperature=0.5)
    (request,) = portal.requests
    assert (request.method, request.path, request.time) == ("POST", "/v1/chat/completions", clock.now)
    assert request.json()["temperature"] == 0.5
    assert request.headers["authorization"].startswith("Bearer ")


def test_the_number_of_recorded_requests_is_limited(ask):
    ask.portal = Portal(keep=2)
    for path in ("/a", "/b", "/c"):
        ask.send("GET", path)
    assert [request.path for request in ask.portal.requests] == ["/b", "/c"]
