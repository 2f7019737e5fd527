"""Who is measured, as the cells a person would run: this extension, httpx by hand, and the peers."""

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
class Side:
    """How to load it, how to ask a prompt, and which expression is the text that is kept afterwards.

    `forget` is a cell after which nothing is kept; `streams` says whether text is shown before the end.
    """

    name: str
    load: str
    ask: Callable[[str], str]
    ask_promptly: Callable[[str], str]
    kept: str
    forget: str = "pass"
    streams: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """A side in an environment of its own.

    `slug` names the folder, `requirements` are what a person would install, `roots` the distributions among
    them whose weight is counted, `environ` is set in its kernels.
    """

    slug: str
    side: Side
    requirements: tuple[str, ...]
    roots: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()


OURS = Side(
    "openclaw_ipython", "%load_ext openclaw_ipython", "%%qwen\n{}".format, "%%qwen\n{}".format, "_qwen"
)
# The loopback server has no TLS, and ours reads the certificates only for hosts that do; httpx's client always does.
CERTIFIED = replace(OURS, load=f"{OURS.load}\nimport httpx\nhttpx.create_ssl_context()")
HAND = Side(
    "httpx by hand",
    _BY_HAND,
    "await ask({!r})".format,
    "await ask({!r}, flush=True)".format,
    "''.join(pieces)",
)


def _ai(name: str, load: str, model: str) -> Side:
    """`%%ai` of one of the two packages that have it: the answer is the value of the cell."""
    ask = f"%%ai {model}\n{{}}".format
    return Side(name, load, ask, ask, "getattr(_, 'data', '')", forget="''", streams=False)


PEERS = (
    Peer(
        "openai",
        Side("openai SDK by hand", _SDK, "ask({!r})".format, "ask({!r})".format, "''.join(pieces)"),
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
            # It takes only models of its own list, and names that were given to others.
            "%load_ext jupyter_ai_magic_commands\n%ai alias bench openai/coder-model",
            "bench",
        ),
        ("jupyter-ai-magic-commands",),
        ("jupyter-ai-magic-commands",),
        # Without it, importing litellm asks a server on the internet for a price list first.
        (("LITELLM_LOCAL_MODEL_COST_MAP", "True"),),
    ),
)
