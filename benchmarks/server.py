"""The benchmark server: `python -m benchmarks.server` prints its URL and runs until its standard input ends.

Sign-in, validation and HTTP server are those of the practice portal. The answers are encoded in advance, since
composing them would make the portal the slower side; a few words of the prompt choose one. `GET /bench` returns the
disconnects and the number of connections with chat requests. With `--concurrent` it runs on
`async_server`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache

from msgspec.structs import replace
from scripted_portal import Portal

from benchmarks import sample_texts
from openclaw_ipython.practice.http_types import HttpRequest, HttpResponse, Pause, Step, json_response

SETTLE = 0.15  # seconds of silence before and after the stamped token
TICK = 0.02  # seconds between two bursts of a paced answer
PIECE = 64  # characters in one delta of a paced answer
_MINUTES = 3_000  # deltas of an answer that is interrupted

# Some peers add instructions to a prompt, so it is searched.
_WANTED = re.compile(r"\b(two|stamp|prose|mixed|paced|endless|after)\b((?: [0-9.]+)*)")
_USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}

Script = Iterable[str | Pause]
"""An answer: pieces of text, and pauses between them."""


class BenchHandler:
    """The portal with prepared answers."""

    def __init__(self) -> None:
        self._portal = Portal(keep=10).approve_after(0).interval(1, enforced=0)
        self._disconnects: list[dict[str, float]] = []
        self._askers: set[threading.Thread] = set()  # the server has a thread for each connection

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request."""
        if request.path == "/bench":
            return json_response(200, {"disconnects": self._disconnects, "connections": len(self._askers)})
        response = self._portal.handle(request)
        if request.path != "/v1/chat/completions" or response.status != 200:
            return response
        self._askers.add(threading.current_thread())
        body = request.json()
        wanted = _WANTED.search(_text(body["messages"][-1]["content"]))
        if wanted is None:
            return response
        kind, numbers = wanted[1], wanted[2].split()
        if body.get("stream"):
            return replace(response, body=streamed(kind, *numbers))
        return replace(response, body=whole(kind, *numbers))

    def client_disconnected(self, request: HttpRequest, sent: int) -> None:
        """Record that a client disconnected after `sent` chunks (monotonic time)."""
        self._disconnects.append({"time": time.monotonic(), "sent": sent})


def streamed(kind: str, *numbers: str) -> Iterable[Step]:
    """The steps of the answer called `kind`, delta by delta."""
    if kind in ("prose", "mixed"):
        return _prepared(kind, *map(int, numbers[:2]))
    return _encoded(_script(kind, *numbers))


def whole(kind: str, *numbers: str) -> Iterable[Step]:
    """The same answer in one document, when all of it is written."""
    if kind in ("prose", "mixed"):
        return (_document(_long(kind, *map(int, numbers[:2]))),)
    return _at_the_end(_script(kind, *numbers))


def _script(kind: str, *numbers: str) -> Script:
    match kind:
        case "two":
            return ("Two ", "words.")
        case "after":
            return (Pause(float(numbers[0])), "Two ", "words.")
        case "stamp":
            return _stamped()
        case "paced":
            return _paced(int(numbers[0]), float(numbers[1]))
        case "endless":
            return _endless()
    raise ValueError(f"no such answer: {kind}")


def _stamped() -> Iterator[str | Pause]:
    """The first text is the time at which it leaves."""
    yield Pause(SETTLE)
    yield f"@{time.monotonic_ns()}@"
    yield Pause(SETTLE)
    yield " end"


def _paced(size: int, seconds: float) -> Iterator[str | Pause]:
    pieces = sample_texts.cut(sample_texts.prose(size), PIECE)
    started = time.monotonic()
    sent = 0
    while sent < len(pieces):
        yield Pause(TICK)
        due = min(len(pieces), int(len(pieces) * (time.monotonic() - started) / seconds) + 1)
        yield from pieces[sent:due]
        sent = max(sent, due)


def _endless() -> Iterator[str | Pause]:
    for piece in sample_texts.cut(sample_texts.prose(_MINUTES * 10), 10):
        yield piece
        yield Pause(TICK)


def _long(kind: str, count: int, size: int) -> str:
    return (sample_texts.prose if kind == "prose" else sample_texts.mixed)(count * size)


@cache
def _prepared(kind: str, count: int, size: int) -> tuple[Step, ...]:
    return tuple(_encoded(sample_texts.cut(_long(kind, count, size), size)))


def _encoded(script: Script) -> Iterator[Step]:
    for step in script:
        yield _delta(step) if isinstance(step, str) else step
    yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({"choices": [], "usage": _USAGE})
    yield b"data: [DONE]\n\n"


def _at_the_end(script: Script) -> Iterator[Step]:
    pieces: list[str] = []
    for step in script:
        if isinstance(step, str):
            pieces.append(step)
        else:
            yield step
    yield _document("".join(pieces))


def _document(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    heading = {"id": "bench", "object": "chat.completion", "created": 1, "model": "coder-model"}
    return json.dumps(heading | {"choices": [choice], "usage": _USAGE}).encode()


def _delta(content: str) -> bytes:
    return _event({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]})


def _event(fields: dict[str, object]) -> bytes:
    heading = {"id": "bench", "object": "chat.completion.chunk", "created": 1, "model": "coder-model"}
    return b"data: " + json.dumps(heading | fields).encode() + b"\n\n"


def _text(content: object) -> str:
    """The text of a message, which is a string or a list of parts."""
    return content if isinstance(content, str) else json.dumps(content)


async def _serve_concurrent() -> None:
    from benchmarks.async_server import serve

    server, url = await serve(BenchHandler())
    print(url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    from openclaw_ipython.practice.server import listening

    if "--concurrent" in sys.argv:
        asyncio.run(_serve_concurrent())
        return
    with listening(BenchHandler(), 0) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
