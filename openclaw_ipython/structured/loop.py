"""The tool loop: ask the model, run the functions it calls, ask again, and check the answer against a schema. Pure.

The loop is a generator. It yields what is to be done (`ModelRequest`, `ToolRun`), is sent the result, and returns the
merged reply. `runner` carries the steps out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace as struct_replace

from openclaw_ipython.chat.endings import ending_of, mark_of
from openclaw_ipython.chat.types import Message, Reply, ToolCall, Usage
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import json_value
from openclaw_ipython.structured.schema import Mismatch, Schema, schema_of
from openclaw_ipython.structured.text_calls import calls_in
from openclaw_ipython.structured.tools import BadArguments, Functions, Tool, Tools, tools_of

MAX_ROUNDS = 8
"""How many times the model may call functions before it has to answer."""

MAX_REPEATS = 2
"""How many times one function is run with the same arguments."""

_ANSWER_NOW = "\n\n(No further calls are possible. Answer now with what you know.)"
_CORRECTION = "That does not fit the JSON schema: {mismatch}\nAnswer again with only the JSON that fits it."
_MEND = (
    "The code was compared with the kernel it is for, and not run. In it does not exist: {finding}\n"
    "Answer again, whole, with code that uses what exists."
)


# -- steps and their results ---------------------------------------------------------------


class ModelRequest(Struct, frozen=True):
    """Send these messages; the loop is sent the Reply.

    `fields` are further request fields. `schema` is what the host may enforce in its own way; None: nothing.
    """

    messages: tuple[Message, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


class PlannedCall(Struct, frozen=True):
    """A call that the model wants. A non-empty `refusal` is sent to the model instead of running the call."""

    call: ToolCall
    tool: Tool | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""


class CallOutcome(Struct, frozen=True):
    """The result of a call: the text for the model, and whether it describes an error.

    `images` are shown to the model as well: their data URLs.
    """

    text: str
    failed: bool = False
    images: tuple[str, ...] = ()


class ToolRun(Struct, frozen=True):
    """Run these calls; the loop is sent one CallOutcome for each, in order."""

    calls: tuple[PlannedCall, ...]


Step = ModelRequest | ToolRun
ToolLoop = Generator[Step, Any, Reply]


# -- the loop ------------------------------------------------------------------------------


def tool_loop(
    messages: Sequence[Message],
    schema: Any = None,
    tools: Functions = (),
    max_rounds: int = MAX_ROUNDS,
    max_repeats: int = MAX_REPEATS,
    *,
    reads_images: Callable[[str], bool] = lambda model: False,
    misfits: Callable[[Reply], str] = lambda reply: "",
) -> ToolLoop:
    """The steps to an answer, with `tools` offered to the model, that fits `schema` (see `schema_of`; None: any text).

    `reads_images` tells whether a model is known to read images; pictures in results are sent to no other. `misfits`
    says what in the code of an answer does not exist, which is then asked for once more.
    Raises UsageError for an unusable schema or function. The loop raises TooManyRounds, and SchemaMismatch when a
    second answer does not fit either; the `reply` of both is the answer.
    """
    wanted = schema_of(schema) if schema is not None else None
    return _steps(messages, tools_of(tools), wanted, _Limits(max_rounds, max_repeats, reads_images, misfits))


class _Limits(Struct, frozen=True):
    rounds: int
    repeats: int
    reads_images: Callable[[str], bool]
    misfits: Callable[[Reply], str]


def _steps(messages: Sequence[Message], tools: Tools, schema: Schema | None, limits: _Limits) -> ToolLoop:
    replies: list[Reply] = []
    if schema is not None:
        messages = (Message("system", schema.instruction), *messages)
    turns = yield from _until_answered(list(messages), tools, schema, limits, replies)
    complete = ending_of(replies[-1].finish_reason) == "complete"
    if schema is None:
        reply = merge_replies(replies)
        finding = limits.misfits(reply) if complete else ""
        if not finding:
            return reply
        correction = _MEND.format(finding=finding)
    else:
        try:
            return _with_parsed(replies, schema)
        except Mismatch as mismatch:
            if not complete:
                raise _schema_error(replies, mismatch) from None
            correction = _CORRECTION.format(mismatch=mismatch)
    turns += [_assistant_turn(replies[-1]), Message("user", correction)]
    replies.append((yield _request(turns, tools, schema, answer=True)))
    if schema is None:
        return merge_replies(replies)
    try:
        return _with_parsed(replies, schema)
    except Mismatch as mismatch:
        raise _schema_error(replies, mismatch) from None


def _until_answered(
    turns: list[Message], tools: Tools, schema: Schema | None, limits: _Limits, replies: list[Reply]
) -> Generator[Step, Any, list[Message]]:
    """The rounds until the model answers. Every reply is added to `replies`. Returns the turns before the answer."""
    seen: dict[tuple[str, str], int] = {}
    for number in range(limits.rounds + 1):
        reply: Reply = yield _request(turns, tools, schema, answer=number == limits.rounds)
        if tools and not reply.tool_calls:
            reply = _changed(reply, tool_calls=calls_in(reply, tools))
        reply = _with_call_ids(reply, number)
        replies.append(reply)
        # The arguments of a call in a reply that was cut off may be incomplete.
        if not tools or not reply.tool_calls or ending_of(reply.finish_reason) != "complete":
            return turns
        if number == limits.rounds:
            break
        planned = tuple(_plan(call, tools, seen, limits.repeats) for call in reply.tool_calls)
        outcomes: Sequence[CallOutcome] = yield ToolRun(planned)
        if any(outcome.images for outcome in outcomes) and not limits.reads_images(reply.model):
            outcomes = [
                struct_replace(outcome, text=f"{outcome.text} (You cannot see it.)", images=())
                if outcome.images
                else outcome
                for outcome in outcomes
            ]
        suffix = _ANSWER_NOW if number == limits.rounds - 1 else ""
        turns += [_assistant_turn(reply), *_tool_turns(reply.tool_calls, outcomes, suffix)]
    raise TooManyRounds(
        _("the model called functions in {count} rounds and did not answer", count=limits.rounds),
        reply=merge_replies(replies),
        hint=_("ask for less at once, or offer fewer functions"),
    )


def _request(turns: Sequence[Message], tools: Tools, schema: Schema | None, *, answer: bool) -> ModelRequest:
    """The next request. With `answer` no function may be called; earlier calls are valid only with these declared."""
    fields: dict[str, Any] = {"tools": [tool.spec for tool in tools.values()]} if tools else {}
    if tools and answer:
        fields["tool_choice"] = "none"
    return ModelRequest(tuple(turns), fields, schema.for_request if schema else None)


def _with_call_ids(reply: Reply, number: int) -> Reply:
    """The reply with a unique id for each call: some services send empty or equal ids."""
    ids = [call.id for call in reply.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return reply
    calls = (replace(call, id=f"call_{number}_{at}") for at, call in enumerate(reply.tool_calls, 1))
    return _changed(reply, tool_calls=tuple(calls))


def _plan(call: ToolCall, tools: Tools, seen: dict[tuple[str, str], int], max_repeats: int) -> PlannedCall:
    tool = tools.get(call.name)
    if tool is None:
        return PlannedCall(
            call, refusal=f"There is no function {call.name!r}. There are: {', '.join(tools)}."
        )
    parsed = json_value(call.arguments, call.arguments.strip())
    key = (call.name, json.dumps(parsed, sort_keys=True))
    seen[key] = seen.get(key, 0) + 1
    if seen[key] > max_repeats:
        refusal = "You have called this with the same arguments before; use the result you have."
        return PlannedCall(call, tool, refusal=refusal)
    try:
        args, kwargs = tool.arguments(call.arguments)
    except BadArguments as error:
        return PlannedCall(call, tool, refusal=str(error))
    return PlannedCall(call, tool, args, kwargs)


def _assistant_turn(reply: Reply) -> Message:
    """The model's own turn, for the next request. Services refuse invalid JSON in it: such arguments become `{}`."""
    calls = tuple(
        call if isinstance(json_value(call.arguments), dict) else replace(call, arguments="{}")
        for call in reply.tool_calls
    )
    return Message("assistant", str(reply), reasoning=reply.reasoning, tool_calls=calls)


def _tool_turns(calls: Sequence[ToolCall], outcomes: Sequence[CallOutcome], suffix: str) -> list[Message]:
    turns = [
        Message("tool", _content(outcome), tool_call_id=call.id)
        for call, outcome in zip(calls, outcomes, strict=True)
    ]
    if suffix:
        last = _content(struct_replace(outcomes[-1], text=f"{outcomes[-1].text}{suffix}"))
        turns[-1] = replace(turns[-1], content=last)
    return turns


def _content(outcome: CallOutcome) -> str | list[Mapping[str, Any]]:
    if not outcome.images:
        return outcome.text
    text: Mapping[str, Any] = {"type": "text", "text": outcome.text}
    return [text, *({"type": "image_url", "image_url": {"url": url}} for url in outcome.images)]


# -- the schema ----------------------------------------------------------------------------


def _with_parsed(replies: Sequence[Reply], schema: Schema) -> Reply:
    return merge_replies(replies, parsed=schema.validate(str(replies[-1])))


def _schema_error(replies: Sequence[Reply], mismatch: Mismatch) -> SchemaMismatch:
    mark = mark_of(replies[-1].finish_reason)
    return SchemaMismatch(
        _("the answer does not fit the schema{mark}: {why}", mark=f" ({mark})" if mark else "", why=mismatch),
        reply=merge_replies(replies),
        hint=_("the error's `reply` is the answer as it came; in a notebook also `_qwen`"),
    )


# -- several replies → one -----------------------------------------------------------------


def merge_replies(replies: Sequence[Reply], **changes: Any) -> Reply:
    """One reply for all rounds: the text of the last, all calls and thinking, the sums of seconds and tokens."""
    last = replies[-1]
    before = sum(reply.seconds for reply in replies[:-1])
    first_text = replies[0].first_text
    if first_text is None and last.first_text is not None:
        first_text = before + last.first_text
    merged: dict[str, Any] = {
        "reasoning": "\n\n".join(r.reasoning for r in replies if r.reasoning),
        "usage": _total([reply.usage for reply in replies]),
        "tool_calls": tuple(call for reply in replies for call in reply.tool_calls),
        "seconds": before + last.seconds,
        "first_text": first_text,
    }
    return _changed(last, **{**merged, **changes})


def _total(usages: Sequence[Usage | None]) -> Usage | None:
    """The sum of each count over the rounds that report it; None for a count that none reports."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    totals: dict[str, Any] = {"upper_bound": any(usage.upper_bound for usage in known)}
    for counted in (each for each in fields(Usage) if each.name not in totals):
        counts = [count for usage in known if (count := getattr(usage, counted.name)) is not None]
        totals[counted.name] = sum(counts) if counts else None
    return Usage(**totals)


def _changed(reply: Reply, **changes: Any) -> Reply:
    return Reply(str(reply), **{**vars(reply), **changes})
