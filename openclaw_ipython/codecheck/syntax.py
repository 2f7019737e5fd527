"""Small questions about pieces of a syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from openclaw_ipython.codecheck.static_lookup import MISSING, word_set

_VERSIONS = word_set("version_info platform __version__ TYPE_CHECKING")
_GUARDS = word_set("hasattr isinstance issubclass callable getattr find_spec")


def constant(node: ast.AST | None) -> Any:
    """The value of a literal, or `MISSING`."""
    return node.value if isinstance(node, ast.Constant) else MISSING


def strings(node: ast.AST | None) -> list[str] | None:
    """The strings of a literal string, list or tuple of strings; None for anything else."""
    parts = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]
    found = [constant(part) for part in parts]
    return found if all(type(item) is str for item in found) else None


def renamed(columns: set[str] | None, mapping: ast.expr) -> set[str] | None:
    """The columns after `rename` with a literal dict; None for anything else."""
    if columns is None or not isinstance(mapping, ast.Dict):
        return None
    old, new = [constant(key) for key in mapping.keys], [constant(value) for value in mapping.values]
    return (columns - set(old)) | set(new) if all(type(name) is str for name in old + new) else None


def argument(node: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """The argument given as `name`, or at `position`."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    return node.args[position] if position is not None and len(node.args) > position else None


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters."""
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return plain + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name that pieces of code bind or delete."""
    return set(bindings(nodes))


def bindings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The name of each place where pieces of code bind or delete one, or declare one of another scope."""
    for node in nodes:
        for inner in ast.walk(node):
            match inner:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    yield name
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    yield inner.name
                case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                    yield name
                case ast.ExceptHandler(name=str(name)) | ast.MatchMapping(rest=str(name)):
                    yield name
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    yield from names
                case ast.alias(name=name, asname=alias):
                    yield alias or name.partition(".")[0]


_CHANGING = word_set("append extend insert add update setdefault appendleft extendleft pop clear")


def changed_containers(tree: ast.AST) -> set[str]:
    """The names whose objects, or parts of them, get other elements."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attr, value=base) if attr in _CHANGING:
                found.add(last_name(root(base)))
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=base) | ast.AugAssign(target=base):
                found.add(last_name(root(base)))
    return found


def is_guard(test: ast.expr) -> bool:
    """Whether a test asks what there is: `hasattr(x, …)`, `"a" in df`, `isinstance(x, …)`, `sys.platform == …`."""
    for inner in ast.walk(test):
        match inner:
            case ast.Call(func=function) if last_name(function) in _GUARDS:
                return True
            case ast.Compare(ops=ops) if any(isinstance(operator, ast.In | ast.NotIn) for operator in ops):
                return True
            case ast.Attribute(value=ast.Name(id="os"), attr="name"):
                return True
            case ast.Name() | ast.Attribute() if last_name(inner) in _VERSIONS:
                return True
    return False


def root(node: ast.expr) -> ast.expr:
    """What the attributes, subscripts and calls of an expression begin with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def last_name(node: ast.AST) -> str:
    """The last name of a call, name or attribute."""
    match node:
        case ast.Call(func=function):
            return last_name(function)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
