"""The statistics of `oc.compare` and `oc.filter`. Pure; `docs/compare.md` and `docs/filter.md` name the sources."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from math import comb, exp, inf, log, log1p, sqrt
from statistics import NormalDist


def wilson_interval(right: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval (1927) for the probability of which `right` of `trials` are a sample."""
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = right / trials, z * z / trials
    half = z * sqrt(share * (1 - share) / trials + weight / trials / 4)
    middle = share + weight / 2
    low = (middle - half) / (1 + weight) if right else 0.0  # exactly, where rounding errors would show
    high = (middle + half) / (1 + weight) if right < trials else 1.0
    return low, high


def sign_test(first: int, second: int) -> float:
    """The two-sided p-value of the exact McNemar test: of two answers, one alone is right in so many rows each."""
    rows = first + second
    ways = sum(comb(rows, count) for count in range(min(first, second) + 1))
    return min(1.0, 2 * ways / (1 << rows))


def allowed_errors(trials: int, rate: float, confidence: float) -> int:
    """The most errors in `trials` that show an error rate of at most `rate`; -1 if even none does not.

    The Clopper-Pearson upper bound (1934) of a count is at most `rate` exactly when so few errors, or fewer, have a
    probability of at most `1 - confidence` at that rate.
    """
    tail = 0.0
    for count in range(trials):
        tail += exp(log(comb(trials, count)) + count * log(rate) + (trials - count) * log1p(-rate))
        if tail > 1 - confidence:
            return count - 1
    return trials - 1


def threshold(sample: Iterable[tuple[float, bool]], rate: float, confidence: float) -> float:
    """The lowest score from which on answers may be accepted; infinity if no answer may be.

    `sample` has score and whether it is wrong for the answers to random rows. With probability `confidence`, at most
    the share `rate` of all rows is both accepted and wrong, whatever the scores mean: a higher threshold never accepts
    more wrong answers, so the bound at one threshold also holds for the chosen one (Bates et al., J. ACM 68, 2021).
    """
    ranked = sorted(sample, reverse=True)
    allowed, lowest = allowed_errors(len(ranked), rate, confidence), inf
    for score, answers in groupby(ranked, key=lambda one: one[0]):
        allowed -= sum(wrong for _score, wrong in answers)
        if allowed < 0:
            break
        lowest = score
    return lowest
