"""Where a growing answer is cut, and that nothing is lost or changed by cutting it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.shell.render.sections import HARD_LIMIT, SOFT_LIMIT, Piece, Sections

TEXTS = ["text", "text over\ntwo lines", "> q", "# h", "$$\nx\n$$"]
LISTS_AND_CODE = ["- a\n- b", "1. a\n   - b", "```py\nx\n\ny\n```", "| a |\n|---|\n| b |"]
BLOCKS = st.sampled_from(TEXTS + LISTS_AND_CODE)


def shown(text: str, size: int) -> list[Piece]:
    """The closed pieces and the last one, when `text` comes in steps of `size` characters."""
    sections = Sections()
    pieces = []
    for start in range(0, len(text), size):
        sections.add(text[start : start + size])
        closed, _ = sections.cut()
        pieces += [closed] if closed else []
    last = sections.finish()
    return pieces + ([last] if last else [])


@settings(deadline=None)
@given(st.lists(BLOCKS, max_size=12).map("\n\n".join), st.integers(1, 30))
def test_a_short_answer_ends_as_if_it_had_come_at_once(text, size):
    pieces = shown(text, size)
    assert [piece.markdown for piece in pieces] == ([safe_markdown(text)] if text else [])
    assert [piece.plain for piece in pieces] == ([text] if text else [])


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="ab`~|-#>*1. \n$\\[]()\r\x1b\ud83d\ude00", max_size=300), st.integers(1, 40))
def test_any_text_can_come_in_any_pieces(text, size):
    for piece in shown(text, size):
        piece.markdown.encode()
        assert "\x1b" not in piece.markdown + piece.plain


def test_a_piece_is_closed_between_two_blocks():
    paragraph = "word " * 100
    pieces = shown(f"{paragraph}\n\n" * 30, 200)
    assert len(pieces) > 2
    for piece in pieces[:-1]:
        assert piece.plain.endswith(paragraph)
        assert SOFT_LIMIT < len(piece.markdown) < SOFT_LIMIT + 2 * len(paragraph)


def test_a_list_goes_on_until_something_else_has_begun():
    sections = Sections()
    sections.add("- a\n\n")
    sections.cut()
    sections.add("-")
    sections.cut()
    sections.add(" b\n")
    assert sections.finish() == Piece("- a\n\n- b", "- a\n\n-" + " b")


@pytest.mark.parametrize(
    ("opening", "line", "begins", "holds"),
    [
        ("```python\n", "x = [1, 2]\n", "```python\nx", "x = [1, 2]"),
        ("~~~~\n", "```\nx\n```\n", "````\n", "```\nx\n```"),
        ("| head | two |\n|---|--:|\n", "| a | b |\n", "| head | two |\n| --- | --: |", "| a | b |"),
        ("", "- item\n", "- item", "- item"),
        ("- a list\n  ```py\n", "  code()\n", "- ```py\n  code()", "code()"),
        ("> ", "quoted words\n> ", "> quoted", "> quoted"),
        ("> ```\n> ", "code\n> ", "> ```\n> code", "> code"),
    ],
)
def test_a_block_too_long_for_one_piece_goes_on_in_the_next(opening, line, begins, holds):
    pieces = shown(opening + line * (3 * HARD_LIMIT // len(line)), 500)
    assert len(pieces) >= 3
    for piece in pieces[1:]:
        assert piece.markdown.startswith(begins)
        assert holds in piece.markdown
        assert len(piece.plain) <= HARD_LIMIT + 500


def test_a_numbered_list_goes_on_counting():
    pieces = shown("".join(f"{i}. item\n" for i in range(1, 3000)), 500)
    assert len(pieces) > 2
    for piece in pieces:
        number = int(piece.plain.split(".")[0])
        assert piece.markdown.startswith(f"{number}. item\n{number + 1}. item")


def test_a_fence_that_ends_after_a_cut_ends():
    text = "```python\n" + "x = 1\n" * (HARD_LIMIT // 5) + "```\n\n**after**"
    pieces = shown(text, 300)
    assert pieces[-1].markdown.endswith("**after**")
    assert all(piece.markdown.count("```") == 2 for piece in pieces)


def test_one_endless_word_is_cut_as_well():
    pieces = shown("x" * (4 * HARD_LIMIT), 1000)
    assert "".join(piece.plain for piece in pieces) == "x" * (4 * HARD_LIMIT)
    assert len(pieces) > 2


def test_much_text_that_came_in_one_go_is_shown_as_it_is_when_somebody_waits_for_the_end():
    text = "Some *words* of `code`, and a [link](https://example.org/).\n\n" * 500
    sections = Sections()
    sections.add(text)
    piece = sections.finish(at_once=True)
    assert piece.plain == text.strip("\n")
    assert piece.markdown.startswith("<pre")
    assert "https://example.org/" in piece.markdown
    assert sections.finish() is None
    sections.add("*short*")
    assert sections.finish(at_once=True).markdown == "*short*"
