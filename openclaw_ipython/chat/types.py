"""The values of a conversation: messages and requests, the events of an answer, the reply. Pure."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, Generic, Literal, Self

from msgspec import Struct, field

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from openclaw_ipython.codecheck.finding import CodeCheck

    T = TypeVar("T", default=Any)
else:
    T = typing.TypeVar("T")

Thinking = Literal["off", "on", "low", "medium", "high"]
"""Whether, or how long, a model thinks before it answers."""


@dataclass(frozen=True)
class Message:
    """One message. `content` is text, or a sequence of content parts of the completions API.

    `reasoning` is the thinking in an assistant's message, for models that take it back. `tool_calls` are the calls in
    an assistant's message; each is followed by a message of the role `tool` with its id as `tool_call_id`.
    """

    role: str
    content: str | Sequence[Mapping[str, Any]]
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class ChatRequest(Struct, frozen=True):
    """One request to one model. `model` is the service's id, not a `provider/model` ref.

    `max_tokens` limits the answer. None leaves a choice to the service. `extra` are further request fields, sent
    unchanged, `tools` among them; `headers` are further request headers. `thinking` is a level (`off`, `on`, `low`,
    `medium`, `high`) and `schema` what the answer has to fit (`{"name": …, "schema": a JSON schema}`): `adapt` turns
    both into fields of the host. `optional` are the fields of `extra` that `adapt` added, and `max_tokens` where it is
    not the user's: they may be left out when the host refuses them. `shared` is set for one of many requests: the
    beginning of the first user message that all of them have.
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
    shared: str | None = None


@dataclass(frozen=True)
class Usage:
    """The service's counts of tokens; None for a count it did not report.

    `cached_tokens` and `written_tokens` are those of the input tokens that were read from the prompt cache and written
    to it. `cost` is the price in US dollars, None if it is not known; with `upper_bound` it is at most that, because a
    count that lowers it was not reported.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    written_tokens: int | None = None
    upper_bound: bool = dataclass_field(default=False, kw_only=True)


@dataclass(frozen=True)
class ToolCall:
    """A function call by the model. `arguments` is its JSON text, unchecked."""

    id: str
    name: str
    arguments: str


# -- events, in the order a stream brings them ---------------------------------------------


@dataclass(frozen=True)
class Notice:
    """Something the user should know: a retry, a refreshed login.

    With `seconds`, the length of a wait that begins now, it is shown as a countdown and then removed; 0 is a wait of
    unknown length, shown until something arrives. Without, it is shown in the footer.
    """

    text: str
    seconds: float | None = None


class ServiceNotice(Notice):
    """A notice about the way of a service, which is worth saying once for many answers."""


class AdjustmentNotice(ServiceNotice):
    """A notice that the request was changed because the host refused a part of it."""


@dataclass(frozen=True)
class Answering:
    """Another model answers than the first one. `model` is its ref, `provider/model`.

    Comes before anything of the answer.
    """

    model: str


@dataclass(frozen=True)
class AnsweredBy:
    """The service names another model than the one it was asked for. `model` is the service's id of it."""

    model: str


@dataclass(frozen=True)
class Timed:
    """The times of an answer, in seconds. They replace the measured ones: the answer may come from the cache."""

    seconds: float
    first_text: float | None


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer."""

    text: str

    def __init__(self, text: str) -> None:
        self.__dict__["text"] = text  # faster than the generated method: an answer has thousands of them


@dataclass(frozen=True)
class ReasoningDelta:
    """A piece of the model's thinking."""

    text: str

    def __init__(self, text: str) -> None:
        self.__dict__["text"] = text  # as in TextDelta


@dataclass(frozen=True)
class TextWasReasoning:
    """The text of this answer so far was thinking: a closing tag has come without an opening one."""


class ToolCallDelta(Struct, frozen=True):
    """A piece of a tool call. The pieces of one call have the same `index`."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class UsageReport:
    """The service's token counts."""

    usage: Usage


@dataclass(frozen=True)
class Finished:
    """The service's reason for stopping: `stop`, `length`, `tool_calls`, `content_filter`, …"""

    reason: str


@dataclass(frozen=True)
class ToolResult:
    """The result of a tool call: `text` is what the model gets.

    Comes after its `ToolCall`. With `failed`, `text` describes an error: the function raised, does not exist, or was
    not allowed to run.
    """

    call: ToolCall
    text: str
    failed: bool = False


@dataclass(frozen=True)
class Answered:
    """The complete reply, after an answer in several rounds (tools, a schema)."""

    reply: Reply


ChatEvent = (
    Notice
    | Answering
    | AnsweredBy
    | Timed
    | TextDelta
    | ReasoningDelta
    | TextWasReasoning
    | ToolCallDelta
    | UsageReport
    | Finished
    | ToolCall
    | ToolResult
    | Answered
)


PYTHON = frozenset({"python", "py", "python3", "ipython", "ipython3"})
"""What a fence calls Python."""


class Reply(str, Generic[T]):
    """The answer, a `str` with attributes. `Reply[T]` is one whose `parsed` is a `T`; only type checkers know of it.

    `reasoning` is the model's thinking, `usage` the token counts (or None), `model` the ref that answered,
    `requested_model` the one that was asked, `finish_reason` why it stopped ("stop" is a complete answer, "interrupted"
    and "ended early" are not), `parsed` the object that fits the schema, `seconds` the whole time, `first_text` the
    seconds to the first text.
    """

    reasoning: str
    usage: Usage | None
    model: str
    requested_model: str
    finish_reason: str
    tool_calls: tuple[ToolCall, ...]
    parsed: T
    seconds: float
    first_text: float | None

    def __new__(
        cls,
        text: str = "",
        *,
        reasoning: str = "",
        usage: Usage | None = None,
        model: str = "",
        requested_model: str = "",
        finish_reason: str = "stop",
        tool_calls: tuple[ToolCall, ...] = (),
        parsed: Any = None,
        seconds: float = 0.0,
        first_text: float | None = None,
    ) -> Self:
        """The value of a `str` is set here; the keywords become attributes."""
        self = super().__new__(cls, text)
        self.reasoning = reasoning
        self.usage = usage
        self.model = model
        self.requested_model = requested_model or model
        self.finish_reason = finish_reason
        self.tool_calls = tool_calls
        self.parsed = parsed
        self.seconds = seconds
        self.first_text = first_text
        return self

    @property
    def code(self) -> list[str]:
        """The code blocks of the answer, in order, dedented and without their fences."""
        from openclaw_ipython.sanitize.markdown import code_blocks

        return [code for _, code in code_blocks(self)]

    def check(self, names: Mapping[str, Any] | None = None) -> CodeCheck:
        """What in the Python of the answer does not exist in `names`, by default the notebook's. Nothing is run."""
        from openclaw_ipython.codecheck.checker import check_cells
        from openclaw_ipython.sanitize.markdown import code_blocks

        blocks = code_blocks(self)
        python = [code for language, code in blocks if language in PYTHON]
        return check_cells(python or [code for language, code in blocks if not language] or [""], names)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from openclaw_ipython.sanitize.markdown import safe_markdown
        from openclaw_ipython.sanitize.text import safe_text

        text = str(self)
        if self.parsed is not None and text.lstrip()[:1] in ("{", "[") and "```" not in text:
            text = f"```json\n{text}\n```"
        return {"text/plain": safe_text(str(self)), "text/markdown": safe_markdown(text)}
