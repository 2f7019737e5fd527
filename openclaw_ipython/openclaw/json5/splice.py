"""Cutting and joining: where exactly a JSON5 text is opened to replace, add or take away one member.

Pure text surgery on the positions `json5_reader` found. What to change is decided in `json5`. The rule of this
file: comments are never removed, line ends never changed, and what is added looks like its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from openclaw_ipython.openclaw.json5.parse import Member, Node, skip_trivia
from openclaw_ipython.openclaw.json5.write import Style, render, render_key

_LINE_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*")
_REST_OF_LINE = re.compile(r"[^\n\r]*(?:\r\n|\n|\r|\Z)")
_BLANKS = re.compile(r"[ \t]*")
_BREAK = re.compile(r"\r\n|\n|\r")


class Place(NamedTuple):
    """Where an edit lands: the object, the chain of objects around it from the root, the keys still to go."""

    node: Node
    around: tuple[Node, ...]
    rest: tuple[str, ...]

    @property
    def member(self) -> Member | None:
        """The member the whole path leads to, None if it is not there yet."""
        return member_of(self.node, self.rest[0]) if len(self.rest) == 1 else None


def member_of(node: Node, key: str) -> Member | None:
    """The member that counts under `key`: the last one."""
    return next((member for member in reversed(node.members or ()) if member.key == key), None)


def replace_value(text: str, place: Place, member: Member, value: Any) -> str:
    """Another value in the place of the old one, one line if the old one was."""
    node = member.node
    written = text[node.start : node.end]
    style = _style(text, place)
    if isinstance(node.value, str):
        style = replace(style, quote=written[0])
    if isinstance(node.value, dict | list) and node.value and not _breaks(written):
        style = style.flattened()
    return text[: node.start] + render(value, style, _indent(text, member.start)) + text[node.end :]


# -- inserting -----------------------------------------------------------------------------


def insert(text: str, place: Place, value: Any) -> str:
    """A new last member. Comments after the old last member stay where they are, in front of it."""
    node, style = place.node, _style(text, place)
    last = node.members[-1] if node.members else None
    after = last.node.end if last else node.start + 1
    content = after + _content_length(text[after : node.end - 1])
    comma = "," if last and _comma(text, after) is not None else ""
    link = "," if last and not comma else ""
    indent = _own_line_indent(text, last) if last else None
    if indent is None:
        indent = _indent(text, node.start) + style.unit
    new = render_key(place.rest[0], style) + style.colon + render(value, style, indent) + comma
    if style.flat and not _ends_in_line_comment(text, after, content):
        return text[:after] + link + text[after:content] + (style.gap if last else "") + new + text[content:]
    end = content
    if not last and not _breaks(text[content : node.end - 1]):  # the bracket gets a line of its own
        new, end = new + style.newline + _indent(text, node.start), node.end - 1
    return text[:after] + link + text[after:content] + style.newline + indent + new + text[end:]


def _content_length(tail: str) -> int:
    """How much of what follows the last member is comma and comments; white space at the end is not."""
    position = length = 0
    while position < len(tail):
        if tail[position] == ",":
            position = length = position + 1
        elif tail.startswith(("//", "/*"), position):
            position = length = _comment_end(tail, position)
        else:
            position += 1
    return length


def _comment_end(text: str, position: int) -> int:
    match = _LINE_COMMENT.match(text, position)
    return match.end() if match else text.index("*/", position + 2) + 2


def _ends_in_line_comment(text: str, start: int, end: int) -> bool:
    position, line_comment = start, False
    while position < end:
        if text.startswith(("//", "/*"), position):
            line_comment = text.startswith("//", position)
            position = _comment_end(text, position)
        else:
            line_comment = False
            position += 1
    return line_comment


def _comma(text: str, position: int) -> int | None:
    """Where the comma after a value stands, if there is one."""
    position = skip_trivia(text, position)
    return position if text.startswith(",", position) else None


# -- removing ------------------------------------------------------------------------------


def remove(text: str, place: Place) -> str:
    """Without the member at the place, and without earlier members of that name, which would count then."""
    members = list(place.node.members or ())
    for index in reversed(range(len(members))):  # from the end: what stands before keeps its position
        if members[index].key == place.rest[0]:
            text = _remove(text, members, index)
            del members[index]
    return text


def _remove(text: str, members: list[Member], index: int) -> str:
    """Cut the member, the comma that belongs to it, and its line if nothing else stands on it."""
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
    """How this part of the file is written, by its nearest neighbours."""
    objects = (place.node, *reversed(place.around))
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
    """Whether members of this object stand on one line. An empty object does as its neighbours do."""
    members = place.node.members or []
    if members:
        return _own_line_indent(text, members[-1]) is None
    if _breaks(text[place.node.start : place.node.end]):
        return False
    return bool(place.around) and not _breaks(text[place.around[-1].start : place.around[-1].end])


def _unit(text: str, objects: tuple[Node, ...]) -> str:
    for node in objects:
        for member in node.members or ():
            indent = _own_line_indent(text, member)
            outer = _indent(text, node.start)
            if indent is not None and len(indent) > len(outer) and indent.startswith(outer):
                return indent[len(outer) :]
    return "  "


def _own_line_indent(text: str, member: Member) -> str | None:
    """The white space before a member that starts its line, None if something else does."""
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
