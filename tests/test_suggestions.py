"""A mistyped word gets the nearest words that exist."""

import pytest

from openclaw_ipython.suggestions import did_you_mean, suggest


@pytest.mark.parametrize(
    ("word", "among", "near"),
    [
        ("defualt", ["default", "fallbacks"], ("default",)),
        ("QWEN", ["qwen", "llama"], ("qwen",)),
        ("model", ["Models", "modes", "mode", "module"], ("Models", "mode", "modes")),
        ("xyz", ["default"], ()),
        ("a", [], ()),
        ("group_by", ["grouper", "groupby"], ("groupby", "grouper")),
        ("append", ["add", "merge", "pivot_table"], ("concat", "add")),
        ("length", ["size", "strength"], ("size", "strength")),
        ("length", ["casefold", "lower"], ("len",)),
        ("train_size_ratio", ["random_state", "train_size", "test_size"], ("train_size",)),
        ("figureSize", ["figsize", "figure_size"], ("figure_size", "figsize")),
        ("weight", ["height", "dead_weight_kg"], ("height", "dead_weight_kg")),
    ],
)
def test_the_nearest_words_come_first_and_case_does_not_count(word, among, near):
    assert suggest(word, among) == near


def test_a_sentence_ends_with_the_suggestions_if_there_are_any():
    assert did_you_mean(("a", "b")) == " · did you mean a, b?"
    assert did_you_mean(()) == ""
