"""The value of an expression, and every attribute, column and keyword in it that is proven absent."""

from __future__ import annotations

import ast
import builtins
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import GeneratorType
from typing import Any

from openclaw_ipython.codecheck import call_results as results
from openclaw_ipython.codecheck import frame_arguments, frames
from openclaw_ipython.codecheck.attributes import attribute_of, keywords_of, known_names, result_of
from openclaw_ipython.codecheck.finding import CodeFinding
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Method, Value
from openclaw_ipython.codecheck.static_lookup import (
    is_trusted,
    loaded,
    mro,
    one_of,
    plain_class,
    word_set,
)
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
    ast.Tuple: tuple, ast.JoinedStr: str, ast.GeneratorExp: GeneratorType,
}  # fmt: skip
_CHANGING_RESULTS = word_set(
    "retstep subok like usemask object_hook cls object_pairs_hook return_std output_dict out"
)
_OF_SEABORN = word_set("x y hue size style col row units weights vars x_vars y_vars")
_HARMLESS = (len, print, list, sorted, type, id, repr, str, isinstance, enumerate, zip, set, tuple, dict)


class Expressions:
    """Walks expressions. `names` is the namespace; it is read by key and never changed."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self.env: dict[str, Value] = {}
        self._live: dict[int, Value] = {}
        self._bases: dict[int, Value] = {}  # of each attribute node, what it was taken from
        self._given: dict[int, Sequence[Value]] = {}  # of each lambda, what it is called with
        self._changed: set[str] = set()  # names of containers that get other elements
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
                with self.scope(bound(g.target for g in node.generators)), self.silent(guarded):
                    for clause in node.generators:
                        self.store(clause.target, self._seen(results.item_of(self.value(clause.iter))))
                        self._children(ast.Tuple(clause.ifs))
                    made = ast.Tuple([node.key, node.value]) if isinstance(node, ast.DictComp) else node.elt
                    item = self.value(made)
                item = UNKNOWN if isinstance(node, ast.DictComp) else item
                return results.collection(_BUILT[type(node)], item)
            case ast.Lambda():
                with self.scope({each.arg for each in parameters(node.args)}):
                    given = zip(node.args.args, self._given.get(id(node), ()), strict=False)
                    self.env.update((each.arg, value) for each, value in given)
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
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                found = tuple(self.value(part) for part in parts)
                if isinstance(node, ast.Set) or any(isinstance(part, ast.Starred) for part in parts):
                    return Instance(_BUILT[type(node)])
                return Instance(_BUILT[type(node)], parts=found)
            case ast.UnaryOp(operand=operand):
                found_value = self.value(operand)
                kept = frames.is_series(found_value) or one_of(results.class_of(found_value), int, float)
                return found_value if kept and not isinstance(node.op, ast.Not) else UNKNOWN
            case ast.Compare():
                self._children(node)
                return frames.series() if frames.is_series(self._value_again(node.left)) else UNKNOWN
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
        cls = results.class_of(left)
        if isinstance(operator, ast.Div) and cls is not None and one_of(Path, *mro(cls)):
            return Instance(cls)
        if (made := results.of_arithmetic(left, right)) is not None:
            return made
        number = one_of(results.class_of(right), int, float)
        return left if frames.is_series(left) and (number or frames.is_series(right)) else UNKNOWN

    def _named(self, name: str) -> Value:
        if name in self.env:
            return self.env[name]
        if name in self._names:
            thing = self._names[name]
            kept = name in self._changed and one_of(type(thing), list, dict, set, deque)
            return Instance(type(thing)) if kept else self._of_live(thing)
        return Live(vars(builtins)[name]) if name in vars(builtins) else UNKNOWN

    def _of_live(self, thing: object) -> Value:
        kept = self._live.get(id(thing))
        if kept is None and (kept := frames.frame_of(thing)) is not None:
            self._live[id(thing)] = kept
        return kept or Live(thing)

    def _attribute(self, node: ast.Attribute, *, called: bool) -> Value:
        base = self._bases[id(node)] = self.value(node.value)
        if isinstance(base, Frame) and base.columns is not None and node.attr in base.columns:
            return frames.column_of(base, node.attr)
        found = attribute_of(base, node.attr) if node.attr not in self._registered else UNKNOWN
        if found is None:
            known = known_names(base)
            by_label = frames.is_series(base) or (isinstance(base, Frame) and base.columns is None)
            # Index labels and unknown columns are attributes too. They are rarely called or near to another name.
            near = not node.attr.startswith("_") and similar(node.attr, known, 0.85)
            if called or not by_label or near:
                self.claim("attribute", node, node.attr, known, owner=_owner(node.value, base))
            return UNKNOWN
        return self._seen(found)

    def _seen(self, value: Value) -> Value:
        """A value with what is known of it as a frame."""
        return self._of_live(value.object) if isinstance(value, Live) else frames.as_frame(value)

    def _call(self, node: ast.Call) -> Value:  # noqa: PLR0912 - one case a kind
        function = self.value(node.func, called=True)
        if isinstance(node.func, ast.Attribute):
            owner = self._bases[id(node.func)]
            self._given |= frame_arguments.given_to_functions(owner, node.func.attr, node)
        values = [self.value(part.value if isinstance(part, ast.Starred) else part) for part in node.args]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords}
        for value in [*values, *named.values()]:
            self._escape(value, function)
        self._check_keywords(node, function)
        self._check_seaborn(node, function)
        if last_name(node.func).startswith("register_"):
            self._registered |= {str(constant(part)) for part in node.args}
        if isinstance(node.func, ast.Attribute):
            result = self._of_frame(owner, node.func.attr, node)
            if "inplace" in named:  # `df.index.rename(…, inplace=True)`
                self.forget_root(node.func)
            if result is not None:
                return result
        match function:
            case Live(thing) if thing is loaded("matplotlib.pyplot", "subplots"):
                return Instance(tuple, parts=_figure_and_axes(node))
            case Live(thing) if thing is loaded("pandas", "read_csv"):
                several = named.keys() & {"chunksize", "iterator", None}
                return UNKNOWN if several else Frame(loaded("pandas", "DataFrame"))
            case Live(thing) if thing is loaded("pandas", "merge") and len(values) > 1:
                merge = ast.Call(node.func, node.args[1:], node.keywords)
                if isinstance(left := values[0], Frame):
                    self._check_named(left, frame_arguments.wanted_columns(left, "merge", merge))
                return frames.merged(left, values[1], merge)
            case Live(thing) if thing is loaded("sklearn.model_selection", "train_test_split"):
                halves = (results.split_of(value) for value in values for _half in (1, 2))
                return Instance(list, parts=tuple(halves))
            case Live(thing) if (built := results.called(thing, values)) is not None:
                return self._seen(built)
            case Method(owner=Instance(item=Instance()) as grid, name="ravel" | "flatten"):
                return results.row_of(grid)
        if named.keys() & _CHANGING_RESULTS:
            return UNKNOWN
        return frames.as_frame(result_of(function))

    def _of_frame(self, owner: Value, method: str, node: ast.Call) -> Value | None:
        """What a method of a frame or Series returns, after its arguments were checked for columns."""
        if frames.is_series(owner):
            return frames.of_series(owner, method, node)
        if isinstance(owner, Instance) and isinstance(node.func, ast.Attribute):  # `df.plot.scatter(x="a")`
            before = self._bases.get(id(node.func.value))
            if isinstance(before, Frame) and last_name(node.func.value) == "plot":
                self._check_named(before, frame_arguments.wanted_columns(before, method, node))
        if not isinstance(owner, Frame):
            return None
        self._check_named(owner, frame_arguments.wanted_columns(owner, method, node))
        levels = frame_arguments.wanted_levels(owner, method, node)
        for name in strings(levels) or ():
            if owner.index is not None and name not in owner.index:
                self.claim("column", levels, name, owner.index)
        if method in ("query", "eval") and owner.plain:
            self._check_query(owner, node, constant(argument(node, "expr", 0)))
        return frames.method_result(owner, method, node, self._value_again)

    def _value_again(self, node: ast.expr) -> Value:
        with self.silent(True):
            return self.value(node) if isinstance(node, ast.expr) else UNKNOWN

    def _check_named(self, frame: Frame, parts: Sequence[ast.expr]) -> None:
        for part in parts:
            for name in strings(part) or ():
                if not frame.knows(name):
                    self.claim("column", part, name, frame.columns or ())

    def _check_query(self, frame: Frame, node: ast.Call, text: object) -> None:
        for name, of_python in frame_arguments.names_in_query(text) if type(text) is str else ():
            known: Collection[str] = {**self._names, **self.env} if of_python else frame.columns or ()
            if of_python and name not in known and name not in vars(builtins):
                self.claim("name", node, name, known)
            elif not of_python and not (frame.knows(name) or name == "index" or name.startswith("ilevel_")):
                self.claim("column", node, name, known)

    def _check_seaborn(self, node: ast.Call, function: Value) -> None:
        """`sns.scatterplot(data=frame, x="length", …)` names columns."""
        data = argument(node, "data", 0)
        if data is None or not isinstance(function, Live) or not is_trusted(function.object):
            return
        if str(getattr(function.object, "__module__", "")).startswith("seaborn."):
            frame = self._value_again(data)
            for keyword in node.keywords if isinstance(frame, Frame) and frame.index is not None else ():
                if keyword.arg in _OF_SEABORN:
                    self._check_named(frame, [keyword.value])  # type: ignore[arg-type]

    def _check_keywords(self, node: ast.Call, function: Value) -> None:
        takes = keywords_of(function)
        if takes is not None and all(keyword.arg not in (None, "cls") for keyword in node.keywords):
            for keyword in node.keywords:
                if keyword.arg not in takes:
                    owner = ast.unparse(node.func)
                    self.claim("keyword", keyword.value, str(keyword.arg), takes, owner=owner)

    def _escape(self, value: Value, function: Value) -> None:
        """A frame that is passed to a function that is not a library's may come back changed."""
        match function:
            case Live(thing):
                harmless = is_trusted(type(thing)) or any(thing is each for each in _HARMLESS)
                kept = harmless or is_trusted(thing)
            case Method(function=thing, owner=owner):
                kept = is_trusted(thing) or isinstance(owner, Frame)
            case _:
                kept = False
        if not kept:
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
        base, index = self.value(node.value), node.slice
        frame, indexer = self._indexed(node.value)
        if isinstance(index, ast.Lambda) and (frame or isinstance(base, Frame)):
            self._given[id(index)] = [(frame or base).derived()]  # type: ignore[union-attr]
        self.value(index)
        if frame is not None and isinstance(node.ctx, ast.Load):
            named = isinstance(index, ast.Tuple) and len(index.elts) == 2 and indexer in ("loc", "at")
            if named and frame.index is not None and len(frame.index) == 1:  # else a row's levels
                self._check_columns(frame, index.elts[1])  # type: ignore[attr-defined]
            several = indexer in ("loc", "iloc")
            return frames.located(frame, index, by_label=indexer == "loc") if several else UNKNOWN
        if isinstance(base, Frame):
            self._check_columns(base, index)
            return frames.taken(base, index)
        key: Any = tuple(map(constant, index.elts)) if isinstance(index, ast.Tuple) else constant(index)
        return self._seen(results.part_of(base, key))

    def _indexed(self, node: ast.expr) -> tuple[Frame | None, str]:
        """The frame `df` of `df.loc`, once that was evaluated, and the name of the indexer."""
        found = self._bases.get(id(node))
        known = isinstance(found, Frame) and found.plain and last_name(node) in ("loc", "at", "iloc", "iat")
        return (found, last_name(node)) if known and isinstance(node, ast.Attribute) else (None, "")  # type: ignore[return-value]

    def _check_columns(self, frame: Frame, index: ast.expr) -> None:
        for name in strings(index) or () if frame.columns is not None else ():
            if name not in frame.columns:  # type: ignore[operator]
                self.claim("column", index, name, frame.columns or ())

    def store(self, target: ast.expr, value: Value) -> None:
        """Assign a value to a target."""
        match target:
            case ast.Name(id=name):
                changed = name in self._changed and isinstance(value, Instance) and value.cls is list
                self.env[name] = Instance(list) if changed else value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                values = self._unpacked(value, len(parts))
                for part, found in zip(parts, values, strict=True):
                    self.store(part, found)
            case ast.Starred(value=inner):
                self.store(inner, UNKNOWN)
            case ast.Subscript(value=base, slice=index):
                owner = self.value(base)
                self.value(index)
                if isinstance(owner, Frame):
                    frames.store(owner, index)
                located, indexer = self._indexed(base)
                if located is not None and indexer in ("loc", "at"):
                    frames.store_at(located, index)
            case ast.Attribute(value=base, attr=name):
                self._registered.add(name)
                self.value(base)
                self.forget_root(base)
                if isinstance(base, ast.Name):
                    self.unknown([base.id])
            case _:
                pass

    def _unpacked(self, value: Value, count: int) -> Sequence[Value]:
        parts = value.parts if isinstance(value, Instance) else None
        if parts is not None and len(parts) == count:
            return parts
        return [self._seen(results.item_of(value))] * count

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
    private = name.startswith("_")
    return suggest(name, (str(each) for each in known if private or not str(each).startswith("_")))


def _owner(node: ast.expr, value: Value) -> str:
    """How a finding names what lacks the attribute."""
    text = ast.unparse(node)
    cls = value.cls if isinstance(value, Instance | Frame) else None
    if isinstance(value, Live):
        cls = plain_class(value.object) or type(value.object)
    return text if len(text) <= 40 or cls is None else str(type.__dict__["__name__"].__get__(cls))


def _figure_and_axes(node: ast.Call) -> tuple[Value, Value]:
    """What `plt.subplots(…)` returns: with several rows or columns, a grid of axes."""
    figure, axes = loaded("matplotlib.figure", "Figure"), loaded("matplotlib.axes", "Axes")
    shape = [argument(node, "nrows", 0) or ast.Constant(1), argument(node, "ncols", 1) or ast.Constant(1)]
    counts = [constant(part) for part in shape]
    unclear = any(keyword.arg in (None, "squeeze") for keyword in node.keywords)
    if unclear or any(type(count) is not int for count in counts):
        return Instance(figure, exact=False), UNKNOWN
    found: Value = Instance(axes, exact=False)
    for _count in range(sum(count != 1 for count in counts)):
        found = Instance(loaded("numpy", "ndarray"), item=found)
    return Instance(figure, exact=False), found
