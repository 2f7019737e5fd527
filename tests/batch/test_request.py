"""The requests of a batch: their form for the host, and the order in which they are sent."""

import asyncio

import pytest
from msgspec.structs import replace

from openclaw_ipython.auth.resolver import Credential
from openclaw_ipython.batch.rate_limit import Limits, RateLimiter
from openclaw_ipython.batch.request import Throttle, affects_every_item, chat_request
from openclaw_ipython.chat.dialects import DIALECTS
from openclaw_ipython.chat.types import ChatRequest, Message, Reply, Usage
from openclaw_ipython.dispatch.failover import ResolvedRequest
from openclaw_ipython.errors import (
    ConfigError,
    LoginRequired,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    SchemaMismatch,
    ServiceUnavailable,
    StreamBroken,
    UsageError,
)
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.structured.loop import ModelRequest


def question(dialect, model, stream):
    asked = ChatRequest(model, (), temperature=0.1, stream=stream, thinking="off")
    ref = ModelRef("p", model)
    return ResolvedRequest(
        ref, "http://x/", asked, Credential("p", "none needed"), dialect=dialect, unadapted=asked
    )


@pytest.mark.parametrize(
    ("dialect", "model", "asked", "fields"),
    [
        ("", "qwen3.7-plus", None, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("", "gpt", None, {}),
        ("", "deepseek-v4", None, {}),  # its own switch is not known
        ("dashscope", "qwen3.8-max", None, {"enable_thinking": False}),
        ("dashscope", "qwen3.8-max", "low", {"reasoning_effort": "low"}),
        ("openrouter", "qwen/qwen3.7-plus", None, {"reasoning": {"effort": "none"}}),
        ("openrouter", "qwen/qwen3-coder", None, {}),  # it does not think
        ("ollama", "qwen3:8b", None, {"reasoning_effort": "none"}),
    ],
)
def test_rows_think_only_if_asked_to(dialect, model, asked, fields):
    to = question(DIALECTS[dialect], model, stream=asked is not None)
    to = replace(to, unadapted=replace(to.unadapted, thinking=asked))
    assert chat_request(to, ModelRequest((Message("user", "hi"),))).extra == fields


@pytest.mark.parametrize(
    ("error", "every_item"),
    [
        (LoginRequired("x"), True),
        (QuotaExceeded("x"), True),
        (RateLimited("x"), True),
        (ConfigError("x"), True),
        (RequestRejected("x", status=404), True),
        (RequestRejected("x", code="model_not_found"), True),
        (RequestRejected("x", status=400), False),
        (RequestRejected("x", status=403), False),
        (ServiceUnavailable("x"), False),
        (StreamBroken("x"), False),
        (ProtocolError("x"), False),
        (SchemaMismatch("x"), False),
        (UsageError("x"), False),
    ],
)
def test_errors_that_affect_every_item(error, every_item):
    assert affects_every_item(error) is every_item


def test_waiting_requests_are_sent_in_the_order_of_their_arrival(clock):
    async def story():
        throttle = Throttle(RateLimiter(Limits(2), clock(), lambda: 0.0), clock, clock.sleep)
        entered = []

        async def one(name):
            permit = await throttle.acquire(4)
            entered.append(name)
            await asyncio.sleep(0)
            throttle.answered(permit, Reply("x", usage=Usage(1, 1)))

        await asyncio.gather(*(one(name) for name in range(10)))
        return entered, throttle.limiter.running

    assert asyncio.run(story()) == (list(range(10)), 0)


def test_a_cancelled_request_does_not_block_the_others(clock):
    async def story():
        throttle = Throttle(RateLimiter(Limits(1), clock(), lambda: 0.0), clock, clock.sleep)
        first = await throttle.acquire(4)
        waiting = [asyncio.create_task(throttle.acquire(4)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        throttle.failed(first)
        permit = await waiting[1]
        throttle.failed(permit)
        await waiting[2]
        return throttle.limiter.running

    assert asyncio.run(story()) == 1
