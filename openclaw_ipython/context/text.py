"""A Python value as text that a model can read: bounded, complete where it is small, summed up where it is large.

Libraries are told by the names of their types; none is imported. What a value does when it is looked at is its own
business: whatever it raises is said in its place.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from numbers import Number
from pathlib import PurePath
from types import FunctionType, MethodType
from typing import Any
from uuid import UUID

from openclaw_ipython.context.allowance import more_characters
from openclaw_ipython.context.definitions import source_of
from openclaw_ipython.context.failures import error_text, failure_text
from openclaw_ipython.context.names import Failure
from openclaw_ipython.context.tables import library_of

_LINE = 100  # a container that fits into a line of so many characters stands in one
_SHORT = 16
_DEEPEST = 12
_BYTES = 64  # of binary data, shown as hexadecimal digits
_PLAIN = (Number, date, time, timedelta, UUID, PurePath, type(None))
"""What a person writes without saying of which type it is."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


@dataclasses.dataclass(frozen=True, slots=True)
class Readable:
    """A value as text. `what` says what it is in a few words; `language` is that of a Markdown fence for it.

    `capped`: it was longer; how much is said in the text.
    """

    text: str
    what: str
    capped: bool = False
    language: str = ""


def readable(value: Any, limit: int, cells: Sequence[str] = ()) -> Readable:
    """`value` as text of about `limit` characters at most. Raises nothing that `value` raises.

    `cells` are the sources of the notebook's cells, in which the source of a class is looked for.
    """
    try:
        found = _described(value, max(0, limit), cells)
    except Exception as error:  # a repr, a property, a half-built frame
        what = _type_name(value)
        found = Readable(f"({what} that cannot be shown: {type(error).__name__})", what)
    return _within(found, limit)


def _within(found: Readable, limit: int) -> Readable:
    more = len(found.text) - limit
    if more <= 0:
        return found
    text = f"{found.text[:limit]}\n{more_characters(more)}".lstrip("\n")
    return dataclasses.replace(found, text=text, capped=True)


def _described(value: Any, limit: int, cells: Sequence[str]) -> Readable:
    if isinstance(value, str):
        return Readable(str(value), "text" if type(value) is str else _type_name(value))
    if isinstance(value, _PLAIN) or _is_scalar(value):
        return Readable(str(value), _type_name(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Readable(
            _binary(bytes(value[: limit + 4]), len(value)), f"{len(value):,} bytes", len(value) > limit
        )
    if isinstance(value, Failure):
        return Readable(failure_text(value), type(value.error).__name__)
    if isinstance(value, BaseException):
        return Readable(error_text(value), type(value).__name__)
    if (library := library_of(value)) is not None:
        return Readable(library.text(value), library.what(value))
    if isinstance(value, (type, FunctionType, MethodType)):
        kind = "class" if isinstance(value, type) else "function"
        return Readable(source_of(value, cells), kind, language="python")
    text, cut = _written(value, limit)
    counted = isinstance(value, (dict, list, tuple, set, frozenset, deque))
    what = f"{_type_name(value)} of {len(value):,}" if counted else _type_name(value)
    return Readable(text, what, cut, "python")


def _is_scalar(value: Any) -> bool:
    """Whether it is one of numpy's numbers, dates or truth values."""
    return any(cls.__name__ == "generic" and cls.__module__ == "numpy" for cls in type(value).__mro__)


def _type_name(value: Any) -> str:
    return type(value).__name__


def _binary(data: bytes, total: int) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)  # it may be cut within a character
    except UnicodeDecodeError:
        text = ""
    if text and not _CONTROL.search(text):
        return text if len(data) == total else f"{text}\n… {total - len(data):,} more bytes, left out"
    more = f" … {total - _BYTES:,} more bytes" if total > _BYTES else ""
    return f"{total:,} bytes: {data[:_BYTES].hex(' ')}{more}"


def _written(value: Any, limit: int) -> tuple[str, bool]:
    """A container within `limit` characters, and whether something was left out: it says so where that was."""
    budget = limit
    while True:
        writer = _Written(budget)
        text = writer.text(value)
        if len(text) <= limit or budget < 20:
            return text, writer.cut
        budget = min(budget - 1, budget * limit // len(text) * 9 // 10)  # indents are not counted beforehand


class _Written:
    """Writes containers as Python would, over several lines where they are long, within a number of characters."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.cut = False
        self._inside: set[int] = set()

    def text(self, value: Any, indent: int = 0) -> str:
        """`value`, indented by `indent` in all lines but the first."""
        parts = self._parts_of(value)
        if parts is None:
            return self._spend(_plain(value))
        if id(value) in self._inside or len(self._inside) >= _DEEPEST:
            return self._spend("…")
        self._inside.add(id(value))
        opening, closing, items, count = parts
        written = list(self._items(items, count, indent + 2))
        self._inside.discard(id(value))
        line = f"{opening}{', '.join(written)}{closing}"
        if len(line) + indent <= _LINE and "\n" not in line:
            return line
        lines = _filled(written, _LINE - indent - 2)
        inner = "".join(f"\n{' ' * (indent + 2)}{line}," for line in lines)
        return f"{opening}{inner}\n{' ' * indent}{closing}"

    def _items(self, items: Iterator[tuple[str, Any]], count: int, indent: int) -> Iterator[str]:
        for number, (label, value) in enumerate(items):
            if self._left <= 0:
                self.cut = True
                yield f"… {count - number:,} more"
                return
            self._left -= len(label) + 2 + indent // 2
            yield label + self.text(value, indent)

    def _spend(self, text: str) -> str:
        room = max(self._left, 20)
        if len(text) > room:
            self.cut = True
            text = f"{text[:room]}… {len(text) - room:,} more characters"
        self._left -= len(text)
        return text

    def _parts_of(self, value: Any) -> tuple[str, str, Iterator[tuple[str, Any]], int] | None:
        """Brackets, labelled items and their number; None for what has no parts."""
        name = _type_name(value)
        match value:
            case dict():
                brackets = ("{", "}") if type(value) is dict else (f"{name}({{", "})")
                return (*brackets, ((f"{_short(k)}: ", v) for k, v in value.items()), len(value))
            case tuple() if hasattr(value, "_fields"):
                pairs = zip(value._fields, value, strict=False)
                return (f"{name}(", ")", ((f"{k}=", v) for k, v in pairs), len(value))
            case list():
                return ("[", "]", (("", v) for v in value), len(value))
            case tuple():
                return ("(", ",)" if len(value) == 1 else ")", (("", v) for v in value), len(value))
            case set() | frozenset() | deque():
                return (f"{name}(", ")", (("", v) for v in value), len(value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [field.name for field in dataclasses.fields(value) if field.repr]
            return (f"{name}(", ")", ((f"{f}=", getattr(value, f)) for f in fields), len(fields))
        if getattr(type(value), "__repr__", None) == object.__repr__ and (
            own := getattr(value, "__dict__", None)
        ):
            shown = {k: v for k, v in own.items() if not k.startswith("_")}
            return (f"{name} with ", "", ((f"{k}=", v) for k, v in shown.items()), len(shown))
        return None


def _filled(items: list[str], width: int) -> list[str]:
    """Short items several to a line, as numbers are read; otherwise one each."""
    if any("\n" in item or len(item) > _SHORT for item in items):
        return items
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 2 > width:
            lines.append("")
        lines[-1] += f", {item}" if lines[-1] else item
    return lines


def _plain(value: Any) -> str:
    """A value without parts. A table or an array within something larger is named only."""
    try:
        library = library_of(value)
        return repr(value) if library is None else f"<{library.what(value)}>"
    except Exception as error:  # its own __repr__
        return f"<{_type_name(value)} that cannot be shown: {type(error).__name__}>"


def _short(key: Any) -> str:
    text = _plain(key)
    return text if len(text) <= 200 else f"{text[:200]}…"
