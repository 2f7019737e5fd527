"""Dataclasses that cost next to nothing to define: for the values of modules that a first question imports.

The standard library's decorator writes the methods of every class as source and compiles them: almost half a
millisecond a class, and a question meets sixty. Here the methods are written once, for all classes, and look at the
fields. Everything else is the same: equality, hash, `repr`, patterns, `fields`, `replace`, `asdict`. Type checkers see
the original. There are no slots: making them means making the class twice. What must not enter: any class of values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import field as field  # noqa: PLC0414 - so that it may be imported from here, as below
from inspect import Parameter, Signature, get_annotations
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, repr: bool = True) -> Callable[[type], type]:  # noqa: A002
        """`dataclasses.dataclass`, with these three of its options."""

        def decorate(cls: type) -> type:
            methods: dict[str, Any] = {"__init__": _init, "__match_args__": tuple(_names(cls))}
            if repr:
                methods["__repr__"] = _repr
            if eq:
                methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
            own = vars(cls)
            for name, method in methods.items():
                if name not in own or own[name] is None:  # `__hash__` is None beside an `__eq__` of its own
                    setattr(cls, name, method)
            cls.__signature__ = _SignatureOf()
            cls.__dataclass_fields__ = _FieldsOf(cls)
            return cls

        return decorate


def _names(cls: type) -> Iterator[str]:
    """The fields of a class, those of its bases first."""
    names = (name for base in reversed(cls.__mro__) for name in get_annotations(base))
    return iter(dict.fromkeys(names))


def _init(self: Any, /, *args: Any, **kwargs: Any) -> None:
    names, values = self.__match_args__, self.__dict__
    values.update(zip(names, args, strict=False))
    if len(args) != len(names):
        for name in names[len(args) :]:
            values[name] = kwargs.pop(name) if name in kwargs else _default(type(self), name)
    if kwargs or len(args) > len(names):
        raise TypeError(_surplus(type(self), len(args), kwargs))


def _default(cls: type, name: str) -> Any:
    """What a field is without being given. Raises TypeError."""
    default = getattr(cls, name, dataclasses.MISSING)
    if isinstance(default, dataclasses.Field) or default is dataclasses.MISSING:
        field = cls.__dataclass_fields__[name]  # type: ignore[attr-defined]
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        default = field.default
    if default is dataclasses.MISSING:
        raise TypeError(f"{cls.__name__}() needs {name!r}")
    return default


def _surplus(cls: type, count: int, kwargs: dict[str, Any]) -> str:
    most = len(cls.__match_args__)  # type: ignore[attr-defined]
    if count > most:
        return f"{cls.__name__}() takes {most} values, {count} were given"
    return f"{cls.__name__}() has no field {next(iter(kwargs))!r} that was not given already"


def _content(value: Any) -> tuple[Any, ...]:
    return tuple(map(value.__dict__.get, value.__match_args__))


def _eq(self: Any, other: object) -> bool:
    return _content(self) == _content(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_content(self))


def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


class _FieldsOf:
    """The field descriptions of one class, made by the standard library when somebody wants them."""

    _lock = RLock()  # a class asks its bases

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __get__(self, instance: object, owner: type) -> dict[str, dataclasses.Field[Any]]:
        with self._lock:
            if vars(self._cls)["__dataclass_fields__"] is self:
                dataclasses.dataclass(init=False, repr=False, eq=False)(self._cls)  # puts them in this place
        fields: dict[str, dataclasses.Field[Any]] = vars(self._cls)["__dataclass_fields__"]
        return fields


class _SignatureOf:
    """What a class is called with, for `help`, Shift-Tab and completion."""

    def __get__(self, instance: object, owner: type) -> Signature:
        empty, missing = Parameter.empty, dataclasses.MISSING
        return Signature(
            [
                Parameter(
                    field.name,
                    Parameter.POSITIONAL_OR_KEYWORD,
                    default=field.default
                    if field.default is not missing
                    else (empty if field.default_factory is missing else field.default_factory),
                    annotation=field.type,
                )
                for field in dataclasses.fields(owner)
            ]
        )
