"""What is shown of an answer besides its text: the status line before it and the footer after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.chat.endings import mark_of
from openclaw_ipython.shell.render.renderer import Renderer

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Notice, Reply, Usage
    from openclaw_ipython.shell.render.renderer import Surface

WAIT_SHOWN_AFTER = 1.0
"""Seconds without an event before the status line says `waiting…`."""


class StatusLine:
    """The state of an answer while no text arrives. `monotonic` gives monotonic seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._thinking_since: float | None = None
        self._pause = ""
        self._pause_until = 0.0
        self._waiting = "waiting…"
        self.notes: list[str] = []

    @property
    def is_thinking(self) -> bool:
        """Whether the model is thinking now."""
        return self._thinking_since is not None

    def notice(self, notice: Notice) -> None:
        """Start the wait that the notice announces, or add its text to the notes of the footer."""
        if notice.seconds is None:
            self.notes.append(notice.text)
        elif not notice.seconds:
            self._waiting = notice.text
        else:
            self._pause, self._pause_until = notice.text, self._monotonic() + notice.seconds

    def think(self) -> None:
        """Thinking has arrived."""
        self._pause = ""
        if self._thinking_since is None:
            self._thinking_since = self._monotonic()

    def thought(self) -> str:
        """Thinking has ended; how long it took, as text."""
        since, self._thinking_since = self._thinking_since, None
        return duration(self._monotonic() - since) if since is not None else ""

    def answering(self) -> None:
        """Text has arrived; a pause is over."""
        self._pause = ""

    def pause(self) -> str:
        """The wait that a notice announced, with the seconds left; empty without one."""
        left = self._pause_until - self._monotonic()
        if not self._pause or left <= 0:
            self._pause = ""
            return ""
        return f"{self._pause} · {_whole_seconds(left + 0.999)}"

    def waited(self) -> str:
        """The time since the request was sent."""
        return _whole_seconds(self._monotonic() - self._since)

    def status(self) -> str:
        """The status line, or empty."""
        if pause := self.pause():
            return pause
        now = self._monotonic()
        if self._thinking_since is not None:
            return _counted("thinking…", now - self._thinking_since)
        waited = now - self._since
        return _counted(self._waiting, waited) if waited >= WAIT_SHOWN_AFTER else ""


def _counted(words: str, seconds: float) -> str:
    return f"{words} {_whole_seconds(seconds)}" if seconds >= WAIT_SHOWN_AFTER else words


def _whole_seconds(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def duration(seconds: float) -> str:
    """`3.2 s`, `1 min 5 s`."""
    return f"{seconds:.1f} s" if seconds < 60 else _whole_seconds(seconds)


def mark_text(reply: Reply) -> str:
    """Why the answer is not a complete one, or empty."""
    return mark_of(reply.finish_reason, empty=not (reply.strip() or reply.tool_calls))


def footer_text(reply: Reply, notes: Sequence[str] = ()) -> str:
    """One line about the answer: `model · 3.2 s · 120→45 tokens (30 cached, 12 thinking) · $0.0013 · notes`.

    An incomplete answer's line begins with the reason. Not escaped: the renderer does that.
    """
    parts = [
        mark_text(reply),
        reply.model,
        duration(reply.seconds),
        _tokens(reply.usage),
        money(reply.usage.cost, at_most=reply.usage.upper_bound) if reply.usage and reply.usage.cost else "",
        *dict.fromkeys(notes),
    ]
    return " · ".join(" ".join(part.split()) for part in parts if part)


def _tokens(usage: Usage | None) -> str:
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return ""
    counts = "→".join("?" if n is None else str(n) for n in (usage.input_tokens, usage.output_tokens))
    details = [
        f"{count} {what}"
        for count, what in (
            (usage.cached_tokens, "cached"),
            (usage.written_tokens, "written to the cache"),
            (usage.reasoning_tokens, "thinking"),
        )
        if count
    ]
    return f"{counts} tokens" + (f" ({', '.join(details)})" if details else "")


def money(dollars: float, *, at_most: bool = False) -> str:
    """`$12.40`, `$0.031`, `$0.00042`: two digits at least, however small; `≤ $0.031` for an upper bound."""
    if at_most:
        return f"≤ {money(dollars)}"
    if dollars >= 0.1 or dollars <= 0:
        return f"${dollars:,.2f}"
    digits = next(n for n in range(2, 12) if round(dollars, n) * 10**n >= 10 or n == 11)
    return f"${dollars:.{digits}f}"


def call_text(name: str, arguments: str, limit: int = 200) -> str:
    """A tool call as one short line."""
    words = " ".join(arguments.split())
    return f"→ {name}({words if len(words) <= limit else words[:limit] + '…'})"


def result_text(text: str, *, failed: bool, limit: int = 200) -> str:
    """The result of a tool call as one short line."""
    words = " ".join(text.split())
    return f"{'✗' if failed else '='} {words if len(words) <= limit else words[:limit] + '…'}"


class AnswerRenderer(Renderer):
    """What renderers of answers share: the clock of the status line, and the footer.

    Without `footer` only an incomplete answer gets a line below it.
    """

    def __init__(self, surface: Surface, monotonic: Callable[[], float], *, footer: bool = True) -> None:
        self._surface = surface
        self._footer = footer
        self._monotonic = monotonic
        self._status_line = StatusLine(monotonic)
        self._has_text = self._has_reasoning = False

    def start(self, label: str) -> None:
        """Start the clock; nothing is shown yet."""
        self._status_line = StatusLine(self._monotonic)

    def _last_line(self, reply: Reply, notes: Sequence[str]) -> str:
        return footer_text(reply, [*self._status_line.notes, *notes]) if self._footer else mark_text(reply)
