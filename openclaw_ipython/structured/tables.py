"""Tables in an answer: Markdown → rows of Python values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.sanitize.markdown_grammar import TooComplex, tokens

if TYPE_CHECKING:
    from markdown_it.token import Token

Value = str | int | float | None
Row = dict[str, Value]

_WHOLE = re.compile(
    r"[+-]?(?:0|[1-9]\d{0,17})"
)  # `007` is a code and not a number; longer ones are identifiers
_DECIMAL = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d{1,3})?")


def rows(text: str) -> list[Row] | None:
    """The rows of the first table in `text`, each as heading → value; None where there is no table.

    A column whose cells are all numbers has numbers, an empty cell is None, everything else is the text without its
    Markdown. A heading that is empty or there already gets its number.
    """
    try:
        found = next(_tables(tokens(text)), None)
    except TooComplex:
        return None
    if found is None or not found[0]:
        return None
    names = _names(found[0])
    columns = [_values([row[place] for row in found[1:]]) for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _tables(flat: Sequence[Token]) -> Iterator[list[list[str]]]:
    """Each table as its rows of texts, the headings first. Rows have as many cells as there are headings."""
    table: list[list[str]] = []
    for at, token in enumerate(flat):
        match token.type:
            case "table_open":
                table = []
            case "tr_open":
                table.append([])
            case "th_open" | "td_open":
                table[-1].append(_text(flat[at + 1]))
            case "table_close":
                yield table


def _text(inline: Token) -> str:
    """The words of a cell: what stands in emphasis, code, links and formulas, without their signs."""
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in inline.children or []
    ).strip()


def _names(headings: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, heading in enumerate(headings, 1):
        names.append(heading if heading and heading not in names else f"{heading}_{number}".lstrip("_"))
    return names


def _values(cells: Sequence[str]) -> list[Value]:
    filled = [cell for cell in cells if cell]
    if filled and all(map(_WHOLE.fullmatch, filled)):
        return [int(cell) if cell else None for cell in cells]
    if filled and all(_WHOLE.fullmatch(cell) or _DECIMAL.fullmatch(cell) for cell in filled):
        return [float(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]
