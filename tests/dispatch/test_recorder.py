"""What a client writes down of its requests, and which answers it need not ask for again."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from openclaw_ipython.chat.types import Notice, UsageReport
from openclaw_ipython.client import Client
from openclaw_ipython.dispatch.recorder import Recorder, RecordingOptions, period_text
from openclaw_ipython.errors import LoginRequired, OpenClawError, RequestRejected, StreamBroken
from openclaw_ipython.providers.spec import Quota, Source
from openclaw_ipython.runtime.env import Runtime

ORIGIN = "http://127.0.0.1:8642"  # of the portal of `house`

MODEL = "qwen-portal/coder-model"
SOURCE = Source("a test", "2026-11")


def run(work):
    return asyncio.run(work)


@pytest.fixture
def client(house):
    run(house.login())
    return house.client


def rows(house) -> list[dict]:
    house.client.recorder.flush()
    if not house.home.journal.exists():
        return []
    with closing(sqlite3.connect(house.home.journal)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM usage ORDER BY id")]


def another(house, **options) -> Client:
    runtime = Runtime(house.environ, house.clock, house.clock, house.clock.sleep, lambda: 0.0)
    return Client(store=house.store, transport=house.portal.transport(), runtime=runtime, **options)


# -- usage ---------------------------------------------------------------------------------


def test_an_answer_is_recorded_with_its_tokens(house, client):
    house.portal.says(
        "A", "B",
        usage={
            "prompt_tokens": 100, "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    )  # fmt: skip
    run(client.ask("Hi"))
    (row,) = rows(house)
    assert (row["at"], row["kind"], row["provider"], row["model"], row["outcome"]) == (
        house.clock.now, "ask", "qwen-portal", MODEL, "ok",
    )  # fmt: skip
    counts = ("input_tokens", "output_tokens", "cached_tokens", "thinking_tokens")
    assert [row[name] for name in counts] == [100, 20, 30, 5]
    assert row["cost"] is None


def test_a_rejected_request_is_recorded_by_the_name_of_its_error(house, client):
    house.portal.fails_next("/chat/completions", 400, {"error": {"message": "no"}})
    with pytest.raises(RequestRejected):
        run(client.ask("Hi"))
    assert [row["outcome"] for row in rows(house)] == ["RequestRejected"]


def test_an_answer_that_ends_early_is_recorded(house, client):
    house.portal.says("a", "b", "c").breaks_after(1)
    with pytest.raises(StreamBroken):
        run(client.ask("Hi"))
    assert [row["outcome"] for row in rows(house)] == ["ended early"]


def test_closing_the_stream_is_recorded_as_an_interrupt(house, client):
    async def listen():
        stream = client.stream("Hi")
        async for event in stream:
            if not isinstance(event, Notice):
                break
        await stream.aclose()

    house.portal.says("a", "b", "c")
    run(listen())
    assert [row["outcome"] for row in rows(house)] == ["interrupted"]


def test_every_attempt_has_its_own_row(house, client):
    client.models.add_fallback("qwen-portal/vision-model")
    house.portal.fails_next("/chat/completions", 503, times=3)
    reply = run(client.ask("Hi"))
    assert reply.model == "qwen-portal/vision-model"
    assert [(row["model"], row["outcome"]) for row in rows(house)] == [
        (MODEL, "ServiceUnavailable"),
        ("qwen-portal/vision-model", "ok"),
    ]


def test_a_request_that_cannot_be_sent_is_not_recorded(house):
    with pytest.raises(LoginRequired):
        run(house.client.ask("Hi", model=MODEL))
    assert rows(house) == []
    assert not house.home.own_dir.exists()


def test_a_client_without_a_journal_makes_no_file(house, client):
    quiet = another(house, journal=False)
    run(quiet.ask("Hi"))
    run(quiet.aclose())
    assert not house.home.own_dir.exists()


def test_closing_the_client_writes_what_is_left(house, client):
    async def ask():
        async with another(house) as other:
            await other.ask("Hi")

    run(ask())
    with sqlite3.connect(house.home.journal) as connection:
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (1,)
    connection.close()


def test_a_broken_journal_does_not_prevent_an_answer(house, client):
    house.home.own_dir.parent.mkdir(exist_ok=True, parents=True)
    house.home.own_dir.write_text("in the way")
    assert run(client.ask("Hi"))
    client.recorder.flush()
    assert isinstance(client.recorder.journal.error, OpenClawError)


# -- cost ----------------------------------------------------------------------------------


def test_the_usage_has_a_cost_where_the_configuration_has_a_price(house, client):
    models = [{"id": "coder-model", "cost": {"input": 2, "output": 10, "cacheRead": 0.2, "cacheWrite": 0}}]
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": f"{ORIGIN}/v1", "models": models}}}}
    )
    details = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 500},
    }
    house.portal.says("A", usage=details)

    async def heard():
        events = client.stream("Hi", model=MODEL)
        return [event.usage.cost async for event in events if isinstance(event, UsageReport)]

    (cost,) = run(heard())
    assert cost == pytest.approx((500 * 2 + 500 * 0.2 + 100 * 10) / 1e6)
    assert rows(house)[0]["cost"] == pytest.approx(cost)
    assert (rows(house)[0]["upper_bound"], rows(house)[0]["written_tokens"]) == (0, None)


def test_input_written_to_the_prompt_cache_is_recorded_and_costs_its_own_price(house, client):
    models = [{"id": "coder-model", "cost": {"input": 2, "output": 10, "cacheRead": 0.2, "cacheWrite": 2.5}}]
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": f"{ORIGIN}/v1", "models": models}}}}
    )
    details = {"cached_tokens": 0, "cache_creation_input_tokens": 600}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": details}
    house.portal.says("A", usage=usage)
    run(client.ask("Hi", model=MODEL))
    row = rows(house)[0]
    assert (row["written_tokens"], row["upper_bound"]) == (600, 0)
    assert row["cost"] == pytest.approx((400 * 2 + 600 * 2.5 + 100 * 10) / 1e6)


def test_a_cost_without_a_count_of_hits_is_an_upper_bound(house, client):
    models = [{"id": "coder-model", "cost": {"input": 2, "output": 10}}]
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": f"{ORIGIN}/v1", "models": models}}}}
    )
    house.portal.says("A", usage={"prompt_tokens": 1000, "completion_tokens": 100})
    reply = run(client.ask("Hi", model=MODEL))
    assert (reply.usage.cost, reply.usage.upper_bound) == (pytest.approx(3000 / 1e6), True)
    assert rows(house)[0]["upper_bound"] == 1


def test_a_copy_of_the_list_price_in_the_configuration_keeps_its_other_kinds(house):
    """A sign-in writes the list price as OpenClaw has it, without hits of prefixes that were not marked."""
    modelstudio = house.client.provider("modelstudio")
    entry = modelstudio.entry("https://x.invalid/v1")
    house.write_config({"models": {"providers": {"modelstudio": {**entry, "apiKey": "sk-made-up-0000"}}}})
    price = house.client.resolve("Hi", model="modelstudio/qwen3.7-plus").price
    assert price == modelstudio.model("qwen3.7-plus").price


@pytest.mark.parametrize(
    "cost",
    [
        None,
        {},
        {"input": 0, "output": 0},
        {"input": "2", "output": 1},
        {"input": 2},
        {"input": -1, "output": 1},
    ],
)
def test_without_a_price_there_is_no_cost(house, client, cost):
    models = [{"id": "coder-model", **({"cost": cost} if cost is not None else {})}]
    house.write_config(
        {"models": {"providers": {"qwen-portal": {"baseUrl": f"{ORIGIN}/v1", "models": models}}}}
    )
    assert run(client.ask("Hi", model=MODEL)).usage.cost is None


def test_a_service_keeps_its_own_price_where_the_configuration_has_none(house):
    house.write_config(
        {
            "models": {
                "providers": {
                    "modelstudio": {"baseUrl": "https://x.invalid/v1", "models": [{"id": "qwen3.7-plus"}]}
                }
            }
        }
    )
    models = house.client.models
    price = models.target(models.resolve("modelstudio/qwen3.7-plus")).model.price
    assert (price.input, price.output) == (0.5, 3)


# -- limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "said"), [(10, False), (2, True), (1, True), (0, False)])
def test_a_daily_limit_that_is_near_is_noted_with_the_next_answer(house, client, limit, said):
    client.recording.daily_limit = limit
    for _ in range(2):
        run(client.ask("Hi"))
    client.recorder.flush()

    async def notices():
        return [event.text async for event in client.stream("Hi") if isinstance(event, Notice)]

    expected = [f"2 of {limit} requests in 24 h used (qwen-portal)"] if said else []
    assert run(notices()) == expected


def test_requests_of_the_day_before_do_not_count(house, client):
    client.recording.daily_limit = 2
    for _ in range(2):
        run(client.ask("Hi"))
    client.recorder.flush()
    house.clock.now += 86_401
    run(client.ask("Hi"))
    client.recorder.flush()
    assert client.recorder.warnings("qwen-portal") == []


def test_the_services_own_limit_is_noted(house):
    recorder = house.client.recorder
    assert [quota.requests for quota in recorder.quotas("qwen-coding-plan")] == [6_000, 45_000, 90_000]
    assert recorder.quotas("an-entry-of-ones-own") == ()


@pytest.mark.parametrize(("seconds", "text"), [(5 * 3600, "5 h"), (86_400, "24 h"), (7 * 86_400, "7 days")])
def test_periods_are_in_hours_or_days(seconds, text):
    assert period_text(seconds) == text


def test_quotas_are_counted_in_their_own_period(house, clock):
    class Known:
        quotas = (Quota(1, 60.0, SOURCE),)

    recorder = Recorder(house.home.journal, RecordingOptions(), {"p": Known()}, clock)
    assert recorder.quotas("p")[0].seconds == 60.0


# -- the cache -----------------------------------------------------------------------------


def test_with_the_cache_on_the_same_request_is_sent_once(house, client):
    cached = another(house, cache=True)
    house.portal.says("Only once.", reasoning=("Hm.",))
    first = run(cached.ask("Hi"))
    sent = len(house.portal.requests)
    second = run(cached.ask("Hi"))
    assert len(house.portal.requests) == sent
    assert (str(second), second.reasoning, second.model) == (str(first), first.reasoning, first.model)
    assert (second.seconds, second.first_text, second.finish_reason) == (
        first.seconds, first.first_text, first.finish_reason,
    )  # fmt: skip
    assert second.usage.cost is None


def test_another_client_of_the_same_home_has_the_answers_too(house, client):
    run(another(house, cache=True).ask("Hi"))
    sent = len(house.portal.requests)
    run(another(house).ask("Hi", cache=True))
    assert len(house.portal.requests) == sent


@pytest.mark.parametrize(
    ("client_says", "call_says", "requests"), [(True, False, 2), (False, True, 1), (True, None, 1)]
)
def test_the_cache_option_of_a_call_overrides_the_clients(house, client, client_says, call_says, requests):
    cached = another(house, cache=client_says)
    before = len(house.portal.requests)
    for _ in range(2):
        run(cached.ask("Hi", cache=call_says))
    assert len(house.portal.requests) - before == requests


def test_a_cache_in_a_file_needs_neither_home_nor_login(house, client, tmp_path):
    path = tmp_path / "answers.sqlite"
    first = run(another(house, cache=path).ask("Hi", model=MODEL))
    assert not house.home.journal.exists()

    async def elsewhere():
        runtime = Runtime({"OPENCLAW_HOME": str(tmp_path / "nowhere")})
        from openclaw_ipython.openclaw.paths import locate
        from openclaw_ipython.openclaw.store import Store

        store = Store(locate({}, tmp_path / "nowhere", lambda p: False), Runtime({}))
        async with Client(store=store, runtime=runtime, cache=path, journal=False) as other:
            return await other.ask("Hi", model=MODEL)

    assert run(elsewhere()) == first
    assert not (tmp_path / "nowhere").exists()


def test_an_answer_of_a_fallback_is_not_cached(house, client):
    client.models.add_fallback("qwen-portal/vision-model")
    cached = another(house, cache=True)
    house.portal.fails_next("/chat/completions", 503, times=3)
    assert run(cached.ask("Hi")).model == "qwen-portal/vision-model"
    assert run(cached.ask("Hi")).model == MODEL


def test_a_stream_closed_early_is_not_cached(house, client):
    cached = another(house, cache=True)

    async def listen():
        stream = cached.stream("Hi")
        async for _ in stream:
            break
        await stream.aclose()

    run(listen())
    assert cached.resolve("Hi").cached_reply is None


def test_a_resolved_request_has_its_cached_reply(house, client):
    cached = another(house, cache=True)
    question = cached.resolve("Hi")
    assert (question.cached_reply, bool(question.cache_key)) == (None, True)
    run(cached.ask(question))
    assert cached.resolve("Hi").cached_reply is not None
    assert cached.resolve("Hi", cache=False).cache_key == ""


def test_a_replay_is_recorded_as_one(house, client):
    client.recording.cache = True
    run(client.ask("Hi"))
    run(client.ask("Hi"))
    assert [(row["outcome"], row["input_tokens"] is None) for row in rows(house)] == [
        ("ok", False),
        ("cache", True),
    ]


def test_without_a_journal_only_a_cache_file_is_written(house, client, tmp_path):
    run(another(house, journal=False, cache=True).ask("Hi"))
    assert not house.home.own_dir.exists()
    path = tmp_path / "answers.sqlite"
    run(another(house, journal=False, cache=path).ask("Hi"))
    assert path.exists()


def test_tools_and_schemas_are_replayed_too(house, client):
    def add(a: int, b: int) -> int:
        """Sum of two."""
        return a + b

    cached = another(house, cache=True)
    house.portal.calls("add", {"a": 1, "b": 2}).says("3")
    first = run(cached.ask("1 + 2?", tools=[add]))
    sent = len(house.portal.requests)
    assert run(cached.ask("1 + 2?", tools=[add])) == first
    assert len(house.portal.requests) == sent


def test_a_cache_file_may_begin_with_a_tilde():
    assert RecordingOptions(cache="~/answers.sqlite").cache_file == Path.home() / "answers.sqlite"
