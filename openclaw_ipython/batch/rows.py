"""Items → rows, one at a time: lists and any other iterable, Series and DataFrames of pandas and polars.

Libraries are told by the names of their types; none is imported. Nothing is asked here, and nothing is pulled before it
is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any, Literal

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

Library = Literal["pandas", "polars", ""]


@dataclass(frozen=True, slots=True)
class Row:
    """One item: its position, what was given, and the names that a prompt may use."""

    position: int
    item: Any
    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Items:
    """What was given to be asked about.

    `size` is how many, None where that is not known; `library` is whose table or column it is, `columns` the
    names of the columns of a table, and `source` the thing itself.
    """

    source: Any
    size: int | None
    library: Library = ""
    columns: tuple[str, ...] | None = None

    def rows(self) -> Iterator[Row]:
        """Row by row."""
        for position, item in enumerate(_values(self)):
            yield Row(position, item, _names(item))


def items_of(given: Any) -> Items:
    """`given` as items. Raises UsageError for what is not many things: a text, a mapping, a number."""
    library, kind = _kind(given)
    if kind == "DataFrame":
        return Items(given, len(given), library, _columns(given))
    if kind == "Series":
        return Items(given, len(given), library)
    one = isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable)
    if one or getattr(given, "shape", None) == ():  # an array without a dimension says it can be iterated
        raise UsageError(
            _("oc.map wants many items: a list, a Series, a DataFrame or another iterable"),
            hint=_("oc.ask asks once"),
        )
    return Items(given, len(given) if isinstance(given, Sized) else None)


def _columns(frame: Any) -> tuple[str, ...]:
    """The names of the columns. Raises UsageError where two have the same: a prompt could mean either."""
    names = tuple(map(str, frame.columns))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(_("two columns are called {name}: rename one", name=twice))
    return names


def _kind(given: Any) -> tuple[Library, str]:
    """Whose type it is, and which: DataFrame, Series, or something else."""
    for cls in type(given).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in ("pandas", "polars") and cls.__name__ in ("DataFrame", "Series"):
            return ("pandas" if library == "pandas" else "polars"), cls.__name__
    return "", ""


def _values(items: Items) -> Iterator[Any]:
    if items.columns is None:
        return iter(items.source)
    names = items.columns
    rows: Callable[[], Iterator[tuple[Any, ...]]]
    if items.library == "polars":
        rows = items.source.iter_rows
    else:
        rows = lambda: items.source.itertuples(index=False, name=None)  # noqa: E731 - pandas' word for the same
    return (dict(zip(names, values, strict=True)) for values in rows())


def _names(item: Any) -> Mapping[str, Any]:
    if isinstance(item, Mapping):  # a column of that name is what a prompt means by it
        return {"item": item} | {name: value for name, value in item.items() if isinstance(name, str)}
    return {"item": item}
