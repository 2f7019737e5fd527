"""The values of prompt composition. Separate from `prompt`, because a batch imports only these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.context.blocks import DEFAULT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openclaw_ipython.context.image_encoding import EncodedImage


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
        """The content of the message: text, or with images the content parts of the completions API."""
        if not self.images:
            return self.text
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": image.url}} for image in self.images
        ]
        return [*parts, {"type": "text", "text": self.text}]
