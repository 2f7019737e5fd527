"""Tool calls that a server leaves in the text of an answer, since it has no tool parser for the model. Pure.

Forms: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` of Hermes and Qwen, and qwen3-coder's
`<function=name><parameter=key>value</parameter>…</function>` (chat templates of Qwen3 and Qwen3-Coder, 2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import ToolCall
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.structured.tools import Tool, Tools

_CODE = r"(?s)```.*?(?:```|\Z)|`[^`\n]*`"
_OPENING = r"<tool_call>|<function=([^>\s]+)>"
_PARAMETER = r"<parameter=([^>\s]+)>\n?"
_MAX_CALLS = 64


def calls_in(text: str, tools: Tools) -> tuple[ToolCall, ...]:
    """The calls of `tools` in a text, outside of code. A call of any other name is text."""
    if "<function=" not in text and "<tool_call>" not in text:
        return ()
    found: list[ToolCall] = []
    for name, body in _blocks(re.sub(_CODE, "", text)):
        name, arguments = (name, _parameters(body)) if name else _from_json(body)  # noqa: PLW2901
        tool = tools.get(name)
        if tool is not None and len(found) < _MAX_CALLS:
            found.append(ToolCall("", tool.name, json.dumps(_typed(arguments, tool), ensure_ascii=False)))
    return tuple(found)


def unread_call(text: str) -> str:
    """The note for a text that answers with a call which is not understood; empty for any other text."""
    if re.search(_OPENING, re.sub(_CODE, "", text)) is None:
        return ""
    return _("the model wrote a call that is not understood: its server needs the tool parser of the model")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The name of each function element, or an empty string for a `tool_call` element with JSON, and what is in it."""
    end = 0
    unclosed: set[str] = set()
    for opening in re.finditer(_OPENING, text):
        closing = "</function>" if opening[1] else "</tool_call>"
        if opening.start() < end or closing in unclosed:
            continue
        at = text.find(closing, opening.end())
        if at < 0:
            unclosed.add(closing)
        elif opening[1] or text[opening.end() : at].lstrip().startswith("{"):
            end = at
            yield opening[1] or "", text[opening.end() : at]


def _parameters(body: str) -> dict[str, Any]:
    parts = (re.split(_PARAMETER, part, maxsplit=1) for part in body.split("</parameter>")[:-1])
    return {part[1]: part[2].removesuffix("\n") for part in parts if len(part) > 1}


def _from_json(text: str) -> tuple[str, dict[str, Any]]:
    match json_value(text):
        case {"name": str() as name, "arguments": dict() as arguments}:
            return name, arguments
    return "", {}


def _typed(arguments: dict[str, Any], tool: Tool) -> dict[str, Any]:
    """Parameters that came as text: text for a string, JSON for anything else."""
    declared = tool.spec["function"]["parameters"].get("properties", {})
    return {
        key: json_value(value, value)
        if isinstance(value, str) and "string" not in str(declared.get(key, {}).get("type", ""))
        else value
        for key, value in arguments.items()
    }
