"""The Prompt value: a question made of what was typed and what was named. Light: a plain question imports only this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_ipython.context.image_encoding import Picture


class Prompt(NamedTuple):
    """What is asked. `text` is all of it but the pictures; `typed` what stood in the cell.

    `notes` are for the footer: what was inserted, attached, scaled, capped.
    """

    text: str
    typed: str
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> str | Sequence[Mapping[str, Any]]:
        """The content of the message: text, or with pictures the parts that the completions API has for it."""
        if not self.pictures:
            return self.text
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": picture.url}} for picture in self.pictures
        ]
        return [*parts, {"type": "text", "text": self.text}]
