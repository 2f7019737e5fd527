"""Static look-ups in live objects. No code of the user runs: no property, `__getattr__`, `__eq__` or `__class__`.

Every function reads C-level structures only: the type of an object, the dictionaries of its classes, its instance
dictionary through the descriptor of the type. `isinstance` and `getattr` would run user code and are not used on live
objects.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from opcode import opmap
from pathlib import Path
from threading import local
from typing import Any, Final
from weakref import CallableProxyType, ProxyType


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


MISSING: Final = object()
_DICT: Any = type.__dict__["__dict__"]
_MRO: Any = type.__dict__["__mro__"]
_MODULE_DICT: Any = types.ModuleType.__dict__["__dict__"]  # type: ignore[index]
_TRUSTED = word_set("matplotlib numpy pandas polars scipy sklearn seaborn")
_LABELLED = word_set("NDFrame GroupBy BaseWindow Resampler DataFrame LazyFrame Series Expr _forward_getattr")
_NAMING = {"setattr", "__dict__", "__setattr__", "vars"}
_FORWARDING = (super, types.MethodType, types.GenericAlias, ProxyType, CallableProxyType, local)  # in C
_KEPT_CLASSES = 512
_words: dict[int, tuple[type, frozenset[str]]] = {}


def mro(cls: type) -> tuple[type, ...]:
    """The method resolution order, whatever the metaclass defines."""
    found: tuple[type, ...] = _MRO.__get__(cls)
    return found


def class_dict(cls: type) -> Mapping[str, Any]:
    """The dictionary of one class."""
    found: Mapping[str, Any] = _DICT.__get__(cls)
    return found


def module_of(cls: type) -> str:
    """The name of the module of a class; empty where it is not a plain string."""
    own = class_dict(cls).get("__module__", MISSING)
    found = type.__dict__["__module__"].__get__(cls) if own is MISSING else own  # of a class in C
    return found if type(found) is str else ""


def is_a(value: object, cls: type) -> bool:
    """`isinstance` by the C-level type alone."""
    return any(base is cls for base in mro(type(value)))


def one_of(cls: object, *kinds: object) -> bool:
    """Whether a class is one of several. `in` would call the `__eq__` of its metaclass."""
    return any(cls is kind for kind in kinds)


def class_name(cls: type) -> str:
    """The name of a class, whatever its metaclass defines."""
    return str(type.__dict__["__name__"].__get__(cls))


def find_in_class(cls: type, name: str) -> Any:
    """The raw attribute `name` of a class or its bases, or `MISSING`."""
    for base in mro(cls):
        if (found := class_dict(base).get(name, MISSING)) is not MISSING:
            return found
    return MISSING


def is_dynamic(cls: type) -> bool:
    """Whether instances may have attributes that no dictionary holds."""
    if any(one_of(base, *_FORWARDING) or "__getattr__" in class_dict(base) for base in mro(cls)):
        return True
    return type(find_in_class(cls, "__getattribute__")) is not types.WrapperDescriptorType


def is_labelled(cls: type) -> bool:
    """Whether the `__getattr__` of a class is one of pandas or polars, which finds columns and index labels only."""
    found = find_in_class(cls, "__getattr__")
    known = type(found) is types.FunctionType and found.__qualname__.partition(".")[0] in _LABELLED
    return known and is_trusted(found) and is_trusted(cls)


def subclasses(cls: type) -> Iterator[type]:
    """Every loaded subclass of a class, itself first."""
    yield cls
    for each in type.__dict__["__subclasses__"](cls):
        yield from subclasses(each)


def instance_dict(value: object) -> Mapping[str, Any]:
    """The attributes of one instance; empty where it has none."""
    for base in mro(type(value)):
        descriptor: Any = class_dict(base).get("__dict__")
        if one_of(type(descriptor), types.GetSetDescriptorType, types.MemberDescriptorType):
            try:
                found = descriptor.__get__(value)
            except (AttributeError, TypeError):
                return {}
            return found if type(found) is dict else {}
    return {}


def module_dict(module: types.ModuleType) -> Mapping[str, Any]:
    """The names of a module."""
    found: Mapping[str, Any] = _MODULE_DICT.__get__(module)
    return found


def loaded(module: str, name: str) -> Any:
    """What a loaded module has under `name`; None without it."""
    found = sys.modules.get(module)
    return module_dict(found).get(name) if is_a(found, types.ModuleType) else None  # type: ignore[arg-type]


def plain_class(value: object) -> type | None:
    """`value` if it is a class."""
    return value if is_a(value, type) else None  # type: ignore[return-value]


def names_of(value: object) -> set[str]:
    """The attribute names of a live object that can be read without running anything."""
    if is_a(value, types.ModuleType):
        return set(module_dict(value))  # type: ignore[arg-type]
    if (cls := plain_class(value)) is not None:
        return class_names(cls) | class_names(type(cls))
    return class_names(type(value)) | set(instance_dict(value))


def class_names(cls: type) -> set[str]:
    """The attribute names that a class and its bases define, declare or set in their methods."""
    return set().union(*map(class_dict, mro(cls))) | _words_in(cls, _stored)


def _words_in(cls: type, words: Callable[[types.CodeType], set[str]]) -> set[str]:
    """What a class and its bases declare, and the `words` of the code of each method."""
    found: set[str] = set()
    for base in mro(cls):
        found |= declared_names(base)
        for value in class_dict(base).values():
            for function in functions_in(value):
                found |= words(function.__code__)
    return found


def words_of(cls: type) -> frozenset[str]:
    """Every word that the code of a class could set as an attribute: names and string constants of its methods,
    annotations and slots. A name that is not among them is never set by the class itself."""
    kept = _words.get(id(cls))
    if kept is not None and kept[0] is cls:
        return kept[1]
    # Of pandas and polars it is known that no other code sets attributes.
    found = _words_in(cls, _stored if is_labelled(cls) else _code_words)
    if len(_words) >= _KEPT_CLASSES:
        _words.clear()
    _words[id(cls)] = (cls, frozenset(found))
    return _words[id(cls)][1]


def declared_names(cls: type) -> set[str]:
    """The names in the annotations, slots and patterns of one class."""
    found: set[str] = set()
    for key in ("__annotations__", "__slots__", "__match_args__"):
        value: Any = class_dict(cls).get(key)
        words = value if one_of(type(value), dict, tuple, list) else ()
        found |= {word for word in words if type(word) is str}
    return found


def sets_any_name(cls: type, *, after_init: bool = False) -> bool:
    """Whether methods of a class (with `after_init`: others than `__init__`) set attributes by any name.

    An `__init__` compiled by Cython may, and so may a `__setattr__` that writes into `__dict__`.
    """
    for base in mro(cls):
        own = class_dict(base)
        starts = type(own.get("__init__", object.__init__))
        if not one_of(starts, types.FunctionType, types.WrapperDescriptorType):
            return True
        setter = own.get("__setattr__")
        writes = type(setter) is types.FunctionType and "__dict__" in setter.__code__.co_names
        if writes and base is not loaded("pandas.core.base", "NoNewAttributesMixin"):
            return True
        for name, value in () if is_trusted(base) else class_dict(base).items():
            functions = functions_in(value) if type(value) is not classmethod else ()
            if (after_init and name == "__init__") or base is object:
                continue
            if any(_NAMING & set(function.__code__.co_names) for function in functions):
                return True
    return False


def functions_in(value: Any) -> Iterator[types.FunctionType]:
    """The Python functions behind a class attribute: of a method and what it wraps, a property, a cached property."""
    parts: tuple[Any, ...] = ()
    if type(value) is types.FunctionType:
        yield value
        parts = (value.__dict__.get("__wrapped__"),)
    elif one_of(type(value), staticmethod, classmethod):
        parts = (value.__func__,)
    elif type(value) is property:
        parts = (value.fget, value.fset)
    elif type(value) is functools.cached_property:
        parts = (value.func,)
    for part in parts:
        yield from functions_in(part)


@functools.lru_cache(8_192)
def _stored(code: types.CodeType) -> set[str]:
    """The attributes that a function itself assigns."""
    found, argument = set(), 0
    for operation, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument |= low
        if operation == opmap["STORE_ATTR"]:
            found.add(code.co_names[argument])
        argument = argument << 8 if operation == opmap["EXTENDED_ARG"] else 0
    return found


def _code_words(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is str:
            found.add(constant)
        elif type(constant) is tuple:
            found |= {word for word in constant if type(word) is str}
        elif type(constant) is types.CodeType:
            found |= _code_words(constant)
    return found


def is_trusted(value: object) -> bool:
    """Whether a function or class belongs to a library whose annotations and `__wrapped__` are reliable."""
    if type(value) is types.FunctionType:
        module = value.__module__
    elif (cls := plain_class(value)) is not None:
        module = class_dict(cls).get("__module__", "")
    else:
        return False
    return type(module) is str and module.partition(".")[0] in _TRUSTED


def module_exists(name: str) -> bool:
    """Whether a module can be found. No parent is imported: `importlib.util.find_spec` would."""
    if name in sys.modules or name.partition(".")[0] in sys.builtin_module_names:
        return True
    path: Iterable[str] | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        module = sys.modules.get(part)
        if module is not None:
            path = module_dict(module).get("__path__") if is_a(module, types.ModuleType) else None
            if path is None:
                return count == len(parts) or not is_a(module, types.ModuleType)
            continue
        try:
            spec = PathFinder.find_spec(part, list(path) if path is not None else None)
        except (ImportError, ValueError, OSError):
            return True  # cannot be told
        if spec is None:
            return any(hasattr(finder, "known_source_files") for finder in sys.meta_path)  # editable installs
        path = spec.submodule_search_locations
        if path is None and count < len(parts):
            return False
    return True


@functools.cache
def source_words(file: str) -> frozenset[str]:
    """Every identifier in a source file and the stub beside it, and `*` where it imports all of a module."""
    found: set[str] = set()
    for path in (Path(file), Path(file).with_suffix(".pyi")):
        try:
            text = path.read_text("utf-8", "replace")
            found |= set(re.findall(r"[A-Za-z_]\w*", text))
            found |= {"*"} if re.search(r"(?m)^\s*from\s+\S+\s+import\s+\*", text) else set()
        except OSError:
            continue
    return frozenset(found)


def module_lacks(module: types.ModuleType, name: str) -> bool:
    """Whether it is proven that a loaded module has no attribute `name`."""
    names = module_dict(module)
    if name in names or is_dynamic(type(module)):
        return False
    if any(name in names.get(gone, ()) for gone in ("__former_attrs__", "__expired_attributes__")):  # numpy's
        return True
    own = names.get("__name__")
    if "__path__" in names and (type(own) is not str or module_exists(f"{own}.{name}")):
        return False
    getter = names.get("__getattr__")
    if getter is None:
        return True
    if type(getter) is types.FunctionType and is_trusted(getter):  # only its words and those of tables
        used = _code_words(getter.__code__)
        found: list[Any] = [names.get(each) for each in used]
        tables = [each for each in found if one_of(type(each), dict, list, tuple, set, frozenset)]
        return name not in used and not any(name in table for table in tables)
    file = names.get("__file__")
    return type(file) is str and file.endswith(".py") and name not in source_words(file)


def unloaded_lacks(module: str, name: str) -> bool:
    """Whether it is proven that `from module import name` fails for a module that is not loaded."""
    words = unloaded_words(module)
    dynamic = not words or "__getattr__" in words or "*" in words
    return not dynamic and name not in words and not module_exists(f"{module}.{name}")


def unloaded_words(module: str) -> frozenset[str]:
    """Every word in the source of a module that is not loaded; empty where it cannot be found."""
    parent = module.rpartition(".")[0]
    loaded = sys.modules.get(parent) if parent else None
    if parent and (loaded is None or not is_a(loaded, types.ModuleType)):
        return frozenset()
    try:
        path = module_dict(loaded).get("__path__") if loaded is not None else None
        spec = PathFinder.find_spec(module, path)
    except (ImportError, ValueError, OSError):
        return frozenset()
    return source_words(spec.origin) if spec is not None and str(spec.origin).endswith(".py") else frozenset()
