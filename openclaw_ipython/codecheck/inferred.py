"""What an expression may be, as far as it is known: a live object, an instance of a class, a frame, or unknown."""

from __future__ import annotations

import ast
from typing import Any

from msgspec import Struct


class Unknown(Struct, frozen=True):
    """Nothing is known, so nothing is claimed."""


UNKNOWN = Unknown()


class Live(Struct, frozen=True, eq=False):
    """An object of the namespace. It is looked at, never touched."""

    object: Any


class Instance(Struct, frozen=True, eq=False):
    """An object that the code would make. Of one that is not `exact` the class may also be a subclass of `cls`.

    As far as they are known: `item` is what a loop over it gives, `parts` are the elements of a tuple.
    """

    cls: type
    exact: bool = True
    item: Value | None = None
    parts: tuple[Value, ...] | None = None


class Either(Struct, frozen=True, eq=False):
    """One of several values."""

    options: tuple[Value, ...]


class Definition(Struct, frozen=True, eq=False):
    """A function or class that the cell defines.

    Of a class, `names` are the attributes that it and its objects may have; None where they may have any. `keywords`
    are what calling it takes; None where that is not known.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    keywords: frozenset[str] | None = None
    names: frozenset[str] | None = None


class Made(Struct, frozen=True, eq=False):
    """An object of a class that the cell defines."""

    cls: Definition


class Method(Struct, frozen=True, eq=False):
    """A function found on a class. `owner` is what it is called on; None for a static method."""

    function: Any
    owner: Value | None = None
    name: str = ""


class Column(Struct, frozen=True, eq=False):
    """A Series. `name` and `index`, the names of its index levels, are None where they are not known."""

    cls: type
    name: str | None = None
    index: set[str] | None = None


class Frame(Struct, eq=False):
    """A DataFrame of pandas or polars, or a grouping of one (`grouped`), or of one of its columns (`series`).

    `columns` are all that it may have, and `index` the names of the index levels; None where they are not known. It is
    changed as the code changes the frame: one `Frame` stands for one object, so that aliases stay right. A row is a
    Frame too, with the class of a Series or tuple. The keys of a `flat` grouping become columns. `title` is what
    `melt` calls the names of the columns: the name of their index, as after `pivot`; None where it is not known.
    """

    cls: type
    columns: set[str] | None = None
    index: set[str] | None = None
    grouped: bool = False
    series: bool = False
    flat: bool = False
    title: str | None = "variable"

    def derived(self, cls: type | None = None, *, grouped: bool = False, series: bool = False) -> Frame:
        """A new frame, row or grouping, with the same columns and index."""
        columns = None if self.columns is None else set(self.columns)
        return Frame(cls or self.cls, columns, self.index, grouped, series, title=self.title)

    @property
    def plain(self) -> bool:
        """Whether this is a frame: neither a row nor a grouping."""
        return not self.grouped and type.__dict__["__name__"].__get__(self.cls) in ("DataFrame", "LazyFrame")

    def knows(self, name: str) -> bool:
        """Whether the frame may have a column, or index level, of this name."""
        return self.columns is None or self.index is None or name in self.columns or name in self.index


Value = Unknown | Live | Instance | Either | Definition | Made | Method | Column | Frame
