"""What goes into a question from a cell: the options that name things, joined with what the notebook holds.

Loads the room of the context only where something was named, or a brace was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import Message

if TYPE_CHECKING:
    from openclaw_ipython.client import Prompt
    from openclaw_ipython.shell.session import Session


def composed(session: Session, values: dict[str, Any], text: str) -> Prompt:
    """What is asked: `text` with its references, and what `--image`, `--attach` and `--cells` name.

    What the reader is to be told about it is put into `values["notes"]`. Raises UsageError for what is not there.
    """
    named = values["image"] or values["attach"] or values["cells"]
    if not named and (values["raw"] or "{" not in text):
        return text
    from openclaw_ipython.context.prompt import Wanted, compose

    wanted = Wanted(
        values["image"],
        values["attach"],
        values["cells"] or "",
        raw=values["raw"],
        limit=session.options.context_limit,
        detailed=("vl_high_resolution_images", True) in values["param"],
    )
    prompt = compose(text, session.notebook, wanted)
    values["notes"] = prompt.notes
    values["pictures"] = prompt.pictures
    return [Message("user", prompt.content)] if prompt.pictures else prompt.text


def preferred(session: Session, prompt: Prompt) -> str | None:
    """The model that `%config` prefers; None where there is none, or where it reads text only and pictures go along."""
    word: str = session.options.default_model
    if not word or isinstance(prompt, str) or all(isinstance(message.content, str) for message in prompt):
        return word or None
    models = session.client.models
    return None if models.reads_images(models.resolve(word)) is False else word
