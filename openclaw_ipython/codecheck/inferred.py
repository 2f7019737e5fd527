"""What an expression may be, as far as it is known: a live object, an instance of a class, a frame, or unknown."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Unknown(Struct, frozen=True):
    """Nothing is known, so nothing is claimed."""


UNKNOWN = Unknown()


class Live(Struct, frozen=True, eq=False):
    """An object of the namespace. It is looked at, never touched."""

    object: Any


class Instance(Struct, frozen=True, eq=False):
    """An object that the code would make; of it the class is known."""

    cls: type


class Method(Struct, frozen=True, eq=False):
    """A function found on a class. `owner` is what it is called on; None for a static method."""

    function: Any
    owner: Value | None = None
    name: str = ""


class Frame(Struct, eq=False):
    """A pandas DataFrame, or a groupby of one. `columns` is None where they are not known.

    It is changed as the code changes the frame: one `Frame` stands for one object, so that aliases stay right.
    """

    cls: type
    columns: set[str] | None = None

    def derived(self, cls: type | None = None) -> Frame:
        """A new frame with the same columns."""
        return Frame(cls or self.cls, None if self.columns is None else set(self.columns))


Value = Unknown | Live | Instance | Method | Frame
