"""The tool loop: replies and outcomes are sent to it by hand; no request is made and no function runs."""

import dataclasses

import pytest

from openclaw_ipython.chat.completions import encode
from openclaw_ipython.chat.types import ChatRequest, Message, Reply, ToolCall, Usage
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds
from openclaw_ipython.practice.requests import Model, check
from openclaw_ipython.structured.loop import (
    MAX_REPEATS,
    MAX_ROUNDS,
    CallOutcome,
    ModelRequest,
    ToolRun,
    merge_replies,
    tool_loop,
)
from openclaw_ipython.structured.schema import schema_of

QUESTION = (Message("user", "How much is it?"),)


def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


def fail():
    """Never."""


TOOLS = [add, fail]


@dataclasses.dataclass
class Price:
    amount: float


PRICE = schema_of(Price)


def answer(text: str = "", **options) -> Reply:
    return Reply(text, **options)


def calls(*pairs, text="", finish="tool_calls", **options) -> Reply:
    made = tuple(ToolCall(f"call_{at}", name, arguments) for at, (name, arguments) in enumerate(pairs, 1))
    return Reply(text, tool_calls=made, finish_reason=finish, **options)


class Loop:
    """A tool loop and its current step."""

    def __init__(self, **options):
        self.steps = tool_loop(QUESTION, **options)
        self.step = next(self.steps)
        self.reply = None

    def send(self, outcome):
        try:
            self.step = self.steps.send(outcome)
        except StopIteration as end:
            self.step, self.reply = None, end.value
        return self.step

    def run(self, *outcomes):
        return self.send([CallOutcome(text) for text in outcomes])


def accepted(step: ModelRequest) -> None:
    """Check that a service accepts the request."""
    body = encode(ChatRequest("coder-model", step.messages, extra=step.fields))
    check(body, {"coder-model": Model("coder-model")})


def test_an_answer_without_calls_is_the_answer():
    loop = Loop(tools=TOOLS)
    assert loop.step.messages == QUESTION
    assert [tool["function"]["name"] for tool in loop.step.fields["tools"]] == ["add", "fail"]
    loop.send(answer("Five."))
    assert loop.reply == "Five."


@pytest.mark.parametrize("sees", [True, False])
def test_a_picture_in_a_result_is_sent_to_a_model_that_reads_images(sees):
    asked = []
    loop = Loop(tools=TOOLS, reads_images=lambda model: asked.append(model) or sees)
    loop.send(calls(("add", '{"a": 2, "b": 3}'), ("fail", "{}"), model="p/m"))
    step = loop.send([CallOutcome("A picture.", images=("data:image/png;base64,AA==",)), CallOutcome("text")])
    picture, text = [message.content for message in step.messages[-2:]]
    assert asked == ["p/m"]
    assert text == "text"
    if sees:
        assert [part["type"] for part in picture] == ["text", "image_url"]
    else:
        assert picture == "A picture. (You cannot see it.)"


def test_a_call_is_run_and_its_result_is_sent_to_the_model():
    loop = Loop(tools=TOOLS)
    step = loop.send(calls(("add", '{"a": 2, "b": 3}')))
    assert isinstance(step, ToolRun)
    assert (step.calls[0].tool.name, step.calls[0].kwargs, step.calls[0].refusal) == (
        "add",
        {"a": 2, "b": 3},
        "",
    )
    step = loop.run("5")
    assert step.messages == (
        *QUESTION,
        Message("assistant", "", tool_calls=(ToolCall("call_1", "add", '{"a": 2, "b": 3}'),)),
        Message("tool", "5", tool_call_id="call_1"),
    )
    accepted(step)
    loop.send(answer("It is 5."))
    assert loop.reply == "It is 5."
    assert loop.reply.tool_calls == (ToolCall("call_1", "add", '{"a": 2, "b": 3}'),)


def test_several_calls_of_one_reply_are_one_step():
    loop = Loop(tools=TOOLS)
    step = loop.send(calls(("add", '{"a": 2, "b": 3}'), ("add", '{"a": 4, "b": 3}')))
    assert len(step.calls) == 2
    step = loop.run("5", "7")
    assert [m.content for m in step.messages if m.role == "tool"] == ["5", "7"]
    accepted(step)


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("subtract", "{}", "no function 'subtract'. There are: add, fail"),
        ("add", '{"a": 2', "not JSON"),
        ("add", '{"a": 2}', "missing required field `b`"),
        ("add", "[2, 3]", "JSON object"),
    ],
)
def test_a_call_that_cannot_be_run_is_explained_to_the_model(name, arguments, refusal):
    loop = Loop(tools=TOOLS)
    step = loop.send(calls((name, arguments)))
    assert refusal in step.calls[0].refusal
    step = loop.run(step.calls[0].refusal)
    assert refusal in step.messages[-1].content
    accepted(step)


def test_arguments_that_are_not_a_json_object_are_not_sent_back():
    loop = Loop(tools=TOOLS)
    loop.send(calls(("add", '{"a": 2'), ("add", "[1]"), ("add", '{"a": 1, "b": 1}')))
    step = loop.run("x", "y", "z")
    turn = step.messages[len(QUESTION)]
    assert [call.arguments for call in turn.tool_calls] == ["{}", "{}", '{"a": 1, "b": 1}']


def test_the_same_call_is_not_run_a_third_time():
    loop = Loop(tools=TOOLS)
    for spelled in ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', '{ "a": 1,"b": 2 }'):
        step = loop.send(calls(("add", spelled)))
        refusal = step.calls[0].refusal
        loop.run(refusal or "3")
    assert MAX_REPEATS == 2
    assert "same arguments" in refusal
    assert loop.send(calls(("add", '{"a": 1, "b": 3}'))).calls[0].refusal == ""


def test_calls_without_unique_ids_get_some():
    loop = Loop(tools=TOOLS)
    both = tuple(ToolCall("", "fail", "{}") for _ in range(2))
    step = loop.send(Reply("", tool_calls=both, finish_reason="tool_calls"))
    ids = [planned.call.id for planned in step.calls]
    assert len(set(ids)) == 2
    assert all(ids)
    step = loop.run("a", "b")
    assert [m.tool_call_id for m in step.messages if m.role == "tool"] == ids
    accepted(step)


def test_a_call_that_was_cut_off_is_not_run():
    loop = Loop(tools=TOOLS)
    loop.send(calls(("add", '{"a": 1, "b": 2}'), finish="length"))
    assert loop.reply.finish_reason == "length"
    assert len(loop.reply.tool_calls) == 1


def test_after_eight_rounds_the_model_has_to_answer():
    loop = Loop(tools=TOOLS)
    for number in range(MAX_ROUNDS):
        assert "tool_choice" not in loop.step.fields
        loop.send(calls(("add", f'{{"a": 1, "b": {number}}}')))
        loop.run("1")
    assert loop.step.fields["tool_choice"] == "none"
    assert "Answer now" in loop.step.messages[-1].content
    accepted(loop.step)
    loop.send(answer("So be it."))
    assert loop.reply == "So be it."
    assert len(loop.reply.tool_calls) == MAX_ROUNDS


def test_too_many_rounds_are_an_error():
    loop = Loop(tools=TOOLS, max_rounds=1)
    loop.send(calls(("add", '{"a": 1, "b": 2}')))
    loop.run("3")
    with pytest.raises(TooManyRounds, match="1 round") as caught:
        loop.send(calls(("fail", "{}"), text="Let me see"))
    assert caught.value.reply == "Let me see"


def test_calls_are_ignored_when_no_functions_were_offered():
    loop = Loop(schema=None)
    loop.send(calls(("add", "{}"), text="?"))
    assert loop.reply == "?"


# -- schemas --


def test_the_schema_is_in_the_system_prompt_and_in_the_request():
    loop = Loop(schema=PRICE)
    assert loop.step.messages == (Message("system", PRICE.instruction), *QUESTION)
    assert loop.step.schema == PRICE.for_request
    loop.send(answer('{"amount": 3}'))
    assert (loop.reply, loop.reply.parsed) == ('{"amount": 3}', Price(3))


def test_an_answer_that_does_not_fit_is_requested_once_more():
    loop = Loop(schema=PRICE)
    step = loop.send(answer('{"amount": "much"}', reasoning="Hm."))
    assert step.messages[-2] == Message("assistant", '{"amount": "much"}', "Hm.")
    assert "$.amount" in step.messages[-1].content
    assert step.messages[-1].role == "user"
    assert step.schema == PRICE.for_request
    accepted(step)
    loop.send(answer('{"amount": 4}'))
    assert loop.reply.parsed == Price(4)


def test_a_second_mismatch_is_an_error_with_the_answer():
    loop = Loop(schema=PRICE)
    loop.send(answer("Much.", usage=Usage(1, 2)))
    with pytest.raises(SchemaMismatch, match="no JSON") as caught:
        loop.send(answer("Very much.", usage=Usage(3, 4)))
    assert caught.value.reply == "Very much."
    assert caught.value.reply.usage == Usage(4, 6)
    assert "reply" in caught.value.hint


def test_an_answer_that_was_cut_off_is_not_requested_again():
    loop = Loop(schema=PRICE)
    with pytest.raises(SchemaMismatch, match="cut at the token limit"):
        loop.send(answer('{"amou', finish_reason="length"))


def test_with_functions_the_answer_after_them_has_to_fit():
    loop = Loop(tools=TOOLS, schema=PRICE)
    loop.send(calls(("add", '{"a": 1, "b": 2}')))
    loop.run("3")
    step = loop.send(answer("Three."))
    assert step.fields["tool_choice"] == "none"
    accepted(step)
    loop.send(answer('{"amount": 3}'))
    assert loop.reply.parsed == Price(3)
    assert len(loop.reply.tool_calls) == 1


# -- several replies --


def test_a_merged_reply_has_the_sums_of_all_rounds():
    first = answer("Let me see.", reasoning="a", usage=Usage(10, 2, None, 1), seconds=1.0, first_text=0.5)
    second = answer("5", reasoning="b", usage=Usage(20, 3, 4, None), seconds=2.0, first_text=0.1, model="p/m")
    both = merge_replies([first, second])
    assert both == "5"
    assert (both.reasoning, both.seconds, both.first_text, both.model) == ("a\n\nb", 3.0, 0.5, "p/m")
    assert both.usage == Usage(30, 5, 4, 1)
    assert merge_replies([first], finish_reason="interrupted").finish_reason == "interrupted"


def test_the_first_text_counts_from_the_beginning():
    assert (
        merge_replies([answer("", seconds=3.0), answer("x", seconds=1.0, first_text=0.25)]).first_text == 3.25
    )
    assert merge_replies([answer(""), answer("x")]).usage is None


# -- mending -------------------------------------------------------------------------------


def mended(findings, *replies, **options):
    """The requests of a mending loop that is sent `replies`, and its reply."""
    steps = tool_loop(QUESTION, misfits=lambda reply: findings.get(str(reply), ""), **options)
    requests = [next(steps)]
    try:
        for reply in replies:
            requests.append(steps.send(reply))  # noqa: PERF401 - the end of the loop is StopIteration
    except StopIteration as end:
        return requests, end.value
    raise AssertionError(requests)


def test_an_answer_that_fits_is_the_reply():
    requests, reply = mended({}, answer("good"))
    assert (len(requests), str(reply)) == (1, "good")


def test_what_does_not_fit_is_sent_back_once():
    requests, reply = mended({"bad": "the name x", "worse": "the name y"}, answer("bad"), answer("worse"))
    assert [message.role for message in requests[1].messages] == ["user", "assistant", "user"]
    assert "the name x" in requests[1].messages[-1].content
    assert (len(requests), str(reply)) == (2, "worse")


def test_an_answer_that_was_cut_off_is_not_sent_back():
    requests, _reply = mended({"bad": "the name x"}, answer("bad", finish_reason="length"))
    assert len(requests) == 1


def test_after_calls_the_functions_stay_declared_and_none_is_called():
    steps = tool_loop(QUESTION, tools=TOOLS, misfits=lambda reply: "the name x")
    next(steps)
    steps.send(calls(("add", '{"a": 1, "b": 2}')))
    steps.send([CallOutcome("3")])
    request = steps.send(answer("bad"))
    assert request.fields["tool_choice"] == "none"
    assert [message.role for message in request.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
