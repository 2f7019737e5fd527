"""Earlier cells as context: which ones `--cells` means, and how they stand in a prompt. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_ipython.context.allowance import more_characters
from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.context.allowance import Allowance
    from openclaw_ipython.context.names import Cell, Notebook


@dataclass(frozen=True, slots=True)
class Shared:
    """Earlier cells as text: how many there are, and how many were left out or cut."""

    text: str
    cells: int
    characters: int
    left_out: int = 0
    capped: bool = False


def numbers(spec: str, last: int) -> list[int]:
    """The cells of 1 to `last` that `spec` means. Raises UsageError where one is not there.

    `spec` is `3`, `2-5`, `4-`, `1,3-5`, `-4` (the last four) or `all`.
    """
    if spec == "all":
        return list(range(1, last + 1))
    if spec.startswith("-"):
        return list(range(max(1, last - int(spec[1:]) + 1), last + 1))
    found: list[int] = []
    for part in spec.split(","):
        first, dash, end = part.partition("-")
        low = int(first)
        high = (int(end) if end else last) if dash else low
        if low < 1 or high > last or low > high:
            raise UsageError(
                _("--cells {spec}: there are no such cells yet", spec=part),
                hint=_("1 to {last} have run; all and -4 (the last four) work too", last=last)
                if last > 0
                else "",
            )
        found += range(low, high + 1)
    return list(dict.fromkeys(found))


def share(spec: str, notebook: Notebook, allowance: Allowance) -> Shared:
    """The cells of `spec` as text, in order. Where they are too long, the latest are kept, which matter most."""
    cells = [notebook.cell(number) for number in numbers(spec, len(notebook.inputs) - 2)]
    cells = [cell for cell in cells if cell.source.strip()]
    kept, room, left_out, cut = _newest(cells, allowance.left)
    texts = [f"({left_out} earlier cells left out)"] * bool(left_out and kept) + kept
    allowance.left = room
    text = "\n\n".join(texts)
    return Shared(text, len(kept), len(text), left_out, cut)


def _newest(cells: Sequence[Cell], room: int) -> tuple[list[str], int, int, bool]:
    """The texts of the newest cells that there is room for; what room is left, how many are out, was one cut."""
    kept: list[str] = []
    for position in range(len(cells) - 1, -1, -1):
        text = _written(cells[position], len(cells[position].output))
        cut = len(text) > room
        if cut:
            output = len(cells[position].output)
            text = _written(cells[position], max(0, output - (len(text) - room) - 60))
        if len(text) > room:
            return kept[::-1], room, position + 1, False
        kept.append(text)
        room -= len(text)
        if cut:
            return kept[::-1], room, position, True
    return kept[::-1], room, 0, False


def _written(cell: Cell, most: int) -> str:
    """A cell as it stands in the prompt, with at most `most` characters of its output."""
    output = cell.output[:most]
    if len(output) < len(cell.output):
        output = f"{output}\n{more_characters(len(cell.output) - len(output))}".lstrip("\n")
    parts = [f"Cell [{cell.number}]:", fenced(cell.source, "python")]
    return "\n".join([*parts, "Its output:", fenced(output)] if output else parts)
