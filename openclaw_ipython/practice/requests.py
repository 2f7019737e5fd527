"""A chat request: checked as the service checks it, and parsed into a value. Pure.

The checks are those that clients were seen to fail. There are no others: a practice portal that refused more than the
service does would teach wrong rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from openclaw_ipython.practice.image_headers import Image, read_url
from openclaw_ipython.practice.samples import find_schema

CHARACTERS_PER_TOKEN = 4  # an estimate for English prose
PER_MESSAGE = 4  # role and separators
_PATCH = 28  # pixels: the edge of the square that costs one token of an image
ROLES = ("system", "assistant", "user", "tool", "function")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Model(Struct, frozen=True):
    """An offered model: whether it accepts images, and its limits in tokens."""

    id: str
    images: bool = False
    context: int = 1_000_000
    max_output: int = 65_536


class RequestRefused(Exception):
    """The service answers such a request with an error of this `status`, `code` and message."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_parameter_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ChatPrompt(Struct, frozen=True):
    """A parsed chat request.

    `text` is the last user message, `earlier` the user messages before it, `instructions` the system message.
    `tool_results` are names and contents of the tool messages at the end of the conversation. `limit` is in tokens.
    `cache` is what the usage says about the prompt cache.
    """

    model: str
    text: str
    earlier: tuple[str, ...]
    instructions: str
    messages: int
    tokens: int
    images: tuple[Image, ...]
    tools: tuple[Mapping[str, Any], ...]
    tool_choice: object
    tool_results: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any] | None
    wants_json: bool
    thinks: bool
    limit: int | None
    streams: bool
    reports_usage: bool
    settings: Mapping[str, object]
    cache: Mapping[str, object] | None = None


def check(body: object, models: Mapping[str, Model], *, batch: bool = False) -> Model:
    """The model of a request. Raises `RequestRefused` for a request that the service refuses.

    In a `batch`, a model may think without a stream.
    """
    if not isinstance(body, dict):
        raise RequestRefused("Request body format invalid")
    model = _model(body.get("model"), models)
    messages = _messages(body.get("messages"))
    _check_order(messages)
    for message in messages:
        _check_content(message, model)
    _check_tools(body)
    _check_numbers(body, model)
    _check_streaming(body, batch=batch)
    return model


def _model(name: object, models: Mapping[str, Model]) -> Model:
    if not isinstance(name, str) or not name:
        raise RequestRefused("you must provide a model parameter")
    if name not in models:
        raise RequestRefused(
            f"The model `{name[:80]}` does not exist or you do not have access to it.",
            status=404,
            code="model_not_found",
        )
    return models[name]


# -- messages ------------------------------------------------------------------------------


def _messages(messages: object) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise RequestRefused("[] is too short - 'messages'")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise RequestRefused(f"messages.{index} is not an object")
        if message.get("role") not in ROLES:
            role = str(message.get("role"))[:40]
            raise RequestRefused(f"'{role}' is not one of {list(ROLES)} - 'messages.{index}.role'")
    return messages


def _check_order(messages: Sequence[Mapping[str, Any]]) -> None:
    """A system message is allowed at the start only, tool messages only after their calls, one for each."""
    waiting: set[object] = set()
    for index, message in enumerate(messages):
        if message["role"] == "system" and index > 0:
            raise RequestRefused("System message must be at the beginning.")
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                raise _invalid_parameter(
                    "messages with role 'tool' must be a response to a preceding tool call"
                )
            waiting.discard(message.get("tool_call_id"))
        elif waiting:
            raise _invalid_parameter(
                "an assistant message with 'tool_calls' must be followed by tool messages"
            )
        else:
            waiting = _called(message)
    if waiting:
        raise _invalid_parameter("an assistant message with 'tool_calls' must be followed by tool messages")


def _called(message: Mapping[str, Any]) -> set[object]:
    calls = message.get("tool_calls")
    if message["role"] != "assistant" or not calls:
        return set()
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        raise _invalid_parameter("'tool_calls' must be a list of function calls with an id")
    return {call["id"] for call in calls}


def _is_call(call: object) -> bool:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        return False
    function = call.get("function")
    return isinstance(function, dict) and all(isinstance(function.get(k), str) for k in ("name", "arguments"))


def _invalid_parameter(detail: str) -> RequestRefused:
    """An error of the inference service behind the gateway."""
    return RequestRefused(f"<400> InternalError.Algo.InvalidParameter: {detail}")


def _check_content(message: Mapping[str, Any], model: Model) -> None:
    content = message.get("content")
    if content is None:
        if "content" in message and message["role"] == "assistant" and message.get("tool_calls"):
            return
        raise RequestRefused("The content field is a required field.")
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        raise RequestRefused("Input should be a valid string or a list of content parts - 'content'")
    for part in content:
        _check_part(part, message["role"], model)


def _check_part(part: object, role: str, model: Model) -> None:
    match part:
        case {"type": "text", "text": str()}:
            return
        case {"type": "image_url", "image_url": {"url": str()}}:
            if role == "user" and not model.images:
                raise _invalid_parameter(f"the model {model.id} does not take images")
        case {"type": str() as kind}:
            raise RequestRefused(f"Unexpected or incomplete item type in content: {kind[:40]}.")
        case _:
            raise RequestRefused("Unexpected item type in content.")


# -- other fields --------------------------------------------------------------------------


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        raise RequestRefused("[] is too short - 'tools'")
    for tool in tools:
        match tool:
            case {"type": "function", "function": {"name": str() as name}} if _TOOL_NAME.match(name):
                continue
        raise RequestRefused("each of 'tools' must be a function with a name of letters, digits, _ and -")


def _check_numbers(body: Mapping[str, Any], model: Model) -> None:
    temperature, top_p = body.get("temperature"), body.get("top_p")
    if temperature is not None and not (_is_number(temperature) and 0.0 <= temperature < 2.0):
        raise _invalid_parameter("Temperature should be in [0.0, 2.0)")
    if top_p is not None and not (_is_number(top_p) and 0.0 < top_p <= 1.0):
        raise _invalid_parameter("Range of top_p should be (0.0, 1.0]")
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= model.max_output:
            raise _invalid_parameter(f"Range of {name} should be [1, {model.max_output}]")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_streaming(body: Mapping[str, Any], *, batch: bool) -> None:
    if not isinstance(body.get("stream", False), bool):
        raise RequestRefused("'stream' must be a boolean")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise RequestRefused("'stream_options' is only allowed when 'stream' is true")
    thinks = thinking(body)
    if batch and body.get("stream"):
        raise RequestRefused("a batch is not streamed")
    if thinks and not body.get("stream") and not batch:
        raise RequestRefused("parameter.enable_thinking must be set to false for non-streaming calls")
    if thinks and body.get("tool_choice", "auto") not in ("auto", "none", None):
        raise _invalid_parameter("tool_choice must be auto or none in thinking mode")
    if body.get("thinking_budget") is not None and body.get("reasoning_effort") is not None:
        raise _invalid_parameter("thinking_budget and reasoning_effort cannot be set together")


def thinking(body: Mapping[str, Any]) -> bool:
    """Whether a request turns thinking on."""
    if isinstance(body.get("enable_thinking"), bool):
        return bool(body["enable_thinking"])
    template = body.get("chat_template_kwargs")  # as in vLLM and SGLang
    if isinstance(template, dict) and template.get("enable_thinking") is True:
        return True
    return body.get("reasoning_effort") not in (None, "none")


# -- parsing -------------------------------------------------------------------------------


def parse(body: Mapping[str, Any], model: Model) -> ChatPrompt:
    """Parse a body that passed `check`. Raises `RequestRefused` for an unreadable image or too many tokens."""
    messages: list[dict[str, Any]] = body["messages"]
    questions = [text_of(message) for message in messages if message["role"] == "user"]
    images = tuple(_images(messages))
    schema, wants_json = _format(body, messages)
    prompt = ChatPrompt(
        model=model.id,
        text=questions[-1] if questions else "",
        earlier=tuple(questions[:-1]),
        instructions=text_of(messages[0]) if messages[0]["role"] == "system" else "",
        messages=len(messages),
        tokens=_tokens(messages, images),
        images=images,
        tools=tuple(tool["function"] for tool in body.get("tools") or ()),
        tool_choice=body.get("tool_choice"),
        tool_results=_tool_results(messages),
        schema=schema,
        wants_json=wants_json,
        thinks=thinking(body),
        limit=body.get("max_tokens") or body.get("max_completion_tokens"),
        streams=bool(body.get("stream")),
        reports_usage=_reports_usage(body),
        settings={name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None},
    )
    if prompt.tokens > model.context:
        raise _invalid_parameter(f"Range of input length should be [1, {model.context}]")
    return prompt


def tokens_of(characters: int) -> int:
    """The estimated tokens of that many characters."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part["type"] == "text")


def _images(messages: Sequence[Mapping[str, Any]]) -> Iterator[Image]:
    """The images of the user messages. Those of tool messages are ignored, as on the service."""
    for message in messages:
        if message["role"] != "user" or isinstance(message["content"], str):
            continue
        for part in message["content"]:
            if part["type"] == "image_url":
                try:
                    yield read_url(part["image_url"]["url"])
                except ValueError as error:
                    raise _invalid_parameter(str(error)) from None


def _tokens(messages: Sequence[Mapping[str, Any]], images: Sequence[Image]) -> int:
    words = sum(tokens_of(len(text_of(message))) + PER_MESSAGE for message in messages)
    return words + sum(-(-image.width // _PATCH) * -(-image.height // _PATCH) for image in images)


def _tool_results(messages: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The tool results after the last user message; empty when a user message is last."""
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "user":
            results.clear()
        elif message["role"] == "tool":
            results.append((names.get(message["tool_call_id"], "?"), text_of(message)))
    return tuple(results) if messages[-1]["role"] == "tool" else ()


def _format(
    body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, bool]:
    """The JSON schema for the answer, and whether the answer is to be JSON."""
    texts = [text_of(message) for message in messages]
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return schema, True
        case {"type": "json_schema"}:
            raise RequestRefused("'response_format.json_schema.schema' is missing")
        case {"type": "json_object"}:
            if not any("json" in text.casefold() for text in texts):
                raise _invalid_parameter(
                    "'messages' must contain the word 'json' in some form, "
                    "to use 'response_format' of type 'json_object'."
                )
            return next(filter(None, map(find_schema, texts)), None), True
    conversation = [text for text, message in zip(texts, messages, strict=True) if message["role"] != "tool"]
    written_out = next(filter(None, map(find_schema, conversation)), None)
    return written_out, written_out is not None


def _reports_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
