"""`{name}` in a prompt: replaced by the text of its value, or left as typed if there is no such variable.

The prompt is scanned once: inserted text is never scanned again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.context.names import REFERENCE, BrokenReference, look_up
from openclaw_ipython.context.value_text import value_text

if TYPE_CHECKING:
    from openclaw_ipython.context.blocks import TextBudget
    from openclaw_ipython.context.names import Notebook

_NOTHING = object()


class Insertion(Struct, frozen=True):
    """The text inserted for one reference: its name, the number of characters, and whether it was truncated."""

    name: str
    characters: int
    truncated: bool = False


class ExpandedText(Struct, frozen=True):
    """A prompt with its references replaced. `broken` are pairs of a reference left as typed and the reason."""

    text: str
    insertions: tuple[Insertion, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def expand(text: str, notebook: Notebook, budget: TextBudget) -> ExpandedText:
    """`text` with its references replaced. Each name is looked up once.

    A doubled brace (`{{name}}`) belongs to a template and stays.
    """
    values: dict[str, Any] = {}
    insertions: dict[str, Insertion] = {}
    broken: dict[str, str] = {}

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if text[match.start() - 1 : match.start()] == "{" and text[match.end() : match.end() + 1] == "}":
            return match[0]
        if name not in values:
            try:
                values[name] = look_up(name, notebook)
            except KeyError:
                values[name] = _NOTHING
            except BrokenReference as error:
                values[name] = _NOTHING
                broken[match[0]] = str(error)
        if values[name] is _NOTHING:
            return match[0]
        value = value_text(values[name], budget.remaining, notebook.inputs)
        budget.spend(value.text)
        before = insertions.get(name, Insertion(name, 0))
        insertions[name] = Insertion(
            name, before.characters + len(value.text), before.truncated or value.truncated
        )
        return value.text

    expanded = re.sub(rf"\{{({REFERENCE})\}}", replacement, text)
    return ExpandedText(expanded, tuple(insertions.values()), tuple(broken.items()))
