"""Cached answers: what is in the key of a request, and which replies are stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openclaw_ipython.chat.types import ChatRequest, Message, Reply, ToolCall, Usage
from openclaw_ipython.dispatch.cache import cache_key, decode_reply, encode_reply, is_complete
from openclaw_ipython.openclaw.model_refs import ModelRef

REF = ModelRef("qwen-portal", "coder-model")
REQUEST = ChatRequest("coder-model", (Message("user", "Why?"),))


def key(request: ChatRequest = REQUEST, ref: ModelRef = REF) -> str:
    return cache_key(ref, request)


PICTURE = ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},)
OTHERS = {
    "another model": lambda: key(ref=ModelRef("qwen-portal", "vision-model")),
    "another provider": lambda: key(ref=ModelRef("modelstudio", "coder-model")),
    "another prompt": lambda: key(replace(REQUEST, messages=(Message("user", "Why not?"),))),
    "a system prompt": lambda: key(replace(REQUEST, messages=(Message("system", "x"), *REQUEST.messages))),
    "another role": lambda: key(replace(REQUEST, messages=(Message("assistant", "Why?"),))),
    "a turn before": lambda: key(replace(REQUEST, messages=(Message("user", "Hi"), *REQUEST.messages))),
    "a picture": lambda: key(replace(REQUEST, messages=(Message("user", PICTURE),))),
    "a tool's result": lambda: key(replace(REQUEST, messages=(Message("tool", "Why?", tool_call_id="1"),))),
    "a call": lambda: key(
        replace(REQUEST, messages=(Message("user", "Why?", tool_calls=(ToolCall("1", "f", "{}"),)),))
    ),
    "a temperature": lambda: key(replace(REQUEST, temperature=0.0)),
    "top_p": lambda: key(replace(REQUEST, top_p=0.5)),
    "most tokens": lambda: key(replace(REQUEST, max_tokens=10)),
    "thinking": lambda: key(replace(REQUEST, thinking="off")),
    "a request field": lambda: key(replace(REQUEST, extra={"seed": 1})),
    "functions": lambda: key(replace(REQUEST, extra={"tools": [{"name": "f"}]})),
    "a schema": lambda: key(replace(REQUEST, schema={"name": "a", "schema": {}})),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_everything_that_affects_the_answer_is_in_the_key(other):
    assert other() != key()


def test_all_these_keys_differ():
    assert len({other() for other in OTHERS.values()}) == len(OTHERS)


SAME = {
    "whether it is streamed": replace(REQUEST, stream=False),
    "request headers": replace(REQUEST, headers={"X-A": "b"}),
    "what may be left out": replace(REQUEST, optional=frozenset({"a"})),
    "the model's name in the request": replace(REQUEST, model=""),
}


@pytest.mark.parametrize("request_", SAME.values(), ids=SAME)
def test_what_does_not_affect_the_answer_is_not_in_the_key(request_):
    assert key(request_) == key()


def test_the_order_of_fields_does_not_matter():
    assert key(replace(REQUEST, extra={"a": 1, "b": 2})) == key(replace(REQUEST, extra={"b": 2, "a": 1}))


def test_the_key_of_a_request_is_the_same_in_every_release():
    """A cache that was shared with a notebook is read by it."""
    assert key() == "54abef62caca471916797024532681e3d9b52f7fbd84f6a4799b9c637b60254f"


@given(st.text(), st.text())
def test_different_prompts_have_different_keys(one, other):
    keys = [key(replace(REQUEST, messages=(Message("user", text),))) for text in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)


# -- what is stored --------------------------------------------------------------------------

REPLY = Reply(
    "Because. \N{PENGUIN}",
    reasoning="Hm.",
    usage=Usage(1, 2, 3, 4, cost=0.5),
    model="qwen-portal/coder-model",
    finish_reason="tool_calls",
    tool_calls=(ToolCall("1", "f", "{}"),),
    seconds=1.25,
    first_text=0.5,
)


def test_a_reply_is_stored_whole():
    found = decode_reply(encode_reply(REPLY))
    assert str(found) == str(REPLY)
    names = ("reasoning", "model", "finish_reason", "tool_calls", "seconds", "first_text")
    assert [getattr(found, name) for name in names] == [getattr(REPLY, name) for name in names]
    assert found.usage == Usage(1, 2, 3, 4, cost=0.5)


@given(
    st.text(),
    st.text(),
    st.none() | st.tuples(*[st.none() | st.integers(0, 10**9)] * 4),
    st.integers(0, 10**6),
)
def test_any_reply_survives_the_journal(text, reasoning, counts, seconds):
    usage = Usage(*counts) if counts is not None else None
    reply = Reply(text, reasoning=reasoning, usage=usage, model="a/b", seconds=seconds)
    back = decode_reply(encode_reply(reply))
    assert back == reply
    assert vars(back) == vars(reply)


def test_a_row_of_a_batch_that_release_0_1_stored_is_read():
    row = {"text": "x", "model": "a/b", "usage": [1, 2], "finish": "stop", "reasoning": "", "seconds": 1.5}
    assert decode_reply(row).finish_reason == "stop"


@pytest.mark.parametrize("value", [None, 5, {}, {"text": 1}, {"text": "x"}, [], "text"])
def test_what_is_no_stored_reply_is_none(value):
    assert decode_reply(value) is None


def test_an_answer_that_was_stored_without_its_cost_is_read():
    stored = encode_reply(REPLY)
    assert decode_reply(stored | {"usage": stored["usage"][:4]}).usage == Usage(1, 2, 3, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": 1},
        {"model": ["x"]},
        {"tool_calls": [["only one"]]},
        {"tool_calls": None},
        {"usage": ["many"]},
        {"usage": [1, 2, 3, 4, 5, 6, 7]},
        {"seconds": "long"},
        {"first_text": {}},
    ],
    ids=repr,
)
def test_a_malformed_entry_is_not_an_answer(change):
    assert decode_reply(encode_reply(REPLY) | change) is None


@pytest.mark.parametrize(
    ("reply", "complete"),
    [
        (Reply("a"), True),
        (Reply("a", finish_reason="length"), False),
        (Reply("a", finish_reason="content_filter"), False),
        (Reply("a", finish_reason="interrupted"), False),
        (Reply("a", finish_reason="ended early"), False),
        (Reply(""), False),
        (Reply("", finish_reason="tool_calls", tool_calls=(ToolCall("1", "f", "{}"),)), True),
    ],
    ids=lambda value: getattr(value, "finish_reason", ""),
)
def test_only_a_complete_answer_is_stored(reply, complete):
    assert is_complete(reply) is complete
