"""Columns of DataFrames: which calls keep, add or forget them, and which arguments name them.

Only a frame whose type is exactly that of pandas or polars counts, with string columns of one level. Neither library is
imported: without it there is no frame in the namespace. `polars_frames` has what differs for polars.
"""

from __future__ import annotations

import ast
from typing import Any

from openclaw_ipython.codecheck import polars_frames
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Value
from openclaw_ipython.codecheck.static_lookup import MISSING, class_dict, is_a, loaded, word_set
from openclaw_ipython.codecheck.syntax import argument, constant, renamed, strings

_KEEP = word_set(
    "copy head tail sample query sort_values sort_index dropna fillna round astype drop_duplicates nlargest nsmallest"
    " ffill bfill replace convert_dtypes infer_objects clip abs shift diff cumsum rank"
)
_FORGET = word_set("insert pop update isetitem")
_REDUCTIONS = word_set(
    "mean sum count min max std var median first last nunique prod sem quantile idxmin idxmax skew"
)
_SAME_LENGTH = word_set("cumsum cumprod cummax cummin shift diff rank ffill bfill pct_change head tail")
_GROUPINGS = {
    "groupby": ("pandas.core.groupby.generic", "DataFrameGroupBy"),
    "rolling": ("pandas.core.window.rolling", "Rolling"),
    "expanding": ("pandas.core.window.expanding", "Expanding"),
    "ewm": ("pandas.core.window.ewm", "ExponentialMovingWindow"),
    "resample": ("pandas.core.resample", "Resampler"),
}
_SERIES_GROUPBY = ("pandas.core.groupby.generic", "SeriesGroupBy")
_COLUMN_ARGUMENTS = {
    "groupby": ("by", 0),
    "sort_values": ("by", 0),
    "drop_duplicates": ("subset", 0),
    "dropna": ("subset", None),
    "nlargest": ("columns", 1),
    "nsmallest": ("columns", 1),
    "set_index": ("keys", 0),
    "explode": ("column", 0),
}

_SEVERAL = {
    "pivot_table": ("index", "columns", "values"),
    "pivot": ("index", "columns", "values"),
    "melt": ("id_vars", "value_vars"),
    "merge": ("on", "left_on"),
    "value_counts": ("subset",),
}


def frame_of(value: object) -> Frame | None:
    """The live object as a frame, if it is exactly a DataFrame."""
    cls = type(value)
    if cls is loaded("polars", "DataFrame"):
        return Frame(cls, set(value.columns), set())  # type: ignore[attr-defined]  # the library's own property
    if cls is not loaded("pandas", "DataFrame"):
        return None
    columns, index = value.columns, value.index  # type: ignore[attr-defined]  # pandas's own properties
    known = type(columns) is loaded("pandas", "Index")
    names: list[Any] = columns.tolist() if known else [None]
    levels = {"index" if name is None else name for name in index.names} if index.nlevels == 1 else None
    return Frame(cls, set(names) if all(type(name) is str for name in names) else None, levels)


def as_frame(value: Value) -> Value:
    """An instance of a DataFrame class as a frame without known columns; any other value as it is."""
    frames = (loaded("pandas", "DataFrame"), loaded("polars", "DataFrame"), loaded("polars", "LazyFrame"))
    return Frame(value.cls) if isinstance(value, Instance) and value.cls in frames else value


def is_series(value: Value) -> bool:
    """Whether a value is a pandas Series."""
    cls = loaded("pandas", "Series")
    if cls is None or not isinstance(value, Live | Instance):
        return False
    return is_a(value.object, cls) if isinstance(value, Live) else value.cls is cls


def series(frame: Frame | None = None) -> Value:
    """A Series of the library of `frame`; without one, of pandas."""
    cls = loaded("polars" if frame is not None and is_polars(frame) else "pandas", "Series")
    return Instance(cls) if cls is not None else UNKNOWN


def is_polars(frame: Frame) -> bool:
    """Whether a frame belongs to polars."""
    return str(class_dict(frame.cls).get("__module__")).startswith("polars.")


def constructed(cls: type, node: ast.Call) -> Value:
    """The frame that `DataFrame(…)` makes."""
    data = argument(node, "data", 0)
    named = strings(argument(node, "columns" if cls is loaded("pandas", "DataFrame") else "schema"))
    if named is None and isinstance(data, ast.Dict) and data.keys:
        keys = [constant(key) for key in data.keys]
        named = keys if all(type(key) is str for key in keys) else None
    return Frame(
        cls, None if named is None else set(named), {"index"} if argument(node, "index") is None else None
    )


def wanted_columns(frame: Frame, method: str, node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that name columns of the frame, or grouping, it is called on."""
    if is_polars(frame):
        return polars_frames.wanted_columns(method, node)
    if method in ("agg", "aggregate"):
        func = argument(node, "func", 0)
        found = [key for key in func.keys if key is not None] if isinstance(func, ast.Dict) else []
        named = [keyword.value for keyword in node.keywords if keyword.arg]  # agg(total=("price", "sum"))
        return found + [v.elts[0] for v in named if isinstance(v, ast.Tuple) and len(v.elts) == 2]
    if method in _SEVERAL:
        return [part for name in _SEVERAL[method] if (part := argument(node, name)) is not None]
    name, position = _COLUMN_ARGUMENTS.get(method, ("", None))
    if method == "drop" and argument(node, "errors") is None:
        name = "columns"
    wanted = None if frame.grouped else argument(node, name, position)
    return [wanted] if wanted is not None else []


def method_result(  # noqa: PLR0912 - one case a method
    frame: Frame, method: str, node: ast.Call
) -> Value | None:
    """What a method of a frame returns; None where the rules say nothing. Changes `frame` where the call does."""
    if is_polars(frame):
        return polars_frames.method_result(frame, method, node)
    if frame.grouped:
        return _of_grouping(frame, method, node)
    if constant(argument(node, "inplace")) not in (MISSING, False, None) or method in _FORGET:
        frame.columns = None
        return UNKNOWN
    made = frame.derived()
    if method in _GROUPINGS:
        return _grouping(frame, method, node)
    if method in _REDUCTIONS:
        return (
            series()
            if not node.args and {keyword.arg for keyword in node.keywords} <= {"numeric_only"}
            else None
        )
    if method in _KEEP:
        return made
    match method:
        case "assign":
            _add(made, {keyword.arg for keyword in node.keywords})
        case "drop":
            gone = strings(argument(node, "columns"))
            made.columns = None if gone is None or made.columns is None else made.columns - set(gone)
        case "rename":
            mapping = argument(node, "columns")
            if mapping is not None:
                made.columns = renamed(made.columns, mapping)
        case "reset_index":
            names = [keyword.arg for keyword in node.keywords]
            if names != ["drop"] and not (node.args or names):
                _add(made, made.index)
            elif names != ["drop"]:
                made.columns = None
            made.index = {"index"}
        case "set_index":
            made.index = set(found) if (found := strings(argument(node, "keys", 0))) is not None else None
        case _:
            return None
    return made


def _add(frame: Frame, names: set[str] | set[str | None] | None) -> None:
    """Further columns; None among them, or in their place, is an unknown one."""
    unknown = names is None or None in names or frame.columns is None
    frame.columns = None if unknown else frame.columns | names  # type: ignore[operator]


def _grouping(frame: Frame, method: str, node: ast.Call) -> Value:
    found = loaded(*_GROUPINGS[method])
    if found is None or argument(node, "win_type") is not None:  # a weighted window has other arguments
        return UNKNOWN
    made = frame.derived(found, grouped=True, series=frame.series)
    if method == "groupby":
        keys = strings(argument(node, "by", 0))
        plain = keys is not None and {keyword.arg for keyword in node.keywords} <= {
            "by",
            "observed",
            "sort",
            "dropna",
        }
        made.index = set(keys or ()) if plain else None
        if argument(node, "as_index") is not None:  # the keys become columns
            _add(made, None if keys is None else set(keys))
    else:
        made.index = None
    return made


def _of_grouping(grouped: Frame, method: str, node: ast.Call) -> Value | None:
    if method in _GROUPINGS:
        return _grouping(grouped, method, node)
    if method in ("agg", "aggregate") and not grouped.series:
        names = {keyword.arg for keyword in node.keywords}
        plain = names and None not in names and not node.args and grouped.index is not None
        return Frame(
            loaded("pandas", "DataFrame"), {str(name) for name in names} if plain else None, grouped.index
        )
    if method in ("size", "ngroup", "cumcount"):
        return series() if grouped.index is not None else None
    if method not in _REDUCTIONS | _SAME_LENGTH:
        return None
    if grouped.series:
        return series()
    made = grouped.derived(loaded("pandas", "DataFrame"))
    if method in _SAME_LENGTH or grouped.index is None:
        made.index = None
    return made


def series_grouping(method: str) -> Value | None:
    """What `groupby`, `rolling` and the like return for a Series."""
    found = (
        loaded(*(_SERIES_GROUPBY if method == "groupby" else _GROUPINGS[method]))
        if method in _GROUPINGS
        else None
    )
    return Frame(found, grouped=True, series=True) if found is not None else None


def taken(frame: Frame, index: ast.expr) -> Value:
    """What `frame[index]` is."""
    names = strings(index)
    if names is not None and not isinstance(index, ast.List):
        return column_of(frame)
    if names is not None:
        return Frame(frame.cls, set(names), frame.index, frame.grouped)
    mask = isinstance(index, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Call)
    return frame.derived() if mask and not frame.grouped and not is_polars(frame) else UNKNOWN


def column_of(frame: Frame) -> Value:
    """One column: a Series, or of a grouping the grouping of it."""
    if not frame.grouped:
        return series(frame)
    grouped_by = frame.cls is loaded(*_GROUPINGS["groupby"])
    cls = loaded(*_SERIES_GROUPBY) if grouped_by else frame.cls
    return Frame(cls, None, frame.index, grouped=True, series=True)


def store(frame: Frame, index: ast.expr) -> None:
    """`frame[index] = …`."""
    if not isinstance(index, ast.Compare):
        names = strings(index)
        _add(frame, None if names is None else set(names))


def store_at(frame: Frame, index: ast.expr) -> None:
    """`frame.loc[index] = …`: a constant second part is a column."""
    if isinstance(index, ast.Tuple) and len(index.elts) == 2:
        store(frame, index.elts[1])
