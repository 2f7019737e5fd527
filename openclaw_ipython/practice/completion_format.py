"""Chat completions in the format of OpenAI, as one JSON document or as server-sent events.

The events are those observed on the service: one with the role, the deltas, one with the finish reason, one without
choices that carries the usage if requested, and `data: [DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.practice.http_types import Cut, Pause, Stall, Step
from openclaw_ipython.practice.requests import CHARACTERS_PER_TOKEN, ChatPrompt, tokens_of

_PIECE = 8  # characters of one fragment of tool arguments


class Call(Struct, frozen=True):
    """A tool call; `arguments` is JSON text, or any text that a script sets."""

    id: str
    name: str
    arguments: str


class Completion(Struct, frozen=True):
    """A completion: the deltas of text and reasoning, the tool calls, and the end.

    With `finish` None there is no finish reason; with `usage` None the usage is estimated.
    """

    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: str | None = "stop"
    usage: Mapping[str, Any] | None = None


class Fault(Struct, frozen=True):
    """The connection breaks or stalls after a number of deltas."""

    kind: Literal["breaks", "stalls"]
    after: int

    def step(self) -> Step:
        """The step of the endpoint."""
        return Cut() if self.kind == "breaks" else Stall()


class CompletionHeader(Struct, frozen=True):
    """The fields that every chunk of a completion repeats."""

    id: str
    created: int
    model: str


def truncate(completion: Completion, limit: int | None) -> Completion:
    """The completion cut to `limit` tokens of text, with the finish reason "length"."""
    text = "".join(completion.text)
    if limit is None or len(text) <= limit * CHARACTERS_PER_TOKEN:
        return completion
    return replace(completion, text=(text[: limit * CHARACTERS_PER_TOKEN],), finish="length")


def usage_of(completion: Completion, prompt: ChatPrompt) -> Mapping[str, Any]:
    """The usage object: the scripted one, or an estimate of four characters per token."""
    if completion.usage is not None:
        return completion.usage
    reasoning = tokens_of(sum(map(len, completion.reasoning)))
    called = sum(len(call.name) + len(call.arguments) for call in completion.calls)
    output = reasoning + tokens_of(sum(map(len, completion.text)) + called)
    return {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": output,
        "total_tokens": prompt.tokens + output,
        "prompt_tokens_details": dict(prompt.cache or {"cached_tokens": 0}),
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


# -- one document --------------------------------------------------------------------------


def document(completion: Completion, header: CompletionHeader, usage: Mapping[str, Any]) -> dict[str, Any]:
    """The completion as one `chat.completion`."""
    text = "".join(completion.text)
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if completion.calls else "")}
    if completion.reasoning:
        message["reasoning_content"] = "".join(completion.reasoning)
    if completion.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in completion.calls
        ]
    return {
        "id": header.id,
        "object": "chat.completion",
        "created": header.created,
        "model": header.model,
        "choices": [{"index": 0, "message": message, "finish_reason": completion.finish}],
        "usage": dict(usage),
    }


# -- a stream ------------------------------------------------------------------------------


def event_stream(
    completion: Completion,
    header: CompletionHeader,
    usage: Mapping[str, Any] | None,
    *,
    pace: float = 0.0,
    fault: Fault | None = None,
) -> Iterator[Step]:
    """The completion as server-sent events, with `pace` seconds before each delta.

    With `usage` None there is no usage chunk.
    """
    heading = {
        "id": header.id,
        "object": "chat.completion.chunk",
        "created": header.created,
        "model": header.model,
    }

    def chunk(choices: list[dict[str, Any]], usage: Mapping[str, Any] | None = None) -> bytes:
        return f"data: {json.dumps({**heading, 'choices': choices, 'usage': usage})}\n\n".encode()

    start = {"role": "assistant", "content": "", "reasoning_content": None}
    yield chunk([{"index": 0, "delta": start, "finish_reason": None}])
    for count, delta in enumerate(_deltas(completion)):
        if fault is not None and count == fault.after:
            break
        if pace > 0:
            yield Pause(pace)
        yield chunk([{"index": 0, "delta": delta, "finish_reason": None}])
    if fault is not None:
        yield fault.step()
    elif completion.finish is not None:
        yield chunk([{"index": 0, "delta": {"content": ""}, "finish_reason": completion.finish}])
        if usage is not None:
            yield chunk([], usage)
        yield b"data: [DONE]\n\n"


def _deltas(completion: Completion) -> Iterator[dict[str, Any]]:
    for text in completion.reasoning:
        yield {"content": None, "reasoning_content": text}
    for text in completion.text:
        yield {"content": text, "reasoning_content": None}
    for index, call in enumerate(completion.calls):
        # The first fragment has the id and the name; later ones have an empty id and no name.
        yield _fragment(index, call.id, call.name, "")
        for at in range(0, len(call.arguments), _PIECE):
            yield _fragment(index, "", None, call.arguments[at : at + _PIECE])


def _fragment(index: int, call_id: str, name: str | None, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    call = {"index": index, "id": call_id, "type": "function", "function": function}
    return {"content": None, "tool_calls": [call]}
