"""Events put together to a reply."""

import copy
import pickle
import time

import pytest

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import (
    Finished,
    Notice,
    ReasoningDelta,
    Reply,
    TextDelta,
    Timed,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)


def collected(*events, finish_reason=""):
    collector = Collector("qwen-portal/coder-model", 100.0)
    for number, event in enumerate(events, 1):
        collector.add(event, 100.0 + number)
    return collector.reply(200.0, finish_reason)


def test_the_pieces_make_the_reply():
    reply = collected(
        Notice("a retry", 1.0),
        ReasoningDelta("Two "),
        ReasoningDelta("plus two."),
        TextDelta("4"),
        TextDelta("!"),
        Finished("stop"),
        UsageReport(Usage(12, 9, 0, 7)),
    )
    assert reply == "4!"
    assert isinstance(reply, str)
    assert reply.reasoning == "Two plus two."
    assert reply.usage == Usage(12, 9, 0, 7)
    assert reply.model == "qwen-portal/coder-model"
    assert reply.finish_reason == "stop"
    assert reply.seconds == 100.0
    assert reply.first_text == 4.0


def test_without_a_finish_reason_it_ended_early():
    reply = collected(TextDelta("half an ans"))
    assert reply.finish_reason == "ended early"
    assert collected(finish_reason="interrupted").finish_reason == "interrupted"
    assert collected().first_text is None


def test_a_given_finish_reason_overrides_the_services():
    assert collected(Finished("stop"), finish_reason="interrupted").finish_reason == "interrupted"


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        (
            [(0, "call_1", "list", ""), (0, "", "", '{"path": '), (0, "", "", '"/w"}')],
            [("call_1", "list", '{"path": "/w"}')],
        ),
        (
            [(0, "a", "one", "{"), (1, "b", "two", "["), (0, "", "", "}"), (1, "", "", "]")],
            [("a", "one", "{}"), ("b", "two", "[]")],
        ),
        # all numbered 0: a new id is a new call, and pieces without an id belong to the latest
        (
            [(0, "a", "one", "{"), (0, "", "", "}"), (0, "b", "two", "["), (0, "", "", "]")],
            [("a", "one", "{}"), ("b", "two", "[]")],
        ),
        # id and name repeated in every piece
        ([(0, "a", "one", "{"), (0, "a", "one", "}")], [("a", "one", "{}")]),
        # a name that comes later
        ([(0, "a", "", ""), (0, "", "one", "{}")], [("a", "one", "{}")]),
        # no ids at all
        ([(0, "", "one", "{"), (0, "", "", "}")], [("", "one", "{}")]),
    ],
)
def test_the_pieces_of_tool_calls_are_joined(pieces, calls):
    reply = collected(*(ToolCallDelta(*piece) for piece in pieces), Finished("tool_calls"))
    assert reply.tool_calls == tuple(ToolCall(*call) for call in calls)


def test_the_reply_so_far_is_available_at_any_time():
    collector = Collector("m", 0.0)
    collector.add(TextDelta("a"), 1.0)
    assert collector.reply(2.0) == "a"
    collector.add(TextDelta("b"), 3.0)
    assert collector.reply(4.0) == "ab"


def test_a_hundred_thousand_pieces_take_linear_time():
    began = time.process_time()
    reply = collected(*[TextDelta("12345")] * 100_000, *[ToolCallDelta(0, "", "f", "12345")] * 100_000)
    assert len(reply) == len(reply.tool_calls[0].arguments) == 500_000
    assert time.process_time() - began < 3


def test_ten_thousand_calls_take_linear_time():
    began = time.process_time()
    reply = collected(*(ToolCallDelta(number, f"call_{number}", "f", "{}") for number in range(10_000)))
    assert len(reply.tool_calls) == 10_000
    assert time.process_time() - began < 1


def test_a_reply_survives_copying_and_pickling():
    reply = collected(TextDelta("x"), ReasoningDelta("y"), Finished("length"))
    for other in (copy.copy(reply), copy.deepcopy(reply), pickle.loads(pickle.dumps(reply))):
        assert other == reply
        assert vars(other) == vars(reply)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code", []),
        ("a\n```python\nx = 1\n```\nb\n~~~\ny\n~~~\n", ["x = 1\n", "y\n"]),
        ("````md\n```\ninner\n```\n````\n", ["```\ninner\n```\n"]),
        ("```\nunfinished", ["unfinished"]),
        ("```\n```", [""]),
        ("a ``` b\nc ```", []),
    ],
)
def test_the_code_of_a_reply(text, blocks):
    assert Reply(text).code == blocks


def test_an_object_is_shown_as_the_json_it_came_as():
    shown = Reply('{"a": "<b>"}', parsed={"a": "<b>"})._repr_mimebundle_()
    assert shown["text/plain"] == '{"a": "<b>"}'
    assert shown["text/markdown"] == '```json\n{"a": "<b>"}\n```'
    assert "<b>" not in Reply('{"a": "<b>"}')._repr_mimebundle_()["text/markdown"]


def test_what_a_reply_shows_in_a_terminal_cannot_drive_it():
    shown = Reply("\x1b]52;c;x\x07red \u202e")._repr_mimebundle_()
    assert shown["text/plain"] == "red ⟨U+202E⟩"


def test_the_times_of_a_cached_answer_replace_the_measured_ones():
    reply = collected(Timed(3.25, None), TextDelta("kept"), Finished("stop"))
    assert (reply.seconds, reply.first_text) == (3.25, None)
