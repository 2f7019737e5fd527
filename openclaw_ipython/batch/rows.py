"""Items to rows, and rows to prompts: lists and other iterables, Series and DataFrames of pandas and polars.

Types of pandas and polars are recognised by name; neither is imported. Items are pulled one at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, Literal

from msgspec import Struct

from openclaw_ipython.context.names import NAME, BrokenReference, Notebook, look_up
from openclaw_ipython.context.references import Brace, braces, formatted
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, suggest

VALUE_LIMIT = 100_000
"""The most characters of a value that is not a string; a longer one says what is left out."""

_MISSING = object()

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

    @property
    def is_list(self) -> bool:
        """Whether the items are a list or a table, any part of which can be had at once."""
        return bool(self.library) or isinstance(self.data, (list, tuple, range))

    @property
    def is_iterator(self) -> bool:
        """Whether the items can be pulled only once."""
        return iter(self.data) is self.data

    def rows(self) -> Iterator[Row]:
        """Iterate over the rows, pulling one item at a time."""
        for position, item in enumerate(_values(self)):
            names = {"item": item}
            if isinstance(item, Mapping):  # a column called "item" takes precedence
                names |= {name: value for name, value in item.items() if isinstance(name, str)}
            yield Row(position, item, names)


def item_source(given: Any, function: str = "oc.map") -> ItemSource:
    """`given` to `function` as a source of items. Raises UsageError for text, a mapping, and what is not iterable."""
    library, kind = _kind(given)
    if kind == "DataFrame":
        return ItemSource(given, len(given), library, _columns(given))
    if kind == "Series":
        return ItemSource(given, len(given), library)
    single = isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable)
    if single or getattr(given, "shape", None) == ():  # a NumPy array without dimensions is an Iterable
        raise UsageError(
            _(
                "{function} takes a list, a Series, a DataFrame or another iterable of items",
                function=function,
            ),
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
    names, data = source.columns, source.data
    rows = data.iter_rows() if source.library == "polars" else data.itertuples(index=False, name=None)
    return (dict(zip(names, values, strict=True)) for values in rows)


class PromptTemplate:
    """A prompt with `{item}` or `{column}` placeholders.

    As in `%%qwen`: braces that name nothing, doubled braces, code and formulas stay, and inserted values are not
    expanded again. Only the names of the row count, not the variables of the notebook.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._braces = braces(text)
        ends = [0, *(brace.end for brace in self._braces)]
        starts = [*(brace.start for brace in self._braces), len(text)]
        self._literals = [text[end:start] for end, start in zip(ends, starts, strict=True)]

    def fill(self, names: Mapping[str, Any]) -> str:
        """The prompt for a row with these names."""
        filled = [self._literals[0]]
        for brace, literal in zip(self._braces, self._literals[1:], strict=True):
            value = _value(brace, names)
            filled += ["{" + brace.inner + "}" if value is None else value, literal]
        return "".join(filled)

    def shared(self, names: Mapping[str, Any]) -> str:
        """The text before the first placeholder for a row with these names, with which every prompt begins."""
        starts = (brace.start for brace in self._braces if _value(brace, names) is not None)
        return self.text[: next(starts, None)]

    def check(self, names: Mapping[str, Any], *, strict: bool = False) -> None:
        """Raises UsageError for a placeholder that nearly names something of the row, and if none names anything.

        Without one all prompts would be equal. A `strict` check is for a text that needs none: every placeholder in it
        has to name something.
        """
        unknown = [brace for brace in self._braces if not brace.in_code and _value(brace, names) is None]
        for brace in unknown:
            near = _meant(brace, names)
            if near or (strict and brace.name):
                raise UsageError(
                    _("{brace} names no column of the items", brace="{" + brace.inner + "}")
                    + did_you_mean(tuple(f"{{{name}}}" for name in near[:1])),
                    suggestions=near,
                    hint=_("in a fence, or in backticks with other text, it stays as typed"),
                )
        if strict or any(not brace.in_code for brace in self._braces if brace not in unknown):
            return
        known = [f"{{{name}}}" for name in names][:8]
        raise UsageError(
            _("the prompt has no placeholder for a row, so all prompts would be the same"),
            suggestions=tuple(known),
            hint=_("a row has {known}", known=", ".join(known)),
        )


def _meant(brace: Brace, names: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that braces without a value nearly name; none where they only lack an attribute or key of the row."""
    begins = re.match(NAME if brace.name else rf"\s*{NAME}\s*[.\[(!]", brace.inner)
    if begins is None:
        return suggest(brace.inner, names) if re.fullmatch(r"[\w .-]+", brace.inner) else ()
    word = re.sub(r"\W", "", begins[0])
    if word in names:
        return () if brace.name else (word,)
    return suggest(word, names)


def _value(brace: Brace, names: Mapping[str, Any]) -> str | None:
    """The text for a placeholder; None when it names nothing."""
    if brace.in_code:
        return None
    if brace.inner in names:  # a column name need not be an identifier: `{body mass}`
        return _text(names[brace.inner])
    if not brace.name:
        return None
    value = names.get(brace.name, _MISSING)
    if value is _MISSING:
        try:
            value = look_up(brace.name, Notebook(names))
        except (KeyError, IndexError, BrokenReference):
            return None
    if not brace.conversion and not brace.spec:
        return _text(value)
    text = formatted(value, brace, VALUE_LIMIT)
    return None if text is None else text.text


def _text(value: Any) -> str:
    if isinstance(value, str):  # never shortened: the service decides what is too long
        return str(value)
    from openclaw_ipython.context.value_text import value_text

    return value_text(value, VALUE_LIMIT).text
