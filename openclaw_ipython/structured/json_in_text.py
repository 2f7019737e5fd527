"""JSON in an answer: found in fences, or in the prose around it. Pure.

Models that were asked for JSON alone still wrap it in a fence or in a sentence. What the JSON has to look like is not
known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from openclaw_ipython.chat.types import code_blocks

_OPENING = re.compile(r"[{\[]")
_ATTEMPTS = 200  # openings that are tried; a text full of them is no JSON


def candidates(text: str) -> Iterator[str]:
    """The pieces of `text` that are JSON, the likeliest first: all of it, what is in fences, what is in the prose."""
    seen: set[str] = set()
    for piece in _pieces(text):
        if piece not in seen and _is_json(piece):
            seen.add(piece)
            yield piece


def _pieces(text: str) -> Iterator[str]:
    yield text.strip()
    fences = [(language, body.strip()) for language, body in code_blocks(text)]
    yield from (body for language, body in fences if language in {"json", "json5", "jsonc"})
    yield from (body for language, body in fences if language not in {"json", "json5", "jsonc"})
    yield from sorted(_spans(text), key=len, reverse=True)


def _spans(text: str) -> list[str]:
    """The objects and arrays written out in `text`, those inside others left out."""
    decoder, found, at = json.JSONDecoder(), [], 0
    for _ in range(_ATTEMPTS):
        opening = _OPENING.search(text, at)
        if opening is None:
            break
        try:
            _, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            at = opening.end()
        else:
            found.append(text[opening.start() : at])
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
