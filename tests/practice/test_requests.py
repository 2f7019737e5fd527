"""The portal refuses the requests that the service refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.practice.requests import Model, RequestRefused, check, parse

MODELS = {"coder-model": Model("coder-model"), "vision-model": Model("vision-model", images=True)}
USER = {"role": "user", "content": "hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "3"}
TOOL = {"type": "function", "function": {"name": "add"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

REFUSED: list[tuple[Any, str]] = [
    ({"messages": "hello"}, "too short"),
    ({"messages": []}, "too short"),
    ({"messages": ["hello"]}, "not an object"),
    ({"messages": [{"role": "developer", "content": "x"}, USER]}, "developer"),
    ({"messages": [{"content": "x"}]}, "not one of"),
    ({"messages": [{"role": "user"}]}, "content field is a required field"),
    ({"messages": [{"role": "user", "content": None}]}, "content field is a required field"),
    ({"messages": [{"role": "assistant", "content": None}, USER]}, "content field is a required field"),
    ({"messages": [USER, {"role": "system", "content": "x"}]}, "must be at the beginning"),
    ({"messages": [{"role": "user", "content": []}]}, "content parts"),
    ({"messages": [{"role": "user", "content": 5}]}, "content parts"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "incomplete item type"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "Unexpected item type"),
    ({"messages": [{"role": "user", "content": [{"type": "video", "x": 1}]}]}, "video"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "does not take images"),
    ({"messages": [USER, RESULT]}, "preceding tool call"),
    ({"messages": [USER, CALLING]}, "followed by tool messages"),
    ({"messages": [USER, CALLING, USER]}, "followed by tool messages"),
    ({"messages": [USER, CALLING, RESULT, RESULT]}, "preceding tool call"),
    ({"messages": [USER, CALLING, RESULT | {"tool_call_id": "c2"}]}, "preceding tool call"),
    ({"messages": [USER, CALLING | {"tool_calls": ["x"]}]}, "function calls with an id"),
    ({"tools": []}, "'tools'"),
    ({"tools": [{"type": "function"}]}, "'tools'"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "'tools'"),
    ({"temperature": 2}, "Temperature"),
    ({"temperature": "0.2"}, "Temperature"),
    ({"top_p": 0}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"max_tokens": 10**9}, "max_tokens"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"enable_thinking": True}, "enable_thinking must be set to false for non-streaming"),
    ({"reasoning_effort": "low"}, "enable_thinking must be set to false for non-streaming"),
    ({"stream": True, "enable_thinking": True, "tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ({"stream": True, "thinking_budget": 5, "reasoning_effort": "low"}, "thinking_budget"),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ({"response_format": {"type": "json_schema"}}, "schema' is missing"),
]


@pytest.mark.parametrize(("fields", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_invalid_requests_are_refused(ask, fields, reason):
    reply = ask.raw_chat(json.dumps({"model": "coder-model", "messages": [USER]} | fields).encode())
    assert reply.status == 400
    assert reply.error["code"] == "invalid_parameter_error"
    assert reason in reply.error["message"]


TAKEN: list[dict[str, Any]] = [
    {"messages": [{"role": "system", "content": "be brief"}, USER]},
    {"messages": [USER, CALLING, RESULT]},
    {"messages": [USER, CALLING, RESULT, USER]},
    {"messages": [USER, {"role": "assistant", "content": ""}, USER]},
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "y"}}]}
        ]
    },
    {"messages": [USER, CALLING, RESULT | {"content": [IMAGE]}]},
    {"temperature": 0, "top_p": 1, "max_tokens": 65_536},
    {"stream": True, "stream_options": {"include_usage": True}, "enable_thinking": True},
    {"stream": True, "enable_thinking": True, "tools": [TOOL], "tool_choice": "auto"},
    {"tools": [TOOL], "tool_choice": "required", "enable_thinking": False},
    {"metadata": {"sessionId": "1"}, "vl_high_resolution_images": True},
]


@pytest.mark.parametrize("fields", TAKEN, ids=str)
def test_valid_requests_are_accepted(ask, fields):
    reply = ask.raw_chat(json.dumps({"model": "coder-model", "messages": [USER]} | fields).encode())
    assert reply.status == 200, reply.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(ask, body):
    reply = ask.raw_chat(body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_parameter_error")
    assert reply.error["message"] == "Request body format invalid"


def test_an_unknown_model_is_not_found(ask):
    reply = ask.chat("hello", model="qwen/coder-model")
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")


def test_more_models_can_be_offered(ask, portal):
    portal.offers("qwen3.7-plus", images=True)
    assert ask.chat("hello", model="qwen3.7-plus").status == 200
    listed = ask.send("GET", "/v1/models", authorization=f"Bearer {portal.issue()['access_token']}").json()
    assert [model["id"] for model in listed["data"]] == ["coder-model", "vision-model", "qwen3.7-plus"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("data:image/png;base64,bm90IGFuIGltYWdl", "illegal"),
        ("data:image/png;base64,***", "base64"),
        ("data:image/png,plain", "valid"),
        ("file:///etc/passwd", "valid"),
    ],
)
def test_an_invalid_image_is_refused(ask, url, reason):
    part = {"type": "image_url", "image_url": {"url": url}}
    reply = ask.chat({"role": "user", "content": [part]}, model="vision-model")
    assert (reply.status, reason in reply.error["message"]) == (400, True)


def test_a_prompt_beyond_the_context_window_is_refused(ask):
    reply = ask.chat("x" * 4 * 131_072, model="vision-model")
    assert "Range of input length should be [1, 131072]" in reply.error["message"]


def test_cache_control_can_be_demanded(ask, portal):
    portal.demands_cache_control()
    assert ask.chat("hello").status == 400
    part = {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}
    assert ask.chat({"role": "system", "content": [part]}, "hello").status == 200


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["user", "tool", "text"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "tool_call_id",
                    "image_url",
                    "url",
                    "id",
                    "function",
                    "name",
                    "arguments",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = [
    "messages",
    "tools",
    "tool_choice",
    "response_format",
    "stream",
    "stream_options",
    "temperature",
    "enable_thinking",
]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.lists(VALUES, max_size=3))
def test_every_body_is_parsed_or_refused(fields, messages):
    body = {"model": "vision-model", "messages": messages} | fields
    try:
        parse(body, check(body, MODELS))
    except RequestRefused as refusal:
        assert refusal.status == 400
