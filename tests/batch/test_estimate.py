"""The price before the run: the estimate of oc.map beside the bill of the portal, and where it is shown."""

import asyncio
import dataclasses
import json

import pandas
import pytest

import openclaw_ipython as oc
from openclaw_ipython.batch.estimate import NO_ROWS, BatchEstimate
from openclaw_ipython.batch.progress import postfix
from openclaw_ipython.batch.results import ItemResult, Tally
from openclaw_ipython.chat.types import Reply, Usage
from openclaw_ipython.errors import UsageError
from openclaw_ipython.journal.usage import UsageRecord

INTO, OUT = 0.5, 3.0  # dollars a million tokens
MODEL = "qwen-portal/coder-model"
COST = {"input": INTO, "output": OUT, "cacheRead": INTO * 0.1, "cacheWrite": INTO * 1.25}
RUBRIC = "Give one label by this rubric: billing, delivery or other. " * 100
CODE = "def f(x):\n    return {k: v ** 2 for k, v in x.items() if v > 3.14}\n"
CHINESE = "这是一条关于物流配送的用户反馈，包裹晚了三天才送到。"


@dataclasses.dataclass
class Label:
    label: str
    sure: float


@pytest.fixture
def priced(house):
    """A home that is signed in, with a price for the portal's model."""
    asyncio.run(house.login())
    models = house.config()["models"]["providers"]["qwen-portal"]["models"]
    for model in models:
        model["cost"] = COST
    house.client.settings.set("models.providers.qwen-portal.models", json.dumps(models))
    return house


def ask(house, items, prompt="{item}", **options):
    return oc.map(items, prompt, client=house.client, **{"progress": False, "table": False, **options})


BATCHES = {
    "words": (["good", "bad"] * 40, "{item}", {}),
    "sentences": ([f"The parcel {n} came late." for n in range(100)], "Label: {item}", {}),
    "one row": (["good"], "Label: {item}", {}),
    "lengths": (["long " * n for n in range(0, 600, 5)], "Sum up: {item}", {}),
    "sorted": (["x"] * 150 + ["long " * 400] * 150, "Sum up: {item}", {}),
    "code": ([CODE * n for n in range(1, 40)], "What does this do?\n{item}", {}),
    "numbers": ([", ".join(map(str, range(n))) for n in range(5, 105)], "Which is missing? {item}", {}),
    "Chinese": ([CHINESE * n for n in range(1, 30)], "归类：{item}", {}),
    "emoji": (["😀🎉" * n for n in range(1, 30)], "{item}", {}),
    "columns": ([{"a": f"name {n}", "b": n} for n in range(60)], "{a} has {b}", {}),
    "a limit": ([f"text {n}" for n in range(60)], "{item}", {"max_tokens": 12}),
    "a schema": ([f"text {n}" for n in range(60)], "{item}", {"schema": Label}),
    "a system message": ([f"text {n}" for n in range(60)], "{item}", {"system": "Be brief and kind."}),
    "a rubric": ([f"text {n}" for n in range(60)], RUBRIC + "{item}", {}),
    "a rubric and a schema": ([f"text {n}" for n in range(60)], RUBRIC + "{item}", {"schema": Label}),
    "a rubric as system message": ([f"text {n}" for n in range(60)], "{item}", {"system": RUBRIC}),
    "a rubric behind": ([f"text {n}" for n in range(60)], "{item}\n" + RUBRIC, {}),
    "thinking": ([f"text {n}" for n in range(60)], "{item}", {"thinking": "low"}),
    "five hundred": ([f"row {n}: " + "word " * (n % 90) for n in range(500)], "{item}", {}),
    "a set": ({f"text {n}" for n in range(60)}, "{item}", {}),
}


def test_the_portals_bill_is_within_the_estimated_range(priced):
    within = {}
    for name, (items, prompt, options) in BATCHES.items():
        stated = ask(priced, items, prompt, dry_run=True, **options)
        before = priced.portal.bill
        ask(priced, items, prompt, **options)
        bill = priced.portal.bill
        spent = [getattr(bill, kind) - getattr(before, kind) for kind in ("input", "uncached", "output")]
        dollars = (spent[0] * INTO + spent[2] * OUT) / 1e6
        ranges = (stated.cost, stated.input_tokens, stated.output_tokens)
        within[name] = all(
            least <= value <= most for (least, most), value in zip(ranges, (dollars, *spent[1:]), strict=True)
        )
        assert stated.rows == len(items)
    assert len(within) == 20
    assert sum(within.values()) >= 19, within


def test_nothing_is_sent_for_an_estimate(priced):
    sent = len(priced.portal.requests)
    ask(priced, ["a", "b"], dry_run=True)
    assert len(priced.portal.requests) == sent


def test_answers_of_the_model_narrow_the_estimate_and_give_the_pace(priced):
    rows = [f"text {n}" for n in range(60)]
    first = ask(priced, rows, dry_run=True, concurrency=10)
    one = UsageRecord(1.0, "map", "qwen-portal", MODEL, "ok", 100, 30, seconds=6.0)
    others = [
        one._replace(kind="ask"),
        one._replace(outcome="ended early"),
        one._replace(model="qwen-portal/x"),
    ]
    priced.client.recorder.journal.usage.add(
        [one, *(other._replace(output_tokens=9_000) for other in others)]
    )
    second = ask(priced, rows, dry_run=True, concurrency=10)
    assert first.output_tokens == (60 * 10, 60 * 1_000)
    assert second.output_tokens == (60 * 10, 60 * 90)
    assert second.seconds == 60 / 10 * 6.0


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [({"concurrency": 6}, 30.0), ({"requests_per_minute": 6}, 600.0), ({"tokens_per_minute": 60}, None)],
)
def test_the_time_is_that_of_the_lowest_limit(priced, limits, seconds):
    found = ask(priced, ["x"] * 60, dry_run=True, **limits)
    if seconds is None:  # all tokens, the middle of the range, at one a second
        seconds = sum((*found.input_tokens, *found.output_tokens)) / 2
    assert found.seconds == pytest.approx(seconds)


def test_rows_with_an_answer_are_not_paid_again(priced):
    ask(priced, ["a", "b"], cache=True)
    found = ask(priced, ["a", "b", "c", "d"], cache=True, dry_run=True)
    assert (found.rows, found.known) == (2, 2)
    assert "rows to qwen-portal/coder-model: 2 · 2 answered already · about " in repr(found)


def test_rows_of_an_interrupted_run_are_not_paid_again(priced):
    priced.portal.fails_next("/chat/completions", 400, {"error": {"message": "no"}})
    ask(priced, ["a", "b", "c"], concurrency=1)
    found = ask(priced, ["a", "b", "c"], dry_run=True)
    assert (found.rows, found.known) == (1, 2)


def test_a_sample_stands_for_all_rows_and_knows_their_positions(priced):
    items = [f"text {n}" for n in range(600)]
    priced.portal.fails_next("/chat/completions", 400, {"error": {"message": "no"}})  # so the job stays
    ask(priced, items)
    found = ask(priced, pandas.DataFrame({"item": [*items, *items]}), dry_run=True)
    assert (found.rows, found.known) == (pytest.approx(600, abs=6), pytest.approx(600, abs=6))


def test_an_iterator_would_be_used_up(priced):
    with pytest.raises(UsageError, match="use up the iterator") as raised:
        ask(priced, iter(["a"]), dry_run=True)
    assert "list(items)" in raised.value.hint
    assert ask(priced, [], dry_run=True) is NO_ROWS


def test_without_a_price_tokens_and_time_are_estimated(house):
    asyncio.run(house.login())
    found = ask(house, ["a"] * 60, dry_run=True)
    assert found.cost is None
    assert "price unknown" in repr(found)


@pytest.mark.parametrize(
    ("estimate", "large"),
    [
        (BatchEstimate("m", 10, 0, (0, 0), (0, 0), (0.5, 1.4), 1.0), False),
        (BatchEstimate("m", 10, 0, (0, 0), (0, 0), (0.5, 1.5), 1.0), True),
        (BatchEstimate("m", 10, 0, (400_000, 600_000), (0, 900_000), None, 1.0), False),
        (BatchEstimate("m", 10, 0, (400_000, 600_000), (0, 1_000_000), None, 1.0), True),
    ],
)
def test_a_dollar_or_a_million_tokens_is_large(estimate, large):
    assert estimate.is_large is large


def test_a_large_batch_says_its_price_before_it_is_sent(priced, capsys):
    items = [f"{n} " + "word " * 4_000 for n in range(250)]
    ask(priced, items, progress=True)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("rows to qwen-portal/coder-model: 250 · about ")
    ask(priced, items[:20], progress=True)
    assert "rows to" not in capsys.readouterr().err


def test_the_text_of_an_estimate():
    found = BatchEstimate(
        "p/m", 12_000, 0, (3_400_000, 4_100_000), (120_000, 1_200_000), (2.06, 5.65), 1_500.0
    )
    assert repr(found) == (
        "rows to p/m: 12,000 · about 3.4M–4.1M tokens in, 120k–1.2M out · $2.1–$5.7 · about 25 min"
    )


def test_the_progress_line_has_the_cost_so_far_and_the_expected_one():
    tally = Tally(rows=100, estimated_cost=0.25)
    for position in range(11):
        reply = Reply("x", usage=Usage(10, 5, cost=0.01))
        tally.add(ItemResult(position, reply, remembered=position == 0))
        if position == 5:
            assert "$0.05 / $0.25" in postfix(tally, 0)
    assert "$0.1 / $0.99" in postfix(tally, 0)  # 99 rows at a cent
