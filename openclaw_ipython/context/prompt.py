"""Composing a question: earlier cells, then attachments, then the typed text with its references replaced.

The typed text is last because models weigh the end of a prompt most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.context.blocks import DEFAULT_LIMIT, TextBudget, character_count, fenced, with_omission
from openclaw_ipython.context.file_reading import existing_path, read_text
from openclaw_ipython.context.names import BrokenReference, is_reference, look_up, unknown_name
from openclaw_ipython.context.references import ExpandedText, expand
from openclaw_ipython.context.value_text import ValueText, value_text
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.context.image_encoding import EncodedImage
    from openclaw_ipython.context.names import Cell, Notebook

_MAX_LEFT = 4  # braces left as typed for one reason that the footer names
_WORTH_A_LENGTH = 200  # characters: the footer shows the length of longer texts


class PromptOptions(Struct, frozen=True):
    """What is added to a question: the words after `--image`, `--attach` and `--cells`.

    `raw`: braces are not references. `limit`: characters of added text. `high_resolution`: the model is told to read
    images in high resolution.
    """

    images: Sequence[str] = ()
    attach: Sequence[str] = ()
    cells: str = ""
    raw: bool = False
    limit: int = DEFAULT_LIMIT
    high_resolution: bool = False


class Prompt(Struct, frozen=True):
    """A composed question. `text` is all of it but the images; `typed` is the text as typed.

    `notes` are sentences for the footer: what was inserted, attached, scaled and truncated.
    """

    text: str
    typed: str
    images: tuple[EncodedImage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> str | Sequence[Mapping[str, Any]]:
        """The content of the message."""
        from openclaw_ipython.context.image_encoding import message_content

        return message_content(self.text, self.images)


def compose(typed: str, notebook: Notebook, options: PromptOptions) -> Prompt:
    """The prompt for `typed`. Reads the files that are named. Raises UsageError for a word that names nothing."""
    budget = TextBudget(options.limit)
    expanded = ExpandedText(typed) if options.raw else expand(typed, notebook, budget)
    attachments = [attach(word, notebook, budget) for word in options.attach]
    cells = cells_text(options.cells, notebook, budget) if options.cells else None
    blocks = [cells.text] if cells and cells.text else []
    blocks += [attachment.block for attachment in attachments]
    images: list[EncodedImage] = []
    if options.images:
        from openclaw_ipython.context.image_encoding import HIGH_RESOLUTION, STANDARD
        from openclaw_ipython.context.images import load_images

        limits = HIGH_RESOLUTION if options.high_resolution else STANDARD
        images = load_images(options.images, notebook, limits)
    notes = [*_notes(expanded, attachments, cells), *(image.note for image in images)]
    return Prompt("\n\n".join([*blocks, expanded.text]), typed, tuple(images), tuple(notes))


def _notes(
    expanded: ExpandedText, attachments: Sequence[Attachment], cells: CellsText | None
) -> Iterator[str]:
    if expanded.insertions:
        names = ", ".join(_with_length(i.name, i.characters, i.truncated) for i in expanded.insertions)
        yield _("inserted {names}", names=names)
    yield from _left(expanded.broken)
    if attachments:
        names = ", ".join(_with_length(a.name, a.characters, a.truncated) for a in attachments)
        yield _("attached {names}", names=names)
    if cells is not None:
        note = _("cells: {count} ({size})", count=cells.cells, size=character_count(len(cells.text)))
        if cells.left_out:
            note += _(", {count} earlier left out", count=cells.left_out)
        yield note + (_(", capped") if cells.truncated else "")


def _left(broken: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The sentences about braces that were left as typed, one for each reason."""
    reasons: dict[str, list[str]] = {}
    for reference, why in broken:
        reasons.setdefault(why, []).append(reference)
    for why, left in reasons.items():
        names = ", ".join([*left[:_MAX_LEFT], *["…"] * (len(left) > _MAX_LEFT)])
        yield _("{reference} left as typed ({why})", reference=names, why=why)


def _with_length(name: str, length: int, truncated: bool) -> str:
    """A name with the length of its text, if the text is long or truncated."""
    if length < _WORTH_A_LENGTH and not truncated:
        return name
    return f"{name} ({character_count(length)}{_(', capped') if truncated else ''})"


# -- attachments (`--attach`) --------------------------------------------------------------


class Attachment(Struct, frozen=True):
    """The block in the prompt, and for the footer its name, its length, and whether it was truncated."""

    name: str
    block: str
    characters: int
    truncated: bool


def attach(word: str, notebook: Notebook, budget: TextBudget) -> Attachment:
    """The variable, or else the text file, that `word` names. Raises UsageError, with suggestions, for neither."""
    path = existing_path(word)
    if is_reference(word):
        try:
            value = look_up(word, notebook, modules=True)
        except KeyError:
            pass
        except BrokenReference as error:
            if path is None:  # `data.csv` may be a file while there is a variable `data`
                raise UsageError(_("{word} has no value ({why})", word=word, why=error)) from None
        else:
            if isinstance(value, ModuleType):
                raise UsageError(_("{word} is a module; name something in it", word=word))
            if isinstance(value, Path):
                return _attach_file(value, budget)
            text = value_text(value, budget.remaining, notebook.inputs)
            budget.spend(text.text)
            return _attachment(word, text)
    if path is not None:
        return _attach_file(path, budget)
    raise unknown_name(word, notebook)


def _attach_file(path: Path, budget: TextBudget) -> Attachment:
    start, total, language = read_text(path, budget.remaining)
    text, truncated = budget.take(start, total)
    return _attachment(path.name, ValueText(text, "file", truncated, language))


def _attachment(name: str, value: ValueText) -> Attachment:
    block = f"{name} ({value.kind}):\n{fenced(value.text, value.language)}"
    return Attachment(name, block, len(value.text), value.truncated)


# -- earlier cells (`--cells`) -------------------------------------------------------------


class CellsText(Struct, frozen=True):
    """Earlier cells as text: how many there are, how many were left out, and whether one was truncated."""

    text: str
    cells: int
    left_out: int = 0
    truncated: bool = False


def cell_numbers(spec: str, last: int) -> list[int]:
    """The numbers of the cells that `spec` selects from 1 to `last`. Raises UsageError for a cell that does not exist.

    `spec` is `3`, `2-5`, `4-`, `1,3-5`, `-4` (the last four) or `all`.
    """
    if spec == "all":
        return list(range(1, last + 1))
    if spec.startswith("-"):
        return list(range(max(1, last - int(spec[1:]) + 1), last + 1))
    numbers: list[int] = []
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
        numbers += range(low, high + 1)
    return list(dict.fromkeys(numbers))


def cells_text(spec: str, notebook: Notebook, budget: TextBudget) -> CellsText:
    """The selected cells in order. If they are too long the latest are used, which matter most."""
    cells = [notebook.cell(number) for number in cell_numbers(spec, len(notebook.inputs) - 2)]
    cells = [cell for cell in cells if cell.source.strip()]
    texts, budget.remaining, left_out, truncated = _newest(cells, budget.remaining)
    head = [f"({left_out} earlier cells left out)"] * bool(left_out and texts)
    return CellsText("\n\n".join([*head, *texts]), len(texts), left_out, truncated)


def _newest(cells: Sequence[Cell], remaining: int) -> tuple[list[str], int, int, bool]:
    """The texts of the newest cells that fit, the remaining budget, how many do not fit, whether one was truncated."""
    texts: list[str] = []
    for position in range(len(cells) - 1, -1, -1):
        length = len(cells[position].output)
        text = _cell_text(cells[position], length)
        truncated = len(text) > remaining
        if truncated:
            text = _cell_text(cells[position], max(0, length - (len(text) - remaining) - 60))
        if len(text) > remaining:
            return texts[::-1], remaining, position + 1, False
        texts.append(text)
        remaining -= len(text)
        if truncated:
            return texts[::-1], remaining, position, True
    return texts[::-1], remaining, 0, False


def _cell_text(cell: Cell, max_output: int) -> str:
    """A cell with at most `max_output` characters of its output."""
    output = cell.output[:max_output]
    if len(output) < len(cell.output):
        output = with_omission(output, len(cell.output) - len(output))
    parts = [f"Cell [{cell.number}]:", fenced(cell.source, "python")]
    return "\n".join([*parts, "Its output:", fenced(output)] if output else parts)
