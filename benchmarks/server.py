"""The other side, in a process of its own: `python -m benchmarks.server` prints its address and runs until
its standard input ends.

Sign-in, the checks of every request and the HTTP door are the practice portal's. The answers are not: they are
encoded before they are asked for, since composing them would make the portal the slower side. The first word
of the prompt chooses the answer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from benchmarks import texts
from openclaw_ipython.practice import Portal
from openclaw_ipython.practice.wire import Pause, Request, Response, Step, json_response

SETTLE = 0.15  # seconds of silence before and after the stamped token
TICK = 0.02  # seconds between two bursts of a paced answer
PIECE = 64  # characters in one delta of a paced answer
_MINUTES = 3_000  # deltas of an answer that nobody waits for


class BenchDesk:
    """The portal with prepared answers; `GET /bench` tells which clients hung up, and when (monotonic)."""

    def __init__(self) -> None:
        self._portal = Portal(keep=10).approve_after(0).interval(1, enforced=0)
        self._hang_ups: list[dict[str, float]] = []

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == "/bench":
            return json_response(200, {"hang_ups": self._hang_ups})
        response = self._portal.handle(request)
        if request.path != "/v1/chat/completions" or response.status != 200:
            return response
        prompt = request.json()["messages"][-1]["content"].split()
        return replace(response, body=answer(prompt[0], *prompt[1:]))

    def noticed_hang_up(self, request: Request, sent: int) -> None:
        """A client went away after `sent` chunks."""
        self._hang_ups.append({"time": time.monotonic(), "sent": sent})


def answer(kind: str, *words: str) -> Iterable[Step]:
    """The steps of the answer called `kind`; `words` are its numbers."""
    match kind:
        case "two":
            return _complete(("Two ", "words."))
        case "stamp":
            return _stamped()
        case "prose" | "mixed":
            count, size = map(int, words)
            return _prepared(kind, count, size)
        case "paced":
            return _paced(int(words[0]), float(words[1]))
        case "endless":
            return _endless()
    raise ValueError(f"no such answer: {kind}")


@cache
def _prepared(kind: str, count: int, size: int) -> tuple[bytes, ...]:
    write = texts.prose if kind == "prose" else texts.mixed
    return _complete(texts.cut(write(count * size), size))


def _stamped() -> Iterator[Step]:
    """The first text is the time at which it leaves."""
    yield _delta(role="assistant", content="")
    yield Pause(SETTLE)
    yield _delta(content=f"@{time.monotonic_ns()}@")
    yield Pause(SETTLE)
    yield from _complete((" end",))


@cache
def _pieces(size: int) -> tuple[bytes, ...]:
    return tuple(_delta(content=piece) for piece in texts.cut(texts.prose(size), PIECE))


def _paced(size: int, seconds: float) -> Iterator[Step]:
    pieces = _pieces(size)
    started = time.monotonic()
    sent = 0
    while sent < len(pieces):
        yield Pause(TICK)
        due = min(len(pieces), int(len(pieces) * (time.monotonic() - started) / seconds) + 1)
        yield from pieces[sent:due]
        sent = max(sent, due)
    yield from _complete(())


def _endless() -> Iterator[Step]:
    for piece in texts.cut(texts.prose(_MINUTES * 10), 10):
        yield _delta(content=piece)
        yield Pause(TICK)
    yield from _complete(())


def _complete(pieces: Iterable[str]) -> tuple[bytes, ...]:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return (
        *(_delta(content=piece) for piece in pieces),
        _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        _event({"choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    )


def _delta(**delta: str) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def _event(fields: dict[str, object]) -> bytes:
    heading = {"id": "bench", "object": "chat.completion.chunk", "created": 1, "model": "coder-model"}
    return b"data: " + json.dumps(heading | fields).encode() + b"\n\n"


def main() -> None:
    from openclaw_ipython.practice.server import Served

    with Served(BenchDesk(), 0) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
