"""What a model nobody listed can probably do, by its name. Pure.

The rules for Qwen's names are Qwen Code's (0.24.4, 2026-09); other names get the limits that most services have.
"""

from __future__ import annotations

import re

from openclaw_ipython.chat.thinking import family_of
from openclaw_ipython.patterns import pattern
from openclaw_ipython.providers.spec import ModelSpec

_MILLION, _QUARTER = 1_000_000, 262_144

# First match wins: context window and output limit in tokens.
_LIMITS: tuple[tuple[str, int, int], ...] = (
    (r"qwen3[.p]\d+-\d+(\.\d+)?b", _QUARTER, 65_536),  # the open-weight ones name their size
    (r"qwen3[.p]\d|coder-model", _MILLION, 65_536),
    (r"qwen3-coder-(plus|flash)", _MILLION, 65_536),
    (r"qwen", _QUARTER, 32_768),
)
_IMAGES = pattern(
    r"qwen3[.p][567]-plus|qwen3[.p]8-|qwen3?-vl-|qwen2(\.5)?-vl-|qwen3[.p]6-35b|.*omni|coder-model|vision-model"
)


def guessed(model_id: str) -> ModelSpec | None:
    """The likely facts about a model; None for a name that tells nothing."""
    name = model_id.lower().rpartition("/")[2]
    found = next(((window, out) for rule, window, out in _LIMITS if re.match(rule, name)), None)
    if found is None:
        return None
    thinking = family_of(model_id)
    kinds = ("text", "image") if _IMAGES.match(name) else ("text",)
    thinks = thinking not in {"", "none"}
    return ModelSpec(model_id, model_id, kinds, *found, thinks, thinking)
