"""Editing JSON5 without rewriting it.

OpenClaw's configuration is written by hand, with comments and a style of its own. An edit replaces the characters of
the changed value, or inserts one new member, and nothing else. Comments are never removed, line ends never changed,
and new text has the style of the text around it. Pure; loaded only when something is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.openclaw.json5.parse import (
    MAX_DEPTH,
    REMOVE,
    Edit,
    Json5Error,
    Member,
    Node,
    dotted,
    fault,
    is_plain_name,
    read,
    same,
    skip_trivia,
)

_LINE_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*")
_REST_OF_LINE = re.compile(r"[^\n\r]*(?:\r\n|\n|\r|\Z)")
_BLANKS = re.compile(r"[ \t]*")
_BREAK = re.compile(r"\r\n|\n|\r")
_UNSAFE = re.compile("[\ud800-\udfff\u2028\u2029\ufeff]")
_REQUOTE = re.compile(r"\\(.)|'", re.DOTALL)


class Place(NamedTuple):
    """Where an edit applies: the object, the objects around it from the root, the keys that are left of the path."""

    node: Node
    parents: tuple[Node, ...]
    rest: tuple[str, ...]

    @property
    def member(self) -> Member | None:
        """The member the whole path leads to, None if it is not there yet."""
        return member_of(self.node, self.rest[0]) if len(self.rest) == 1 else None


def edit(text: str, edits: Sequence[Edit]) -> str:
    """`text` with the edits done, one after the other, and every other character as it was.

    Missing parents are created. Text that holds no value yet (empty, blank, only comments) counts as an
    empty object. Where both old and new value are objects, only the members that differ are touched.
    Raises `Json5Error` for text that is not JSON5 and for a path that leads through something that is
    not an object.
    """
    for change in edits:
        text = _edit_one(text, change)
    return text


def _edit_one(text: str, change: Edit) -> str:
    """`text` with one change. Raises `Json5Error` as `edit` does."""
    if not change.path:
        raise Json5Error("an edit needs a path")
    if skip_trivia(text, 0) == len(text):
        return text if change.value is REMOVE else _start(text, change)
    place = _find(text, read(text), change.path)
    member = place.member
    if change.value is REMOVE:
        return remove(text, place) if member else text
    if member is None:
        return insert(text, place, _nested(place.rest[1:], change.value))
    if same(member.node.value, change.value):
        return text
    if isinstance(change.value, dict) and member.node.members is not None and change.value:
        return edit(text, list(_differences(change.path, member.node.value, change.value)))
    return replace_value(text, place, member, change.value)


def _find(text: str, root: Node, path: tuple[str, ...]) -> Place:
    node, parents = root, tuple[Node, ...]()
    for depth, key in enumerate(path):
        if node.members is None:
            where = f"`{dotted(path[:depth])}`" if depth else "the document"
            raise fault(text, node.start, f"{where} is not an object")
        member = member_of(node, key)
        if member is None or depth == len(path) - 1:
            return Place(node, parents, path[depth:])
        node, parents = member.node, (*parents, node)
    raise AssertionError("a path has a last key")


def _nested(keys: tuple[str, ...], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _differences(path: tuple[str, ...], old: dict[str, Any], new: dict[str, Any]) -> Iterator[Edit]:
    for key in old:
        if key not in new:
            yield Edit((*path, key), REMOVE)
    for key, value in new.items():
        if key not in old or not same(old[key], value):
            yield Edit((*path, key), value)


def _start(text: str, change: Edit) -> str:
    """The first value of a file that has none; a comment in it stays before the value."""
    style = Style(newline=newline_of(text))
    if not text.strip("\ufeff \t\r\n"):
        head = "\ufeff" if text.startswith("\ufeff") else ""
    else:
        head = text if text.endswith(("\n", "\r")) else text + style.newline
    return head + render(_nested(change.path, change.value), style) + style.newline


# -- replacing -----------------------------------------------------------------------------


def member_of(node: Node, key: str) -> Member | None:
    """The member that counts under `key`: the last one."""
    return next((member for member in reversed(node.members or ()) if member.key == key), None)


def replace_value(text: str, place: Place, member: Member, value: Any) -> str:
    """Replace the value of a member, on one line if the old value was."""
    node = member.node
    written = text[node.start : node.end]
    style = _style(text, place)
    if isinstance(node.value, str):
        style = replace(style, quote=written[0])
    if isinstance(node.value, dict | list) and node.value and not _breaks(written):
        style = replace(style, flat=True)
    return text[: node.start] + render(value, style, _indent(text, member.start)) + text[node.end :]


# -- inserting -----------------------------------------------------------------------------


def insert(text: str, place: Place, value: Any) -> str:
    """Add a last member. Comments after the old last member stay where they are, before the new one."""
    node, style = place.node, _style(text, place)
    last = node.members[-1] if node.members else None
    after = last.node.end if last else node.start + 1
    length, line_comment = _content(text[after : node.end - 1])
    content = after + length
    comma = "," if last and _comma(text, after) is not None else ""
    link = "," if last and not comma else ""
    indent = _own_line_indent(text, last) if last else None
    if indent is None:
        indent = _indent(text, node.start) + style.unit
    new = render_key(place.rest[0], style) + style.colon + render(value, style, indent) + comma
    if style.flat and not line_comment:
        return text[:after] + link + text[after:content] + (style.gap if last else "") + new + text[content:]
    end = content
    if not last and not _breaks(text[content : node.end - 1]):  # the bracket gets a line of its own
        new, end = new + style.newline + _indent(text, node.start), node.end - 1
    return text[:after] + link + text[after:content] + style.newline + indent + new + text[end:]


def _content(tail: str) -> tuple[int, bool]:
    """The length of comma and comments after the last member, and whether they end in a line comment."""
    position = length = 0
    line_comment = False
    while position < len(tail):
        if tail[position] == ",":
            position = length = position + 1
            line_comment = False
        elif tail.startswith(("//", "/*"), position):
            line_comment = tail.startswith("//", position)
            position = length = _comment_end(tail, position)
        else:
            position += 1
    return length, line_comment


def _comment_end(text: str, position: int) -> int:
    match = _LINE_COMMENT.match(text, position)
    return match.end() if match else text.index("*/", position + 2) + 2


def _comma(text: str, position: int) -> int | None:
    """The position of the comma after a value, None where there is none."""
    position = skip_trivia(text, position)
    return position if text.startswith(",", position) else None


# -- removing ------------------------------------------------------------------------------


def remove(text: str, place: Place) -> str:
    """Remove the member at the place, and earlier members of that name, which would count then."""
    members = list(place.node.members or ())
    for index in reversed(range(len(members))):  # from the end, so that positions before it stay valid
        if members[index].key == place.rest[0]:
            text = _remove(text, members, index)
            del members[index]
    return text


def _remove(text: str, members: list[Member], index: int) -> str:
    """Cut the member, its comma, and its line if nothing else is on it."""
    start, end = members[index].start, members[index].node.end
    comma = _comma(text, end)
    cuts = [(start, end)]
    if comma is not None:
        end = comma + 1
        cuts.append((comma, end))
    elif index and (before := _comma(text, members[index - 1].node.end)) is not None:
        cuts.append((before, before + 1))
    return _cut(text, cuts, start, end, last=index == len(members) - 1)


def _cut(text: str, cuts: list[tuple[int, int]], start: int, end: int, *, last: bool) -> str:
    line_start, line_end = _line_around(text, start, end)
    stays = "".join(text[a:b] for a, b in _kept(cuts, line_start, line_end))
    before = len(text[line_start:start]) - len(text[line_start:start].rstrip(" \t"))
    after = _BLANKS.match(text, end).end()  # type: ignore[union-attr]  # matches the empty text too
    if not stays.strip():
        cuts = [cut for cut in cuts if not line_start <= cut[0] < line_end] + [(line_start, line_end)]
    elif last or text.startswith(("\n", "\r"), after):
        cuts.append((start - before, start))
    else:
        cuts.append((end, after))
    return "".join(text[a:b] for a, b in _kept(cuts, 0, len(text)))


def _kept(cuts: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    for cut_start, cut_end in sorted(cuts):
        if start <= cut_start < end:
            yield start, cut_start
            start = cut_end
    yield start, end


def _line_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The whole lines, with their end, that hold the range."""
    line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    match = _REST_OF_LINE.match(text, end)
    return line_start, match.end() if match else end


# -- the style of a file -------------------------------------------------------------------


def _style(text: str, place: Place) -> Style:
    """The style of this part of the file, from its nearest members."""
    objects = (place.node, *reversed(place.parents))
    example = next((node.members[-1] for node in objects if node.members), None)
    style = Style(newline=newline_of(text), unit=_unit(text, objects), flat=_is_flat(text, place))
    if example is None:
        return style
    key = text[example.start : example.end]
    colon = text[example.end : example.node.start]
    plain = re.fullmatch(r"[ \t]*:[ \t]*", colon) is not None
    return replace(
        style,
        quote="'" if key[0] == "'" else '"',
        bare_keys=key[0] not in "\"'",
        colon=colon if plain else ": ",
        gap="" if colon == ":" else " ",
    )


def _is_flat(text: str, place: Place) -> bool:
    """Whether the members of this object are on one line; for an empty object, whether those around it are."""
    members = place.node.members or []
    if members:
        return _own_line_indent(text, members[-1]) is None
    if _breaks(text[place.node.start : place.node.end]):
        return False
    return bool(place.parents) and not _breaks(text[place.parents[-1].start : place.parents[-1].end])


def _unit(text: str, objects: tuple[Node, ...]) -> str:
    for node in objects:
        for member in node.members or ():
            indent = _own_line_indent(text, member)
            outer = _indent(text, node.start)
            if indent is not None and len(indent) > len(outer) and indent.startswith(outer):
                return indent[len(outer) :]
    return "  "


def _own_line_indent(text: str, member: Member) -> str | None:
    """The white space before a member that is first on its line, None for others."""
    start, _ = _line_around(text, member.start, member.start)
    head = text[start : member.start].removeprefix("\ufeff")
    return head if not head.strip(" \t") and start > 0 else None


def _indent(text: str, position: int) -> str:
    """The white space at the start of the line of `position`."""
    start, _ = _line_around(text, position, position)
    match = _BLANKS.match(text, start)
    return match[0] if match else ""


def newline_of(text: str) -> str:
    """The line end the text uses, by its first one."""
    match = _BREAK.search(text)
    return match[0] if match else "\n"


def _breaks(text: str) -> bool:
    return "\n" in text or "\r" in text


# -- writing values ------------------------------------------------------------------------


class Style(Struct, frozen=True):
    """The style of a file.

    `unit` is one level of indentation, `quote` the quote of strings and keys, `bare_keys` whether keys have none.
    `colon` separates key and value, `gap` members on one line; `flat` keeps everything on one line.
    """

    newline: str = "\n"
    unit: str = "  "
    quote: str = '"'
    bare_keys: bool = False
    colon: str = ": "
    gap: str = " "
    flat: bool = False


def render(value: Any, style: Style, indent: str = "") -> str:
    """`value` as text. The first line is indented already; further lines start with `indent`.

    Raises `Json5Error` for what JSON cannot hold: infinities, too deep nesting, keys that are no strings.
    """
    return _render(value, style, indent, 0)


def render_key(key: str, style: Style) -> str:
    """`key` in the style of the file."""
    return key if style.bare_keys and is_plain_name(key) else render_string(key, style.quote)


def render_string(text: str, quote: str = '"') -> str:
    """`text` as a string; lone surrogates and invisible line ends are escaped so that it can be stored."""
    written = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
    if quote == '"':
        return written

    def requote(match: re.Match[str]) -> str:
        if match[0] == "'":
            return "\\'"
        return '"' if match[1] == '"' else match[0]

    return f"'{_REQUOTE.sub(requote, written[1:-1])}'"


def _render(value: Any, style: Style, indent: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise Json5Error(f"a value more than {MAX_DEPTH} levels deep")
    if isinstance(value, str):
        return render_string(value, style.quote)
    if isinstance(value, dict):
        items = [
            f"{_checked_key(key, style)}{style.colon}{_render(item, style, indent + style.unit, depth + 1)}"
            for key, item in value.items()
        ]
        return _bracket("{", items, "}", style, indent)
    if isinstance(value, list | tuple):
        items = [_render(item, style, indent + style.unit, depth + 1) for item in value]
        return _bracket("[", items, "]", style, indent)
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Json5Error("a number that JSON cannot hold") from None


def _checked_key(key: Any, style: Style) -> str:
    if not isinstance(key, str):
        raise Json5Error("a key that is not text")
    return render_key(key, style)


def _bracket(opening: str, items: list[str], closing: str, style: Style, indent: str) -> str:
    if not items:
        return opening + closing
    if style.flat:
        pad = style.gap if opening == "{" else ""
        return f"{opening}{pad}{f',{style.gap}'.join(items)}{pad}{closing}"
    inner = f"{style.newline}{indent}{style.unit}"
    return f"{opening}{inner}{f',{inner}'.join(items)}{style.newline}{indent}{closing}"
