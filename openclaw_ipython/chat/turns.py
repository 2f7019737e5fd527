"""The turns of a conversation, rewritten for hosts that take them in one form only. Pure.

What each host wants is decided in `dialects`; here is how it is done, without knowing why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openclaw_ipython.chat.types import Message

Content = str | Sequence[Mapping[str, Any]]

KEPT = {"type": "ephemeral"}
"""How a part says that the prompt up to here should be kept."""


def one_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One system message, in front (Qwen's chat template refuses others), and no role `developer`."""
    renamed = [replace(m, role="system") if m.role == "developer" else m for m in messages]
    system = [m for m in renamed if m.role == "system"]
    others = [m for m in renamed if m.role != "system"]
    if not system:
        return tuple(others)
    if len(system) == 1:
        return (system[0], *others)
    return (replace(system[0], content=_joined([m.content for m in system])), *others)


def _joined(contents: Sequence[Content]) -> Content:
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return "\n\n".join(texts)
    return [part for content in contents for part in _parts(content)]


def _parts(content: Content) -> list[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def flat(content: Content) -> Content:
    """Parts that are all text as one text."""
    if isinstance(content, str) or any(part.get("type") != "text" for part in content):
        return content
    return "\n\n".join(str(part.get("text", "")) for part in content)


def images_out_of_tools(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Images in tool results get lost on strict servers: they follow in a turn of the user."""
    found: list[Message] = []
    waiting: list[Mapping[str, Any]] = []
    for message in messages:
        if message.role != "tool" and waiting:
            found.append(Message("user", waiting))
            waiting = []
        if message.role == "tool" and not isinstance(message.content, str):
            images = [part for part in message.content if part.get("type") == "image_url"]
            waiting += images
            texts = [part for part in message.content if part.get("type") != "image_url"]
            left = replace(message, content=texts or "(the image follows)") if images else message
            found.append(left)
        else:
            found.append(message)
    return (*found, Message("user", waiting)) if waiting else tuple(found)


def length(content: Content) -> int:
    """Characters of text in a turn."""
    if isinstance(content, str):
        return len(content)
    return sum(len(str(part.get("text", ""))) for part in content)


def has_marks(messages: Iterable[Message]) -> bool:
    """Whether somebody has marked a part for the prompt cache."""
    return any(
        "cache_control" in part for m in messages if not isinstance(m.content, str) for part in m.content
    )


def marked(message: Message) -> Message:
    """The turn with its last part marked for the prompt cache."""
    *before, last = _parts(message.content) or [{"type": "text", "text": ""}]
    return replace(message, content=[*before, {**last, "cache_control": KEPT}])


def tools_marked(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Request fields with the last of their tools marked."""
    tools = extra.get("tools")
    if not isinstance(tools, list) or not tools or not isinstance(tools[-1], Mapping):
        return extra
    return {**extra, "tools": [*tools[:-1], {**tools[-1], "cache_control": KEPT}]}


def opened(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Begun with a system message of marked parts, an empty one if need be."""
    first, *others = (
        messages if messages and messages[0].role == "system" else (Message("system", ""), *messages)
    )
    return (first if has_marks([first]) else marked(first), *others)
