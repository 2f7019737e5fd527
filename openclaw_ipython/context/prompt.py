"""A question put together: what was typed, with its references replaced, and before it what was named to go along.

Cells come first, then attachments, then the question: a model minds best what stands last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_ipython.context.allowance import LIMIT, Allowance, characters
from openclaw_ipython.context.prompt_types import Prompt
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.context.attachments import Attached
    from openclaw_ipython.context.cells import Shared
    from openclaw_ipython.context.image_encoding import Picture
    from openclaw_ipython.context.names import Notebook
    from openclaw_ipython.context.references import Expanded


_WORTH_SAYING = 200  # characters


@dataclass(frozen=True, slots=True)
class Wanted:
    """What goes along with a question: the words after `--image`, `--attach` and `--cells`.

    `raw`: braces mean nothing. `limit` is in characters, for everything but what was typed. `detailed`: the model is
    told to look at pictures in high resolution.
    """

    images: Sequence[str] = ()
    attach: Sequence[str] = ()
    cells: str = ""
    raw: bool = False
    limit: int = LIMIT
    detailed: bool = False


def compose(typed: str, notebook: Notebook, wanted: Wanted) -> Prompt:
    """The prompt that `typed` becomes. Reads the files that are named. Raises UsageError for what is not there."""
    allowance = Allowance(wanted.limit)
    expanded = _expanded(typed, notebook, wanted, allowance)
    attached = [_attached(word, notebook, allowance) for word in wanted.attach]
    shared = _cells(wanted.cells, notebook, allowance)
    blocks = [shared.text] if shared and shared.text else []
    blocks += [found.block for found in attached]
    found = _pictures(wanted, notebook) if wanted.images else []
    notes = [*_about(expanded, attached, shared), *(picture.note for picture in found)]
    return Prompt("\n\n".join([*blocks, expanded.text]), typed, tuple(found), tuple(notes))


def _expanded(typed: str, notebook: Notebook, wanted: Wanted, allowance: Allowance) -> Expanded:
    from openclaw_ipython.context.references import Expanded, expand

    return Expanded(typed) if wanted.raw else expand(typed, notebook, allowance)


def _attached(word: str, notebook: Notebook, allowance: Allowance) -> Attached:
    from openclaw_ipython.context.attachments import attach

    return attach(word, notebook, allowance)


def _cells(spec: str, notebook: Notebook, allowance: Allowance) -> Shared | None:
    if not spec:
        return None
    from openclaw_ipython.context.cells import share

    return share(spec, notebook, allowance)


def _pictures(wanted: Wanted, notebook: Notebook) -> list[Picture]:
    from openclaw_ipython.context.image_encoding import DETAILED, ORDINARY
    from openclaw_ipython.context.images import gather

    return gather(wanted.images, notebook, DETAILED if wanted.detailed else ORDINARY)


def _about(expanded: Expanded, attached: Sequence[Attached], shared: Shared | None) -> Iterator[str]:
    """What the reader is told about the text that went along."""
    if expanded.inserted:
        names = ", ".join(_sized(i.name, i.characters, i.capped) for i in expanded.inserted)
        yield _("inserted {names}", names=names)
    for reference, why in expanded.left:
        yield _("{reference} left as typed ({why})", reference=reference, why=why)
    if attached:
        names = ", ".join(_sized(a.name, a.characters, a.capped) for a in attached)
        yield _("attached {names}", names=names)
    if shared is not None:
        said = _("cells: {count} ({size})", count=shared.cells, size=characters(shared.characters))
        if shared.left_out:
            said += _(", {count} earlier left out", count=shared.left_out)
        yield said + (_(", capped") if shared.capped else "")


def _sized(name: str, size: int, capped: bool) -> str:
    """A name with the length of its text, where that is worth knowing."""
    if size < _WORTH_SAYING and not capped:
        return name
    return f"{name} ({characters(size)}{_(', capped') if capped else ''})"
