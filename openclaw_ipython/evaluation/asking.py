"""Questions to many rows by `oc.map`, with the answers reduced to what a comparison or a filter keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from openclaw_ipython.batch import map as map_items
from openclaw_ipython.batch.progress import progress_for
from openclaw_ipython.dispatch.budget import limit_for
from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.i18n import _


class RowAnswers(Struct):
    """The answers of one model to one prompt, in the order of the rows.

    `values` are parsed answers, or texts without a schema; None where there is none. `errors` counts failed and
    incomplete answers by kind. Seconds, tokens and `cost` (US dollars; None if unknown) are those of the answers when
    they were given, also if they come from the cache now. `model` is the one that was asked.
    """

    values: list[Any] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    model: str = ""


def map_options(function: str, options: Mapping[str, Any], *own: str) -> dict[str, Any]:
    """`options` for all the calls of `oc.map` by one of `function`: cached, and with one budget together.

    Raises UsageError for options that `function` sets itself.
    """
    if name := next((name for name in ("table", "on_error", "dry_run", *own) if name in options), ""):
        raise UsageError(_("{name} is not an option of {function}", name=name, function=function))
    return {"cache": True, **options, "budget": limit_for(options.get("budget"), "call")}


def ask_rows(rows: Any, prompt: str, *, label: str, schema: Any, options: Mapping[str, Any]) -> RowAnswers:
    """Ask about every row by `oc.map`, under a line with `label`."""
    progress_for(None, wanted=options.get("progress", True)).close(label)
    results = map_items(rows, prompt, table=False, schema=schema, **options)
    answers = RowAnswers(errors=Counter(results.tally.incomplete))
    for result in results:
        failed = isinstance(result, OpenClawError)
        if failed:
            answers.errors[type(result).__name__] += 1
        # what does not fit a schema was paid as well
        reply: Any = getattr(result, "reply", None) if failed else result
        answers.values.append(None if failed else str(reply) if schema is None else reply.parsed)
        if reply is None:
            continue
        answers.model = reply.requested_model
        answers.seconds.append(reply.seconds)
        if usage := reply.usage:
            answers.tokens_in += usage.input_tokens or 0
            answers.tokens_out += usage.output_tokens or 0
            if usage.cost is not None:
                answers.cost = (answers.cost or 0.0) + usage.cost
    return answers
