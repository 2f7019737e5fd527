"""What requests cost: by kind of token when they are answered, at most before they are sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openclaw_ipython.auth.resolver import Credential
from openclaw_ipython.chat import token_estimate
from openclaw_ipython.chat.completions import encode
from openclaw_ipython.chat.dialects import DIALECTS, PLAIN
from openclaw_ipython.chat.types import ChatRequest, Message, ToolCall, Usage
from openclaw_ipython.dispatch.failover import ResolvedRequest
from openclaw_ipython.dispatch.pricing import (
    ASSUMED_LIMIT,
    cheaper_in_real_time,
    input_tokens,
    priced,
    worst_case,
)
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.providers.spec import Price, Source

PRICE = Price(1.0, 4.0, Source("a test", "2026-11"), cache_read=0.1, cache_write=1.25, unmarked_read=0.2)
MARKED = ({"type": "text", "text": "shared", "cache_control": {"type": "ephemeral"}},)


def resolved(price=PRICE, content="Hi", dialect=PLAIN, limit=0, **fields):
    request = ChatRequest("qwen3.7-plus", (Message("user", content),), **fields)
    return ResolvedRequest(
        ModelRef("p", "m"),
        "http://x/",
        request,
        Credential("p", "key"),
        dialect=dialect,
        price=price,
        limit=limit,
    )


@pytest.mark.parametrize(
    ("usage", "kinds"),
    [
        (Usage(100, 1), (100, 0, 0)),
        (Usage(100, 1, 30), (70, 30, 0)),
        (Usage(100, 1, 30, written_tokens=20), (50, 30, 20)),
        (Usage(100, 1, 30, written_tokens=70), (0, 30, 70)),
        # created and repeated as cached, as a reseller was seen to report it
        (Usage(7_030, 1, 7_019, written_tokens=7_019), (11, 0, 7_019)),
        (Usage(100, 1, 130), (0, 100, 0)),
        (Usage(100, 1, 130, written_tokens=10), (0, 0, 100)),
        (Usage(None, None), (0, 0, 0)),
    ],
)
def test_input_has_three_kinds(usage, kinds):
    assert input_tokens(usage) == kinds


@given(st.tuples(*[st.none() | st.integers(0, 1_000)] * 3))
def test_the_kinds_add_up_to_the_prompt(counts):
    prompt, hit, written = counts
    kinds = input_tokens(Usage(prompt, 1, hit, written_tokens=written))
    assert sum(kinds) == (prompt or 0)
    assert min(kinds) >= 0


@pytest.mark.parametrize(
    ("usage", "content", "dollars", "upper_bound"),
    [
        (Usage(1_000, 100, 0), "Hi", 1_000 + 400, False),
        (Usage(1_000, 100, 500), "Hi", 500 + 500 * 0.2 + 400, False),
        (Usage(1_000, 100, None), "Hi", 1_000 + 400, True),
        (Usage(1_000, 100, 500, written_tokens=0), MARKED, 500 + 500 * 0.1 + 400, False),
        (Usage(1_000, 100, 0, written_tokens=800), MARKED, 200 + 800 * 1.25 + 400, False),
        # the marks may have been refused or ignored: the dearest reading
        (Usage(1_000, 100, 500, written_tokens=None), MARKED, 500 * 1.25 + 500 * 0.2 + 400, True),
    ],
)
def test_each_kind_has_its_price(usage, content, dollars, upper_bound):
    found = priced(usage, resolved(content=content))
    assert (round(found.cost * 1e6, 6), found.upper_bound) == (pytest.approx(dollars), upper_bound)


def test_hits_without_a_known_price_cost_at_most_as_plain_input():
    found = priced(Usage(1_000, 100, 500), resolved(price=Price(1.0, 4.0, PRICE.source)))
    assert (found.cost, found.upper_bound) == (pytest.approx(1_400 / 1e6), True)


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(1_000, 100, cost=0.5), PRICE),
        (Usage(1_000, 100), None),
        (Usage(None, 100), PRICE),
        (Usage(9), PRICE),
    ],
)
def test_the_cost_of_the_service_counts_and_an_unknown_one_stays_unknown(usage, price):
    assert priced(usage, resolved(price=price)) == usage


def test_what_is_free_has_no_upper_bound():
    found = priced(Usage(1_000, 100), resolved(price=Price(0, 0, PRICE.source)))
    assert (found.cost, found.upper_bound) == (0, False)


# -- before it is sent ---------------------------------------------------------------------

DASHSCOPE = DIALECTS["dashscope"]


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({"max_tokens": 50}, 50),
        ({"extra": {"max_completion_tokens": 60}}, 60),
        ({"limit": 70}, 70),
        ({}, ASSUMED_LIMIT),
        ({"max_tokens": 50, "extra": {"n": 3}}, 150),
        ({"max_tokens": 50, "limit": 70, "dialect": DASHSCOPE}, 50 + 70),
        ({"max_tokens": 50, "dialect": DASHSCOPE, "extra": {"enable_thinking": False}}, 50),
        ({"max_tokens": 50, "dialect": DASHSCOPE, "extra": {"reasoning_effort": "none"}}, 50),
        ({"max_tokens": 50, "dialect": DASHSCOPE, "extra": {"thinking_budget": 20}}, 70),
    ],
)
def test_the_output_is_at_most_the_limit_and_the_thinking_beyond_it(fields, output):
    assert worst_case(resolved(**fields)).output_tokens == output


def test_the_worst_case_prices_marked_input_as_written():
    plain = worst_case(resolved(max_tokens=10, content="shared"))
    marked = worst_case(resolved(max_tokens=10, content=MARKED))
    assert plain.input_tokens == marked.input_tokens
    assert plain.cost == pytest.approx((plain.input_tokens + 40) / 1e6)
    assert marked.cost == pytest.approx((marked.input_tokens * 1.25 + 40) / 1e6)


def test_the_worst_case_of_an_unknown_price_has_tokens_only():
    assert worst_case(resolved(price=None, max_tokens=10)).cost is None


def test_pictures_tools_and_calls_are_input():
    def tokens(request):
        return worst_case(replace(resolved(), request=request)).input_tokens

    base = ChatRequest("m", (Message("user", "Hi"),))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    shown = ChatRequest("m", (Message("user", [picture, {"type": "text", "text": "Hi"}]),))
    assert tokens(shown) - tokens(base) == token_estimate.LARGEST_PICTURE
    assert tokens(replace(base, extra={"tools": [{"type": "function", "function": {"name": "f"}}]})) > tokens(
        base
    )
    called = Message("assistant", "", reasoning="hm", tool_calls=(ToolCall("1", "f", '{"x": 1}'),))
    assert (
        tokens(replace(base, messages=(*base.messages, called))) > tokens(base) + token_estimate.PER_MESSAGE
    )


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_the_worst_case_is_never_below_the_estimate(texts):
    request = ChatRequest("m", tuple(Message("user", text) for text in texts))
    most = worst_case(replace(resolved(), request=request)).input_tokens
    assert most >= token_estimate.of_messages(request.messages) - 2 * len(texts)  # the estimate is rounded
    assert most <= 2 * len(json.dumps(encode(request), ensure_ascii=False)) + 8 * len(texts)


# -- or as a batch -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "ratio", "cheaper"),
    [
        (0.50, 0.0, False),
        (0.55, 0.0, False),
        (0.56, 0.0, True),
        (0.95, 0.7, True),
        (1.0, 0.79, True),
        (1.0, 0.81, False),
    ],
)
def test_real_time_is_cheaper_above_the_published_share_of_hits(share, ratio, cheaper):
    """From the prices: input only, above 55.6 % hits; from an output of 0.8 times the input cost on, never."""
    output = round(ratio * 100_000 / 4)
    found = cheaper_in_real_time(
        PRICE, rows=10_000, input_tokens=100_000, output_tokens=output, shared_tokens=round(share * 100_000)
    )
    assert found is cheaper


def test_a_single_row_pays_for_the_writing_and_is_cheaper_as_a_batch():
    assert not cheaper_in_real_time(PRICE, rows=1, input_tokens=2_000, output_tokens=0, shared_tokens=2_000)
