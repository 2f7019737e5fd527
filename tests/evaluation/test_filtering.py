"""oc.filter from call to rows, with models whose answers are known."""

import _thread
import json

import httpx
import pandas
import polars
import pytest

import openclaw_ipython as oc

CASCADE = ("test/cheap", "test/strong")
SMALL = {"agreement": 0.9, "confidence": 0.9, "sample": 40}


def number(prompt):
    return int(prompt.split()[-1])


def divisible(model, prompt):
    """Yes for every third number. The cheap model is wrong, and unsure, where a number ends in 9."""
    n = number(prompt)
    yes = n % 3 == 0
    if model == "strong":
        return json.dumps({"answer": "yes" if yes else "no"})
    wrong = n % 10 == 9
    return json.dumps({"answer": "yes" if yes != wrong else "no", "confidence": 55 if wrong else 90 + n % 10})


@pytest.fixture
def filtered(house, oracle):
    """`filtered(rows, …)` with the client of a test; `.oracle` is the service."""

    def call(rows, prompt="By three? {item}", answer=divisible, **options):
        filtered.oracle = call.oracle = oracle(answer)
        if "cascade" not in options:
            options = {"model": "test/strong"} | options
        return oc.filter(rows, prompt, client=house.client, **{"progress": False} | options)

    return call


def asked(filtered, model):
    return sorted(number(prompt) for name, prompt in filtered.oracle.asked if name == model)


def test_the_rows_with_yes_are_returned_in_their_order(filtered):
    assert filtered([9, 2, 3, 7, 0]) == [9, 3, 0]


def test_of_any_iterable_a_list_is_returned(filtered):
    assert filtered(n for n in range(7)) == [0, 3, 6]
    assert filtered([]) == []


def test_pandas_rows_keep_columns_and_index(filtered):
    frame = pandas.DataFrame({"n": [3, 4, 6], "x": list("abc")}, index=[7, 8, 9])
    pandas.testing.assert_frame_equal(filtered(frame, "By three? {n}"), frame.loc[[7, 9]])
    pandas.testing.assert_series_equal(filtered(frame["n"]), frame["n"].loc[[7, 9]])
    pandas.testing.assert_frame_equal(filtered(frame.loc[[8]], "By three? {n}"), frame.iloc[[]])


def test_polars_rows_keep_columns(filtered):
    frame = polars.DataFrame({"n": [3, 4, 6], "x": list("abc")})
    assert filtered(frame, "By three? {n}").equals(frame[[0, 2]])
    assert filtered(frame["n"]).equals(frame["n"][[0, 2]])
    assert filtered(frame[1:2], "By three? {n}").equals(frame.clear())


@pytest.mark.parametrize("answer", ["Perhaps.", '{"answer": "maybe"}', "{", ""])
def test_what_is_neither_yes_nor_no_is_undecided(filtered, answer):
    frame = pandas.DataFrame({"n": [3, 4, 6]})
    result = filtered(
        frame,
        "By three? {n}",
        lambda model, prompt: answer if number(prompt) == 4 else divisible(model, prompt),
        details=True,
    )
    assert result.answers == [True, None, True]
    assert result.undecided["n"].tolist() == [4]
    assert result.rows["n"].tolist() == [3, 6]
    assert result.summary == "rows kept: 2 of 3 · 1 undecided"


def test_a_row_that_is_refused_is_undecided(filtered):
    refused = httpx.Response(400, json={"error": {"message": "no"}})
    answer = lambda model, prompt: refused if number(prompt) == 4 else divisible(model, prompt)  # noqa: E731
    assert filtered([3, 4], answer=answer, details=True).undecided == [4]


# -- two models ------------------------------------------------------------------------------


def test_the_strong_model_answers_the_sample_and_where_the_cheap_one_is_unsure(filtered):
    result = filtered(range(200), cascade=CASCADE, details=True, **SMALL)
    strong, cheap = asked(filtered, "strong"), asked(filtered, "cheap")
    assert cheap == list(range(200))
    assert len(strong) == len(set(strong)) == result.asked["test/strong"]
    assert {n for n in range(200) if n % 10 == 9} <= set(strong)
    assert 40 + 10 <= len(strong) <= 40 + 20
    assert result.rows == [n for n in range(200) if n % 3 == 0]
    assert 55 < result.threshold <= 99


def test_what_was_asked_and_saved_is_told(filtered, capsys):
    result = filtered(range(200), cascade=CASCADE, details=True, progress=True, **SMALL)
    strong = result.asked["test/strong"]
    assert result.cost == pytest.approx((strong * 1.0 + 200 * 0.1) * 110 / 1e6)
    told = (
        f"rows kept: 67 of 200 · rows that test/strong was asked about: {strong} · "
        f"at least 90.0% as test/strong answers (confidence 90.0%) · ${result.cost:.3g} instead of about $0.022"
    )
    assert result.summary == told
    assert capsys.readouterr().err.endswith(told + "\n")


def test_rows_without_an_answer_of_the_cheap_model_are_asked_of_the_strong_one(filtered):
    def answer(model, prompt):
        return "?" if model == "cheap" and number(prompt) % 20 == 5 else divisible(model, prompt)

    result = filtered(range(200), answer=answer, cascade=CASCADE, details=True, **SMALL)
    assert result.undecided == []
    assert {n for n in range(200) if n % 20 == 5} <= set(asked(filtered, "strong"))


@pytest.mark.parametrize(
    ("rows", "sure", "said"),
    [
        (30, 99, "too few rows to calibrate test/cheap: test/strong answered all"),
        (120, 99, "test/cheap is not reliable enough: test/strong answered all"),
    ],
)
def test_where_the_cheap_model_is_no_use_the_strong_one_answers_all(filtered, rows, sure, said):
    def answer(model, prompt):
        if model == "cheap":
            return json.dumps({"answer": "no" if number(prompt) % 3 == 0 else "yes", "confidence": sure})
        return divisible(model, prompt)

    result = filtered(range(rows), answer=answer, cascade=CASCADE, details=True, **SMALL)
    assert said in result.summary
    assert result.rows == list(range(0, rows, 3))
    assert len(asked(filtered, "cheap")) < rows / 2


def test_rows_that_are_lost_are_told_and_a_demanded_recall_finds_them(filtered):
    def answer(model, prompt):
        if model == "cheap":
            return json.dumps({"answer": "no", "confidence": 99})
        return json.dumps({"answer": "yes" if number(prompt) % 37 == 0 else "no"})

    lost = filtered(range(150), answer=answer, cascade=CASCADE, details=True, **SMALL | {"sample": 60})
    assert "would be lost: recall= limits that" in lost.summary
    found = filtered(range(150), answer=answer, cascade=CASCADE, recall=0.9, **SMALL | {"sample": 60})
    assert found == list(range(0, 150, 37))


# -- again, interrupted, wrong ---------------------------------------------------------------


@pytest.mark.parametrize("at", [20, 70, 150, 245])
def test_an_interrupt_in_any_step_loses_nothing_and_the_same_call_continues(filtered, at):
    def answer(model, prompt):
        if len(filtered.oracle.asked) == at:
            _thread.interrupt_main()
        return divisible(model, prompt)

    with pytest.raises(KeyboardInterrupt, match="the same call resumes from there"):
        filtered(range(200), answer=answer, cascade=CASCADE, concurrency=1, **SMALL)
    before = filtered.oracle.asked
    assert filtered(range(200), cascade=CASCADE, **SMALL) == [n for n in range(200) if n % 3 == 0]
    assert len(set(before) & set(filtered.oracle.asked)) <= 2  # those in flight
    assert filtered(range(200), cascade=CASCADE, **SMALL)
    assert filtered.oracle.asked == []


def test_a_budget_is_for_all_steps_and_the_same_call_continues_with_a_higher_one(filtered):
    limited = {"cascade": CASCADE, "max_tokens": 20, "concurrency": 1, **SMALL}
    with pytest.raises(oc.BudgetExceeded):
        filtered(range(200), budget="20k", **limited)  # the largest step, 160 rows, takes 17,600 tokens
    sent = len(filtered.oracle.asked)
    assert 160 < sent < 185
    assert filtered(range(200), budget="30k", **limited) == [n for n in range(200) if n % 3 == 0]
    assert len(filtered.oracle.asked) < 260 - sent + 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"agreement": 1.0}, "agreement is a share"),
        ({"confidence": 95}, "confidence is a share"),
        ({"recall": 0}, "recall is a share"),
        ({"schema": int}, "schema is not an option of oc.filter"),
        ({"cascade": CASCADE, "model": "test/cheap"}, "model is not an option of oc.filter"),
        ({"prompt": "By three?"}, "no placeholder"),
        ({"cascade": ("test/cheap",)}, "cascade is two models"),
        ({"cascade": "test/cheap"}, "cascade is two models"),
        ({"cascade": ("test/cheap", "test/cheap")}, "cascade has test/cheap twice"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_sent(filtered, options, said):
    with pytest.raises(oc.UsageError, match=said):
        filtered([1, 2, 3], **options)
    assert filtered.oracle.asked == []


def test_the_result_is_shown_in_a_line_in_which_nothing_is_active():
    result = oc.Filtered([], [], [], "<b>\x1b[31m", {}, None, 0)
    assert repr(result) == "<Filtered: <b>>"


def test_a_text_is_no_rows(filtered):
    with pytest.raises(oc.UsageError, match=r"^oc\.filter takes a list"):
        filtered("abc")
