"""JSON and tables found in the text of an answer."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.structured.extract import Extracted, as_python, extract, json_pieces, table_rows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CONTAINER = JSON.filter(lambda value: isinstance(value, (dict, list)))


def first(text: str):
    return json.loads(next(json_pieces(text)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('\n  {"a": 1}\n', {"a": 1}),
        ("7", 7),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are:\n\n```JSON\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('~~~\n{"a": 1}\n~~~', {"a": 1}),
        ('```python\nx = 1\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('The result {as asked} is {"a": {"b": [1, 2]}} – fine.', {"a": {"b": [1, 2]}}),
        ('Not [1] but {"a": "longer"}', {"a": "longer"}),
        ("- one\n- [1, 2]", [1, 2]),
        ('{"a": 1', None),
        ("no JSON at all", None),
        ("", None),
    ],
)
def test_json_is_found_in_fences_and_prose(text, value):
    found = [json.loads(piece) for piece in json_pieces(text)]
    assert (found[0] if found else None) == value


def test_each_piece_is_found_once():
    text = '{"a": 1} and {"a": 1} and {"bb": 22}'
    assert list(json_pieces(text)) == ['{"bb": 22}', '{"a": 1}']


def test_a_text_of_brackets_only_takes_little_time():
    assert list(json_pieces("{" * 100_000)) == []
    assert list(json_pieces("[" * 100_000)) == []


@pytest.mark.parametrize(
    "text",
    [
        "`" * 200_000,
        "~" * 200_000,
        "".join(f"{'`' * (3 + n % 500)} a\n" for n in range(3_000)),
        "```" + " " * 200_000 + "x`",
    ],
    ids=["backticks", "tildes", "fences", "spaces"],
)
def test_a_text_of_fences_only_takes_little_time(text):
    started = time.perf_counter()
    assert list(json_pieces(text)) == []
    assert time.perf_counter() - started < 2


@given(CONTAINER, st.sampled_from(["{}", "Sure! {} Done.", "```json\n{}\n```", "text\n\n```\n{}\n```\n"]))
def test_what_was_written_as_json_is_read_back(value, frame):
    assert first(frame.replace("{}", json.dumps(value))) == value


@given(st.text(alphabet='{}[]",:0123456789ab`\n ~', max_size=80))
def test_every_piece_of_any_text_is_json(text):
    for piece in json_pieces(text):
        json.loads(piece)


# -- values and tables --

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
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n\n{\n  "a": 2\n}', [{"a": 1}, {"a": 2}]),
        ('```jsonl\n{"a": 1}\n{"a": 2}\n```', [{"a": 1}, {"a": 2}]),
        ('Here:\n\n{"a": 1}\n{"a": 2}\n\nas in [1].', [{"a": 1}, {"a": 2}]),
        ('One:\n```json\n{"a": 1}\n```\nTwo:\n```json\n[2]\n```', [{"a": 1}, [2]]),
        ('{"a": 1} { {"b": 2}', {"a": 1}),
        ('1. first\n\n    ```json\n    {"a":\n      1}\n    ```', {"a": 1}),
        ("".join(f'{{"i": {i}}}\n' for i in range(500)), [{"i": i} for i in range(500)]),
    ],
)
def test_the_value_is_the_json(text, value):
    assert extract(text) == Extracted(value)


@pytest.mark.parametrize("text", ["", "words", "{broken", "a | b"])
def test_text_without_json_or_table_has_no_value(text):
    assert extract(text) is None


def test_a_table_becomes_rows_with_numbers():
    found = extract(TABLE.replace("`b|` ", "b "))
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
    assert [row["x"] for row in table_rows(table)] == values


def test_empty_and_repeated_headings_get_the_number_of_their_column():
    assert table_rows("| a | a | |\n|---|---|---|\n| 1 | 2 | 3 |") == [{"a": 1, "a_2": 2, "3": 3}]


def test_a_table_becomes_a_dataframe_if_pandas_is_imported():
    pandas = pytest.importorskip("pandas")
    frame = as_python(extract(TABLE))
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["name", "n", "share"]
    assert as_python(Extracted([{"a": 1}])) == [{"a": 1}]


CELL = st.text(alphabet="abcdefgh xyz", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_every_cell_of_a_table_is_in_the_rows(cells):
    table = "| a | b | c |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in cells)
    assert [[str(v) for v in row.values()] for row in table_rows(table)] == [
        [" ".join(cell.split(" ")) for cell in row] for row in cells
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_value_is_read_back(value):
    assert extract(json.dumps(value)) == Extracted(value)


@given(st.text(alphabet="|-: \nab1`*[]{}\\", max_size=200))
def test_any_text_is_accepted(text):
    extract(text)
