"""Answers as Python values: JSON wherever it stands, and tables."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.structured.tables import rows
from openclaw_ipython.structured.values import Found, as_people_have_it, value_in

TABLE = "Of course:\n\n| name | n | share |\n|:--|--:|---|\n| **a** | 1 | 0.5 |\n| `b|` \\| | | 1e3 |\n\nas in [1].\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1, 2]", [1, 2]),
        ("42", 42),
        ('Here:\n```json\n{"a": 1}\n```\nDone [1].', {"a": 1}),
        ('The answer is {"a": {"b": 2}}, as you see.', {"a": {"b": 2}}),
        ("null", None),
    ],
)
def test_json_is_found(text, value):
    assert value_in(text) == Found(value)


@pytest.mark.parametrize("text", ["", "words", "{broken", "a | b"])
def test_nothing_is_found_where_nothing_is(text):
    assert value_in(text) is None


def test_a_table_is_rows_and_numbers_are_numbers():
    found = value_in(TABLE.replace("`b|` ", "b "))
    assert found.is_table
    assert found.value == [
        {"name": "a", "n": 1, "share": 0.5},
        {"name": "b |", "n": None, "share": 1000.0},
    ]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2"], [1, 2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", ""], [1, None]),
        (["007", "1"], ["007", "1"]),
        (["1", "x"], ["1", "x"]),
        (["", ""], [None, None]),
        (["-3", "+4"], [-3, 4]),
        (["1e400", "9" * 30], ["1e400", "9" * 30]),
        (["nan", "inf"], ["nan", "inf"]),
    ],
)
def test_a_column_is_numbers_or_words(cells, values):
    table = "| x | y |\n|---|---|\n" + "".join(f"| {cell} | z |\n" for cell in cells)
    assert [row["x"] for row in rows(table)] == values


def test_headings_that_are_empty_or_twice_get_their_number():
    assert rows("| a | a | |\n|---|---|---|\n| 1 | 2 | 3 |") == [{"a": 1, "a_2": 2, "3": 3}]


def test_a_table_is_a_dataframe_only_where_pandas_is_in_use():
    pandas = pytest.importorskip("pandas")
    frame = as_people_have_it(value_in(TABLE))
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["name", "n", "share"]
    assert as_people_have_it(Found([{"a": 1}])) == [{"a": 1}]


CELL = st.text(alphabet="abcdefgh xyz", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_every_cell_of_a_table_arrives(cells):
    table = "| a | b | c |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in cells)
    assert [[str(v) for v in row.values()] for row in rows(table)] == [
        [" ".join(cell.split(" ")) for cell in row] for row in cells
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_comes_back(value):
    assert value_in(json.dumps(value)) == Found(value)


@given(st.text(alphabet="|-: \nab1`*[]{}\\", max_size=200))
def test_any_text_is_taken(text):
    value_in(text)
