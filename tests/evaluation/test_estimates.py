"""The statistics, compared with scipy and with the truth of simulated runs."""

from math import inf
from random import Random

import pytest
from scipy.stats import binom, binomtest

from openclaw_ipython.evaluation.estimates import allowed_errors, sign_test, threshold, wilson_interval

COUNTS = [(right, trials) for trials in (1, 2, 7, 30, 400) for right in sorted({0, 1, trials // 3, trials})]


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("right", "trials"), COUNTS)
def test_the_interval_is_wilsons(right, trials, confidence):
    expected = binomtest(right, trials).proportion_ci(confidence, "wilson")
    assert wilson_interval(right, trials, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )
    assert right or wilson_interval(right, trials, confidence)[0] == 0
    assert right < trials or wilson_interval(right, trials, confidence)[1] == 1


def test_of_no_rows_nothing_is_known():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("rows", [20, 50, 100, 200, 1000])
@pytest.mark.parametrize("truths", [(0.5, 1.0), (0.7, 0.7), (0.85, 0.95)])
def test_intervals_cover_the_truth(rows, truths):
    """On average over accuracies; near 0 and 1 single ones are covered less often, as the docs say."""
    random = Random(rows)
    covered = 0
    for _ in range(1000):
        truth = random.uniform(*truths)
        low, high = wilson_interval(sum(random.random() < truth for _ in range(rows)), rows)
        covered += low <= truth <= high
    assert covered >= 930


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 3), (2, 9), (9, 2), (40, 20), (700, 560)])
def test_the_paired_comparison_is_the_exact_test_of_a_fair_coin(first, second):
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert sign_test(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("trials", [1, 58, 59, 100, 500, 3000])
@pytest.mark.parametrize(("rate", "confidence"), [(0.05, 0.95), (0.01, 0.9), (0.3, 0.99)])
def test_so_many_errors_are_allowed_as_the_exact_bound_allows(trials, rate, confidence):
    def bound(errors):  # the upper Clopper-Pearson bound, one-sided
        return binomtest(errors, trials).proportion_ci(2 * confidence - 1, "exact").high

    allowed = allowed_errors(trials, rate, confidence)
    assert allowed < 0 or bound(allowed) <= rate
    assert bound(allowed + 1) > rate
    assert binom.cdf(allowed, trials, rate) <= 1 - confidence


SURE = [(99.0, False)] * 90


@pytest.mark.parametrize(
    ("sample", "lowest"),
    [
        (SURE + [(60.0, True)] * 10, 99.0),  # of 100, one error is allowed
        ([*SURE, (60.0, True), *[(60.0, False)] * 9], 60.0),
        ([*SURE, (60.0, True), (50.0, True), *[(60.0, False)] * 8], 60.0),
        ([(99.0, True)] * 2 + SURE + [(60.0, False)] * 8, inf),  # the surest answers are wrong
        (SURE[:58], inf),  # too few
        ([], inf),
    ],
    ids=["wrong where unsure", "all", "all but the least sure", "none", "too few", "no sample"],
)
def test_the_lowest_score_is_accepted_that_the_errors_allow(sample, lowest):
    Random(1).shuffle(sample)
    assert threshold(sample, 0.05, 0.95) == lowest
