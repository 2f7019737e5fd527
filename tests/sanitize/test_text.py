"""Text from elsewhere: hidden characters are written out, and nothing in it drives a terminal."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.sanitize.text import TerminalFilter, paired, safe_text, visible

# -- hidden characters -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("user\u202e", "user⟨U+202E⟩"),
        ("\u2066a\u2069", "⟨U+2066⟩a⟨U+2069⟩"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\U000e0100", "⟨U+E0100⟩"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\x9b", "⟨U+009B⟩"),
        ("a\rb", "a⟨U+000D⟩b"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\u2028", "⟨U+2028⟩"),
        ("x\ud800y", "x\ufffdy"),
    ],
)
def test_what_is_not_seen_is_written_out(text, seen):
    assert visible(text) == seen


@pytest.mark.parametrize("text", ["👩‍💻 ❤️", "می‌خواهم", "क्‍ष", "naïve 重要，", "a\u00a0b"])
def test_scripts_and_emoji_keep_their_joiners(text):
    assert visible(text) == text


def test_halves_of_a_surrogate_pair_become_one_character():
    assert paired("\ud83d\ude00") == "😀"


@given(st.text(alphabet=st.characters()))
def test_the_result_can_be_encoded_and_keeps_the_number_of_lines(text):
    seen = visible(text)
    seen.encode()
    assert seen.count("\n") == text.count("\n")
    assert visible(seen) == seen


# -- terminals -------------------------------------------------------------------------------

INTRODUCERS = [
    "\x1b",
    "\x1b[",
    "\x1b]",
    "\x1bP",
    "\x1b(",
    "\x9b",
    "\x9d",
    "\x90",
    "[",
    "]",
    "(",
    "P",
    "X",
    "^",
    "_",
]
ENDS = ["m", "H", "\x07", "\x1b\\", "\\", "\x9c", "\x18", "\x1a", "\n"]
WITHIN = ["0;", "31", "52;c;", "8;;", "?", ">", "!", " ", "a", "é", "😀", "\t"]
ODD = ["\x00", "\x08", "\x7f", "\r", "\r\n", "\ud83d", "\ude00", "\u202e"]
PIECES = st.lists(st.sampled_from(INTRODUCERS + ENDS + WITHIN + ODD) | st.text(max_size=3)).map("".join)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[H\x1b[?25lx", "x"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;ZXZpbA==\x07x", "x"),
        ("\x1b]8;;http://a.invalid\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bP1;2qdata\x1b\\x", "x"),
        ("\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\x", "x"),
        ("\x9b31mred \x9d0;t\x9cx", "red x"),
        ("\x90dcs\x9ca\x98sos\x9cb\x9epm\x9cc\x9fapc\x9cd", "abcd"),
        ("\x1b]0;t\x18shown \x1b[3\x1ashown", "shown shown"),
        ("\x1b(Bx\x1bcx\x1b7x", "xxx"),
        ("rm -rf /\rls     ", "rm -rf /ls     "),
        ("good\x08\x08\x08\x08evil", "goodevil"),
        ("a\r\nb", "a\nb"),
        ("\x1b]unfinished\nnext line", "\nnext line"),
        ("\x1b[12\nx", "\nx"),
        ("\x1b\x1b[1mx", "x"),
        ("bell\x07null\x00del\x7f", "bellnulldel"),
        ("\u202ereversed", "⟨U+202E⟩reversed"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("unfinished \x1b[3", "unfinished "),
    ],
)
def test_sequences_go_and_text_stays(text, seen):
    assert safe_text(text) == seen


def test_a_character_cut_in_two_halves_is_put_together():
    whole = TerminalFilter()
    assert whole.feed("\ud83d") + whole.feed("\ude00!") == "😀!"


def test_a_closed_filter_starts_afresh():
    used = TerminalFilter()
    used.feed("\x1b]0;never finished")
    used.close()
    assert used.feed("next") == "next"


@given(PIECES, st.lists(st.integers(0, 60)))
def test_how_the_text_is_cut_makes_no_difference(text, cuts):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    cut = TerminalFilter()
    pieces = [cut.feed(text[a:b]) for a, b in pairwise(places)]
    assert "".join(pieces) + cut.close() == safe_text(text)


@given(PIECES)
def test_no_control_character_but_newline_and_tab_comes_out(text):
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", safe_text(text)) is None


# Whole sequences as ECMA-48 and xterm write them: control sequences, strings, escapes, and those that are aborted.
PARAMETERS = st.text(alphabet="0123456789;:?<=>", max_size=6)
INTERMEDIATES = st.text(alphabet=" !\"#$%&'()*+,-./", max_size=2)
FINALS = st.characters(min_codepoint=0x40, max_codepoint=0x7E)
CONTROLS = st.tuples(st.sampled_from(["\x1b[", "\x9b"]), PARAMETERS, INTERMEDIATES, FINALS)
OPENINGS = st.sampled_from(
    ["\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_", "\x9d", "\x90", "\x98", "\x9e", "\x9f"]
)
STRINGS = st.tuples(
    OPENINGS,
    st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
    st.sampled_from(["\x07", "\x1b\\", "\x9c"]),
)
ESCAPES = st.tuples(st.just("\x1b"), INTERMEDIATES, st.sampled_from("0178=>DEHMNOZcn|}~"))
ABORTED = st.tuples(OPENINGS | st.just("\x1b[1;"), st.sampled_from(["\x18", "\x1a"]))
SEQUENCES = (CONTROLS | STRINGS | ESCAPES | ABORTED).map("".join)
WORDS = st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"]), max_size=4)


@given(st.lists(st.tuples(WORDS, SEQUENCES), max_size=8), WORDS)
def test_every_whole_sequence_goes_and_nothing_else(parts, last):
    assert (
        safe_text("".join(word + sequence for word, sequence in parts) + last)
        == "".join(w for w, _ in parts) + last
    )


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"])))
def test_ordinary_text_is_untouched(text):
    assert safe_text(text) == text
