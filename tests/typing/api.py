"""The public API used as a reader would use it. Never run: mypy reads it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import assert_type

import openclaw_ipython as oc


async def ask() -> None:
    async with oc.Client() as client:
        reply = await client.ask("hi", model="qwen", system="be brief", temperature=0.2, max_tokens=10)
        assert_type(reply, oc.Reply[None])
        assert_type((await client.ask("hi", schema=Label)).parsed, Label)
        assert_type(reply.code, list[str])
        assert_type(reply.usage, oc.Usage | None)
        assert_type(reply.reasoning, str)
        shout: str = reply.upper()
        print(shout, reply.finish_reason, reply.seconds)
        async for event in client.stream([oc.Message("user", "hi")]):
            match event:
                case oc.TextDelta(text) | oc.ReasoningDelta(text):
                    assert_type(text, str)
                case oc.Notice(text, seconds):
                    assert_type(seconds, float | None)
                case oc.UsageReport(usage):
                    assert_type(usage, oc.Usage)
                case oc.Finished(reason):
                    assert_type(reason, str)
                case _:
                    pass


@dataclass
class Label:
    name: str


def look_up(name: str) -> int:
    return len(name)


async def search(words: list[str]) -> str:
    return " ".join(words)


def ask_at_once() -> None:
    reply = oc.ask("Label {this}", schema=Label, tools=[look_up, search], images=["a.png"], temperature=0.1)
    assert_type(reply, oc.Reply[Label])
    assert_type(reply.tool_calls, tuple[oc.ToolCall, ...])
    assert_type(reply.parsed, Label)
    as_before: oc.Reply = reply
    text: str = reply
    print(reply.parsed.name, as_before, text)
    assert_type(oc.ask("hi", schema=list[Label]).parsed, list[Label])
    assert_type(oc.ask("hi", schema=int).parsed, int)
    either = oc.ask("hi", schema=Label | None).parsed  # a union is no type to a checker: Any
    print(either.name)
    assert_type(oc.ask("hi").parsed, None)
    oc.ask([oc.Message("user", "hi")], tools={"find": look_up}, schema=list[Label], cache=True, raw=True)
    oc.ask("hi", schema={"type": "object"}, extra={"seed": 1}, timeout=3.0)


def ask_about_many() -> None:
    table = oc.map(["a", "b"], "Label: {item}", schema=Label, concurrency=8, tokens_per_minute=1e6)
    print(table["name"])
    results = oc.map(["a"], schema=Label | None, thinking="off", table=False)
    assert_type(results, oc.Results)
    print(results.tally, results.errors)
    oc.map(
        (str(n) for n in range(3)), on_error=lambda error, item: (error.hint, item), cache=True, table=False
    )
    with ThreadPoolExecutor() as pool:
        oc.map(["a"], system="Be brief.", executor=pool, workers=2, resume=False, progress=False)


def ask_better_questions() -> None:
    rows = [{"text": "a", "label": "good"}]
    result = oc.compare(rows, prompts="{text}", models=["a/b"], expected="label", schema=Label, concurrency=4)
    assert_type(result, oc.Comparison)
    assert_type(result.best, oc.Score)
    assert_type(result.best.accuracy, float)
    assert_type(result.best.cost, float | None)
    assert_type(result.verdict, str)
    oc.compare(rows, prompts={"short": "{text}"}, expected=lambda answer, row: row["label"] in answer)
    judged = oc.compare(
        rows, prompts=["{text}", "{text}?"], models="a/b", expected=oc.Judge("a/c", "It is {label}.")
    )
    print(judged.table, judged.disagreements, judged.plot())
    print(oc.filter(rows, "{text}?", model="a/b", progress=False))
    found: oc.Filtered = oc.filter(rows, "{text}?", cascade=("a/b", "a/c"), recall=0.9, details=True)
    print(found.rows, found.undecided, found.summary)


async def ask_in_rounds() -> None:
    async with oc.Client() as client:
        async for event in client.stream("hi", tools=[look_up, search], schema=Label):
            match event:
                case oc.ToolCall(_, name, arguments):
                    assert_type(name, str)
                    assert_type(arguments, str)
                case oc.ToolResult(call, text, failed):
                    assert_type(call, oc.ToolCall)
                    assert_type(failed, bool)
                    print(text)
                case oc.Answered(reply):
                    assert_type(reply, oc.Reply)
                case _:
                    pass


def catch() -> None:
    try:
        pass
    except oc.AuthError as error:
        assert_type(error.hint, str)
    except oc.RateLimited as error:
        assert_type(error.retry_after, float | None)
    except oc.SchemaMismatch as error:
        assert_type(error.reply, str)
    except (oc.DocumentError, oc.StoreBusy) as error:
        print(error.path)
    except (oc.UnknownModel, oc.UnknownProvider) as error:
        print(error.suggestions)
    except oc.StreamBroken as error:
        assert_type(error.partial, str)
    except oc.ServiceError as error:
        assert_type(error.status, int | None)
    except (oc.ConfigError, oc.UsageError, oc.OpenClawError):
        pass
