"""`markdown`: the answer as Markdown outputs of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from openclaw_ipython.runtime.interrupts import held
from openclaw_ipython.sanitize.html import QUIET, html_code, html_text, preformatted
from openclaw_ipython.sanitize.markdown import prepare
from openclaw_ipython.sanitize.text import safe_text, visible
from openclaw_ipython.shell.render.renderer import Handle, JupyterSurface, Surface
from openclaw_ipython.shell.render.sections import Piece, Sections
from openclaw_ipython.shell.render.status import (
    AnswerRenderer,
    call_text,
    mark_text,
    result_text,
)

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import RenderContext

_SMALL = f"{QUIET};font-size:85%"
_SLICE = 32_000  # characters painted at once; a whole answer that comes in one piece is shown in several


class MarkdownRenderer(AnswerRenderer):
    """The answer as Markdown outputs of a cell.

    The last output is a status line or the growing section. What was waited for replaces the status line, so that
    nothing moves. Closed sections are not sent again.
    """

    interval = 0.1

    def __init__(self, surface: Surface, monotonic: Callable[[], float], *, footer: bool = True) -> None:
        super().__init__(surface, monotonic, footer=footer)
        self._sections = Sections()
        self._called: dict[str, Handle | None] = {}  # call id → its output
        self._reasoning: list[str] = []
        self._text: list[str] = []  # of this round, and its outputs: it may turn out to be thinking
        self._text_outputs: list[Handle] = []
        self._last: Handle | None = None  # the output that may still change
        self._is_status = False
        self._painted: Piece | None = None

    def update(self, events: Sequence[ChatEvent]) -> None:
        """Send one message for the growing section, and one more when a section closes."""
        if not events and not self._has_text:
            prepare()  # while waiting, so that the first text is not delayed
        text: list[str] = []
        for event in events:
            if isinstance(event, TextDelta):
                text.append(event.text)
                continue
            self._take_text(text)
            self._take(event)
        self._take_text(text)
        self._paint()

    def finish(self, reply: Reply, notes: Sequence[str] = ()) -> None:
        """Fold the thinking, complete the last section, add the footer."""
        if not self._has_reasoning and not self._has_text and reply.reasoning:
            self._reasoning.append(reply.reasoning)  # not streamed: its duration is unknown
        if not self._has_text and reply:
            self._take_whole(reply)
        self._end_thinking()
        for call in reply.tool_calls:
            if call.id not in self._called:
                self._sections.add(f"\n\n{_code_span(call_text(call.name, call.arguments))}\n\n")
        self._end_section(at_once=reply.finish_reason == "interrupted")
        line = self._last_line(reply, notes)
        if line or self._last is not None:  # a status line must not stay
            self._show(_footer_bundle(line, mark_text(reply)))
        self._last = None

    def cancel(self) -> None:
        """Empty the status line; an output cannot be removed."""
        if self._is_status and self._last is not None:
            self._last.update({"text/markdown": "", "text/plain": ""})
            self._last, self._is_status = None, False

    # -- events ------------------------------------------------------------------------------

    def _take(self, event: ChatEvent) -> None:
        if isinstance(event, ReasoningDelta) and event.text:
            self._has_reasoning = True
            self._end_section()
            self._status_line.think()
            self._reasoning.append(event.text)
        elif isinstance(event, TextWasReasoning):
            self._fold_text()
        elif isinstance(event, Notice):
            self._status_line.notice(event)
        elif isinstance(event, ToolCall):
            self._take_call(event)
        elif isinstance(event, ToolResult):
            self._take_result(event)

    def _fold_text(self) -> None:
        """Show the text of this round as thinking: in the place of its first output, the others become empty."""
        self._end_section()
        outputs, self._text_outputs = self._text_outputs, []
        for output in outputs[1:]:
            output.update({"text/markdown": "", "text/plain": ""})
        self._last = outputs[0] if outputs else self._last
        self._reasoning += self._text
        self._text.clear()
        self._has_text, self._has_reasoning = False, True
        self._end_thinking()

    def _take_call(self, call: ToolCall) -> None:
        """Show a call on a line of its own."""
        self._end_thinking()
        self._end_section()
        self._text.clear()
        self._text_outputs.clear()
        self._show_piece(_call_piece(call_text(call.name, call.arguments)))
        self._called[call.id], self._last = self._last, None

    def _take_result(self, result: ToolResult) -> None:
        """Show the result of a call on the line of the call."""
        handle = self._called.get(result.call.id)
        if handle is not None:
            line = call_text(result.call.name, result.call.arguments)
            outcome = result_text(result.text, failed=result.failed)
            handle.update(_call_piece(f"{line}  {outcome}").bundle)

    def _take_text(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        pieces.clear()
        if not text or (not self._has_text and not text.strip()):
            return  # some models send blank lines between thinking and answer
        self._has_text = True
        self._text.append(text)
        self._status_line.answering()
        self._end_thinking()
        for start in range(0, len(text), _SLICE):
            self._sections.add(text[start : start + _SLICE])
            if start + _SLICE < len(text):
                self._paint()

    def _take_whole(self, reply: Reply) -> None:
        """Show an answer that was not streamed; of an interrupted one only the text, so that the cell ends soon."""
        if reply.finish_reason != "interrupted":
            MarkdownRenderer._take_text(self, [str(reply)])
            return
        self._has_text = True
        self._end_thinking()
        self._sections.add(str(reply))

    # -- painting ----------------------------------------------------------------------------

    def _paint(self) -> None:
        closed, growing = self._sections.cut()
        if closed is not None:
            self._show_text(closed)
            self._last = None
        if growing is not None:
            self._show_text(growing)
        self._paint_status(self._status_line.status() if growing is None else self._status_line.pause())

    def _paint_status(self, status: str) -> None:
        if not status or (
            self._has_text and not self._status_line.is_thinking and not self._status_line.pause()
        ):
            return
        if not self._is_status:
            self._end_section()
        grey = f'<span style="{_SMALL}">{html_text(status)}</span>'
        self._show_piece(Piece(grey, safe_text(status)), is_status=True)

    def _end_section(self, *, at_once: bool = False) -> None:
        piece = self._sections.finish(at_once=at_once)
        if piece is not None:
            self._show_text(piece)
            self._last = None

    def _end_thinking(self) -> None:
        if not self._reasoning:
            return
        seconds = self._status_line.thought()
        thoughts = "".join(self._reasoning).strip("\n")
        self._reasoning.clear()
        self._show_piece(_folded_thinking(thoughts, seconds))
        self._last = None

    def _show_text(self, piece: Piece) -> None:
        self._show_piece(piece)
        if self._last is not None and self._last not in self._text_outputs[-1:]:
            self._text_outputs.append(self._last)

    def _show_piece(self, piece: Piece, *, is_status: bool = False) -> None:
        # An interrupt in between would leave `_last` behind the output that is on the screen.
        with held():
            if piece != self._painted or self._last is None:
                self._show(piece.bundle)
                self._painted = piece
            self._is_status = is_status

    def _show(self, bundle: dict[str, str]) -> None:
        if self._last is None:
            self._last = self._surface.show(bundle)
        else:
            self._last.update(bundle)


def _folded_thinking(thoughts: str, seconds: str) -> Piece:
    """The thinking as an HTML block that unfolds."""
    words = preformatted(html_code(visible(thoughts)), style="white-space:pre-wrap")
    summary = html_text(_("Thought for {seconds}", seconds=seconds) if seconds else _("Thoughts"))
    plain = f"[thinking, {seconds}]" if seconds else "[thinking]"
    return Piece(f"<details><summary>{summary}</summary>{words}</details>", plain)


def _footer_bundle(line: str, mark: str) -> dict[str, str]:
    if not line:
        return {"text/plain": ""}
    html = (
        f"<strong>{html_text(mark)}</strong>{html_text(line.removeprefix(mark))}" if mark else html_text(line)
    )
    return {"text/html": f'<div style="{_SMALL}">{html}</div>', "text/plain": safe_text(f"({line})")}


def _call_piece(line: str) -> Piece:
    """The line of a call. Its words come from the model and from the function."""
    from openclaw_ipython.sanitize.markdown import safe_markdown

    return Piece(safe_markdown(visible(_code_span(line))), safe_text(line))


def _code_span(line: str) -> str:
    """`line` as Markdown code, whatever backticks it has."""
    ticks = "`"
    while ticks in line:
        ticks += "`"
    return f"{ticks} {line} {ticks}"


def make(context: RenderContext) -> MarkdownRenderer:
    """The renderer of `markdown`."""
    return MarkdownRenderer(JupyterSurface(), context.monotonic, footer=context.footer)
