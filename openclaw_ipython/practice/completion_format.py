"""Chat completions in the format of OpenAI, as one JSON document or as server-sent events.

The events are those observed on the service: one with the role, the deltas, one with the finish reason, one without
choices that carries the usage if requested, and `data: [DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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
    left = (limit or 0) * CHARACTERS_PER_TOKEN
    if limit is None or sum(map(len, completion.text)) <= left:
        return completion
    pieces: list[str] = []
    for piece in completion.text:
        pieces.append(piece[:left])
        left -= len(pieces[-1])
        if not left:
            break
    return replace(completion, text=tuple(pieces), finish="length")


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
    chunks = _ChunkEncoder(header)
    yield chunks.role()
    for count, delta in enumerate(chunks.deltas(completion)):
        if fault is not None and count == fault.after:
            break
        if pace > 0:
            yield Pause(pace)
        yield delta
    if fault is not None:
        yield fault.step()
    elif completion.finish is not None:
        yield chunks.finish(completion.finish)
        if usage is not None:
            yield chunks.usage(usage)
        yield b"data: [DONE]\n\n"


class _ChunkEncoder:
    """Encodes chunks; the fields that do not change are encoded once."""

    def __init__(self, header: CompletionHeader) -> None:
        self._fields: dict[str, Any] = {
            "id": header.id,
            "object": "chat.completion.chunk",
            "created": header.created,
            "model": header.model,
        }
        head = json.dumps(self._fields)[:-1]
        self._before = f'data: {head}, "choices": [{{"index": 0, "delta": '.encode()
        self._after = b', "finish_reason": null}], "usage": null}\n\n'

    def deltas(self, completion: Completion) -> Iterator[bytes]:
        yield from self._texts(completion.reasoning, b'{"content": null, "reasoning_content": %b}')
        yield from self._texts(completion.text, b'{"content": %b, "reasoning_content": null}')
        for index, call in enumerate(completion.calls):
            yield from self._call(index, call)

    def _texts(self, pieces: Iterable[str], shape: bytes) -> Iterator[bytes]:
        last, chunk = None, b""
        for piece in pieces:
            if piece is not last:  # `floods` repeats one piece thousands of times
                last, chunk = piece, self._chunk(shape % json.dumps(piece).encode())
            yield chunk

    def _call(self, index: int, call: Call) -> Iterator[bytes]:
        """The first fragment has the id and the name; later ones have an empty id and no name."""
        yield self._fragment(index, call.id, call.name, "")
        for at in range(0, len(call.arguments), _PIECE):
            yield self._fragment(index, "", None, call.arguments[at : at + _PIECE])

    def _fragment(self, index: int, call_id: str, name: str | None, arguments: str) -> bytes:
        function = {"name": name, "arguments": arguments}
        call = {"index": index, "id": call_id, "type": "function", "function": function}
        return self._chunk(json.dumps({"content": None, "tool_calls": [call]}).encode())

    def _chunk(self, delta: bytes) -> bytes:
        return self._before + delta + self._after

    def role(self) -> bytes:
        return self._chunk(b'{"role": "assistant", "content": "", "reasoning_content": null}')

    def finish(self, reason: str) -> bytes:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": reason}
        return self._event({"choices": [choice], "usage": None})

    def usage(self, usage: Mapping[str, Any]) -> bytes:
        return self._event({"choices": [], "usage": dict(usage)})

    def _event(self, rest: dict[str, Any]) -> bytes:
        return f"data: {json.dumps(self._fields | rest)}\n\n".encode()
