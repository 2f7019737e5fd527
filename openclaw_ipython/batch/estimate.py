"""What a batch would take, estimated from a sample of its rows: tokens, cost and time. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import structs

from openclaw_ipython.batch.plan import Item
from openclaw_ipython.batch.progress import short_count
from openclaw_ipython.batch.request import chat_request
from openclaw_ipython.chat import token_estimate
from openclaw_ipython.chat.completions import parts_of
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Plan
    from openclaw_ipython.batch.rate_limit import Limits
    from openclaw_ipython.batch.rows import ItemSource, Row
    from openclaw_ipython.batch.run import BatchRun
    from openclaw_ipython.chat.types import ChatRequest
    from openclaw_ipython.dispatch.failover import ResolvedRequest

SAMPLE = 200
"""The most rows of which the prompts are made for an estimate."""

SAID_FROM_DOLLARS, SAID_FROM_TOKENS = 1.0, 1_000_000
"""A batch that is expected to take this much says so before it is sent."""

_ANSWER = (10, 1_000)  # tokens of an answer, where neither the journal nor the call says more
_SHORTEST_OBJECT, _FIELD = 5, 200  # tokens, with a schema
_THINKING = (50, 8_192)
_SECONDS = 3.0  # an answer, where the journal has none
_SPREAD = 3  # between the mean of the journal's answers and the least and the most of this batch
_BATCH_SECONDS = 86_400.0  # the time that a service has for a batch
_HIGHEST_RATE = 1_000.0  # answers a second of one process


@dataclass(frozen=True, repr=False)
class BatchEstimate:
    """What a batch is expected to take; nothing was sent. Pairs are the least and the most.

    `rows` are to be sent, `known` have an answer already. `cost` is in US dollars, None where the price of the model is
    unknown; `seconds` is the time at the pace that the limits, and earlier answers of the model, allow.
    """

    model: str
    rows: int
    known: int
    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    cost: tuple[float, float] | None
    seconds: float

    @property
    def expected_cost(self) -> float | None:
        """The middle of the range of the cost."""
        return sum(self.cost) / 2 if self.cost is not None else None

    @property
    def is_large(self) -> bool:
        """Whether it is worth a line before the batch is sent."""
        tokens = sum((*self.input_tokens, *self.output_tokens)) / 2
        return tokens >= SAID_FROM_TOKENS or (self.expected_cost or 0) >= SAID_FROM_DOLLARS

    def __repr__(self) -> str:
        if not self.rows + self.known:
            return _("no rows: nothing would be sent")
        parts = [_("rows to {model}: {rows:,}", rows=self.rows, model=self.model)]
        if self.known:
            parts.append(_("{count:,} answered already", count=self.known))
        least, most = self.cost or (0, 0)
        parts += [
            _(
                "about {came_in} tokens in, {out} out",
                came_in=_range(*map(short_count, self.input_tokens)),
                out=_range(*map(short_count, self.output_tokens)),
            ),
            _range(_dollars(least), _dollars(most)) if self.cost is not None else _("price unknown"),
            _("about {time}", time=_time(self.seconds)),
        ]
        return " · ".join(parts)


NO_ROWS = BatchEstimate("", 0, 0, (0, 0), (0, 0), (0.0, 0.0), 0.0)


def estimate(batch: BatchRun, source: ItemSource, limits: Limits) -> BatchEstimate:
    """The estimate for the rows of `source`, which can be pulled again."""
    plan, route, cache = batch.plan, batch.route, batch.cache
    answer, seconds = batch.client.recorder.journal.usage.past_answers(str(route.ref), "map")
    size = source.size if source.size is not None else sum(1 for _row in source.data)
    pictures = 1 if plan.images is not None else 0
    sent: list[tuple[_Input, _Input]] = []
    known = failed = 0
    for row in _sample(source, size):
        try:
            item = Item(structs.replace(plan, images=None), row)
        except OpenClawError:
            failed += 1
            continue
        if batch.checkpoint.has(item) or (cache is not None and cache.get(route, item.request) is not None):
            known += 1
        else:
            sent.append(_input_of(chat_request(route, item.request), pictures))
    sampled = max(1, len(sent) + known + failed)
    rows = round(size * len(sent) / sampled)
    scale = rows / max(1, len(sent))
    inputs = list(zip(*sent, strict=True)) or [(), ()]
    outputs = _outputs(route, plan, answer)
    came_in = [round(scale * sum(map(sum, each))) for each in inputs]
    costs = [_cost(route, *each, scale) for each in zip(inputs, outputs, strict=True)]
    rate = min(limits.concurrency / (seconds or _SECONDS), _HIGHEST_RATE)
    if limits.requests_per_minute is not None:
        rate = min(rate, limits.requests_per_minute / 60)
    if limits.tokens_per_minute is not None:
        of_row = (sum(came_in) / max(1, rows) + sum(outputs)) / 2
        rate = min(rate, limits.tokens_per_minute / 60 / max(1, of_row))
    return BatchEstimate(
        str(route.ref),
        rows,
        round(size * known / sampled),
        (came_in[0], came_in[1]),
        (rows * outputs[0], rows * outputs[1]),
        (costs[0], costs[1]) if route.price is not None else None,
        rows / rate if route.kind == "map" else _BATCH_SECONDS,
    )


_Input = tuple[int, int]
"""The input tokens of a row: those up to the mark for the prompt cache, and the others."""


def _sample(source: ItemSource, size: int) -> Iterable[Row]:
    """At most `SAMPLE` rows: evenly from a list or table, else the first ones."""
    if not source.is_list:
        return islice(source.rows(), SAMPLE)
    step = -(-size // SAMPLE) or 1
    rows = structs.replace(source, data=source.data[::step]).rows()
    return (structs.replace(row, position=row.position * step) for row in rows)


def _input_of(request: ChatRequest, pictures: int) -> tuple[_Input, _Input]:
    """The least and the most input tokens of a request, with so many pictures more."""
    least, most = pictures * token_estimate.PICTURE // 4, pictures * token_estimate.PICTURE * 3
    shared = (0, 0)
    for message in request.messages:
        least, most = least + token_estimate.PER_MESSAGE, most + token_estimate.PER_MESSAGE
        for part in parts_of(message.content):
            low, high = token_estimate.bounds(str(part.get("text", "")))
            least, most = least + low, most + high
            if "cache_control" in part:
                shared = least, most
    return (shared[0], least - shared[0]), (shared[1], most - shared[1])


def _outputs(route: ResolvedRequest, plan: Plan, mean: float | None) -> tuple[int, int]:
    """The least and the most tokens of an answer, thinking included; `mean` is that of earlier ones."""
    least, most = _ANSWER
    if mean is not None:
        least, most = round(mean / _SPREAD), round(mean * _SPREAD)
    elif plan.schema is not None and plan.schema.columns:
        most = min(most, _FIELD * (1 + len(plan.schema.columns)))
    if plan.schema is not None:
        least = min(least, _SHORTEST_OBJECT)
    options = plan.options
    limit = options.get("max_tokens") or route.limit or most
    thinking = _THINKING if options.get("thinking") not in (None, "off") else (0, 0)
    return min(least, limit) + thinking[0], min(most, limit) + thinking[1]


def _cost(route: ResolvedRequest, inputs: Sequence[_Input], output: int, scale: float) -> float:
    """Dollars for all rows; the first one writes what they share to the prompt cache, the others read it."""
    if (price := route.price) is None or not inputs:
        return 0.0
    each = [price.cost(own, output, hit=shared, marked=True) for shared, own in inputs]
    first, _own = inputs[0]
    writing = price.cost(0, 0, written=first) - price.cost(0, 0, hit=first, marked=True)
    return scale * sum(each) + writing


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least}–{most}"


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:.2g}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return _("{count} s", count=max(1, round(seconds)))
    return (
        _("{count} min", count=round(seconds / 60))
        if seconds < 5_400
        else _("{count} h", count=f"{seconds / 3600:.1f}")
    )
