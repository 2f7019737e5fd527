"""Estimates of token counts; only the service knows the exact ones. Pure."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Message

PICTURE = 1_200
"""Tokens of a picture of common size (Qwen-VL: one for 28 by 28 pixels)."""

LARGEST_PICTURE = 16_384
"""Tokens of a picture at most (Qwen-VL, high resolution)."""

PER_MESSAGE = 4
"""Tokens of a role and its separators."""

_LETTERS_AND_SPACE = (string.ascii_letters + " ").encode()
_LETTERS, _SIGNS = 4.0, 1.5  # characters per token: ASCII; other scripts (Chinese, Japanese, Korean)


def of_text(text: str) -> int:
    """The estimated tokens of a text."""
    latin = len(text.encode("ascii", "ignore"))
    return round(latin / _LETTERS + (len(text) - latin) / _SIGNS)


def at_most(text: str) -> int:
    """A cautious estimate: two letters or spaces, or one other ASCII character, a token; two for any other character.

    Digits are tokens of their own in Qwen's vocabulary, and rare words and keys have few letters a token.
    """
    letters, others, signs = _characters(text)
    return -(-letters // 2) + others + 2 * signs


def bounds(text: str) -> tuple[int, int]:
    """The least and the most tokens that usual text, tables and code have."""
    letters, others, signs = _characters(text)
    return round((letters + others) / 5 + signs / 4), round(letters / 3.5 + others * 0.8 + signs)


def _characters(text: str) -> tuple[int, int, int]:
    """How many are letters or spaces, other ASCII characters, and others."""
    ascii_text = text.encode("ascii", "ignore")
    others = len(ascii_text.translate(None, _LETTERS_AND_SPACE))
    return len(ascii_text) - others, others, len(text) - len(ascii_text)


def of_messages(messages: Iterable[Message]) -> int:
    """The estimated tokens of messages; every picture counts as `PICTURE`."""
    return sum(PER_MESSAGE + of_content(message.content) for message in messages)


def of_content(content: str | Iterable[Mapping[str, Any]]) -> int:
    """The estimated tokens of the content of a message."""
    if isinstance(content, str):
        return of_text(content)
    return sum(
        of_text(str(part.get("text", ""))) if part.get("type") == "text" else PICTURE for part in content
    )
