"""Answers of the OpenAI completions API: bytes to ChatEvents, streamed or not. Pure.

The form is told by the first character, since content types are often wrong: a JSON document, a web page, or else an
event stream. Whatever came is an event, a note or an error, and the same content gives the same reply in any form.

Forms of the services (documentation and observed answers, 2026-11): usage in a last chunk without choices, in a choice
(Moonshot) or in `x_groq`; thinking as `reasoning_content`, `reasoning`, `reasoning_details` (OpenRouter) or content
parts (Mistral); tool calls in fragments whose later pieces have empty ids, or with an object as arguments; errors in
the middle of a response with status 200, inside a choice, or as llama.cpp's line `error: {…}`; a last chunk that
repeats the whole message (MiniMax); `[DONE]` without a finish reason (Snowflake Cortex).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from openclaw_ipython.chat.dialects import ANY_SERVICE, PromptCache
from openclaw_ipython.chat.endings import ending_of
from openclaw_ipython.chat.fields import Parts, finish_reason, object_of, read_usage, text_of, tool_call
from openclaw_ipython.chat.http_errors import (
    ErrorDetails,
    error_for,
    error_in,
    error_in_text,
    parse_error_body,
    server_text,
)
from openclaw_ipython.chat.sse import EventDecoder, ServerEvent
from openclaw_ipython.chat.thinking import ThinkTagParser
from openclaw_ipython.chat.types import (
    AnsweredBy,
    ChatEvent,
    Finished,
    Notice,
    ReasoningDelta,
    ServiceNotice,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from openclaw_ipython.errors import OpenClawError, ProtocolError, StreamBroken
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import paired

if TYPE_CHECKING:
    from openclaw_ipython.sanitize.secrets import Secret

DONE = "[DONE]"
ANSWER_LIMIT = 64 * 1024 * 1024
PAGE_LIMIT = 64 * 1024

_MAX_SOURCES = 20  # of an answer, that are shown

MAX_CALLS = 256
"""How many tool calls one answer may have."""

_MIN_CALL_SIZE = 100  # characters that a piece of a tool call counts as at least, since every piece is stored
_BOM = b"\xef\xbb\xbf"
_FORMS: dict[bytes, Literal["document", "page"]] = {b"{": "document", b"[": "document", b"<": "page"}
_STREAM_FIELDS = (b"data", b"event", b"id", b"retry", b":")
_REASONING = ("reasoning_content", "reasoning", "reasoning_text", "reasoning_details")
_NOT_SHOWN = ("audio", "images", "video", "annotations")  # what an answer may have and is not shown
_NOT_PLAIN = frozenset({"error", "errors", "ret", "x_groq"})
_NOT_PLAIN_CHOICE = frozenset({"error", "usage"})
_Text = TextDelta | ReasoningDelta
_KINDS: dict[str, type[_Text]] = {
    "content": TextDelta,
    "reasoning_content": ReasoningDelta,
    "reasoning": ReasoningDelta,
}


class AnswerDecoder:
    """Decodes the bytes of an answer into ChatEvents: `feed` for each chunk of them, `finish` at their end.

    `finished`: the service has given a reason for the end. `done`: what follows is not needed. `events` counts the
    stream's events with data, and the chunks of another form. `known` are the secrets of the request, which are
    redacted in error messages; `model` is the model that was asked, `cache` the prompt cache of the host. `error_for`
    makes the error of what is reported.
    """

    def __init__(
        self,
        *known: Secret,
        model: str = "",
        limit: int = ANSWER_LIMIT,
        cache: PromptCache = ANY_SERVICE,
        error_for: Callable[[int | None, ErrorDetails], OpenClawError] = error_for,
    ) -> None:
        self._error_for = error_for
        self.finished = False
        self.done = False
        self.events = 0
        self._known = known
        self._model = model
        self._limit = limit
        self._cache = cache
        self._form: Literal["", "stream", "document", "page"] = ""
        self._body = bytearray()  # until the form is known; all of a document or page
        self._size = 0
        self._decoder = EventDecoder()
        self._tags = ThinkTagParser()
        self._calls: set[tuple[int, str]] = set()  # by index and id; by index alone with an empty id
        self._call_count = 0
        self._choice: object = None  # the index of the choice that is read
        self._last_model: object = None
        self._sources: object = None  # `citations` of Perplexity, in every chunk
        self._begun = self._said = self._refused = False
        self._notes: list[str] = []
        self._failure: OpenClawError | None = None

    def feed(self, chunk: bytes) -> Iterator[ChatEvent]:
        """The events completed by `chunk`, in order; adjacent pieces of text are joined.

        Events before a malformed one are yielded first. Raises the error that the service reports; ProtocolError for
        data that is no JSON object; StreamBroken when the answer has more than `limit` characters or MAX_CALLS calls.
        """
        return joined(self._each(chunk))

    def finish(self) -> Iterator[ChatEvent]:
        """The events that the end of the bytes completes. Raises what `feed` raises, and the error of the ending.

        A stream may have ended early: then `finished` is false afterwards.
        """
        return joined(self._rest())

    @property
    def is_document(self) -> bool:
        """Whether the answer is one document or page, which is read at its end."""
        return self._form in {"document", "page"}

    @property
    def junk(self) -> str:
        """The beginning of a body that is none of the forms, for an error message; else an empty string."""
        begun = bytes(self._body).removeprefix(_BOM).lstrip()
        if self.events or self._form != "stream":
            return ""
        if any(begun.startswith(name) or name.startswith(begun) for name in _STREAM_FIELDS):
            return ""
        return server_text(begun.decode("utf-8", "replace"), *self._known)

    # -- bytes --

    def _each(self, chunk: bytes) -> Iterator[ChatEvent]:
        if self._form == "stream":
            yield from self._stream(chunk)
            return
        self._body += chunk
        if not self._form:
            begun = bytes(self._body[:PAGE_LIMIT]).removeprefix(_BOM).lstrip()
            if (not begun or _BOM.startswith(begun)) and len(self._body) < PAGE_LIMIT:
                return
            self._form = _FORMS.get(begun[:1], "stream")
            chunk = bytes(self._body)
        if self._form == "stream":
            del self._body[PAGE_LIMIT // 64 :]  # what `junk` needs
            yield from self._stream(chunk)
            return
        self.events += bool(chunk.strip())
        if self._form == "page":
            self.done = len(self._body) > PAGE_LIMIT
        elif len(self._body) > self._limit:
            raise self._too_long()

    def _stream(self, chunk: bytes) -> Iterator[ChatEvent]:
        for event in self._decoder.feed(chunk):
            data = event.data.strip()
            if not data:
                continue
            self.events += 1
            if data == DONE:
                self.done = True
                return
            parsed = _parse(data)
            piece = self._only_text(parsed, event)
            if piece is not None:
                self._size += len(piece.text)
                yield from self._tags.feed(piece)
            else:
                yield from self._taken(self._chunk(parsed, event))

    def _only_text(self, parsed: dict[str, Any], event: ServerEvent) -> _Text | None:
        """The text of a chunk that has nothing else: after the first one, of nearly all. Saves most of the time."""
        try:
            (choice,) = parsed["choices"]
            ((name, text),) = [item for item in choice["delta"].items() if item[1] and item[0] != "role"]
            kind = _KINDS[name]
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        plain = (
            self._said
            and type(text) is str
            and (choice.get("index") or 0) == self._choice
            and not choice.get("finish_reason")
            and not parsed.get("usage")
            and parsed.get("model") == self._last_model
            and not (event.event or _NOT_PLAIN & parsed.keys() or _NOT_PLAIN_CHOICE & choice.keys())
            and self._size + len(text) <= self._limit
        )
        return kind(paired(text)) if plain else None

    def _rest(self) -> Iterator[ChatEvent]:
        if self._form == "page":
            raise self._error_for(200, parse_error_body(bytes(self._body[:PAGE_LIMIT]), {}, *self._known))
        if self._form == "document":
            yield from self._document(self._body.removeprefix(_BOM).decode("utf-8", "replace"))
        elif not self.done:
            with suppress(ProtocolError):  # an event that lacks only its blank line, or was cut
                yield from self._stream(b"\n\n")
        yield from self._tags.rest()
        if self._failure is not None:
            raise self._failure
        sources = self._sources if isinstance(self._sources, list) else []
        links = [server_text(link, *self._known) for link in sources[:_MAX_SOURCES] if isinstance(link, str)]
        if links:
            more = " · …" if len(sources) > _MAX_SOURCES else ""
            yield Notice(_("sources: {links}", links=" · ".join(links) + more))
        if self.finished or not (self.done or self._form == "document"):
            return
        if not self._begun:
            hint = _("check the base URL with %openclaw models status")
            raise ProtocolError(_("the answer has no choices"), hint=hint)
        yield from self._end("tool_calls" if self._calls else "stop")
        yield from self._note(_("the service gave no reason for the end"))

    def _document(self, text: str) -> Iterator[ChatEvent]:
        """One JSON document, or one a line."""
        try:
            yield from self._taken(self._chunk(_parse(text)))
        except ProtocolError:
            lines = [line.strip().removeprefix("data:").strip() for line in text.split("\n")]
            if self._begun or len(lines) == 1:
                raise
            for line in filter(None, lines):
                yield from self._stream(b"data: " + line.encode() + b"\n\n")

    # -- JSON --

    def _chunk(self, parsed: dict[str, Any], event: ServerEvent | None = None) -> Iterator[ChatEvent]:
        """The events of one chunk or document. The error in it is raised after what else it has."""
        choices = parsed.get("choices")
        failure: OpenClawError | None = None
        details = error_in(parsed, *self._known)
        if event is not None and event.event == "error":
            details = details or ErrorDetails("the service reported an error without a reason")
        if details is not None:
            failure = self._error_for(_status_in(event.comment if event else ""), details)
        self._sources = parsed.get("citations") or self._sources
        usage = parsed.get("usage", object_of(parsed.get("x_groq")).get("usage"))
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and (yield from self._is_read(choice)):
                failure = (yield from self._choice_events(choice)) or failure
                usage = choice.get("usage") or usage
        if failure is None:
            yield from self._answered_by(parsed.get("model"))
        if isinstance(usage, dict) and (failure is None or self._said):  # else another route may be tried
            yield UsageReport(read_usage(usage, self._cache))
        if failure is not None:
            raise failure

    def _is_read(self, choice: Mapping[str, Any]) -> Generator[ChatEvent, None, bool]:
        """Whether `choice` is the one that is read, the first; the others are noted."""
        index = choice.get("index") or 0
        if self._choice is None:
            self._choice = index
        if index == self._choice:
            return True
        yield from self._note(_("further choices of the answer are not shown"))
        return False

    def _choice_events(self, choice: Mapping[str, Any]) -> Generator[ChatEvent, None, OpenClawError | None]:
        """The events of a choice; returns the error in it."""
        reason = finish_reason(choice.get("finish_reason"), *self._known)
        delta = choice.get("delta")
        message = choice.get("message")
        if not isinstance(delta, dict):  # a whole message; at the end of a stream it repeats what was said
            delta = message if isinstance(message, dict) and not self._said else {}
        self._begun = self._begun or isinstance(message, dict) or "delta" in choice or bool(reason)
        if reason == "error_finish":  # the text of this chunk is an error message
            return self._error_for(None, error_in_text(delta.get("content"), *self._known))
        for event in self._message_events(delta, choice):
            self._said = True
            yield event
        if error := error_in({"error": choice.get("error")}, *self._known):
            return self._error_for(None, error)
        if reason:
            yield from self._end(reason)
        return None

    def _message_events(self, message: Mapping[str, Any], choice: Mapping[str, Any]) -> Iterator[ChatEvent]:
        texts, thoughts = Parts(), Parts()
        texts.add(message.get("content") if message.get("content") is not None else choice.get("text"))
        for name in _REASONING:
            if not thoughts.text + thoughts.thinking:
                thoughts.add(message.get(name))
        reasoning = thoughts.text + thoughts.thinking or texts.thinking
        if reasoning:
            yield ReasoningDelta(reasoning)
        refusal = text_of(message.get("refusal")) + texts.refusal
        self._refused = self._refused or bool(refusal)
        if texts.text + refusal:
            yield TextDelta(texts.text + refusal)
        calls = message.get("tool_calls")
        if not calls and isinstance(message.get("function_call"), dict):
            calls = [{"function": message["function_call"]}]
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                yield tool_call(call, position)
        if missing := texts.unknown | {name for name in _NOT_SHOWN if message.get(name)}:
            names = ", ".join(sorted(missing))
            yield from self._note(_("not shown of the answer: {names}", names=names))

    def _end(self, reason: str) -> Iterator[ChatEvent]:
        self.finished = True
        ending = ending_of(reason)
        if ending == "failed":
            self._failure = StreamBroken(
                _("the service ended the answer, its reason: {reason}", reason=reason),
                hint=_("run the cell again"),
            )
        else:
            self._failure = None
            yield Finished("refusal" if self._refused and ending == "complete" else reason)

    def _answered_by(self, model: object) -> Iterator[ChatEvent]:
        self._last_model = model
        if isinstance(model, str) and model and self._model and model.lower() != self._model.lower():
            self._model = model
            yield AnsweredBy(server_text(model, *self._known)[:200])

    def _note(self, text: str) -> Iterator[ChatEvent]:
        if text not in self._notes:
            self._notes.append(text)
            yield ServiceNotice(text)

    # -- limits --

    def _taken(self, events: Iterator[ChatEvent]) -> Iterator[ChatEvent]:
        for event in events:
            self._count(event)
            yield from self._tags.feed(event)

    def _count(self, event: ChatEvent) -> None:
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                self._size += len(text)
            case ToolCallDelta(index, call_id, name, arguments):
                self._size += _MIN_CALL_SIZE + len(call_id) + len(name) + len(arguments)
                self._call_count += (index, call_id) not in self._calls
                self._calls |= {(index, call_id), (index, "")}
                if self._call_count > MAX_CALLS:
                    raise StreamBroken(
                        _(
                            "the model called more than {count} functions at once; stopped reading",
                            count=MAX_CALLS,
                        )
                    )
        if self._size > self._limit:
            raise self._too_long()

    def _too_long(self) -> StreamBroken:
        return StreamBroken(
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


def _decode_json(text: str) -> Any:
    """As `json.loads`, in a quarter of the time where the text is strict JSON: half a surrogate pair is not."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return json.loads(text)


def _parse(text: str) -> dict[str, Any]:
    try:
        parsed = _decode_json(text)
    except (ValueError, RecursionError):
        raise ProtocolError(_("the service sent something that is not JSON")) from None
    if isinstance(parsed, list) and len(parsed) == 1:  # some gateways wrap it
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        raise ProtocolError(_("the service sent JSON that is not an object"))
    return parsed


def _status_in(comment: str) -> int | None:
    """DashScope's native stream puts the status in a comment line, `:HTTP_STATUS/429`."""
    digits = comment.removeprefix("HTTP_STATUS/")
    return int(digits) if digits != comment and digits.isdecimal() and len(digits) == 3 else None
