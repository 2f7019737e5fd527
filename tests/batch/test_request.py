"""One request of a batch: the request as the host takes it, and who is let through when."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.resolve import Credential
from openclaw_ipython.batch.rate_limit import Limits, Pacer
from openclaw_ipython.batch.request import Gate, Manner, is_about_all
from openclaw_ipython.chat.dialects import DIALECTS, PLAIN, PORTAL, shaped
from openclaw_ipython.chat.types import ChatRequest, Message, Reply, Usage
from openclaw_ipython.dispatch.failover import Question
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

SCHEMA = {"name": "label", "schema": {"type": "object"}}
PICTURE = ({"type": "image_url", "image_url": {"url": "data:,"}}, {"type": "text", "text": "what?"})

turns = st.sampled_from(["system", "user", "assistant"])
contents = st.text(max_size=20) | st.just(PICTURE)
talks = st.lists(st.builds(Message, turns, contents, st.sampled_from(["", "hm"])), min_size=1, max_size=4)


def question(dialect, model, stream):
    asked = ChatRequest(model, (), temperature=0.1, stream=stream)
    ref = ModelRef("p", model)
    return Question(ref, "http://x/", asked, Credential("p", "none needed"), dialect=dialect, asked=asked)


@given(
    st.sampled_from([*DIALECTS.values(), PLAIN, PORTAL._replace(marked=True)]),
    st.sampled_from(["coder-model", "qwen3.7-plus", "glm-5", "gpt"]),
    st.booleans(),
    st.lists(st.tuples(talks, st.sampled_from([None, SCHEMA])), min_size=1, max_size=6),
)
def test_every_request_is_what_the_host_would_be_sent_for_a_single_question(dialect, model, stream, asks):
    to = question(dialect, model, stream)
    manner = Manner(to)
    for messages, schema in asks:
        alone = shaped(replace(to.asked, messages=tuple(messages), schema=schema), dialect, to.family).request
        made = manner.request(messages, schema)
        assert replace(made, schema=None) == replace(alone, schema=None)


@pytest.mark.parametrize(
    ("error", "about_all"),
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
def test_some_errors_would_meet_every_item(error, about_all):
    assert is_about_all(error) is about_all


def test_those_who_wait_are_let_through_in_the_order_they_came(clock):
    async def story():
        gate = Gate(Pacer(Limits(2), clock(), lambda: 0.0), clock, clock.sleep)
        entered = []

        async def one(name):
            ticket = await gate.enter(4)
            entered.append(name)
            await asyncio.sleep(0)
            gate.answered(ticket, Reply("x", usage=Usage(1, 1)))

        await asyncio.gather(*(one(name) for name in range(10)))
        return entered, gate.pacer.running

    assert asyncio.run(story()) == (list(range(10)), 0)


def test_a_task_that_is_cancelled_while_it_waits_holds_nobody_up(clock):
    async def story():
        gate = Gate(Pacer(Limits(1), clock(), lambda: 0.0), clock, clock.sleep)
        first = await gate.enter(4)
        waiting = [asyncio.create_task(gate.enter(4)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.failed(first)
        ticket = await waiting[1]
        gate.failed(ticket)
        await waiting[2]
        return gate.pacer.running

    assert asyncio.run(story()) == 1
