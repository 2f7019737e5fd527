"""Budgets in `oc.map`: it waits for its own requests, stops cleanly before a limit, and resumes."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import openclaw_ipython as oc
from openclaw_ipython.errors import BudgetExceeded, SchemaMismatch
from openclaw_ipython.journal.limits import Limit, LimitFile
from openclaw_ipython.journal.spending import Charge

pytestmark = pytest.mark.slow

USAGE = {"prompt_tokens": 100, "completion_tokens": 100}  # with a worst case of about 2,000 tokens
DAY = Limit(100_000, "tokens", "day")


@pytest.fixture
def signed(house):
    asyncio.run(house.login())
    return house


def ask(house, items, count=None, **options):
    for _ in range(len(items) if count is None else count):
        house.portal.says("A", usage=USAGE)
    options = {"progress": False, "table": False, "thinking": "off", "max_tokens": 1900, **options}
    return oc.map(items, "Label {item}", client=house.client, **options)


def chats(house) -> int:
    return sum(r.path.endswith("/chat/completions") for r in house.portal.requests)


def used(house, limit=DAY):
    (found,) = house.client.budget.spending.used(
        [(limit, limit.scope or house.client.budget.periods()["day"])]
    )
    return found


def test_requests_wait_for_the_budget_that_others_hold(signed):
    """Two worst cases fit at a time, and all 20 rows fit in the end."""
    replies = ask(signed, [f"row {n}" for n in range(20)], concurrency=16, budget="6k")
    assert len(replies) == 20
    assert not replies.errors


def test_a_batch_stops_cleanly_and_the_same_call_resumes(signed):
    items = [f"row {n}" for n in range(10)]
    with pytest.raises(BudgetExceeded) as caught:
        ask(signed, items, budget="3k", concurrency=4)
    done = chats(signed)
    assert 5 <= done < 10  # 200 tokens each, and a last worst case of 2,000
    assert f"{done} answered; the same call resumes from there" in str(caught.value)
    assert 'budget="6000tokens"' in caught.value.hint
    with pytest.raises(BudgetExceeded):  # the limit is that of the batch, not of the call
        ask(signed, items, 0, budget="3k")
    assert chats(signed) == done
    replies = ask(signed, items, 0, budget="20k")
    assert len(replies) == 10
    assert chats(signed) == 10
    assert signed.client.budget.used() == []


def test_limits_per_batch_and_per_day_count_batches(signed):
    LimitFile(signed.home.budget).save([Limit(3_000, "tokens", "batch"), DAY], "")
    for first in range(2):
        with pytest.raises(BudgetExceeded, match="per batch"):
            ask(signed, [f"row {first} {n}" for n in range(20)])
    assert used(signed).settled == 200 * chats(signed)
    assert used(signed).under_way == 0


def test_a_batch_that_nothing_under_way_holds_up_ends_at_once(signed):
    LimitFile(signed.home.budget).save([DAY], "")
    signed.client.budget.reserve(Charge("qwen-portal", 99_000), lasting=True)
    with pytest.raises(BudgetExceeded):
        ask(signed, ["a"], 0)
    assert chats(signed) == 0


def test_refused_requests_cost_nothing(signed):
    LimitFile(signed.home.budget).save([DAY], "")
    signed.portal.fails_next("/chat/completions", 429, {"error": {"message": "slow"}}, times=2)
    ask(signed, ["a", "b"])
    assert used(signed).settled == 400
    assert used(signed).unknown == 0


@dataclass
class Label:
    mood: str


def test_a_repair_round_is_counted(signed):
    """The first answer fits no schema, and there is no budget to ask again: the row's error says so."""
    signed.portal.says("no JSON " * 100, usage={"prompt_tokens": 100, "completion_tokens": 2_500})
    with pytest.raises(BudgetExceeded):
        ask(signed, ["a"], 0, schema=Label, budget="3k")
    assert chats(signed) == 1
    signed.portal.says("no JSON").says(json.dumps({"mood": "good"}))
    assert ask(signed, ["a"], 0, schema=Label, budget="30k")[0].parsed == Label("good")
    assert not issubclass(BudgetExceeded, SchemaMismatch)


def test_cached_answers_cost_nothing(signed):
    LimitFile(signed.home.budget).save([DAY], "")
    for count in (2, 0, 0):
        ask(signed, ["a", "b"], count, cache=True)
    assert used(signed).settled == 400


def test_on_an_executor_rows_wait_and_the_batch_stops_cleanly(remote):
    portal, client = remote.portal, remote.client
    for _ in range(60):
        portal.says("A", usage=USAGE)
    options = {"progress": False, "table": False, "thinking": "off", "max_tokens": 1900, "client": client}
    with ThreadPoolExecutor(2) as pool:
        items = [f"row {n}" for n in range(20)]
        assert (
            len(oc.map(items, "Label {item}", executor=pool, concurrency=8, budget="6500 tokens", **options))
            == 20
        )
        with pytest.raises(BudgetExceeded, match="resumes from there"):
            oc.map(items, "Name {item}", executor=pool, budget="3k", **options)
        before = len(remote.chats())
        assert 25 <= before < 40
        assert len(oc.map(items, "Name {item}", executor=pool, budget="30k", **options)) == 20
    assert len(remote.chats()) == 40
