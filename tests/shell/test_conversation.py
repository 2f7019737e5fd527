"""Conversations without a kernel: how a message is saved, and which turns fit a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.token_estimate import of_messages
from openclaw_ipython.chat.types import Message, Reply
from openclaw_ipython.journal.conversations import Turn
from openclaw_ipython.shell.conversation import (
    as_messages,
    images_in,
    is_a_turn,
    turns_to_leave_out,
    without_images,
)

TEXT = {"type": "text", "text": "What is this?"}
FAR = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
NEAR = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}


def turn(prompt="Why?", answer="Because.") -> Turn:
    return Turn("cell", 0.0, "p/m", prompt, answer)


def test_a_text_is_saved_as_it_is():
    assert without_images("data:image/png;base64,AAAA") == "data:image/png;base64,AAAA"


def test_a_picture_that_was_sent_along_is_mentioned_and_one_at_an_address_stays():
    saved = without_images([TEXT, NEAR, FAR])
    assert saved[0] == TEXT
    assert saved[1]["type"] == "text"
    assert saved[1]["text"].startswith("[a picture was here: image/png, 3")
    assert saved[2] == FAR
    assert images_in(saved) == 1
    assert images_in("[a picture was here: in words]") == 0


@pytest.mark.parametrize(
    ("reason", "enters"),
    [
        ("stop", True),
        ("length", True),
        ("interrupted", False),
        ("ended early", False),
        ("content_filter", False),
    ],
)
def test_an_answer_that_was_cut_off_is_no_turn(reason, enters):
    assert is_a_turn(Reply("text", finish_reason=reason)) is enters
    assert not is_a_turn(Reply("", finish_reason=reason))


def test_turns_are_sent_as_question_and_answer():
    assert as_messages([turn("a", "b"), turn([TEXT], "c")]) == [
        Message("user", "a"),
        Message("assistant", "b"),
        Message("user", [TEXT]),
        Message("assistant", "c"),
    ]


@given(st.lists(st.text(max_size=200), max_size=8), st.integers(0, 400))
def test_as_few_turns_as_possible_are_left_out_and_the_oldest_first(texts, room):
    turns = [turn(text) for text in texts]
    left_out = turns_to_leave_out(turns, room)
    assert of_messages(as_messages(turns[left_out:])) <= room or left_out == len(turns)
    assert left_out == 0 or of_messages(as_messages(turns[left_out - 1 :])) > room
