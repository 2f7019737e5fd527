"""The likely facts about an unlisted model, by its name. Pure. The rules are those of Qwen Code (0.24.4, 2026-09)."""

from __future__ import annotations

import re

from msgspec.structs import replace

from openclaw_ipython.chat.thinking import family_of
from openclaw_ipython.providers.spec import ModelSpec

_MILLION, _QUARTER = 1_000_000, 262_144

# First match wins: context window and output limit in tokens.
_LIMITS: tuple[tuple[str, int, int], ...] = (
    (r"qwen3[.p]\d+-\d+(\.\d+)?b", _QUARTER, 65_536),  # the names of open-weight models hold their size
    (r"qwen3[.p]\d|coder-model", _MILLION, 65_536),
    (r"qwen3-coder-(plus|flash)", _MILLION, 65_536),
    (r"qwen", _QUARTER, 32_768),
)
_IMAGES = r"qwen3[.p][567]-plus|qwen3[.p]8-|qwen3?-vl-|qwen2(\.5)?-vl-|qwen3[.p]6-35b|.*omni|coder-model|vision-model"


def guessed(model_id: str) -> ModelSpec | None:
    """The likely facts about a model; None for an unknown name."""
    name = model_id.lower().rpartition("/")[2]
    found = next(((window, out) for rule, window, out in _LIMITS if re.match(rule, name)), None)
    if found is None:
        return None
    thinking = family_of(model_id)
    kinds = ("text", "image") if re.match(_IMAGES, name) else ()
    thinks = thinking not in {"", "none"}
    return ModelSpec(model_id, model_id, kinds, *found, thinks, thinking)


def unlisted(model_id: str) -> ModelSpec:
    """A model of which only the name is known: no limits are stated, and no input kinds unless the name tells them."""
    unknown = ModelSpec(model_id, model_id, (), 0, 0)
    likely = guessed(model_id)
    return unknown if likely is None else replace(likely, context_window=0, max_tokens=0)
