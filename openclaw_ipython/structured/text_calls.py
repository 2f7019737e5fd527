"""Tool calls that a server leaves in the text of an answer, since it has no tool parser for the model. Pure.

Forms: `<tool_call>{"name": …, "arguments": {…}}</tool_call>` of Hermes and Qwen, and qwen3-coder's
`<function=name><parameter=key>value</parameter>…</function>` (chat templates of Qwen3 and Qwen3-Coder, 2026-11).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import ToolCall

if TYPE_CHECKING:
    from openclaw_ipython.structured.tools import Tool, Tools

_CODE = r"(?s)```.*?(?:```|\Z)|`[^`\n]*`"
_CALL = r"(?s)<tool_call>\s*(\{.*?\})\s*</tool_call>|<function=([^>\s]+)>(.*?)</function>"
_PARAMETER = r"(?s)<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>"
_MAX_CALLS = 64


def calls_in(text: str, tools: Tools) -> tuple[ToolCall, ...]:
    """The calls of `tools` in a text, outside of code. A call of any other name is text."""
    if "<function=" not in text and "<tool_call>" not in text:
        return ()
    found = []
    for as_json, name, body in re.findall(_CALL, re.sub(_CODE, "", text))[:_MAX_CALLS]:
        call = _from_json(as_json) if as_json else (name, dict(re.findall(_PARAMETER, body)))
        tool = tools.get(call[0])
        if tool is not None:
            arguments = (
                call[1] if as_json else {key: _value(value, key, tool) for key, value in call[1].items()}
            )
            found.append(ToolCall("", tool.name, json.dumps(arguments, ensure_ascii=False)))
    return tuple(found)


def _from_json(text: str) -> tuple[str, dict[str, Any]]:
    try:
        match json.loads(text):
            case {"name": str() as name, "arguments": dict() as arguments}:
                return name, arguments
    except (ValueError, RecursionError):
        pass
    return "", {}


def _value(text: str, key: str, tool: Tool) -> Any:
    """A parameter, which is text for a string and JSON for anything else."""
    declared = tool.spec["function"]["parameters"].get("properties", {}).get(key, {})
    if "string" in str(declared.get("type", "")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
