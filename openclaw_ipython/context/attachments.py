"""What `--attach` names: a variable or a text file, as a block of the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.context.files import existing, read_text
from openclaw_ipython.context.names import Broken, find, is_path
from openclaw_ipython.context.text import Readable, readable
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.context.allowance import Allowance
    from openclaw_ipython.context.names import Notebook


_SHOWN = 80  # characters of a word that names nothing


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment: the block it is in the prompt, and for the footer its name, its length, whether it was cut."""

    name: str
    block: str
    characters: int
    capped: bool


def attach(word: str, notebook: Notebook, allowance: Allowance) -> Attached:
    """What `word` names: a variable first, then a file. Raises UsageError, with suggestions, for neither."""
    path = existing(word)
    if is_path(word):
        try:
            value = find(word, notebook, modules=True)
        except KeyError:
            pass
        except Broken as error:
            if path is None:  # else `data.csv`, where there is a variable `data`
                raise UsageError(_("{word} leads nowhere ({why})", word=word, why=error)) from None
        else:
            if isinstance(value, ModuleType):
                raise UsageError(_("{word} is a module; name something in it", word=word))
            if isinstance(value, Path):
                return _file(value, allowance)
            shown = readable(value, allowance.left, notebook.inputs)
            allowance.spend(shown.text)
            return _block(word, shown)
    if path is not None:
        return _file(path, allowance)
    raise unknown(word, notebook)


def unknown(word: str, notebook: Notebook) -> UsageError:
    """What is said of a word that names nothing."""
    near = suggest(word, [name for name in notebook.nameable() if not name.startswith("_")])
    shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"
    return UsageError(
        _("{word} is no variable and no file{meant}", word=shown, meant=did_you_mean(near)),
        suggestions=near,
    )


def _file(path: Path, allowance: Allowance) -> Attached:
    found = read_text(path, allowance.left)
    text, cut = allowance.take(found.text, found.total)
    return _block(path.name, Readable(text, "file", cut, found.language))


def _block(name: str, found: Readable) -> Attached:
    block = f"{name} ({found.what}):\n{fenced(found.text, found.language)}"
    return Attached(name, block, len(found.text), found.capped)
