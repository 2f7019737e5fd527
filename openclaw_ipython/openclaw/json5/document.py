"""JSON5 documents that are changed without being rewritten.

OpenClaw's configuration is written by people, with comments and habits of their own. An edit here is a splice:
the bytes of the changed value, or of one new member, and nothing else. Reading is in `json5_reader`, one edit in
`json5_edits`, where to cut in `json5_splice`, the text of new values in `json5_writer`; no files and no meaning of
keys in here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from openclaw_ipython.openclaw.json5.parse import MAX_DEPTH, Json5Error, read
from openclaw_ipython.values import dataclass, field

__all__ = ["REMOVE", "Document", "Edit", "Json5Error", "dotted", "edit", "parse", "same"]


class _Remove(Enum):
    REMOVE = "REMOVE"

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove.REMOVE
"""The value of an `Edit` that takes the member away."""


@dataclass(frozen=True)
class Edit:
    """One change: the member at `path` (keys from the root) becomes `value`, or goes if that is `REMOVE`."""

    path: tuple[str, ...]
    value: Any = field(repr=False)  # may be a token


@dataclass(frozen=True)
class Document:
    """A parsed text. `value` is plain Python; of duplicate keys the last counts, as in JavaScript."""

    text: str = field(repr=False)
    value: Any = field(repr=False)


def parse(text: str) -> Document:
    """Read a JSON5 document.

    Raises `Json5Error` with line and column.
    """
    return Document(text, _plain_json(text))


def edit(text: str, edits: Sequence[Edit]) -> str:
    """`text` with the edits done, one after the other, and every other character as it was.

    Missing parents are created. Text that holds no value yet (empty, blank, only comments) counts as an
    empty object. Where both old and new value are objects, only the members that differ are touched.
    Raises `Json5Error` for text that is not JSON5 and for a path that leads through something that is
    not an object.
    """
    from openclaw_ipython.openclaw.json5.edit import edit_one  # most programs never edit

    for change in edits:
        text = edit_one(text, change)
    return text


def dotted(path: Sequence[str]) -> str:
    """A path as people write it: `models.providers.qwen-portal`."""
    return ".".join(path)


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: 1, 1.0 and true are three values, NaN is one."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is not type(right):
        return False
    return bool(left == right) or (left != left and right != right)  # noqa: PLR0124 - NaN


# -- reading -------------------------------------------------------------------------------


def _plain_json(text: str) -> Any:
    """The value. Most files are plain JSON, and the standard library reads that fifty times faster."""
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return read(text).value
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        return read(text).value  # which says where it is too deep
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth
