"""`oc.compare`: several prompts and models on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.batch.rows import PromptTemplate, item_source
from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.errors import UsageError
from openclaw_ipython.evaluation.asking import ask_rows, map_options
from openclaw_ipython.evaluation.comparison import Comparison, score_of
from openclaw_ipython.evaluation.scoring import check_expected, score
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from typing import Unpack

    from openclaw_ipython.batch.mapping import MapKeywords
    from openclaw_ipython.evaluation.scoring import Expected


@brief_in_cells
def compare(
    rows: Iterable[Any],
    *,
    prompts: str | Sequence[str] | Mapping[str, str],
    models: str | Sequence[str] | None = None,
    expected: Expected,
    **options: Unpack[MapKeywords],
) -> Comparison:
    """Ask about the same rows with every prompt and every model, and compare how often the answers are right.

        prompts = {"short": "Good or bad? {text}", "long": "Is the writer of this review content? {text}"}
        result = oc.compare(df, prompts=prompts, models=["qwen-plus", "qwen-flash"], expected="label")
        assert result.best.accuracy > 0.9

    `rows` and each prompt are those of `oc.map`. `prompts` is one prompt, a list, or a dictionary whose keys name them;
    `models` is one model or a list, by default the default model.

    `expected` is the column with the right answers: numbers are compared as numbers, other values as text without case,
    outer blanks, quotes and full stops; of several fields of a `schema`, the one with the name of the column. A row
    without a value in it does not count. Or `expected` is a function, called with an answer and its row, that returns
    whether the answer is right; or `oc.Judge(model)`, a model that decides. A row without an answer is wrong.

    The other options are those of `oc.map`. Answers are cached (`cache=False` turns that off): after an interrupt or an
    error the same call continues, and a call with one more prompt asks only for that one.

    Returns a Comparison: `.table`, `.best`, `.verdict`, `.disagreements`, `.plot()`. Raises UsageError for wrong
    arguments, and what `oc.map` raises.
    """
    given = map_options("oc.compare", options, "model")
    source = item_source(rows)
    if not source.library:  # the rows are read once for each prompt and model
        source = item_source(list(rows))
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, Mapping):
        prompts = {_("prompt {number}", number=at): prompt for at, prompt in enumerate(prompts, 1)}
    first = next(source.rows(), None)
    if first is None or not prompts:
        raise UsageError(_("oc.compare needs rows and prompts"))
    check_expected(expected, first.names)
    for prompt in prompts.values() if given.get("images") is None else ():
        PromptTemplate(prompt).check(first.names)
    schema = given.pop("schema", None)
    scores, notes = [], []
    for name, prompt in prompts.items():
        for model in [models] if isinstance(models, str) or models is None else dict.fromkeys(models):
            label = f"{name} · {model}" if model else name
            asked = {**given, "model": model}
            answers = ask_rows(source.data, prompt, label=label, schema=schema, options=asked)
            verdicts = score(source, answers, expected, prompt, given)
            scores.append(score_of(name, model or answers.model, answers, verdicts))
            notes += answers.notes
    return Comparison(source, scores, expected, tuple(dict.fromkeys(notes)))
