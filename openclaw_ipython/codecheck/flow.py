"""The statements of a cell in order: what each name is, and where an attribute, column or keyword is proven absent.

Unknown in, unknown out: where branches differ, in loops, behind calls of functions that are not a library's, nothing is
claimed. Inside `try` with handlers and behind tests such as `hasattr`, nothing is claimed either.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from openclaw_ipython.codecheck import frames as rules
from openclaw_ipython.codecheck.expressions import Expressions, is_guard, name_of, parameters, stored_in
from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Value
from openclaw_ipython.codecheck.static_lookup import (
    is_a,
    module_dict,
    module_exists,
    module_lacks,
    unloaded_lacks,
)

if TYPE_CHECKING:
    from openclaw_ipython.codecheck.finding import CodeFinding

_QUIET_MANAGERS = {"suppress", "raises"}


class Flow(Expressions):
    """One walk over a cell."""

    def __init__(self, names: Mapping[str, Any], tree: ast.Module) -> None:
        super().__init__(names)
        self._later: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
        self._stored = {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self._tree = tree

    def run(self) -> list[CodeFinding]:
        """Every finding, in the order of the text."""
        self._block(self._tree.body)
        while (
            self._later
        ):  # bodies run when they are called: after the cell has defined and stored everything
            node = self._later.pop(0)
            self.env = dict.fromkeys(self._stored, UNKNOWN)
            if not isinstance(node, ast.ClassDef):
                self.unknown(*parameters(node.args))
            self._block(node.body)
        unique = {(f.line, f.kind, f.name): f for f in self.findings}
        return sorted(unique.values(), key=lambda finding: finding.line)

    # -- statements --

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:  # noqa: PLR0912, PLR0915 - one case a kind of statement
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self._store(target, found, value)
            case ast.AnnAssign(target=target, value=given):
                self._store(target, self.value(given) if given is not None else UNKNOWN, given)
            case ast.AugAssign(target=target, value=value):
                self.value(value)
                if isinstance(target, ast.Subscript | ast.Attribute):
                    self.value(target)
                else:
                    self.unknown(target.id)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for expression in [
                    *node.decorator_list,
                    *node.args.defaults,
                    *filter(None, node.args.kw_defaults),
                ]:
                    self.value(expression)
                self.unknown(node.name)
                self._later.append(node)
            case ast.ClassDef():
                for expression in [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]:
                    self.value(expression)
                self.unknown(node.name)
                self._later.append(node)
            case ast.Import(names=aliases):
                self._import(aliases)
            case ast.ImportFrom():
                self._import_from(node)
            case ast.For() | ast.AsyncFor():
                self.value(node.iter)
                self._loop([node.target], [*node.body, *node.orelse])
            case ast.While():
                self._loop([node.test], [*node.body, *node.orelse], node.test)
            case ast.If():
                self.value(node.test)
                with self.silent(is_guard(node.test)):
                    self._branches(node.body, node.orelse)
            case ast.Try() | ast.TryStar():
                with self.silent(bool(node.handlers)):
                    self._branches(node.body, [])
                with self.silent(True):
                    self._branches(*(handler.body for handler in node.handlers), [])
                self._block(node.orelse)
                self._block(node.finalbody)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self._store(item.optional_vars, UNKNOWN, None)
                with self.silent(any(name_of(item.context_expr) in _QUIET_MANAGERS for item in node.items)):
                    self._block(node.body)
            case ast.Match():
                self.value(node.subject)
                with self.silent(True):
                    self._branches(*(case.body for case in node.cases), [])
                self.unknown(*stored_in(node))
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript) and isinstance(
                        base := self.value(target.value), Frame
                    ):
                        base.columns = None
                    self.unknown(*stored_in(target))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.unknown(*names)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)

    def _branches(self, *bodies: Sequence[ast.stmt]) -> None:
        before, after = dict(self.env), []
        for body in bodies:
            self.env = dict(before)
            self._block(body)
            after.append(self.env)
        names = set().union(*after) if after else set()
        self.env = {
            n: after[0].get(n, UNKNOWN) for n in names if all(e.get(n) is after[0].get(n) for e in after)
        } | {n: UNKNOWN for n in names if any(e.get(n) is not after[0].get(n) for e in after)}

    def _loop(
        self, targets: Sequence[ast.expr], body: Sequence[ast.stmt], test: ast.expr | None = None
    ) -> None:
        for part in body:
            self.unknown(*stored_in(part))
            for inner in ast.walk(part):  # a frame that the loop stores into may have any column
                if isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    with self.silent(True):
                        self.forget(self.value(inner.value))
        if test is not None:
            self.value(test)
        else:
            self.unknown(*(name for target in targets for name in stored_in(target)))
        with self.silent(test is not None and is_guard(test)):
            self._block(body)
        for part in body:
            self.unknown(*stored_in(part))

    def _store(self, target: ast.expr, value: Value, source: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                self.env[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                values = self._unpacked(value, source, len(parts))
                for part, found in zip(parts, values, strict=True):
                    self._store(part, found, None)
            case ast.Starred(value=inner):
                self._store(inner, UNKNOWN, None)
            case ast.Subscript(value=base, slice=index):
                owner = self.value(base)
                self.value(index)
                if isinstance(owner, Frame):
                    rules.store(owner, index)
                if isinstance(base, ast.Attribute) and base.attr in ("loc", "at"):
                    with self.silent(True):
                        located = self.value(base.value)
                    if isinstance(located, Frame):
                        rules.store_at(located, index)
            case ast.Attribute(value=base):
                self.forget(self.value(base))
                if isinstance(base, ast.Name):
                    self.unknown(base.id)
            case _:
                pass

    def _unpacked(self, value: Value, source: ast.expr | None, count: int) -> list[Value]:
        if isinstance(source, ast.Tuple) and len(source.elts) == count:
            with self.silent(True):
                return [self.value(part) for part in source.elts]
        if isinstance(source, ast.Call) and count == 2 and self._is_subplots(source):
            return [*self._figure_and_axes(source)]
        return [UNKNOWN] * count

    def _is_subplots(self, node: ast.Call) -> bool:
        pyplot = sys.modules.get("matplotlib.pyplot")
        with self.silent(True):
            function = self.value(node.func)
        return pyplot is not None and isinstance(function, Live) and function.object is pyplot.subplots

    def _figure_and_axes(self, node: ast.Call) -> tuple[Value, Value]:
        figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
        axes = getattr(sys.modules.get("matplotlib.axes"), "Axes", None)
        many = node.args or any(k.arg in (None, "nrows", "ncols", "squeeze") for k in node.keywords)
        return (
            Instance(figure) if figure is not None else UNKNOWN,
            Instance(axes) if axes is not None and not many else UNKNOWN,
        )

    # -- imports --

    def _import(self, aliases: Sequence[ast.alias]) -> None:
        for alias in aliases:
            if not module_exists(alias.name):
                self.claim("module", alias, alias.name, (), module=alias.name)
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            module = sys.modules.get(bound)
            self.env[alias.asname or bound] = (
                Live(module) if module is not None and is_a(module, ModuleType) else UNKNOWN
            )
            if not alias.asname and "." in alias.name and alias.name not in sys.modules:
                self.env[bound] = UNKNOWN  # the import adds a submodule

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not module:
            self.unknown(*(alias.asname or alias.name for alias in node.names))
            return
        if not module_exists(module):
            self.claim("module", node, module, (), module=module)
            self.unknown(*(alias.asname or alias.name for alias in node.names))
            return
        loaded = sys.modules.get(module)
        for alias in node.names:
            if alias.name == "*":
                continue
            found: Value = UNKNOWN
            if loaded is not None and is_a(loaded, ModuleType):
                if alias.name in module_dict(loaded):
                    found = Live(module_dict(loaded)[alias.name])
                elif module_lacks(loaded, alias.name):
                    self.claim("attribute", node, alias.name, set(module_dict(loaded)), owner=module)
            elif unloaded_lacks(module, alias.name):
                self.claim("attribute", node, alias.name, (), owner=module)
            self.env[alias.asname or alias.name] = found
