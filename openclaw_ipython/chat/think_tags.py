"""Thinking that a local server left in the answer, `<think>…</think>` at its very start. Pure.

Servers that split it off themselves (`reasoning_content`) are not touched, and neither are tags further down: there
they are what the answer is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from openclaw_ipython.chat.types import ChatEvent, Finished, ReasoningDelta, TextDelta

_OPEN, _CLOSE = "<think>", "</think>"
_BLANK = 1_000  # characters of nothing but blanks after which no tag is waited for any more


class ThinkTags:
    """Events in, events out; text is held back only while it may be part of a tag."""

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "opened", "inside", "after", "text"] = "start"

    def feed(self, event: ChatEvent) -> Iterator[ChatEvent]:
        """`event`, with thinking told apart from text."""
        match event:
            case TextDelta(text) if self._state != "text":
                self._held += text
                yield from self._decided()
            case ReasoningDelta() if self._state == "start":
                self._state = "text"
                yield from self.rest()
                yield event
            case Finished():
                yield from self.rest()
                yield event
            case _:
                yield event

    def rest(self) -> Iterator[ChatEvent]:
        """What was held back, once no more text comes."""
        held, self._held = self._held, ""
        if held and self._state in {"start", "inside", "text"}:
            yield ReasoningDelta(held) if self._state == "inside" else TextDelta(held)

    def _decided(self) -> Iterator[ChatEvent]:
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state, self._held = "opened", begun[len(_OPEN) :]
            elif not _OPEN.startswith(begun) or len(self._held) > _BLANK:
                self._state = "text"
        if self._state == "opened":
            self._held = self._held.lstrip()
            self._state = "inside" if self._held else "opened"
        if self._state == "inside":
            yield from self._thought()
        if self._state == "after":
            self._held = self._held.lstrip()
            self._state = "text" if self._held else "after"
        if self._state == "text":
            yield from self.rest()

    def _thought(self) -> Iterator[ChatEvent]:
        thinking, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._state, self._held = "after", after
        else:
            thinking, self._held = _without_part_of_tag(self._held)
        if thinking:
            yield ReasoningDelta(thinking)


def _without_part_of_tag(text: str) -> tuple[str, str]:
    """`text` up to where the closing tag may have begun, and the rest."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return text[:-size], text[-size:]
    return text, ""
