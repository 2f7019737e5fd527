"""Tool calls in the text of an answer."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.types import Finished, Message, ServiceNotice, TextDelta
from openclaw_ipython.structured.loop import tool_loop
from openclaw_ipython.structured.runner import stream_loop
from openclaw_ipython.structured.text_calls import calls_in
from openclaw_ipython.structured.tools import tools_of


def weather(city: str, days: int = 1, units: list[str] | None = None) -> str:
    """The weather."""


TOOLS = tools_of([weather])
CODER = (
    "<function=weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>"
)
HERMES = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("no call", []),
        (CODER, [{"city": "12", "days": 3}]),
        (f"I look.\n<tool_call>\n{CODER}\n</tool_call>", [{"city": "12", "days": 3}]),
        ('<function=weather><parameter=units>["C", "F"]</parameter></function>', [{"units": ["C", "F"]}]),
        ("<function=weather><parameter=days>many</parameter></function>", [{"days": "many"}]),
        ("<function=weather></function>", [{}]),
        ("<function=weather><parameter=city>\na\n\nb\n</parameter></function>", [{"city": "a\n\nb"}]),
        (HERMES, [{"city": "Oslo"}]),
        (HERMES + "\n" + HERMES, [{"city": "Oslo"}, {"city": "Oslo"}]),
        ("<function=example></function>", []),
        (f"Qwen writes:\n```xml\n{CODER}\n```", []),
        ("Qwen writes `<function=weather></function>`.", []),
        ("<function=weather><parameter=city>Oslo", []),
        ("<tool_call>{not JSON}</tool_call>", []),
        ('<tool_call>{"name": "weather", "arguments": "Oslo"}</tool_call>', []),
    ],
)
def test_calls_of_offered_functions_outside_of_code_are_found(text, calls):
    assert [json.loads(call.arguments) for call in calls_in(text, TOOLS)] == calls
    assert {call.name for call in calls_in(text, TOOLS)} <= {"weather"}


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("no call", False),
        ("<function=weather><parameter=city>Oslo", True),
        ("I look.\n<tool_call>{not JSON}</tool_call>", True),
        ("<function=other></function>", True),
        (f"Qwen writes:\n```xml\n{CODER}\n```", False),
        ("Qwen writes `<tool_call>`.", False),
    ],
)
def test_c12_a_call_that_is_not_understood_has_a_note_that_names_the_tool_parser(text, unread):
    loop = tool_loop([Message("user", "hi")], tools=[weather])

    async def ask():
        return [event async for event in stream_loop(loop, lambda _: ("m", answer(text)), lambda: 0.0)]

    async def answer(text):
        yield TextDelta(text)
        yield Finished("stop")

    notes = [event.text for event in asyncio.run(ask()) if isinstance(event, ServiceNotice)]
    assert ["tool parser" in note for note in notes] == [True] * unread


PIECES = [
    "<function=weather>",
    "</function>",
    "<parameter=city>",
    "</parameter>",
    "<tool_call>",
    "{",
    "}",
    "`",
    "\n",
    "x",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text_gives_calls_of_offered_functions_or_none(text):
    for call in calls_in(text, TOOLS):
        assert isinstance(json.loads(call.arguments), dict)


def test_hostile_text_takes_no_time():
    assert calls_in("<function=weather>" * 20_000, TOOLS) == ()
    assert calls_in("<tool_call>{" * 20_000, TOOLS) == ()
    assert len(calls_in("<function=weather>" + "<parameter=city>" * 20_000 + "</function>", TOOLS)) == 1
