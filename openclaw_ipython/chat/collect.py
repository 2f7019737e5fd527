"""Collects the events of an answer into a Reply, in time linear in the answer. Pure."""

from __future__ import annotations

from typing import NamedTuple

from openclaw_ipython.chat.types import (
    AnsweredBy,
    Answering,
    ChatEvent,
    Finished,
    ReasoningDelta,
    Reply,
    TextDelta,
    TextWasReasoning,
    Timed,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)


class _PartialCall(NamedTuple):
    """The pieces of a tool call so far. Some services repeat the name in every piece."""

    id: str
    names: dict[str, None]
    arguments: list[str]


class Collector:
    """Collects events; `reply` is the reply so far. `model` is the ref asked, `started` the time of the request."""

    def __init__(self, model: str, started: float) -> None:
        self._requested = self._model = model
        self._answered_by = ""
        self._started = started
        self._first_text: float | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_PartialCall] = []
        # by index and id; by index alone with an empty id
        self._latest: dict[tuple[int, str], _PartialCall] = {}
        self._usage: Usage | None = None
        self._finish = ""
        self._took: Timed | None = None

    def add(self, event: ChatEvent, now: float) -> None:
        """Add one event. `now` is from the same clock as `started`."""
        match event:
            case TextDelta(text):
                if self._first_text is None:
                    self._first_text = now - self._started
                self._text.append(text)
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case TextWasReasoning():
                self._reasoning += self._text
                self._text.clear()
                self._first_text = None
            case ToolCallDelta():
                self._add_call(event)
            case UsageReport(usage):
                self._usage = usage
            case Finished(reason):
                self._finish = reason
            case Answering(model):
                self._model, self._answered_by = model, ""
            case AnsweredBy(model):
                self._answered_by = f"{self._model.partition('/')[0]}/{model.lstrip('/')}"
            case Timed():
                self._took = event
            case _:
                pass

    def reply(self, now: float, finish_reason: str = "") -> Reply:
        """The reply so far; `finish_reason` overrides the service's."""
        return Reply(
            "".join(self._text),
            reasoning="".join(self._reasoning),
            usage=self._usage,
            model=self._answered_by or self._model,
            requested_model=self._requested,
            finish_reason=finish_reason or self._finish or "ended early",
            tool_calls=tuple(ToolCall(c.id, "".join(c.names), "".join(c.arguments)) for c in self._calls),
            seconds=now - self._started if self._took is None else self._took.seconds,
            first_text=self._first_text if self._took is None else self._took.first_text,
        )

    def _add_call(self, piece: ToolCallDelta) -> None:
        """Pieces are joined by index; a new id starts another call, since some services number all calls 0."""
        call = self._latest.get((piece.index, piece.id))
        if call is None:
            call = _PartialCall(piece.id, {}, [])
            self._calls.append(call)
            self._latest[piece.index, piece.id] = call
        self._latest[piece.index, ""] = call
        call.names[piece.name] = None
        call.arguments.append(piece.arguments)
