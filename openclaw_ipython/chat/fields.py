"""The fields of an answer of the completions API, in the forms of any of the services. Pure.

Nothing here raises: what a field cannot be is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.http_errors import server_text
from openclaw_ipython.chat.types import ToolCallDelta, Usage
from openclaw_ipython.sanitize.text import paired

if TYPE_CHECKING:
    from openclaw_ipython.chat.dialects import PromptCache
    from openclaw_ipython.sanitize.secrets import Secret

_MAX_COUNT = 10**12  # tokens or dollars; more is no count


class Parts:
    """The parts of a message's content, by what they are."""

    def __init__(self) -> None:
        self.text = self.thinking = self.refusal = ""
        self.unknown: set[str] = set()

    def add(self, content: Any) -> None:
        """Text, a list of parts, or what a JSON mode answers: any value, which is written as JSON."""
        if content is None or isinstance(content, str):
            self.text += text_of(content)
        elif isinstance(content, list) and (not content or any(map(_is_part, content))):
            for part in content:
                self._add_part(part)
        elif _is_part(content) and _plain(content):
            self._add_part(content)
        else:
            self.text += _as_json(content)

    def _add_part(self, part: Any) -> None:
        if not isinstance(part, dict):
            self.text += text_of(part)
            return
        kind = text_of(part.get("type"))
        if kind.startswith(("thinking", "reasoning", "thought")):
            self.thinking += _plain(part)
        elif kind == "refusal":
            self.refusal += _plain(part)
        elif text := _plain(part):
            self.text += text
        elif kind not in {"", "text", "redacted_thinking"}:
            self.unknown.add(server_text(kind)[:40])


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, dict) and ("text" in value or isinstance(value.get("type"), str))
    )


def _plain(part: Mapping[str, Any]) -> str:
    """The text of a part, under one of its names."""
    for name in ("text", "thinking", "reasoning", "summary", "refusal"):
        value = part.get(name)
        if isinstance(value, list):
            value = "".join(text_of(inner.get("text")) for inner in value if isinstance(inner, dict))
        if value and isinstance(value, str):
            return paired(value)
    return ""


def tool_call(call: Mapping[str, Any], position: int) -> ToolCallDelta:
    """A piece of a tool call, the one at `position` in its list."""
    function = call["function"] if isinstance(call.get("function"), dict) else call
    index, arguments = call.get("index"), function.get("arguments")
    return ToolCallDelta(
        index if isinstance(index, int) else position,
        text_of(call.get("id")),
        text_of(function.get("name")),
        text_of(arguments) if arguments is None or isinstance(arguments, str) else _as_json(arguments),
    )


def read_usage(usage: Mapping[str, Any], cache: PromptCache) -> Usage:
    """The token counts and the cost, from the fields of any of the services. Absurd numbers count as not reported."""
    completion = object_of(usage.get("completion_tokens_details"))
    cost = usage.get("cost")
    return Usage(
        _count(usage.get("prompt_tokens", usage.get("input_tokens"))),
        _count(usage.get("completion_tokens", usage.get("output_tokens"))),
        _first_count(usage, cache.hit),
        _count(completion.get("reasoning_tokens")),
        _amount(cost.get("total_cost") if isinstance(cost, dict) else cost),
        _first_count(usage, cache.written),
    )


def _first_count(usage: Mapping[str, Any], paths: Iterable[str]) -> int | None:
    for path in paths:
        outer, _, inner = path.rpartition(".")
        place = object_of(usage.get(outer)) if outer else usage
        if place.get(inner) is not None:
            return _count(place[inner])
    return None


def object_of(value: Any) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    amount = _amount(value)
    return int(amount) if amount is not None and amount == int(amount) else None


def _amount(value: Any) -> float | None:
    """A number that can be one of tokens or dollars."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_COUNT:
        return None
    return value


def text_of(value: Any) -> str:
    """A string that can be printed and stored: JSON may hold lone surrogates."""
    return paired(value) if isinstance(value, str) else ""


def _as_json(value: Any) -> str:
    return paired(json.dumps(value, ensure_ascii=False))


def finish_reason(value: Any, *known: Secret) -> str:
    """A finish reason, shortened and printable; an empty string for none."""
    if not value or value in ("null", "none", "None"):  # DashScope's own streams have the word `null`
        return ""
    return server_text(value if isinstance(value, str) else _as_json(value), *known)[:80]
