"""Attributes, calls and keywords of values: what is proven absent, and what a call returns where it is declared."""

from __future__ import annotations

import ast
import builtins
import datetime
import enum
import functools
import inspect
import re
import sys
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from openclaw_ipython.codecheck import call_results as results
from openclaw_ipython.codecheck import definitions
from openclaw_ipython.codecheck.inferred import (
    UNKNOWN,
    Column,
    Definition,
    Either,
    Frame,
    Instance,
    Live,
    Made,
    Method,
    Value,
)
from openclaw_ipython.codecheck.static_lookup import (
    MISSING,
    class_dict,
    class_names,
    declared_names,
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
    one_of,
    plain_class,
    sets_any_name,
    subclasses,
    word_set,
    words_of,
)

_RETURNS_SELF = {"fit", "set_params", "partial_fit"}  # of scikit-learn, without annotations
_OF_ANY_OBJECT = word_set(
    "__dict__ __class__ __doc__ __module__ __weakref__ __slots__ __annotations__ __name__ __qualname__"
    " n_features_in_ feature_names_in_"  # scikit-learn sets these from a function
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
        case Instance(cls) | Column(cls) | Frame(cls=cls):
            return _of_instance(cls, name, value)
        case Method(function=function) if type(function) is FunctionType:
            return UNKNOWN if name in function.__dict__ or name in dir(FunctionType) else None
        case Definition(node=ast.ClassDef()) | Made():
            return definitions.attribute(value.cls if isinstance(value, Made) else value, name)
        case Either(options):
            found = [each for option in options if (each := attribute_of(option, name)) is not None]
            return results.either(found) if found else None
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
        return UNKNOWN if meta or any(name in declared_names(base) for base in mro(cls)) else None
    if one_of(type(found), staticmethod, classmethod, FunctionType):
        return _method(found, cls, name)
    if results.of_class(cls, name) is not None:
        return Method(found, Live(cls), name)
    return UNKNOWN if find_in_class(type(found), "__get__") is not MISSING else Live(found)


def _method(found: object, cls: type, name: str) -> Method:
    return Method(next(functions_in(found), None), Live(cls) if type(found) is classmethod else None, name)


def _of_instance(cls: type, name: str, owner: Value) -> Value | None:
    found = find_in_class(cls, name)
    if found is MISSING:
        classes = [cls] if not isinstance(owner, Instance) or owner.exact else list(subclasses(cls))
        return UNKNOWN if any(_may_have(each, name, owner) for each in classes) else None
    kind = type(found)
    if one_of(kind, FunctionType, MethodDescriptorType) or results.is_of_numpy(found):
        return Method(found, owner, name)
    if one_of(kind, staticmethod, classmethod):
        return _method(found, cls, name)
    if one_of(kind, property, GetSetDescriptorType) and (told := results.of_class(cls, name)) is not None:
        return told
    if one_of(kind, property, functools.cached_property):
        getter = next(functions_in(found), None)
        return declared_result(getter, cls) if is_trusted(getter) else UNKNOWN
    accessor = instance_dict(found).get("_accessor") if is_trusted(kind) else None
    if accessor is not None and plain_class(accessor) is not None:  # `Series.str`, `Series.dt`
        return Instance(accessor, exact=False)
    replaced = found is None or find_in_class(kind, "__get__") is not MISSING or name in words_of(cls)
    return UNKNOWN if replaced else Live(found)


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
        case Instance(cls) | Column(cls):
            return class_names(cls)
        case Frame(cls=cls, columns=columns):
            return class_names(cls) | (columns or set())
        case Definition(names=names) | Made(Definition(names=names)):
            return set(names or ())
        case Either(options):
            return set().union(*map(known_names, options))
        case _:
            return set()


def result_of(function: Value) -> Value:
    """What calling a value gives, where the class or an annotation says so."""
    match function:
        case Live(thing) if (cls := plain_class(thing)) is not None:
            plain = find_in_class(type(cls), "__call__") is type.__dict__["__call__"]
            # A `__new__` in Python may choose a subclass.
            exact = type(find_in_class(cls, "__new__")) is not staticmethod
            return Instance(cls, exact) if plain and cls is not type else UNKNOWN
        case Live(thing) if (told := results.of_function(thing)) is not None:
            return told
        case Live(thing) if type(thing) is FunctionType:
            return declared_result(thing, None)
        case Live(thing) if is_trusted(type(thing)):
            return declared_result(next(functions_in(find_in_class(type(thing), "__call__")), None), None)
        case Definition(node=ast.ClassDef()):
            return Made(function)
        case Either(options):
            return results.either(map(result_of, options))
        case Method(function=thing, owner=owner, name=name):
            cls = _class_of(owner)
            if cls is not None and (told := results.of_class(cls, name)) is not None:
                return told
            if cls is not None and find_in_class(cls, "_delegate_method") is not MISSING:
                return UNKNOWN  # `Series.cat`, `Series.dt`: annotated as the array they work on
            if name in _RETURNS_SELF and cls is not None and owner is not None:
                return owner if one_of(loaded("sklearn.base", "BaseEstimator"), *mro(cls)) else UNKNOWN
            return declared_result(thing, cls) if type(thing) is FunctionType else UNKNOWN
        case _:
            return UNKNOWN


def _class_of(value: Value | None) -> type | None:
    match value:
        case Live(thing):
            return plain_class(thing) or type(thing)
        case Instance(cls) | Column(cls) | Frame(cls=cls):
            return cls
        case _:
            return None


def declared_result(function: FunctionType | None, own: type | None) -> Value:
    """The class that a function's return annotation names. The annotation is never evaluated."""
    # Later Pythons evaluate the annotations when they are read.
    if function is None or not (is_trusted(function) or sys.version_info < (3, 14)):
        return UNKNOWN
    if function.__name__ in _LOOSELY_DECLARED:
        return UNKNOWN
    annotation = function.__annotations__.get("return", MISSING)
    if type(annotation) is str:
        names = [part for each in annotation.split("|") if (part := each.strip()) != "None"]
        if not all(re.fullmatch(r"[A-Za-z_][\w.]*", each) for each in names):
            return UNKNOWN
        return results.either(_declared(own if each == "Self" else _named(function, each)) for each in names)
    return _declared(annotation)


_LOOSELY_DECLARED = ("read_pickle", "round_trip_pickle")  # declared as frames, though it may be any object


def _declared(found: object) -> Value:
    cls = plain_class(found)
    # What gives axes is declared as the accessor by pandas.
    accessor = loaded("pandas.plotting", "PlotAccessor")
    unclear = cls is None or one_of(cls, type, object, Any, accessor)
    return UNKNOWN if unclear else Instance(cls, exact=False)  # type: ignore[arg-type]


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


def keywords_of(function: Value) -> set[str] | None:
    """The keyword arguments that a callable takes; None where any may be taken or nothing is known."""
    match function:
        case Live(thing) if (cls := plain_class(thing)) is not None:
            return _constructor_keywords(cls)
        case Live(thing) if type(thing) is functools.partial:
            return keywords_of(Live(thing.func))
        case Live(thing) | Method(function=thing) if type(thing) is FunctionType:
            return _function_keywords(thing)
        case Definition(keywords=names):
            return set(names) if names is not None else None
        case Either(options):
            every = [keywords_of(option) for option in options]
            return None if None in every else set().union(*every)  # type: ignore[arg-type]
        case Live(thing):
            wrapped = instance_dict(thing).get("__wrapped__")
            if type(wrapped) is FunctionType and is_trusted(wrapped):
                return _function_keywords(wrapped)
            return _keywords_in_c(wrapped or thing)
        case Method(function=thing):
            return _keywords_in_c(thing)
        case _:
            return None


def _constructor_keywords(cls: type) -> set[str] | None:
    if find_in_class(type(cls), "__call__") is not type.__dict__["__call__"]:
        return None
    makes, starts = find_in_class(cls, "__new__"), find_in_class(cls, "__init__")
    own_new = makes is not object.__dict__["__new__"]
    if own_new and type(starts) is FunctionType:
        return None
    maker = next(functions_in(makes), None) if own_new else starts
    if not type.__dict__["__flags__"].__get__(cls) & _MADE_BY_CLASS_STATEMENT:
        return _text_keywords(cls.__text_signature__) or set(_KEYWORDS.get(cls, "").split()) or None
    return _function_keywords(maker, bound=True) if type(maker) is FunctionType else None


def _keywords_in_c(thing: Any) -> set[str] | None:
    if type(thing) is MethodType:
        return keywords_of(Live(thing.__func__))
    if not one_of(type(thing), BuiltinFunctionType, MethodDescriptorType) and not results.is_of_numpy(thing):
        return None
    given = getattr(thing, "__text_signature__", None)
    return _text_keywords(given if given and "**" not in given else _signature_in(thing))


def _text_keywords(signature: str | None) -> set[str] | None:
    """The keywords in the signature of a function in C, `($self, /, sep=None)`."""
    if signature is None or "**" in signature:
        return None
    try:
        (made,) = ast.parse(f"def f{signature.replace('$', '')}: pass").body
    except (SyntaxError, ValueError):
        return None
    arguments = made.args  # type: ignore[attr-defined]
    return {each.arg for each in [*arguments.args, *arguments.kwonlyargs]}


def _signature_in(function: Any) -> str | None:
    """The signature that the documentation of a function in C begins with, if it is the only one."""
    text = str(function.__doc__).strip()
    found = re.match(rf"(?:\w+\.)?{re.escape(function.__name__)}(\([^()]*(?:\([^()]*\)[^()]*)*\))", text)
    if found is None or f"{function.__name__}(" in text[found.end() :].partition("\n\n")[0]:
        return None
    return re.sub(r"[\[\]]", "", found[1].replace("<no value>", "0"))


_MADE_BY_CLASS_STATEMENT = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_DATE, _TIME = "year month day ", "hour minute second microsecond tzinfo fold"
_KEYWORDS = {  # of classes in C whose signature is not readable
    zip: "strict",
    datetime.date: _DATE,
    datetime.time: _TIME,
    datetime.datetime: _DATE + _TIME,
    datetime.timedelta: "days seconds microseconds milliseconds minutes hours weeks",
}


def _function_keywords(function: FunctionType, *, bound: bool = False) -> set[str] | None:
    names = function.__dict__
    given = names.get("__signature__")
    if given is not None and not (type(given) is inspect.Signature and is_trusted(function)):
        return None
    declared = given.parameters.values() if given is not None else ()
    if declared and all(each.kind != each.VAR_KEYWORD for each in declared):
        return {str(each.name) for each in declared}
    wrapped = names.get("__wrapped__")
    if wrapped is not None:
        return _function_keywords(wrapped) if is_trusted(function) and type(wrapped) is FunctionType else None
    code = function.__code__
    every = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    others = _passed_on(function) if code.co_flags & inspect.CO_VARKEYWORDS else frozenset()
    if others is None:
        return None
    return {*others, *every[code.co_posonlyargcount + int(bound and code.co_posonlyargcount == 0) :]}


@functools.cache
def _passed_on(function: FunctionType) -> frozenset[str] | None:
    """Every word that may be a keyword in the `**kwargs` of a function; None where any may be.

    Of a function that draws, the words of its documentation and of what that refers to, and the properties of artists.
    """
    module = function.__module__ if type(function.__module__) is str else ""
    if (module, function.__name__) in _PASSED_ON and loaded(module, function.__name__) is function:
        return frozenset(_constructor_keywords(loaded(*_PASSED_ON[module, function.__name__])) or ()) or None
    if not is_trusted(function) or module.partition(".")[0] not in ("matplotlib", "seaborn"):
        return None
    if "kind" in function.__code__.co_varnames or function.__name__ in ("setp", "rc", "set"):
        return None
    axes, figure, artist = (loaded(f"matplotlib.{name.lower()}", name) for name in _DRAWING)
    artists = {each.__name__: each for each in subclasses(artist)}
    words, properties, waiting, seen = set[str](), False, [function], set[Any]()
    while waiting:
        thing = waiting.pop()
        text = str(thing.__doc__)
        words |= set(thing.__code__.co_varnames) | set(re.findall(r"[A-Za-z_]\w*", text))
        properties |= "Properties:" in text
        passage = text if thing is function else text.partition("**kw")[2]
        for name in re.findall(r"`[~.]*(?:[\w.]*\.)?(\w+)`", passage) if len(seen) < 40 else ():
            cls = artists.get(name)
            if cls is not None:
                properties = True
                words |= {each[4:] for each in class_names(cls) if each.startswith("set_")}
            places = [
                find_in_class(cls, "__init__") if cls is not None else MISSING,
                loaded("matplotlib.pyplot", name),
            ]
            places += [find_in_class(axes, name), find_in_class(figure, name)]
            found = next((each for each in places if type(each) is FunctionType), None)
            if found is not None and found not in seen:
                seen.add(found)
                waiting.append(found)
    return frozenset(words) if properties else None


_DRAWING = ("Axes", "Figure", "Artist")
_PASSED_ON = {
    ("json", "dumps"): ("json", "JSONEncoder"),
    ("json", "dump"): ("json", "JSONEncoder"),
    ("subprocess", "run"): ("subprocess", "Popen"),
    ("subprocess", "check_output"): ("subprocess", "Popen"),
}
