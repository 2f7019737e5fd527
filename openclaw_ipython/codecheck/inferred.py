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
    """An object that the code would make. Of one that is not `exact` the class may also be a subclass of `cls`."""

    cls: type
    exact: bool = True


class Method(Struct, frozen=True, eq=False):
    """A function found on a class. `owner` is what it is called on; None for a static method."""

    function: Any
    owner: Value | None = None
    name: str = ""


class Grid(Struct, frozen=True, eq=False):
    """The array of axes that `plt.subplots` makes. `row` is whether it has one dimension."""

    item: Instance
    row: bool


class Frame(Struct, eq=False):
    """A DataFrame of pandas or polars, or a grouping of one (`grouped`), or of one of its columns (`series`).

    `columns` are all that it may have, and `index` the names of the index levels; None where they are not known. It is
    changed as the code changes the frame: one `Frame` stands for one object, so that aliases stay right.
    """

    cls: type
    columns: set[str] | None = None
    index: set[str] | None = None
    grouped: bool = False
    series: bool = False

    def derived(self, cls: type | None = None, *, grouped: bool = False, series: bool = False) -> Frame:
        """A new frame, or grouping, with the same columns and index."""
        columns = None if self.columns is None else set(self.columns)
        return Frame(cls or self.cls, columns, self.index, grouped, series)

    def knows(self, name: str) -> bool:
        """Whether the frame may have a column, or index level, of this name."""
        return self.columns is None or self.index is None or name in self.columns or name in self.index


Value = Unknown | Live | Instance | Method | Grid | Frame
