"""Prompts that ask a model to repair or to explain a cell that failed. Pure.

They are in English, which models follow best, and name the language of the answer.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from openclaw_ipython.context.blocks import fenced, omission
from openclaw_ipython.context.value_text import traceback_text, value_text
from openclaw_ipython.errors import hidden_fields
from openclaw_ipython.i18n import CHINESE
from openclaw_ipython.sanitize.secrets import redact

if TYPE_CHECKING:
    from openclaw_ipython.context.names import CellFailure

CELL_LIMIT = 40_000
VALUE_LIMIT = 600
VALUES_LIMIT = 6_000
"""Characters of the cell, of each value that it uses, and of all values. A note says what is left out."""

_WORD = r"(?<![\w.])[^\W\d]\w*"


class Task(NamedTuple):
    """What is asked about a failure: the beginning of the prompt, and the system prompt."""

    prompt: str
    system: str


REPAIR = Task(
    "A cell of a notebook failed. Repair it.",
    "You repair a cell of a Jupyter notebook. Answer with one or two sentences on what was wrong, then with the whole "
    "repaired cell in one fenced block marked `python`. Change no more than the repair needs: names, comments, quotes "
    "and layout stay. Where the mistake is in another cell, say so in the sentences.",
)
EXPLAIN = Task(
    "A cell of a notebook failed. Explain the error.",
    "You explain an error in a Jupyter notebook to the person who got it: what happened, why, and what to change. "
    "Be brief and concrete; point at the line; show code only where it makes things clearer.",
)
_IN_CHINESE = "Write the sentences in Simplified Chinese; code stays as it is."


class FailurePrompt(Struct, frozen=True):
    """A question about a failure: the prompt, the system prompt, and the lines of the cell whose secrets were masked.

    `masked` maps a masked line to the original lines, in order, all without indentation.
    """

    prompt: str
    system: str
    masked: Mapping[str, tuple[str, ...]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(prompt={self.prompt!r})"  # without the secrets in `masked`

    __rich_repr__ = hidden_fields

    def unmask(self, code: str) -> str:
        """`code` from the answer, with the original lines in place of the masked ones."""
        remaining = {masked: list(originals) for masked, originals in self.masked.items()}
        lines = code.split("\n")
        for number, line in enumerate(lines):
            if originals := remaining.get(line.strip()):
                lines[number] = line.replace(line.strip(), originals.pop(0))
        return "\n".join(lines)


def failure_prompt(
    task: Task, failure: CellFailure, variables: Mapping[str, Any], wish: str = "", language: str = ""
) -> FailurePrompt:
    """The prompt for a failure: `task` is REPAIR or EXPLAIN.

    `wish` is added by the person; `language` is the language of messages.
    """
    source = failure.source.strip("\n")
    redacted = redact(source)
    parts = [task.prompt]
    if source:
        number = f"Cell [{failure.number}]" if failure.number is not None else "The cell"
        name = f"The script {Path(failure.script).name}" if failure.script else number
        parts.append(f"{name}:\n{fenced(_truncated(redacted), 'python')}")
    for cell in failure.functions:
        text = fenced(_truncated(redact(cell.source)), "python")
        parts.append(f"A function of cell [{cell.number}], which it calls:\n{text}")
    what = "script" if failure.script else "cell"
    where = f"It failed at line {failure.line} of the {what}:" if failure.line else "It failed:"
    parts.append(f"{where}\n{fenced(traceback_text(failure.error), 'text')}")
    if values := "\n".join(_values(source, variables)):
        parts.append(f"Values that the cell names:\n{fenced(values, 'text')}")
    if wish:
        parts.append(f"The person adds: {wish}")
    return FailurePrompt(
        "\n\n".join(parts),
        f"{task.system} {_IN_CHINESE}" if language == CHINESE else task.system,
        _masked_lines(source, redacted),
    )


def _masked_lines(source: str, redacted: str) -> dict[str, tuple[str, ...]]:
    masked: dict[str, tuple[str, ...]] = {}
    before, after = source.split("\n"), redacted.split("\n")
    if len(before) == len(after):
        for original, line in zip(map(str.strip, before), map(str.strip, after), strict=True):
            if original != line:
                masked[line] = (*masked.get(line, ()), original)
    return masked


def _truncated(text: str) -> str:
    more = len(text) - CELL_LIMIT
    return text if more <= 0 else f"{text[:CELL_LIMIT]}\n# {omission(more)}"


def _values(source: str, variables: Mapping[str, Any]) -> Iterator[str]:
    remaining = VALUES_LIMIT
    for name in _names(source):
        if name not in variables or not _is_informative(variables[name]):
            continue
        if remaining <= 0:
            yield "… and others, left out"
            return
        text = redact(f"{name} = {_text(variables[name], min(remaining, VALUE_LIMIT))}")
        remaining -= len(text)
        yield text


def _names(source: str) -> list[str]:
    """The names in a cell, in order; all words of a cell that is not valid Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = re.findall(_WORD, source)
    else:
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        words = [node.id for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))]
    return [word for word in dict.fromkeys(words) if not keyword.iskeyword(word) and not word.startswith("_")]


def _is_informative(value: Any) -> bool:
    """Whether the value helps to understand the cell: not a module, and not a definition of a library."""
    if isinstance(value, (type, FunctionType)):
        return getattr(value, "__module__", "") == "__main__"
    return not isinstance(value, ModuleType) and type(value).__name__ not in {
        "builtin_function_or_method",
        "ufunc",
        "_ArrayFunctionDispatcher",
    }


def _text(value: Any, limit: int) -> str:
    if type(value) is str:  # with quotes, which show that it is text
        more = len(value) - limit
        return repr(value) if more <= 0 else f"{value[:limit]!r} {omission(more)}"
    found = value_text(value, limit)
    return found.text if "\n" not in found.text else f"({found.kind})\n{found.text}"
