"""The response cache of requests: what may be cached, under which key, and the events of a cached answer.

The key covers everything that shapes an answer: provider and model, all messages with their pictures, every request
field, the schema, the tools. It covers neither the address of the service nor the login: the same model at another
address of its provider gives the same answer, and a cached answer needs neither.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from openclaw_ipython.auth.resolver import Credential
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.endings import is_complete
from openclaw_ipython.chat.types import (
    AnsweredBy,
    Answering,
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    Notice,
    ReasoningDelta,
    Reply,
    TextDelta,
    Timed,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from openclaw_ipython.dispatch.failover import ResolvedRequest
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_ipython.journal.answer_cache import AnswerCache
    from openclaw_ipython.openclaw.model_refs import ModelRef

_FORMAT = 1  # increase it when the stored form changes: the existing answers are not used any more
_NOT_IN_KEY = frozenset({"model", "stream", "headers", "optional", "shared"})
STORED_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost")
"""The fields of Usage in their order; answers stored earlier have no cost."""

_EMPTY: tuple[Any, ...] = (None, "", (), [], {}, frozenset())


def resolve_from_cache(
    ref: ModelRef, request: ChatRequest, answers: AnswerCache, resolve: Callable[[], ResolvedRequest]
) -> ResolvedRequest:
    """`request` to `ref` with its cached answer; without one, what `resolve` returns, to be cached."""
    key = cache_key(ref, request)
    found = answers.get(key)
    if decode_reply(found) is not None:
        no_login = Credential(ref.provider, "the cache")
        return ResolvedRequest(
            ref, "", request, no_login, unadapted=request, cache_key=key, cached_reply=found
        )
    return replace(resolve(), cache_key=key)


def cache_key(ref: ModelRef, request: ChatRequest) -> str:
    """The key of `request` to `ref`."""
    fields: dict[str, Any] = {k: v for k, v in _plain(request).items() if k not in _NOT_IN_KEY}
    shape = [_FORMAT, fields | {"model": str(ref)}]
    text = json.dumps(shape, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def replay(resolved: ResolvedRequest) -> AsyncGenerator[ChatEvent, None]:
    """The events of a cached answer. They report its tokens, which cost nothing now."""
    reply = decode_reply(resolved.cached_reply)
    if reply is None:
        return
    yield Timed(reply.seconds, reply.first_text)
    if reply.model != str(resolved.ref):
        yield AnsweredBy(reply.model.partition("/")[2])
    for note in (*resolved.notes, _("from the cache")):
        yield Notice(note)
    if reply.reasoning:
        yield ReasoningDelta(reply.reasoning)
    if reply:
        yield TextDelta(str(reply))
    for index, call in enumerate(reply.tool_calls):
        yield ToolCallDelta(index, call.id, call.name, call.arguments)
    if reply.usage is not None:
        yield UsageReport(replace_fields(reply.usage, cost=None))
    yield Finished(reply.finish_reason)


async def storing(
    resolved: ResolvedRequest, events: AsyncGenerator[ChatEvent, None], answers: AnswerCache
) -> AsyncGenerator[ChatEvent, None]:
    """Pass `events` on, then store their answer if it is complete and of the requested model."""
    clock = asyncio.get_running_loop().time
    start, model_changed = clock(), False
    collector = Collector(str(resolved.ref), start)
    async with aclosing(events):
        async for event in events:
            collector.add(event, clock())
            model_changed = model_changed or isinstance(event, Answering)
            yield event
    reply = collector.reply(clock())
    if not model_changed and is_complete(reply):
        yield Timed(*_times(reply))  # the rounded times, so that a replay looks the same
        await asyncio.to_thread(store, resolved, reply, answers)


def store(resolved: ResolvedRequest, reply: Reply, answers: AnswerCache) -> None:
    """Store a complete answer under the key of the request, if it has one and did not come from the cache."""
    if resolved.cache_key and resolved.cached_reply is None and is_complete(reply):
        answers.put(resolved.cache_key, str(resolved.ref), encode_reply(reply))


def encode_reply(reply: Reply) -> dict[str, Any]:
    """The reply as JSON values."""
    usage, (seconds, first_text) = reply.usage, _times(reply)
    return {
        "text": str(reply),
        "reasoning": reply.reasoning,
        "model": reply.model,
        "finish_reason": reply.finish_reason,
        "tool_calls": [[call.id, call.name, call.arguments] for call in reply.tool_calls],
        "usage": usage and [getattr(usage, name) for name in STORED_COUNTS],
        "seconds": seconds,
        "first_text": first_text,
    }


def _times(reply: Reply) -> tuple[float, float | None]:
    """Seconds in all and to the first text, as they are stored."""
    return round(reply.seconds, 3), None if reply.first_text is None else round(reply.first_text, 3)


class _StoredReply(Struct):
    text: str
    reasoning: str
    model: str
    seconds: float
    usage: tuple[int | float | None, ...] | None
    finish_reason: str = ""
    finish: str = ""  # the same, for rows of batches in release 0.1
    first_text: float | None = None
    tool_calls: tuple[tuple[str, str, str], ...] = ()


def decode_reply(stored: Any) -> Reply | None:
    """The stored reply; None for anything else: the file may come from anywhere."""
    try:
        found = asdict(msgspec.convert(stored, _StoredReply))
        found["usage"] = found["usage"] and Usage(*found["usage"])
    except (msgspec.ValidationError, TypeError):
        return None
    finish = found.pop("finish")
    found["finish_reason"] = found["finish_reason"] or finish
    found["tool_calls"] = tuple(ToolCall(*call) for call in found["tool_calls"])
    return Reply(found.pop("text"), **found)


def _plain(value: Any) -> Any:
    """A value of a request as JSON values. Empty fields are left out, so that a new field changes no key."""
    if isinstance(value, (ChatRequest, Message, ToolCall)):
        named = ((name, getattr(value, name)) for name in type(value).__match_args__)
        return {name: _plain(item) for name, item in named if item not in _EMPTY}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
