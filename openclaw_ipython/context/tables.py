"""Tables and arrays as text: their shape, their first rows and a summary.

pandas, polars, numpy and torch are never imported; types are recognised by name.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_HEAD = 8  # rows
_MAX_COLUMNS = 100
_MAX_LINE = 2_000  # characters
_MAX_VALUES = 2_000_000  # of a larger table only the first rows are summarised
_CORNER = 6  # values of each dimension of an array
_NUMBERS = frozenset("biufc")


class Describer(NamedTuple):
    """The functions that describe values of one type: in a few words, and as text."""

    summary: Callable[[Any], str]
    text: Callable[[Any], str]


def describer_of(value: Any) -> Describer | None:
    """The describer for the type of `value` or for one of its bases."""
    for kind in type(value).__mro__:
        if found := _DESCRIBERS.get((kind.__module__.partition(".")[0], kind.__name__)):
            return found
    return None


def _rows_and_columns(value: Any) -> str:
    rows, columns = value.shape
    return f"{type(value).__name__}, {rows:,} rows × {columns:,} columns"


def _length(value: Any) -> str:
    name = getattr(value, "name", None)
    return f"{type(value).__name__}, {len(value):,} values" + (f", named {name}" if name is not None else "")


def _lazy(value: Any) -> str:
    return f"{type(value).__name__}, not computed"


def _array(value: Any) -> str:
    return f"{type(value).__name__}, shape {tuple(value.shape)}, {value.dtype}"


def _frame(frame: Any, columns: Iterable[tuple[Any, Any, int]], head: str, summary: Iterable[str]) -> str:
    """A table as text. `columns` are names, types and how many values are missing; `head` is CSV."""
    rows, count = frame.shape
    lines = [_rows_and_columns(frame), "columns:"]
    lines += [f"  {name}: {kind}, {missing:,} missing" for name, kind, missing in columns]
    if count > _MAX_COLUMNS:
        lines.append(f"  … {count - _MAX_COLUMNS:,} more columns")
    return "\n".join([*lines, f"first {min(rows, _HEAD)} rows as CSV:", *_clipped(head), *summary])


# -- pandas ----------------------------------------------------------------------------------


def _pandas_frame(frame: Any) -> str:
    shown = frame.iloc[:, :_MAX_COLUMNS]
    columns = zip(shown.columns, shown.dtypes, map(int, shown.isna().sum()), strict=True)
    plain_index = type(frame.index).__name__ == "RangeIndex"
    return _frame(frame, columns, shown.head(_HEAD).to_csv(index=not plain_index), _pandas_summary(shown))


def _pandas_summary(shown: Any) -> Iterator[str]:
    rows, columns = shown.shape
    if not rows or not columns:
        return
    most = max(1, _MAX_VALUES // columns)
    about = "summary" if rows <= most else f"summary of the first {most:,} rows"
    sample = shown if rows <= most else shown.head(most)
    try:
        described = sample.describe(include="all")
    except Exception:  # values without an order, such as lists or complex numbers; types of other libraries
        return
    yield f"{about} as CSV:"
    yield from _clipped(described.T.infer_objects().to_csv(float_format="%.6g"))


def _pandas_series(series: Any) -> str:
    missing = int(series.isna().sum())
    head = series.head(_HEAD).to_csv()
    lines = [f"{_length(series)}, {series.dtype}, {missing:,} missing"]
    lines += [f"first {min(len(series), _HEAD)} values as CSV:", *_clipped(head)]
    return "\n".join([*lines, "summary:", series.head(_MAX_VALUES).describe().to_string()])


# -- polars ----------------------------------------------------------------------------------


def _polars_frame(frame: Any) -> str:
    rows, columns = frame.shape
    shown = frame[:, :_MAX_COLUMNS]
    missing = shown.null_count().row(0) if columns else ()
    facts = ((*column, n) for column, n in zip(shown.schema.items(), missing, strict=True))
    summary: list[str] = []
    if rows and columns:
        most = max(1, _MAX_VALUES // columns)
        summary = ["summary as CSV:" if rows <= most else f"summary of the first {most:,} rows as CSV:"]
        summary += _clipped(_polars_csv(shown.head(most).describe()))
    return _frame(frame, facts, _polars_csv(shown.head(_HEAD)), summary)


def _polars_csv(frame: Any) -> str:
    try:
        return str(frame.write_csv())
    except Exception:  # a polars error: CSV has no form for lists and structs
        return "\n".join(str(row) for row in frame.rows())


def _polars_series(series: Any) -> str:
    head = ", ".join(map(repr, series.head(_HEAD).to_list()))
    lines = [f"{_length(series)}, {series.dtype}, {series.null_count():,} missing", f"first values: {head}"]
    return "\n".join([*lines, "summary as CSV:", *_clipped(_polars_csv(series.head(_MAX_VALUES).describe()))])


def _polars_lazy(frame: Any) -> str:
    schema = frame.collect_schema()
    return "\n".join([_lazy(frame), "columns:", *(f"  {name}: {kind}" for name, kind in schema.items())])


# -- arrays ----------------------------------------------------------------------------------


def _array_text(array: Any) -> str:
    if array.ndim == 0:
        return f"{_array(array)}: {array}"
    corner = array[tuple(slice(0, _CORNER) for _ in range(array.ndim))] if array.ndim <= 4 else None
    lines = [_array(array)]
    if getattr(array.dtype, "kind", "") in _NUMBERS - {"c"} and 0 < array.size <= _MAX_VALUES * 4:
        lines += _range(array)
    if corner is not None:
        whole = tuple(corner.shape) == tuple(array.shape)
        lines += ["values:" if whole else "the first of its values:", str(corner)]
    return "\n".join(lines)


def _range(array: Any) -> Iterator[str]:
    """The smallest, the largest and the mean value, and how many are missing."""
    known = array[array == array]  # noqa: PLR0124 - NaN differs from itself
    missing = array.size - known.size if isinstance(array.size, int) else array.numel() - known.numel()
    if missing < (array.size if isinstance(array.size, int) else array.numel()):
        yield f"smallest {known.min():.6g}, largest {known.max():.6g}, mean {known.mean():.6g}"
    if missing:
        yield f"{missing:,} missing (NaN)"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings about a summary of our own, such as the mean of infinite values, out of the cell."""
    numpy = sys.modules.get("numpy")
    with warnings.catch_warnings(), numpy.errstate(all="ignore") if numpy else contextlib.nullcontext():
        warnings.simplefilter("ignore")
        yield


def _clipped(table: str) -> Iterable[str]:
    return [line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}…" for line in table.splitlines()]


_DESCRIBERS = {
    ("pandas", "DataFrame"): Describer(_rows_and_columns, _pandas_frame),
    ("pandas", "Series"): Describer(_length, _pandas_series),
    ("polars", "DataFrame"): Describer(_rows_and_columns, _polars_frame),
    ("polars", "Series"): Describer(_length, _polars_series),
    ("polars", "LazyFrame"): Describer(_lazy, _polars_lazy),
    ("numpy", "ndarray"): Describer(_array, _array_text),
    ("torch", "Tensor"): Describer(_array, _array_text),
}
