"""Functions and classes that the cell itself defines: the keywords that they take, the attributes that objects have."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from openclaw_ipython.codecheck import static_lookup as static
from openclaw_ipython.codecheck.inferred import UNKNOWN, Definition, Live, Value
from openclaw_ipython.codecheck.syntax import bound, last_name

_ANY_NAME = static.word_set(
    "__getattr__ __getattribute__ __setattr__ setattr __dict__ vars __new__ __class_getitem__ locals"
)
_KEEPING = static.word_set("dataclass total_ordering final unique")  # decorators that return the class itself
_OF_NAMED_TUPLES = static.word_set("_asdict _replace _fields _make _field_defaults")


def function(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool = False) -> Definition:
    """A function of the cell. The keywords of a decorated one are not known."""
    arguments = node.args
    names = [each.arg for each in [*arguments.args, *arguments.kwonlyargs]]
    if node.decorator_list or arguments.kwarg is not None:
        return Definition(node)
    return Definition(node, frozenset(names[1:] if method and not arguments.posonlyargs else names))


def class_of(node: ast.ClassDef, bases: Sequence[Value]) -> Definition:
    """A class of the cell. Its names are known if those of its bases are, and no code sets any other."""
    words = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    words |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} | bound(node.body)
    decorators = {last_name(each) for each in node.decorator_list}
    if words & _ANY_NAME or not decorators <= _KEEPING or node.keywords:
        return Definition(node)
    defs = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    functions = {part.name: part for part in defs}
    stored = (each for each in ast.walk(node) if isinstance(each, ast.Attribute))
    own = {each.attr for each in stored if not isinstance(each.ctx, ast.Load)}
    own |= bound(part for part in node.body if part not in defs)
    names, fields = own | set(functions) | static.class_names(object) | static.class_names(type), None
    targets = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    annotated = [target.id for target in targets if isinstance(target, ast.Name)]
    if "__init__" in functions:
        fields = function(functions["__init__"], method=True).keywords
    elif "dataclass" in decorators and not bases:
        fields = frozenset(annotated)
    for base in bases:
        match base:
            case Definition(names=inherited) if inherited is not None:
                names |= inherited
                fields = fields if "__init__" in functions or "dataclass" in decorators else base.keywords
            case Live(thing) if thing is static.loaded("typing", "NamedTuple"):
                names |= static.class_names(tuple) | _OF_NAMED_TUPLES
                fields = frozenset(annotated)
            case Live(thing) if thing is object:
                pass
            case _:
                return Definition(node)
    return Definition(node, fields, frozenset(names))


def methods(node: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods of a class whose first argument is the object."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    every = [part for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    other = {"staticmethod", "classmethod"}
    return [
        part for part in every if part.args.args and not other & {last_name(d) for d in part.decorator_list}
    ]


def attribute(cls: Definition, name: str) -> Value | None:
    """The method `name` of the class or its object, or None where there is proven to be no such attribute."""
    found = [part for part in methods(cls.node) if part.name == name]
    if len(found) == 1 and not found[0].decorator_list:
        return function(found[0], method=True)
    return None if cls.names is not None and name not in cls.names else UNKNOWN
