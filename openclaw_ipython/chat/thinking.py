"""One `--thinking` for every model: what it becomes in the request, by family of model and manner of host. Pure.

Sources: Model Studio help "deep-thinking" (2026-09), Qwen Code 0.24.4 and OpenClaw's Qwen provider 2026.9.4 for the
Qwen hosts; the servers' own documentation for the others (Ollama "OpenAI compatibility", Fireworks "Reasoning",
OpenRouter "Reasoning tokens", vLLM "Reasoning outputs"; 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

LEVELS = ("off", "on", "low", "medium", "high")
"""What `--thinking` takes."""

Family = Literal["", "none", "always", "hybrid", "effort", "deepseek", "glm", "kimi"]
"""How a model's thinking is switched.

    ""        not known
    none      it does not think
    always    it thinks, whatever is asked
    hybrid    a flag, and a budget of tokens                      Qwen 3.5 - 3.7, qwen3-max, qwen-plus, older GLM
    effort    a flag, or an effort up to `xhigh`, never both       Qwen 3.8
    deepseek  a flag together with an effort, `high` or `max`      DeepSeek V4
    glm       a flag together with an effort                      GLM 5.2
    kimi      it always thinks, with an effort                    Kimi K3
"""

Way = Literal["dashscope", "template", "effort", "reasoning"]
"""How a host wants to be told: DashScope's own fields, arguments of the chat template (vLLM, SGLang), OpenAI's
`reasoning_effort` (Ollama, LM Studio, Fireworks), or OpenRouter's `reasoning`."""

# Thinking tokens; `high` leaves the model its own limit.
LOW_BUDGET, MEDIUM_BUDGET = 2_048, 8_192

_ON = {"enable_thinking": True}
_OFF = {"enable_thinking": False}
_FIELDS: dict[Family, dict[str, dict[str, Any]]] = {
    "hybrid": {
        "off": _OFF,
        "on": _ON,
        "low": {**_ON, "thinking_budget": LOW_BUDGET},
        "medium": {**_ON, "thinking_budget": MEDIUM_BUDGET},
        "high": _ON,
    },
    "effort": {
        "off": _OFF,
        "on": _ON,
        "low": {"reasoning_effort": "low"},
        "medium": {"reasoning_effort": "medium"},
        "high": {"reasoning_effort": "xhigh"},
    },
    "deepseek": {
        "off": _OFF,
        "on": _ON,
        "low": {**_ON, "reasoning_effort": "high"},  # the least that every release of it takes
        "medium": {**_ON, "reasoning_effort": "high"},
        "high": {**_ON, "reasoning_effort": "max"},
    },
    "glm": {
        "off": _OFF,
        "on": _ON,
        "low": {**_ON, "reasoning_effort": "low"},
        "medium": {**_ON, "reasoning_effort": "medium"},
        "high": {**_ON, "reasoning_effort": "high"},
    },
    "kimi": {
        "on": {},
        "low": {"reasoning_effort": "low"},
        "medium": {"reasoning_effort": "high"},
        "high": {"reasoning_effort": "max"},
    },
}

FLAGGED: frozenset[Family] = frozenset({"hybrid", "effort", "deepseek", "glm"})
"""The families with a flag that turns thinking off."""

# First match wins; a name is looked at without its folders, in lower case.
_BY_NAME: tuple[tuple[str, Family], ...] = (
    (r"qwen3\.8-", "effort"),
    (r"qwen3-coder|qwen-vl|qwen2|qwen-max\b|qwen3p?-coder", "none"),
    (r"qwen.*-instruct", "none"),
    (r"(qwen.*-thinking|qwq)", "always"),
    (r"qwen3p8", "effort"),
    (r"qwen3[.p][567]|qwen3(-|:|$)|qwen-(plus|flash|turbo)", "hybrid"),
    (r"deepseek-v4", "deepseek"),
    (r"glm-5\.2", "glm"),
    (r"glm-(4\.[5-9]|5)", "hybrid"),
    (r"kimi-k3", "kimi"),
    (r"kimi-k2\.7", "always"),
    (r"kimi-k2\.5", "hybrid"),
    (r"minimax-m2", "always"),
)


def family_of(model_id: str) -> Family:
    """The family by the name of a model, `qwen3.7-plus` or `accounts/…/qwen3p7-plus`; empty when it tells nothing."""
    name = model_id.lower().rpartition("/")[2]
    return next((family for pattern, family in _BY_NAME if re.match(pattern, name)), "")


def is_qwen(model_id: str) -> bool:
    """Whether a model is one of Qwen's by its name."""
    name = model_id.lower().rpartition("/")[2]
    return name.startswith(("qwen", "qwq")) or name in {"coder-model", "vision-model"}


def fields_for(way: Way, family: Family, level: str) -> Mapping[str, Any]:
    """The request fields that ask for `level`; empty where nothing needs to be said or nothing can be."""
    if family in {"none", "always"} or (family == "kimi" and level == "off"):
        return {}
    match way:
        case "dashscope":
            return _FIELDS[family or "hybrid"][level]
        case "template":
            return {"chat_template_kwargs": _template(family, level)}
        case "reasoning":
            return {"reasoning": {"enabled": True} if level == "on" else {"effort": _effort(level)}}
        case "effort":
            return {"reasoning_effort": _effort(level)}


def cannot(family: Family, level: str) -> str:
    """What stands between a wish and a model, to follow its name; empty when nothing does."""
    match family:
        case "none" if level != "off":
            return "does not think"
        case "always" | "kimi" if level == "off":
            return "always thinks; it cannot be turned off"
        case "always" if level != "on":
            return "always thinks; it has no levels"
        case _:
            return ""


def _effort(level: str) -> str:
    return {"off": "none", "on": "medium"}.get(level, level)


def _template(family: Family, level: str) -> dict[str, Any]:
    """Arguments of Qwen's chat template; that of Qwen 3.8 also takes the effort."""
    if level == "off":
        return dict(_OFF)
    effort = _FIELDS["effort"][level] if family == "effort" else {}
    return {**_ON, **({} if "enable_thinking" in effort else effort)}
