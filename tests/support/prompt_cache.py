"""The prompt cache of the portal, and its bill by kind of token: as Model Studio's "Context cache" describes them.

An explicit block runs from the start of `messages` to a part with `cache_control`. It is written after the answer, and
lives for five minutes from its last use. Without marks the beginnings of earlier prompts are found again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from openclaw_ipython.practice.requests import PER_MESSAGE, tokens_of

MINIMUM = 1_024
"""Tokens of the smallest block."""

LIFETIME = 300.0
"""Seconds without a use after which a block is forgotten."""

_LOOK_BACK = 20  # parts before a mark at which an earlier block may end
_STEP = 1_024  # characters: where an unmarked beginning may end


class Bill(Struct):
    """The tokens of all answers, by the kind of their price."""

    requests: int = 0
    plain: int = 0
    hit: int = 0
    unmarked_hit: int = 0
    written: int = 0
    output: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        """Count one answer by its `usage`."""
        details = usage.get("prompt_tokens_details", {})
        hit, written = details.get("cached_tokens", 0), details.get("cache_creation_input_tokens")
        self.requests += 1
        self.hit += hit if written is not None else 0
        self.unmarked_hit += hit if written is None else 0
        self.written += written or 0
        self.plain += usage["prompt_tokens"] - hit - (written or 0)
        self.output += usage["completion_tokens"]

    @property
    def input(self) -> float:
        """The price of the input, in plain tokens: a hit costs 10 %, an unmarked one 20 %, a written token 125 %."""
        return self.plain + 0.1 * self.hit + 0.2 * self.unmarked_hit + 1.25 * self.written

    @property
    def uncached(self) -> int:
        """What the input would cost without a cache, in plain tokens."""
        return self.plain + self.hit + self.unmarked_hit + self.written


class PromptCaches:
    """The cached beginnings of prompts, and the times of their last use; in the future until the answer is there."""

    def __init__(self) -> None:
        self._used: dict[bytes, float] = {}

    def usage(self, body: Mapping[str, Any], now: float, delay: float) -> dict[str, Any]:
        """The `prompt_tokens_details` of a request, which is answered after `delay` seconds."""
        ends = list(_part_ends(body))
        marked = [at for at, end in enumerate(ends) if end.marked]
        if not marked:
            steps = list(_steps(body))
            hit = self._find(steps, now)
            self._write(steps, now, delay)
            return {"cached_tokens": hit}
        hit = self._find([end for mark in marked for end in ends[max(0, mark - _LOOK_BACK) : mark + 1]], now)
        block = ends[marked[-1]]
        written = max(0, block.tokens - hit) if block.tokens >= MINIMUM else 0
        if written:
            self._write([block], now, delay)
        created = {"ephemeral_5m_input_tokens": written}
        return {
            "cached_tokens": hit, "cache_creation_input_tokens": written, "cache_creation": created,
            "cache_type": "ephemeral",
        }  # fmt: skip

    def _find(self, ends: Iterable[_End], now: float) -> int:
        """The tokens of the longest known one of `ends`, which is used again."""
        known = [end for end in ends if 0 <= now - self._used.get(end.key, -LIFETIME) < LIFETIME]
        self._used.update(dict.fromkeys((end.key for end in known), now))
        return max((end.tokens for end in known), default=0)

    def _write(self, ends: Iterable[_End], now: float, delay: float) -> None:
        for end in ends:
            if now - self._used.get(end.key, -LIFETIME) >= LIFETIME:  # neither known nor under way
                self._used[end.key] = now + delay


class _End(Struct, frozen=True):
    """The end of a beginning of a prompt: a hash of it, its tokens, and whether it is marked."""

    key: bytes
    tokens: int
    marked: bool = False


def _parts(message: Mapping[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """The content of a message: what identifies each part, its characters of text, and whether it is marked."""
    content = message.get("content") or ""
    for part in [{"text": content}] if isinstance(content, str) else content:
        text = part.get("text")
        yield text or str(part.get("image_url")), len(text or ""), "cache_control" in part


def _part_ends(body: Mapping[str, Any]) -> Iterator[_End]:
    digest, tokens = hashlib.blake2b(f"explicit {body['model']}".encode()), 0
    for message in body["messages"]:
        digest.update(f"\n{message['role']}\n".encode())
        tokens, characters = tokens + PER_MESSAGE, 0
        for text, length, marked in _parts(message):
            digest.update(text.encode("utf-8", "surrogatepass"))
            characters += length
            yield _End(digest.digest(), tokens + tokens_of(characters), marked)
        tokens += tokens_of(characters)


def _steps(body: Mapping[str, Any]) -> Iterator[_End]:
    """The ends of long enough beginnings of the text, at every `_STEP` characters."""
    text = "".join(
        text for message in body["messages"] for text, length, _marked in _parts(message) if length
    )
    digest = hashlib.blake2b(f"implicit {body['model']}".encode())
    for end in range(_STEP, len(text) + 1, _STEP):
        digest.update(text[end - _STEP : end].encode("utf-8", "surrogatepass"))
        if tokens_of(end) >= MINIMUM:
            yield _End(digest.digest(), tokens_of(end))
