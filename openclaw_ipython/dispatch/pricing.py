"""What requests cost: an answered one by its usage, and the most that one can cost before it is sent. Pure.

Input tokens have prices of three kinds: plain, read from the prompt cache (a hit), and written to it. Prices are US
dollars; those of a provider are in its file.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from openclaw_ipython.chat import token_estimate
from openclaw_ipython.chat.adapt import has_cache_marks, thinks
from openclaw_ipython.chat.completions import parts_of
from openclaw_ipython.chat.thinking import family_of

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatRequest, Usage
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.providers.spec import Price

ASSUMED_LIMIT = 65_536
"""Tokens of an answer at most, where neither the request nor the model states a limit."""


class WorstCase(NamedTuple):
    """The most that one request can take: tokens, and US dollars, None where the price is unknown."""

    input_tokens: int
    output_tokens: int
    cost: float | None


def input_tokens(usage: Usage) -> tuple[int, int, int]:
    """The input tokens by kind: plain, hit, written. What is not reported as hit or written is plain.

    Some gateways report the tokens written as hits too: where both exceed the prompt, they count as written.
    """
    prompt = usage.input_tokens or 0
    hit, written = usage.cached_tokens or 0, usage.written_tokens or 0
    if written and hit + written > prompt:
        hit, written = 0, max(hit, written)
    hit, written = min(hit, prompt), min(written, prompt)
    return prompt - hit - written, hit, written


def priced(usage: Usage, resolved: ResolvedRequest) -> Usage:
    """`usage` with its cost, as the service reports it, else where the price of the model is known.

    It is an upper bound where the service does not report the hits, or their price is unknown. So it is where the
    tokens written for the marks of the request are not reported: then all that was not hit is priced as written.
    """
    price = resolved.price
    if usage.cost is not None or price is None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    plain, hit, written = input_tokens(usage)
    marked = has_cache_marks(resolved.request.messages)
    unknown_writes = marked and usage.written_tokens is None and price.cache_write is not None
    if unknown_writes:
        plain, written = 0, plain
    cost = price.cost(
        plain, usage.output_tokens, hit, written, marked=marked and usage.written_tokens is not None
    )
    unknown_hits = usage.cached_tokens is None or (hit > 0 and price.cache_read is None)
    return replace(usage, cost=cost, upper_bound=cost > 0 and (unknown_hits or unknown_writes))


def worst_case(resolved: ResolvedRequest) -> WorstCase:
    """The most that the request can take if it is sent once, as it is, by this route.

    The input is estimated cautiously and, with marks for the prompt cache, priced as written. The output is the limit
    of the request or of the model; on DashScope thinking comes on top of it.
    """
    request, price = resolved.request, resolved.price
    output = _most_output(resolved)
    tokens = _most_input(request)
    cost = None
    if price is not None:
        cost = price.cost(tokens, output)
        if has_cache_marks(request.messages):
            cost = max(cost, price.cost(0, output, written=tokens))
    return WorstCase(tokens, output, cost)


def _most_input(request: ChatRequest) -> int:
    tokens = token_estimate.at_most(json.dumps(dict(request.extra), ensure_ascii=False, default=str))
    for message in request.messages:
        parts = parts_of(message.content)
        texts = [str(part["text"]) for part in parts if "text" in part]
        calls = [call.name + call.arguments for call in message.tool_calls]
        tokens += token_estimate.PER_MESSAGE + token_estimate.LARGEST_PICTURE * (len(parts) - len(texts))
        tokens += sum(map(token_estimate.at_most, (message.reasoning, *texts, *calls)))
    return tokens


def _most_output(resolved: ResolvedRequest) -> int:
    request, extra = resolved.request, resolved.request.extra
    of_model = resolved.limit or ASSUMED_LIMIT
    answer = request.max_tokens or extra.get("max_tokens") or extra.get("max_completion_tokens") or of_model
    able = (resolved.family or family_of(request.model)) != "none"
    apart = resolved.dialect.dashscope and able and thinks(extra)
    thinking = (extra.get("thinking_budget") or of_model) if apart else 0
    return int((answer + thinking) * (extra.get("n") or 1))


def cheaper_in_real_time(
    price: Price, *, rows: int, input_tokens: int, output_tokens: int, shared_tokens: int, batch: float = 0.5
) -> bool:
    """Whether `rows` single requests, with a marked prefix in the prompt cache, cost less than the same as a batch.

    `input_tokens` and `output_tokens` are those of one row, `shared_tokens` the part of the input that all rows share.
    A batch has no prompt cache and costs the part `batch` of the price. Source: Model Studio help "Batch", "Context
    cache" (2026-11).
    """
    own = input_tokens - shared_tokens
    first = price.cost(own, output_tokens, written=shared_tokens)
    later = price.cost(own, output_tokens, hit=shared_tokens, marked=True)
    return first + (rows - 1) * later < batch * rows * price.cost(input_tokens, output_tokens)
