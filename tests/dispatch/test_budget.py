"""Limits on what requests may cost: reserved before a request, settled after, and what would pass them is not sent."""

import asyncio
import sqlite3

import pytest

from openclaw_ipython.chat.types import Notice
from openclaw_ipython.client import Client
from openclaw_ipython.dispatch.budget import Budget, charged, limit_for
from openclaw_ipython.errors import (
    BudgetExceeded,
    LoginRequired,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
    UsageError,
)
from openclaw_ipython.journal.limits import Limit, LimitFile
from openclaw_ipython.journal.spending import Charge, Used

ORIGIN = "http://127.0.0.1:8642"  # of the portal of `house`
MODEL = "qwen-portal/coder-model"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}  # 0.003 USD
COST = 0.003


def run(work):
    return asyncio.run(work)


@pytest.fixture
def client(house):
    """A client whose model costs 2 USD for a million tokens in, and 10 for a million out."""
    run(house.login())
    models = [{"id": "coder-model", "cost": {"input": 2, "output": 10, "cacheRead": 0.2, "cacheWrite": 0}}]
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": f"{ORIGIN}/v1", "models": models}}}}
    )
    return house.client


def store(house, *limits: Limit) -> None:
    LimitFile(house.home.budget).save(limits, "")


def chats(house) -> int:
    return sum(r.path.endswith("/chat/completions") for r in house.portal.requests)


def ask(house, client=None, **options):
    house.portal.says("A", usage=USAGE)
    return run(
        (client or house.client).ask("Hi", model=MODEL, **{"max_tokens": 1000, "thinking": "off", **options})
    )


def used(house, limit: Limit, scope: str = "") -> Used:
    budget = house.client.budget
    (found,) = budget.spending.used([(limit, scope or budget.periods()[limit.per])])
    return found


DAY = Limit(1.0, "USD", "day")


def test_a_request_is_settled_with_what_it_cost(house, client):
    store(house, DAY, Limit(10_000, "tokens", "month"))
    ask(house)
    assert used(house, DAY) == Used(pytest.approx(COST))
    assert used(house, Limit(10_000, "tokens", "month")) == Used(1100)


def test_what_would_pass_a_limit_is_not_sent(house, client):
    store(house, Limit(0.02, "USD", "day"))
    ask(house)
    with pytest.raises(BudgetExceeded) as caught:
        ask(house, max_tokens=5000)
    assert chats(house) == 1
    assert not caught.value.under_way
    assert "left of 0.02 USD per day: 0.017 USD" in str(caught.value)
    assert "%openclaw budget set 0.08USD --per day" in caught.value.hint


def test_the_hint_names_an_answer_that_fits(house, client):
    store(house, Limit(0.02, "USD", "day"))
    with pytest.raises(BudgetExceeded) as caught:
        ask(house, max_tokens=5000)
    count = int(caught.value.hint.split()[1])
    assert 1000 < count < 2000
    ask(house, max_tokens=count)


# -- outcomes ------------------------------------------------------------------------------


def test_a_refused_request_costs_nothing(house, client):
    store(house, DAY)
    house.portal.fails_next("/chat/completions", 400, {"error": {"message": "no"}})
    with pytest.raises(RequestRejected):
        ask(house)
    assert used(house, DAY) == Used()


def test_a_service_that_was_not_reached_costs_nothing(house, client):
    store(house, DAY)
    route = client.resolve("Hi", model=MODEL, thinking="off", max_tokens=1000)
    error = ServiceUnavailable("cannot be reached")
    error.delivered = False
    assert charged(route, None, error) == Charge("qwen-portal", 0, 0.0, "USD")
    assert charged(route, None, ServiceUnavailable("did not begin to answer")) is None
    assert charged(route, None, LoginRequired("no")) == Charge("qwen-portal", 0, 0.0, "USD")


def test_a_broken_answer_counts_as_its_most_expensive_case(house, client):
    store(house, DAY)
    house.portal.says("a", "b", "c").breaks_after(1)
    with pytest.raises(StreamBroken):
        run(client.ask("Hi", model=MODEL, thinking="off", max_tokens=1000))
    found = used(house, DAY)
    assert (found.settled, found.under_way) == (0, 0)
    assert found.unknown >= 0.01  # 1,000 tokens out


def test_so_does_an_interrupted_one_until_it_is_forgotten(house, client):
    store(house, DAY)

    async def listen():
        events = client.stream("Hi", model=MODEL, thinking="off", max_tokens=1000)
        async for event in events:
            if not isinstance(event, Notice):
                break
        await events.aclose()

    run(listen())
    assert used(house, DAY).unknown >= 0.01
    client.budget.spending.forget()
    assert used(house, DAY) == Used()


def test_every_attempt_reserves_and_settles(house, client):
    """A fallback is counted; the route that failed costs nothing."""
    store(house, Limit(100_000, "tokens", "day"))
    client.models.add_fallback("qwen-portal/vision-model")
    client.models.set_default(MODEL)
    house.portal.fails_next("/chat/completions", 503, times=3)
    house.portal.says("A", usage=USAGE)
    assert run(client.ask("Hi", max_tokens=1000)).model == "qwen-portal/vision-model"
    assert used(house, Limit(100_000, "tokens", "day")) == Used(1100)


def test_a_budget_that_is_exceeded_is_not_evaded_by_a_fallback(house, client):
    client.models.add_fallback("qwen-portal/vision-model")
    client.models.set_default(MODEL)
    with pytest.raises(BudgetExceeded):
        run(client.ask("Hi", max_tokens=1000, budget="500 tokens"))
    assert chats(house) == 0


def test_a_cached_answer_costs_nothing(house, client):
    store(house, Limit(0.02, "USD", "day"))
    ask(house, cache=True)
    for _ in range(3):
        ask(house, cache=True)
    assert chats(house) == 1
    assert used(house, DAY) == Used(pytest.approx(COST))


# -- which limits apply --------------------------------------------------------------------


def test_a_limit_of_another_provider_does_not_apply(house, client):
    store(house, Limit(1, "tokens", "day", "openrouter"))
    assert ask(house)


def test_the_limit_of_a_call_covers_its_rounds(house, client):
    """Two rounds of a tool loop share one limit: the second one does not fit."""

    def weather(city: str) -> str:
        """The weather."""
        return "sunny " * 2_000

    house.portal.calls("weather", {"city": "Rome"})
    with pytest.raises(BudgetExceeded, match="for this call"):
        run(
            client.ask(
                "Hi", model=MODEL, thinking="off", max_tokens=100, tools=[weather], budget="1500 tokens"
            )
        )
    assert chats(house) == 1


def test_the_limit_of_a_client_covers_its_life(house, client):
    own = house.another()
    limited = Client(
        store=house.store, transport=house.portal.transport(), runtime=own.runtime, budget="0.02 USD"
    )
    ask(house, limited)
    with pytest.raises(BudgetExceeded, match="for this client"):
        ask(house, limited, max_tokens=2000)
    assert ask(house, max_tokens=2000)
    assert limited.sibling().budget.own == limited.budget.own


def test_days_and_months_end(house, client):
    store(house, Limit(0.013, "USD", "day"), Limit(0.016, "USD", "month"))
    ask(house)
    with pytest.raises(BudgetExceeded, match="per day"):
        ask(house)
    house.clock.now += 86_400  # START is in the middle of a month
    ask(house)
    house.clock.now += 86_400
    with pytest.raises(BudgetExceeded, match="per month"):
        ask(house)
    house.clock.now += 31 * 86_400
    assert ask(house)


@pytest.mark.parametrize("unit", ["USD", "CNY"])
def test_money_cannot_limit_what_has_no_price_in_it_and_says_so(house, client, unit):
    store(house, Limit(0.0001, unit, "day"))
    model = MODEL if unit == "CNY" else "qwen-portal/vision-model"

    async def notices():
        return [e.text async for e in client.stream("Hi", model=model) if isinstance(e, Notice)]

    assert f"no price of qwen-portal in {unit} is known; tokens limit it" in " ".join(run(notices()))


def test_a_limit_of_a_call_that_does_not_hold_is_logged_once(house, client, caplog):
    ask(house, budget="10 CNY")
    assert [r.getMessage() for r in caplog.records] == [
        "10 CNY for this call does not cover this: no price of qwen-portal in CNY is known; tokens limit it"
    ]


def test_tokens_limit_what_has_no_price(house, client):
    store(house, Limit(500, "tokens", "day"))
    with pytest.raises(BudgetExceeded):
        run(client.ask("Hi", model="qwen-portal/vision-model", max_tokens=1000))


def test_a_limit_that_is_near_is_noted(house, client):
    store(house, Limit(3400, "tokens", "day"))

    async def notices():
        return [
            e.text
            async for e in client.stream("Hi", model=MODEL, thinking="off", max_tokens=1000)
            if isinstance(e, Notice)
        ]

    for _ in range(2):
        house.portal.says("A", usage=USAGE)
        assert run(notices()) == []
    house.portal.says("A", usage={"prompt_tokens": 600, "completion_tokens": 10})
    assert run(notices()) == ["more than 80 % of 3,400 tokens per day used"]


@pytest.mark.parametrize("budget", ["a lot", "2", "-1 USD", "", 2, "0 USD"])
def test_an_amount_that_cannot_be_read_is_a_usage_error(client, budget):
    with pytest.raises(UsageError, match="2USD, 10CNY or 500k"):
        run(client.ask("Hi", model=MODEL, budget=budget))


# -- refusing rather than forgetting -------------------------------------------------------


def test_without_a_journal_a_budget_refuses(house, client):
    store(house, DAY)
    client.recording.journal = False
    with pytest.raises(BudgetExceeded) as caught:
        ask(house)
    assert caught.value.hint == "%config OpenClaw.journal = True"
    assert chats(house) == 0


def test_where_the_journal_cannot_be_written_a_budget_refuses(house, client):
    store(house, DAY)
    house.home.journal.mkdir()
    with pytest.raises(BudgetExceeded, match="cannot be checked") as caught:
        ask(house)
    assert caught.value.hint.startswith("%openclaw doctor; ")
    assert chats(house) == 0


def test_where_the_limits_cannot_be_read_a_budget_refuses(house, client):
    store(house, DAY)
    house.home.budget.write_text("{")
    with pytest.raises(BudgetExceeded, match="damaged"):
        ask(house)
    assert chats(house) == 0


def test_a_journal_that_was_begun_anew_is_noticed(house, client):
    limit = Limit(0.02, "USD", "day")
    client.budget.set(limit, client.recorder.journal.usage)
    ask(house)
    run(client.aclose())
    for file in house.home.own_dir.glob("journal.sqlite*"):
        file.unlink()
    with pytest.raises(BudgetExceeded, match="begun anew") as caught:
        ask(house)
    assert caught.value.hint.startswith("%openclaw budget set 0.02USD --per day counts from now")
    client.budget.set(limit, client.recorder.journal.usage)
    assert ask(house)


def test_the_sums_of_a_client_are_not_begun_anew(house, client):
    client.budget.own = limit_for("1 USD", "client")
    ask(house)
    client.budget.close()
    house.home.journal.write_bytes(b"damaged " * 2048)
    with pytest.raises(BudgetExceeded, match=r"what was spent before is not known \(the damaged one is"):
        ask(house)
    client.budget.own = limit_for("1 USD", "client")
    assert ask(house)


def test_the_first_limit_counts_what_was_spent_before_it(house, client):
    ask(house)
    client.recorder.flush()
    client.budget.set(Limit(0.02, "USD", "month"), client.recorder.journal.usage)
    assert used(house, Limit(0.02, "USD", "month")) == Used(pytest.approx(COST))
    client.budget.set(DAY, client.recorder.journal.usage)  # not twice
    assert used(house, DAY) == Used(pytest.approx(COST))


def test_what_could_not_be_settled_is_settled_later(house, client):
    budget = Budget(house.home, house.clock, lambda: True)
    limit = limit_for("1 USD", "call")
    held = budget.reserve(Charge("p", 10, 0.5, "USD"), limit)
    blocker = sqlite3.connect(house.home.journal)
    blocker.execute("BEGIN EXCLUSIVE")
    budget.settle(held, Charge("p", 10, 0.1, "USD"))
    blocker.rollback()
    blocker.close()
    budget.settle(budget.reserve(Charge("p", 10, 0.9, "USD"), limit), None)
    assert used(house, limit, limit.scope) == Used(pytest.approx(0.1), pytest.approx(0.9))


def test_without_a_limit_no_file_is_made(house, client):
    client.recording.journal = False
    ask(house)
    assert not house.home.budget.exists()
    assert "spending" not in vars(client.budget)


def test_a_lasting_reservation_is_settled_by_any_process(house, client):
    store(house, DAY)
    held = client.budget.reserve(Charge("qwen-portal", 10, 0.4, "USD"), lasting=True)
    assert used(house, DAY) == Used(batches=0.4)
    other = Budget(house.home, house.clock, lambda: True)
    with pytest.raises(BudgetExceeded) as caught:
        other.reserve(Charge("qwen-portal", 10, 0.7, "USD"))
    assert not caught.value.under_way
    other.settle(held.number, Charge("qwen-portal", 10, 0.1, "USD"))
    assert used(house, DAY) == Used(0.1)
