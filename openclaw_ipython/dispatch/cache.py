"""Answers shown again instead of asked for again: what may be kept, under which key, and what a replay brings.

Imported only by a question that may be answered from the cache. The key holds everything that shapes an answer:
provider and model, all messages (with the pictures in them), every request field, what the answer has to fit, the
functions on offer. Not the address of the service, nor the login: the same model at another address of its provider
gives the same answer, and a replay needs neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.resolve import Credential
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import (
    Answering,
    ChatEvent,
    ChatRequest,
    Finished,
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
from openclaw_ipython.dispatch.failover import Question
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.cache import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from openclaw_ipython.journal.cache import AnswerCache
    from openclaw_ipython.openclaw.model_refs import ModelRef

_SHAPELESS = frozenset(
    {"model", "stream", "headers", "optional"}
)  # of a request: what does not shape the answer
_NOTHING: tuple[Any, ...] = ("", (), [], {}, frozenset())
_COMPLETE = frozenset({"stop", "tool_calls", "function_call", "end_turn", "eos"})


def from_cache(
    ref: ModelRef, request: ChatRequest, answers: AnswerCache, ask: Callable[[], Question]
) -> Question:
    """The question to `ref`: with the answer that is kept, else the one that `ask` makes, to be kept under its key."""
    key = key_of(shape_of(ref, request))
    found = answers.get(key)
    if found is not None and reply_of(found) is not None:
        nobody = Credential(ref.provider, "the cache")
        return Question(ref, "", request, nobody, asked=request, key=key, kept=found)
    return replace(ask(), key=key)


def shape_of(ref: ModelRef, request: ChatRequest) -> dict[str, Any]:
    """Everything about a request that shapes its answer, as plain values.

    What was not asked for is left out, so that a key stays what it is when there is more to ask for.
    """
    shape: dict[str, Any] = {k: v for k, v in _plain(request).items() if k not in _SHAPELESS}
    return shape | {"model": str(ref)}


async def replayed(question: Question) -> AsyncGenerator[ChatEvent, None]:
    """The events of a kept answer, all at once."""
    for event in replay(question):
        yield event


def replay(question: Question) -> Iterator[ChatEvent]:
    """The events of a kept answer. Its tokens are told as they were; they cost nothing now."""
    reply = reply_of(question.kept or {})
    if reply is None:
        return
    yield Timed(reply.seconds, reply.first_text)
    for note in (*question.notes, _("from the cache")):
        yield Notice(note)
    if reply.reasoning:
        yield ReasoningDelta(reply.reasoning)
    if reply:
        yield TextDelta(str(reply))
    for index, call in enumerate(reply.tool_calls):
        yield ToolCallDelta(index, call.id, call.name, call.arguments)
    if reply.usage is not None:
        yield UsageReport(reply.usage)
    yield Finished(reply.finish_reason)


async def keeping(
    question: Question, events: AsyncGenerator[ChatEvent, None], answers: AnswerCache
) -> AsyncGenerator[ChatEvent, None]:
    """Pass `events` on, and keep the answer they come to, if it is complete and of the model that was asked."""
    collector, own, began = Collector(str(question.ref), 0.0), True, asyncio.get_running_loop().time()

    def since() -> float:
        return asyncio.get_running_loop().time() - began

    async with aclosing(events):
        async for event in events:
            collector.add(event, since())
            own = own and not isinstance(event, Answering)
            yield event
    reply = collector.reply(since())
    if own and is_complete(reply):
        yield Timed(*_times(reply))  # so that a replay, which has the same, looks as this answer does
        await asyncio.to_thread(keep, question, reply, answers)


def keep(question: Question, reply: Reply, answers: AnswerCache) -> None:
    """Keep the answer to a question that has a key. One that is not complete is not kept."""
    if question.key and question.kept is None and is_complete(reply):
        answers.put(question.key, str(question.ref), _kept(reply))


def is_complete(reply: Reply) -> bool:
    """Whether the model ended its answer itself, and there is one."""
    return reply.finish_reason in _COMPLETE and bool(reply or reply.tool_calls)


def _kept(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "text": str(reply),
        "reasoning": reply.reasoning,
        "model": reply.model,
        "finish_reason": reply.finish_reason,
        "tool_calls": [[call.id, call.name, call.arguments] for call in reply.tool_calls],
        "usage": usage
        and [usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens],
        "seconds": _times(reply)[0],
        "first_text": _times(reply)[1],
    }


def _times(reply: Reply) -> tuple[float, float | None]:
    """Seconds in all and to the first text, as they are kept."""
    return round(reply.seconds, 3), None if reply.first_text is None else round(reply.first_text, 3)


def reply_of(kept: Mapping[str, Any]) -> Reply | None:
    """The reply as it was kept; None for what is none: the file may have come from anywhere."""
    try:
        text, reasoning, model, finish = (
            kept[name] for name in ("text", "reasoning", "model", "finish_reason")
        )
        calls = tuple(ToolCall(*map(_text, call)) for call in kept["tool_calls"])
        usage = None if kept["usage"] is None else Usage(*map(_count, kept["usage"]))
        first = kept["first_text"]
        return Reply(
            _text(text),
            reasoning=_text(reasoning),
            usage=usage,
            model=_text(model),
            finish_reason=_text(finish),
            tool_calls=calls,
            seconds=float(kept["seconds"]),
            first_text=None if first is None else float(first),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError
    return value


def _plain(value: Any) -> Any:
    """A value of a request as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in named if item is not None and item not in _NOTHING}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
