"""What the arguments of calls on frames name: columns and index levels; and what functions among them are given."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence

from openclaw_ipython.codecheck import frames, polars_frames
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Value
from openclaw_ipython.codecheck.static_lookup import loaded
from openclaw_ipython.codecheck.syntax import argument, constant

# The arguments that name columns, with their positions: `method argument=position …`.
_COLUMN_ARGUMENTS = """
groupby by=0 / sort_values by=0 / drop_duplicates subset=0 / duplicated subset=0 / dropna subset / value_counts subset=0
nlargest columns=1 / nsmallest columns=1 / set_index keys=0 / explode column=0 / drop columns / pop item=0
astype dtype=0 / pivot_table index columns values / pivot index columns values / melt id_vars=0 value_vars=1
merge on left_on / plot x y / scatter x=0 y=1 / hist column=0 by / boxplot column=0 by=1
"""


@functools.cache
def _column_arguments() -> dict[str, dict[str, int | None]]:
    found = {}
    for rule in _COLUMN_ARGUMENTS.strip().replace("\n", " / ").split(" / "):
        method, *places = (part.partition("=") for part in rule.split())
        found[method[0]] = {name: int(at) if at else None for name, _equals, at in places}
    return found


def wanted_columns(frame: Frame, method: str, node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that name columns of the frame, or grouping, it is called on."""
    if frames.is_polars(frame):
        return polars_frames.wanted_columns(method, node)
    if method in ("agg", "aggregate"):
        func = argument(node, "func", 0)
        found = [key for key in func.keys if key is not None] if isinstance(func, ast.Dict) else []
        named = [keyword.value for keyword in node.keywords if keyword.arg]  # agg(total=("price", "sum"))
        return found + [v.elts[0] for v in named if isinstance(v, ast.Tuple) and len(v.elts) == 2]
    names = _column_arguments().get(method, {}) if frame.plain else {}
    if method == "drop":
        names = names if argument(node, "errors") is None else {}
        names = names | ({"labels": 0} if constant(argument(node, "axis", 1)) in (1, "columns") else {})
    if method == "astype" and not isinstance(argument(node, "dtype", 0), ast.Dict):
        names = {}
    wanted = [part for name, at in names.items() if (part := argument(node, name, at)) is not None]
    keys = [key for part in wanted for key in (part.keys if isinstance(part, ast.Dict) else [part])]
    return [key for key in keys if key is not None]


def wanted_levels(frame: Frame, method: str, node: ast.Call) -> ast.expr | None:
    """The argument of a call that names levels of the index."""
    place = {"groupby": None, "xs": None, "unstack": 0, "droplevel": 0, "reset_index": 0}
    plain = frame.plain and not frames.is_polars(frame) and argument(node, "axis") is None
    return argument(node, "level", place[method]) if plain and method in place else None


def names_in_query(text: str) -> Iterator[tuple[str, bool]]:
    """The names in the text of `query` or `eval`, each with whether it is one of Python (`@limit`)."""
    quoted: list[str] = []
    plain = re.sub(r"`([^`]*)`", lambda match: f"_quoted_{quoted.append(match[1]) or len(quoted) - 1}", text)  # type: ignore[func-returns-value]
    try:
        tree = ast.parse(plain.replace("@", "_python_").strip())
    except (SyntaxError, ValueError):
        return
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in called:
            name = node.id.removeprefix("_python_")
            at = re.fullmatch(r"_quoted_(\d+)", name)
            yield quoted[int(at[1])] if at else name, name != node.id


def given_to_functions(owner: Value, method: str, node: ast.Call) -> dict[int, Sequence[Value]]:
    """What the functions in the arguments of a method of a frame are called with, by the id of the lambda."""
    given: Value = UNKNOWN
    if not isinstance(owner, Frame):
        return {}
    if owner.grouped and method in ("apply", "filter"):
        given = frames.series() if owner.series else frames.ungrouped(owner)
    elif method in ("agg", "aggregate", "transform") and owner.cls is loaded(*frames.SERIES_GROUPBY):
        given = frames.series()
    elif owner.plain and method in ("assign", "pipe"):
        given = owner.derived()
        frames.add(given, {keyword.arg for keyword in node.keywords} if method == "assign" else set())
    elif owner.plain and method == "apply" and not frames.is_polars(owner):
        axis = argument(node, "axis", 1)
        by_row = constant(axis) in (1, "columns")
        plain = axis is None and {keyword.arg for keyword in node.keywords} <= {"func"}
        given = owner.derived(loaded("pandas", "Series")) if by_row else frames.series() if plain else UNKNOWN
    return {id(part): [given] for part in [*node.args, *(each.value for each in node.keywords)]}
