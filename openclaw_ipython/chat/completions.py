"""Requests of the OpenAI completions API as JSON bodies. Pure; `decode` reads the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.dialects import MARK
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import paired

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatRequest, Message


def encode(request: ChatRequest) -> dict[str, Any]:
    """The JSON body of `POST …/chat/completions`. Fields that are None are left out."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": request.stream,
    }
    if request.stream:  # some services refuse stream_options on a call that does not stream
        body["stream_options"] = {"include_usage": True}
    for name in ("temperature", "top_p", "max_tokens"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    body.update(request.extra)
    return body


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """A body as bytes. A lone surrogate becomes U+FFFD. Raises UsageError for values that JSON does not have."""
    try:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(_("the request cannot be written as JSON: {error}", error=error)) from None
    return paired(text).encode()


def parts_of(content: Any) -> list[Any]:
    """A content as a list of parts."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def marked(content: Any) -> list[Any]:
    """A content with its last part marked for the prompt cache."""
    *before, last = parts_of(content) or parts_of("")
    return [*before, {**last, **MARK}]


def joined_content(contents: Iterable[Any]) -> Any:
    """Several contents as one: text if all of them are."""
    filled = [content for content in contents if content]
    if all(isinstance(content, str) for content in filled):
        return "\n\n".join(filled)
    return [part for content in filled for part in parts_of(content)]


def _message(message: Message) -> dict[str, Any]:
    turn = {"role": message.role, "content": _content(message.content)}
    if message.reasoning:
        turn["reasoning_content"] = message.reasoning
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["content"] = turn["content"] or None  # as the service's own client sends it
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return turn


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [dict(part) for part in content]
