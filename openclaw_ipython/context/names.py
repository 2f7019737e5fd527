"""What a word names in a notebook: `name`, `name.attribute`, `name["key"]`, `name[0]`, `In[3]`, `Out[3]`, `Err`.

Nothing is evaluated: the word is taken apart, names are looked up, attributes and literal keys followed. No calls, no
builtins, nothing that begins with an underscore behind a dot; modules only where a word can be nothing but a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, MethodWrapperType, ModuleType
from typing import Any, Protocol

_NAME = r"[^\W\d]\w*"
_KEY = r"-?\d+|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
PATH = rf"{_NAME}(?:\.{_NAME}|\[(?:{_KEY})\])*"
"""The words that may name something, as a regular expression without groups."""

_BUILT_IN_METHODS = (BuiltinFunctionType, MethodWrapperType)
_WHOLE = re.compile(PATH)
_STEP = re.compile(rf"\.(?P<attribute>{_NAME})|\[(?P<key>{_KEY})\]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that has run: its number, its source as typed, and the text it brought: printed, displayed, raised."""

    number: int
    source: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception, and the cell it came from: its number and source; None and empty where that is not known.

    `line` is the 1-based line of the cell, where the traceback goes through one.
    """

    error: BaseException
    number: int | None = None
    source: str = ""
    line: int | None = None


class Notebook(Protocol):
    """What a notebook holds: the seam to IPython. `inputs` has the running cell as its last."""

    @property
    def inputs(self) -> Sequence[str]:
        """The cells' sources by number; there is no cell 0."""

    @property
    def results(self) -> Mapping[int, Any]:
        """What cells returned, by number."""

    def nameable(self) -> Mapping[str, Any]:
        """The names that a person may mean."""

    def cell(self, number: int) -> Cell:
        """An earlier cell. Raises KeyError."""

    def pictures(self, number: int) -> Sequence[tuple[str, bytes]]:
        """The pictures a cell displayed: MIME type and bytes."""

    def last_pictures(self) -> Sequence[tuple[str, bytes]]:
        """Those of the latest cell that displayed any."""

    def last_failure(self) -> Failure | None:
        """The last exception that ended a cell."""


class Names:
    """A notebook that is nothing but names: what a program has."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self.inputs: Sequence[str] = ("",)
        self.results: Mapping[int, Any] = {}

    def nameable(self) -> Mapping[str, Any]:
        """All of them."""
        return self._names

    def cell(self, number: int) -> Cell:
        """There is none."""
        raise KeyError(number)

    def pictures(self, number: int) -> Sequence[tuple[str, bytes]]:
        """None."""
        return ()

    def last_pictures(self) -> Sequence[tuple[str, bytes]]:
        """None."""
        return ()

    def last_failure(self) -> Failure | None:
        """None."""
        return None


class Broken(Exception):
    """The name is there, and what follows it leads nowhere. `str()` says why, in a word or two."""


def is_path(word: str) -> bool:
    """Whether `word` could name something in a notebook."""
    return _WHOLE.fullmatch(word) is not None


def find(path: str, notebook: Notebook, *, modules: bool = False) -> Any:
    """What `path` names. `modules`: that may be a module, or something in one.

    In a prompt it may not: `{json}` is a word more often than a wish, and `{os.environ}` may be somebody else's.

    Raises KeyError where nothing has that name, and Broken where something has and the rest leads nowhere.
    """
    root = re.match(_NAME, path)
    if root is None:
        raise KeyError(path)
    value, rest = _rooted(root[0], path[root.end() :], notebook)
    if isinstance(value, ModuleType) and not modules:
        raise KeyError(path)
    for step in _STEP.finditer(rest):
        value = _follow(value, step)
    if isinstance(value, ModuleType) and not modules:
        raise KeyError(path)
    if rest and isinstance(value, _BUILT_IN_METHODS) and not isinstance(value.__self__, ModuleType):
        raise Broken("a method")  # there are no calls, and it has no source
    return value


def _rooted(name: str, rest: str, notebook: Notebook) -> tuple[Any, str]:
    """The value that `name` begins with, and the steps that are left to go."""
    names = notebook.nameable()
    if name in names:
        return names[name], rest
    if name == "Err" and not rest and (failure := notebook.last_failure()) is not None:
        return failure, ""
    indexed = re.match(r"\[(-?\d+)\]", rest)
    if name in ("In", "Out") and indexed:
        number = int(indexed[1])
        rest = rest[indexed.end() :]
        if name == "Out":
            return notebook.results[number], rest
        earlier = notebook.inputs[:-1]
        number = number if number >= 0 else len(notebook.inputs) + number
        if 0 < number < len(earlier):
            return earlier[number], rest
    raise KeyError(name)


def _follow(value: Any, step: re.Match[str]) -> Any:
    attribute = step["attribute"]
    try:
        if attribute is not None:
            if attribute.startswith("_"):
                raise Broken("private")
            return getattr(value, attribute)
        key = ast.literal_eval(step["key"])
        if isinstance(value, type) or (isinstance(value, Mapping) and key not in value):
            raise Broken("KeyError")  # without asking further: a defaultdict would make one
        return value[key]
    except Broken:
        raise
    except Exception as error:  # a property, `__getattr__` or `__getitem__` may raise anything
        raise Broken(type(error).__name__) from None
