"""Carries the steps of batches out: sends their requests, writes their records, waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from openclaw_ipython.batch_api.records import BatchRecord, BatchRecords
from openclaw_ipython.batch_api.wire import BatchAnswer, BatchCall
from openclaw_ipython.chat.http_errors import parse_error_body
from openclaw_ipython.chat.stream import token_of
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.net.http import BODY_LIMIT, read_capped, translated

if TYPE_CHECKING:
    from openclaw_ipython.batch_api.steps import Steps
    from openclaw_ipython.chat.stream import ChatEndpoint

T = TypeVar("T")

_IDLE = 600.0  # seconds; a service may check a file before it answers
_MOST_BYTES = 2**31


async def run_steps(at: ChatEndpoint, records: BatchRecords, steps: Steps[T]) -> T:
    """The result of steps at the service of `at`. Raises what they raise, and the error of the journal."""
    answer: BatchAnswer | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = None
        match step:
            case BatchCall():
                answer = await _answer(at, step)
            case BatchRecord():
                await asyncio.to_thread(records.save, step)
            case _:
                await at.runtime.sleep(step)


async def _answer(at: ChatEndpoint, call: BatchCall) -> BatchAnswer:
    """The answer to a request, which is sent once."""
    headers = {"Accept": call.accept} | ({"Content-Type": call.content_type} if call.content_type else {})
    try:
        with translated(at.name, at.unreachable_hint):
            response = await at.http.send(
                call.method, at.base_url + call.path, headers=headers, content=call.content, auth=at.auth,
                idle=_IDLE,
            )  # fmt: skip
            try:
                limit = _MOST_BYTES if response.is_success else BODY_LIMIT
                body = await read_capped(response, limit, within=None)
            finally:
                await response.aclose()
    except OpenClawError as failure:
        return BatchAnswer(error=failure)
    if response.is_success:
        return BatchAnswer(body)
    details = parse_error_body(body, response.headers, token_of(response))
    return BatchAnswer(error=at.error(response.status_code, details))
