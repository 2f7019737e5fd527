"""Thinking: the request fields of a `--thinking` level, and thinking that a server leaves in the text. Pure.

A level becomes request fields by the family of the model and the syntax of the host.

Sources: Model Studio help "deep-thinking" (2026-09), Qwen Code 0.24.4 and OpenClaw's Qwen provider 2026.9.4 for the
Qwen hosts; the servers' own documentation for the others (Ollama "OpenAI compatibility", Fireworks "Reasoning",
OpenRouter "Reasoning tokens", vLLM "Reasoning outputs"; 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from openclaw_ipython.chat.types import ChatEvent, Finished, ReasoningDelta, TextDelta, Thinking

LEVELS: tuple[str, ...] = get_args(Thinking)
"""The values of `--thinking`."""

Family = Literal["", "none", "always", "hybrid", "effort", "deepseek", "glm", "kimi"]
"""How a model's thinking is switched.

    ""        not known
    none      it does not think
    always    it thinks, whatever the request says
    hybrid    a flag, and a budget of tokens                      Qwen 3.5 - 3.7, qwen3-max, qwen-plus, older GLM
    effort    a flag, or an effort up to `xhigh`, never both       Qwen 3.8
    deepseek  a flag together with an effort, `high` or `max`      DeepSeek V4
    glm       a flag together with an effort                      GLM 5.2
    kimi      it always thinks, with an effort                    Kimi K3
"""

ThinkingSyntax = Literal["dashscope", "template", "effort", "reasoning"]
"""The syntax a host accepts: DashScope's own fields, arguments of the chat template (vLLM, SGLang), OpenAI's
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

SWITCHABLE: frozenset[Family] = frozenset({"hybrid", "effort", "deepseek", "glm"})
"""The families with a flag that turns thinking off."""

# the first match counts; names are compared without their folders, in lower case
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
    """The family by the name of a model, `qwen3.7-plus` or `accounts/…/qwen3p7-plus`; empty when unknown."""
    name = model_id.lower().rpartition("/")[2]
    return next((family for pattern, family in _BY_NAME if re.match(pattern, name)), "")


def is_qwen(model_id: str) -> bool:
    """Whether a model is one of Qwen's by its name."""
    name = model_id.lower().rpartition("/")[2]
    return name.startswith(("qwen", "qwq")) or name in {"coder-model", "vision-model"}


def thinking_fields(syntax: ThinkingSyntax, family: Family, level: str) -> Mapping[str, Any]:
    """The request fields for `level`; empty where none is needed or none has an effect."""
    if family in {"none", "always"} or (family == "kimi" and level == "off"):
        return {}
    match syntax:
        case "dashscope":
            return _FIELDS[family or "hybrid"][level]
        case "template":
            return {"chat_template_kwargs": _template(family, level)}
        case "reasoning":
            return {"reasoning": {"enabled": True} if level == "on" else {"effort": _effort(level)}}
        case "effort":
            return {"reasoning_effort": _effort(level)}


def unsupported(family: Family, level: str) -> str:
    """Why the model cannot follow `level`, as a text after its name; empty when it can."""
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


# -- thinking in the text ------------------------------------------------------------------

_OPEN, _CLOSE = "<think>", "</think>"
_BLANK = 1_000  # whitespace characters after which a tag is no longer expected


class ThinkTagParser:
    """Turns `<think>…</think>` at the very start of an answer into ReasoningDeltas.

    Some local servers leave it in the text. Tags further down are part of the answer, and answers with
    `reasoning_content` are not changed. Text is held back only while it may be part of a tag.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state: Literal["start", "opened", "inside", "after", "text"] = "start"

    def feed(self, event: ChatEvent) -> Iterator[ChatEvent]:
        """`event`, or what it becomes."""
        match event:
            case TextDelta(text) if self._state != "text":
                self._held += text
                yield from self._classify()
            case ReasoningDelta() if self._state == "start":
                self._state = "text"
                yield from self.rest()
                yield event
            case Finished():
                yield from self.rest()
                yield event
            case _:
                yield event

    def rest(self) -> Iterator[ChatEvent]:
        """The text held back, after the last event."""
        held, self._held = self._held, ""
        if held and self._state in {"start", "inside", "text"}:
            yield ReasoningDelta(held) if self._state == "inside" else TextDelta(held)

    def _classify(self) -> Iterator[ChatEvent]:
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state, self._held = "opened", begun[len(_OPEN) :]
            elif not _OPEN.startswith(begun) or len(self._held) > _BLANK:
                self._state = "text"
        if self._state == "opened":
            self._held = self._held.lstrip()
            self._state = "inside" if self._held else "opened"
        if self._state == "inside":
            yield from self._thinking()
        if self._state == "after":
            self._held = self._held.lstrip()
            self._state = "text" if self._held else "after"
        if self._state == "text":
            yield from self.rest()

    def _thinking(self) -> Iterator[ChatEvent]:
        thinking, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._state, self._held = "after", after
        else:
            thinking, self._held = _split_partial_tag(self._held)
        if thinking:
            yield ReasoningDelta(thinking)


def _split_partial_tag(text: str) -> tuple[str, str]:
    """`text` up to a possible beginning of the closing tag, and the rest."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return text[:-size], text[-size:]
    return text, ""
