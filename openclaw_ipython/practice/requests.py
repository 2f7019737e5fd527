"""What a chat request asks for, read from its body into a value. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.practice.checks import Model, Refused, thinking
from openclaw_ipython.practice.images import Image, read_url
from openclaw_ipython.practice.samples import find_schema

CHARACTERS_PER_TOKEN = 4  # near enough for English prose, and said to be an estimate
_PER_MESSAGE = 4  # role and separators
_PATCH = 28  # pixels: the edge of the square that costs one token of an image


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat request that was not refused.

    `text` is the last user message, `earlier` the user messages before it, `instructions` the system
    message. `tool_results` are name and content of the tool messages at the end of the conversation.
    `limit` is the most tokens the answer may have.
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


def read(body: Mapping[str, Any], model: Model) -> Prompt:
    """The value of a body that passed the checks. Raises `Refused` for an unreadable image, or too much."""
    messages: list[dict[str, Any]] = body["messages"]
    asked = [_text(message) for message in messages if message["role"] == "user"]
    images = tuple(_images(messages))
    schema, wants_json = _format(body, messages)
    prompt = Prompt(
        model=model.id,
        text=asked[-1] if asked else "",
        earlier=tuple(asked[:-1]),
        instructions=_text(messages[0]) if messages[0]["role"] == "system" else "",
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
        raise Refused(
            f"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, {model.context}]"
        )
    return prompt


def tokens_of(characters: int) -> int:
    """An estimate of how many tokens that many characters are."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part["type"] == "text")


def _images(messages: Sequence[Mapping[str, Any]]) -> Iterator[Image]:
    """The images of the user messages; in a tool message they get lost, as they do on the service."""
    for message in messages:
        if message["role"] != "user" or isinstance(message["content"], str):
            continue
        for part in message["content"]:
            if part["type"] == "image_url":
                yield _image(part["image_url"]["url"])


def _image(url: str) -> Image:
    try:
        return read_url(url)
    except ValueError as error:
        raise Refused(f"<400> InternalError.Algo.InvalidParameter: {error}") from None


def _tokens(messages: Sequence[Mapping[str, Any]], images: Sequence[Image]) -> int:
    words = sum(tokens_of(len(_text(message))) + _PER_MESSAGE for message in messages)
    return words + sum(-(-image.width // _PATCH) * -(-image.height // _PATCH) for image in images)


def _tool_results(messages: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The results that came in since the last turn of the user, or nothing if the user spoke last."""
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
        if message["role"] == "user":
            results.clear()
        elif message["role"] == "tool":
            results.append((names.get(message["tool_call_id"], "?"), _text(message)))
    return tuple(results) if messages[-1]["role"] == "tool" else ()


def _format(
    body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, bool]:
    """The JSON schema to answer in, and whether JSON is wanted at all."""
    texts = [_text(message) for message in messages]
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return schema, True
        case {"type": "json_schema"}:
            raise Refused("'response_format.json_schema.schema' is missing")
        case {"type": "json_object"}:
            if not any("json" in text.casefold() for text in texts):
                raise Refused(
                    "<400> InternalError.Algo.InvalidParameter: 'messages' must contain the word 'json' "
                    "in some form, to use 'response_format' of type 'json_object'."
                )
            return next(filter(None, map(find_schema, texts)), None), True
    spoken = [text for text, message in zip(texts, messages, strict=True) if message["role"] != "tool"]
    schema_in_words = next(filter(None, map(find_schema, spoken)), None)
    return schema_in_words, schema_in_words is not None


def _reports_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
