"""The course of an answer in rounds: replies and outcomes are pushed in, nothing is sent and nothing is run."""

import dataclasses

import pytest

from openclaw_ipython.chat.completions import encode
from openclaw_ipython.chat.types import ChatRequest, Message, Reply, ToolCall, Usage
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds
from openclaw_ipython.practice.checks import Model, check
from openclaw_ipython.structured.loop import MOST_REPEATS, MOST_ROUNDS, Ask, Outcome, Run, merged, rounds
from openclaw_ipython.structured.schema import schema_of
from openclaw_ipython.structured.tools import tools_of

QUESTION = (Message("user", "How much is it?"),)


def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


def fail():
    """Never."""


TOOLS = tools_of([add, fail])


@dataclasses.dataclass
class Price:
    amount: float


PRICE = schema_of(Price)


def said(text: str = "", **options) -> Reply:
    return Reply(text, **options)


def calls(*pairs, text="", finish="tool_calls", **options) -> Reply:
    made = tuple(ToolCall(f"call_{at}", name, arguments) for at, (name, arguments) in enumerate(pairs, 1))
    return Reply(text, tool_calls=made, finish_reason=finish, **options)


class Course:
    """A generator of rounds, driven by hand."""

    def __init__(self, **options):
        self.steps = rounds(QUESTION, **options)
        self.step = next(self.steps)
        self.reply = None

    def send(self, outcome):
        try:
            self.step = self.steps.send(outcome)
        except StopIteration as end:
            self.step, self.reply = None, end.value
        return self.step

    def run(self, *outcomes):
        return self.send([Outcome(text) for text in outcomes])


def accepted(step: Ask) -> None:
    """The service would take what is asked."""
    body = encode(ChatRequest("coder-model", step.messages, extra=step.fields))
    check(body, {"coder-model": Model("coder-model")})


def test_an_answer_without_calls_is_the_answer():
    course = Course(tools=TOOLS)
    assert course.step.messages == QUESTION
    assert [tool["function"]["name"] for tool in course.step.fields["tools"]] == ["add", "fail"]
    course.send(said("Five."))
    assert course.reply == "Five."


def test_a_call_is_run_and_its_result_goes_back():
    course = Course(tools=TOOLS)
    step = course.send(calls(("add", '{"a": 2, "b": 3}')))
    assert isinstance(step, Run)
    assert (step.calls[0].tool.name, step.calls[0].names, step.calls[0].told) == ("add", {"a": 2, "b": 3}, "")
    step = course.run("5")
    assert step.messages == (
        *QUESTION,
        Message("assistant", "", tool_calls=(ToolCall("call_1", "add", '{"a": 2, "b": 3}'),)),
        Message("tool", "5", tool_call_id="call_1"),
    )
    accepted(step)
    course.send(said("It is 5."))
    assert course.reply == "It is 5."
    assert course.reply.tool_calls == (ToolCall("call_1", "add", '{"a": 2, "b": 3}'),)


def test_several_calls_at_once_are_run_at_once():
    course = Course(tools=TOOLS)
    step = course.send(calls(("add", '{"a": 2, "b": 3}'), ("add", '{"a": 4, "b": 3}')))
    assert len(step.calls) == 2
    step = course.run("5", "7")
    assert [m.content for m in step.messages if m.role == "tool"] == ["5", "7"]
    accepted(step)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("subtract", "{}", "no function 'subtract'. There are: add, fail"),
        ("add", '{"a": 2', "not JSON"),
        ("add", '{"a": 2}', "missing required field `b`"),
        ("add", "[2, 3]", "JSON object"),
    ],
)
def test_a_call_that_cannot_be_run_is_explained_to_the_model(name, arguments, told):
    course = Course(tools=TOOLS)
    step = course.send(calls((name, arguments)))
    assert told in step.calls[0].told
    step = course.run(step.calls[0].told)
    assert told in step.messages[-1].content
    accepted(step)


def test_arguments_that_are_no_json_are_not_sent_back():
    course = Course(tools=TOOLS)
    course.send(calls(("add", '{"a": 2'), ("add", "[1]"), ("add", '{"a": 1, "b": 1}')))
    step = course.run("x", "y", "z")
    turn = step.messages[len(QUESTION)]
    assert [call.arguments for call in turn.tool_calls] == ["{}", "{}", '{"a": 1, "b": 1}']


def test_the_same_call_is_not_run_a_third_time():
    course = Course(tools=TOOLS)
    for spelled in ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', '{ "a": 1,"b": 2 }'):
        step = course.send(calls(("add", spelled)))
        told = step.calls[0].told
        course.run(told or "3")
    assert MOST_REPEATS == 2
    assert "same arguments" in told
    assert course.send(calls(("add", '{"a": 1, "b": 3}'))).calls[0].told == ""


def test_calls_without_ids_of_their_own_get_some():
    course = Course(tools=TOOLS)
    both = tuple(ToolCall("", "fail", "{}") for _ in range(2))
    step = course.send(Reply("", tool_calls=both, finish_reason="tool_calls"))
    ids = [planned.call.id for planned in step.calls]
    assert len(set(ids)) == 2
    assert all(ids)
    step = course.run("a", "b")
    assert [m.tool_call_id for m in step.messages if m.role == "tool"] == ids
    accepted(step)


def test_a_call_that_was_cut_off_is_not_run():
    course = Course(tools=TOOLS)
    course.send(calls(("add", '{"a": 1, "b": 2}'), finish="length"))
    assert course.reply.finish_reason == "length"
    assert len(course.reply.tool_calls) == 1


def test_after_eight_rounds_the_model_has_to_answer():
    course = Course(tools=TOOLS)
    for number in range(MOST_ROUNDS):
        assert "tool_choice" not in course.step.fields
        course.send(calls(("add", f'{{"a": 1, "b": {number}}}')))
        course.run("1")
    assert course.step.fields["tool_choice"] == "none"
    assert "Answer now" in course.step.messages[-1].content
    accepted(course.step)
    course.send(said("So be it."))
    assert course.reply == "So be it."
    assert len(course.reply.tool_calls) == MOST_ROUNDS


def test_a_model_that_does_not_stop_is_stopped():
    course = Course(tools=TOOLS, most=1)
    course.send(calls(("add", '{"a": 1, "b": 2}')))
    course.run("3")
    with pytest.raises(TooManyRounds, match="1 round") as caught:
        course.send(calls(("fail", "{}"), text="Let me see"))
    assert caught.value.reply == "Let me see"


def test_calls_that_nobody_offered_are_left_alone():
    course = Course(schema=None)
    course.send(calls(("add", "{}"), text="?"))
    assert course.reply == "?"


# -- schemas --


def test_the_schema_is_said_in_words_and_handed_to_the_host():
    course = Course(schema=PRICE)
    assert course.step.messages == (Message("system", PRICE.instruction), *QUESTION)
    assert course.step.schema == PRICE.named
    course.send(said('{"amount": 3}'))
    assert (course.reply, course.reply.parsed) == ('{"amount": 3}', Price(3))


def test_an_answer_that_does_not_fit_is_asked_for_once_more():
    course = Course(schema=PRICE)
    step = course.send(said('{"amount": "much"}', reasoning="Hm."))
    assert step.messages[-2] == Message("assistant", '{"amount": "much"}', "Hm.")
    assert "$.amount" in step.messages[-1].content
    assert step.messages[-1].role == "user"
    assert step.schema == PRICE.named
    accepted(step)
    course.send(said('{"amount": 4}'))
    assert course.reply.parsed == Price(4)


def test_a_second_mismatch_is_an_error_that_keeps_the_answer():
    course = Course(schema=PRICE)
    course.send(said("Much.", usage=Usage(1, 2)))
    with pytest.raises(SchemaMismatch, match="no JSON") as caught:
        course.send(said("Very much.", usage=Usage(3, 4)))
    assert caught.value.reply == "Very much."
    assert caught.value.reply.usage == Usage(4, 6)
    assert "reply" in caught.value.hint


def test_an_answer_that_was_cut_off_is_not_asked_for_again():
    course = Course(schema=PRICE)
    with pytest.raises(SchemaMismatch, match="cut at the token limit"):
        course.send(said('{"amou', finish_reason="length"))


def test_with_functions_the_answer_after_them_has_to_fit():
    course = Course(tools=TOOLS, schema=PRICE)
    course.send(calls(("add", '{"a": 1, "b": 2}')))
    course.run("3")
    step = course.send(said("Three."))
    assert step.fields["tool_choice"] == "none"
    accepted(step)
    course.send(said('{"amount": 3}'))
    assert course.reply.parsed == Price(3)
    assert len(course.reply.tool_calls) == 1


# -- several replies --


def test_a_reply_of_several_rounds_has_the_sums():
    first = said("Let me see.", reasoning="a", usage=Usage(10, 2, None, 1), seconds=1.0, first_text=0.5)
    second = said("5", reasoning="b", usage=Usage(20, 3, 4, None), seconds=2.0, first_text=0.1, model="p/m")
    both = merged([first, second])
    assert both == "5"
    assert (both.reasoning, both.seconds, both.first_text, both.model) == ("a\n\nb", 3.0, 0.5, "p/m")
    assert both.usage == Usage(30, 5, 4, 1)
    assert merged([first], finish_reason="interrupted").finish_reason == "interrupted"


def test_the_first_text_counts_from_the_beginning():
    assert merged([said("", seconds=3.0), said("x", seconds=1.0, first_text=0.25)]).first_text == 3.25
    assert merged([said(""), said("x")]).usage is None
