"""Adapts a request to the dialect of a host. Pure. What is changed after a refusal is in `adjustments`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from openclaw_ipython.chat.agents import for_agent
from openclaw_ipython.chat.completions import joined_content, marked, parts_of
from openclaw_ipython.chat.dialects import MARK
from openclaw_ipython.chat.thinking import (
    LEVELS,
    SWITCHABLE,
    Family,
    ThinkingSyntax,
    family_of,
    is_qwen,
    thinking_fields,
    unsupported,
)
from openclaw_ipython.chat.types import Message
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.chat.dialects import Dialect
    from openclaw_ipython.chat.types import ChatRequest

Content = str | Sequence[Mapping[str, Any]]


class AdaptedRequest(Struct, frozen=True):
    """A request in the dialect of its host. `notes` are the differences that the user is told."""

    request: ChatRequest
    notes: tuple[str, ...] = ()


def adapt(request: ChatRequest, dialect: Dialect, family: Family = "") -> AdaptedRequest:
    """`request` in `dialect`. `family` is the model's thinking family, by default the one of its name.

    Request fields that the user gave stay as they are. Raises UsageError for options that exclude each other.
    """
    if dialect.agent:
        request = for_agent(request)
    family = family or family_of(request.model)
    messages = _messages(request, dialect, family)
    thinking, notes = _thinking(request, dialect, family)
    added: dict[str, Any] = dict(thinking)
    sharp = dialect.dashscope and re.match(HIGH_RESOLUTION_MODELS, request.model.lower())
    if sharp and has_pictures(messages):
        added["vl_high_resolution_images"] = True  # more pixels per image
    added |= _format(request, dialect, family, {**added, **request.extra})
    extra = {**added, **request.extra}
    dropped = set()
    if dialect.strict and not request.stream and "stream_options" in extra:
        dropped.add("stream_options")
    if dialect.dashscope and not is_qwen(request.model) and "metadata" in extra:
        dropped.add("metadata")  # the vendor behind the gateway refuses it for models that are not Qwen's
    extra = {name: value for name, value in extra.items() if name not in dropped}
    temperature = clamp_temperature(request.temperature, dialect, family, extra)
    if temperature != request.temperature:
        notes = (*notes, _("{model} thinks at a temperature of at least 0.6", model=request.model))
    adapted = structs.replace(
        request,
        messages=messages,
        temperature=temperature,
        extra=extra,
        optional=request.optional | (frozenset(added) - set(request.extra)),
    )
    notes += tuple(
        _("{name} was left out: this host does not take it", name=name) for name in sorted(dropped)
    )
    return AdaptedRequest(_with_cache_marks(adapted, dialect), notes)


# -- messages ------------------------------------------------------------------------------


def _messages(request: ChatRequest, dialect: Dialect, family: Family) -> tuple[Message, ...]:
    messages = request.messages
    if dialect.strict or is_qwen(request.model):
        messages = merge_system_messages(messages)
        messages = move_tool_images(messages)
    if family not in {"effort", "deepseek"}:  # only these take their earlier thinking
        messages = tuple(replace(m, reasoning="") if m.reasoning else m for m in messages)
    if dialect.dashscope and request.model.lower().startswith("glm") and not request.extra.get("tools"):
        # without tools GLM ignores content in parts there
        messages = tuple(replace(m, content=flatten(m.content)) for m in messages)
    return messages


# -- thinking ------------------------------------------------------------------------------


def _thinking(
    request: ChatRequest, dialect: Dialect, family: Family
) -> tuple[dict[str, Any], tuple[str, ...]]:
    level, given = _level(request.thinking), request.extra
    if any(name in given for name in ("enable_thinking", "thinking_budget", "reasoning_effort")):
        return {}, ()  # given in the host's own terms
    if dialect.agent:
        return {}, (_("an agent thinks as it is set up: --thinking was left out"),) if level else ()
    needs_flag = dialect.thinking == "dashscope" and family in SWITCHABLE
    if level is None:
        # a model that thinks by default is refused without a stream, and with a tool that must be called
        return ({"enable_thinking": False} if needs_flag and not _may_think(request) else {}), ()
    if dialect.thinking == "dashscope" and level != "off" and family not in {"none", "always"}:
        _check_may_think(request)
    syntax: ThinkingSyntax = "template" if not dialect.name and is_qwen(request.model) else dialect.thinking
    note = unsupported(family, level)
    return dict(thinking_fields(syntax, family, level)), (f"{request.model} {note}",) if note else ()


def _level(typed: str | None) -> str | None:
    if typed is None or typed in LEVELS:
        return typed
    what = _("thinking cannot be {typed!r}", typed=typed)
    raise mistyped(what, typed, LEVELS, hint=" · ".join(LEVELS), otherwise=LEVELS)


def _may_think(request: ChatRequest) -> bool:
    return request.stream and request.extra.get("tool_choice", "auto") in ("auto", "none", None)


def _check_may_think(request: ChatRequest) -> None:
    if not request.stream:
        raise UsageError(
            _("this host thinks only while it streams"), hint=_("leave out --no-stream or --thinking")
        )
    if not _may_think(request):
        raise UsageError(
            _("a model that thinks cannot be made to call a tool"),
            hint=_("leave out --thinking or tool_choice"),
        )


def thinks(fields: Mapping[str, Any]) -> bool:
    """Whether request fields leave the thinking of a model on."""
    return fields.get("enable_thinking") is not False and fields.get("reasoning_effort") != "none"


def clamp_temperature(
    temperature: float | None, dialect: Dialect, family: Family, extra: Mapping[str, Any]
) -> float | None:
    """The temperature, at least 0.6 for Qwen 3.8 on DashScope while it thinks, which is its default."""
    if dialect.dashscope and family == "effort" and thinks(extra) and temperature is not None:
        return max(temperature, 0.6)
    return temperature


# -- the form of the answer ----------------------------------------------------------------


def _format(
    request: ChatRequest, dialect: Dialect, family: Family, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The host's own `response_format` for the schema, which the prompt describes as well.

    Not with thinking on DashScope: most models refuse that, and Qwen 3.8 then answers something else than it thought.
    Not with tools: a model held to a schema cannot call them.
    """
    if request.schema is None or (fields.get("tools") and fields.get("tool_choice") != "none"):
        return {}
    if dialect.dashscope and family in {*SWITCHABLE, "always", "kimi"} and thinks(fields):
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": dict(request.schema)}}


# -- images and the prompt cache -----------------------------------------------------------

HIGH_RESOLUTION_MODELS = r"coder-model$|qwen-vl|qwen3-vl-plus|qwen3\.[567]-plus"
_MIN_CACHED = 4_096  # characters; the cache takes prompts of 1,024 tokens and more


def has_pictures(messages: Iterable[Message]) -> bool:
    """Whether a message holds a picture."""
    return any(part.get("type") == "image_url" for message in messages for part in parts_of(message.content))


def _with_cache_marks(request: ChatRequest, dialect: Dialect) -> ChatRequest:
    """The request with marks for the host's prompt cache, where they can save money.

    Writing to the cache costs 1.25 times the input price, reading from it 0.1 times. So long system messages are
    marked, a conversation from its second question on, and what many requests share.
    """
    if not dialect.cache.mark or not is_qwen(request.model):
        return request
    headers = {**request.headers, **dialect.cache.headers}
    if request.shared is not None:
        shared = _with_shared_marked(request.messages, request.shared, dialect.cache.minimum)
        marked = shared is not request.messages
        return structs.replace(request, messages=shared, headers=headers) if marked else request
    if not dialect.dashscope or not request.stream:
        return request
    messages = list(request.messages)
    continues = any(m.role == "assistant" for m in messages)
    if sum(text_length(m.content) for m in messages) < _MIN_CACHED or has_cache_marks(messages):
        return request
    marks = (
        {0}
        if messages[0].role == "system" and (continues or text_length(messages[0].content) >= _MIN_CACHED)
        else set()
    )
    marks |= {len(messages) - 1} if continues else set()
    if not marks:
        return request
    for at in marks:
        messages[at] = with_cache_mark(messages[at])
    return structs.replace(
        request,
        messages=tuple(messages),
        extra=with_tools_marked(request.extra),
        headers=headers,
    )


def _with_shared_marked(messages: tuple[Message, ...], shared: str, minimum: int) -> tuple[Message, ...]:
    """The messages with a mark at the end of what many requests share, if that has `minimum` tokens."""
    from openclaw_ipython.chat import token_estimate  # a single question does not need it

    at = next((n for n, message in enumerate(messages) if message.role == "user"), len(messages))
    before, rest = messages[:at], messages[at:]
    tokens = token_estimate.of_messages(before)
    first, *parts = parts_of(rest[0].content) if rest else [{}]
    text = str(first.get("text", ""))
    if shared and text.startswith(shared) and tokens + token_estimate.of_text(shared) >= minimum:
        own = [{"type": "text", "text": text[len(shared) :]}] if len(text) > len(shared) else []
        content = [{"type": "text", "text": shared, **MARK}, *own, *parts]
        return (*before, replace(rest[0], content=content), *rest[1:])
    if before and tokens >= minimum:
        return (*before[:-1], with_cache_mark(before[-1]), *rest)
    return messages


def merge_system_messages(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One system message, in front, and no role `developer`: Qwen's chat template refuses others."""
    renamed = [replace(m, role="system") if m.role == "developer" else m for m in messages]
    system = [m for m in renamed if m.role == "system"]
    others = [m for m in renamed if m.role != "system"]
    if not system:
        return tuple(others)
    if len(system) == 1:
        return (system[0], *others)
    return (replace(system[0], content=joined_content(m.content for m in system)), *others)


def flatten(content: Content) -> Content:
    """Content whose parts are all text, as one text."""
    if isinstance(content, str) or any(part.get("type") != "text" for part in content):
        return content
    return "\n\n".join(str(part.get("text", "")) for part in content)


def move_tool_images(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Images of tool results in a user message after them, since strict servers drop them."""
    moved: list[Message] = []
    pending: list[Mapping[str, Any]] = []
    for message in messages:
        if message.role != "tool" and pending:
            moved.append(Message("user", pending))
            pending = []
        if message.role == "tool" and not isinstance(message.content, str):
            images = [part for part in message.content if part.get("type") == "image_url"]
            texts = [part for part in message.content if part.get("type") != "image_url"]
            pending += images
            moved.append(replace(message, content=texts or "(the image follows)") if images else message)
        else:
            moved.append(message)
    return (*moved, Message("user", pending)) if pending else tuple(moved)


def text_length(content: Content) -> int:
    """The number of characters of text in a message."""
    return sum(len(str(part.get("text", ""))) for part in parts_of(content))


def has_cache_marks(messages: Iterable[Message]) -> bool:
    """Whether a part is marked for the prompt cache."""
    return any("cache_control" in part for message in messages for part in parts_of(message.content))


def with_cache_mark(message: Message) -> Message:
    """The message with its last part marked for the prompt cache."""
    return replace(message, content=marked(message.content))


def with_tools_marked(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Request fields with the last tool marked for the prompt cache."""
    tools = extra.get("tools")
    if not isinstance(tools, list) or not tools or not isinstance(tools[-1], Mapping):
        return extra
    return {**extra, "tools": [*tools[:-1], {**tools[-1], **MARK}]}
