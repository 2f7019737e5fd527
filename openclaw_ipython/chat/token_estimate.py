"""How many tokens something is, about: nobody but the service can count them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Message

PICTURE = 1_200
"""Tokens of a picture of the usual size (Qwen-VL: one for 28 by 28 pixels)."""

_PER_MESSAGE = 4  # role and separators
_LETTERS, _SIGNS = 4.0, 1.5  # characters of a token: in Latin script; in Chinese, Japanese, Korean


def of_text(text: str) -> int:
    """About how many tokens a text is."""
    latin = len(text.encode("ascii", "ignore"))
    return round(latin / _LETTERS + (len(text) - latin) / _SIGNS)


def of_messages(messages: Iterable[Message]) -> int:
    """About how many tokens messages are; every picture counts as one of the usual size."""
    return sum(_PER_MESSAGE + of_content(message.content) for message in messages)


def of_content(content: str | Iterable[Mapping[str, Any]]) -> int:
    """About how many tokens the content of a message is."""
    if isinstance(content, str):
        return of_text(content)
    return sum(
        of_text(str(part.get("text", ""))) if part.get("type") == "text" else PICTURE for part in content
    )
