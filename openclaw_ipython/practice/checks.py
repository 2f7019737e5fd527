"""What the service refuses about a chat request. Pure: the body goes in, `Refused` comes out or nothing.

The rules are the ones clients were seen to trip over. A rule nobody has met is not here: a practice
portal that refuses more than the service teaches falsehoods as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROLES = ("system", "assistant", "user", "tool", "function")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Model:
    """A model on offer: whether it sees images, and its limits in tokens."""

    id: str
    images: bool = False
    context: int = 1_000_000
    max_output: int = 65_536


class Refused(Exception):
    """The service would answer this with an error: `status`, `code`, and the message."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_parameter_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def check(body: object, models: Mapping[str, Model]) -> Model:
    """The model a request is for. Raises `Refused` if the service would refuse the request."""
    if not isinstance(body, dict):
        raise Refused("Request body format invalid")
    model = _model(body.get("model"), models)
    messages = _messages(body.get("messages"))
    _check_order(messages)
    for message in messages:
        _check_content(message, model)
    _check_tools(body)
    _check_numbers(body, model)
    _check_streaming(body)
    return model


def _model(name: object, models: Mapping[str, Model]) -> Model:
    if not isinstance(name, str) or not name:
        raise Refused("you must provide a model parameter")
    if name not in models:
        raise Refused(
            f"The model `{name[:80]}` does not exist or you do not have access to it.",
            status=404,
            code="model_not_found",
        )
    return models[name]


# -- messages ------------------------------------------------------------------------------


def _messages(messages: object) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise Refused("[] is too short - 'messages'")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise Refused(f"messages.{index} is not an object")
        if message.get("role") not in ROLES:
            role = str(message.get("role"))[:40]
            raise Refused(f"'{role}' is not one of {list(ROLES)} - 'messages.{index}.role'")
    return messages


def _check_order(messages: Sequence[Mapping[str, Any]]) -> None:
    """One system message, first; after tool calls one tool message for each, and none elsewhere."""
    waiting: set[object] = set()
    for index, message in enumerate(messages):
        if message["role"] == "system" and index > 0:
            raise Refused("System message must be at the beginning.")
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise _parameter("messages with role 'tool' must be a response to a preceding tool call")
            waiting.discard(message.get("tool_call_id"))
        elif waiting:
            raise _parameter("an assistant message with 'tool_calls' must be followed by tool messages")
        else:
            waiting = _called(message)
    if waiting:
        raise _parameter("an assistant message with 'tool_calls' must be followed by tool messages")


def _called(message: Mapping[str, Any]) -> set[object]:
    """The ids an assistant message waits for."""
    calls = message.get("tool_calls")
    if message["role"] != "assistant" or not calls:
        return set()
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise _parameter("'tool_calls' must be a list of function calls with an id")
    return {call["id"] for call in calls}


def _is_call(call: object) -> bool:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        return False
    function = call.get("function")
    return isinstance(function, dict) and all(isinstance(function.get(k), str) for k in ("name", "arguments"))


def _parameter(detail: str) -> Refused:
    """How the inference behind the gateway words its refusals."""
    return Refused(f"<400> InternalError.Algo.InvalidParameter: {detail}")


def _check_content(message: Mapping[str, Any], model: Model) -> None:
    content = message.get("content")
    if content is None:
        if "content" in message and message["role"] == "assistant" and message.get("tool_calls"):
            return
        raise Refused("The content field is a required field.")
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        raise Refused("Input should be a valid string or a list of content parts - 'content'")
    for part in content:
        _check_part(part, message["role"], model)


def _check_part(part: object, role: str, model: Model) -> None:
    match part:
        case {"type": "text", "text": str()}:
            return
        case {"type": "image_url", "image_url": {"url": str()}}:
            if role == "user" and not model.images:
                raise _parameter(f"the model {model.id} does not take images")
        case {"type": str() as kind}:
            raise Refused(f"Unexpected or incomplete item type in content: {kind[:40]}.")
        case _:
            raise Refused("Unexpected item type in content.")


# -- everything else -----------------------------------------------------------------------


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        raise Refused("[] is too short - 'tools'")
    for tool in tools:
        match tool:
            case {"type": "function", "function": {"name": str() as name}} if _TOOL_NAME.match(name):
                continue
        raise Refused("each of 'tools' must be a function with a name of letters, digits, _ and -")


def _check_numbers(body: Mapping[str, Any], model: Model) -> None:
    temperature, top_p = body.get("temperature"), body.get("top_p")
    if temperature is not None and not (_is_number(temperature) and 0.0 <= temperature < 2.0):
        raise _parameter("Temperature should be in [0.0, 2.0)")
    if top_p is not None and not (_is_number(top_p) and 0.0 < top_p <= 1.0):
        raise _parameter("Range of top_p should be (0.0, 1.0]")
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= model.max_output:
            raise _parameter(f"Range of {name} should be [1, {model.max_output}]")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_streaming(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("stream", False), bool):
        raise Refused("'stream' must be a boolean")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Refused("'stream_options' is only allowed when 'stream' is true")
    thinks = thinking(body)
    if thinks and not body.get("stream"):
        raise Refused("parameter.enable_thinking must be set to false for non-streaming calls")
    if thinks and body.get("tool_choice", "auto") not in ("auto", "none", None):
        raise _parameter("tool_choice must be auto or none in thinking mode")
    if body.get("thinking_budget") is not None and body.get("reasoning_effort") is not None:
        raise _parameter("thinking_budget and reasoning_effort cannot be set together")


def thinking(body: Mapping[str, Any]) -> bool:
    """Whether a request asks the model to think."""
    if isinstance(body.get("enable_thinking"), bool):
        return bool(body["enable_thinking"])
    template = body.get("chat_template_kwargs")  # how vLLM and SGLang spell it
    if isinstance(template, dict) and template.get("enable_thinking") is True:
        return True
    return body.get("reasoning_effort") not in (None, "none")
