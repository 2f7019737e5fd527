"""The two sides of every pair, as the cells a person would run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_BY_HAND = """\
import json
import os

import httpx

client = httpx.Client(
    base_url=os.environ["BENCH_URL"],
    headers={"Authorization": "Bearer " + os.environ["BENCH_TOKEN"]},
    timeout=120,
)
pieces = []


def ask(prompt, flush=False):
    body = {"model": "coder-model", "stream": True, "stream_options": {"include_usage": True}}
    body["messages"] = [{"role": "user", "content": prompt}]
    pieces.clear()
    with client.stream("POST", "/chat/completions", json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line[6:])["choices"]:
                piece = choice["delta"].get("content")
                if piece:
                    print(piece, end="", flush=flush)
                    pieces.append(piece)
"""


@dataclass(frozen=True, slots=True)
class Side:
    """How to load it, how to ask a prompt, and which expression is the text that is kept afterwards."""

    name: str
    load: str
    ask: Callable[[str], str]
    ask_promptly: Callable[[str], str]
    kept: str


OURS = Side(
    "openclaw_ipython", "%load_ext openclaw_ipython", "%%qwen\n{}".format, "%%qwen\n{}".format, "_qwen"
)
HAND = Side("httpx by hand", _BY_HAND, "ask({!r})".format, "ask({!r}, flush=True)".format, "''.join(pieces)")
