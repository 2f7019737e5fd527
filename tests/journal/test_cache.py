"""Kept answers: the key is all that shapes an answer; nothing else is in it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.types import ChatRequest, Message, Reply, ToolCall, Usage
from openclaw_ipython.dispatch.cache import _kept, is_complete, reply_of, shape_of
from openclaw_ipython.journal.cache import Answers, key_of
from openclaw_ipython.journal.journal import portable_answers
from openclaw_ipython.journal.shelf import Shelf
from openclaw_ipython.openclaw.model_refs import ModelRef

REF = ModelRef("qwen-portal", "coder-model")
REQUEST = ChatRequest("coder-model", (Message("user", "Why?"),))


def key(request: ChatRequest = REQUEST, ref: ModelRef = REF) -> str:
    return key_of(shape_of(ref, request))


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
def test_whatever_shapes_an_answer_makes_another_key(other):
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
def test_what_does_not_shape_an_answer_is_not_in_the_key(request_):
    assert key(request_) == key()


def test_the_order_of_fields_does_not_matter():
    assert key(replace(REQUEST, extra={"a": 1, "b": 2})) == key(replace(REQUEST, extra={"b": 2, "a": 1}))


def test_the_key_of_a_request_is_the_same_in_every_release():
    """It is what a cache that was passed on with a notebook is read by."""
    assert key() == "54abef62caca471916797024532681e3d9b52f7fbd84f6a4799b9c637b60254f"


@given(st.text(), st.text())
def test_different_prompts_have_different_keys(one, other):
    keys = [key(replace(REQUEST, messages=(Message("user", text),))) for text in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)


# -- what is kept --------------------------------------------------------------------------

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


def test_a_reply_is_kept_with_all_that_was_known_of_it_except_its_cost():
    found = reply_of(_kept(REPLY))
    assert str(found) == str(REPLY)
    names = ("reasoning", "model", "finish_reason", "tool_calls", "seconds", "first_text")
    assert [getattr(found, name) for name in names] == [getattr(REPLY, name) for name in names]
    assert found.usage == Usage(1, 2, 3, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": 1},
        {"model": ["x"]},
        {"tool_calls": [["only one"]]},
        {"tool_calls": None},
        {"usage": ["many"]},
        {"usage": [1, 2, 3, 4, 5, 6]},
        {"seconds": "long"},
        {"first_text": {}},
    ],
    ids=repr,
)
def test_what_is_no_answer_of_ours_is_no_answer(change):
    assert reply_of(_kept(REPLY) | change) is None


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
def test_only_a_complete_answer_is_kept(reply, complete):
    assert is_complete(reply) is complete


# -- the file ------------------------------------------------------------------------------


def test_an_answer_is_found_again_in_another_program(journal, path, clock):
    from openclaw_ipython.journal.journal import Journal

    journal.answers.put("k", "p/m", {"text": "a"})
    assert Journal(path, clock=clock).answers.get("k") == {"text": "a"}
    assert journal.answers.get("other") is None


def test_the_latest_answer_to_a_request_counts(journal):
    journal.answers.put("k", "p/m", {"text": "a"})
    journal.answers.put("k", "p/m", {"text": "b"})
    assert journal.answers.get("k") == {"text": "b"}
    assert journal.answers.kept().answers == 1


def test_looking_changes_nothing_in_a_portable_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    answers = portable_answers(path)
    answers.put("k", "p/m", {"text": "a"})
    before = path.read_bytes()
    assert portable_answers(path).get("k") == {"text": "a"}
    assert portable_answers(path).get("other") is None
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if "sqlite" in entry.name] == ["cache.sqlite"]


def test_what_is_not_json_is_no_answer(journal):
    journal.answers.put("k", "p/m", {"text": "a"})
    for text in ("{", "[1]", "null"):
        journal.database.write(lambda c, t=text: c.execute("UPDATE answers SET answer = ?", (t,)))
        assert journal.answers.get("k") is None


def test_clearing_deletes_them_from_the_file(journal, path):
    journal.answers.put("k", "p/m", {"text": "not to be found"})
    assert journal.answers.clear().answers == 1
    assert journal.answers.get("k") is None
    assert all(b"not to be found" not in entry.read_bytes() for entry in path.parent.iterdir())
    assert journal.answers.clear().answers == 0


def test_the_oldest_answers_go_first(journal, clock):
    for number in range(10):
        small = Answers(Shelf(journal.database), clock, most=1_000)
        small.put(f"{number}", "p/m", {"text": "x" * 200})
        clock.now += 1
    kept = [number for number in range(10) if journal.answers.get(f"{number}")]
    assert kept == [6, 7, 8, 9]
