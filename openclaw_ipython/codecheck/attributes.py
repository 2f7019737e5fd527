"""Attributes, calls and keywords of values: what is proven absent, and what a call returns where it is declared."""

from __future__ import annotations

import builtins
import enum
import functools
import inspect
import re
import sys
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
    loaded,
    module_dict,
    module_lacks,
    mro,
    names_of,
    plain_class,
    sets_any_name,
    subclasses,
    word_set,
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
_MADE_BY = {("numpy.random", "default_rng"): ("numpy.random", "Generator")}  # functions without annotations
_RETURNS_SELF = {"fit", "set_params", "partial_fit"}  # of scikit-learn, without annotations
_OF_ANY_OBJECT = word_set(
    "__dict__ __class__ __doc__ __module__ __weakref__ __slots__ __annotations__ __name__ __qualname__"
)


def attribute_of(value: Value, name: str) -> Value | None:
    """The attribute `name` of a value; None where it is proven that there is none."""
    if name in _OF_ANY_OBJECT:
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
            return Live(own[name]) if name in own else _of_instance(type(thing), name, value)
        case Instance(cls) | Frame(cls=cls):
            return _of_instance(cls, name, value)
        case Method(function=function) if type(function) is FunctionType:
            return UNKNOWN if name in function.__dict__ or name in dir(FunctionType) else None
        case _:
            return UNKNOWN


def _of_class(cls: type, name: str) -> Value | None:
    found = find_in_class(cls, name)
    if found is MISSING:
        if type(cls) is enum.EnumType:  # its `__getattr__` finds members
            found = class_dict(cls)["_member_map_"].get(name, MISSING)
        elif is_dynamic(type(cls)):
            return UNKNOWN
    if found is MISSING:
        meta = find_in_class(type(cls), name) is not MISSING or name in words_of(type(cls))
        return UNKNOWN if meta or any(name in _annotated(base) for base in mro(cls)) else None
    if type(found) in (staticmethod, FunctionType):
        return Method(next(functions_in(found), None), None, name)
    if type(found) is classmethod:
        return Method(next(functions_in(found), None), Live(cls), name)
    return UNKNOWN if find_in_class(type(found), "__get__") is not MISSING else Live(found)


def _annotated(cls: type) -> Any:
    found = class_dict(cls).get("__annotations__")
    return found if type(found) is dict else ()


def _of_instance(cls: type, name: str, owner: Value) -> Value | None:
    found = find_in_class(cls, name)
    if found is MISSING:
        classes = [cls] if isinstance(owner, Live | Frame) or owner.exact else list(subclasses(cls))  # type: ignore[union-attr]
        return UNKNOWN if any(_may_have(each, name, owner) for each in classes) else None
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
        return Instance(accessor, exact=False)
    if name in _RESULTS.get(cls, {}):
        return Method(found, owner, name)
    return UNKNOWN if find_in_class(kind, "__get__") is not MISSING else Live(found)


def _may_have(cls: type, name: str, owner: Value) -> bool:
    """Whether an instance may have an attribute that its class does not define."""
    if find_in_class(cls, name) is not MISSING or name in words_of(cls):
        return True
    if is_dynamic(cls) and not is_labelled(cls):
        return True
    return sets_any_name(cls, after_init=isinstance(owner, Live))


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
            exact = (
                type(find_in_class(cls, "__new__")) is not staticmethod
            )  # one in Python may choose a subclass
            return Instance(cls, exact) if plain and cls is not type else UNKNOWN
        case Live(thing) if type(thing) is FunctionType:
            return declared_result(thing, None)
        case Live(thing) if is_trusted(type(thing)):
            return declared_result(next(functions_in(find_in_class(type(thing), "__call__")), None), None)
        case Live(thing):
            for (module, name), made in _MADE_BY.items():
                if module in sys.modules and module_dict(sys.modules[module]).get(name) is thing:
                    return Instance(module_dict(sys.modules[made[0]])[made[1]])
            return UNKNOWN
        case Method(function=thing, owner=owner, name=name):
            cls = _class_of(owner)
            if cls is not None and name in _RESULTS.get(cls, {}):
                return Instance(_RESULTS[cls][name])
            if cls is not None and find_in_class(cls, "_delegate_method") is not MISSING:
                return UNKNOWN  # `Series.cat`, `Series.dt`: annotated as the array they work on
            if cls is not None and name in _RETURNS_SELF and owner is not None and _is_estimator(cls):
                return owner
            return declared_result(thing, cls) if type(thing) is FunctionType else UNKNOWN
        case _:
            return UNKNOWN


def _is_estimator(cls: type) -> bool:
    module = sys.modules.get("sklearn.base")
    return module is not None and module_dict(module).get("BaseEstimator") in mro(cls)


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
    found: Any = annotation
    if type(annotation) is str:
        names = [part for each in annotation.split("|") if (part := each.strip()) != "None"]
        if len(names) != 1 or not re.fullmatch(r"[A-Za-z_][\w.]*", names[0]):
            return UNKNOWN
        found = own if names[0] == "Self" else _named(function, names[0])
    cls = plain_class(found)
    accessor = cls is not None and cls is loaded(
        "pandas.plotting", "PlotAccessor"
    )  # so pandas calls what gives axes
    return UNKNOWN if cls is None or cls in (type, object, Any) or accessor else Instance(cls, exact=False)


def _named(function: FunctionType, name: str) -> object:
    """What a dotted name is among the globals of a function, the built-ins, or the names of its library."""
    first, *rest = name.split(".")
    found = function.__globals__.get(first, vars(builtins).get(first, MISSING))
    if found is MISSING and type(function.__module__) is str:
        library = sys.modules.get(function.__module__.partition(".")[0])
        found = module_dict(library).get(first) if is_a(library, ModuleType) else None  # type: ignore[arg-type]
    for part in rest:
        found = module_dict(found).get(part) if is_a(found, ModuleType) else None
    return found


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
            known = type(wrapped) is FunctionType and is_trusted(wrapped)
            return _function_keywords(wrapped) if known else None
        case _:
            return None


def _implementation(thing: object) -> Any:
    """The function behind one of numpy's dispatchers."""
    cls = type(thing)
    dispatcher = class_dict(cls).get("__module__") == "numpy" and cls.__name__ == "_ArrayFunctionDispatcher"
    return thing._implementation if dispatcher else None  # type: ignore[attr-defined]  # numpy's own, in C


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
