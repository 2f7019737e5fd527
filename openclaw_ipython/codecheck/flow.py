"""The statements of a cell in order: what each name is, and where an attribute, column or keyword is proven absent.

Unknown in, unknown out: where branches differ, in loops, behind calls of functions that are not a library's, nothing is
claimed. Inside `try` with handlers and behind tests such as `hasattr`, nothing is claimed either.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from openclaw_ipython.codecheck import call_results as results
from openclaw_ipython.codecheck import definitions
from openclaw_ipython.codecheck import static_lookup as static
from openclaw_ipython.codecheck.expressions import Expressions
from openclaw_ipython.codecheck.inferred import UNKNOWN, Definition, Frame, Live, Made, Value
from openclaw_ipython.codecheck.syntax import (
    bindings,
    bound,
    changed_containers,
    is_guard,
    last_name,
    parameters,
)

if TYPE_CHECKING:
    from openclaw_ipython.codecheck.finding import CodeFinding

_QUIET_MANAGERS = {"suppress", "raises"}


class Flow(Expressions):
    """One walk over a cell."""

    def __init__(self, names: Mapping[str, Any], tree: ast.Module) -> None:
        super().__init__(names)
        self._later: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, Value, bool]] = []
        self._tree = tree
        self._changed = changed_containers(tree)
        self._class: Value = UNKNOWN  # an object of the class whose body is read
        self._conditional = 0  # branches around the statement: a module imported in one may be optional

    def run(self) -> list[CodeFinding]:
        """Every finding, in the order of the text."""
        self._block(self._tree.body)
        times = Counter(bindings([self._tree]))
        # What is bound once, and is no frame that may change, is the same whenever a body runs.
        once = ((name, value) for name, value in self.env.items() if times[name] == 1)
        known: dict[str, Value] = {name: value for name, value in once if not isinstance(value, Frame)}
        # Bodies run when they are called: after the cell has defined and stored everything.
        while self._later:
            node, first, quiet = self._later.pop(0)
            self.env = dict.fromkeys(times, UNKNOWN) | known
            if isinstance(node, ast.ClassDef):
                self._class = self._complete(self.env.get(node.name, UNKNOWN))
            else:
                self.unknown(each.arg for each in parameters(node.args))
                self.env.update({each.arg: first for each in node.args.args[:1] if first is not UNKNOWN})
            self._conditional += 1  # its imports may never run
            with self.silent(quiet):
                self._block(node.body)
            self._conditional -= 1
            self._class = UNKNOWN
        unique = {(f.line, f.kind, f.name): f for f in self.findings}
        return sorted(unique.values(), key=lambda finding: finding.line)

    def _complete(self, cls: Value) -> Value:
        """An object of a class that the cell defines, if it makes some and derives no class of it."""
        if not isinstance(cls, Definition) or not isinstance(cls.node, ast.ClassDef):
            return UNKNOWN
        nodes = list(ast.walk(self._tree))
        made = any(isinstance(node, ast.Call) and last_name(node) == cls.node.name for node in nodes)
        bases = [base for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases]
        return Made(cls) if made and cls.node.name not in map(last_name, bases) else UNKNOWN

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:  # noqa: PLR0912, PLR0915 - one case a kind of statement
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self.store(target, found)
            case ast.AnnAssign(target=target, value=given):
                self.store(target, self.value(given) if given is not None else UNKNOWN)
            case ast.AugAssign(target=target, value=value):
                self.value(value)
                if isinstance(target, ast.Subscript | ast.Attribute):
                    self.value(target)
                else:
                    self.unknown([target.id])
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                hints = [node.returns, *(each.annotation for each in parameters(node.args))]
                for part in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, *hints]:
                    if part is not None:
                        self.value(part)
                self._define(node)
            case ast.ClassDef():
                for part in [*node.decorator_list, *(keyword.value for keyword in node.keywords)]:
                    self.value(part)
                self._define(node)
            case ast.Import(names=aliases):
                self._import(aliases)
            case ast.ImportFrom():
                self._import_from(node)
            case ast.For() | ast.AsyncFor():
                found = self.value(node.iter)
                self._loop([*node.body, *node.orelse], node.target, self._seen(results.item_of(found)))
            case ast.While():
                self._loop([*node.body, *node.orelse], node.test)
            case ast.If():
                self.value(node.test)
                self._conditional += 1
                with self.silent(is_guard(node.test)):
                    self._branches(node.body, node.orelse)
                self._conditional -= 1
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
                        self.store(item.optional_vars, UNKNOWN)
                with self.silent(any(last_name(item.context_expr) in _QUIET_MANAGERS for item in node.items)):
                    self._block(node.body)
            case ast.Match():
                self.value(node.subject)
                with self.silent(True):
                    self._branches(*(case.body for case in node.cases), [])
                self.unknown(bound([node]))
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript):
                        self.forget(self.value(target.value))
                self.unknown(bound(targets))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self.unknown(names)
            case _:
                self._children(node)

    def _branches(self, *bodies: Sequence[ast.stmt]) -> None:
        before, after = dict(self.env), []
        for body in bodies:
            self.env = dict(before)
            self._block(body)
            after.append(self.env)
        self.env = {}
        for name in set().union(*after):
            first, *others = (env.get(name, UNKNOWN) for env in after)
            self.env[name] = first if all(other is first for other in others) else UNKNOWN

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        first: Value = UNKNOWN
        if isinstance(node, ast.ClassDef):
            self.env[node.name] = definitions.class_of(node, [self.value(base) for base in node.bases])
        else:
            self.env[node.name] = definitions.function(node)
            if isinstance(self._class, Made) and node in definitions.methods(self._class.cls.node):
                first = self._class
        self._later.append((node, first, self._quiet > 0))

    def _loop(self, body: Sequence[ast.stmt], head: ast.expr, item: Value = UNKNOWN) -> None:
        """A loop with the target, or test, `head`. What it stores is unknown in it, as a later turn may change it."""
        self.unknown(bound(body))
        for part in body:
            for inner in ast.walk(part):  # a frame that the loop stores into may have any column
                if isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store):
                    with self.silent(True):
                        self.forget(self.value(inner.value))
        targets = bound([head])
        if targets:
            self.store(head, item)
        else:
            self.value(head)
        with self.silent(is_guard(head)):
            self._block(body)
        self.unknown(bound(body))

    def _import(self, aliases: Sequence[ast.alias]) -> None:
        for alias in aliases:
            if not static.module_exists(alias.name) and not self._conditional:
                self.claim("module", alias, alias.name, _modules_near(alias.name))
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            module = sys.modules.get(name) if alias.asname or alias.name in sys.modules else None
            # Importing a submodule that is not loaded adds a name to its package.
            known = module is not None and static.is_a(module, ModuleType)
            self.env[alias.asname or name] = Live(module) if known else UNKNOWN

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        names = [alias for alias in node.names if alias.name != "*"]
        self.unknown(alias.asname or alias.name for alias in names)
        if node.level or not module:
            return
        if not static.module_exists(module):
            if not self._conditional:
                self.claim("module", node, module, _modules_near(module))
            return
        found = sys.modules.get(module)
        for alias in names:
            if found is None:
                if static.unloaded_lacks(module, alias.name):
                    self.claim("attribute", node, alias.name, static.unloaded_words(module), owner=module)
            elif static.is_a(found, ModuleType):
                if alias.name in static.module_dict(found):
                    self.env[alias.asname or alias.name] = Live(static.module_dict(found)[alias.name])
                elif static.module_lacks(found, alias.name):
                    self.claim("attribute", node, alias.name, set(static.module_dict(found)), owner=module)


def _modules_near(name: str) -> set[str]:
    """The loaded modules beside a module of this name."""
    return {each for each in list(sys.modules) if each.count(".") == name.count(".")}
