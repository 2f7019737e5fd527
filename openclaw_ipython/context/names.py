"""References to values of a notebook: `name`, `name.attribute`, `name["key"]`, `name[0]`, `In[3]`, `Out[3]`, `Err`.

A reference is parsed and looked up, never evaluated: no calls, no builtins, no attribute that begins with an
underscore. Modules count only where the caller says so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from types import BuiltinFunctionType, MethodWrapperType, ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.errors import UsageError

NAME = r"[^\W\d]\w*"
_KEY = r"-?\d+(?:, ?-?\d+)*|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
REFERENCE = rf"{NAME}(?:\.{NAME}|\[(?:{_KEY})\])*"
"""A reference, as a regular expression without groups."""

_BUILT_IN_METHODS = (BuiltinFunctionType, MethodWrapperType)
_STEP = rf"\.(?P<attribute>{NAME})|\[(?P<key>{_KEY})\]"
_MAX_SHOWN = 80  # characters of an unknown word in a message


class Cell(Struct, frozen=True):
    """A cell that has run: its number, its source as typed, and its text output (printed, displayed, raised)."""

    number: int
    source: str
    output: str = ""


class CellFailure(Struct, frozen=True):
    """An exception and the cell it came from: number and source, None and empty if unknown.

    `line` is the 1-based line of the cell, if the traceback goes through one. `script` is the path of the script if one
    failed (`%run`): `source` and `line` are of it. `functions` are those of other cells in the traceback.
    """

    error: BaseException
    number: int | None = None
    source: str = ""
    line: int | None = None
    script: str = ""
    functions: tuple[Cell, ...] = ()


class Notebook:
    """The contents of a notebook: the interface to IPython. This one has variables and no cells, as programs do."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    @property
    def inputs(self) -> Sequence[str]:
        """The sources of the cells by number. There is no cell 0; the last one is running."""
        return ("",)

    @property
    def results(self) -> Mapping[int, Any]:
        """The results of cells by number."""
        return {}

    def variables(self) -> Mapping[str, Any]:
        """The variables that a reference may begin with."""
        return self._variables

    def cell(self, number: int) -> Cell:
        """An earlier cell. Raises KeyError."""
        raise KeyError(number)

    def images(self, number: int) -> Sequence[tuple[str, bytes]]:
        """The images that a cell displayed: MIME type and bytes."""
        return ()

    def last_images(self) -> Sequence[tuple[str, bytes]]:
        """The images of the latest cell that displayed any."""
        return ()

    def last_failure(self) -> CellFailure | None:
        """The last exception that ended a cell."""
        return None


class BrokenReference(Exception):
    """The variable exists, but an attribute or key after it does not. `str()` is the reason in a word or two."""


def is_reference(word: str) -> bool:
    """Whether `word` has the form of a reference."""
    return re.fullmatch(REFERENCE, word) is not None


def look_up(reference: str, notebook: Notebook, *, modules: bool = False) -> Any:
    """The value of a reference. With `modules` it may be a module or something in one.

    Prompts exclude modules: `{json}` is usually just a word, and `{os.environ}` may be in text that was pasted.

    Raises KeyError if there is no such variable, BrokenReference if an attribute or key is missing.
    """
    root = re.match(NAME, reference)
    if root is None:
        raise KeyError(reference)
    value, rest = _root_value(root[0], reference[root.end() :], notebook)
    if isinstance(value, ModuleType) and not modules:
        raise KeyError(reference)
    for step in re.finditer(_STEP, rest):
        value = _follow(value, step)
    if isinstance(value, ModuleType) and not modules:
        raise KeyError(reference)
    if rest and isinstance(value, _BUILT_IN_METHODS) and not isinstance(value.__self__, ModuleType):
        raise BrokenReference("a method")  # it is not called, and it has no source
    return value


def unknown_name(word: str, notebook: Notebook) -> UsageError:
    """The error for a word that is neither a variable nor a file."""
    names = [name for name in notebook.variables() if not name.startswith("_")]
    shown = word if len(word) <= _MAX_SHOWN else f"{word[:_MAX_SHOWN]}…"
    hint = _("%who lists the variables, %ls the files here")
    return mistyped(_("{word} is neither a variable nor a file", word=shown), word, names, hint=hint)


def _root_value(name: str, rest: str, notebook: Notebook) -> tuple[Any, str]:
    """The value of the first part of a reference, and the rest of it."""
    variables = notebook.variables()
    if name in variables:
        return variables[name], rest
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
                raise BrokenReference("private")
            return getattr(value, attribute)
        key = ast.literal_eval(step["key"])
        if isinstance(value, type) or (isinstance(value, Mapping) and key not in value):
            raise BrokenReference("KeyError")  # `value[key]` of a defaultdict would add the key
        return value[key]
    except BrokenReference:
        raise
    except Exception as error:  # a property, `__getattr__` or `__getitem__` may raise anything
        raise BrokenReference(type(error).__name__) from None
