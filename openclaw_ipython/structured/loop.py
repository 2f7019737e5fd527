"""An answer in several rounds, as a generator of steps: functions called in between, an answer that does not fit. Pure.

The generator yields what it wants done (`Ask`, `Run`) and is sent the outcome; whoever carries the steps out (a cell, a
client, a test) owns network, threads and screen. What it returns is the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from openclaw_ipython.chat.types import Message, Reply, ToolCall, Usage
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds
from openclaw_ipython.i18n import _
from openclaw_ipython.structured.schema import Mismatch, Schema
from openclaw_ipython.structured.tools import BadArguments, Tool, Tools

MOST_ROUNDS = 8
"""How often the model may call functions before it has to answer."""

MOST_REPEATS = 2
"""How often the same function is run with the same arguments."""

_ENOUGH = "\n\n(No further calls are possible. Answer now with what you know.)"


# -- steps and what is sent back -----------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """Send these messages; sent back: the Reply. `fields` are further request fields.

    `schema` is what the host may hold the answer to, in its own way; None where it must not.
    """

    messages: tuple[Message, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Planned:
    """A call the model wants. `told` is not empty where it cannot be run: what the model is told instead."""

    call: ToolCall
    tool: Tool | None = None
    places: tuple[Any, ...] = ()
    names: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the text the model is told, and whether that is about an error."""

    text: str
    failed: bool = False


@dataclass(frozen=True)
class Run:
    """Run the calls that can be run; sent back: a sequence of Outcomes, one for each call, in order."""

    calls: tuple[Planned, ...]


Step = Ask | Run
Rounds = Generator[Step, Any, Reply]


# -- the course of an answer ---------------------------------------------------------------


def rounds(
    messages: Sequence[Message],
    *,
    tools: Tools | None = None,
    schema: Schema | None = None,
    most: int = MOST_ROUNDS,
) -> Rounds:
    """Ask, run what is called and ask again, until there is an answer, which then has to fit `schema`.

    Raises TooManyRounds, and SchemaMismatch when a second answer does not fit either; both keep the answer.
    """
    said: list[Reply] = []
    if schema is not None:
        messages = (Message("system", schema.instruction), *messages)
    spoken = yield from _with_tools(list(messages), tools or {}, schema, most, said)
    if schema is None:
        return merged(said)
    try:
        return _fitting(said, schema)
    except Mismatch as mismatch:
        if said[-1].finish_reason in _CUT:
            raise _unfit(said, mismatch) from None
        spoken += [_turn(said[-1]), Message("user", _repair(mismatch))]
    said.append((yield Ask(tuple(spoken), _silent(tools), schema.named)))
    try:
        return _fitting(said, schema)
    except Mismatch as mismatch:
        raise _unfit(said, mismatch) from None


_CUT = {"length", "max_tokens", "content_filter"}


def _with_tools(
    spoken: list[Message], tools: Tools, schema: Schema | None, most: int, said: list[Reply]
) -> Generator[Step, Any, list[Message]]:
    """The rounds until the model answers; `said` takes every reply. Returns all that was spoken before the answer."""
    offered = {"tools": [tool.spec for tool in tools.values()]} if tools else {}
    seen: dict[tuple[str, str], int] = {}
    for number in range(most + 1):
        asked = {**offered, "tool_choice": "none"} if number == most else offered
        reply: Reply = yield Ask(tuple(spoken), asked, schema.named if schema else None)
        reply = _identified(reply, number)
        said.append(reply)
        # A call that was cut off would be run with half of its arguments.
        if not tools or not reply.tool_calls or reply.finish_reason in _CUT:
            return spoken
        if number == most:
            break
        planned = tuple(_planned(call, tools, seen) for call in reply.tool_calls)
        outcomes: Sequence[Outcome] = yield Run(planned)
        last = _ENOUGH if number == most - 1 else ""
        spoken += [_turn(reply), *_results(reply.tool_calls, outcomes, last)]
    raise TooManyRounds(
        _("the model called functions in {count} rounds and did not answer", count=most),
        reply=merged(said),
        hint=_("ask for less at once, or offer fewer functions"),
    )


def _identified(reply: Reply, number: int) -> Reply:
    """Calls with an id each: some services leave them empty, or give all the same."""
    ids = [call.id for call in reply.tool_calls]
    if all(ids) and len(set(ids)) == len(ids):
        return reply
    calls = (replace(call, id=f"call_{number}_{at}") for at, call in enumerate(reply.tool_calls, 1))
    return _copied(reply, tool_calls=tuple(calls))


def _planned(call: ToolCall, tools: Tools, seen: dict[tuple[str, str], int]) -> Planned:
    tool = tools.get(call.name)
    if tool is None:
        return Planned(call, told=f"There is no function {call.name!r}. There are: {', '.join(tools)}.")
    same = (call.name, _canonical(call.arguments))
    seen[same] = seen.get(same, 0) + 1
    if seen[same] > MOST_REPEATS:
        return Planned(
            call, tool, told="You have called this with the same arguments before; use the result you have."
        )
    try:
        places, names = tool.arguments(call.arguments)
    except BadArguments as error:
        return Planned(call, tool, told=str(error))
    return Planned(call, tool, places, names)


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments.strip()


def _turn(reply: Reply) -> Message:
    """The model's own turn, to be sent back. Arguments that are not JSON would be refused: they are left out."""
    calls = tuple(replace(call, arguments=_sendable(call.arguments)) for call in reply.tool_calls)
    return Message("assistant", str(reply), reasoning=reply.reasoning, tool_calls=calls)


def _sendable(arguments: str) -> str:
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def _results(calls: Sequence[ToolCall], outcomes: Sequence[Outcome], last: str) -> list[Message]:
    turns = [
        Message("tool", outcome.text, tool_call_id=call.id)
        for call, outcome in zip(calls, outcomes, strict=True)
    ]
    turns[-1] = replace(turns[-1], content=f"{turns[-1].content}{last}")
    return turns


# -- an answer that fits -------------------------------------------------------------------


def _fitting(said: Sequence[Reply], schema: Schema) -> Reply:
    return merged(said, parsed=schema.validate(str(said[-1])))


def _repair(mismatch: Mismatch) -> str:
    return f"That does not fit the JSON schema: {mismatch}\nAnswer again with only the JSON that fits it."


def _silent(tools: Tools | None) -> dict[str, Any]:
    """While an answer is repaired nothing is called; what was called before still has to be explained to the host."""
    if not tools:
        return {}
    return {"tools": [tool.spec for tool in tools.values()], "tool_choice": "none"}


def _unfit(said: Sequence[Reply], mismatch: Mismatch) -> SchemaMismatch:
    cut = _(" (it was cut at the token limit)") if said[-1].finish_reason in {"length", "max_tokens"} else ""
    return SchemaMismatch(
        _("the answer does not fit the schema{cut}: {why}", cut=cut, why=mismatch),
        reply=merged(said),
        hint=_("the error's `reply` is the answer as it came; in a notebook also `_qwen`"),
    )


# -- several replies → one -----------------------------------------------------------------


def merged(replies: Sequence[Reply], **changes: Any) -> Reply:
    """One reply for all rounds: the text of the last one, all calls and thinking, the sums of time and tokens."""
    last = replies[-1]
    before = sum(reply.seconds for reply in replies[:-1])
    first = replies[0].first_text
    if first is None and last.first_text is not None:
        first = before + last.first_text
    whole: dict[str, Any] = {
        "reasoning": "\n\n".join(r.reasoning for r in replies if r.reasoning),
        "usage": _sum([reply.usage for reply in replies]),
        "tool_calls": tuple(call for reply in replies for call in reply.tool_calls),
        "seconds": before + last.seconds,
        "first_text": first,
    }
    return _copied(last, **{**whole, **changes})


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """All that was counted. What no service said of any round stays unknown."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    totals = {}
    for counted in fields(Usage):
        said = [count for usage in known if (count := getattr(usage, counted.name)) is not None]
        totals[counted.name] = sum(said) if said else None
    return Usage(**totals)


def _copied(reply: Reply, **changes: Any) -> Reply:
    return Reply(str(reply), **{**vars(reply), **changes})
