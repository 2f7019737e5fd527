"""The wire form of an answer: OpenAI chat completions, as one JSON document or as a stream of events.

The chunk shape is the one observed on the service: a chunk with the role, the deltas, a chunk with the
finish reason, one without choices that carries the usage if asked for, and `data: [DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from openclaw_ipython.practice.requests import CHARACTERS_PER_TOKEN, Prompt, tokens_of
from openclaw_ipython.practice.wire import Cut, Pause, Stall, Step

_PIECE = 8  # characters of one fragment of tool arguments


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is JSON text, or what a script wants to pass for it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the portal says: pieces of text and thinking as they will be streamed, calls, and the end.

    `finish` None means that the answer ends without saying so. `usage` None means it is counted.
    """

    text: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: str | None = "stop"
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """The connection breaks or stalls after that many deltas."""

    kind: Literal["breaks", "stalls"]
    after: int

    def step(self) -> Step:
        """What the door does then."""
        return Cut() if self.kind == "breaks" else Stall()


@dataclass(frozen=True, slots=True)
class Heading:
    """What every chunk of one answer repeats."""

    id: str
    created: int
    model: str


def limited(answer: Answer, limit: int | None) -> Answer:
    """`answer` cut to `limit` tokens of text, which is then its finish reason."""
    left = (limit or 0) * CHARACTERS_PER_TOKEN
    if limit is None or sum(map(len, answer.text)) <= left:
        return answer
    kept: list[str] = []
    for piece in answer.text:
        kept.append(piece[:left])
        left -= len(kept[-1])
        if not left:
            break
    return replace(answer, text=tuple(kept), finish="length")


def counted(answer: Answer, prompt: Prompt) -> Mapping[str, Any]:
    """The usage block: the scripted one, or an estimate of about four characters a token."""
    if answer.usage is not None:
        return answer.usage
    reasoning = tokens_of(sum(map(len, answer.reasoning)))
    called = sum(len(call.name) + len(call.arguments) for call in answer.calls)
    completion = reasoning + tokens_of(sum(map(len, answer.text)) + called)
    return {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": completion,
        "total_tokens": prompt.tokens + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


# -- one document --------------------------------------------------------------------------


def document(answer: Answer, heading: Heading, usage: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answer as one `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(answer.text) or None}
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    else:
        message["content"] = "".join(answer.text)
    return {
        "id": heading.id,
        "object": "chat.completion",
        "created": heading.created,
        "model": heading.model,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
        "usage": dict(usage),
    }


# -- a stream ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventStream:
    """A streamed answer in three parts; only the middle one is paced, counted and broken off."""

    opening: tuple[bytes, ...]
    deltas: Iterable[bytes]
    closing: tuple[bytes, ...]

    def steps(self, *, pace: float = 0.0, fault: Fault | None = None) -> Iterator[Step]:
        """What the door does, delta by delta, with `pace` seconds before each."""
        yield from self.opening
        for count, delta in enumerate(self.deltas):
            if fault is not None and count == fault.after:
                break
            if pace > 0:
                yield Pause(pace)
            yield delta
        if fault is not None:
            yield fault.step()
        else:
            yield from self.closing


def event_stream(answer: Answer, heading: Heading, usage: Mapping[str, Any] | None) -> EventStream:
    """`answer` as server-sent events; `usage` None leaves its chunk out."""
    chunks = _Chunks(heading)
    closing: list[bytes] = []
    if answer.finish is not None:
        closing.append(chunks.finish(answer.finish))
        if usage is not None:
            closing.append(chunks.usage(usage))
        closing.append(b"data: [DONE]\n\n")
    return EventStream((chunks.role(),), chunks.deltas(answer), tuple(closing))


class _Chunks:
    """Encodes deltas quickly: what does not change between two chunks is encoded once."""

    def __init__(self, heading: Heading) -> None:
        self._fields: dict[str, Any] = {
            "id": heading.id,
            "object": "chat.completion.chunk",
            "created": heading.created,
            "model": heading.model,
        }
        head = json.dumps(self._fields)[:-1]
        self._before = f'data: {head}, "choices": [{{"index": 0, "delta": '.encode()
        self._after = b', "finish_reason": null}], "usage": null}\n\n'

    def deltas(self, answer: Answer) -> Iterator[bytes]:
        yield from self._texts(answer.reasoning, b'{"content": null, "reasoning_content": %b}')
        yield from self._texts(answer.text, b'{"content": %b, "reasoning_content": null}')
        for index, call in enumerate(answer.calls):
            yield from self._call(index, call)

    def _texts(self, pieces: Iterable[str], shape: bytes) -> Iterator[bytes]:
        last, chunk = None, b""
        for piece in pieces:
            if piece is not last:  # a flood repeats one piece thousands of times
                last, chunk = piece, self._chunk(shape % json.dumps(piece).encode())
            yield chunk

    def _call(self, index: int, call: Call) -> Iterator[bytes]:
        """The first fragment has id and name, later ones an empty id and no name."""
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
