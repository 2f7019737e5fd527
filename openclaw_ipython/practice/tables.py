"""A table found in a prompt, and the statistics of its columns. Pure; really computed."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1", re.M | re.S)
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_SEVERAL = 3  # lines outside a fence: prose has commas too, but rarely as many in each of three lines


@dataclass(frozen=True, slots=True)
class Table:
    """Column names and rows of equal length, all text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def find_table(text: str) -> Table | None:
    """The first comma-separated table with a header in `text`; in a fence two lines are enough."""
    for fenced in _FENCED.finditer(text):
        table = _first_run(fenced.group(2), least=2)
        if table is not None:
            return table
    return _first_run(text, least=_SEVERAL)


def _first_run(text: str, *, least: int) -> Table | None:
    for run in _runs(text.replace("\0", "").splitlines()):
        if len(run) >= least and _is_header(run[0]):
            return Table(run[0], tuple(run[1:]))
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
    except csv.Error:  # a cell beyond the csv module's limit
        return ()


def _is_header(cells: tuple[str, ...]) -> bool:
    """Names, all different, none a number, none a sentence, none with its value. One may be empty: an index column."""
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


def statistics_markdown(table: Table) -> str:
    """A Markdown table: count, mean, min and max of each column of numbers, counts of the others."""
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
    """`cell` as plain text inside a Markdown table."""
    return re.sub(r"([\\`*_{}\[\]<>|$])", r"\\\1", cell[:40])
