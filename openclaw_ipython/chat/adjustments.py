"""Adjustments: how a request is changed when a host refuses a part of it that this package adds. Pure.

A refusal is recognised by what it names, whatever its status is. The table `ADJUSTMENTS` is the only place that knows
these parts. What the user gave as a request field (`-p`, `extra`) is never changed.

Sources: the refusals of OpenAI, Azure, vLLM, SGLang, TGI, llama.cpp, llama-cpp-python, LiteLLM, Ollama, Mistral, Groq,
Together, DeepSeek, Gemini and Model Studio (help "error-code") in public bug reports (2026-11).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.chat.completions import encode, joined_content, marked, parts_of
from openclaw_ipython.i18n import N_, _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatRequest

Body = dict[str, Any]
Change = Callable[[Body, Collection[str]], bool]
"""Changes a body in place and returns whether it did. It is given the names of the fields that are not the user's."""

REFUSAL_LENGTH = 4_000
"""Characters of a refusal that are searched."""

_UNKNOWN = (
    r"(unknown|unrecogni[sz]ed|unsupported|un?supported parameter|not supported|(does|do) not support|unexpected"
    r"|extra[_ ]forbidden|extra inputs|not permitted|not allowed|not accepted|additional propert)"
)
_NO_THINKING = r"(does|do) not support (thinking|reasoning)"


class Adjustment(Struct, frozen=True):
    """One change. `name` is remembered for the host, `refusal` a pattern of what the host says.

    `note` tells the user; a `lasting` one concerns an option of the user and comes with every answer, another one
    once. Of the adjustments with the same `part`, one is made after a refusal. `whole_host`: it holds for all models of
    the host. `dialect` is the name of the only dialect it is for.
    """

    name: str
    refusal: str
    change: Change
    note: str = ""
    part: str = ""
    lasting: bool = False
    whole_host: bool = False
    dialect: str = ""


# -- the changes ---------------------------------------------------------------------------


def _leaves_out(field: str) -> Change:
    def change(body: Body, ours: Collection[str]) -> bool:
        return field in ours and body.pop(field, None) is not None

    return change


def _thinks(value: bool, *, unstreamed: bool = False) -> Change:
    def change(body: Body, ours: Collection[str]) -> bool:
        mine = "enable_thinking" not in body or "enable_thinking" in ours
        if not mine or body.get("enable_thinking") is value or (unstreamed and body["stream"]):
            return False
        for field in {"thinking_budget", "reasoning_effort"} & set(ours):
            body.pop(field, None)
        body["enable_thinking"] = value
        return True

    return change


def _streamed(value: bool) -> Change:
    def change(body: Body, ours: Collection[str]) -> bool:
        if "stream" not in ours or body["stream"] is value:
            return False
        body["stream"] = value
        if value:
            body.setdefault("stream_options", {"include_usage": True})
        elif "stream_options" in ours:
            body.pop("stream_options", None)
        return True

    return change


def _renames_limit(body: Body, ours: Collection[str]) -> bool:
    if "max_tokens" not in ours or "max_tokens" not in body:
        return False
    body.setdefault("max_completion_tokens", body.pop("max_tokens"))
    return True


def _drops_own_limit(body: Body, ours: Collection[str]) -> bool:
    """Without the limit of a request for which the limit does not matter."""
    limits = {"max_tokens", "max_completion_tokens"} & set(body)
    if "own max_tokens" not in ours or not limits:
        return False
    for field in limits:
        del body[field]
    return True


def _json_object(body: Body, ours: Collection[str]) -> bool:
    if "response_format" not in ours or body.get("response_format", {}).get("type") != "json_schema":
        return False
    body["response_format"] = {"type": "json_object"}
    return True


def _fills_content(body: Body, _ours: Collection[str]) -> bool:
    empty = [message for message in body["messages"] if message.get("content") is None]
    for message in empty:
        message["content"] = ""
    return bool(empty)


def _without_reasoning(body: Body, _ours: Collection[str]) -> bool:
    holders = [message for message in body["messages"] if "reasoning_content" in message]
    for message in holders:
        del message["reasoning_content"]
    return bool(holders)


def _system_first(body: Body, _ours: Collection[str]) -> bool:
    """One system message, in front."""
    system = [m for m in body["messages"] if m["role"] == "system"]
    if not system or body["messages"][: len(system)] == system[:1]:
        return False
    rest = [m for m in body["messages"] if m["role"] != "system"]
    body["messages"] = [{"role": "system", "content": joined_content(m["content"] for m in system)}, *rest]
    return True


def _system_in_user(body: Body, _ours: Collection[str]) -> bool:
    """The system text in front of the first user message, and no two user messages in a row."""
    system = [m["content"] for m in body["messages"] if m["role"] in {"system", "developer"}]
    turns: list[Body] = []
    for message in body["messages"]:
        if message["role"] in {"system", "developer"}:
            continue
        if message["role"] == "user" and turns and turns[-1]["role"] == "user":
            turns[-1] = {**message, "content": joined_content([turns[-1]["content"], message["content"]])}
        else:
            turns.append(message)
    if system:
        at = next((n for n, m in enumerate(turns) if m["role"] == "user"), len(turns))
        first = turns.pop(at)["content"] if at < len(turns) else ""
        turns.insert(at, {"role": "user", "content": joined_content([*system, first])})
    changed = len(turns) != len(body["messages"])
    body["messages"] = turns
    return changed


def _short_call_ids(body: Body, _ours: Collection[str]) -> bool:
    """Ids of tool calls of nine letters and digits, the only ones that Mistral's chat template takes."""
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    answers = [message for message in body["messages"] if "tool_call_id" in message]
    for holder, name in [
        *((call, "id") for call in calls),
        *((answer, "tool_call_id") for answer in answers),
    ]:
        holder[name] = hashlib.sha256(holder[name].encode("utf-8", "surrogatepass")).hexdigest()[:9]
    return bool(calls or answers)


def _without_tools(body: Body, _ours: Collection[str]) -> bool:
    """Without the functions, in the last round of a tool loop, which says `tool_choice: "none"`."""
    if body.get("tool_choice") != "none":
        return False
    del body["tool_choice"]
    body.pop("tools", None)
    return True


def _without_marks(body: Body, _ours: Collection[str]) -> bool:
    """Without marks for the prompt cache; text in parts, which only the marks needed, as one text again."""
    contents = [message for message in body["messages"] if isinstance(message.get("content"), list)]
    parts = [part for message in contents for part in message["content"]]
    *others, last = body.get("tools") or ({},)
    if not any("cache_control" in part for part in (*parts, last)):
        return False
    for part in parts:
        part.pop("cache_control", None)
    for message in contents:
        if all(part.get("type") == "text" for part in message["content"]):
            message["content"] = "".join(part["text"] for part in message["content"])
    if "cache_control" in last:  # the tools are those of the request, which stay as they are
        body["tools"] = [*others, {name: value for name, value in last.items() if name != "cache_control"}]
    return True


def _begins_with_mark(body: Body, _ours: Collection[str]) -> bool:
    """A system message with a mark for the prompt cache in front, which is empty if there was none."""
    first = body["messages"][0] if body["messages"] else {}
    if first.get("role") != "system":
        first = {"role": "system", "content": ""}
        body["messages"] = [first, *body["messages"]]
    if any("cache_control" in part for part in parts_of(first["content"])):
        return False
    body["messages"][0] = {**first, "content": marked(first["content"])}
    return True


# -- the table -----------------------------------------------------------------------------

_WITHOUT = N_("asked again without {name}, which the service refuses")
_LEFT_OUT = N_("{name} was left out: this host does not take it")
_INSTEAD = N_("asked again with {name}, as the service wants it")
_RESPONSE_FORMAT = (
    r"response.?format|json[ _]mode|json[ _]schema|json[ _]object|structured[ _]output|guided[ _]|grammar"
)


def _thinking_option(field: str, refusal: str = "") -> Adjustment:
    refusal = refusal or rf"\b{field}\b"
    return Adjustment(field, rf"{refusal}|{_NO_THINKING}", _leaves_out(field), _LEFT_OUT, lasting=True)


def _sampling_option(field: str) -> Adjustment:
    words = rf"({_UNKNOWN}|only the default|only \S+ is allowed|deprecated|fixed)"
    refusal = rf"\b{field}\b.{{0,120}}{words}|{words}.{{0,120}}\b{field}\b"
    return Adjustment(field, refusal, _leaves_out(field), _LEFT_OUT, lasting=True)


ADJUSTMENTS: tuple[Adjustment, ...] = (
    Adjustment(
        "streamed", r"only supports? (the )?stream|\bstream\b.{0,40}(must be|should be|set to|needs? to be) .?true|"
        r"enable the stream parameter|stream(ing)? (mode )?(is )?required|non-?stream(ing)? .{0,40}not supported",
        _streamed(True), N_("streamed, since the service only answers so"), part="stream",
    ),
    Adjustment(
        "not streamed", r"\bstream(ing)?\b.{0,60}(not supported|unsupported|not available|not enabled|must be false)|"
        rf"{_UNKNOWN}.{{0,40}}\bstream(ing)?\b|verified to stream",
        _streamed(False), N_("not streamed, since the service does not stream this model"), part="stream",
    ),
    Adjustment(
        "stream_options", r"\bstream_options\b|\binclude_usage\b", _leaves_out("stream_options"), _WITHOUT,
        whole_host=True,
    ),
    Adjustment(
        "enable_thinking=true", r"enable_thinking.{0,80}must be (set to )?true", _thinks(True),
        N_("{model} answers only with thinking"), part="enable_thinking",
    ),
    Adjustment(
        "enable_thinking=false unstreamed", r"enable_thinking.{0,80}must be (set to )?false.{0,40}stream",
        _thinks(False, unstreamed=True), N_("{model} answers only without thinking"), part="enable_thinking",
    ),
    Adjustment(
        "enable_thinking=false", r"enable_thinking.{0,80}must be (set to )?false(?!.{0,40}stream)", _thinks(False),
        N_("{model} answers only without thinking"), part="enable_thinking",
    ),
    _thinking_option(
        "enable_thinking",
        rf"enable_thinking.{{0,80}}{_UNKNOWN}(?!.{{0,40}}stream)|{_UNKNOWN}.{{0,80}}enable_thinking(?! is )",
    ),
    *map(_thinking_option, ("thinking_budget", "reasoning_effort", "reasoning")),
    _thinking_option("chat_template_kwargs", r"\bchat_template"),
    Adjustment(
        "vl_high_resolution_images", r"vl_high_resolution_images", _leaves_out("vl_high_resolution_images"), _WITHOUT
    ),
    Adjustment(
        "max_completion_tokens",
        rf"max_completion_tokens|\bmax_tokens\b.{{0,80}}{_UNKNOWN}|{_UNKNOWN}.{{0,80}}\bmax_tokens\b",
        _renames_limit, _INSTEAD, part="max_tokens",
    ),
    Adjustment(
        "no max_tokens", r"max_(completion_|output_)?tokens|output limit", _drops_own_limit, part="max_tokens"
    ),
    Adjustment("json_object", _RESPONSE_FORMAT, _json_object, _INSTEAD, part="response_format"),
    Adjustment(
        "response_format", _RESPONSE_FORMAT, _leaves_out("response_format"), _WITHOUT, part="response_format"
    ),
    Adjustment(
        "cache_control", r"cache_control|\bcontent\b.{0,100}(valid string|a string|string type|str_type)",
        _without_marks, _WITHOUT,
    ),
    Adjustment(
        "empty content",
        r"nonetype|\bnull\b|\bcontent\b.{0,100}(none|required|missing|valid string|a string|string type|str_type)|"
        r"(none|missing|required|expected|valid string).{0,60}\bcontent\b",
        _fills_content, whole_host=True,
    ),
    Adjustment("reasoning_content", r"reasoning_content(?!.{0,60}(missing|must be passed|required))",
               _without_reasoning, part="turns"),
    Adjustment(
        "system first", r"system (message|role|prompt).{0,40}(beginning|first|start)", _system_first, part="system"
    ),
    Adjustment(
        "no system role",
        rf"system.?(role|message|prompt|instruction).{{0,60}}{_UNKNOWN}|{_UNKNOWN}.{{0,60}}\bsystem\b|"
        r"\brole\b.{0,60}\bsystem\b|only user and assistant roles|roles must alternate|"
        r"developer instruction is not enabled",
        _system_in_user, N_("{model} takes no system message: its text is in the question"), part="system",
    ),
    Adjustment("short call ids", r"tool.?call.?id.{0,80}(length|a-z|alphanumeric)", _short_call_ids),
    Adjustment("tool_choice", r"tool_choice", _without_tools, _WITHOUT),
    *map(_sampling_option, ("temperature", "top_p")),
    Adjustment("begins with a mark", r"bad request", _begins_with_mark, dialect="portal"),
)  # fmt: skip

ADJUSTMENT_NAMES = frozenset(adjustment.name for adjustment in ADJUSTMENTS)
_OF_HOST = frozenset(adjustment.name for adjustment in ADJUSTMENTS if adjustment.whole_host)


class AdjustedRequest:
    """A request as it is sent: its `body`, with the adjustments in `known`, and those that `revise` adds.

    `learned` are the names of the added ones. `headers` are those of the request.
    """

    def __init__(self, request: ChatRequest, known: Collection[str] = (), dialect: str = "") -> None:
        self.headers = request.headers
        self._request = request
        self._dialect = dialect
        self._known = frozenset(known)
        self.learned: list[str] = []
        # the fields that this package added, and the properties of its own that it may take back
        fields = {"stream", "stream_options", "max_tokens", "temperature", "top_p"} - set(request.extra)
        limit = {"own max_tokens"} if "max_tokens" in request.optional else set()
        self._ours = frozenset(fields | request.optional | limit)
        self.body, self._made = self._adjusted()

    def revise(self, refusal: str) -> bool:
        """Change the body as a refusal demands; False when it names nothing that can be changed."""
        text = " ".join(refusal[:REFUSAL_LENGTH].lower().split())
        body, _made = self._adjusted()
        parts: set[str] = set()
        added = []
        for adjustment in ADJUSTMENTS:
            part = adjustment.part or adjustment.name
            done = part in parts or adjustment.name in self._known or adjustment.name in self.learned
            if (
                done
                or adjustment.dialect not in {"", self._dialect}
                or not re.search(adjustment.refusal, text)
            ):
                continue
            if adjustment.change(body, self._ours):
                parts.add(part)
                added.append(adjustment.name)
        self.learned += added
        self.body, self._made = self._adjusted()
        return bool(added)

    def notes(self) -> list[str]:
        """What the user is told about the request as it was sent."""
        told = [a for a in self._made if a.note and (a.lasting or a.name in self.learned)]
        if "response_format" not in self.body:  # a later adjustment took it back altogether
            told = [a for a in told if a.name != "json_object"]
        shown = {"json_object": 'response_format "json_object"'}
        return [_(a.note, name=shown.get(a.name, a.name), model=self._request.model) for a in told]

    def _adjusted(self) -> tuple[Body, list[Adjustment]]:
        body = encode(self._request)
        if not self._known and not self.learned:
            return body, []
        names = self._known.union(self.learned)
        return body, [a for a in ADJUSTMENTS if a.name in names and a.change(body, self._ours)]


class HostMemory:
    """Which adjustments hosts have been found to need, by address and model."""

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], frozenset[str]] = {}

    def known(self, url: str, model: str) -> frozenset[str]:
        """The names of the adjustments for a model at an address."""
        return self._learned.get((url, ""), frozenset()) | self._learned.get((url, model), frozenset())

    def learn(self, url: str, model: str, names: Iterable[str]) -> None:
        """Remember that a request with these adjustments was accepted."""
        for name in names:
            key = (url, "" if name in _OF_HOST else model)
            self._learned[key] = self._learned.get(key, frozenset()) | {name}
