import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.sanitize.characters import paired, visible


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
