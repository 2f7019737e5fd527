"""The value of an expression, and every attribute, column and keyword in it that is proven absent."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from openclaw_ipython.codecheck import frames as rules
from openclaw_ipython.codecheck.attributes import (
    attribute_of,
    constants,
    keywords_of,
    known_names,
    result_of,
)
from openclaw_ipython.codecheck.finding import CodeFinding
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Method, Value
from openclaw_ipython.codecheck.static_lookup import (
    is_trusted,
    plain_class,
)

_GUARDS = {"hasattr", "isinstance", "issubclass", "callable", "getattr", "find_spec"}
_QUIET_MANAGERS = {"suppress", "raises"}
_NEAR = 0.6  # difflib's own default


class Expressions:
    """Walks expressions. `names` is the namespace; it is read by key and never changed."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self.env: dict[str, Value] = {}
        self._live: dict[int, Frame] = {}
        self._quiet = 0
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
            case ast.JoinedStr():
                self._children(node)
                return Instance(str)
            case ast.List() | ast.Dict() | ast.Set() | ast.Tuple():
                self._children(node)
                kinds = {ast.List: list, ast.Dict: dict, ast.Set: set, ast.Tuple: tuple}
                return Instance(kinds[type(node)])
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node)
            case ast.Lambda():
                with self.scope(parameters(node.args)):
                    self.value(node.body)
                return UNKNOWN
            case ast.NamedExpr(target=target, value=value):
                found = self.value(value)
                self.env[target.id] = found
                return found
            case ast.BoolOp(values=values):
                quiet = False
                for part in values:
                    with self.silent(quiet):
                        self.value(part)
                    quiet = quiet or is_guard(part)
                return UNKNOWN
            case ast.IfExp():
                self.value(node.test)
                with self.silent(is_guard(node.test)):
                    left, right = self.value(node.body), self.value(node.orelse)
                return left if left is right else UNKNOWN
            case _:
                self._children(node)
                return UNKNOWN

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            elif not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.cmpop):
                self._children(child)

    def _named(self, name: str) -> Value:
        if name in self.env:
            return self.env[name]
        if name in self._names:
            return self._of_live(self._names[name])
        return Live(vars(builtins)[name]) if name in vars(builtins) else UNKNOWN

    def _of_live(self, thing: object) -> Value:
        kept = self._live.get(id(thing))
        if kept is None and (kept := rules.frame_of(thing)) is not None:
            self._live[id(thing)] = kept
        return kept or Live(thing)

    def _attribute(self, node: ast.Attribute, *, called: bool) -> Value:
        base = self.value(node.value)
        if isinstance(base, Frame) and base.columns is not None and node.attr in base.columns:
            return rules.series()
        found = attribute_of(base, node.attr)
        if found is None:
            by_label = rules.is_series(base) or (isinstance(base, Frame) and base.columns is None)
            if (
                called or not by_label
            ):  # index labels and unknown columns are attributes, and are rarely called
                self.claim("attribute", node, node.attr, known_names(base), owner=_owner(node.value, base))
            return UNKNOWN
        return self._of_live(found.object) if isinstance(found, Live) else rules.frame_class(found)

    def _call(self, node: ast.Call) -> Value:
        function = self.value(node.func, called=True)
        for argument in node.args:
            self._escape(
                self.value(argument.value if isinstance(argument, ast.Starred) else argument), function
            )
        for keyword in node.keywords:
            self._escape(self.value(keyword.value), function)
        self._check_keywords(node, function)
        if isinstance(node.func, ast.Attribute):
            with self.silent(True):
                owner = self.value(node.func.value)
            if isinstance(owner, Frame):
                for argument in rules.wanted_columns(node.func.attr, node):
                    self._check_columns(owner, argument)
                result = rules.frame_call(owner, node.func.attr, node)
                if result is not None:
                    return result
        library = rules.pandas()
        if library is not None and isinstance(function, Live):
            if function.object is library.DataFrame:
                return rules.constructed(node)
            if function.object is getattr(library, "read_csv", None):
                many = any(keyword.arg in ("chunksize", "iterator", None) for keyword in node.keywords)
                return UNKNOWN if many else Frame(library.DataFrame)
        return rules.frame_class(result_of(function))

    def _check_keywords(self, node: ast.Call, function: Value) -> None:
        takes = keywords_of(function)
        if takes is None or any(keyword.arg is None for keyword in node.keywords):
            return
        for keyword in node.keywords:
            if keyword.arg not in takes:
                self.claim("keyword", keyword.value, str(keyword.arg), takes, owner=ast.unparse(node.func))

    def _escape(self, value: Value, function: Value) -> None:
        """A frame that is passed to a function that is not a library's may come back changed."""
        match function:
            case Live(thing) if is_trusted(thing) or _is_builtin(thing):
                return
            case Method(function=thing) if is_trusted(thing):
                return
            case Frame():
                return
            case _:
                self.forget(value)

    @staticmethod
    def forget(value: Value) -> None:
        """The columns of a frame are no longer known."""
        if isinstance(value, Frame):
            value.columns = None

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        self.value(node.slice)
        if not isinstance(base, Frame):
            return UNKNOWN
        self._check_columns(base, node.slice)
        return rules.taken(base, node.slice)

    def _check_columns(self, frame: Frame, index: ast.expr) -> None:
        if frame.columns is None:
            return
        for name in constants(index) or ():
            if name not in frame.columns:
                self.claim("column", index, name, frame.columns)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Value:
        names = [name for generator in node.generators for name in stored_in(generator.target)]
        guarded = any(is_guard(test) for generator in node.generators for test in generator.ifs)
        self.value(node.generators[0].iter)
        with self.scope(names), self.silent(guarded):
            self._children(node)
        kinds: dict[type, type] = {ast.ListComp: list, ast.SetComp: set, ast.DictComp: dict}
        return Instance(kinds[type(node)]) if type(node) in kinds else UNKNOWN

    # -- small --

    def unknown(self, *names: str) -> None:
        """From here on nothing is known of these names."""
        self.env.update(dict.fromkeys(names, UNKNOWN))

    @contextmanager
    def scope(self, names: Sequence[str]) -> Iterator[None]:
        """A scope of its own, in which nothing is known of `names`."""
        before = dict(self.env)
        self.unknown(*names)
        yield
        self.env = before

    @contextmanager
    def silent(self, on: bool) -> Iterator[None]:
        """While `on`, nothing is claimed."""
        self._quiet += on
        yield
        self._quiet -= on

    def claim(
        self, kind: str, node: Any, name: str, known: Any, *, owner: str = "", module: str = ""
    ) -> None:
        """Record a finding, with the nearest of the `known` names."""
        if self._quiet:
            return
        near = tuple(difflib.get_close_matches(name, sorted(map(str, known)), 3, _NEAR))
        self.findings.append(CodeFinding(kind, node.lineno, name, owner or module, near))


def parameters(arguments: ast.arguments) -> list[str]:
    """The names of all parameters."""
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return [argument.arg for argument in every if argument is not None]


def stored_in(node: ast.AST) -> list[str]:
    """Every name that a piece of code binds or deletes."""
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            found.append(inner.id)
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(inner.name)
        elif isinstance(inner, ast.alias):
            found.append(inner.asname or inner.name.partition(".")[0])
        elif isinstance(inner, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and inner.name:
            found.append(inner.name)
        elif isinstance(inner, ast.MatchMapping) and inner.rest:
            found.append(inner.rest)
    return found


def is_guard(test: ast.expr) -> bool:
    """Whether a test asks what there is: `hasattr(x, …)`, `"a" in df`, `isinstance(x, …)`."""
    for inner in ast.walk(test):
        if isinstance(inner, ast.Call) and name_of(inner.func) in _GUARDS:
            return True
        if isinstance(inner, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in inner.ops):
            return True
    return False


def name_of(node: ast.expr) -> str:
    """The last name of a call, name or attribute."""
    match node:
        case ast.Call(func=function):
            return name_of(function)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _owner(node: ast.expr, value: Value) -> str:
    """How a finding names what lacks the attribute."""
    text = ast.unparse(node)
    if len(text) <= 40:
        return text
    match value:
        case Live(thing):
            cls = plain_class(thing) or type(thing)
            return cls.__name__ if type(cls.__name__) is str else "it"
        case Instance(cls) | Frame(cls=cls):
            return str(cls.__name__)
        case _:
            return "it"


def _is_builtin(thing: object) -> bool:
    return any(
        thing is known
        for known in (len, print, list, sorted, type, id, repr, str, isinstance, enumerate, zip)
    )
