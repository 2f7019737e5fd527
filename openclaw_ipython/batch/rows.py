"""Items to rows, and rows to prompts: lists and other iterables, Series and DataFrames of pandas and polars.

Types of pandas and polars are recognised by name; neither is imported. Items are pulled one at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any, Literal

from msgspec import Struct

from openclaw_ipython.context.names import BrokenReference, Notebook, is_reference, look_up
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

VALUE_LIMIT = 100_000
"""The most characters of a value that is not a string; a longer one says what is left out."""

_PLACEHOLDER = r"(?<!\{)\{([^{}\n]{1,200})\}(?!\})"

Library = Literal["pandas", "polars", ""]


class Row(Struct, frozen=True, eq=False):
    """One item: its position, the item as given, and the names that a prompt may use."""

    position: int
    item: Any
    names: Mapping[str, Any]


class ItemSource(Struct, frozen=True, eq=False):
    """The items of a batch.

    `size` is None if unknown; `library` is set for a Series or DataFrame, and `columns` for a DataFrame.
    """

    data: Any
    size: int | None
    library: Library = ""
    columns: tuple[str, ...] | None = None

    def rows(self) -> Iterator[Row]:
        """Iterate over the rows, pulling one item at a time."""
        for position, item in enumerate(_values(self)):
            yield Row(position, item, _names(item))


def item_source(given: Any) -> ItemSource:
    """`given` as a source of items. Raises UsageError for a string, a mapping, or anything that is not iterable."""
    library, kind = _kind(given)
    if kind == "DataFrame":
        return ItemSource(given, len(given), library, _columns(given))
    if kind == "Series":
        return ItemSource(given, len(given), library)
    single = isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable)
    if single or getattr(given, "shape", None) == ():  # a NumPy array without dimensions is an Iterable
        raise UsageError(
            _("oc.map takes a collection of items: a list, a Series, a DataFrame or another iterable"),
            hint=_("for a single prompt use oc.ask"),
        )
    return ItemSource(given, len(given) if isinstance(given, Sized) else None)


def _columns(frame: Any) -> tuple[str, ...]:
    """The column names. Raises UsageError for duplicates, which a prompt could not tell apart."""
    names = tuple(map(str, frame.columns))
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise UsageError(_("two columns are called {name}: rename one", name=duplicate))
    return names


def _kind(given: Any) -> tuple[Library, str]:
    """The library and the class name of a Series or DataFrame; empty strings for other types."""
    for cls in type(given).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in ("pandas", "polars") and cls.__name__ in ("DataFrame", "Series"):
            return ("pandas" if library == "pandas" else "polars"), cls.__name__
    return "", ""


def _values(source: ItemSource) -> Iterator[Any]:
    if source.columns is None:
        return iter(source.data)
    names = source.columns
    rows: Callable[[], Iterator[tuple[Any, ...]]]
    if source.library == "polars":
        rows = source.data.iter_rows
    else:
        rows = lambda: source.data.itertuples(index=False, name=None)  # noqa: E731 - the same in pandas
    return (dict(zip(names, values, strict=True)) for values in rows())


def _names(item: Any) -> Mapping[str, Any]:
    if isinstance(item, Mapping):  # a column called "item" takes precedence
        return {"item": item} | {name: value for name, value in item.items() if isinstance(name, str)}
    return {"item": item}


class PromptTemplate:
    """A prompt with `{item}` or `{column}` placeholders.

    As in `%%qwen`: braces that name nothing stay, doubled braces stay, and inserted values are not expanded again.
    Only the names of the row count, not the variables of the notebook.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = re.split(_PLACEHOLDER, text)
        self._literals = pieces[0::2]
        self._references = pieces[1::2]

    def fill(self, names: Mapping[str, Any]) -> str:
        """The prompt for a row with these names."""
        filled = [self._literals[0]]
        for reference, literal in zip(self._references, self._literals[1:], strict=True):
            value = _value(reference, names)
            filled += ["{" + reference + "}" if value is None else value, literal]
        return "".join(filled)

    def check(self, names: Mapping[str, Any]) -> None:
        """Raises UsageError when no placeholder names anything of the row: all prompts would be equal."""
        if any(_value(reference, names) is not None for reference in self._references):
            return
        known = [f"{{{name}}}" for name in names][:8]
        raise UsageError(
            _("the prompt has no placeholder for a row, so all prompts would be the same"),
            suggestions=tuple(known),
            hint=_("a row has {known}", known=", ".join(known)),
        )


def _value(reference: str, names: Mapping[str, Any]) -> str | None:
    """The text for a placeholder; None when it names nothing."""
    if reference in names:  # a column name need not be an identifier: `{body mass}`
        return _text(names[reference])
    if not is_reference(reference):
        return None
    try:
        return _text(look_up(reference, Notebook(names)))
    except (KeyError, IndexError, BrokenReference):
        return None


def _text(value: Any) -> str:
    if isinstance(value, str):  # never shortened: the service decides what is too long
        return str(value)
    from openclaw_ipython.context.value_text import value_text

    return value_text(value, VALUE_LIMIT).text
