"""Items of every kind become rows, and rows fill the placeholders of a prompt."""

from datetime import date
from decimal import Decimal

import numpy
import pandas
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.batch.rows import VALUE_LIMIT, PromptTemplate, item_source
from openclaw_ipython.errors import UsageError


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a", "b"], [{"item": "a"}, {"item": "b"}]),
        (pandas.Series(["a", "b"], index=[7, 9]), [{"item": "a"}, {"item": "b"}]),
        (polars.Series("t", ["a", "b"]), [{"item": "a"}, {"item": "b"}]),
        (
            pandas.DataFrame({"t": ["a"], "n": [1]}),
            [{"t": "a", "n": 1, "item": {"t": "a", "n": 1}}],
        ),
        (polars.DataFrame({"t": ["a"], "n": [1]}), [{"t": "a", "n": 1, "item": {"t": "a", "n": 1}}]),
        (pandas.DataFrame({"item": ["a"]}), [{"item": "a"}]),
        ([{"item": "a", "t": "b"}], [{"item": "a", "t": "b"}]),
        ([{"t": "a", 5: "x"}], [{"t": "a", "item": {"t": "a", 5: "x"}}]),
        ((c for c in "ab"), [{"item": "a"}, {"item": "b"}]),
    ],
)
def test_a_row_has_the_names_that_a_prompt_may_use(given, names):
    assert [dict(row.names) for row in item_source(given).rows()] == names


@pytest.mark.parametrize("given", ["text", b"bytes", {"a": 1}, 5, None, numpy.array(5)])
def test_a_value_that_is_not_a_collection_of_items_is_refused(given):
    with pytest.raises(UsageError, match="takes a list"):
        item_source(given)


def test_duplicate_column_names_are_refused():
    with pytest.raises(UsageError, match="two columns are called 1"):
        item_source(pandas.DataFrame([[1, 2]], columns=[1, "1"]))


def test_rows_are_pulled_one_at_a_time():
    pulled = []
    rows = item_source(pulled.append(i) or i for i in range(100)).rows()
    next(rows)
    assert len(pulled) == 1


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
        ("{item!r:>10}", {"item": "a"}, "       'a'"),
        ("{price:.2f} {a b!r}", {"price": 1.234, "a b": 1}, "1.23 {a b!r}"),
        ("{item:.2f}", {"item": "a"}, "{item:.2f}"),
        (r"$\frac{x}{a}$ of {x}", {"x": 5, "a": 1}, r"$\frac{x}{a}$ of 5"),
        ("f'{x}' in `f'{x}'`", {"x": 5}, "f'5' in `f'{x}'`"),
    ],
)
def test_placeholders_of_the_row_are_replaced_and_other_braces_stay(text, names, filled):
    assert PromptTemplate(text).fill(names) == filled


@given(st.text(alphabet="{}ab \n:.[]'\"", max_size=60))
def test_text_that_names_nothing_is_not_changed(text):
    assert PromptTemplate(text).fill({"item": "x"}) == text.replace("{item}", "x")


def test_strings_are_never_shortened_and_other_values_say_what_is_left_out():
    assert PromptTemplate("{item}").fill({"item": "x" * (VALUE_LIMIT + 5)}) == "x" * (VALUE_LIMIT + 5)
    filled = PromptTemplate("{item}").fill({"item": ["word"] * VALUE_LIMIT})
    assert len(filled) < VALUE_LIMIT + 100
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
def test_numbers_and_dates_are_inserted_as_plain_text(value, text):
    assert PromptTemplate("{item}").fill({"item": value}) == text


def test_a_prompt_without_a_placeholder_of_the_row_is_refused_with_suggestions():
    with pytest.raises(UsageError) as caught:
        PromptTemplate("Label: {this}").check({"item": 1, "body": 2})
    assert caught.value.suggestions == ("{item}", "{body}")
    PromptTemplate("Label: {text}").check({"text": 2})
    with pytest.raises(UsageError):
        PromptTemplate("Label: `f'{text}'`").check({"text": 2})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{lnag}: {text}", "lang"),
        ("{text} {Lang}", "lang"),
        ("{text} {lnag:>4} ", "lang"),
        ("{text} { lang }", "lang"),
        ("{text} {lang.upper()}", "lang"),
        ("{text} {lnag.upper()}", "lang"),
    ],
)
def test_a_near_miss_of_a_column_is_an_error_beside_a_right_one(text, meant):
    with pytest.raises(UsageError) as caught:
        PromptTemplate(text).check({"item": 1, "text": "t", "lang": "zh"})
    assert caught.value.suggestions[0] == meant


@pytest.mark.parametrize(
    "text",
    [
        '{text} {"lang": 1}',
        "{text} {json}",
        "{text} {{lnag}}",
        "{text} `use {lnag}`",
        "{text} {lang.missing}",
    ],
)
def test_other_braces_beside_a_column_are_no_error(text):
    PromptTemplate(text).check({"item": 1, "text": "t", "lang": "zh"})
