"""`{name}` in a prompt: replaced by a readable text where it names something, left exactly as typed where not.

One pass over what was typed: text that was put in is never looked at again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.names import PATH, Broken, find
from openclaw_ipython.context.text import readable

if TYPE_CHECKING:
    from openclaw_ipython.context.allowance import Allowance
    from openclaw_ipython.context.names import Notebook

_NOTHING = object()
_REFERENCE = re.compile(rf"\{{({PATH})\}}")


@dataclass(frozen=True, slots=True)
class Inserted:
    """What was put in for one reference: its name, how many characters, whether some were left out."""

    name: str
    characters: int
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Expanded:
    """A prompt with its references replaced. `left` are those that began with a known name: reference → why."""

    text: str
    inserted: tuple[Inserted, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


def expand(text: str, notebook: Notebook, allowance: Allowance) -> Expanded:
    """`text` with what its references name. Each is looked up once, however often it stands there.

    A doubled brace (`{{name}}`) is somebody's template and stays.
    """
    values: dict[str, Any] = {}
    inserted: dict[str, Inserted] = {}
    left: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if text[match.start() - 1 : match.start()] == "{" and text[match.end() : match.end() + 1] == "}":
            return match[0]
        if name not in values:
            try:
                values[name] = find(name, notebook)
            except KeyError:
                values[name] = _NOTHING
            except Broken as error:
                values[name] = _NOTHING
                left[match[0]] = str(error)
        if values[name] is _NOTHING:
            return match[0]
        found = readable(values[name], allowance.left, notebook.inputs)
        shown = allowance.spend(found.text)
        so_far = inserted.get(name, Inserted(name, 0))
        inserted[name] = Inserted(name, so_far.characters + len(shown), so_far.capped or found.capped)
        return shown

    whole = _REFERENCE.sub(replaced, text)
    return Expanded(whole, tuple(inserted.values()), tuple(left.items()))
