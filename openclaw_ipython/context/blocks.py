"""Text of others as a block of a prompt, so that a model sees where it begins and ends. Pure."""

from __future__ import annotations

import re


def fenced(text: str, language: str = "") -> str:
    """`text` in a Markdown fence that is longer than any it holds."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"
