"""One edit of a JSON5 document: found, and spliced in. Pure; loaded when something is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openclaw_ipython.openclaw.json5.document import REMOVE, Edit, dotted, edit, same
from openclaw_ipython.openclaw.json5.parse import Json5Error, Node, fault, read, skip_trivia
from openclaw_ipython.openclaw.json5.splice import Place, insert, member_of, newline_of, remove, replace_value
from openclaw_ipython.openclaw.json5.write import Style, render


def edit_one(text: str, change: Edit) -> str:
    """`text` with one change. Raises `Json5Error` as `json5.edit` says."""
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
    node, around = root, tuple[Node, ...]()
    for depth, key in enumerate(path):
        if node.members is None:
            where = f"`{dotted(path[:depth])}`" if depth else "the document"
            raise fault(text, node.start, f"{where} is not an object")
        member = member_of(node, key)
        if member is None or depth == len(path) - 1:
            return Place(node, around, path[depth:])
        node, around = member.node, (*around, node)
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
    """The first value of a file that has none; a comment in it stays in front."""
    style = Style(newline=newline_of(text))
    if not text.strip("\ufeff \t\r\n"):
        head = "\ufeff" if text.startswith("\ufeff") else ""
    else:
        head = text if text.endswith(("\n", "\r")) else text + style.newline
    return head + render(_nested(change.path, change.value), style) + style.newline
