"""Which model answers which row: a cheap one where it is sure enough, else a strong one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from random import Random

from msgspec import Struct

from openclaw_ipython.evaluation.estimates import allowed_errors, threshold

Opinion = tuple[bool | None, float]
"""Yes, no or no answer, and how sure it is: any number, higher for a surer answer."""


class Decision(Struct, frozen=True):
    """The answers to all rows; None is no answer.

    Answers of the cheap model are taken from `accepted_from` on. In the sample the strong model keeps `sampled_yes`
    rows, of which `lost` would not be kept.
    """

    answers: Sequence[bool | None]
    accepted_from: float = inf
    sampled_yes: int = 0
    lost: int = 0


def decide(
    size: int, ask: Callable[[int, Sequence[int]], Sequence[Opinion]], random: Random,
    *, agreement: float, confidence: float, recall: float | None, sample: int,
) -> Decision:  # fmt: skip
    """The answers to `size` rows; `ask` gives the opinions of the cheap (0) or the strong (1) model on some of them.

    In comparison with the strong model alone, the share `agreement` of all rows gets the same answer, and of the rows
    that it keeps the share `recall` is kept (None: no demand), each with probability `confidence`. Both models answer
    `sample` random rows, 0 for a fifth, at least 100 and at most 500.
    """

    def opinions(model: int, positions: Sequence[int]) -> dict[int, Opinion]:
        return dict(zip(positions, ask(model, positions) if positions else (), strict=True))

    def errors(positions: Iterable[int]) -> Iterable[tuple[float, bool]]:
        for at in positions:
            answer, sure = cheap[at]
            # no answer is never accepted
            yield (-1.0, False) if answer is None else (sure, answer != strong[at][0])

    def accepted(at: int) -> bool:
        answer, sure = cheap.get(at, (None, 0.0))
        return answer is not None and sure >= (yes_from if answer else no_from)

    count = min(sample or min(max(100, size // 5), 500), size)
    # all, or too few to show anything
    if count == size or allowed_errors(count, 1 - agreement, confidence) < 0:
        return Decision([answer for answer, _sure in opinions(1, range(size)).values()])
    drawn = sorted(random.sample(range(size), count))
    strong, cheap = opinions(1, drawn), opinions(0, drawn)
    known = [at for at in drawn if strong[at][0] is not None]
    kept = [at for at in known if strong[at][0]]
    yes_from = no_from = threshold(errors(known), 1 - agreement, confidence)
    if recall is not None:
        no_from = max(yes_from, threshold(errors(kept), 1 - recall, confidence))
    rest = [at for at in range(size) if at not in strong]
    if yes_from < inf:
        cheap |= opinions(0, rest)
    strong |= opinions(1, [at for at in rest if not accepted(at)])
    lost = sum(accepted(at) and not cheap[at][0] for at in kept)
    return Decision([(strong.get(at) or cheap[at])[0] for at in range(size)], yes_from, len(kept), lost)
