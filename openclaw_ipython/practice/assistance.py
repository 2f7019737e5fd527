"""The portal as an assistant in a notebook (`%%qwen --assist`): four steps over a table that the question names.

The question has three names in backticks: a table, a column to group by, and a column of numbers. Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openclaw_ipython.practice.completion_format import Call, Completion

if TYPE_CHECKING:
    from openclaw_ipython.practice.requests import ChatPrompt

_NAMED = re.compile(r"`(\w+)`")


def next_step(prompt: ChatPrompt) -> Completion | None:
    """The next call of the script; None when it is over, or the request is no such question."""
    offered = {tool["name"] for tool in prompt.tools}
    names = list(dict.fromkeys(_NAMED.findall(prompt.text)))
    if not {"variables", "describe", "run"} <= offered or len(names) < 3 or prompt.tool_choice == "none":
        return None
    table, group, number = names[:3]
    means = f"means = {table}.groupby({group!r})[{number!r}].mean().sort_values()\nmeans.round(1)"
    plot = f'ax = means.plot.barh(xlabel="mean {number}", ylabel="")'
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("I look at what is there.", "variables", {}),
        (f"`{table}` it is.", "describe", {"name": table}),
        (f"The mean of {number} for each {group}:", "run", {"code": means}),
        ("The same as a picture:", "run", {"code": plot}),
    ]
    done = len(prompt.tool_results)
    if done >= len(steps):
        return None
    words, name, arguments = steps[done]
    call = Call(f"call_{prompt.messages}_1", name, json.dumps(arguments, ensure_ascii=False))
    return Completion((words,), (), (call,), "tool_calls")
