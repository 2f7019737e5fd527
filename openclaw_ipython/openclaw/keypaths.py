"""Paths of settings as they are typed: `models.providers."a.b".baseUrl`, `agents.list[0]`, `a["b.c"]`.

Pure: text → segments, segments → the keys of a document, keys → text. The meaning of settings is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any, Final

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

Keys = tuple[str, ...]

MISSING: Final = object()
"""The result of `value_at` where there is nothing; None is a value."""

_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_SEGMENT = rf"""(?s)\[\s*(?P<inside>{_QUOTED}|[^\]"']+?)\s*\]|(?P<quoted>{_QUOTED})|(?P<bare>[^.\[\]"']+)"""
_PLAIN = r"""[^.\[\]"'\\\s]+"""
_INDEX = r"0|[1-9][0-9]{0,8}"
_MOST_SEGMENTS = 32
_HINT = 'write it like models.providers."a.b".baseUrl'


class Segment(Struct, frozen=True):
    """A part of a path. `bare`: typed without quotes, so `qwen3.7` may be two keys or one with a dot."""

    text: str
    bare: bool = True


def parse_path(text: str) -> tuple[Segment, ...]:
    """The segments of a path as it is typed. Raises UsageError for a malformed one."""
    found: list[Segment] = []
    at = 0
    while at < len(text):
        if found and text[at] == ".":
            at += 1
        elif found and text[at] != "[":
            raise _malformed(text)
        match = re.compile(_SEGMENT).match(text, at)
        if match is None:
            raise _malformed(text)
        found.append(_segment(match))
        at = match.end()
    if not found or text.endswith(".") or len(found) > _MOST_SEGMENTS:
        raise _malformed(text)
    return tuple(found)


def keys_of(document: Any, segments: Sequence[Segment]) -> Keys:
    """The keys of `document` that the segments name.

    Bare segments are joined where the document has a key with dots in it and no other reading fits better.
    Of keys that the document lacks, each segment is one.
    """
    return _best_match(document, tuple(segments))[1]


def value_at(document: Any, keys: Sequence[str]) -> Any:
    """The value at `keys`, list positions included; MISSING where there is none."""
    for key in keys:
        document = _child(document, key)
        if document is MISSING:
            return MISSING
    return document


def path_text(keys: Sequence[str]) -> str:
    """The path as it is typed; keys with dots, blanks or brackets in quotes."""
    return ".".join(
        key if re.fullmatch(_PLAIN, key) else '"' + re.sub(r'(["\\])', r"\\\1", key) + '"' for key in keys
    )


def paths_in(document: Any, limit: int = 2000) -> list[str]:
    """The paths of every setting and group, in the order of the document; lists count as one setting."""
    return [path_text(keys) for keys in islice(_walk(document, ()), limit)]


# -- inside --------------------------------------------------------------------------------


def _segment(match: re.Match[str]) -> Segment:
    if match["bare"] is not None:
        return Segment(match["bare"])
    text = match["quoted"] if match["quoted"] is not None else match["inside"]
    if text[0] in "\"'":
        text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return Segment(text, bare=False)


def _best_match(value: Any, segments: tuple[Segment, ...]) -> tuple[int, Keys]:
    """The keys that leave the fewest segments without a key of the document, after the number of those."""
    if not segments:
        return 0, ()
    best = len(segments), tuple(segment.text for segment in segments)
    bare = sum(1 for _segment in takewhile(lambda segment: segment.bare, segments))
    for size in range(1, max(1, bare) + 1):  # as many of the leading segments may be one key
        key = ".".join(segment.text for segment in segments[:size])
        child = _child(value, key)
        if child is not MISSING:
            left, keys = _best_match(child, segments[size:])
            if left < best[0]:
                best = left, (key, *keys)
    return best


def _child(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, MISSING)
    if isinstance(value, list) and re.fullmatch(_INDEX, key) and int(key) < len(value):
        return value[int(key)]
    return MISSING


def _walk(value: Any, keys: Keys) -> Iterator[Keys]:
    for key, child in value.items() if isinstance(value, Mapping) else ():
        yield (*keys, key)
        if len(keys) < _MOST_SEGMENTS:
            yield from _walk(child, (*keys, key))


def _malformed(text: str) -> UsageError:
    return UsageError(_("{text!r} is not the path of a setting", text=text[:80]), hint=_HINT)
