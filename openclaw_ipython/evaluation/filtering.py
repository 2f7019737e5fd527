"""`oc.filter`: the rows for which the answer of a model, or of a cascade of two, is yes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import inf
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from openclaw_ipython.batch.progress import progress_for
from openclaw_ipython.batch.rows import item_source
from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.errors import UsageError
from openclaw_ipython.evaluation.asking import ask_rows, map_options
from openclaw_ipython.evaluation.cascade import Decision, Opinion, decide
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text

if TYPE_CHECKING:
    from typing import Unpack

    from openclaw_ipython.batch.mapping import MapKeywords
    from openclaw_ipython.batch.rows import ItemSource


@dataclass(frozen=True)
class YesOrNo:
    """The answer to the question of a filter."""

    answer: Literal["yes", "no"]


@dataclass(frozen=True)
class SureYesOrNo(YesOrNo):
    """The answer of the cheap model, and how sure it is."""

    confidence: Annotated[
        int, Meta(ge=0, le=100, description="the probability, in percent, that the answer is right")
    ]


@dataclass(frozen=True, repr=False)
class Filtered:
    """The result of `oc.filter(…, details=True)`.

    `rows` are those with the answer yes, `undecided` those without an answer, in the form of the given rows; `answers`
    has True, False or None for each row. `summary` says what was kept, asked and saved. `asked` counts the rows that
    each model was asked about. `cost` is in US dollars, None if unknown; `threshold` is the confidence, in percent,
    that a yes of the cheap model needed, infinity if none was taken.
    """

    rows: Any
    undecided: Any
    answers: Sequence[bool | None]
    summary: str
    asked: Mapping[str, int]
    cost: float | None
    threshold: float

    def __repr__(self) -> str:
        return f"<Filtered: {safe_text(self.summary)}>"


@brief_in_cells
def filter_rows(
    rows: Iterable[Any],
    prompt: str,
    *,
    details: bool = False,
    cascade: tuple[str, str] | None = None,
    agreement: float = 0.95,
    confidence: float = 0.95,
    recall: float | None = None,
    sample: int = 0,
    seed: int = 0,
    **options: Unpack[MapKeywords],
) -> Any:
    """Ask a yes-or-no question about every row, and return the rows for which the answer is yes, in their order.

        late = oc.filter(reviews, "Does the writer complain about the delivery? {text}")
        late = oc.filter(reviews, "… {text}", cascade=("qwen-flash", "qwen-max"), confidence=0.95)

    `rows` and `prompt` are those of `oc.map`; the result is a DataFrame or Series like `rows`, else a list. Rows that
    have no answer (an error, or an answer that is neither yes nor no) are not in it: with `details=True` a Filtered is
    returned, with `.rows`, `.undecided`, `.answers`, and what was asked and saved.

    With `cascade=(cheap, strong)` the strong model answers where the cheap one is not sure enough. Both answer a random
    sample of `sample` rows (by default a fifth, 100 to 500), chosen by `seed`. It shows how sure the cheap one has to
    be, so that with probability `confidence` at least the share `agreement` of the rows gets the answer that the strong
    one gives; with `recall`, also at least this share of the rows that the strong one keeps is kept. The cheap model
    states its confidence in its answer, as every service can; what the number means is measured, not believed.

    The other options are those of `oc.map`. Answers are cached (`cache=False` turns that off): after an interrupt or an
    error the same call continues.

    Raises UsageError for wrong arguments, and what `oc.map` raises.
    """
    given = map_options("oc.filter", options, "schema", *(("model",) if cascade else ()))
    demands: dict[str, Any] = {"agreement": agreement, "confidence": confidence, "recall": recall}
    for name, share in demands.items():
        if share is not None and not 0 < share < 1:
            raise UsageError(_("{name} is a share between 0 and 1", name=name))
    if cascade is not None and (isinstance(cascade, str) or len(cascade) != 2):
        raise UsageError(_("cascade is two models: (cheap, strong)"))
    if cascade is not None and cascade[0] == cascade[1]:
        why = _("cascade has {model} twice: it would only be asked more often", model=cascade[0])
        raise UsageError(why, hint=_("model= asks one model"))
    source = item_source(rows, "oc.filter")
    if not source.library:
        source = item_source(list(rows))
    asked: Counter[str] = Counter()
    costs: defaultdict[str, float] = defaultdict(float)

    def ask(at: int, positions: Sequence[int]) -> list[Opinion]:
        model = cascade[at] if cascade else given.get("model")
        label = _("{model}, rows: {rows:,}", model=model, rows=len(positions)) if cascade else ""
        schema, asked_for = (SureYesOrNo, YesOrNo)[at], {**given, "model": model}
        answers = ask_rows(_rows_at(source, positions), prompt, label=label, schema=schema, options=asked_for)
        asked[model or answers.model] += len(positions)
        if answers.cost is not None:
            costs[model or answers.model] += answers.cost
        return [(one and one.answer == "yes", getattr(one, "confidence", 0)) for one in answers.values]

    size = source.size or 0
    if cascade is None:
        decision = Decision([answer for answer, _sure in ask(1, range(size))])
    else:
        decision = decide(size, ask, Random(seed), sample=sample, **demands)  # noqa: S311 - no secret
    notes = [_("rows kept: {kept:,} of {rows:,}", kept=decision.answers.count(True), rows=size)]
    if None in decision.answers:
        notes.append(_("{count:,} undecided", count=decision.answers.count(None)))
    if cascade is not None:
        notes += _savings(cascade, decision, demands, asked, costs)
    summary = " · ".join(notes)
    progress_for(None, wanted=given.get("progress", True)).close(summary)
    chosen, undecided = (
        _rows_at(source, [at for at, answer in enumerate(decision.answers) if answer is wanted])
        for wanted in (True, None)
    )
    cost = sum(costs.values()) if costs else None
    found = Filtered(chosen, undecided, decision.answers, summary, dict(asked), cost, decision.accepted_from)
    return found if details else chosen


def _savings(
    cascade: tuple[str, str], decision: Decision, demands: Mapping[str, Any],
    asked: Mapping[str, int], costs: Mapping[str, float],
) -> list[str]:  # fmt: skip
    """What was asked and saved, and what holds for the answers."""
    cheap, strong = cascade
    names: dict[str, Any] = {"cheap": cheap, "strong": strong, "asked": asked[strong], **demands}
    if cheap not in asked:
        return [_("too few rows to calibrate {cheap}: {strong} answered all", **names)]
    if decision.accepted_from == inf:
        return [_("{cheap} is not reliable enough: {strong} answered all", **names)]
    notes = [
        _("rows that {strong} was asked about: {asked:,}", **names),
        _("at least {agreement:.1%} as {strong} answers (confidence {confidence:.1%})", **names),
    ]
    if decision.lost and demands["recall"] is None:
        lost = {"lost": decision.lost, "kept": decision.sampled_yes}
        notes.append(_("{lost:,} of {kept:,} yes of the sample would be lost: recall= limits that", **lost))
    if costs.get(strong):
        alone = costs[strong] / asked[strong] * len(decision.answers)
        notes.append(_("${cost:.3g} instead of about ${alone:.3g}", cost=sum(costs.values()), alone=alone))
    return notes


def _rows_at(source: ItemSource, positions: Sequence[int]) -> Any:
    """The rows at these positions, in the form of the given ones."""
    if source.library == "polars":
        return source.data[import_module("polars").Series(positions, dtype=import_module("polars").Int64)]
    return source.data.iloc[positions] if source.library else [source.data[at] for at in positions]
