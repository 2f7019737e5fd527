"""Python values as text for a model: limited in length, complete if small, summarised if large.

Types of other libraries are recognised by name; no library is imported. An exception that a value raises while it is
read is named in its place.
"""

from __future__ import annotations

import ast
import codecs
import dataclasses
import inspect
import re
import textwrap
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from numbers import Number
from pathlib import Path, PurePath
from types import FunctionType, MethodType
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.context.blocks import fenced, with_omission
from openclaw_ipython.context.names import CellFailure
from openclaw_ipython.context.tables import describer_of, quiet
from openclaw_ipython.sanitize.secrets import redact

_LINE_WIDTH = 100  # characters: a container that fits is written on one line
_SHORT_ITEM = 16  # characters: shorter items share lines
_MAX_DEPTH = 12
_HEX_BYTES = 64  # of binary data, shown as hexadecimal digits
_MAX_FRAMES = 12  # of each exception, the innermost
_TRACEBACK_EDGE = 10_000  # characters at each end of a long traceback; some messages hold a whole page
_PACKAGE = str(Path(__file__).parents[1])
_PLAIN = (Number, date, time, timedelta, UUID, PurePath, type(None))
"""Types whose `str` needs no type name."""


class ValueText(Struct, frozen=True):
    """A value as text. `kind` describes it in a few words; `language` is the info string of a fence for it.

    `truncated`: the value is longer, which the text says too.
    """

    text: str
    kind: str
    truncated: bool = False
    language: str = ""


def value_text(value: Any, limit: int, cells: Sequence[str] = ()) -> ValueText:
    """`value` as text of at most about `limit` characters. Never raises.

    `cells` are the sources of the notebook's cells, which are searched for the source of a class.
    """
    try:
        found = _described(value, max(0, limit), cells)
    except Exception as error:  # of its repr, a property, an incomplete frame
        kind = type(value).__name__
        found = ValueText(f"({kind} that cannot be shown: {type(error).__name__})", kind)
    more = len(found.text) - limit
    if more <= 0:
        return found
    return replace(found, text=with_omission(found.text[:limit], more), truncated=True)


def _described(value: Any, limit: int, cells: Sequence[str]) -> ValueText:
    if isinstance(value, str):
        return ValueText(str(value), "text" if type(value) is str else type(value).__name__)
    if isinstance(value, _PLAIN) or any(
        cls.__name__ == "generic" and cls.__module__ == "numpy" for cls in type(value).__mro__
    ):
        return ValueText(str(value), type(value).__name__)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ValueText(
            _binary(bytes(value[: limit + 4]), len(value)), f"{len(value):,} bytes", len(value) > limit
        )
    if isinstance(value, CellFailure):
        return ValueText(failure_text(value), type(value.error).__name__)
    if isinstance(value, BaseException):
        return ValueText(traceback_text(value), type(value).__name__)
    if (describer := describer_of(value)) is not None:
        with quiet():
            return ValueText(describer.text(value), describer.summary(value))
    if isinstance(value, (type, FunctionType, MethodType)):
        kind = "class" if isinstance(value, type) else "function"
        return ValueText(source_of(value, cells), kind, language="python")
    text, truncated = _container_text(value, limit)
    counted = isinstance(value, (dict, list, tuple, set, frozenset, deque))
    kind = f"{type(value).__name__} of {len(value):,}" if counted else type(value).__name__
    return ValueText(text, kind, truncated, "python")


def _binary(data: bytes, total: int) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)  # the data may end within a character
    except UnicodeDecodeError:
        text = ""
    if text and not re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text):
        return text if len(data) == total else f"{text}\n… {total - len(data):,} more bytes, left out"
    more = f" … {total - _HEX_BYTES:,} more bytes" if total > _HEX_BYTES else ""
    return f"{total:,} bytes: {data[:_HEX_BYTES].hex(' ')}{more}"


def _container_text(value: Any, limit: int) -> tuple[str, bool]:
    """A container in at most `limit` characters, with notes in the places of omitted items; whether any are omitted."""
    budget = limit
    while True:
        writer = _ContainerWriter(budget)
        text = writer.text(value)
        if len(text) <= limit or budget < 20:
            return text, writer.truncated
        # indentation is not counted in advance
        budget = min(budget - 1, budget * limit // len(text) * 9 // 10)


class _ContainerWriter:
    """Writes containers in Python's notation, long ones over several lines, within a number of characters."""

    def __init__(self, limit: int) -> None:
        self._remaining = limit
        self.truncated = False
        self._open: set[int] = set()  # ids of the containers being written, against cycles

    def text(self, value: Any, indent: int = 0) -> str:
        """`value`, with all lines but the first indented by `indent`."""
        parts = self._parts_of(value)
        if parts is None:
            return self._spend(_atom(value))
        if id(value) in self._open or len(self._open) >= _MAX_DEPTH:
            return self._spend("…")
        self._open.add(id(value))
        opening, closing, items, count = parts
        written = list(self._items(items, count, indent + 2))
        self._open.discard(id(value))
        line = f"{opening}{', '.join(written)}{closing}"
        if len(line) + indent <= _LINE_WIDTH and "\n" not in line:
            return line
        lines = _filled(written, _LINE_WIDTH - indent - 2)
        inner = "".join(f"\n{' ' * (indent + 2)}{line}," for line in lines)
        return f"{opening}{inner}\n{' ' * indent}{closing}"

    def _items(self, items: Iterator[tuple[str, Any]], count: int, indent: int) -> Iterator[str]:
        for number, (label, value) in enumerate(items):
            if self._remaining <= 0:
                self.truncated = True
                yield f"… {count - number:,} more"
                return
            self._remaining -= len(label) + 2 + indent // 2
            yield label + self.text(value, indent)

    def _spend(self, text: str) -> str:
        length = max(self._remaining, 20)
        if len(text) > length:
            self.truncated = True
            text = f"{text[:length]}… {len(text) - length:,} more characters"
        self._remaining -= len(text)
        return text

    def _parts_of(self, value: Any) -> tuple[str, str, Iterator[tuple[str, Any]], int] | None:
        """Brackets, labelled items and their number; None for a value without parts."""
        name = type(value).__name__
        match value:
            case dict():
                brackets = ("{", "}") if type(value) is dict else (f"{name}({{", "})")
                return (*brackets, ((f"{_key_text(k)}: ", v) for k, v in value.items()), len(value))
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
    """Lines of several items if all are short, such as numbers; else one item per line."""
    if any("\n" in item or len(item) > _SHORT_ITEM for item in items):
        return items
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 2 > width:
            lines.append("")
        lines[-1] += f", {item}" if lines[-1] else item
    return lines


def _atom(value: Any) -> str:
    """A value without parts. A table or array inside a container is only summarised."""
    try:
        describer = describer_of(value)
        return repr(value) if describer is None else f"<{describer.summary(value)}>"
    except Exception as error:  # of its __repr__
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _key_text(key: Any) -> str:
    text = _atom(key)
    return text if len(text) <= 200 else f"{text[:200]}…"


# -- source of functions and classes ---------------------------------------------------------


def source_of(value: Any, cells: Sequence[str] = ()) -> str:
    """The source of a function or class; if there is none, its signature and docstring. Runs nothing.

    `cells` are sources that are searched for a class: before Python 3.13 `inspect` finds classes only in files.
    """
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(value))).rstrip()
    except (OSError, TypeError, IndentationError):
        pass
    if (
        isinstance(value, type)
        and value.__module__ == "__main__"
        and (found := _class_in(cells, value.__name__))
    ):
        return found
    name = getattr(value, "__qualname__", repr(value))
    try:
        head = f"{name}{inspect.signature(value)}"
    except (TypeError, ValueError):
        head = f"{name}(…)"
    doc = inspect.getdoc(value)
    return f"{head}\n{doc}" if doc else head


def _class_in(cells: Sequence[str], name: str) -> str:
    """The latest top-level definition of a class in a cell, with its decorators; empty if there is none."""
    for cell in reversed(cells):
        if f"class {name}" not in cell:
            continue
        plain = re.sub(r"^[%!].*$", "", cell, flags=re.M)
        try:
            body = ast.parse(plain).body
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                return "\n".join(plain.splitlines()[first - 1 : node.end_lineno])
    return ""


# -- exceptions ------------------------------------------------------------------------------


def traceback_text(error: BaseException) -> str:
    """The traceback of `error` and its causes, without secrets and without frames of IPython and of this package."""
    summary = traceback.TracebackException.from_exception(error)
    seen = summary
    chain: set[int] = set()
    while seen is not None and id(seen) not in chain:
        chain.add(id(seen))
        _shorten(seen)
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    text = redact("".join(summary.format()).rstrip())
    if len(text) <= 2 * _TRACEBACK_EDGE:
        return text
    left_out = len(text) - 2 * _TRACEBACK_EDGE
    return f"{text[:_TRACEBACK_EDGE]}\n… {left_out:,} characters left out …\n{text[-_TRACEBACK_EDGE:]}"


def failure_text(failure: CellFailure) -> str:
    """The source of the cell that failed, and the traceback."""
    error = traceback_text(failure.error)
    if not failure.source:
        return error
    where = f"Cell [{failure.number}]" + (f", line {failure.line}" if failure.line else "")
    return f"{where}:\n{fenced(failure.source, 'python')}\n\n{error}"


def _shorten(summary: traceback.TracebackException) -> None:
    own = [
        frame
        for frame in summary.stack
        if not frame.filename.startswith(_PACKAGE)
        and not re.search(r"[/\\]IPython[/\\]core[/\\]", frame.filename)
    ]
    left_out = max(0, len(own) - _MAX_FRAMES)
    summary.stack[:] = own[:1] + own[1 + left_out :] if left_out else own
