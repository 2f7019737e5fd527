"""A conversation as a document to keep: Markdown for people, JSON for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openclaw_ipython.journal.conversations import Turn


def as_markdown(name: str, turns: Sequence[Turn]) -> str:
    """The turns under headings, questions and answers as they were."""
    parts = [f"# {name}"]
    for number, turn in enumerate(turns, 1):
        when = datetime.fromtimestamp(turn.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        parts += [f"## {number} · {when}", text_of(turn.prompt), f"### {turn.model}", turn.answer.strip("\n")]
    return "\n\n".join(parts) + "\n"


def as_json(name: str, turns: Sequence[Turn]) -> str:
    """The turns as messages, as a chat completions service takes them, with when and by whom they were answered."""
    data = {
        "name": name,
        "turns": [{"at": turn.at, "model": turn.model, "messages": _messages(turn)} for turn in turns],
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def text_of(content: Any) -> str:
    """What a person reads of a content: its text, pictures by their address."""
    if isinstance(content, str):
        return content.strip("\n")
    parts = [part.get("text") or (part.get("image_url") or {}).get("url", "") for part in content]
    return "\n\n".join(str(part).strip("\n") for part in parts if part)


def _messages(turn: Turn) -> list[dict[str, Any]]:
    return [{"role": "user", "content": turn.prompt}, {"role": "assistant", "content": turn.answer}]
