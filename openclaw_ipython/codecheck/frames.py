"""Columns of pandas frames: which calls keep, add or forget them, and which arguments name them.

Only a frame whose type is exactly `pandas.DataFrame` counts, with string columns of one level. pandas is never
imported: without it there is no frame in the namespace.
"""

from __future__ import annotations

import ast
import sys
from typing import Any

from openclaw_ipython.codecheck.attributes import constant, constants, keyword_argument
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Value
from openclaw_ipython.codecheck.static_lookup import MISSING, is_a

_KEEP = {
    *(
        "copy",
        "head",
        "tail",
        "sample",
        "query",
        "sort_values",
        "sort_index",
        "dropna",
        "fillna",
        "round",
        "astype",
    ),
    *(
        "drop_duplicates",
        "nlargest",
        "nsmallest",
        "ffill",
        "bfill",
        "replace",
        "convert_dtypes",
        "infer_objects",
    ),
}
_FORGET = {"insert", "pop", "update", "__setitem__"}
_REDUCTIONS = {
    "mean",
    "sum",
    "count",
    "min",
    "max",
    "std",
    "var",
    "median",
    "first",
    "last",
    "nunique",
    "prod",
    "sem",
}
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


def pandas() -> Any:
    """The pandas module where it is loaded."""
    module = sys.modules.get("pandas")
    return module if module is not None and hasattr(module, "DataFrame") else None


def frame_of(value: object) -> Frame | None:
    """The live object as a frame, if it is exactly a DataFrame."""
    library = pandas()
    if library is None or type(value) is not library.DataFrame:
        return None
    columns = value.columns  # type: ignore[attr-defined]  # pandas's own property on pandas's own class
    if type(columns) is not library.Index:
        return Frame(library.DataFrame)
    names = columns.tolist()
    return Frame(library.DataFrame, set(names) if all(type(name) is str for name in names) else None)


def is_frame(value: Value) -> bool:
    """Whether a value is a frame, not a groupby of one."""
    return isinstance(value, Frame) and value.cls is getattr(pandas(), "DataFrame", None)


def is_series(value: Value) -> bool:
    """Whether a value is a Series."""
    series = getattr(pandas(), "Series", None)
    match value:
        case Live(thing):
            return series is not None and is_a(thing, series)
        case Instance(cls):
            return cls is series
        case _:
            return False


def series() -> Value:
    """A Series of unknown content."""
    library = pandas()
    return Instance(library.Series) if library is not None else UNKNOWN


def frame_class(value: Value) -> Value:
    """An instance of DataFrame as a frame without known columns; any other value as it is."""
    library = pandas()
    if library is not None and isinstance(value, Instance) and value.cls is library.DataFrame:
        return Frame(library.DataFrame)
    return value


def constructed(node: ast.Call) -> Frame:
    """The frame that `DataFrame(…)` makes."""
    data = keyword_argument(node, ["data"], 0)
    named = constants(keyword_argument(node, ["columns"]))
    if named is not None:
        return Frame(pandas().DataFrame, set(named))
    if isinstance(data, ast.Dict) and data.keys and all(type(constant(key)) is str for key in data.keys):
        return Frame(pandas().DataFrame, {constant(key) for key in data.keys})
    return Frame(pandas().DataFrame)


def wanted_columns(method: str, node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that name columns of the frame it is called on."""
    if method in ("agg", "aggregate"):
        argument = keyword_argument(node, ["func"], 0)
        found = [key for key in argument.keys if key is not None] if isinstance(argument, ast.Dict) else []
        named = [keyword.value for keyword in node.keywords if keyword.arg]  # agg(total=("price", "sum"))
        return found + [v.elts[0] for v in named if isinstance(v, ast.Tuple) and len(v.elts) == 2]
    if method == "drop":
        argument = keyword_argument(node, ["columns"])
        return [argument] if argument is not None and keyword_argument(node, ["errors"]) is None else []
    if method not in _COLUMN_ARGUMENTS:
        return []
    name, position = _COLUMN_ARGUMENTS[method]
    argument = keyword_argument(node, [name], position)
    return [argument] if argument is not None else []


def frame_call(frame: Frame, method: str, node: ast.Call) -> Value | None:
    """What a method of a frame returns; None where the frame rules say nothing. Changes `frame` where the call does."""
    if not is_frame(frame):
        return _group_call(frame, method)
    if constant(keyword_argument(node, ["inplace"])) not in (MISSING, False, None) or method in _FORGET:
        frame.columns = None
        return UNKNOWN
    if method in _KEEP:
        return frame.derived()
    if method == "assign":
        made = frame.derived()
        if any(keyword.arg is None for keyword in node.keywords):
            made.columns = None
        elif made.columns is not None:
            made.columns |= {keyword.arg for keyword in node.keywords if keyword.arg}
        return made
    if method == "drop":
        return _without(frame, constants(keyword_argument(node, ["columns"])))
    if method == "rename":
        return _renamed(frame, keyword_argument(node, ["columns"]))
    if method == "groupby":
        return frame.derived(_groupby_class())
    if method in _REDUCTIONS and not node.args and not node.keywords:
        return series()
    return None


def _groupby_class() -> type:
    module = sys.modules.get("pandas.core.groupby.generic")
    found: type = getattr(module, "DataFrameGroupBy", pandas().DataFrame)
    return found


def _group_call(grouped: Frame, method: str) -> Value:
    if method in _REDUCTIONS:
        return Frame(pandas().DataFrame)
    return series() if method in ("size", "ngroup", "cumcount") else UNKNOWN


def series_group_call(method: str) -> Value:
    """What a method of `df.groupby(…)[column]` returns."""
    return series() if method in _REDUCTIONS | {"size"} else UNKNOWN


def _without(frame: Frame, names: list[str] | None) -> Frame:
    made = frame.derived()
    if names is None or made.columns is None:
        made.columns = None
    else:
        made.columns -= set(names)
    return made


def _renamed(frame: Frame, mapping: ast.expr | None) -> Frame:
    made = frame.derived()
    if mapping is None:
        return made
    if not isinstance(mapping, ast.Dict) or made.columns is None:
        made.columns = None
        return made
    pairs = [
        (constant(key), constant(value)) for key, value in zip(mapping.keys, mapping.values, strict=True)
    ]
    if not all(type(old) is str and type(new) is str for old, new in pairs):
        made.columns = None
        return made
    made.columns = (made.columns - {old for old, _new in pairs}) | {new for _old, new in pairs}
    return made


def taken(frame: Frame, index: ast.expr) -> Value:
    """What `frame[index]` is."""
    names = constants(index)
    if names is not None and not isinstance(index, ast.List):
        return series() if is_frame(frame) else Frame(_series_groupby_class(), None)
    if names is not None:
        return Frame(frame.cls, set(names))
    mask = isinstance(index, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Call)
    return frame.derived() if mask and is_frame(frame) else UNKNOWN


def _series_groupby_class() -> type:
    module = sys.modules.get("pandas.core.groupby.generic")
    found: type = getattr(module, "SeriesGroupBy", object)
    return found


def store(frame: Frame, index: ast.expr) -> None:
    """`frame[index] = …`."""
    names = constants(index)
    if frame.columns is not None:
        if names is None and not isinstance(index, ast.Compare):
            frame.columns = None
        else:
            frame.columns |= set(names or ())


def store_at(frame: Frame, index: ast.expr) -> None:
    """`frame.loc[index] = …`: a constant second part is a column."""
    if frame.columns is None:
        return
    if (
        isinstance(index, ast.Tuple)
        and len(index.elts) == 2
        and (names := constants(index.elts[1])) is not None
    ):
        frame.columns |= set(names)
    elif isinstance(index, ast.Tuple):
        frame.columns = None
