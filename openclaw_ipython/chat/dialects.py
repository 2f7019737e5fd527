"""How hosts differ in what they take: a question → the request one host accepts. Pure.

Facts about the Qwen hosts from Qwen Code 0.24.4 and OpenClaw's Qwen provider 2026.9.4 (2026-09), from Model Studio help
("error-code", "deep-thinking", "context cache", "structured output") and from users' reports of refusals; about
thinking see `thinking`.
What identifies us is no dialect: the `User-Agent` is the same everywhere, and no host is told of another client.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import structs

from openclaw_ipython.chat.thinking import (
    FLAGGED,
    LEVELS,
    Family,
    Way,
    cannot,
    family_of,
    fields_for,
    is_qwen,
)
from openclaw_ipython.chat.turns import (
    flat,
    has_marks,
    images_out_of_tools,
    length,
    marked,
    one_system,
    opened,
    tools_marked,
)
from openclaw_ipython.errors import OpenClawError, RequestRejected, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatRequest, Message


class Dialect(NamedTuple):
    """The manner of one kind of host.

    `thinking` is how it is told to think; `strict`: it knows no role `developer` and wants one system message, in
    front; `dashscope`: it has DashScope's own fields and its rules; `marked`: it refuses requests that do not open
    with a system message of parts marked for its prompt cache. `answers` is what it may be held to: a JSON schema, or
    just some JSON object.
    """

    name: str
    thinking: Way = "effort"
    strict: bool = True
    dashscope: bool = False
    marked: bool = False
    answers: Literal["schema", "object"] = "schema"


PLAIN = Dialect("", strict=False)
PORTAL = Dialect("portal", "dashscope", dashscope=True, answers="object")
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        PLAIN,
        PORTAL,
        Dialect("dashscope", "dashscope", dashscope=True, answers="object"),
        Dialect("modelscope", "dashscope", answers="object"),
        Dialect("openrouter", "reasoning", strict=False),
        Dialect("fireworks", "effort"),
        Dialect("ollama", "effort"),
        Dialect("lmstudio", "effort"),
        Dialect("vllm", "template"),
    )
}

# Qwen Code's test for "DashScope", and the hosts of the services with a manner of their own.
_HOSTS = (
    (r"(.+\.)?dashscope(-intl|-us)?\.aliyuncs\.com", "dashscope"),
    (r"token-plan\.(.+\.)?maas\.aliyuncs\.com", "dashscope"),
    (r".+\.(alibaba-inc|aliyun-inc|alicloudapi)\.com", "dashscope"),
    (r"(.+\.)?qwen\.ai", "portal"),
    (r"(.+\.)?openrouter\.ai", "openrouter"),
    (r"(.+\.)?fireworks\.ai", "fireworks"),
    (r"api-inference\.modelscope\.(cn|ai)", "modelscope"),
)
_PORTAL_HOST = r"(.+\.)?qwen\.ai"


def dialect_for(base_url: str, declared: str = "", proxies: Iterable[str] = ()) -> Dialect:
    """The manner of the host at `base_url`.

    `declared` is what the provider's own file says and wins, so that a proxy in front of a known service is spoken to
    like the service. `proxies` are base URLs that count as DashScope (`DASHSCOPE_PROXY_BASE_URL`).
    """
    host = _host(base_url)
    if declared == "portal" and re.fullmatch(_PORTAL_HOST, host):
        # From April 2026 the portal itself refused whatever was not opened like this; stand-ins seldom do.
        return PORTAL._replace(marked=True)
    if declared:
        return DIALECTS.get(declared, PLAIN)
    if host and host in {_host(proxy) for proxy in proxies}:
        return DIALECTS["dashscope"]
    name = next((name for pattern, name in _HOSTS if re.fullmatch(pattern, host)), "")
    return dialect_for(base_url, name) if name else PLAIN


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


# -- a question → the request --------------------------------------------------------------


class Shaped(NamedTuple):
    """A request as the host takes it. `notes`: what the reader should know of the difference."""

    request: ChatRequest
    notes: tuple[str, ...] = ()


def shaped(request: ChatRequest, dialect: Dialect, family: Family = "") -> Shaped:
    """`request` as the host takes it. `family` says how the model's thinking is switched; by its name if empty.

    What the person typed as a field of its own stays as typed. Raises UsageError for what cannot be asked together.
    """
    family = family or family_of(request.model)
    messages = _spoken(request, dialect, family)
    thinking, notes = _thinking(request, dialect, family)
    ours: dict[str, Any] = {**thinking, **_media(request.model, messages, dialect)}
    ours |= _format(request, dialect, family, {**ours, **request.extra})
    extra = {**ours, **request.extra}
    dropped = _not_taken(request, dialect)
    extra = {name: value for name, value in extra.items() if name not in dropped}
    temperature = _warm_enough(request.temperature, dialect, family, extra)
    if temperature != request.temperature:
        notes = (*notes, _("{model} thinks at a temperature of at least 0.6", model=request.model))
    made = structs.replace(
        request,
        messages=messages,
        temperature=temperature,
        extra=extra,
        optional=frozenset(ours) - set(request.extra),
    )
    notes += tuple(
        _("{name} was left out: this host does not take it", name=name) for name in sorted(dropped)
    )
    return Shaped(_cached(made, dialect), notes)


def _not_taken(request: ChatRequest, dialect: Dialect) -> set[str]:
    dropped = set()
    if dialect.strict and not request.stream and "stream_options" in request.extra:
        dropped.add("stream_options")
    # the vendor behind the gateway refuses it for models that are not Qwen's
    if dialect.dashscope and not is_qwen(request.model) and "metadata" in request.extra:
        dropped.add("metadata")
    return dropped


# -- messages ------------------------------------------------------------------------------


def _spoken(request: ChatRequest, dialect: Dialect, family: Family) -> tuple[Message, ...]:
    messages = request.messages
    if dialect.strict or is_qwen(request.model):
        messages = one_system(messages)
        messages = images_out_of_tools(messages)
    if family not in {"effort", "deepseek"}:  # only these want their earlier thinking back
        messages = tuple(dataclasses.replace(m, reasoning="") if m.reasoning else m for m in messages)
    if dialect.dashscope and _ignores_parts(request):
        messages = tuple(dataclasses.replace(m, content=flat(m.content)) for m in messages)
    if dialect.marked:
        messages = opened(messages)
    return messages


def _ignores_parts(request: ChatRequest) -> bool:
    """GLM on DashScope overlooks content in parts when there are no tools."""
    return request.model.lower().startswith("glm") and not request.extra.get("tools")


# -- thinking ------------------------------------------------------------------------------


def _thinking(
    request: ChatRequest, dialect: Dialect, family: Family
) -> tuple[dict[str, Any], tuple[str, ...]]:
    level, asked = _level(request.thinking), request.extra
    if any(name in asked for name in ("enable_thinking", "thinking_budget", "reasoning_effort")):
        return {}, ()  # said in the host's own words
    refuses_silence = dialect.thinking == "dashscope" and family in FLAGGED
    if level is None:
        # Models that think by themselves are refused without a stream, and with a tool that must be called.
        return ({"enable_thinking": False} if refuses_silence and not _may_think(request) else {}), ()
    if dialect.thinking == "dashscope" and level != "off" and family not in {"none", "always"}:
        _check_may_think(request)
    way: Way = "template" if not dialect.name and is_qwen(request.model) else dialect.thinking
    note = cannot(family, level)
    return dict(fields_for(way, family, level)), (f"{request.model} {note}",) if note else ()


def _level(typed: str | None) -> str | None:
    if typed is None or typed in LEVELS:
        return typed
    near = suggest(typed, LEVELS) or LEVELS
    raise UsageError(
        _("thinking cannot be {typed!r}{meant}", typed=typed, meant=did_you_mean(near)),
        suggestions=near,
        hint=" · ".join(LEVELS),
    )


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


def _warm_enough(
    temperature: float | None, dialect: Dialect, family: Family, extra: Mapping[str, Any]
) -> float | None:
    """Qwen 3.8 does not take less than 0.6 while it thinks, which it does unless told otherwise."""
    thinks = extra.get("enable_thinking") is not False and extra.get("reasoning_effort") != "none"
    if dialect.dashscope and family == "effort" and thinks and temperature is not None:
        return max(temperature, 0.6)
    return temperature


# -- the form of the answer ----------------------------------------------------------------


def _format(
    request: ChatRequest, dialect: Dialect, family: Family, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The host's own way of holding the answer to a schema. The prompt says it in words as well.

    Not together with thinking on DashScope: most models refuse that, and Qwen 3.8 then answers something else than
    it thought. Not together with functions: held to a schema, a model cannot call them.
    """
    if request.schema is None or (fields.get("tools") and fields.get("tool_choice") != "none"):
        return {}
    if dialect.dashscope and family in {*FLAGGED, "always", "kimi"}:
        thinks = fields.get("enable_thinking") is not False and fields.get("reasoning_effort") != "none"
        if thinks:
            return {}
    if dialect.answers == "object":
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": dict(request.schema)}}


# -- images and the prompt cache -----------------------------------------------------------

_SEES_FINELY = r"coder-model$|qwen-vl|qwen3-vl-plus|qwen3\.[567]-plus"
_WORTH_KEEPING = 4_096  # characters: the cache takes prompts of 1,024 tokens and more


def _media(model: str, messages: Sequence[Message], dialect: Dialect) -> dict[str, Any]:
    """More pixels per image, for the models that have the switch and only where there is an image."""
    if not dialect.dashscope or not re.match(_SEES_FINELY, model.lower()):
        return {}
    pictured = any(
        part.get("type") == "image_url"
        for message in messages
        if not isinstance(message.content, str)
        for part in message.content
    )
    return {"vl_high_resolution_images": True} if pictured else {}


def _cached(request: ChatRequest, dialect: Dialect) -> ChatRequest:
    """The request with marks for DashScope's prompt cache, where one can pay off.

    Keeping a prompt costs a quarter more than reading it, using it again a tenth: long system messages are kept,
    and whole conversations once they go on.
    """
    if not dialect.dashscope or not request.stream or not is_qwen(request.model):
        return request
    messages = list(request.messages)
    goes_on = any(m.role == "assistant" for m in messages)
    if sum(length(m.content) for m in messages) < _WORTH_KEEPING or has_marks(messages):
        return request
    marks = (
        {0}
        if messages[0].role == "system" and (goes_on or length(messages[0].content) >= _WORTH_KEEPING)
        else set()
    )
    marks |= {len(messages) - 1} if goes_on else set()
    if not marks:
        return request
    for at in marks:
        messages[at] = marked(messages[at])
    return structs.replace(
        request,
        messages=tuple(messages),
        extra=tools_marked(request.extra),
        headers={**request.headers, "X-DashScope-CacheControl": "enable"},
    )


# -- a refusal → the request once more -----------------------------------------------------


# What refusals call a field, other than by its name.
_CALLED = {"response_format": ("json mode", "json_schema", "json_object", "structured output")}


class Mended(NamedTuple):
    """A request that may be accepted where another was refused, and what is different, for the reader."""

    request: ChatRequest
    note: str


def mended(request: ChatRequest, error: OpenClawError, dialect: Dialect) -> Mended | None:
    """What to send instead after a refusal that says what it was about; None when it does not.

    Only what the dialect itself put into the request is changed, never what the person typed.
    """
    if not isinstance(error, RequestRejected) or error.status not in {400, 422}:
        return None
    said = str(error).lower()
    ours = request.optional & set(request.extra)
    if "enable_thinking" in said and "enable_thinking" in ours:
        return _flag_turned(request, said)
    if dialect.name == "portal" and not has_marks(request.messages[:1]) and "bad request" in said:
        return Mended(structs.replace(request, messages=opened(request.messages)), "")
    refused = {name for name in ours if name in said or any(w in said for w in _CALLED.get(name, ()))}
    if not refused:
        return None
    left = {name: value for name, value in request.extra.items() if name not in refused}
    names = ", ".join(sorted(refused))
    return Mended(
        structs.replace(request, extra=left), f"asked again without {names}, which the service refuses"
    )


def _flag_turned(request: ChatRequest, said: str) -> Mended | None:
    """`enable_thinking` the other way, where the service says that it must be."""
    want = True if re.search(r"must be (set to )?true", said) else None
    want = False if re.search(r"must be (set to )?false", said) else want
    if want is None or request.extra.get("enable_thinking") is want:
        return None
    others = {n: v for n, v in request.extra.items() if n not in {"thinking_budget", "reasoning_effort"}}
    note = f"{request.model} answers only {'with' if want else 'without'} thinking"
    return Mended(structs.replace(request, extra={**others, "enable_thinking": want}), note)
