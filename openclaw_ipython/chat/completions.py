"""The OpenAI completions API: requests to JSON bodies, stream events to ChatEvents. Pure.

Forms of the Qwen services (Model Studio, "OpenAI compatible"; observed streams): usage in a last chunk without
choices, `reasoning_content` or `reasoning` beside `content`, tool calls in fragments whose later pieces have empty
ids, errors in the middle of a response with status 200.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.http_errors import ErrorDetails, error_for, error_in, error_in_text
from openclaw_ipython.chat.sse import EventDecoder, ServerEvent
from openclaw_ipython.chat.thinking import ThinkTagParser
from openclaw_ipython.chat.types import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from openclaw_ipython.errors import OpenClawError, ProtocolError, StreamBroken, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import paired

if TYPE_CHECKING:
    from openclaw_ipython.sanitize.secrets import Secret

DONE = "[DONE]"
ANSWER_LIMIT = 64 * 1024 * 1024
_MIN_CALL_SIZE = 100  # characters that a piece of a tool call counts as at least, since every piece is stored
_Text = TextDelta | ReasoningDelta


def encode(request: ChatRequest) -> dict[str, Any]:
    """The JSON body of `POST …/chat/completions`. Fields that are None are left out."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": request.stream,
    }
    if request.stream:  # some services refuse stream_options on a call that does not stream
        body["stream_options"] = {"include_usage": True}
    for name in ("temperature", "top_p", "max_tokens"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    body.update(request.extra)
    return body


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """A body as bytes. A lone surrogate becomes U+FFFD. Raises UsageError for values that JSON does not have."""
    try:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(_("the request cannot be written as JSON: {error}", error=error)) from None
    return paired(text).encode()


def _message(message: Message) -> dict[str, Any]:
    turn = {"role": message.role, "content": _content(message.content)}
    if message.reasoning:
        turn["reasoning_content"] = message.reasoning
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        turn["content"] = turn["content"] or None  # as the service's own client sends it
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return turn


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [dict(part) for part in content]


class AnswerDecoder:
    """Decodes the bytes of a streamed answer into ChatEvents.

    `finished`: a finish reason has come. `done`: `[DONE]` has come; what follows it is ignored. `events` counts the
    events with data. `known` are the secrets of the request, which are redacted in error messages.
    """

    def __init__(self, *known: Secret, limit: int = ANSWER_LIMIT) -> None:
        self.finished = False
        self.done = False
        self.events = 0
        self._known = known
        self._limit = limit
        self._size = 0
        self._decoder = EventDecoder()
        self._tags = ThinkTagParser()

    def feed(self, chunk: bytes) -> Iterator[ChatEvent]:
        """The events completed by `chunk`, in order; adjacent pieces of text are joined.

        Events before a malformed one are yielded first. Raises what `decode_event` raises; StreamBroken when the
        answer has more than `limit` characters.
        """
        return joined(self._each(chunk))

    def _each(self, chunk: bytes) -> Iterator[ChatEvent]:
        for event in self._decoder.feed(chunk):
            data = event.data.strip()
            if not data:
                continue
            self.events += 1
            if data == DONE:
                self.done = True
                return
            for decoded in decode_event(event, *self._known):
                self._count(decoded)
                yield from self._tags.feed(decoded)

    def _count(self, event: ChatEvent) -> None:
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                self._size += len(text)
            case ToolCallDelta(_, call_id, name, arguments):
                self._size += _MIN_CALL_SIZE + len(call_id) + len(name) + len(arguments)
            case Finished():
                self.finished = True
        if self._size > self._limit:
            raise StreamBroken(
                _("the answer is longer than {size} Mi characters; stopped reading", size=self._limit >> 20)
            )


def joined(events: Iterator[ChatEvent]) -> Iterator[ChatEvent]:
    """`events` with adjacent texts of the same kind joined. Events before an error are yielded first.

    An event takes some 300 bytes until it is shown, and one step of every generator on the way; a fast service sends
    hundreds at once, of a few characters each.
    """
    kind: type[_Text] = TextDelta
    texts: list[str] = []
    failure: OpenClawError | None = None
    try:
        for event in events:
            if texts and type(event) is not kind:
                yield kind("".join(texts))
                texts.clear()
            if isinstance(event, _Text):
                kind = type(event)
                texts.append(event.text)
            else:
                yield event
    except OpenClawError as error:
        failure = error
    if texts:
        yield kind("".join(texts))
    if failure is not None:
        raise failure


def decode_event(event: ServerEvent, *known: Secret) -> list[ChatEvent]:
    """The ChatEvents of one stream event. Raises the error it reports, ProtocolError if it is no JSON object."""
    parsed = _parse(event.data)
    if event.event == "error" or "choices" not in parsed or "error" in parsed:
        details = error_in(parsed, *known)
        if details is None and event.event == "error":
            details = ErrorDetails("the service reported an error without a reason")
        if details is not None:
            raise error_for(_status_in(event.comment), details)
    return _chunk_events(parsed, "delta", known)


def decode_completion(body: bytes, *known: Secret) -> list[ChatEvent]:
    """The events of an answer that is one JSON document, as a stream would have brought them.

    Raises the error it reports, ProtocolError if it is no completion.
    """
    parsed = _parse(body.decode("utf-8-sig", "replace"))
    details = error_in(parsed, *known)
    if details is not None:
        raise error_for(None, details)
    match parsed.get("choices"):
        case [{"message": dict()}, *_]:
            events = _chunk_events(parsed, "message", known)
        case _:
            hint = _("check the base URL with %openclaw models status")
            raise ProtocolError(_("the answer has no choices"), hint=hint)
    if not any(isinstance(event, Finished) for event in events):
        events.append(Finished("stop"))  # a whole document is complete, with or without a reason
    tags = ThinkTagParser()
    return [parsed_event for event in events for parsed_event in tags.feed(event)]


def _parse(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(_("the service sent something that is not JSON")) from None
    if not isinstance(parsed, dict):
        raise ProtocolError(_("the service sent JSON that is not an object"))
    return parsed


def _chunk_events(chunk: Mapping[str, Any], part: str, known: tuple[Secret, ...]) -> list[ChatEvent]:
    choices, usage = chunk.get("choices"), chunk.get("usage")
    events: list[ChatEvent] = []
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            events += _choice_events(choice, part, known)
    if isinstance(usage, dict):
        events.append(UsageReport(read_usage(usage)))
    return events


def _choice_events(choice: Mapping[str, Any], part: str, known: tuple[Secret, ...]) -> Iterator[ChatEvent]:
    finish = _text(choice.get("finish_reason"))
    delta = _object(choice.get(part))
    if finish == "error_finish":  # the text of this chunk is an error message
        raise error_for(None, error_in_text(delta.get("content"), *known))
    reasoning = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
    if reasoning:
        yield ReasoningDelta(reasoning)
    text = _joined(delta.get("content"))
    if text:
        yield TextDelta(text)
    calls = delta.get("tool_calls")
    for position, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            yield _tool_call(call, position)
    if finish:
        yield Finished(finish)


def _joined(content: Any) -> str:
    """The text of a message, which some servers send as a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return _text(content)


def _tool_call(call: Mapping[str, Any], position: int) -> ToolCallDelta:
    function = _object(call.get("function"))
    index = call.get("index")
    return ToolCallDelta(
        index if isinstance(index, int) else position,
        _text(call.get("id")),
        _text(function.get("name")),
        _text(function.get("arguments")),
    )


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """The token counts, from the fields of any of the services."""
    prompt = _object(usage.get("prompt_tokens_details"))
    completion = _object(usage.get("completion_tokens_details"))
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(prompt.get("cached_tokens", usage.get("cached_tokens"))),
        _count(completion.get("reasoning_tokens")),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: Any) -> str:
    """A string that can be printed and stored: JSON may hold lone surrogates."""
    return paired(value) if isinstance(value, str) else ""


def _status_in(comment: str) -> int | None:
    """DashScope's native stream puts the status in a comment line, `:HTTP_STATUS/429`."""
    digits = comment.removeprefix("HTTP_STATUS/")
    return int(digits) if digits != comment and digits.isdecimal() and len(digits) == 3 else None
