"""The measured implementations, as cells that a user runs: this extension, httpx by hand, and the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

_BY_HAND = """\
import json
import os

import httpx

client = httpx.AsyncClient(
    base_url=os.environ["BENCH_URL"],
    headers={"Authorization": "Bearer " + os.environ["BENCH_TOKEN"]},
    timeout=120,
)
pieces = []


async def ask(prompt, flush=False):
    body = {"model": "coder-model", "stream": True, "stream_options": {"include_usage": True}}
    body["messages"] = [{"role": "user", "content": prompt}]
    pieces.clear()
    async with client.stream("POST", "/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line[6:])["choices"]:
                piece = choice["delta"].get("content")
                if piece:
                    print(piece, end="", flush=flush)
                    pieces.append(piece)
"""

_SDK = """\
import os

from openai import OpenAI

client = OpenAI(api_key=os.environ["BENCH_TOKEN"], base_url=os.environ["BENCH_URL"])
pieces = []


def ask(prompt):
    pieces.clear()
    stream = client.chat.completions.create(
        model="coder-model",
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        for choice in chunk.choices:
            piece = choice.delta.content
            if piece:
                print(piece, end="", flush=True)
                pieces.append(piece)
"""


@dataclass(frozen=True, slots=True)
class Implementation:
    """The cells that load it and ask a prompt (`ask_flushed`: with a flush), and the expression of its text.

    `clear` is a cell that deletes the saved text; `streams` tells whether text is shown before the end.
    """

    name: str
    load: str
    ask: Callable[[str], str]
    ask_flushed: Callable[[str], str]
    saved_text: str
    clear: str = "pass"
    streams: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """An implementation in a virtual environment of its own.

    `slug` names the folder, `requirements` are what a user installs, `roots` the distributions whose size is counted,
    `environ` is set in its kernels.
    """

    slug: str
    side: Implementation
    requirements: tuple[str, ...]
    roots: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()


OURS = Implementation(
    "openclaw_ipython", "%load_ext openclaw_ipython", "%%qwen\n{}".format, "%%qwen\n{}".format, "_qwen"
)
# The loopback server has no TLS, and ours reads the certificates only for hosts that do; httpx's client always does.
CERTIFIED = replace(OURS, load=f"{OURS.load}\nimport httpx\nhttpx.create_ssl_context()")
HAND = Implementation(
    "httpx by hand",
    _BY_HAND,
    "await ask({!r})".format,
    "await ask({!r}, flush=True)".format,
    "''.join(pieces)",
)


def _ai(name: str, load: str, model: str) -> Implementation:
    """`%%ai` of one of its two packages; the answer is the value of the cell."""
    ask = f"%%ai {model}\n{{}}".format
    return Implementation(name, load, ask, ask, "getattr(_, 'data', '')", clear="''", streams=False)


PEERS = (
    Peer(
        "openai",
        Implementation("openai SDK by hand", _SDK, "ask({!r})".format, "ask({!r})".format, "''.join(pieces)"),
        ("openai",),
        ("openai",),
    ),
    Peer(
        "jupyter-ai-magics",
        _ai("jupyter-ai-magics", "%load_ext jupyter_ai_magics", "openai-chat-custom:coder-model"),
        ("jupyter-ai-magics==2.31.*", "langchain-openai<1"),
        ("jupyter-ai-magics", "langchain-openai"),
    ),
    Peer(
        "jupyter-ai-magic-commands",
        _ai(
            "jupyter-ai-magic-commands",
            # It accepts only models of its list, and aliases.
            "%load_ext jupyter_ai_magic_commands\n%ai alias bench openai/coder-model",
            "bench",
        ),
        ("jupyter-ai-magic-commands",),
        ("jupyter-ai-magic-commands",),
        # Without it, importing litellm downloads a price list.
        (("LITELLM_LOCAL_MODEL_COST_MAP", "True"),),
    ),
)
