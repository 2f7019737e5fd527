"""oc.compare from call to result, with models whose answers are known."""

import _thread
import json
import warnings
from dataclasses import dataclass
from typing import Literal

import httpx
import pandas
import polars
import pytest
from matplotlib.font_manager import get_font_names

import openclaw_ipython as oc

MODELS = ["test/cheap", "test/strong"]
ROWS = [{"n": n, "label": "odd" if n % 2 else "even"} for n in range(20)]
PROMPTS = {"short": "Odd or even? {n}", "long": "Is this number odd or even? {n}"}


def parity(model, prompt):
    """The strong model is right; the cheap one is wrong about every fifth number."""
    n = int(prompt.split()[-1])
    right = "odd" if n % 2 else "even"
    return right if model == "strong" or n % 5 else "maybe"


@pytest.fixture
def compare(house, oracle):
    """`compare(rows, …)` with the client of a test; `.oracle` is the service."""

    def call(rows=ROWS, answer=parity, **options):
        given = {"models": MODELS, "prompts": PROMPTS["short"], "expected": "label", "progress": False}
        call.oracle = oracle(answer)
        return oc.compare(rows, client=house.client, **given | options)

    return call


def test_every_prompt_is_asked_of_every_model_and_the_best_comes_first(compare):
    result = compare(prompts=PROMPTS)
    assert [score.name for score in result.scores] == [
        "short · test/strong", "long · test/strong", "short · test/cheap", "long · test/cheap",
    ]  # fmt: skip
    assert result.best is result.scores[0]
    assert [score.accuracy for score in result.scores] == [1.0, 1.0, 0.8, 0.8]
    assert len(set(compare.oracle.asked)) == len(compare.oracle.asked) == 80


def test_a_score_has_interval_cost_time_and_tokens(compare):
    cheap = compare().scores[1]
    assert (cheap.right, cheap.rows) == (16, 20)
    assert (round(cheap.low, 2), round(cheap.high, 2)) == (0.58, 0.92)
    assert cheap.cost == pytest.approx(20 * 110 * 0.1 / 1e6)
    assert (cheap.tokens_in, cheap.tokens_out) == (2000, 200)
    assert cheap.seconds_median <= cheap.seconds_p90
    assert cheap.errors == {}


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame])
def test_tables_are_of_the_library_of_the_rows(compare, frame):
    result = compare(frame(ROWS))
    assert isinstance(result.table, frame)
    assert list(result.table["model"]) == ["test/strong", "test/cheap"]
    assert isinstance(result.disagreements, frame)
    shown = result.disagreements.to_dict(
        **({"orient": "list"} if frame is pandas.DataFrame else {"as_series": False})
    )
    assert shown == {
        "row": [0, 5, 10, 15],
        "n": [0, 5, 10, 15],
        "label": ["even", "odd", "even", "odd"],
        "prompt 1 · test/strong": ["even", "odd", "even", "odd"],
        "prompt 1 · test/cheap": ["maybe"] * 4,
    }


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("Good.", "good", True),
        (" **GOOD** \n", "good", True),
        ("not good", "good", False),
        ("3", 3, True),
        ("3.0", 3, True),
        ("three", 3, False),
        ("Yes", True, False),
        ("x", None, None),
        ("x", float("nan"), None),
    ],
)
def test_an_answer_is_compared_with_the_column(compare, answer, expected, right):
    result = compare([{"n": 1, "label": expected}], lambda model, prompt: answer, models="test/cheap")
    assert result.best.verdicts == [right]


def test_a_function_decides_about_the_answer_and_its_row(compare):
    result = compare(expected=lambda answer, row: answer == "maybe" and row["n"] == 5)
    assert [score.right for score in result.scores] == [1, 0]
    assert len(result.disagreements) == 1


def test_a_judge_decides_and_is_named(compare):
    def answer(model, prompt):
        if "<answer>" not in prompt:
            return parity(model, prompt)
        judged.append(prompt)
        return json.dumps({"verdict": "wrong" if "<answer>\nmaybe" in prompt else "right"})

    judged = []
    judge = oc.Judge("test/strong", "It is {label}.")
    result = compare(answer=answer, expected=judge, system="Be brief.", max_tokens=5)
    assert [score.right for score in result.scores] == [20, 16]
    assert len(judged) == 24  # the same answer to the same task is judged once
    assert any(
        "What counts as right: It is odd." in prompt and "Odd or even? 5\n" in prompt for prompt in judged
    )
    assert result.judge == "test/strong"
    assert set(result.table["judge"]) == {"test/strong"}
    assert "accuracy, judged by test/strong" in repr(result)


def test_a_row_about_which_the_judge_says_nothing_does_not_count(compare):
    def answer(model, prompt):
        return "no json" if "<answer>" in prompt else parity(model, prompt)

    result = compare(answer=answer, expected=oc.Judge("test/strong"))
    assert result.best.rows == 0
    assert "nan" in repr(result)


@dataclass
class Parity:
    label: Literal["odd", "even"]
    sure: bool


def test_of_a_schema_the_field_of_the_column_is_compared_and_what_does_not_fit_is_wrong(compare):
    def answer(model, prompt):
        if model == "cheap" and prompt.endswith("5"):
            return "I cannot say."
        return json.dumps({"label": parity("strong", prompt), "sure": True})

    result = compare(answer=answer, schema=Parity)
    strong, cheap = result.scores
    assert strong.accuracy == 1.0
    assert cheap.errors == {"SchemaMismatch": 2}
    assert cheap.rows == 20
    assert cheap.answers[5] is None
    assert result.disagreements["row"].tolist() == [5, 15]


def test_a_row_that_is_refused_is_a_row_and_counted_by_kind(compare):
    refused = httpx.Response(400, json={"error": {"message": "no"}})

    def answer(model, prompt):
        return refused if prompt.endswith(" 7") and model == "cheap" else parity("strong", prompt)

    result = compare(answer=answer)
    assert result.scores[1].errors == {"RequestRejected": 1}
    assert (result.scores[1].right, result.scores[1].rows) == (19, 20)


# -- what a difference means -----------------------------------------------------------------


def of(compare, first, second):
    """The verdict on two prompts whose answers are right as these strings say: `x` is right."""
    rows = [{"n": n, "label": "x"} for n in range(len(first))]

    def answer(model, prompt):
        which, n = prompt.split()
        return (first if which == "a" else second)[int(n)]

    return compare(rows, answer, prompts={"a": "a {n}", "b": "b {n}"}, models="test/cheap").verdict


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("x" * 100, "x" * 90 + "-" * 10, "a · test/cheap is better: alone right 10, "
         "b · test/cheap 0 (p = 0.002)"),
        ("x" * 100, "x" * 97 + "-" * 3, "too close to call: alone right a · test/cheap 3, "
         "b · test/cheap 0 (p = 0.25)"),
        ("x" * 99 + "-", "-" + "x" * 99, "a tie: a · test/cheap and b · test/cheap are right on equally many rows"),
        ("xxx-", "xx--", "too close to call: alone right a · test/cheap 1, b · test/cheap 0 (p = 1)"
         " · few rows (4): the best is right between 30% and 95%"),
    ],
    ids=["better", "close", "tie", "tiny"],
)  # fmt: skip
def test_a_difference_is_called_what_it_is(compare, first, second, verdict):
    assert of(compare, first, second) == verdict


def test_equal_models_are_rarely_called_better():
    from random import Random

    from openclaw_ipython.batch.rows import item_source
    from openclaw_ipython.evaluation.asking import RowAnswers
    from openclaw_ipython.evaluation.comparison import Comparison, score_of

    random, called = Random(3), 0
    for _ in range(1000):
        scores = [
            score_of("p", str(m), RowAnswers(), [random.random() < 0.8 for _ in range(60)]) for m in range(4)
        ]
        called += "better" in Comparison(item_source([]), scores).verdict
    assert called <= 50


# -- again, interrupted, limited -------------------------------------------------------------


def test_the_same_call_sends_nothing_and_a_new_prompt_only_its_own_questions(compare):
    first = compare()
    again = compare()
    assert compare.oracle.asked == []
    assert repr(again.table) == repr(first.table)
    compare(prompts={"short": PROMPTS["short"], "long": PROMPTS["long"]})
    assert {prompt.rpartition(" ")[0] for _model, prompt in compare.oracle.asked} == {
        "Is this number odd or even?"
    }


def test_without_the_cache_everything_is_sent_again(compare):
    compare(cache=False)
    compare(cache=False)
    assert len(compare.oracle.asked) == 40


@pytest.mark.parametrize("at", [3, 27])
def test_an_interrupt_loses_nothing_and_the_same_call_continues(compare, at):
    def answer(model, prompt):
        if len(compare.oracle.asked) == at:
            _thread.interrupt_main()
        return parity(model, prompt)

    with pytest.raises(KeyboardInterrupt, match="the same call resumes from there"):
        compare(answer=answer, concurrency=1)
    sent = compare.oracle.asked
    result = compare()
    assert len(compare.oracle.asked) <= 40 - at + 1  # the one in flight is sent again
    assert {*sent, *compare.oracle.asked} == {
        (m, f"Odd or even? {n}") for m in ("cheap", "strong") for n in range(20)
    }
    assert [score.right for score in result.scores] == [20, 16]


def test_an_error_of_every_row_ends_it_and_the_same_call_continues(compare):
    used_up = httpx.Response(429, json={"error": {"code": "insufficient_quota", "message": "used up"}})
    with pytest.raises(oc.QuotaExceeded):
        compare(answer=lambda model, prompt: used_up if model == "strong" else parity(model, prompt))
    result = compare()
    assert {model for model, _prompt in compare.oracle.asked} == {"strong"}
    assert result.best.accuracy == 1.0


def test_a_budget_is_for_the_whole_call_which_continues_with_a_higher_one(compare):
    limited = {"max_tokens": 20, "concurrency": 1}
    with pytest.raises(oc.BudgetExceeded):
        compare(budget="3k", **limited)  # 20 rows take 2,200 tokens, so one model alone would not pass it
    assert 20 < len(compare.oracle.asked) <= 27
    result = compare(budget="5k", **limited)
    assert len(compare.oracle.asked) < 20
    assert [score.right for score in result.scores] == [20, 16]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expected": "lable"}, "no column lable"),
        ({"expected": 3}, "expected is a column, a function"),
        ({"expected": oc.Judge("test/strong", "It is {gold}.")}, "{gold} names no column"),
        ({"rows": "abc"}, "^oc.compare takes a list"),
        ({"prompts": []}, "needs rows and prompts"),
        ({"prompts": ["Odd? {n}", "Odd or even?"]}, "no placeholder"),
        ({"model": "test/cheap"}, "model is not an option of oc.compare"),
        ({"dry_run": True}, "dry_run is not an option of oc.compare"),
        ({"on_error": "raise"}, "on_error is not an option of oc.compare"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_sent(compare, options, said):
    with pytest.raises(oc.UsageError, match=said):
        compare(**options)
    assert compare.oracle.asked == []


def test_no_rows_are_refused(compare):
    with pytest.raises(oc.UsageError, match="needs rows"):
        compare([])


# -- shown -----------------------------------------------------------------------------------


def test_text_and_html_show_the_table_and_the_verdict_and_nothing_in_them_is_active(compare):
    result = compare(prompts={"<b>x</b>\x1b[31m": "Odd or even? {n}"})
    bundle = result._repr_mimebundle_()
    assert "<b>" not in bundle["text/html"]
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]
    assert "58% – 92%" in bundle["text/plain"]
    assert "too close to call" in bundle["text/html"]
    assert bundle["text/plain"] == repr(result)


def test_the_plot_is_a_picture_with_the_table_as_its_text(compare):
    result = compare(prompts={"$a$ {": "Odd or even? {n}", "是奇数吗": "Odd? {n}"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bundle = result.plot()._repr_mimebundle_()
    if any("CJK SC" in name for name in get_font_names()):
        assert [str(one.message) for one in caught if "Glyph" in str(one.message)] == []
    assert set(bundle) == {"image/png", "text/plain"}
    assert "test/strong" in bundle["text/plain"]


def test_progress_names_what_is_asked(compare, capsys):
    compare(progress=True)
    shown = capsys.readouterr().err
    assert "prompt 1 · test/cheap\n20 of 20 answered" in shown
