"""JSON and tables found in the text of an answer, as Python values. Pure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct

from openclaw_ipython.sanitize.markdown import code_blocks
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from markdown_it.token import Token

CellValue = str | int | float | None
Row = dict[str, CellValue]

_ATTEMPTS = 200  # opening brackets that may begin nothing; text with more is not JSON
_JSON = frozenset({"json", "json5", "jsonc", "jsonl", "ndjson"})
_INTEGER = r"[+-]?(?:0|[1-9]\d{0,17})"  # `007` is a code, and longer digits are identifiers
_DECIMAL = r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d{1,3})?"


class Extracted(Struct, frozen=True):
    """A value found in an answer. `is_table`: it was written as a Markdown table."""

    value: Any
    is_table: bool = False


def extract(text: str) -> Extracted | None:
    """The JSON value or the table in `text`; None where there is neither.

    JSON comes first where the answer starts with a bracket or has a fence. Otherwise a table does: the prose around
    a table may contain `[1]`, which is JSON too.
    """
    json_first = text.lstrip()[:1] in {"{", "["} or "```" in text or "~~~" in text
    table = None if json_first else table_rows(text)
    if table is None:
        for piece in json_pieces(text):
            return Extracted(json.loads(piece))
        table = table_rows(text) if json_first else None
    return None if table is None else Extracted(table, is_table=True)


def as_python(found: Extracted) -> Any:
    """The value for the notebook: a table is a DataFrame if pandas is imported, else a list of dictionaries."""
    pandas = sys.modules.get("pandas")
    if found.is_table and pandas is not None and hasattr(pandas, "DataFrame"):
        return pandas.DataFrame(found.value)
    return found.value


# -- JSON ----------------------------------------------------------------------------------


def json_pieces(text: str) -> Iterator[str]:
    """The parts of `text` that are JSON, the likeliest first: the whole text, code blocks, spans in the prose.

    Models that are asked for JSON alone still put it in a fence or in a sentence. Values that follow one another, as
    in JSON Lines, come as one array and then each.
    """
    seen: set[str] = set()
    for piece in _pieces(text):
        if piece not in seen and _is_json(piece):
            seen.add(piece)
            yield piece


def _pieces(text: str) -> Iterator[str]:
    yield text.strip()
    fences = [(language, body.strip()) for language, body in code_blocks(text)]
    named = [body for language, body in fences if language in _JSON]
    if len(named) > 1 and all(map(_is_json, named)):
        yield _array(named)
    yield from (*named, *(body for language, body in fences if language not in _JSON))
    runs = sorted(_runs(text), key=lambda run: len("".join(run)), reverse=True)
    for run in runs:
        if len(run) > 1:
            yield _array(run)
    yield from sorted((piece for run in runs for piece in run), key=len, reverse=True)


def _array(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"


def _runs(text: str) -> list[list[str]]:
    """The outermost objects and arrays in `text`; those with nothing between them but white space are one run."""
    decoder, opening = json.JSONDecoder(), re.compile(r"[{\[]")
    found: list[list[str]] = []
    position = last_end = failures = 0
    while failures < _ATTEMPTS and (start := opening.search(text, position)) is not None:
        try:
            _, end = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            position, failures = start.end(), failures + 1
            continue
        if not found or text[last_end : start.start()].strip(", \t\n"):
            found.append([])
        found[-1].append(text[start.start() : end])
        position = last_end = end
    return found


def _is_json(text: str) -> bool:
    return json_value(text, UNSET) is not UNSET


# -- tables --------------------------------------------------------------------------------


def table_rows(text: str) -> list[Row] | None:
    """The rows of the first Markdown table in `text`, each as heading → value; None where there is no table.

    A column whose cells are all numbers holds numbers, an empty cell is None, anything else is the text without its
    Markdown. An empty or repeated heading gets the number of its column.
    """
    from openclaw_ipython.sanitize.markdown_grammar import TooComplex, tokens

    try:
        found = next(_tables(tokens(text)), None)
    except TooComplex:
        return None
    if found is None or not found[0]:
        return None
    names = _column_names(found[0])
    columns = [_column_values([row[at] for row in found[1:]]) for at in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _tables(flat: Sequence[Token]) -> Iterator[list[list[str]]]:
    """Each table as rows of texts, the headings first. Every row has as many cells as there are headings."""
    table: list[list[str]] = []
    for at, token in enumerate(flat):
        match token.type:
            case "table_open":
                table = []
            case "tr_open":
                table.append([])
            case "th_open" | "td_open":
                table[-1].append(_cell_text(flat[at + 1]))
            case "table_close":
                yield table


def _cell_text(inline: Token) -> str:
    """The text of a cell, without the marks of emphasis, code, links and formulas."""
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in inline.children or []
    ).strip()


def _column_names(headings: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, heading in enumerate(headings, 1):
        names.append(heading if heading and heading not in names else f"{heading}_{number}".lstrip("_"))
    return names


def _column_values(cells: Sequence[str]) -> list[CellValue]:
    filled = [cell for cell in cells if cell]
    if filled and all(re.fullmatch(_INTEGER, cell) for cell in filled):
        return [int(cell) if cell else None for cell in cells]
    if filled and all(re.fullmatch(f"{_INTEGER}|{_DECIMAL}", cell) for cell in filled):
        return [float(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]
