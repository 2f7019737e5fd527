"""Answers as streams of server-sent events, made at random: whole ones whose text is known, and damaged ones.

Everything comes from the `random.Random` that is passed in, so a seed names a stream.
"""

import json
import random
import re
from dataclasses import dataclass, field

BOM = b"\xef\xbb\xbf"
WORDS = [
    "a", "the ", "naïve ", "重", "写", "😀", "e\u0301", "\u2028", "\u0085", "\x00", "\n", "\n\n", "```python\n",
    "    x = 1\n", "**", "*", "$x^2$ ", "data: ", "[DONE]", '"', "\\", "{", "}", " ", "\t", "\r", "event: error\n",
    "x" * 300, "&lt;", ":",
]  # fmt: skip
HALVES = ["\ud83d", "\ude00", "\udc00"]  # of surrogate pairs, which JSON can name one by one


@dataclass
class Stream:
    """One answer: the bytes, and what a reader of them has to find."""

    raw: bytes = b""
    text: str = ""
    reasoning: str = ""
    calls: dict[int, list[str]] = field(default_factory=dict)  # index → id, name, arguments
    usage: tuple[int, int] | None = None
    finish: str = "stop"


def readable(piece: str) -> str:
    """Text that can be encoded: pairs of halves joined, lone ones replaced."""
    return piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole(rng: random.Random) -> Stream:
    """A valid answer, in one of the many ways to write it down."""
    made = Stream(finish=rng.choice(["stop", "stop", "length", "tool_calls", "content_filter"]))
    role = _chunk(rng, {"role": "assistant", "content": rng.choice(["", None])})
    chunks = [role] if rng.random() < 0.8 else []
    chunks += [_thought(rng, made) for _ in range(rng.randrange(3))]
    chunks += [_said(rng, made) for _ in range(rng.randrange(12))]
    for index in range(rng.choice([0, 0, 0, 1, 2])):
        chunks += _called(rng, made, index)
    chunks += _ended(rng, made)
    ends = rng.choice([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n", b"\r"]])
    raw = b"".join(_event(rng, chunk, ends) for chunk in chunks) + _done(rng, ends)
    made.raw = (BOM if rng.random() < 0.1 else b"") + raw
    return made


def _words(rng: random.Random) -> str:
    text = "".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 5)))
    return text + rng.choice(HALVES) if rng.random() < 0.05 else text


def _said(rng: random.Random, made: Stream) -> dict:
    text = _words(rng)
    made.text += readable(text)
    return _chunk(rng, {"content": text})


def _thought(rng: random.Random, made: Stream) -> dict:
    text = _words(rng)
    made.reasoning += readable(text)
    return _chunk(
        rng, {rng.choice(["reasoning_content", "reasoning"]): text, "content": rng.choice(["", None])}
    )


def _called(rng: random.Random, made: Stream, index: int) -> list[dict]:
    arguments = json.dumps({"x": "".join(rng.choice(WORDS) for _ in range(3))})
    made.calls[index] = [f"call_{index}", f"tool_{index}", arguments]
    at = rng.randrange(len(arguments) + 1)
    begun = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": f"tool_{index}"}}
    pieces = [
        {"index": index, "id": rng.choice(["", None]), "function": {"arguments": part, "name": None}}
        for part in (arguments[:at], arguments[at:])
    ]
    return [_chunk(rng, {"tool_calls": [piece]}) for piece in (begun, *pieces)]


def _ended(rng: random.Random, made: Stream) -> list[dict]:
    chunks = [_chunk(rng, rng.choice([{"content": ""}, {}, None]), made.finish)]
    if rng.random() < 0.6:
        made.usage = (rng.randrange(10_000), rng.randrange(10_000))
        counts = {"prompt_tokens": made.usage[0], "completion_tokens": made.usage[1], "odd": [None]}
        chunks.append({"choices": rng.choice([[], None]), "usage": counts})
    return chunks


def _chunk(rng: random.Random, delta: dict | None, finish: str | None = None) -> dict:
    choice = {"index": rng.choice([0, 0, 0, None]), "delta": delta, "finish_reason": finish}
    other = {"index": 1, "delta": {"content": "of another choice"}, "finish_reason": None}
    choices = [choice] if rng.random() < 0.9 else [choice, other]
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices}
    return chunk if rng.random() < 0.5 else {**chunk, "usage": None, "x-odd": {"a": [1, 2.5, True]}}


def _event(rng: random.Random, chunk: dict, ends: list[bytes]) -> bytes:
    said = json.dumps(chunk, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, None, None, 1]))
    lines = [b"data:" + rng.choice([b"", b" "]) + _encoded(line) for line in said.split("\n")]
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        noise = rng.choice(
            [b": keep-alive", b":", b"id: 7", b"retry: 100", b"event: message", b"odd", b"event", b"id:"]
        )
        lines.insert(rng.randrange(len(lines) + 1), noise)
    if rng.random() < 0.1:
        lines = [b": ping", b"", *lines]
    end = rng.choice(ends)  # the same within an event: CR before LF would be one end, not two
    return b"".join(line + end for line in [*lines, b""])


def _encoded(line: str) -> bytes:
    # A half of a pair has no UTF-8; as an escape of JSON it can be sent all the same.
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in line).encode()


def _done(rng: random.Random, ends: list[bytes]) -> bytes:
    end = rng.choice(ends)
    return rng.choice(
        [b"data: [DONE]" + end + end, b"data:[DONE] " + end + end, b"data: [DONE]", b"", b": bye" + end]
    )


def split(rng: random.Random, raw: bytes) -> list[bytes]:
    """`raw` in pieces, as a network might deliver it: whole, byte by byte, or cut anywhere."""
    kind = rng.randrange(4)
    if kind == 0:
        return [raw]
    if kind == 1 and len(raw) < 2000:
        return [raw[at : at + 1] for at in range(len(raw))]
    cuts = sorted(rng.randrange(len(raw) + 1) for _ in range(rng.randrange(1, 30)))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


DAMAGES = ("cut", "flipped", "inserted", "dropped", "repeated", "mixed")


def damaged(rng: random.Random, damage: str, made: Stream, other: Stream) -> bytes:
    """The bytes of `made` after one of the `DAMAGES`; `other` is what it is mixed with."""
    raw = made.raw
    a, b = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    match damage:
        case "cut":
            return raw[:a]
        case "flipped":
            flipped = bytearray(raw)
            for _ in range(rng.choice([1, 1, 1, 2, 10])):
                flipped[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case "inserted":
            junk = rng.choice(
                [rng.randbytes(rng.randrange(1, 40)), b"\n\n", b"\r", b"data: null\n\n", b"\x00", b'"}', BOM]
            )
            return raw[:a] + junk + raw[a:]
        case "dropped":
            return raw[:a] + raw[min(b, a + rng.choice([1, 1, 5, 10_000])) :]
        case "repeated":
            return raw[:b] + raw[a:]
        case _:
            return _mixed(rng, raw, other.raw)


def _mixed(rng: random.Random, first: bytes, second: bytes) -> bytes:
    """Two answers on one line, taking turns at whole events or in the middle of anything."""
    if rng.random() < 0.5:
        parts = [re.split(rb"(?<=\n\n)", raw) for raw in (first, second)]
    else:
        parts = [split(rng, raw) for raw in (first, second)]
    mixed = []
    while any(parts):
        turn = rng.choice([p for p in parts if p])
        mixed.append(turn.pop(0))
    return b"".join(mixed)


# -- a slow and plain reader ------------------------------------------------------------------


def read_plainly(raw: bytes) -> str:
    """All text in `raw` up to `[DONE]`, by the words of the standard; what cannot be read is passed over."""
    text = ""
    for data in _events(raw):
        if data.strip() == "[DONE]":
            break
        try:
            chunk = json.loads(data)
            choices = [c for c in chunk["choices"] if c.get("index", 0) in (0, None)]
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            continue
        for choice in choices:
            delta = choice.get("delta")
            content = delta.get("content") if isinstance(delta, dict) else None
            text += readable(content) if isinstance(content, str) else ""
    return text


def _events(raw: bytes) -> list[str]:
    # the standard, word by word: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    *lines, _unfinished = re.split("\r\n|\n|\r", raw.decode("utf-8", "replace").removeprefix("\ufeff"))
    events, data = [], ""
    for line in lines:
        name, _, value = line.partition(":")
        if not line:
            events += [data.removesuffix("\n")] if data else []
            data = ""
        elif name == "data":
            data += value.removeprefix(" ") + "\n"
    return events
