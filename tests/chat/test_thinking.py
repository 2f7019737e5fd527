"""Thinking that a server left in the text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.decode import AnswerDecoder
from openclaw_ipython.chat.thinking import ThinkTagParser
from openclaw_ipython.chat.types import Finished, ReasoningDelta, TextDelta


def parsed(*events):
    tags, collector = ThinkTagParser(), Collector("m", 0.0)
    for event in (*events, Finished("stop")):
        for said in tags.feed(event):
            collector.add(said, 0.0)
    reply = collector.reply(0.0)
    return reply.reasoning, str(reply)


def cut(text, *places):
    ends = [0, *sorted(p % (len(text) + 1) for p in places), len(text)]
    return [TextDelta(text[a:b]) for a, b in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>\nhm\n</think>\n\nyes", "hm\n", "yes"),
        ("\n<think>hm</think>yes", "hm", "yes"),
        ("<think></think>yes", "", "yes"),
        ("<think>never closed", "never closed", ""),
        ("the tag <think> is not ours", "", "the tag <think> is not ours"),
        ("<thinking>x", "", "<thinking>x"),
        ("<", "", "<"),
        ("<thin", "", "<thin"),
        ("  leading", "", "  leading"),
        ("<think>a</think>b <think>c</think>", "a", "b <think>c</think>"),
        ("<think>a </thin b</think>c", "a </thin b", "c"),
        ("", "", ""),
        ("draft\n</think>\n\nyes", "draft\n", "yes"),
        ("draft</think>yes", "draft", "yes"),
        ("draft </think>\nyes", "draft ", "yes"),
        ("draft </think>", "", "draft </think>"),
        ("draft\n</think>", "draft\n", ""),
        ("</think>\n\nyes", "", "yes"),
        ("a\n</think>\n</think>\nyes", "a\n", "yes"),
        ("```\nx\n```\n</think>\nyes", "```\nx\n```\n", "yes"),
        ("put </think> there", "", "put </think> there"),
        ("write `</think>`", "", "write `</think>`"),
        ("write `a </think>\n`", "", "write `a </think>\n`"),
        ('print("</think>")', "", 'print("</think>")'),
        ("```\n</think>\n```\nso", "", "```\n</think>\n```\nso"),
        ("use <think>\nand\n</think>\nso", "", "use <think>\nand\n</think>\nso"),
        ("<thought>hm</thought>yes", "hm", "yes"),
        ("[THINK]hm[/THINK]yes", "hm", "yes"),
        ("<seed:think>hm</seed:think>yes", "hm", "yes"),
    ],
)
@given(places=st.lists(st.integers(0, 60), max_size=6))
def test_it_is_told_apart_wherever_the_pieces_are_cut(text, thinking, answer, places):
    assert parsed(*cut(text, *places)) == (thinking, answer)


@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_text_without_the_tag_is_not_touched(text, places):
    if not text.lstrip().startswith("<think>"):
        assert parsed(*cut(text, *places)) == ("", text)


def test_blanks_without_end_are_not_kept():
    tags = ThinkTagParser()
    blanks = [said for _ in range(2_000) for said in tags.feed(TextDelta(" "))]
    assert "".join(said.text for said in blanks) == " " * 2_000
    for begun in ("<think>", "<think>x</think>"):
        tags = ThinkTagParser()
        list(tags.feed(TextDelta(begun + " " * 2_000)))
        assert tags._held == ""


def test_plain_text_is_not_held_back():
    assert list(ThinkTagParser().feed(TextDelta("H"))) == [TextDelta("H")]


def test_a_server_that_splits_it_off_itself_is_believed():
    assert parsed(ReasoningDelta("hm"), TextDelta("<think> is a tag")) == ("hm", "<think> is a tag")


def test_streams_and_documents_are_both_read_so(wire):
    decoder = AnswerDecoder()
    said = list(decoder.feed(wire.whole("<think>hm</th", "ink>yes")))
    assert said == [ReasoningDelta("hm"), TextDelta("yes"), Finished("stop")]
    document = b'{"choices": [{"message": {"content": "<think>hm</think>yes"}, "finish_reason": "stop"}]}'
    decoder = AnswerDecoder()
    assert [*decoder.feed(document), *decoder.finish()] == said
