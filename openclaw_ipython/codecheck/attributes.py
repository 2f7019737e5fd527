"""Attributes, calls and keywords of values: what is proven absent, and what a call returns where it is declared."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import re
import sys
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from openclaw_ipython.codecheck.inferred import UNKNOWN, Frame, Instance, Live, Method, Value
from openclaw_ipython.codecheck.static_lookup import (
    MISSING,
    class_dict,
    class_names,
    find_in_class,
    functions_in,
    instance_dict,
    is_a,
    is_dynamic,
    is_labelled,
    is_trusted,
    module_dict,
    module_lacks,
    mro,
    names_of,
    plain_class,
    words_of,
)

_TO_STRING = (
    "capitalize casefold center expandtabs format join ljust lower lstrip replace rjust rstrip strip swapcase title"
    " translate upper zfill removeprefix removesuffix"
)
_RESULTS: dict[type, dict[str, type]] = {
    str: dict.fromkeys(_TO_STRING.split(), str) | {"split": list, "splitlines": list, "encode": bytes},
    bytes: {"decode": str, "hex": str, "split": list},
    dict: {"copy": dict},
    list: {"copy": list},
    set: {"copy": set, "union": set, "intersection": set, "difference": set},
}
_OF_INSTANCE_ONLY = {
    "__dict__",
    "__class__",
    "__doc__",
    "__module__",
    "__weakref__",
    "__slots__",
    "__annotations__",
}


def attribute_of(value: Value, name: str) -> Value | None:
    """The attribute `name` of a value; None where it is proven that there is none."""
    if name in _OF_INSTANCE_ONLY:
        return UNKNOWN
    match value:
        case Live(thing) if is_a(thing, ModuleType):
            names = module_dict(thing)
            if name in names:
                return Live(names[name])
            return None if module_lacks(thing, name) else UNKNOWN
        case Live(thing) if (cls := plain_class(thing)) is not None:
            return _of_class(cls, name)
        case Live(thing):
            own = instance_dict(thing)
            if name in own:
                return Live(own[name])
            return _of_instance(type(thing), name, value)
        case Instance(cls):
            return _of_instance(cls, name, value)
        case Frame(cls=cls):
            return _of_instance(cls, name, value)
        case Method(function=function) if type(function) is FunctionType:
            return UNKNOWN if hasattr_static(FunctionType, name) or name in function.__dict__ else None
        case _:
            return UNKNOWN


def hasattr_static(cls: type, name: str) -> bool:
    """Whether a class or one of its bases defines `name`."""
    return find_in_class(cls, name) is not MISSING


def _of_class(cls: type, name: str) -> Value | None:
    found = find_in_class(cls, name)
    if found is MISSING:
        known = hasattr_static(type(cls), name) or is_dynamic(type(cls)) or name in words_of(type(cls))
        annotated = any(name in (class_dict(base).get("__annotations__") or ()) for base in mro(cls))
        return UNKNOWN if known or annotated else None
    if type(found) in (staticmethod, FunctionType):
        return Method(next(functions_in(found), None), None, name)
    if type(found) is classmethod:
        return Method(next(functions_in(found), None), Live(cls), name)
    return UNKNOWN if hasattr_static(type(found), "__get__") else Live(found)


def _of_instance(cls: type, name: str, owner: Value) -> Value | None:
    found = find_in_class(cls, name)
    if found is MISSING:
        dynamic = is_dynamic(cls) and not is_labelled(
            cls
        )  # pandas's own `__getattr__` knows labels, which are checked
        sets_any = isinstance(owner, Instance) and "setattr" in words_of(cls) and not is_trusted(cls)
        return UNKNOWN if dynamic or sets_any or name in words_of(cls) else None
    kind = type(found)
    if kind is FunctionType:
        return Method(found, owner, name)
    if kind is staticmethod:
        return Method(next(functions_in(found), None), None, name)
    if kind is classmethod:
        return Method(next(functions_in(found), None), Live(cls), name)
    if kind in (property, functools.cached_property):
        getter = next(functions_in(found), None)
        return declared_result(getter, cls) if is_trusted(getter) else UNKNOWN
    accessor = instance_dict(found).get("_accessor") if is_trusted(kind) else None
    if accessor is not None and plain_class(accessor) is not None:  # `Series.str`, `Series.dt`
        return Instance(accessor)
    if name in _RESULTS.get(cls, {}):
        return Method(found, owner, name)
    return UNKNOWN if hasattr_static(kind, "__get__") else Live(found)


def known_names(value: Value) -> set[str]:
    """Every name that could be meant instead of a wrong one."""
    match value:
        case Live(thing):
            return names_of(thing)
        case Instance(cls):
            return class_names(cls)
        case Frame(cls=cls, columns=columns):
            return class_names(cls) | (columns or set())
        case _:
            return set()


# -- calls ----------------------------------------------------------------------------------


def result_of(function: Value) -> Value:
    """What calling a value gives, where the class or an annotation says so."""
    match function:
        case Live(thing) if (cls := plain_class(thing)) is not None:
            plain = find_in_class(type(cls), "__call__") is type.__dict__["__call__"]
            return Instance(cls) if plain and cls is not type else UNKNOWN
        case Live(thing) if type(thing) is FunctionType:
            return declared_result(thing, None)
        case Method(name=name, owner=Instance(cls)) if name in _RESULTS.get(cls, {}):
            return Instance(_RESULTS[cls][name])
        case Method(name=name, owner=Live(thing)) if name in _RESULTS.get(type(thing), {}):
            return Instance(_RESULTS[type(thing)][name])
        case Method(function=thing, owner=owner) if type(thing) is FunctionType:
            return declared_result(thing, _class_of(owner))
        case _:
            return UNKNOWN


def _class_of(value: Value | None) -> type | None:
    match value:
        case Live(thing):
            return plain_class(thing) or type(thing)
        case Instance(cls) | Frame(cls=cls):
            return cls
        case _:
            return None


def declared_result(function: FunctionType | None, own: type | None) -> Value:
    """The class that a function's return annotation names. The annotation is never evaluated."""
    if function is None or not (is_trusted(function) or sys.version_info < (3, 14)):
        return UNKNOWN  # later Pythons evaluate the annotations when they are read
    annotation = function.__annotations__.get("return", MISSING)
    if (cls := plain_class(annotation)) is not None:
        return UNKNOWN if cls in (type, object) or annotation is Any else Instance(cls)
    if type(annotation) is not str:
        return UNKNOWN
    names = [part.strip() for part in annotation.split("|") if part.strip() != "None"]
    if len(names) != 1 or not re.fullmatch(r"[A-Za-z_][\w.]*", names[0]):
        return UNKNOWN
    if names[0] == "Self" and own is not None:
        return Instance(own)
    found: Any = function.__globals__
    for index, part in enumerate(names[0].split(".")):
        found = found.get(part, MISSING) if index == 0 else names_in(found).get(part, MISSING)
    if found is MISSING:
        found = getattr(builtins, names[0], None) or _of_library(function, names[0])
    cls = plain_class(found)
    return UNKNOWN if cls is None or cls in (type, object, Any) else Instance(cls)


def names_in(value: object) -> Any:
    """The names of a module; nothing for anything else."""
    return module_dict(value) if is_a(value, ModuleType) else {}  # type: ignore[arg-type]


def _of_library(function: FunctionType, name: str) -> object:
    library = sys.modules.get(function.__module__.partition(".")[0])
    return names_in(library).get(name) if library is not None else None


# -- keywords -------------------------------------------------------------------------------


def keywords_of(function: Value) -> set[str] | None:
    """The keyword arguments that a callable takes; None where any may be taken or nothing is known."""
    match function:
        case Live(thing) if (cls := plain_class(thing)) is not None:
            return _constructor_keywords(cls)
        case Live(thing) if type(thing) is functools.partial:
            return keywords_of(Live(thing.func))
        case Live(thing) | Method(function=thing) if type(thing) is FunctionType:
            return _function_keywords(thing)
        case Live(thing) if type(thing) is not BuiltinFunctionType:
            wrapped = instance_dict(thing).get("__wrapped__") or _implementation(thing)
            return (
                _function_keywords(wrapped) if type(wrapped) is FunctionType and is_trusted(wrapped) else None
            )
        case _:
            return None


def _implementation(thing: object) -> object:
    """The function behind one of numpy's dispatchers."""
    if (
        class_dict(type(thing)).get("__module__") != "numpy"
        or type(thing).__name__ != "_ArrayFunctionDispatcher"
    ):
        return None
    return thing._implementation  # type: ignore[attr-defined]  # numpy's own descriptor, in C


def _constructor_keywords(cls: type) -> set[str] | None:
    if find_in_class(type(cls), "__call__") is not type.__dict__["__call__"]:
        return None
    makes, starts = find_in_class(cls, "__new__"), find_in_class(cls, "__init__")
    own_new = makes is not object.__dict__["__new__"]
    if own_new and type(starts) is FunctionType:
        return None
    maker = next(functions_in(makes), None) if own_new else starts
    return _function_keywords(maker, bound=True) if type(maker) is FunctionType else None


def _function_keywords(function: FunctionType, *, bound: bool = False) -> set[str] | None:
    names = function.__dict__
    if "__signature__" in names:
        return None
    wrapped = names.get("__wrapped__")
    if wrapped is not None:
        return _function_keywords(wrapped) if is_trusted(function) and type(wrapped) is FunctionType else None
    code = function.__code__
    if code.co_flags & inspect.CO_VARKEYWORDS:
        return None
    every = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return set(every[code.co_posonlyargcount + int(bound and code.co_posonlyargcount == 0) :])


def constant(node: ast.AST | None) -> Any:
    """The value of a literal, or `MISSING`."""
    return node.value if isinstance(node, ast.Constant) else MISSING


def constants(node: ast.AST | None) -> list[str] | None:
    """The strings of a literal string, list or tuple of strings; None for anything else."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        found = [constant(item) for item in node.elts]
    else:
        found = [constant(node)]
    return [item for item in found if type(item) is str] if all(type(item) is str for item in found) else None


def keyword_argument(node: ast.Call, names: Iterable[str], position: int | None = None) -> ast.expr | None:
    """The argument given under one of `names`, or at `position`."""
    wanted = set(names)
    for keyword in node.keywords:
        if keyword.arg in wanted:
            return keyword.value
    return node.args[position] if position is not None and len(node.args) > position else None
