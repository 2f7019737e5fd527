"""The answers of the portal. Pure and deterministic: equal prompts get equal answers.

Every answer says that it does not come from a model. It describes the request, computes the statistics of a table in
the prompt, calls the functions that are named, and fills schemas.
"""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.practice.assistance import next_step
from openclaw_ipython.practice.completion_format import Call, Completion
from openclaw_ipython.practice.samples import NOT_A_MODEL, sample_value

if TYPE_CHECKING:
    from openclaw_ipython.practice.requests import ChatPrompt

DISCLAIMER = "*I am the practice portal, not a model.*"

_PIECES = re.compile(r"\S+\s*|\s+")
_WANTS_CODE = re.compile(r"\b(code|function|python|script|repair|fix)\b", re.I)
_CODE_BLOCK = re.compile(r"^(`{3,})[ \t]*(?:python|py|ipython)?[ \t]*\n(.*?)^\1[ \t]*$", re.M | re.S)
_FAILED_CELL = re.compile(r"^A cell of a notebook failed\.")
_QUOTED_CHARACTERS = 200
_SINGLE_VALUE = re.compile(r"\bone (JSON value|HTML page|formula in LaTeX) and nothing else\b", re.I)
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1", re.M | re.S)
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_MIN_LINES = 3  # outside a fence: three lines of prose rarely have equally many commas


def compose(prompt: ChatPrompt) -> Completion:
    """The answer to a prompt without a scripted answer."""
    if (step := next_step(prompt)) is not None:
        return step
    if prompt.tool_results:
        return _text_answer(_json(prompt) if prompt.wants_json else _about_results(prompt), prompt)
    calls = tuple(_calls(prompt))
    if calls:
        return Completion((), _reasoning(prompt), calls, "tool_calls")
    if prompt.wants_json:
        return _text_answer(_json(prompt), prompt)
    return _text_answer(_single_value(prompt) or _report(prompt), prompt)


def _text_answer(text: str, prompt: ChatPrompt) -> Completion:
    return Completion(pieces(text), _reasoning(prompt))


def pieces(text: str) -> tuple[str, ...]:
    """`text` as deltas, word by word."""
    return tuple(_PIECES.findall(text))


def _reasoning(prompt: ChatPrompt) -> tuple[str, ...]:
    if not prompt.thinks:
        return ()
    words = len(prompt.text.split())
    return pieces(
        f"The prompt has {words} words and {len(prompt.text)} characters. "
        "I am the practice portal, so this is counting and not thinking."
    )


# -- a single value, when the instructions demand it ----------------------------------------


def _single_value(prompt: ChatPrompt) -> str:
    """The answer in the form that the system message demands; empty when it demands none."""
    demanded = _SINGLE_VALUE.search(prompt.instructions)
    match demanded and demanded.group(1).casefold():
        case "json value":
            return _json(prompt)
        case "html page":
            return _page(prompt)
        case "formula in latex":
            return rf"\text{{{NOT_A_MODEL}: }} {len(prompt.text)}\ \text{{characters}}"
    return ""


def _page(prompt: ChatPrompt) -> str:
    words = html.escape(" ".join(prompt.text.split())[:_QUOTED_CHARACTERS])
    return (
        "<!doctype html>\n<title>practice</title>\n<style>body { font-family: sans-serif }</style>\n"
        f"<h1>A page</h1>\n<p><em>I am the {NOT_A_MODEL}.</em> You asked for:</p>\n<blockquote>{words}</blockquote>\n"
    )


# -- a report of the request ---------------------------------------------------------------


def _report(prompt: ChatPrompt) -> str:
    failed_cell = _FAILED_CELL.search(prompt.text) is not None  # tracebacks have commas
    table = None if failed_cell else find_table(prompt.text)
    parts = [f"{DISCLAIMER} This is what I received:", "\n".join(_received(prompt)), _beginning(prompt.text)]
    if table is not None:
        rows = _counted(len(table.rows), "row")
        parts += [f"Your table has {rows}, and these columns:", statistics_markdown(table)]
    if _WANTS_CODE.search(prompt.text):
        parts.append(_code(prompt.text, table))
    return "\n\n".join(filter(None, parts)) + "\n"


def _received(prompt: ChatPrompt) -> Iterator[str]:
    yield f"- {_counted(prompt.messages, 'message')} for the model `{prompt.model}`, about {prompt.tokens} tokens"
    yield f"- the question: {_counted(len(prompt.text), 'character')}, {_counted(len(prompt.text.split()), 'word')}"
    if prompt.instructions:
        yield f"- instructions (system message): {_counted(len(prompt.instructions), 'character')}"
    if prompt.earlier:
        yield f"- before that you asked {_inline(prompt.earlier[-1])}"
    for number, image in enumerate(prompt.images, 1):
        yield f"- image {number}: {image}"
    for name, value in prompt.settings.items():
        yield f"- {name} {value}"
    if prompt.tools:
        yield "- functions I may call: " + ", ".join(f"`{tool['name']}`" for tool in prompt.tools)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _inline(text: str) -> str:
    """The beginning of `text` as inline code, in which backticks cannot be escaped."""
    words = " ".join(text.replace("`", "'").split())
    return f"`{words[:60]}{'…' * (len(words) > 60)}`" if words else "nothing"


def _beginning(text: str) -> str:
    if not text.strip():
        return ""
    shown = text[:_QUOTED_CHARACTERS]
    more = " begins" if len(text) > len(shown) else " is"
    return f"Your question{more}:\n\n{_fenced('text', shown)}"


def _fenced(language: str, text: str) -> str:
    """`text` in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _code(text: str, table: CsvTable | None) -> str:
    given = _CODE_BLOCK.search(text)
    if table is not None:
        return "Code for such a table:\n\n" + _fenced("python", _table_code(table))
    if given is not None and re.search(r"\b(repair|fix)\b", text, re.I):
        unchanged = "# the practice portal cannot repair code; this is the cell as it came\n" + given.group(2)
        return _fenced("python", unchanged)
    words = text.split()[:8]
    return "Code that runs, about your own words:\n\n" + _fenced(
        "python", f"words = {words!r}\nprint(len(words), max(words, key=len))"
    )


def _table_code(table: CsvTable) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows((table.columns, *table.rows[:3]))
    return (
        "import csv\nimport io\n\n"
        f"text = {lines.getvalue()!r}\n"
        "rows = list(csv.DictReader(io.StringIO(text)))\n"
        "print(len(rows), list(rows[0]))"
    )


# -- functions and JSON ----------------------------------------------------------------


def _calls(prompt: ChatPrompt) -> Iterator[Call]:
    """A call of each function that the prompt names, in their order, or of the function of `tool_choice`."""
    if prompt.tool_choice == "none":
        return
    by_name = {tool["name"]: tool for tool in prompt.tools}
    for number, name in enumerate(_named(prompt, by_name), 1):
        parameters = by_name[name].get("parameters")
        arguments = sample_value(parameters, prompt.text) if isinstance(parameters, Mapping) else {}
        yield Call(f"call_{prompt.messages}_{number}", name, json.dumps(arguments, ensure_ascii=False))


def _named(prompt: ChatPrompt, by_name: Mapping[str, Any]) -> list[str]:
    match prompt.tool_choice:
        case {"function": {"name": str() as name}}:
            return [name] if name in by_name else []
        case "required":
            return _mentioned(prompt.text, by_name) or list(by_name)[:1]
    return _mentioned(prompt.text, by_name)


def _mentioned(text: str, by_name: Mapping[str, Any]) -> list[str]:
    found = {name: re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in by_name}
    at = {name: match.start() for name, match in found.items() if match is not None}
    return sorted(at, key=at.__getitem__)


def _about_results(prompt: ChatPrompt) -> str:
    quoted = [f"`{name}` returned:\n\n{_fenced('text', result)}" for name, result in prompt.tool_results]
    return "\n\n".join([f"{DISCLAIMER} I only pass on what your functions said.", *quoted]) + "\n"


def _json(prompt: ChatPrompt) -> str:
    if prompt.schema is not None:
        words = [*(result for _, result in prompt.tool_results), prompt.text]
        value = sample_value(prompt.schema, "\n".join(words))
    else:
        value = {"note": NOT_A_MODEL, "messages": prompt.messages, "characters": len(prompt.text)}
    return json.dumps(value, ensure_ascii=False)


# -- tables --------------------------------------------------------------------------------


class CsvTable(Struct, frozen=True):
    """Column names and rows of equal length; all cells are text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def find_table(text: str) -> CsvTable | None:
    """The first comma-separated table with a header in `text`. In a fence it needs two lines, elsewhere three."""
    for fenced in _FENCED.finditer(text):
        table = _first_run(fenced.group(2), least=2)
        if table is not None:
            return table
    return _first_run(text, least=_MIN_LINES)


def _first_run(text: str, *, least: int) -> CsvTable | None:
    for run in _runs(text.replace("\0", "").splitlines()):
        if len(run) >= least and _is_header(run[0]):
            return CsvTable(run[0], tuple(run[1:]))
    return None


def _runs(lines: list[str]) -> Iterator[list[tuple[str, ...]]]:
    """Consecutive lines with the same number of cells, at least two."""
    run: list[tuple[str, ...]] = []
    for line in lines:
        cells = _cells(line)
        if run and len(cells) != len(run[0]):
            yield run
            run = []
        if len(cells) > 1:
            run.append(cells)
    yield run


def _cells(line: str) -> tuple[str, ...]:
    try:
        return tuple(cell.strip() for cell in next(csv.reader([line]), []))
    except csv.Error:  # a cell longer than the limit of the csv module
        return ()


def _is_header(cells: tuple[str, ...]) -> bool:
    """Whether the cells are distinct names: no numbers, sentences or `name: value`. One may be empty, for an index."""
    return (
        len(set(cells)) == len(cells)
        and sum(not cell for cell in cells) <= 1
        and all(_number(cell) is None and len(cell.split()) <= 4 and ": " not in cell for cell in cells)
    )


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def statistics_markdown(table: CsvTable) -> str:
    """A Markdown table: count, mean, minimum and maximum of numeric columns, counts of values of the others."""
    lines = ["| column | count | mean | min | max | values |", "|---|---:|---:|---:|---:|---|"]
    for index, name in enumerate(table.columns):
        cells = [row[index] for row in table.rows if row[index].lower() not in _MISSING]
        lines.append(f"| {_escaped(name or '(index)')} | {_summary(cells)} |")
    return "\n".join(lines)


def _summary(cells: list[str]) -> str:
    numbers = [number for cell in cells if (number := _number(cell)) is not None]
    if cells and len(numbers) == len(cells):
        mean = math.fsum(numbers) / len(numbers)
        return f"{len(numbers)} | {mean:.6g} | {min(numbers):.6g} | {max(numbers):.6g} | "
    common = Counter(cells).most_common()
    shown = ", ".join(f"{_escaped(value)} ({count})" for value, count in common[:5])
    more = f", {len(common) - 5} more" if len(common) > 5 else ""
    return f"{len(cells)} | | | | {shown}{more}"


def _escaped(cell: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|$])", r"\\\1", cell[:40])
