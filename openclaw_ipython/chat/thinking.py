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

from openclaw_ipython.chat.types import (
    ChatEvent,
    Finished,
    ReasoningDelta,
    TextDelta,
    TextWasReasoning,
    Thinking,
)

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


def _levels(always: dict[str, Any], field: str, *values: Any) -> dict[str, dict[str, Any]]:
    """The fields of each level; `values` are those of `field` for low, medium and high."""
    graded = zip(("low", "medium", "high"), values, strict=False)
    return {"off": _OFF, "on": _ON, **{level: {**always, field: value} for level, value in graded}}


_FIELDS: dict[Family, dict[str, dict[str, Any]]] = {
    "hybrid": {**_levels(_ON, "thinking_budget", LOW_BUDGET, MEDIUM_BUDGET), "high": _ON},
    "effort": _levels({}, "reasoning_effort", "low", "medium", "xhigh"),
    # `high` is the least that every release of it takes
    "deepseek": _levels(_ON, "reasoning_effort", "high", "high", "max"),
    "glm": _levels(_ON, "reasoning_effort", "low", "medium", "high"),
    "kimi": {**_levels({}, "reasoning_effort", "low", "high", "max"), "on": {}},
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

_CLOSE = "</think>"
_PAIRS = {  # as Qwen and others, Gemini, Bedrock (gpt-oss), Seed and Magistral write them
    "<think>": _CLOSE,
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
}
_BLANK = 1_000  # whitespace characters after which a tag is no longer expected
_MAX_LOOKS = 100  # at the whole text: the time stays linear in it
_QUOTES = "`\"'“”‘’([{|=\\"


class ThinkTagParser:
    """Turns thinking that a server leaves in the text of an answer into ReasoningDeltas.

    `<think>…</think>` at the very start is thinking. So is what comes before a `</think>` without an opening tag: that
    tag stands in the prompt template of most local Qwen servers. As such text has been shown by then, a
    TextWasReasoning follows it. A tag in code, in quotes or amid a sentence is part of the answer; so is everything
    after an opening tag further down. Text is held back only while it may be part of a tag.
    """

    def __init__(self) -> None:
        self._held = ""
        self._close = _CLOSE
        self._state: Literal["start", "opened", "inside", "after", "text"] = "start"
        self._before: list[str] = []  # the text so far
        self._looks = 0

    def feed(self, event: ChatEvent) -> Iterator[ChatEvent]:
        """`event`, or what it becomes."""
        match event:
            case TextDelta(text) if self._state == "text" and not self._held and "<" not in text:
                self._before.append(text)
                yield event
            case TextDelta(text):
                self._held += text
                yield from self._classify()
            case ReasoningDelta() if self._state == "start":
                self._state = "text"
                yield from self._scan()
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
            self._start()
        if self._state == "opened":
            self._held = self._held.lstrip()
            self._state = "inside" if self._held else "opened"
        if self._state == "inside":
            yield from self._thinking()
        while self._state in {"after", "text"} and self._held:
            if self._state == "after":
                self._held = self._held.lstrip()
                while self._held.startswith(_CLOSE):  # some models send it twice
                    self._held = self._held[len(_CLOSE) :].lstrip()
                if _CLOSE.startswith(self._held):
                    return
                self._state = "text"
            yield from self._scan()
            if self._state == "text":
                return

    def _start(self) -> None:
        begun = self._held.lstrip()
        opening = next((tag for tag in _PAIRS if begun.startswith(tag)), "")
        if opening:
            self._state, self._held, self._close = "opened", begun[len(opening) :], _PAIRS[opening]
        elif begun.startswith(_CLOSE):
            self._state, self._held = "after", begun
        elif len(self._held) > _BLANK or not any(tag.startswith(begun) for tag in (*_PAIRS, _CLOSE)):
            self._state = "text"

    def _thinking(self) -> Iterator[ChatEvent]:
        thinking, closed, after = self._held.partition(self._close)
        if closed:
            self._state, self._held = "after", after
        else:
            thinking, self._held = _split_partial_tag(self._held, self._close)
        if thinking:
            yield ReasoningDelta(thinking)

    def _scan(self) -> Iterator[ChatEvent]:
        """Text, up to a closing tag that ends thinking: then the state is `after`."""
        while True:
            text, tag, after = self._held.partition(_CLOSE)
            if not tag:
                text, self._held = _split_partial_tag(text, _CLOSE)
            if text:
                self._before.append(text)
                yield TextDelta(text)
            if not tag:
                return
            closes = self._ends_thinking(after)
            if closes is None:
                self._held = tag + after
                return
            self._held = after
            if closes:
                if any(self._before):
                    yield TextWasReasoning()
                self._state, self._before, self._looks = "after", [], 0
                return
            self._before.append(tag)
            yield TextDelta(tag)

    def _ends_thinking(self, after: str) -> bool | None:
        """Whether a closing tag with `after` behind it ends thinking; None while more text has to come first."""
        self._looks += 1
        text = "".join(self._before)
        self._before = [text]
        lines, _, line = text.rpartition("\n")
        in_fence = len(re.findall(r"(?m)^[ \t>]*(?:```|~~~)", lines)) % 2
        if self._looks > _MAX_LOOKS or "<think>" in text or in_fence or line.count("`") % 2:
            return False
        if not line.strip():
            return True
        if line[-1] not in " \t":
            return line[-1] not in _QUOTES
        behind = after.lstrip(" \t")  # amid a sentence, unless its line ends
        return behind[0] in "\r\n" if behind else None


def _split_partial_tag(text: str, tag: str) -> tuple[str, str]:
    """`text` up to a possible beginning of `tag`, and the rest."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-size:]):
            return text[:-size], text[-size:]
    return text, ""
