"""Values as text for a model: complete if small, summarised and truncated if large, and never an error."""

import collections
import dataclasses
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.context.names import CellFailure
from openclaw_ipython.context.value_text import value_text

LIMIT = 100_000


def text(value, limit=LIMIT):
    return value_text(value, limit).text


@dataclasses.dataclass
class Point:
    x: int
    label: str = "here"


class Pair(NamedTuple):
    left: int
    right: int


class Plain:
    def __init__(self):
        self.colour = "red"
        self._hidden = 1


class Broken:
    def __repr__(self):
        raise RuntimeError("not today")


def double(n: int) -> int:
    """Twice."""
    return 2 * n


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("as it is", "as it is"),
        (Reply("an answer"), "an answer"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "True"),
        (None, "None"),
        (np.float64(2.5), "2.5"),
        (Path("a") / "b", str(Path("a") / "b")),
        ([1, 2], "[1, 2]"),
        ((1,), "(1,)"),
        ({"a": [1], 2: None}, "{'a': [1], 2: None}"),
        ([], "[]"),
        (Point(1), "Point(x=1, label='here')"),
        ([Pair(1, 2)], "[Pair(left=1, right=2)]"),
        (Plain(), "Plain with colour='red'"),
        (Broken(), "<Broken that cannot be shown: RuntimeError>"),
        ([Broken()], "[<Broken that cannot be shown: RuntimeError>]"),
        (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (b"plain text\n", "plain text\n"),
        (b"\x00\xff", "2 bytes: 00 ff"),
        (double, 'def double(n: int) -> int:\n    """Twice."""\n    return 2 * n'),
        ([pd.DataFrame({"a": [1]})], "[<DataFrame, 1 rows × 1 columns>]"),
    ],
)
def test_a_small_value_is_complete(value, expected):
    found = value_text(value, LIMIT)
    assert (found.text, found.truncated) == (expected, False)


def test_the_text_of_a_class_is_its_source():
    assert text(Point).startswith("@dataclasses.dataclass\nclass Point:\n    x: int")


def test_the_source_of_a_class_is_found_in_the_cells():
    names = {"__name__": "__main__"}
    cell = "%time 1\nimport dataclasses\n@dataclasses.dataclass\nclass Made:\n    x: int\n\ny = 1"
    exec(compile(cell.replace("%time 1", ""), "<cell>", "exec"), names)
    cells = ["", "class Made:\n    old = True", "broken (", cell, "class Other: pass  # no class Made here"]
    assert value_text(names["Made"], LIMIT, cells).text == "@dataclasses.dataclass\nclass Made:\n    x: int"
    assert value_text(names["Made"], LIMIT).text.startswith("Made(x: int)")


def test_without_source_the_text_is_the_signature_and_docstring():
    assert text(math.hypot).startswith("<built-in function hypot>")
    assert text(dict).startswith("dict(…)\n")


def test_a_container_that_contains_itself_is_written_once():
    inside = [1]
    inside.append(inside)
    assert text(inside) == "[1, …]"


def test_a_long_container_takes_several_lines_and_short_items_share_them():
    written = text({"numbers": list(range(60)), "name": "x" * 90})
    lines = written.splitlines()
    assert lines[:2] == ["{", "  'numbers': ["]
    assert max(map(len, lines)) <= 110
    assert eval(written) == {"numbers": list(range(60)), "name": "x" * 90}


def test_of_millions_of_items_only_the_first_are_read():
    class Counted(list):
        looked = 0

        def __iter__(self):
            for item in super().__iter__():
                Counted.looked += 1
                yield item

    found = value_text(Counted([0] * 1_000_000), 1_000)
    assert found.truncated
    assert "more" in found.text
    assert len(found.text) < 1_200
    assert Counted.looked < 2_000


def test_omitted_items_are_noted_in_their_place():
    rows = [{"species": "Adelie", "mass": n} for n in range(10_000)]
    found = value_text(rows, 2_000)
    assert found.truncated
    assert 1_000 < len(found.text) <= 2_000
    shown = found.text.count("species")
    assert found.text.endswith(f"… {10_000 - shown:,} more,\n]")


def test_a_long_text_is_truncated_with_a_note():
    assert text("x" * 120, 100) == "x" * 100 + "\n… 20 more characters, left out"
    assert value_text("x" * 120, 100).truncated


ANYTHING = st.recursive(
    st.none() | st.integers() | st.text() | st.floats() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=40,
)


@given(ANYTHING, st.integers(0, 300))
def test_the_text_of_any_value_is_within_its_limit(value, limit):
    found = value_text(value, limit)
    assert len(found.text) <= limit + 60
    if len(repr(value)) + 100 < limit and not isinstance(value, bytes):
        assert not found.truncated


# -- exceptions ------------------------------------------------------------------------------


def raised():
    try:
        try:
            double(*[1, 2])
        except TypeError as error:
            raise ValueError("key sk-0123456789abcdefghij") from error
    except ValueError as error:
        return error


def test_an_exception_becomes_its_traceback_with_its_cause_and_without_secrets():
    expected = text(raised())
    assert "TypeError: double() takes 1 positional argument" in expected
    assert "direct cause" in expected
    assert expected.endswith("ValueError: key …")


def test_frames_of_this_package_and_of_ipython_are_left_out():
    code = compile(
        "def f(): return 1 / 0", str(Path("x") / "IPython" / "core" / "interactiveshell.py"), "exec"
    )
    names = {}
    exec(code, names)
    with pytest.raises(ZeroDivisionError) as caught:
        names["f"]()
    assert "interactiveshell" not in text(caught.value)
    assert "test_value_text" in text(caught.value)


def test_a_deep_recursion_is_shortened():
    def deeper(n):
        return deeper(n + 1)

    with pytest.raises(RecursionError) as caught:
        deeper(0)
    assert len(text(caught.value)) < 5_000


def test_a_failure_begins_with_its_cell():
    expected = text(CellFailure(KeyError("x"), 7, "d['x']", 1))
    assert expected.startswith("Cell [7], line 1:\n```python\nd['x']\n```\n")
    assert expected.endswith("KeyError: 'x'")


# -- tables and arrays -----------------------------------------------------------------------

PENGUINS = Path(__file__).parents[2] / "notebooks" / "data" / "penguins.csv"


@pytest.mark.parametrize("read", [pd.read_csv, lambda path: pl.read_csv(path, null_values="NA")])
def test_a_table_becomes_columns_first_rows_and_summary(read):
    found = value_text(read(PENGUINS), LIMIT)
    assert found.kind == "DataFrame, 344 rows × 8 columns"
    assert "bill_length_mm" in found.text
    assert "2 missing" in found.text
    assert "Adelie,Torgersen,39.1" in found.text
    assert "Gentoo" not in found.text.partition("summary")[0]
    assert "43.9219" in found.text
    assert len(found.text) < 2_500


def test_series_of_both_libraries_and_a_lazy_frame():
    assert "3 values, named x, float64, 1 missing" in text(pd.Series([1, 2, None], name="x"))
    assert "3 values, named x, Int64, 1 missing" in text(pl.Series("x", [1, 2, None]))
    assert text(pl.LazyFrame({"a": [1]})) == "LazyFrame, not computed\ncolumns:\n  a: Int64"


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [[1], {"b": 2}]}),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
        pd.DataFrame({"when": pd.to_datetime(["2026-01-01"]), "c": pd.Categorical(["x"]), "z": [1j]}),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
        pd.DataFrame({f"c{i}": [i] for i in range(150)}),
        pl.DataFrame(),
        pl.DataFrame({"a": [[1, 2], [3]], "b": [{"x": 1}, {"x": 2}]}),
    ],
)
def test_unusual_tables_are_described(frame):
    found = value_text(frame, LIMIT)
    assert found.text.startswith(f"DataFrame, {frame.shape[0]} rows × {frame.shape[1]} columns")
    assert "cannot be shown" not in found.text


def test_a_wide_table_notes_the_omitted_columns():
    assert "… 50 more columns" in text(pd.DataFrame({f"c{i}": [i] for i in range(150)}))


def test_a_very_long_table_cell_is_truncated():
    assert len(text(pd.DataFrame({"a": ["x" * 100_000]}))) < 10_000


@pytest.mark.parametrize(
    ("array", "parts"),
    [
        (
            np.arange(6.0).reshape(2, 3),
            ["shape (2, 3), float64", "smallest 0, largest 5, mean 2.5", "[3. 4. 5.]"],
        ),
        (np.zeros((100, 100), "int16"), ["shape (100, 100), int16", "the first of its values:"]),
        (np.array(["a", "b"]), ["shape (2,)", "['a' 'b']"]),
        (np.array(5), ["shape (), int64: 5"]),
        (np.zeros((0, 3)), ["shape (0, 3)"]),
        (np.array([1 + 2j]), ["complex128", "1.+2.j"]),
        (np.array([None, "x"]), ["object"]),
        (np.zeros((2, 2, 2, 2, 2)), ["shape (2, 2, 2, 2, 2)"]),
    ],
)
def test_an_array_is_its_shape_its_kind_its_range_and_a_corner(array, parts):
    expected = text(array)
    assert [part for part in parts if part not in expected] == []
    assert len(expected) < 1_000


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([1.0, np.nan, 3.0]), "smallest 1, largest 3, mean 2\n1 missing (NaN)"),
        (np.array([np.nan, np.nan]), "2 missing (NaN)"),
        (np.array([np.inf, -np.inf]), "smallest -inf, largest inf, mean nan"),
        (np.array([60000.0] * 1000, "float16"), "mean 60000"),
        (np.array([1, 2]), "smallest 1, largest 2, mean 1.5"),
    ],
)
def test_a_summary_of_an_array_counts_what_is_missing_and_warns_of_nothing(array, said):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert said in value_text(array, 10_000).text
