"""Finish reasons: whether an answer is complete, and what is said of one that is not. Pure.

The words are those of OpenAI, Anthropic, Gemini, Cohere, Qwen, GLM, DeepSeek, TGI, vLLM and SGLang (2026-11). Case does
not count. A word that is not in this table is no success.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply

Ending = Literal["complete", "cut", "filtered", "failed"]
"""How an answer ended: by the model itself, at a limit of tokens, by a filter or a refusal, or otherwise."""

_WORDS: dict[Ending, str] = {
    "complete": "stop tool_calls tool_call tool_use function_call end_turn eos eos_token stop_sequence stop_token"
    " stop_str end complete completed normal done finished endoftext",
    "cut": "length max_tokens max_output_tokens max_output max_length model_length token_limit max_context_length"
    " model_context_window_exceeded context_length_exceeded",
    "filtered": "content_filter content_filtered content-filter filter sensitive safety prohibited_content blocklist"
    " recitation spii image_safety refusal guardrail_intervened",
}
_ENDINGS: dict[str, Ending] = {word: ending for ending, words in _WORDS.items() for word in words.split()}


def ending_of(reason: str) -> Ending:
    """How an answer with this finish reason ended."""
    return _ENDINGS.get(reason.lower(), "failed")


def is_complete(reply: Reply) -> bool:
    """Whether the model ended its answer itself, and there is one."""
    return ending_of(reply.finish_reason) == "complete" and bool(reply or reply.tool_calls)


def mark_of(finish_reason: str, *, empty: bool = False) -> str:
    """Why an answer is not a complete one, for people; an empty string for a complete one.

    `empty`: it has neither text nor calls.
    """
    reason = " ".join(finish_reason.split())
    match ending_of(reason):
        case "complete":
            return _("empty answer") if empty else ""
        case "cut":
            return _("cut at the token limit")
        case "filtered":
            return (
                _("the model refused") if reason.lower() == "refusal" else _("stopped by the content filter")
            )
    if reason == "interrupted":
        return _("interrupted")
    if not reason or reason.startswith("ended early"):
        return _("ended early") + reason.removeprefix("ended early")
    return _("ended: {reason}", reason=reason)
