"""Columns of DataFrames: which calls keep, add or forget them.

Only a frame whose type is exactly that of pandas or polars counts, with string columns of one level. Neither library is
imported: without it there is no frame in the namespace. `polars_frames` has what differs for polars.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from types import GeneratorType
from typing import Any

from msgspec.structs import replace

from openclaw_ipython.codecheck import polars_frames
from openclaw_ipython.codecheck.call_results import collection, pair
from openclaw_ipython.codecheck.inferred import UNKNOWN, Column, Frame, Instance, Live, Value
from openclaw_ipython.codecheck.static_lookup import (
    MISSING,
    class_dict,
    is_a,
    loaded,
    one_of,
    word_set,
)
from openclaw_ipython.codecheck.syntax import argument, constant, renamed, strings

_KEEP = word_set(
    "copy head tail sample query sort_values sort_index dropna fillna round astype drop_duplicates nlargest nsmallest"
    " ffill bfill replace convert_dtypes infer_objects clip abs shift diff cumsum rank isna isnull notna notnull where"
    " mask select_dtypes describe interpolate truncate filter"
)
_CHANGING = word_set("update isetitem insert pop")
_REDUCTIONS = word_set(
    "mean sum count min max std var median first last nunique prod sem quantile idxmin idxmax skew"
)
_SAME_LENGTH = word_set("cumsum cumprod cummax cummin shift diff rank ffill bfill pct_change head tail")
_SERIES_KEEP = _KEEP | word_set("cumsum pct_change") - {"describe", "select_dtypes", "filter", "query"}
_GROUPINGS = {
    "groupby": ("pandas.core.groupby.generic", "DataFrameGroupBy"),
    "rolling": ("pandas.core.window.rolling", "Rolling"),
    "expanding": ("pandas.core.window.expanding", "Expanding"),
    "ewm": ("pandas.core.window.ewm", "ExponentialMovingWindow"),
    "resample": ("pandas.core.resample", "Resampler"),
}
SERIES_GROUPBY = ("pandas.core.groupby.generic", "SeriesGroupBy")


def frame_of(value: object) -> Frame | None:
    """The live object as a frame, if it is exactly of the library's class."""
    cls = type(value)
    if cls is loaded("polars", "DataFrame"):
        return Frame(cls, set(value.columns), set())  # type: ignore[attr-defined]  # the library's own property
    if cls is not loaded("pandas", "DataFrame"):
        return None
    columns = value.columns  # type: ignore[attr-defined]  # pandas's own properties
    names: list[Any] = columns.tolist() if type(columns) is loaded("pandas", "Index") else [None]
    known = all(type(name) is str for name in names)
    title = columns.name if columns.name is not None else "variable"
    title = title if type(title) is str else None
    return Frame(cls, set(names) if known else None, _levels(value.index), title=title)  # type: ignore[attr-defined]


def _levels(index: Any) -> set[str] | None:
    """The names that `reset_index` gives the levels of an index."""
    several = len(index.names) > 1
    places = [f"level_{at}" if several else "index" for at in range(len(index.names))]
    given = {place if name is None else name for place, name in zip(places, index.names, strict=True)}
    return given if all(type(name) is str for name in given) else None


def frame(columns: set[str] | None = None, index: set[str] | None = None) -> Frame:
    """A DataFrame of pandas."""
    return Frame(loaded("pandas", "DataFrame"), columns, index)


def as_frame(value: Value) -> Value:
    """An instance of a DataFrame class as a frame without known columns; any other value as it is."""
    frames = (loaded("pandas", "DataFrame"), loaded("polars", "DataFrame"), loaded("polars", "LazyFrame"))
    return Frame(value.cls) if isinstance(value, Instance) and one_of(value.cls, *frames) else value


def is_series(value: Value) -> bool:
    """Whether a value is a pandas Series."""
    cls = loaded("pandas", "Series")
    if cls is None or not isinstance(value, Live | Instance | Column):
        return False
    return is_a(value.object, cls) if isinstance(value, Live) else value.cls is cls


def series(name: str | None = None, index: set[str] | None = None, library: str = "pandas") -> Value:
    """A Series of pandas or polars."""
    cls = loaded(library, "Series")
    return Column(cls, name, index) if cls is not None else UNKNOWN


def is_polars(frame: Frame) -> bool:
    """Whether a frame belongs to polars."""
    return str(class_dict(frame.cls).get("__module__")).startswith("polars.")


def ungrouped(frame: Frame) -> Frame:
    """A frame with the columns and the keys of a grouping."""
    made = frame.derived(loaded("pandas", "DataFrame"))
    made.index = None
    add(made, frame.index or set())
    return made


def method_result(  # noqa: PLR0912 - one case a method
    frame: Frame, method: str, node: ast.Call, value_of: Callable[[ast.expr], Value]
) -> Value | None:
    """What a method of a frame returns; None where the rules say nothing. Changes `frame` where the call does."""
    if is_polars(frame):
        return polars_frames.method_result(frame, method, node, value_of)
    if frame.grouped:
        return _of_grouping(frame, method, node)
    if not frame.plain:
        return None
    named = {keyword.arg for keyword in node.keywords}
    if constant(argument(node, "inplace")) not in (MISSING, False, None) or method in _CHANGING:
        frame.columns = None
        return UNKNOWN
    made = frame.derived()
    if method in _GROUPINGS:
        return _grouping(frame, method, node)
    if method in _REDUCTIONS:
        return series() if not node.args and named <= {"numeric_only"} else None
    if method in _KEEP:
        made.index = None if method == "describe" else made.index
        return made
    match method:
        case "assign":
            add(made, named)
        case "drop":
            by_label = constant(argument(node, "axis", 1)) in (1, "columns")
            labels = argument(node, "labels", 0) if by_label else ast.Tuple([])
            remove(made, strings(argument(node, "columns") or labels))
        case "rename":
            by_label = constant(argument(node, "axis")) in (1, "columns")
            mapper = argument(node, "mapper", 0) if by_label else None
            if (mapping := argument(node, "columns") or mapper) is not None:
                made.columns = renamed(made.columns, mapping)
        case "reset_index":
            if constant(argument(node, "drop")) is not True or named != {"drop"}:
                add(made, made.index if not (node.args or named) else None)
            made.index = {"index"}
        case "set_index":
            keys = strings(argument(node, "keys", 0))
            made.index = set(keys) if keys is not None and "append" not in named else None
            if keys is not None and "drop" not in named:
                remove(made, keys)
        case "melt" if named <= {"id_vars", "value_vars", "var_name", "value_name"}:
            title = None if frame.columns is None else frame.title
            var = strings(argument(node, "var_name", 2) or ast.Constant(title))
            value = strings(argument(node, "value_name", 3) or ast.Constant("value"))
            kept = strings(argument(node, "id_vars", 0) or ast.Tuple([]))
            given = None if kept is None or var is None or value is None else {*kept, *var, *value}
            return Frame(frame.cls, given, {"index"})
        case "merge":
            right = value_of(argument(node, "right", 0) or node)
            return merged(frame, right, node)
        case "iterrows":
            return collection(GeneratorType, pair(UNKNOWN, made.derived(loaded("pandas", "Series"))))
        case "itertuples" if not node.keywords and not node.args and frame.columns is not None:
            made.columns = {*frame.columns, "Index", *(f"_{at}" for at in range(len(frame.columns) + 1))}
            made.columns |= {"_fields", "_asdict", "_replace", "_make", "_field_defaults"}
            return collection(GeneratorType, made.derived(tuple))
        case _:
            return None
    return made


def merged(left: Any, right: Any, node: ast.Call) -> Value:
    """The frame that joining two by columns gives."""
    made = frame()
    given = {word.arg: strings(word.value) for word in node.keywords if word.arg != "how"}
    known = all(isinstance(each, Frame) and each.plain and each.columns is not None for each in (left, right))
    if not known or {*given} - _MERGING or node.args[1:] or None in given.values():
        return made
    common = left.columns & right.columns
    keys = set(given.get("on") or common)
    if "left_on" in given:
        keys = set(given["left_on"] or ()) & set(given.get("right_on") or ())
    twice, (first, second) = common - keys, given.get("suffixes") or ["_x", "_y"]
    ended = {name + end for name in twice for end in (first, second)}
    made.columns = (left.columns | right.columns) - twice | ended
    made.index, made.title = {"index"}, left.title if left.title == right.title else None
    return made


_MERGING = word_set("on left_on right_on suffixes validate")


def add(frame: Frame, names: set[str] | set[str | None] | None) -> None:
    """Further columns; None among them, or in their place, is an unknown one."""
    unknown = names is None or None in names or frame.columns is None
    frame.columns = None if unknown else frame.columns | names  # type: ignore[operator]


def remove(frame: Frame, names: Iterable[str] | None) -> None:
    """Fewer columns; None in the place of the names stands for unknown ones."""
    frame.columns = None if names is None or frame.columns is None else frame.columns - set(names)


def _grouping(frame: Frame, method: str, node: ast.Call) -> Value:
    found = loaded(*_GROUPINGS[method])
    if found is None or argument(node, "win_type") is not None:  # a weighted window has other arguments
        return UNKNOWN
    made = frame.derived(found, grouped=True, series=frame.series)
    made.index = None
    if method == "groupby":
        keys = strings(argument(node, "by", 0))
        plain = {keyword.arg for keyword in node.keywords} <= {"by", "observed", "sort", "dropna", "as_index"}
        made.index = set(keys) if plain and keys is not None else None
        made.flat = constant(argument(node, "as_index")) not in (MISSING, True)
    return made


def _of_grouping(grouped: Frame, method: str, node: ast.Call) -> Value | None:
    if method in _GROUPINGS:
        return _grouping(grouped, method, node)
    made = ungrouped(grouped)
    made.index = {"index"} if grouped.flat else grouped.index
    keys = grouped.index if grouped.flat else set()
    name = next(iter(grouped.columns)) if grouped.series and grouped.columns else None
    if method in ("agg", "aggregate"):
        func = argument(node, "func", 0)
        if func is None and grouped.index is not None:
            made.columns = set()
            add(made, {keyword.arg for keyword in node.keywords})
        elif grouped.series and not isinstance(func, ast.List | ast.Dict):
            return series(name, grouped.index) if type(constant(func)) is str and not grouped.flat else None
        elif isinstance(func, ast.Dict) and all(type(constant(part)) is str for part in func.values):
            made.columns = set(strings(ast.Tuple(func.keys)) or ()) or None  # type: ignore[arg-type]
        elif type(constant(func)) is not str or grouped.series:
            made.columns = None
        add(made, keys)
        return made
    if method in ("size", "ngroup", "cumcount"):
        return series(None, grouped.index) if grouped.index is not None and not grouped.flat else None
    if method not in _REDUCTIONS | _SAME_LENGTH:
        return None
    if grouped.series:
        return series(name, grouped.index if method in _REDUCTIONS else None) if not grouped.flat else None
    if method in _SAME_LENGTH or grouped.index is None:
        made.index = None
    elif not grouped.flat:
        remove(made, grouped.index)
    return made


def of_series(owner: Value, method: str, node: ast.Call) -> Value | None:
    """What a method of a Series returns; None where the rules say nothing."""
    name, index = (owner.name, owner.index) if isinstance(owner, Column) else (None, None)
    named = {keyword.arg for keyword in node.keywords}
    if method in _GROUPINGS and argument(node, "win_type") is None:
        found = loaded(*(SERIES_GROUPBY if method == "groupby" else _GROUPINGS[method]))
        return Frame(found, grouped=True, series=True) if found is not None else None
    if method in _SERIES_KEEP and "inplace" not in named:
        return series(name, index)
    match method:
        case "value_counts" if named <= {"normalize", "ascending", "sort", "dropna"}:
            return series("proportion" if "normalize" in named else "count", None if name is None else {name})
        case "rename" if node.args or "index" in named:
            return series(constant(node.args[0]) if node.args and strings(node.args[0]) else None, index)
        case "reset_index" if named <= {"name"} and not node.args:
            new = (strings(argument(node, "name")) or [None])[0] if named else name  # type: ignore[list-item]
            return frame(None if index is None or new is None else index | {new}, {"index"})
        case "to_frame" if not named and not node.args:
            return frame(None if name is None else {name}, index)
        case _:
            return None


def taken(frame: Frame, index: ast.expr) -> Value:
    """What `frame[index]` is."""
    names = strings(index)
    if names is not None and not isinstance(index, ast.List):
        return column_of(frame, names[0])
    if names is not None and frame.plain | frame.grouped:
        return replace(frame, columns=set(names))
    mask = isinstance(index, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Call | ast.Slice | ast.Lambda)
    return frame.derived() if mask and frame.plain and not is_polars(frame) else UNKNOWN


def located(frame: Frame, index: ast.expr, *, by_label: bool) -> Value:
    """What `frame.loc[index]` or `frame.iloc[index]` is."""
    row, column = index.elts if isinstance(index, ast.Tuple) and len(index.elts) == 2 else (index, None)
    several = isinstance(row, ast.Compare | ast.BinOp | ast.Slice | ast.List | ast.Lambda)
    if column is None and not several:
        one = not by_label and type(constant(row)) is int
        return frame.derived(loaded("pandas", "Series")) if one else UNKNOWN
    if column is None:
        return frame.derived()
    return taken(frame, column) if several and by_label and strings(column) else UNKNOWN


def column_of(frame: Frame, name: str | None = None) -> Value:
    """One column: a Series, or of a grouping the grouping of it; of a row something unknown."""
    if not frame.grouped:
        library = "polars" if is_polars(frame) else "pandas"
        return series(name, frame.index, library) if frame.plain else UNKNOWN
    by_key = frame.cls is loaded(*_GROUPINGS["groupby"])
    columns = None if name is None else {name}
    return replace(frame, cls=loaded(*SERIES_GROUPBY) if by_key else frame.cls, columns=columns, series=True)


def store(frame: Frame, index: ast.AST) -> None:
    """`frame[index] = …`."""
    if not isinstance(index, ast.Compare):
        names = strings(index)
        add(frame, None if names is None else set(names))


def store_at(frame: Frame, index: ast.expr) -> None:
    """`frame.loc[index] = …`: a constant second part is a column."""
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:
        store(frame, index.elts[1])
