"""The public API used as a reader would use it. Never run: mypy reads it."""

from __future__ import annotations

from typing import assert_type

import openclaw_ipython as oc


async def ask() -> None:
    async with oc.Client() as client:
        reply = await client.ask("hi", model="qwen", system="be brief", temperature=0.2, max_tokens=10)
        assert_type(reply, oc.Reply)
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


def catch() -> None:
    try:
        pass
    except oc.AuthError as error:
        assert_type(error.hint, str)
    except oc.ServiceError as error:
        assert_type(error.status, int | None)
    except (oc.ConfigError, oc.UsageError, oc.OpenClawError):
        pass
