"""Events → Reply: the one place where a stream is put together. Pure; linear in the answer."""

from __future__ import annotations

from openclaw_ipython.chat.messages import (
    Answering,
    ChatEvent,
    Finished,
    ReasoningDelta,
    Reply,
    TextDelta,
    Timed,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)


class Collector:
    """Add events as they come; `reply()` is what they amount to so far."""

    def __init__(self, model: str, started: float) -> None:
        self._model = model
        self._started = started
        self._first_text: float | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[tuple[int, str, list[str], list[str]]] = []  # index, id, names, argument pieces
        self._usage: Usage | None = None
        self._finish = ""
        self._took: Timed | None = None

    def add(self, event: ChatEvent, now: float) -> None:
        """Take one event in. `now` is of the same clock as `started`."""
        match event:
            case TextDelta(text):
                if self._first_text is None:
                    self._first_text = now - self._started
                self._text.append(text)
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ToolCallDelta():
                self._add_call(event)
            case UsageReport(usage):
                self._usage = usage
            case Finished(reason):
                self._finish = reason
            case Answering(model):
                self._model = model
            case Timed():
                self._took = event
            case _:
                pass

    def reply(self, now: float, finish_reason: str = "") -> Reply:
        """The reply so far; `finish_reason` says why it stops where the service did not."""
        return Reply(
            "".join(self._text),
            reasoning="".join(self._reasoning),
            usage=self._usage,
            model=self._model,
            finish_reason=finish_reason or self._finish or "ended early",
            tool_calls=tuple(ToolCall(i, "".join(n), "".join(a)) for _, i, n, a in self._calls),
            seconds=now - self._started if self._took is None else self._took.seconds,
            first_text=self._first_text if self._took is None else self._took.first_text,
        )

    def _add_call(self, piece: ToolCallDelta) -> None:
        """Join by index; a new id on a known index starts another call, as some services number them all 0."""
        for index, call_id, name, arguments in reversed(self._calls):
            if index == piece.index and piece.id in ("", call_id):
                if piece.name not in name:  # some services repeat it in every piece
                    name.append(piece.name)
                arguments.append(piece.arguments)
                return
        self._calls.append((piece.index, piece.id, [piece.name], [piece.arguments]))
