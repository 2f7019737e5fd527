"""The cascade with models whose errors are known: 1,000 simulated runs each."""

from math import inf
from random import Random

import numpy as np
import pytest

from openclaw_ipython.evaluation.cascade import decide

RUNS, ROWS = 1000, 1000
DEMANDS = {"agreement": 0.95, "confidence": 0.95, "recall": None, "sample": 0}


def run(truth, answers, sure, seed=0, **demands):
    """The decision, and how often the strong model was asked. The strong model's answers are the truth."""
    strong = []

    def ask(model, positions):
        strong.extend(positions if model else ())
        return [(truth[at], 0) if model else (answers[at], sure[at]) for at in positions]

    return decide(len(truth), ask, Random(seed), **{**DEMANDS, **demands}), len(strong)


def cheap(random, truth, spread, told):
    """A model that is wrong in 10 % of the rows: the chance differs from row to row, and is known to it."""
    chance = random.beta(0.1 * spread, 0.9 * spread, len(truth))
    answers = truth ^ (random.random(len(truth)) < chance)
    return answers.tolist(), told(chance, random).tolist()


TOLD = {
    "knows what it does not know": (2, lambda chance, random: np.rint(100 * (1 - chance))),
    "knows it less well": (5, lambda chance, random: np.rint(100 * (1 - chance))),
    "is sure of itself": (
        2,
        lambda chance, random: np.rint(100 - 5 * chance + random.uniform(-1, 1, len(chance))),
    ),
    "is sure of itself always": (2, lambda chance, random: np.full(len(chance), 99.0)),
    "says anything": (2, lambda chance, random: random.uniform(0, 100, len(chance))),
    "is surest where it is wrong": (2, lambda chance, random: np.rint(100 * chance)),
}


@pytest.mark.parametrize("case", TOLD)
def test_the_stated_agreement_holds_and_a_model_that_knows_its_errors_saves_half_of_the_strong_calls(case):
    spread, told = TOLD[case]
    random = np.random.default_rng(20)
    held, asked = 0, []
    for number in range(RUNS):
        truth = random.random(ROWS) < 0.3
        decision, strong = run(truth.tolist(), *cheap(random, truth, spread, told), seed=number)
        held += np.mean(np.array(decision.answers) == truth) >= 0.95
        asked.append(strong)
    assert held >= 0.95 * RUNS
    if case.startswith("knows"):
        assert np.mean(asked) <= 0.5 * ROWS


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_demanded_recall_holds(share):
    random = np.random.default_rng(7)
    held = 0
    for number in range(RUNS):
        truth = random.random(ROWS) < share
        lazy = (truth & (random.random(ROWS) < 0.6)).tolist()  # it finds only 60 % of what is wanted
        decision, _strong = run(truth.tolist(), lazy, [90] * ROWS, seed=number, recall=0.9)
        held += np.mean(np.array(decision.answers)[truth]) >= 0.9
    assert held >= 0.95 * RUNS


def test_without_a_demand_what_is_lost_is_counted():
    truth = [at % 100 == 0 for at in range(1000)]
    decision, strong = run(truth, [False] * 1000, [90] * 1000)
    assert strong == 200
    assert decision.lost == decision.sampled_yes > 0


@pytest.mark.parametrize(
    ("rows", "demands"), [(100, {}), (1000, {"sample": 58}), (90, {"sample": 1000}), (0, {})]
)
def test_the_strong_model_answers_all_where_a_sample_shows_nothing(rows, demands):
    decision, strong = run([True] * rows, [False] * rows, [100] * rows, **demands)
    assert strong == rows
    assert decision.answers == [True] * rows


def asked(truth, answers, seed=0):
    """The decision, and which model was asked about which rows."""
    log = []

    def ask(model, positions):
        log.append((model, list(positions)))
        return [((answers, truth)[model][at], 100) for at in positions]

    return decide(len(truth), ask, Random(seed), **DEMANDS), log


def test_a_cheap_model_that_is_no_use_is_asked_about_the_sample_only():
    decision, log = asked([True] * 1000, [False] * 1000)
    assert [(model, len(rows)) for model, rows in log] == [(1, 200), (0, 200), (1, 800)]
    assert decision.accepted_from == inf


def test_a_strong_model_that_is_not_needed_is_asked_about_the_sample_only():
    decision, log = asked([True] * 1000, [True] * 1000)
    assert [(model, len(rows)) for model, rows in log] == [(1, 200), (0, 200), (0, 800)]
    assert decision.answers == [True] * 1000


def test_a_row_without_an_answer_of_the_cheap_model_goes_to_the_strong_one():
    answers = [None if at % 10 == 0 else True for at in range(1000)]
    decision, strong = run([True] * 1000, answers, [100] * 1000)
    assert decision.answers == [True] * 1000
    assert 200 + 70 <= strong <= 200 + 90


def test_a_row_without_an_answer_of_the_strong_model_is_undecided_and_calibrates_nothing():
    truth = [None if at % 10 == 0 else True for at in range(1000)]
    decision, _strong = run(truth, [True] * 1000, [100] * 1000)
    assert set(decision.answers) == {True, None}
    assert decision.answers.count(None) < 100  # those of the sample; the cheap model answers the others


def test_the_same_seed_draws_the_same_sample():
    first, second, other = (asked([True] * 1000, [True] * 1000, seed)[1] for seed in (1, 1, 2))
    assert first == second != other
