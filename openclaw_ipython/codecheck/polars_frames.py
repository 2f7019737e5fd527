"""Columns of polars frames. `pl.col("name")` in an argument names a column; `alias` and keywords name new ones."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from openclaw_ipython.codecheck.inferred import Frame, Value
from openclaw_ipython.codecheck.static_lookup import loaded, word_set
from openclaw_ipython.codecheck.syntax import argument, constant, last_name, renamed, strings

_KEEP = word_set(
    "filter sort head tail limit slice sample unique drop_nulls drop_nans fill_null fill_nan reverse clone cast shift"
    " top_k bottom_k rechunk interpolate gather_every explode set_sorted lazy collect cache remove"
)
_EXPRESSIONS = word_set("select with_columns filter group_by agg sort remove")
_PLAIN_NAMES = word_set("select sort group_by drop unique explode")
_GROUP_BYS = {
    "DataFrame": ("polars.dataframe.group_by", "GroupBy"),
    "LazyFrame": ("polars.lazyframe.group_by", "LazyGroupBy"),
}


def wanted_columns(method: str, node: ast.Call) -> list[ast.expr]:
    """The literals in a call that name columns of the frame it is called on."""
    found: list[ast.expr] = []
    if method in _PLAIN_NAMES and constant(argument(node, "strict")) is not False:
        found += [part for part in _flat(node.args) if strings(part)]
        found += [value for name in ("by", "subset") if (value := argument(node, name)) is not None]
    if method == "join":
        found += [value for name in ("on", "left_on") if (value := argument(node, name)) is not None]
    if method in _EXPRESSIONS:
        for part in [*node.args, *(keyword.value for keyword in node.keywords)]:
            found += [name for call in _column_calls(part) for name in call.args]
    return [part for part in found if all(name[:1] not in "^*" for name in strings(part) or ())]


def _flat(parts: list[ast.expr]) -> Iterator[ast.expr]:
    for part in parts:
        yield from _flat(part.elts) if isinstance(part, ast.List | ast.Tuple) else [part]


def _column_calls(node: ast.AST) -> Iterator[ast.Call]:
    """Each `pl.col(…)` in an expression, without those in calls on other frames."""
    if isinstance(node, ast.Call) and (last_name(node.func) == "col" or _of_columns(node.func)):
        yield node
    elif not (isinstance(node, ast.Call) and last_name(node.func) in _EXPRESSIONS - {"filter", "sort"}):
        for child in ast.iter_child_nodes(node):
            yield from _column_calls(child)


def _of_columns(function: ast.expr) -> bool:
    """Whether a function is one like `pl.mean`, whose arguments are columns."""
    of_polars = isinstance(function, ast.Attribute) and last_name(function.value) == "pl"
    return of_polars and last_name(function) in _ON_COLUMNS


_ON_COLUMNS = word_set("mean sum min max median first last std var n_unique count")


def method_result(
    frame: Frame, method: str, node: ast.Call, value_of: Callable[[ast.expr], Value]
) -> Value | None:
    """What a method returns; None where the rules say nothing."""
    made = frame.derived()
    if method in _KEEP and not frame.grouped:
        made.cls = loaded("polars", {"lazy": "LazyFrame", "collect": "DataFrame"}.get(method, "")) or made.cls
        return made
    match method:
        case "select":
            made.columns = _new_names(node)
        case "with_columns":
            made.columns = _both(made.columns, _new_names(node))
        case "group_by":
            cls = loaded(*_GROUP_BYS[frame.cls.__name__]) if frame.plain else None
            made.index = _new_names(node)  # the keys
            return made.derived(cls, grouped=True) if cls is not None else None
        case "agg":
            cls = loaded("polars", "DataFrame" if frame.cls.__name__ == "GroupBy" else "LazyFrame")
            return Frame(cls, _both(frame.index, _new_names(node)), set())
        case "drop":
            gone = strings(ast.Tuple(list(_flat(node.args))))
            made.columns = None if gone is None or made.columns is None else made.columns - set(gone)
        case "rename":
            made.columns = renamed(made.columns, node.args[0]) if node.args else None
        case "join":
            right = value_of(node.args[0]) if node.args else None
            other = right.columns if isinstance(right, Frame) and argument(node, "suffix") is None else None
            again = None if other is None else {f"{name}_right" for name in other}
            made.columns = _both(made.columns, _both(other, again))
        case _:
            return None
    return made


def _both(first: set[str] | None, second: set[str] | None) -> set[str] | None:
    return None if first is None or second is None else first | second


def _new_names(node: ast.Call) -> set[str] | None:
    """The names of the columns that the arguments of a call give; None where one is not known."""
    names: set[str | None] = {_name(part) for part in _flat(node.args)}
    names |= {keyword.arg for keyword in node.keywords if keyword.arg != "maintain_order"}
    return None if None in names else names  # type: ignore[return-value]


def _name(node: ast.expr) -> str | None:
    """The name of the column that an expression gives."""
    match node:
        case ast.Constant(value=str(name)):
            return name if name[:1] not in "^*" else None
        case ast.Call(func=ast.Attribute(attr="alias"), args=[ast.Constant(value=str(name))]):
            return name
        case ast.Call(func=ast.Attribute(attr="len", value=ast.Name()), args=[]):
            return "len"
        case ast.Call(args=[part]) if last_name(node.func) == "col":
            return _name(part) if isinstance(part, ast.Constant) else None
        case ast.Call(func=ast.Attribute(attr="otherwise" | "then" | "field")):
            return None
        case ast.Call(func=ast.Attribute(value=inner)) | ast.Attribute(value=inner, attr="str" | "dt"):
            return _name(inner)
        case ast.BinOp(left=inner) | ast.Compare(left=inner) | ast.UnaryOp(operand=inner):
            return _name(inner) if not isinstance(inner, ast.Constant) else None
        case _:
            return None
