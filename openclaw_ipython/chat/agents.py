"""Agents behind the completions protocol, as OpenClaw's Gateway offers them: what is sent, and what errors mean. Pure.

An agent has a memory and tools of its own and asks its model by itself, several times where that fails. One request is
one turn: it takes from seconds to minutes without a byte, and sent again it would be a second turn.

Source: OpenClaw 2026.9.6, docs/gateway/openai-http-api.md and requests observed (2026-11).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import structs

from openclaw_ipython.chat.http_errors import error_for
from openclaw_ipython.chat.types import ChatRequest, Message
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.i18n import N_, _

if TYPE_CHECKING:
    from openclaw_ipython.chat.http_errors import ErrorDetails

MODEL_PREFIX = "openclaw/"
"""What stands before the id of an agent in requests and in the list of models."""

SILENCES = (
    (1.0, N_("the agent is preparing…")),
    (30.0, N_("the agent is at work, in its queue, or asks its model again…")),
)
"""What is said before the first text, each after so many seconds."""

ENDPOINT_COMMAND = "!openclaw config set gateway.http.endpoints.chatCompletions.enabled true"
_LOGS_COMMAND = "!openclaw logs --limit 50 --plain"


def agent_id(model_id: str) -> str:
    """The agent of an entry in the list of models; empty for `openclaw` and `openclaw/default`, which name none."""
    prefix, slash, name = model_id.partition("/")
    return name if prefix + slash == MODEL_PREFIX and name != "default" else ""


def for_agent(request: ChatRequest) -> ChatRequest:
    """`request` as it is sent to an agent: its model in full, and the functions in words.

    Of a request with a session (`user`) only what is new is sent, and the system messages, which are not remembered.
    """
    messages = request.messages
    if request.extra.get("user"):
        last = max((at for at, m in enumerate(messages) if m.role == "assistant"), default=-1)
        messages = tuple(m for at, m in enumerate(messages) if at > last or m.role == "system")
    tools = request.extra.get("tools")
    if tools and request.extra.get("tool_choice") != "none":
        messages = (Message("system", _hint(tools)), *messages)
    return structs.replace(request, model=MODEL_PREFIX + request.model, messages=messages)


def _hint(tools: list[dict[str, Any]]) -> str:
    """The functions for a model that does not see them, because the Gateway hides them behind its tool search."""
    rows = [json.dumps(tool["function"], ensure_ascii=False) for tool in tools]
    name = tools[0]["function"]["name"]
    call = json.dumps({"id": name, "args": {}})
    return (
        "The notebook of the person offers these functions, which run there:\n" + "\n".join(rows) + "\n"
        f"Where they are not among your tools, call them with tool_call, by their name as id: tool_call {call}"
    )


def agent_error(
    status: int | None, details: ErrorDetails, *, retry_after: float | None = None
) -> OpenClawError:
    """The error to raise, by the type that the Gateway gives it. `status` is None inside an answer."""
    code, text = details.code, details.message or _("no reason given")
    about: dict[str, Any] = {"status": status, "code": code, "request_id": details.request_id}
    match code:
        case "unauthorized":
            return LoginRequired(_("the Gateway does not accept the secret"), **about)
        case "rate_limited":
            words = _("the Gateway lets nobody in: {reason}", reason=text)
            hint = _("wait, then %openclaw gateway")
            return RateLimited(words, retry_after=retry_after, hint=hint, **about)
        case "gateway_unavailable":
            words = _("the Gateway is stopping or restarting")
            return ServiceUnavailable(words, hint=_("%openclaw gateway says when it is ready"), **about)
        case "authentication_error" | "permission_error":
            words = _("the agent's model provider refuses its key: {reason}", reason=text)
            return ServiceUnavailable(words, hint="!openclaw models status --probe", **about)
        case "rate_limit_error":
            words = _("the agent's model provider refuses, after several tries: {reason}", reason=text)
            return RateLimited(words, hint=_("wait a moment, then run the cell again"), **about)
        case "insufficient_quota":
            words = _("the quota of the agent's model provider is used up: {reason}", reason=text)
            return QuotaExceeded(words, hint="!openclaw models status --probe", **about)
    if status in {404, 405} and not code:
        words = _("the Gateway's endpoint for chat is off")
        return ServiceUnavailable(words, hint=ENDPOINT_COMMAND, **about)
    if text.startswith(("Unknown agent", "Multiple agents", "Invalid `model`")):
        about["code"] = "model_not_found"
        words = _("there is no such agent: {reason}", reason=text)
        if text.startswith("Multiple"):
            words = _("the Gateway has several agents: name one")
        return RequestRejected(words, hint="%openclaw agents", **about)
    if text.startswith("invalid tool configuration"):
        words = _("the agent has a tool of its own with the name of one of these functions")
        return RequestRejected(words, hint=_("give the function another name, such as nb_NAME"), **about)
    if code == "api_error" or (status is not None and status >= 408):
        words = _("the agent's turn failed: {reason}", reason=text)
        return ServiceUnavailable(words, hint=_LOGS_COMMAND, **about)
    return error_for(status, details, retry_after=retry_after)


def turn_broken() -> StreamBroken:
    """The error for a connection that ended in the middle of a turn: the Gateway was stopped."""
    return StreamBroken(
        _("the Gateway ended in the middle of the turn; when it runs again, it goes on with it by itself"),
        hint=_("%openclaw gateway says when it is ready; then ask for the answer, not again"),
    )
