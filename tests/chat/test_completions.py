"""Requests: what is sent."""

import json

import pytest

from openclaw_ipython.chat.completions import encode, to_bytes
from openclaw_ipython.chat.types import ChatRequest, Message
from openclaw_ipython.errors import UsageError

HELLO = (Message("system", "be brief"), Message("user", "hello"))

# -- what is sent ------------------------------------------------------------------------------


def test_a_request_has_only_what_was_asked_for():
    assert encode(ChatRequest("coder-model", HELLO)) == {
        "model": "coder-model",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_stream_options_are_not_sent_without_stream():
    assert "stream_options" not in encode(ChatRequest("m", HELLO, stream=False))


def test_options_and_extra_fields_are_sent_as_they_are():
    body = encode(ChatRequest("m", HELLO, 0.0, 0.5, 7, extra={"enable_thinking": False, "seed": 1}))
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.0, 0.5, 7)
    assert (body["enable_thinking"], body["seed"]) == (False, 1)


def test_content_parts_are_sent_in_order():
    parts = ({"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}})
    assert encode(ChatRequest("m", (Message("user", parts),)))["messages"][0]["content"] == list(parts)


def test_text_is_sent_as_utf8_and_always_encodable():
    body = to_bytes(encode(ChatRequest("m", (Message("user", "你好 \ud83d \ud83d\ude00"),))))
    assert "你好".encode() in body
    assert json.loads(body)["messages"][0]["content"] == "你好 \ufffd 😀"


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"bytes"])
def test_values_that_json_does_not_have_are_a_usage_error(value):
    with pytest.raises(UsageError, match="JSON"):
        to_bytes(encode(ChatRequest("m", HELLO, extra={"x": value})))
