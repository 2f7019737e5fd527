"""`plain`: the answer as text, for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import (
    ChatEvent,
    Notice,
    ReasoningDelta,
    Reply,
    TextDelta,
    TextWasReasoning,
    ToolCall,
    ToolResult,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import TerminalFilter, safe_text
from openclaw_ipython.shell.render.renderer import Surface, TerminalSurface
from openclaw_ipython.shell.render.status import (
    AnswerRenderer,
    call_text,
    duration,
    result_text,
)

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext


WAIT_WRITTEN_EVERY = 5.0
"""Seconds between two words about a wait of unknown length."""


class PlainRenderer(AnswerRenderer):
    """The answer as text, as it arrives: without control characters, and never rewritten; thinking as its duration."""

    interval = 0.05

    def __init__(self, surface: Surface, monotonic: Callable[[], float], *, footer: bool = True) -> None:
        super().__init__(surface, monotonic, footer=footer)
        self._filter = TerminalFilter()
        self._at_line_start = True
        self._called = self._waits = False
        self._said_waiting = 0.0

    def update(self, events: Sequence[ChatEvent]) -> None:
        """Write the new text with one call."""
        pieces: list[str] = list(self._waited(ended=bool(events)))
        for event in events:
            if isinstance(event, ToolCall | ToolResult):
                self._write("".join([*pieces, *self._end_thinking(), self._filter.close()]))
                pieces.clear()
                self._called = True
                if isinstance(event, ToolCall):
                    self._write_line(call_text(event.name, event.arguments))
                else:
                    self._write_line(f"  {result_text(event.text, failed=event.failed)}")
            else:
                pieces += self._written(event)
        self._write("".join(pieces))

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Write the rest, and the footer in parentheses."""
        pieces = list(self._waited(ended=True))
        if not self._has_text and not self._has_reasoning and reply.reasoning:
            pieces.append("thinking…\n\n")
        if not self._has_text and reply:
            pieces += self._written(TextDelta(str(reply)))
        pieces += self._end_thinking()
        pieces.append(self._filter.close())
        self._write("".join(pieces))
        for call in () if self._called else reply.tool_calls:
            self._write_line(call_text(call.name, call.arguments))
        if reply.finish_reason == "interrupted":  # the terminal has written ^C behind the last character
            self._at_line_start = False
        line = self._last_line(reply, notes)
        self._write_line(f"({line})" if line else "")

    def cancel(self) -> None:
        """End an unfinished line; printed text stays."""
        self._write("".join(self._waited(ended=True)))
        if not self._at_line_start:
            self._write("\n")

    def _written(self, event: ChatEvent) -> Iterator[str]:
        if isinstance(event, TextDelta) and (self._has_text or event.text.strip()):
            self._has_text = True
            yield from self._end_thinking()
            yield self._filter.feed(event.text)
        elif isinstance(event, ReasoningDelta) and event.text:
            self._has_reasoning = True
            if not self._status_line.is_thinking:
                self._status_line.think()
                yield "thinking… "
        elif isinstance(event, TextWasReasoning):
            self._has_text, self._has_reasoning = False, True
            yield f"{self._filter.close()}\n({_('the text above was the thinking of the model')})\n\n"
        elif isinstance(event, Notice):
            self._status_line.notice(event)
            if event.seconds:
                yield f"({safe_text(event.text)}, {duration(event.seconds)})\n"
            elif event.seconds is not None:
                self._waits, self._said_waiting = True, self._monotonic()
                yield f"({safe_text(event.text)}"

    def _waited(self, *, ended: bool) -> Iterator[str]:
        """The seconds of a wait of unknown length, added to its line now and then, and the end of that line."""
        now = self._monotonic()
        if self._waits and ended:
            self._waits = False
            yield ")\n"
        elif self._waits and now - self._said_waiting >= WAIT_WRITTEN_EVERY:
            self._said_waiting = now
            yield f" {self._status_line.waited()}"

    def _end_thinking(self) -> Iterator[str]:
        if self._status_line.is_thinking:
            yield f"{self._filter.close()}{self._status_line.thought()}\n\n"

    def _write_line(self, line: str) -> None:
        """Write `line` on a line of its own; an empty one only ends an unfinished line."""
        self._write(("" if self._at_line_start else "\n") + (safe_text(line) + "\n" if line else ""))

    def _write(self, text: str) -> None:
        if text:
            self._surface.write(text)
            self._at_line_start = text.endswith("\n")


def make(context: RenderContext) -> PlainRenderer:
    """The renderer of `plain`."""
    return PlainRenderer(TerminalSurface(sys.stdout), context.monotonic, footer=context.footer)
