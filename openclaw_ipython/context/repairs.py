"""What a model is told about a cell that failed, to repair it or to explain it. Pure.

The prompts are in English, as models are told things best; the language of the answer is asked for.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw_ipython.context.allowance import more_characters
from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.context.failures import error_text
from openclaw_ipython.context.text import readable
from openclaw_ipython.i18n import CHINESE
from openclaw_ipython.sanitize.secrets import redact

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Failure

CELL_LIMIT = 40_000
VALUE_LIMIT = 600
VALUES_LIMIT = 6_000
"""Characters of the cell, of each value it names, and of all of these. The rest is left out, and said to be."""

_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")


class _Task(NamedTuple):
    prompt: str
    system: str


_REPAIR = _Task(
    "A cell of a notebook failed. Repair it.",
    "You repair a cell of a Jupyter notebook. Answer with one or two sentences on what was wrong, then with the whole "
    "repaired cell in one fenced block marked `python`. Change no more than the repair needs: names, comments, quotes "
    "and layout stay. Where the mistake is in another cell, say so in the sentences.",
)
_EXPLAIN = _Task(
    "A cell of a notebook failed. Explain the error.",
    "You explain an error in a Jupyter notebook to the person who got it: what happened, why, and what to change. "
    "Be brief and concrete; point at the line; show code only where it makes things clearer.",
)
_IN_CHINESE = "Write the sentences in Simplified Chinese; code stays as it is."


@dataclass(frozen=True)
class Case:
    """A question about a failure: the prompt, its system prompt, and what was masked in the cell before it was sent.

    `masked` is a masked line → the lines that became it, as they are typed and in order; all without their indentation.
    """

    prompt: str
    system: str
    masked: Mapping[str, tuple[str, ...]]

    def restored(self, code: str) -> str:
        """`code` from the answer, with the lines that were masked as they were typed."""
        left = {hidden: list(typed) for hidden, typed in self.masked.items()}
        lines = code.split("\n")
        for number, line in enumerate(lines):
            if typed := left.get(line.strip()):
                lines[number] = line.replace(line.strip(), typed.pop(0))
        return "\n".join(lines)


def to_repair(failure: Failure, names: Mapping[str, Any], wish: str = "", language: str = "") -> Case:
    """Ask for the cell of `failure` repaired. `wish` is what the person adds, `language` that of `words`."""
    return _case(_REPAIR, failure, names, wish, language)


def to_explain(failure: Failure, names: Mapping[str, Any], wish: str = "", language: str = "") -> Case:
    """Ask what `failure` means."""
    return _case(_EXPLAIN, failure, names, wish, language)


def _case(task: _Task, failure: Failure, names: Mapping[str, Any], wish: str, language: str) -> Case:
    source = failure.source.strip("\n")
    shown = redact(source)
    parts = [task.prompt]
    if source:
        number = f"Cell [{failure.number}]" if failure.number is not None else "The cell"
        parts.append(f"{number}:\n{fenced(_capped(shown), 'python')}")
    where = f"It failed at line {failure.line} of the cell:" if failure.line else "It failed:"
    parts.append(f"{where}\n{fenced(error_text(failure.error), 'text')}")
    if values := "\n".join(_values(source, names)):
        parts.append(f"Values that the cell names:\n{fenced(values, 'text')}")
    if wish:
        parts.append(f"The person adds: {wish}")
    return Case(
        "\n\n".join(parts),
        f"{task.system} {_IN_CHINESE}" if language == CHINESE else task.system,
        _masked(source, shown),
    )


def _masked(source: str, shown: str) -> dict[str, tuple[str, ...]]:
    masked: dict[str, tuple[str, ...]] = {}
    typed, hidden = source.split("\n"), shown.split("\n")
    if len(typed) == len(hidden):
        for was, now in zip(map(str.strip, typed), map(str.strip, hidden), strict=True):
            if was != now:
                masked[now] = (*masked.get(now, ()), was)
    return masked


def _capped(text: str) -> str:
    more = len(text) - CELL_LIMIT
    return text if more <= 0 else f"{text[:CELL_LIMIT]}\n# {more_characters(more)}"


def _values(source: str, names: Mapping[str, Any]) -> Iterator[str]:
    left = VALUES_LIMIT
    for name in _named(source):
        if name not in names or not _tells(names[name]):
            continue
        if left <= 0:
            yield "… and others, left out"
            return
        text = redact(f"{name} = {_text(names[name], min(left, VALUE_LIMIT))}")
        left -= len(text)
        yield text


def _named(source: str) -> list[str]:
    """The names in a cell, in order; of a cell that is no Python (a magic, a syntax error) all its words."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = _WORD.findall(source)
    else:
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        words = [node.id for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))]
    return [word for word in dict.fromkeys(words) if not keyword.iskeyword(word) and not word.startswith("_")]


def _tells(value: Any) -> bool:
    """Whether a value says something that the cell does not: no modules, nor what a library defines."""
    if isinstance(value, (type, FunctionType)):
        return getattr(value, "__module__", "") == "__main__"
    return not isinstance(value, ModuleType) and type(value).__name__ not in {
        "builtin_function_or_method",
        "ufunc",
        "_ArrayFunctionDispatcher",
    }


def _text(value: Any, limit: int) -> str:
    if type(value) is str:  # with its quotes, so that it is seen to be text
        more = len(value) - limit
        return repr(value) if more <= 0 else f"{value[:limit]!r} {more_characters(more)}"
    found = readable(value, limit)
    return found.text if "\n" not in found.text else f"({found.what})\n{found.text}"
