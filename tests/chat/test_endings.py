"""What finish reasons mean."""

import pytest

from openclaw_ipython.chat.endings import ending_of, is_complete, mark_of
from openclaw_ipython.chat.types import Reply, ToolCall


@pytest.mark.parametrize(
    ("ending", "reasons"),
    [
        ("complete", ["stop", "STOP", "tool_calls", "end_turn", "COMPLETE", "eos", "stop_sequence"]),
        ("cut", ["length", "MAX_TOKENS", "model_length", "model_context_window_exceeded"]),
        ("filtered", ["content_filter", "SAFETY", "sensitive", "refusal"]),
        ("failed", ["", "error", "abort", "network_error", "anything else", "interrupted", "ended early"]),
    ],
)
def test_only_known_words_are_success(ending, reasons):
    assert {ending_of(reason) for reason in reasons} == {ending}


@pytest.mark.parametrize(
    ("reason", "mark"),
    [
        ("stop", ""),
        ("length", "cut at the token limit"),
        ("SAFETY", "stopped by the content filter"),
        ("refusal", "the model refused"),
        ("interrupted", "interrupted"),
        ("", "ended early"),
        ("ended early: lost", "ended early: lost"),
        ("a\n b", "ended: a b"),
    ],
)
def test_an_incomplete_answer_has_a_mark(reason, mark):
    assert mark_of(reason) == mark


def test_an_answer_without_text_and_calls_is_not_complete():
    assert mark_of("stop", empty=True) == "empty answer"
    assert not is_complete(Reply(""))
    assert is_complete(Reply("", tool_calls=(ToolCall("c", "f", "{}"),)))
    assert not is_complete(Reply("Par", finish_reason="length"))
