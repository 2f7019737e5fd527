"""Renderers for formats that need the whole answer. Until it is complete they show that it is being written.

A *formatter* is a pure function from an answer to what is shown of it. Where that is nothing (no JSON in it, or it was
cut short), the answer is shown as Markdown, and the footer says why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.chat.types import ChatEvent, Reply, TextDelta, TextWasReasoning
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.render.renderer import JupyterSurface, Surface, TerminalSurface
from openclaw_ipython.shell.render.renderers import make_renderer
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer
from openclaw_ipython.shell.render.renderers.plain import PlainRenderer
from openclaw_ipython.shell.render.status import AnswerRenderer, mark_text

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext, Renderer


class FormattedReply(Struct, frozen=True):
    """What is shown of an answer: MIME type → safe content, or None for Markdown; `note` is for the footer."""

    bundle: Mapping[str, str] | None = None
    note: str = ""


Formatter = Callable[[Reply], FormattedReply]


def buffered(formatter: Formatter, *, plain: bool = False) -> Callable[[RenderContext], Renderer]:
    """What makes a buffered renderer for `markdown`, with `plain` also for `plain`; others show the answer as it is."""

    def make(context: RenderContext) -> Renderer:
        monotonic, footer = context.monotonic, context.footer
        if context.renderer == "markdown":
            return BufferedMarkdownRenderer(JupyterSurface(), monotonic, formatter, footer=footer)
        if context.renderer == "plain" and plain:
            return BufferedPlainRenderer(TerminalSurface(sys.stdout), monotonic, formatter, footer=footer)
        return make_renderer(context)

    return make


class _BufferedRenderer(AnswerRenderer):
    def __init__(
        self, surface: Surface, monotonic: Callable[[], float], formatter: Formatter, *, footer: bool = True
    ) -> None:
        super().__init__(surface, monotonic, footer=footer)
        self._formatter = formatter


class BufferedMarkdownRenderer(_BufferedRenderer, MarkdownRenderer):
    """Shows the formatted answer once it is complete, and until then for how long it has been written."""

    interval = 0.25
    _since: float | None = None  # monotonic time of the first text

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Show the formatted answer, then end as any answer does."""
        if not self._has_reasoning and self._since is None and reply.reasoning:
            self._reasoning.append(reply.reasoning)
        self._end_thinking()
        content = FormattedReply() if mark_text(reply) else self._formatter(reply)
        if content.bundle is None:
            self._take_whole(reply)
        else:
            self._show(dict(content.bundle))
            self._last, self._is_status = None, False
            self._has_text = True
        super().finish(reply, [*notes, content.note] if content.note and reply else notes)

    def _take_text(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        pieces.clear()
        if text.strip():
            self._text.append(text)
            self._status_line.answering()
            self._end_thinking()
            self._since = self._monotonic() if self._since is None else self._since

    def _paint_status(self, status: str) -> None:
        if self._since is not None and not self._status_line.is_thinking and not self._status_line.pause():
            seconds = int(self._monotonic() - self._since)
            status = _("writing… {seconds} s", seconds=seconds) if seconds else _("writing…")
        super()._paint_status(status)


class BufferedPlainRenderer(_BufferedRenderer, PlainRenderer):
    """The same for a terminal, where text cannot change once printed."""

    _shown: str | None = None

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Write the formatted answer."""
        content = FormattedReply() if mark_text(reply) or not reply else self._formatter(reply)
        self._shown = str(reply) if content.bundle is None else content.bundle["text/plain"]
        super().finish(reply, [*notes, content.note] if content.note else notes)

    def _written(self, event: ChatEvent) -> Iterator[str]:
        if isinstance(event, TextWasReasoning):
            self._has_reasoning = True  # nothing of it was printed
        elif not isinstance(event, TextDelta):
            yield from super()._written(event)
        elif self._shown is None:
            yield from self._end_thinking()
        else:
            yield from super()._written(TextDelta(self._shown))
