"""The value of an expression, and every attribute, column and keyword in it that is proven absent."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openclaw_ipython.codecheck import frames
from openclaw_ipython.codecheck.attributes import attribute_of, keywords_of, known_names, result_of
from openclaw_ipython.codecheck.finding import CodeFinding
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Grid, Instance, Live, Method, Value
from openclaw_ipython.codecheck.static_lookup import is_a, is_trusted, loaded, plain_class
from openclaw_ipython.codecheck.syntax import (
    argument,
    bound,
    constant,
    is_guard,
    last_name,
    parameters,
    root,
    strings,
)
from openclaw_ipython.suggestions import similar, suggest

_BUILT = {
    ast.List: list, ast.ListComp: list, ast.Dict: dict, ast.DictComp: dict, ast.Set: set, ast.SetComp: set,
    ast.Tuple: tuple, ast.JoinedStr: str,
}  # fmt: skip
_HARMLESS = (len, print, list, sorted, type, id, repr, str, isinstance, enumerate, zip, set, tuple, dict)


class Expressions:
    """Walks expressions. `names` is the namespace; it is read by key and never changed."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self.env: dict[str, Value] = {}
        self._live: dict[int, Frame] = {}
        self._bases: dict[int, Value] = {}  # of each attribute node, what it was taken from
        self._quiet = 0
        self._registered: set[str] = set()  # accessors of the cell: `register_dataframe_accessor("geo")`
        self.findings: list[CodeFinding] = []

    def value(self, node: ast.expr, *, called: bool = False) -> Value:  # noqa: PLR0912 - one case a kind
        """What an expression is. Records every finding in it."""
        match node:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute():
                return self._attribute(node, called=called)
            case ast.Call():
                return self._call(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Constant(value=value):
                return Instance(type(value)) if value is not None and value is not ... else UNKNOWN
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                guarded = any(is_guard(test) for generator in node.generators for test in generator.ifs)
                self.value(node.generators[0].iter)
                with self.scope(bound(g.target for g in node.generators)), self.silent(guarded):
                    self._children(node)
            case ast.Lambda():
                with self.scope({each.arg for each in parameters(node.args)}):
                    self.value(node.body)
            case ast.NamedExpr(target=target, value=value):
                self.env[target.id] = self.value(value)
                return self.env[target.id]
            case ast.BoolOp(values=values):
                for at, part in enumerate(values):
                    with self.silent(any(is_guard(before) for before in values[:at])):
                        self.value(part)
            case ast.IfExp():
                self.value(node.test)
                with self.silent(is_guard(node.test)):
                    left, right = self.value(node.body), self.value(node.orelse)
                return left if left is right else UNKNOWN
            case ast.BinOp(left=left, right=right):
                return self._calculated(self.value(left), self.value(right), node.op)
            case _:
                self._children(node)
        return Instance(_BUILT[type(node)]) if type(node) in _BUILT else UNKNOWN

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            elif isinstance(child, ast.comprehension | ast.keyword):
                self._children(child)

    def _calculated(self, left: Value, right: Value, operator: ast.operator) -> Value:
        """The result of arithmetic: a Series with a Series or a number is one, a path with a name is one."""
        if isinstance(operator, ast.Div) and isinstance(left, Live) and is_a(left.object, Path):
            return Instance(type(left.object))
        number = isinstance(right, Instance) and right.cls in (int, float)
        return left if frames.is_series(left) and (number or frames.is_series(right)) else UNKNOWN

    def _named(self, name: str) -> Value:
        if name in self.env:
            return self.env[name]
        if name in self._names:
            return self._of_live(self._names[name])
        return Live(vars(builtins)[name]) if name in vars(builtins) else UNKNOWN

    def _of_live(self, thing: object) -> Value:
        kept = self._live.get(id(thing))
        if kept is None and (kept := frames.frame_of(thing)) is not None:
            self._live[id(thing)] = kept
        return kept or Live(thing)

    def _attribute(self, node: ast.Attribute, *, called: bool) -> Value:
        base = self._bases[id(node)] = self.value(node.value)
        if isinstance(base, Grid):
            return base if node.attr == "flat" else Method(None, base, node.attr)
        if isinstance(base, Frame) and base.columns is not None and node.attr in base.columns:
            return frames.column_of(base)
        found = attribute_of(base, node.attr) if node.attr not in self._registered else UNKNOWN
        if found is None:
            known = known_names(base)
            by_label = frames.is_series(base) or (isinstance(base, Frame) and base.columns is None)
            # Index labels and unknown columns are attributes too. They are rarely called or near to another name.
            near = not node.attr.startswith("_") and similar(node.attr, known, 0.85)
            if called or not by_label or near:
                self.claim("attribute", node, node.attr, known, owner=_owner(node.value, base))
            return UNKNOWN
        return self._of_live(found.object) if isinstance(found, Live) else frames.as_frame(found)

    def _call(self, node: ast.Call) -> Value:
        function = self.value(node.func, called=True)
        for part in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self._escape(self.value(part.value if isinstance(part, ast.Starred) else part), function)
        self._check_keywords(node, function)
        self._check_seaborn(node, function)
        if last_name(node.func).startswith("register_"):
            self._registered |= {str(constant(part)) for part in node.args}
        if isinstance(node.func, ast.Attribute):
            result = self._of_frame(self._bases[id(node.func)], node.func.attr, node)
            if any(
                keyword.arg == "inplace" for keyword in node.keywords
            ):  # `df.index.rename(…, inplace=True)`
                self.forget_root(node.func)
            if result is not None:
                return result
        match function:
            case Live(thing) if thing is loaded("matplotlib.pyplot", "subplots"):
                return UNKNOWN
            case Live(thing) if thing is loaded("pandas", "read_csv"):
                many = any(keyword.arg in ("chunksize", "iterator", None) for keyword in node.keywords)
                return UNKNOWN if many else Frame(loaded("pandas", "DataFrame"))
            case Method(owner=Grid() as grid, name="ravel" | "flatten"):
                return Grid(grid.item, row=True)
        made = result_of(function)
        as_frame = frames.as_frame(made)
        return frames.constructed(as_frame.cls, node) if as_frame is not made and made.exact else as_frame  # type: ignore[union-attr]

    def _of_frame(self, owner: Value, method: str, node: ast.Call) -> Value | None:
        """What a method of a frame or Series returns, after its arguments were checked for columns."""
        if frames.is_series(owner):
            return frames.series_grouping(method)
        if not isinstance(owner, Frame):
            return None
        for part in frames.wanted_columns(owner, method, node):
            for name in strings(part) or ():
                if not owner.knows(name):
                    self.claim("column", part, name, owner.columns or ())
        return frames.method_result(owner, method, node)

    def _check_seaborn(self, node: ast.Call, function: Value) -> None:
        """`sns.scatterplot(data=frame, x="length", …)` names columns."""
        data = argument(node, "data")
        if data is None or not isinstance(function, Live) or not is_trusted(function.object):
            return
        if str(getattr(function.object, "__module__", "")).startswith("seaborn."):
            with self.silent(True):
                frame = self.value(data)
            for keyword in node.keywords if isinstance(frame, Frame) and frame.index is not None else ():
                if keyword.arg in ("x", "y", "hue", "size", "style", "col", "row"):
                    self._check_columns(frame, keyword.value)  # type: ignore[arg-type]

    def _check_keywords(self, node: ast.Call, function: Value) -> None:
        takes = keywords_of(function)
        if takes is not None and all(keyword.arg for keyword in node.keywords):
            for keyword in node.keywords:
                if keyword.arg not in takes:
                    self.claim(
                        "keyword", keyword.value, str(keyword.arg), takes, owner=ast.unparse(node.func)
                    )

    def _escape(self, value: Value, function: Value) -> None:
        """A frame that is passed to a function that is not a library's may come back changed."""
        match function:
            case Live(thing) if (
                is_trusted(thing) or is_trusted(type(thing)) or any(thing is f for f in _HARMLESS)
            ):
                return
            case Method(function=thing, owner=owner) if is_trusted(thing) or isinstance(owner, Frame):
                return
            case _:
                self.forget(value)

    @staticmethod
    def forget(value: Value) -> None:
        """The columns and the index of a frame are no longer known."""
        if isinstance(value, Frame):
            value.columns = value.index = None

    def forget_root(self, node: ast.expr) -> None:
        """The frame that an expression begins with is changed through one of its parts."""
        with self.silent(True):
            self.forget(self.value(root(node)))

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        self.value(node.slice)
        index = node.slice
        match node.value:
            case ast.Attribute(value=inner, attr="loc") if (
                isinstance(index, ast.Tuple) and len(index.elts) == 2
            ):
                with self.silent(True):
                    located = self.value(inner)
                rows = located.index if isinstance(located, Frame) else None
                if (
                    rows is not None and len(rows) == 1 and isinstance(node.ctx, ast.Load)
                ):  # else a row's levels
                    self._check_columns(located, index.elts[1])  # type: ignore[arg-type]
        match base:
            case Frame():
                self._check_columns(base, index)
                return frames.taken(base, index)
            case Grid(item, row):
                cell = type(constant(index)) is int if row else isinstance(index, ast.Tuple)
                return item if cell else UNKNOWN
            case _:
                return UNKNOWN

    def located(self, node: ast.expr) -> Frame | None:
        """The frame `df` of `df.loc`, once that was evaluated."""
        found = self._bases.get(id(node))
        by_label = isinstance(node, ast.Attribute) and node.attr in ("loc", "at")
        return found if by_label and isinstance(found, Frame) else None

    def _check_columns(self, frame: Frame, index: ast.expr) -> None:
        for name in strings(index) or () if frame.columns is not None else ():
            if name not in frame.columns:  # type: ignore[operator]
                self.claim("column", index, name, frame.columns or ())

    # -- small --

    def unknown(self, names: Iterable[str]) -> None:
        """From here on nothing is known of these names."""
        self.env.update(dict.fromkeys(names, UNKNOWN))

    @contextmanager
    def scope(self, names: Iterable[str]) -> Iterator[None]:
        """A scope of its own, in which nothing is known of `names`."""
        before = dict(self.env)
        self.unknown(names)
        yield
        self.env = before

    @contextmanager
    def silent(self, on: bool) -> Iterator[None]:
        """While `on`, nothing is claimed."""
        self._quiet += on
        yield
        self._quiet -= on

    def claim(self, kind: str, node: Any, name: str, known: Collection[str], *, owner: str = "") -> None:
        """Record a finding, with the nearest of the `known` names."""
        if not self._quiet:
            self.findings.append(CodeFinding(kind, node.lineno, name, owner, near_names(name, known)))


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to three names that may be meant; private ones only for a private name."""
    return suggest(
        name, (str(each) for each in known if name.startswith("_") or not str(each).startswith("_"))
    )


def _owner(node: ast.expr, value: Value) -> str:
    """How a finding names what lacks the attribute."""
    text = ast.unparse(node)
    cls = value.cls if isinstance(value, Instance | Frame) else None
    if isinstance(value, Live):
        cls = plain_class(value.object) or type(value.object)
    return text if len(text) <= 40 or cls is None else str(type.__dict__["__name__"].__get__(cls))
