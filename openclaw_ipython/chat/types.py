"""The values of a conversation: what is asked, what arrives, what is kept. Frozen, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from msgspec import Struct, field


@dataclass(frozen=True)
class Message:
    """One turn. `content` is text, or a sequence of content parts as the completions API has them.

    `reasoning` is the thinking of an assistant's turn, for the models that want it back. `tool_calls` are what an
    assistant's turn wants called; each is followed by a turn of the role `tool` whose `tool_call_id` is its id.
    """

    role: str
    content: str | Sequence[Mapping[str, Any]]
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class ChatRequest(Struct, frozen=True):
    """One question to one model. `model` is the id as the service knows it, not a `provider/model` ref.

    `max_tokens` limits the answer; None leaves a choice to the service. `extra` holds further
    request fields, sent as they are. `thinking` is what was asked for (`off`, `on`, `low`, `medium`, `high`, None
    for nothing); the host's dialect makes fields of it. `headers` are further request headers; `optional` names
    the fields of `extra` that nobody asked for in so many words, which may be left out where a host refuses them.
    `schema` is what the answer has to fit, `{"name": …, "schema": a JSON schema}`; the dialect makes of it what the
    host takes. Functions on offer are the field `tools` of `extra`.
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
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens of one exchange as the service counted them; None where it did not say.

    `cost` is what they cost in US dollars by the prices known here, None where there are none.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True)
class ToolCall:
    """A function the model wants called. `arguments` is the JSON text as it came."""

    id: str
    name: str
    arguments: str


# -- events, in the order a stream brings them ---------------------------------------------


@dataclass(frozen=True)
class Notice:
    """Something the reader should know while waiting or afterwards: a retry, a refreshed login.

    `seconds` is how long is waited now, None when nothing is waited for. A notice with `seconds`
    is shown with a countdown and goes away; one without goes to the footer.
    """

    text: str
    seconds: float | None = None


@dataclass(frozen=True)
class Answering:
    """Another model answers than the one that was asked first. `model` is its ref, `provider/model`.

    Comes before anything of the answer.
    """

    model: str


@dataclass(frozen=True)
class Timed:
    """How long an answer took where it was given, which counts instead of when it is heard: it may be a kept one."""

    seconds: float
    first_text: float | None


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer."""

    text: str

    def __init__(self, text: str) -> None:
        self.__dict__["text"] = text  # as quick as can be: an answer has thousands of them


@dataclass(frozen=True)
class ReasoningDelta:
    """A piece of the model's thinking."""

    text: str

    def __init__(self, text: str) -> None:
        self.__dict__["text"] = text  # as in TextDelta


@dataclass(frozen=True)
class ToolCallDelta:
    """A piece of a tool call; pieces of one call share `index`."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class UsageReport:
    """The service's count of tokens."""

    usage: Usage


@dataclass(frozen=True)
class Finished:
    """The service said why it stopped: `stop`, `length`, `tool_calls`, `content_filter`, …"""

    reason: str


@dataclass(frozen=True)
class ToolResult:
    """A function was called, or was not: `text` is what the model is told about it.

    Comes after the `ToolCall` itself, which stands in the stream once its arguments are complete. `failed` says that
    `text` is about an error: the function raised, does not exist, or was not allowed to run.
    """

    call: ToolCall
    text: str
    failed: bool = False


@dataclass(frozen=True)
class Answered:
    """The end of an answer that took several rounds (tools, a schema): all of it."""

    reply: Reply


ChatEvent = (
    Notice
    | Answering
    | Timed
    | TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | UsageReport
    | Finished
    | ToolCall
    | ToolResult
    | Answered
)

_FENCE = r"(?ms)^( {0,3})(`{3,}+|~{3,}+)[ \t]*+([^\n`]*)\n(.*?)(?:^ {0,3}\2[`~]*[ \t]*$|\Z)"


def code_blocks(text: str) -> list[tuple[str, str]]:
    """The fenced code blocks in `text`, in order: the language as the fence names it, in lower case, and the code."""
    return [
        ((match.group(3).split() or [""])[0].lower(), match.group(4)) for match in re.finditer(_FENCE, text)
    ]


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
        return [code for _, code in code_blocks(self)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from openclaw_ipython.sanitize.markdown import safe_markdown
        from openclaw_ipython.sanitize.text import safe_text

        text = str(self)
        if self.parsed is not None and text.lstrip()[:1] in ("{", "[") and "```" not in text:
            text = f"```json\n{text}\n```"
        return {"text/plain": safe_text(str(self)), "text/markdown": safe_markdown(text)}
