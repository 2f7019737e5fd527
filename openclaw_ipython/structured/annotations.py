"""Types as they are written: expressions of the notebook, and annotations that only pydantic reads."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import operator
import sys
import typing
import warnings
from collections.abc import Callable, Iterator
from functools import reduce
from types import UnionType
from typing import Any

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

_BUILTINS = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")
_METADATA = ("pydantic", "annotated_types", "msgspec")
"""The packages whose classes may be called inside `Annotated[…]`."""


def type_from(text: str, look_up: Callable[[str], Any]) -> Any:
    """The type that an expression such as `list[P]`, `P | None` or `dict[str, int]` stands for.

    `look_up` gives the value of a (dotted) name, and raises KeyError for one that is unknown; built-in types and the
    names of `typing` need not be imported. Nothing is called but the constraints in `Annotated[int, Field(ge=3)]`.

    Raises KeyError for an unknown name, and UsageError for any other expression.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the syntax of what is refused
            tree = ast.parse(text.strip(), mode="eval").body
        return _evaluated(tree, look_up)
    except KeyError:
        raise
    except Exception as error:  # syntax; `__getitem__` and `__or__` of the classes that are named
        why = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        raise UsageError(
            _("{text} is no type: {why}", text=text, why=" ".join(str(why).split())),
            hint="list[NAME], NAME | None, dict[str, int], Literal['a', 'b']",
        ) from None


def _evaluated(node: ast.AST, look_up: Callable[[str], Any]) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return -number
        case ast.Name() | ast.Attribute():
            return _named(ast.unparse(node), look_up)
        case ast.Tuple(elements):
            return tuple(_evaluated(element, look_up) for element in elements)
        case ast.List(elements):
            return [_evaluated(element, look_up) for element in elements]
        case ast.BinOp(left, ast.BitOr(), right):
            return _evaluated(left, look_up) | _evaluated(right, look_up)
        case ast.Subscript(value, index):
            return _evaluated(value, look_up)[_evaluated(index, look_up)]
        case ast.Call(function, arguments, keywords) if all(keyword.arg for keyword in keywords):
            called = _evaluated(function, look_up)
            if str(getattr(called, "__module__", "")).partition(".")[0] in _METADATA:
                named = {str(keyword.arg): _evaluated(keyword.value, look_up) for keyword in keywords}
                return called(*(_evaluated(argument, look_up) for argument in arguments), **named)
    raise ValueError(_("{part} is not part of a type", part=ast.unparse(node)))


def _named(name: str, look_up: Callable[[str], Any]) -> Any:
    try:
        return look_up(name)
    except KeyError:
        plain = name.removeprefix("typing.")
        if plain in _BUILTINS:
            return getattr(builtins, plain)
        if plain in typing.__all__:
            return getattr(typing, plain)
        raise


# -- annotations of pydantic in other classes ------------------------------------------------


def has_pydantic_metadata(wanted: Any) -> bool:
    """Whether a constraint or description of pydantic (`Field`) or annotated-types is anywhere in a type.

    msgspec ignores them in dataclasses, TypedDicts and named tuples.
    """
    if "annotated_types" not in sys.modules and "pydantic" not in sys.modules:
        return False
    return any(
        type(one).__module__.partition(".")[0] in ("pydantic", "annotated_types")
        for part in _parts(wanted, set())
        for one in (
            *getattr(part, "__metadata__", ()),
            *(field.default for field in getattr(part, "__dataclass_fields__", {}).values()),
        )
    )


def _parts(wanted: Any, seen: set[int]) -> Iterator[Any]:
    """A type, the types in it and those of its fields."""
    if id(wanted) in seen:
        return
    seen.add(id(wanted))
    yield wanted
    inner = [*getattr(wanted, "__args__", ()), *_hints(wanted).values()]
    if hasattr(wanted, "__metadata__"):
        inner.append(wanted.__origin__)
    for part in inner:
        yield from _parts(part, seen)


def _hints(wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, type) or wanted.__module__ == "builtins":
        return {}
    try:
        return typing.get_type_hints(wanted, include_extras=True)
    except Exception:  # an undefined name, which is reported where the schema is made
        return {}


def for_pydantic(wanted: Any) -> Any:
    """`wanted` with each `typing.TypedDict` as one of typing_extensions, which pydantic needs before Python 3.12."""
    if sys.version_info >= (3, 12):
        return wanted
    if typing.is_typeddict(wanted) and type(wanted).__module__ == "typing":
        from typing_extensions import TypedDict as NewTypedDict

        fields = {name: for_pydantic(hint) for name, hint in _hints(wanted).items()}
        required = wanted.__required_keys__
        marked = {
            name: hint if name in required else typing.NotRequired[_unmarked(hint)]
            for name, hint in fields.items()
        }
        make: Any = NewTypedDict
        return make(wanted.__name__, marked)
    arguments = getattr(wanted, "__args__", ())
    converted = tuple(map(for_pydantic, arguments))
    if all(new is old for new, old in zip(converted, arguments, strict=True)):
        return wanted
    if isinstance(wanted, UnionType):
        return reduce(operator.or_, converted)
    return wanted.copy_with(converted) if hasattr(wanted, "copy_with") else wanted.__origin__[converted]


def _unmarked(hint: Any) -> Any:
    return hint.__args__[0] if typing.get_origin(hint) in (typing.Required, typing.NotRequired) else hint


# -- fields -------------------------------------------------------------------------------


def field_names(wanted: Any) -> tuple[str, ...] | None:
    """The names of the fields of a type's values; None if not all of its values have fields.

    `None` counts as a value without any, so that an optional class has the fields of the class.
    """
    if wanted is None or wanted is type(None):
        return ()
    if hasattr(wanted, "__metadata__"):
        return field_names(wanted.__origin__)
    origin = typing.get_origin(wanted)
    if origin is typing.Union or origin is UnionType:
        members = [field_names(part) for part in typing.get_args(wanted)]
        if any(names is None for names in members):
            return None
        return tuple(dict.fromkeys(name for names in members if names for name in names)) or None
    cls = origin or wanted
    if not isinstance(cls, type):
        return None
    if dataclasses.is_dataclass(cls):
        return tuple(field.name for field in dataclasses.fields(cls))
    names = (
        getattr(cls, "model_fields", None)
        or getattr(cls, "__struct_fields__", None)
        or getattr(cls, "_fields", None)
        or (cls.__annotations__ and _hints(cls) if typing.is_typeddict(cls) else None)
    )
    return tuple(names) if names else None
