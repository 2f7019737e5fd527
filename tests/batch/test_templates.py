"""`{item}` and `{column}` in a prompt, and all the braces that mean something else."""

from datetime import date
from decimal import Decimal

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.batch.templates import LIMIT, Template
from openclaw_ipython.errors import UsageError


@pytest.mark.parametrize(
    ("text", "names", "filled"),
    [
        ("Label: {item}", {"item": "good"}, "Label: good"),
        ("{item}", {"item": 3.5}, "3.5"),
        ("{a} and {b}", {"a": 1, "b": 2}, "1 and 2"),
        ("{body mass}", {"body mass": 4200}, "4200"),
        ("{item.real}", {"item": 3}, "3"),
        ('{item["k"]}', {"item": {"k": "v"}}, "v"),
        ("{item[1]}", {"item": ["a", "b"]}, "b"),
        ("{other}", {"item": 1}, "{other}"),
        ("{item.nothing}", {"item": 1}, "{item.nothing}"),
        ("{{item}}", {"item": 1}, "{{item}}"),
        ('{"json": {"a": 1}}', {"item": 1}, '{"json": {"a": 1}}'),
        ("{}", {"item": 1}, "{}"),
        ("{item}{item}", {"item": "x"}, "xx"),
        ("{item}", {"item": "{item}"}, "{item}"),
        ("{a}", {"a": "{b}", "b": "no"}, "{b}"),
        ("{item}", {"item": None}, "None"),
        ("{item!r:>10}", {"item": 1}, "{item!r:>10}"),
    ],
)
def test_what_a_row_names_is_put_in_and_every_other_brace_stays(text, names, filled):
    assert Template(text).fill(names) == filled


@given(st.text(alphabet="{}ab \n:.[]'\"", max_size=60))
def test_text_that_names_nothing_is_not_changed(text):
    assert Template(text).fill({"item": "x"}) == text.replace("{item}", "x")


def test_a_text_is_put_in_whole_and_of_anything_else_what_is_left_out_is_said():
    assert Template("{item}").fill({"item": "x" * (LIMIT + 5)}) == "x" * (LIMIT + 5)
    filled = Template("{item}").fill({"item": ["word"] * LIMIT})
    assert len(filled) < LIMIT + 100
    assert "more" in filled


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pandas.Timestamp("2026-01-02"), "2026-01-02 00:00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (numpy.int64(5), "5"),
        (numpy.float32(1.5), "1.5"),
        (numpy.datetime64("2026-01-02"), "2026-01-02"),
        (numpy.str_("a"), "a"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_numbers_and_dates_are_put_in_as_a_person_writes_them(value, text):
    assert Template("{item}").fill({"item": value}) == text


def test_a_prompt_that_names_nothing_of_a_row_is_a_mistake_with_suggestions():
    with pytest.raises(UsageError) as caught:
        Template("Label: {itme}").check({"item": 1, "text": 2})
    assert caught.value.suggestions == ("{item}", "{text}")
    Template("Label: {text}").check({"text": 2})
