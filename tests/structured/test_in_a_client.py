"""Schemas and tools through the client: requests, the order of events, and how it ends."""

import asyncio
import dataclasses
import threading

import pytest
from PIL import Image

from openclaw_ipython.chat.types import (
    Answered,
    Finished,
    Message,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds, UsageError

pytestmark = pytest.mark.filterwarnings("error")


@dataclasses.dataclass
class Point:
    x: int
    name: str


def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


async def twice(a: int) -> int:
    await asyncio.sleep(0)
    return a * 2


def run(house, work):
    async def main():
        await house.login()
        try:
            return await work(house.client)
        finally:
            await house.client.aclose()

    return asyncio.run(asyncio.wait_for(main(), 30))


def chats(house):
    return [r.json() for r in house.portal.requests if r.path.endswith("/chat/completions")]


def test_an_answer_is_parsed_into_an_object(house):
    reply = run(house, lambda client: client.ask('the point 3 called "p"', schema=Point))
    assert reply.parsed == Point(3, "p")
    assert reply == '{"x": 3, "name": "p"}'
    assert reply.finish_reason == "stop"
    assert reply.model == "qwen-portal/coder-model"


def test_options_are_sent_in_every_round(house):
    house.portal.says("no").says('{"x": 1, "name": "a"}')
    ask = {"schema": Point, "system": "be brief", "temperature": 0.5, "model": "qwen", "extra": {"seed": 7}}
    run(house, lambda client: client.ask("go", **ask))
    for body in chats(house):
        assert (body["temperature"], body["seed"]) == (0.5, 7)
        assert body["messages"][0]["content"].startswith("be brief\n\nAnswer with JSON only")


def test_a_second_mismatch_is_an_error_with_the_answer(house):
    house.portal.says("one").says("two")
    with pytest.raises(SchemaMismatch) as caught:
        run(house, lambda client: client.ask("go", schema=Point))
    assert caught.value.reply == "two"
    assert caught.value.reply.usage.output_tokens == 2


def test_the_stream_has_calls_and_results_and_the_answer_at_its_end(house):
    house.portal.calls("add", {"a": 1, "b": 2}, ("twice", {"a": 4})).says("It is ", "11.")

    async def work(client):
        return [event async for event in client.stream("go", tools=[add, twice])]

    events = run(house, work)
    kinds = [
        type(event)
        for event in events
        if isinstance(event, ToolCall | ToolResult | TextDelta | Finished | Answered)
    ]
    assert kinds == [
        Finished,
        ToolCall,
        ToolCall,
        ToolResult,
        ToolResult,
        TextDelta,
        TextDelta,
        Finished,
        Answered,
    ]
    results = {event.call.name: event.text for event in events if isinstance(event, ToolResult)}
    assert results == {"add": "3", "twice": "8"}
    assert events[-1].reply == "It is 11."
    assert [call.name for call in events[-1].reply.tool_calls] == ["add", "twice"]


def test_the_usage_is_the_sum_of_all_rounds(house):
    house.portal.calls("add", {"a": 1, "b": 2}).says(
        "3", usage={"prompt_tokens": 100, "completion_tokens": 1}
    )
    reply = run(house, lambda client: client.ask("go", tools=[add]))
    assert reply.usage.input_tokens > 100
    assert isinstance(reply.usage, Usage)


def test_functions_can_be_passed_with_names(house):
    house.portal.calls("plus", {"a": 1, "b": 2}).says("ok")
    run(house, lambda client: client.ask("go", tools={"plus": add}))
    assert chats(house)[-1]["messages"][-1] == {"role": "tool", "content": "3", "tool_call_id": "call_1"}


def test_a_conversation_can_be_continued_with_functions(house):
    turns = [
        Message("system", "be brief"),
        Message("user", "a"),
        Message("assistant", "b"),
        Message("user", "add 1 and 2"),
    ]
    run(house, lambda client: client.ask(turns, tools=[add]))
    assert [m["role"] for m in chats(house)[-1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "tool",
    ]


def test_ordinary_functions_do_not_block_the_loop(house):
    """The function waits for something that only the loop can do."""
    house.portal.calls("wait", {}).says("ok")

    async def work(client):
        done = threading.Event()
        asyncio.get_running_loop().call_later(0.01, done.set)

        def wait() -> bool:
            return done.wait(10)

        return await client.ask("go", tools=[wait])

    assert run(house, work) == "ok"
    assert chats(house)[-1]["messages"][-1]["content"] == "true"


def test_leaving_the_stream_while_a_function_runs_cancels_it(house):
    house.portal.calls("hang", {})
    ended = []

    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work(client):
        async def consume():
            async for event in client.stream("go", tools=[hang]):
                if isinstance(event, ToolCall):
                    started.set()

        started = asyncio.Event()
        task = asyncio.create_task(consume())
        await started.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(house, work)
    assert ended == [True]


def test_too_many_rounds_are_an_error(house):
    for number in range(9):
        house.portal.calls("add", {"a": number, "b": 0})
    with pytest.raises(TooManyRounds):
        run(house, lambda client: client.ask("go", tools=[add]))
    assert len(chats(house)) == 9
    assert chats(house)[-1]["tool_choice"] == "none"


@pytest.mark.parametrize("options", [{"schema": 3}, {"tools": [3]}, {"tools": [add, add]}])
def test_an_invalid_schema_or_tool_is_an_error_before_any_request(house, options):
    with pytest.raises(UsageError):
        run(house, lambda client: client.ask("go", **options))
    assert chats(house) == []


def test_a_resolved_request_takes_no_schema(house):
    async def work(client):
        return await client.ask(client.resolve("go"), schema=Point)

    with pytest.raises(UsageError, match="a resolved request takes no schema"):
        run(house, work)


def test_images_are_sent_once_in_every_round(house):
    png = Image.new("RGB", (64, 48), "red")
    house.portal.says("no").says('{"x": 1, "name": "a"}')
    ask = {"images": [png], "model": "qwen-portal/vision-model", "schema": Point}
    run(house, lambda client: client.ask("What is this?", **ask))
    for body in chats(house):
        kinds = [
            part["type"]
            for message in body["messages"]
            if message["role"] == "user"
            for part in message["content"]
            if isinstance(part, dict)
        ]
        assert kinds == ["image_url", "text"]
