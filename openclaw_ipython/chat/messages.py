"""The values of a conversation: what is asked, what arrives, what is kept. Frozen, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or a sequence of content parts as the completions API has them.

    `reasoning` is the thinking of an assistant's turn, for the models that want it back.
    """

    role: str
    content: str | Sequence[Mapping[str, Any]]
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model. `model` is the id as the service knows it, not a `provider/model` ref.

    `max_tokens` limits the answer; None leaves a choice to the service. `extra` holds further
    request fields, sent as they are. `thinking` is what was asked for (`off`, `on`, `low`, `medium`, `high`, None
    for nothing); the host's dialect makes fields of it. `headers` are further request headers; `optional` names
    the fields of `extra` that nobody asked for in so many words, which may be left out where a host refuses them.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stream: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    thinking: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange as the service counted them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called. `arguments` is the JSON text as it came."""

    id: str
    name: str
    arguments: str


# -- events, in the order a stream brings them ---------------------------------------------


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know while waiting or afterwards: a retry, a refreshed login.

    `seconds` is how long is waited now, None when nothing is waited for. A notice with `seconds`
    is shown with a countdown and goes away; one without goes to the footer.
    """

    text: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """Another model answers than the one that was asked first. `model` is its ref, `provider/model`.

    Comes before anything of the answer.
    """

    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; pieces of one call share `index`."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The service's count of tokens."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """The service said why it stopped: `stop`, `length`, `tool_calls`, `content_filter`, …"""

    reason: str


ChatEvent = Notice | Answering | TextDelta | ReasoningDelta | ToolCallDelta | UsageReport | Finished

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})[ \t]*([^\n`]*)\n(.*?)(?:^ {0,3}\2[`~]*[ \t]*$|\Z)", re.M | re.S)


class Reply(str):
    """The answer, a plain `str` with what is known about it.

    `reasoning` is the model's thinking, `usage` the token counts (or None), `model` the ref that
    answered, `finish_reason` why it stopped ("stop" is a complete answer, "interrupted" and
    "ended early" are not), `seconds` the whole time, `first_text` the seconds to the first text.
    """

    reasoning: str
    usage: Usage | None
    model: str
    finish_reason: str
    tool_calls: tuple[ToolCall, ...]
    parsed: Any
    seconds: float
    first_text: float | None

    def __new__(
        cls,
        text: str = "",
        *,
        reasoning: str = "",
        usage: Usage | None = None,
        model: str = "",
        finish_reason: str = "stop",
        tool_calls: tuple[ToolCall, ...] = (),
        parsed: Any = None,
        seconds: float = 0.0,
        first_text: float | None = None,
    ) -> Self:
        """A `str` takes its value here; the keywords become attributes."""
        self = super().__new__(cls, text)
        self.reasoning = reasoning
        self.usage = usage
        self.model = model
        self.finish_reason = finish_reason
        self.tool_calls = tool_calls
        self.parsed = parsed
        self.seconds = seconds
        self.first_text = first_text
        return self

    @property
    def code(self) -> list[str]:
        """The fenced code blocks of the answer, in order, without their fences."""
        return [match.group(4) for match in _FENCE.finditer(self)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from openclaw_ipython.safe.markdown import safe_markdown

        return {"text/plain": str(self), "text/markdown": safe_markdown(str(self))}
