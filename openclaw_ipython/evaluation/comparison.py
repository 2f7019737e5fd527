"""The result of `oc.compare`: accuracies with intervals, what they cost, and which differences mean something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import comb, nan
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from openclaw_ipython.batch.results import table_library
from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.evaluation.estimates import sign_test, wilson_interval
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.plots import PlotView, draw, literal
from openclaw_ipython.shell.views import MessageView, TableView

if TYPE_CHECKING:
    from openclaw_ipython.batch.rows import ItemSource
    from openclaw_ipython.evaluation.asking import RowAnswers

_WIDE = 0.2
"""An interval of at least this width, 10 points to each side, is mentioned: the rows are few."""

_LEVEL = 0.05


@dataclass(frozen=True)
class Score:
    """How one prompt with one model did.

    `accuracy` is the share of right answers, `low` to `high` its 95 % interval (Wilson); NaN if no row counts. `cost`
    is in US dollars, None if unknown; seconds are those of one answer. `errors` counts failed and incomplete answers by
    kind. `answers` and `verdicts` (right, wrong, or None if not known) are in the order of the rows.
    """

    prompt: str
    model: str
    accuracy: float
    low: float
    high: float
    right: int
    rows: int
    cost: float | None
    seconds_median: float
    seconds_p90: float
    tokens_in: int
    tokens_out: int
    errors: Mapping[str, int]
    answers: Sequence[Any] = field(repr=False)
    verdicts: Sequence[bool | None] = field(repr=False)

    @property
    def name(self) -> str:
        """Prompt and model."""
        return f"{self.prompt} · {self.model}"


def score_of(prompt: str, model: str, answers: RowAnswers, verdicts: Sequence[bool | None]) -> Score:
    """The score of the answers with these verdicts."""
    counted = [right for right in verdicts if right is not None]
    right, rows, seconds = sum(counted), len(counted), answers.seconds
    p90 = quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else (*seconds, nan)[0]
    return Score(
        prompt, model, right / rows if rows else nan, *wilson_interval(right, rows), right, rows, answers.cost,
        median(seconds or [nan]), p90, answers.tokens_in, answers.tokens_out, dict(answers.errors),
        answers.values, verdicts,
    )  # fmt: skip


class Comparison:
    """The `scores` of every prompt with every model: by accuracy, then by cost, then by time, the best first.

    `judge` is the model that decided, or empty.
    """

    def __init__(
        self, source: ItemSource, scores: Iterable[Score], *, judge: str = "", by_answer: bool = True
    ) -> None:
        self._source = source
        self._by_answer = by_answer
        order = lambda one: (not one.rows, -one.accuracy, one.cost or 0.0, one.seconds_median)  # noqa: E731
        self.scores = tuple(sorted(scores, key=order))
        self.judge = judge
        self._heading = _("accuracy, judged by {model}", model=judge) if judge else _("accuracy")

    @property
    def best(self) -> Score:
        """The first of the scores; `verdict` says whether it is better than the next one."""
        return self.scores[0]

    @property
    def verdict(self) -> str:
        """Whether the best is better than the next one, by an exact McNemar test, and whether the rows are few.

        The p-value is multiplied by the number of pairs (Bonferroni), as the best is chosen by the same rows.
        """
        best, sentences = self.best, []
        if len(self.scores) > 1:
            sentences.append(_paired(best, self.scores[1], comb(len(self.scores), 2)))
        if best.high - best.low >= _WIDE:
            sentences.append(
                _("few rows ({rows:,}): the best is right between {low:.0%} and {high:.0%}", **vars(best))
            )
        return " · ".join(sentences)

    @property
    def table(self) -> Any:
        """A row for each score: a DataFrame of the library of the rows; without pandas a list of dictionaries."""
        rows = [vars(one) | {"errors": _counted(one.errors), "judge": self.judge} for one in self.scores]
        hidden = {"answers", "verdicts", *(() if self.judge else ("judge",))}
        return self._frame([{name: row[name] for name in row if name not in hidden} for row in rows])

    @property
    def disagreements(self) -> Any:
        """The rows on which they differ, with a column for the answers of each; in the form of `table`.

        With a column of right answers their answers differ, otherwise one is right and another wrong.
        """
        found = []
        for row in self._source.rows():
            at = row.position
            answers = {one.name: one.answers[at] for one in self.scores}
            verdicts = [one.verdicts[at] for one in self.scores]
            if len(set(map(normalized, answers.values()) if self._by_answer else verdicts)) > 1:
                item = row.item if isinstance(row.item, Mapping) else row.names
                texts = {name: answer and str(answer) for name, answer in answers.items()}
                found.append({"row": at, **item, **texts})
        return self._frame(found)

    @brief_in_cells
    def plot(self) -> PlotView:
        """Accuracies with their intervals, and cost and time of each. Raises UsageError without matplotlib."""

        def paint(figure: Any) -> None:
            axes, shown = figure.subplots(), self.scores[::-1]
            for at, one in enumerate(shown):
                bars = [[max(0.0, one.accuracy - one.low)], [max(0.0, one.high - one.accuracy)]]
                axes.errorbar([one.accuracy], [at], xerr=bars, fmt="o", capsize=3)
                text = f"  {_money(one.cost)} · {one.seconds_median:.2g} s"
                axes.text(1, at, literal(text), va="center", transform=axes.get_yaxis_transform())
            axes.set_yticks(range(len(shown)), [literal(one.name) for one in shown])
            axes.set_ylim(-0.6, len(shown) - 0.4)
            axes.set_xlabel(literal(self._heading))
            axes.xaxis.set_major_formatter(lambda share, _at: f"{share:.0%}")
            axes.spines[["top", "right"]].set_visible(False)

        return draw(self._view(), paint, (8, 1.2 + 0.45 * len(self.scores)))

    def _frame(self, rows: list[dict[str, Any]]) -> Any:
        library = table_library(self._source)
        return import_module(library).DataFrame(rows) if library else rows

    def _view(self) -> TableView:
        columns = {
            _("prompt"): [one.prompt for one in self.scores],
            _("model"): [one.model for one in self.scores],
            self._heading: [f"{one.accuracy:.1%} ({one.right:,}/{one.rows:,})" for one in self.scores],
            _("95 % interval"): [f"{one.low:.0%} – {one.high:.0%}" for one in self.scores],
            _("cost"): [_money(one.cost) for one in self.scores],
            _("median"): [f"{one.seconds_median:.2f} s" for one in self.scores],
            "p90": [f"{one.seconds_p90:.2f} s" for one in self.scores],
            _("tokens"): [f"{one.tokens_in:,} → {one.tokens_out:,}" for one in self.scores],
            _("errors"): [_counted(one.errors) or "–" for one in self.scores],
        }
        return TableView(list(columns), list(zip(*columns.values(), strict=True)))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._view().html() + MessageView(self.verdict).html()}

    def __repr__(self) -> str:
        return f"{self._view().text()}\n{MessageView(self.verdict).text()}".rstrip()


def _paired(best: Score, second: Score, pairs: int) -> str:
    """Whether the best is right more often than the second on the rows that count for both, in a sentence."""
    both = [pair for pair in zip(best.verdicts, second.verdicts, strict=True) if None not in pair]
    first, other = both.count((True, False)), both.count((False, True))
    p = min(1.0, pairs * sign_test(first, other))
    names = {"best": best.name, "second": second.name, "first": first, "other": other, "p": p}
    if first == other:
        return _("a tie: {best} and {second} are right on equally many rows", **names)
    if p < _LEVEL:
        return _("{best} is better: alone right {first:,}, {second} {other:,} (p = {p:.2g})", **names)
    return _("too close to call: alone right {best} {first:,}, {second} {other:,} (p = {p:.2g})", **names)


def _money(cost: float | None) -> str:
    return "–" if cost is None else f"${cost:.4g}"


def _counted(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in errors.items())


def normalized(value: Any) -> str:
    """A value as text without case, outer blanks, quotes and full stops."""
    return " ".join(str(value).casefold().split()).strip(" .!\"'`*")
