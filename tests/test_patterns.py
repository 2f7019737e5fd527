"""Regular expressions compiled late are the same expressions."""

import re

import pytest

from openclaw_ipython.patterns import pattern


def test_nothing_is_compiled_before_the_first_use():
    broken = pattern("(")
    with pytest.raises(re.error):
        broken.match("")


@pytest.mark.parametrize("use", ["match", "fullmatch", "search", "findall", "split"])
@pytest.mark.parametrize("text", ["", "a1", "b22 c", "22"])
def test_each_use_is_that_of_a_pattern(use, text):
    source, flags = r"([A-Z])(\d+)", re.I
    ours, theirs = (getattr(p, use)(text) for p in (pattern(source, flags), re.compile(source, flags)))
    assert repr(ours) == repr(theirs)


def test_it_replaces_and_tells_about_itself():
    digits = pattern(r"\d+")
    assert digits.sub("#", "a1b22") == "a#b#"
    assert digits.pattern == r"\d+"


def test_a_second_use_does_not_look_for_the_expression_again():
    digits = pattern(r"\d")
    assert digits.search is digits.search
