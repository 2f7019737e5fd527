"""The prompt of a cell: its text, and what `--image`, `--attach` and `--cells` add from the notebook.

The package `context` is imported only where one of these, or a brace, was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.chat.types import Message
from openclaw_ipython.errors import hidden_fields

if TYPE_CHECKING:
    from openclaw_ipython.client import Prompt
    from openclaw_ipython.context.image_encoding import EncodedImage
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.session import Session


class CellPrompt(Struct, frozen=True):
    """What a cell asks. `notes` are for the footer, `images` are those of its last message."""

    content: Prompt
    notes: tuple[str, ...] = ()
    images: tuple[EncodedImage, ...] = ()

    @property
    def messages(self) -> list[Message]:
        """The content as messages."""
        return [Message("user", self.content)] if isinstance(self.content, str) else list(self.content)

    def __repr__(self) -> str:
        return "CellPrompt(…)"  # it holds the text of files

    __rich_repr__ = hidden_fields


def compose_prompt(session: Session, options: AskOptions, text: str) -> CellPrompt:
    """`text` with its references replaced, and what the options add. Raises UsageError for a name that is not found."""
    named = options.image or options.attach or options.cells
    if not named and (options.raw or "{" not in text):
        return CellPrompt(text)
    from openclaw_ipython.context.prompt import PromptOptions, compose

    wanted = PromptOptions(
        options.image,
        options.attach,
        options.cells or "",
        raw=options.raw,
        limit=session.preferences.context_limit,
        high_resolution=("vl_high_resolution_images", True) in options.param,
    )
    prompt = compose(text, session.notebook, wanted)
    content = [Message("user", prompt.content)] if prompt.images else prompt.text
    return CellPrompt(content, prompt.notes, prompt.images)


def preferred_model(session: Session, prompt: CellPrompt) -> str | None:
    """The model named in `%config`; None without one, and for pictures where that model reads text only."""
    word: str = session.preferences.default_model
    if not word or all(isinstance(message.content, str) for message in prompt.messages):
        return word or None
    models = session.client.models
    return None if models.reads_images(models.resolve(word)) is False else word
