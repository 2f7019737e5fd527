"""Reading JSON5 (https://spec.json5.org, version 1.0.0): text in, plain Python or a tree of `Node`s out.

A `Node` knows where its value stands in the text, so that an edit (`json5.edit`) leaves every other character
alone. No files and no meaning of keys in here.

Bounded by design: no recursion, every character is looked at a bounded number of times, and the one
exception is `Json5Error`, whose message never quotes the document (there are keys and tokens in it).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import UNSET, Struct

from openclaw_ipython.sanitize.secrets import HiddenFields

MAX_DEPTH = 200
"""Objects and lists inside one another; no configuration comes near it."""

MAX_DIGITS = 4300
"""Digits of one number: beyond it, turning decimal text into an integer takes quadratic time."""


class Json5Error(ValueError):
    """The text is not JSON5, or an edit does not fit it.

    `line` and `column` are 1-based. The message holds no part of the document.
    """

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


REMOVE: Final = UNSET
"""The value of an `Edit` that removes the member."""


class Edit(HiddenFields, Struct, frozen=True):
    """One change: the member at `path` (keys from the root) becomes `value`, or is removed if that is `REMOVE`."""

    path: tuple[str, ...]
    value: Any


class Document(HiddenFields, Struct, frozen=True):
    """A parsed text. `value` is plain Python; of duplicate keys the last counts, as in JavaScript."""

    text: str
    value: Any


def parse(text: str) -> Document:
    """Read a JSON5 document.

    Raises `Json5Error` with line and column.
    """
    return Document(text, _plain_json(text))


def dotted(path: Sequence[str]) -> str:
    """A path for messages: `models.providers.qwen-portal`."""
    return ".".join(path)


def member_at(value: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping_at(value: Any, *path: str) -> Mapping[str, Any]:
    """The object at a path of keys; an empty one where there is none."""
    found = member_at(value, path)
    return found if isinstance(found, Mapping) else {}


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: 1, 1.0 and true are three values, NaN is one."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


class Member(NamedTuple):
    """One `key: value` of an object. `start`/`end` enclose the key as written, with its quotes."""

    key: str
    start: int
    end: int
    node: Node


class Node(HiddenFields, Struct, eq=False):
    """One value and the half-open range of characters `start`, `end` it is written in.

    `members` is what an object holds, in order and with duplicates; None for anything else. Lists are
    single values here: edits address members of objects only.
    """

    start: int
    end: int
    value: Any
    members: list[Member] | None = None


_SPACE = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# Possessive (`*+`): what was read as a comment is never tried again as something else.
_TRIVIA = rf"(?:[{_SPACE}]++|//[^\n\r\u2028\u2029]*+|/\*(?s:.*?)\*/)*+"
_NUMBER = (
    r"[+-]?(?:(?P<hex>0[xX][0-9a-fA-F]++)|(?P<word>Infinity|NaN)"
    r"|(?P<int>0|[1-9][0-9]*+)(?![.eE0-9])"
    r"|(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)(?![\w$.\\])"
)
_STRINGS = {quote: rf"{quote}((?:[^{quote}\\\n\r]++|\\(?:\r\n|[\s\S]))*+){quote}" for quote in ('"', "'")}
_HIGH, _LOW = r"[dD][89abAB][0-9a-fA-F]{2}", r"[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = rf"\\(?:u({_HIGH})\\u({_LOW})|u([0-9a-fA-F]{{4}})|x([0-9a-fA-F]{{2}})|(\r\n|[\s\S]))"
_NAME = rf"(?:[A-Za-z0-9_$]|\\u[0-9a-fA-F]{{4}}|[^\x00-\x7f{_SPACE}])++"
_PLAIN_NAME = r"[A-Za-z_$][A-Za-z0-9_$]*"
_LINE_END = r"\r\n|[\n\r\u2028\u2029]"
_LITERALS = (("true", True), ("false", False), ("null", None))
_SIMPLE_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAME_START = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_NAME_PART = _NAME_START | {"Mn", "Mc", "Nd", "Pc"}


def skip_trivia(text: str, position: int) -> int:
    """The first position at or after `position` that is neither white space nor comment."""
    match = re.compile(_TRIVIA).match(text, position)
    return match.end() if match else position


def is_plain_name(key: str) -> bool:
    """Whether every JSON5 reader takes `key` without quotes."""
    return re.fullmatch(_PLAIN_NAME, key) is not None


def fault(text: str, position: int, message: str) -> Json5Error:
    """A `Json5Error` that points at `position`."""
    line, start = 1, 0
    for match in re.finditer(_LINE_END, text[:position]):
        line, start = line + 1, match.end()
    return Json5Error(message, line=line, column=position - start + 1)


def read(text: str) -> Node:
    """The tree of one JSON5 document.

    Raises `Json5Error` for everything that is not one.
    """
    return _Reader(text).document()


class _Reader:
    """One pass over the text. Open containers are kept in a list instead of the call stack."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[Node] = []
        self._keys: list[tuple[str, int, int]] = []  # the key whose value is next, per open object

    def document(self) -> Node:
        node = self._value()
        while self._open:
            parent = self._open[-1]
            just_opened = node is parent
            if not just_opened:
                self._add(parent, node)
            more = just_opened or self._comma()
            if self._peek() == ("]" if parent.members is None else "}"):
                node = self._close()
            elif not more:
                raise self._fault("expected a comma or the closing bracket")
            else:
                if parent.members is not None:
                    self._key()
                node = self._value()
        if self._peek():
            raise self._fault("expected the end of the document")
        return node

    # -- containers ------------------------------------------------------------------------

    def _enter(self, node: Node) -> Node:
        if len(self._open) >= MAX_DEPTH:
            raise self._fault(f"more than {MAX_DEPTH} levels deep")
        self._open.append(node)
        self._at += 1
        return node

    def _close(self) -> Node:
        node = self._open.pop()
        self._at += 1
        node.end = self._at
        return node

    def _add(self, parent: Node, node: Node) -> None:
        if parent.members is None:
            parent.value.append(node.value)
            return
        key, start, end = self._keys.pop()
        parent.members.append(Member(key, start, end, node))
        parent.value[key] = node.value

    def _comma(self) -> bool:
        if self._peek() != ",":
            return False
        self._at += 1
        return True

    def _key(self) -> None:
        first = self._peek()
        start = self._at
        key = self._string(first) if first in _STRINGS else self._name()
        self._keys.append((key, start, self._at))
        if self._peek() != ":":
            raise self._fault("expected a colon after the key")
        self._at += 1

    # -- values ----------------------------------------------------------------------------

    def _value(self) -> Node:
        first = self._peek()
        start = self._at
        if first == "{":
            return self._enter(Node(start, -1, {}, []))
        if first == "[":
            return self._enter(Node(start, -1, []))
        if first in _STRINGS:
            value: Any = self._string(first)
        else:
            value = self._scalar()
        return Node(start, self._at, value)

    def _scalar(self) -> Any:
        for word, value in _LITERALS:
            after = self._at + len(word)
            if self._text.startswith(word, self._at) and not re.compile(_NAME).match(self._text, after):
                self._at = after
                return value
        match = re.compile(_NUMBER).match(self._text, self._at)
        if match is None:
            raise self._fault("expected a value" if self._at < len(self._text) else "the document ends early")
        if match.end() - match.start() > MAX_DIGITS:
            raise self._fault("a number with too many digits")
        self._at = match.end()
        return _number(match)

    def _string(self, quote: str) -> str:
        match = re.compile(_STRINGS[quote]).match(self._text, self._at)
        if match is None:
            raise self._fault("a string that does not end on its line")
        body: str = match[1]
        if "\\" in body:
            body = self._unescape(body, match.start(1))
        self._at = match.end()
        return body

    def _unescape(self, body: str, offset: int) -> str:
        def plain(match: re.Match[str]) -> str:
            high, low, unicode_, byte, other = match.groups()
            if high:
                pair = 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)
                return chr(pair)
            if unicode_ or byte:
                return chr(int(unicode_ or byte, 16))
            if other in "ux" or other in "123456789":
                raise fault(self._text, offset + match.start(), "an escape that JSON5 does not have")
            if other == "0":
                if body[match.end() : match.end() + 1].isdecimal():
                    raise fault(self._text, offset + match.start(), "an octal escape")
                return "\0"
            return "" if re.fullmatch(_LINE_END, other) else _SIMPLE_ESCAPES.get(other, other)

        return re.sub(_ESCAPE, plain, body)

    def _name(self) -> str:
        match = re.compile(_NAME).match(self._text, self._at)
        if match is None:
            raise self._fault("expected a key")
        name: str = match[0]
        if not is_plain_name(name):
            name = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), name)
            if not _is_name(name):
                raise self._fault("a key that needs quotes")
        self._at = match.end()
        return name

    # -- position -------------------------------------------------------------------------

    def _peek(self) -> str:
        """The next character that counts, '' at the end; moves there."""
        text = self._text
        position = self._at
        character = text[position : position + 1]
        if character <= " " or character == "/" or character > "~":
            position = self._at = skip_trivia(text, position)
            character = text[position : position + 1]
        return character

    def _fault(self, message: str) -> Json5Error:
        return fault(self._text, self._at, message)


def _number(match: re.Match[str]) -> int | float:
    written: str = match[0]
    sign = -1 if written[0] == "-" else 1
    if match["hex"]:
        return sign * int(match["hex"], 16)
    if match["word"]:
        return sign * float("inf" if match["word"] == "Infinity" else "nan")
    if match["int"]:
        return int(written)
    return float(written)


def _is_name(name: str) -> bool:
    """ECMAScript 5.1 §7.6 IdentifierName."""
    if name[0] not in "$_" and unicodedata.category(name[0]) not in _NAME_START:
        return False
    return all(char in "$_\u200c\u200d" or unicodedata.category(char) in _NAME_PART for char in name)


# -- plain JSON ----------------------------------------------------------------------------


def _plain_json(text: str) -> Any:
    """The value. Most files are plain JSON, and the standard library reads that fifty times faster."""
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return read(text).value
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        return read(text).value  # raises with the position
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth
