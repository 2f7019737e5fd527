"""Carries the steps of batches out: sends their requests, writes their records, waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from openclaw_ipython.batch_api.records import BatchRecord, BatchRecords
from openclaw_ipython.batch_api.wire import BatchAnswer, BatchCall
from openclaw_ipython.chat.http_errors import error_for, parse_error_body
from openclaw_ipython.errors import LoginRequired, OpenClawError
from openclaw_ipython.net.http import BODY_LIMIT, read_capped, translated
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.batch_api.steps import Steps
    from openclaw_ipython.chat.stream import ChatEndpoint

T = TypeVar("T")

_IDLE = 600.0  # seconds; a service may check a file before it answers
_MOST_BYTES = 2**31


class BatchSender:
    """Sends to the service of `endpoint`. `records` are the journal's."""

    def __init__(self, endpoint: ChatEndpoint, records: BatchRecords) -> None:
        self._at = endpoint
        self._records = records

    async def run(self, steps: Steps[T]) -> T:
        """The result of the steps. Raises what they raise, and the error of the journal."""
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
                    answer = await self._answer(step)
                case BatchRecord():
                    await asyncio.to_thread(self._records.save, step)
                case _:
                    await self._at.runtime.sleep(step)

    async def _answer(self, call: BatchCall) -> BatchAnswer:
        """The answer to a request, which is sent once."""
        at = self._at
        headers = {"Accept": call.accept} | ({"Content-Type": call.content_type} if call.content_type else {})
        try:
            with translated(at.name, at.unreachable_hint):
                response = await at.http.send(
                    call.method, at.base_url + call.path, headers=headers, content=call.content, auth=at.auth,
                    idle=_IDLE,
                )  # fmt: skip
                try:
                    body = await read_capped(
                        response, _MOST_BYTES if response.is_success else BODY_LIMIT, within=None
                    )
                finally:
                    await response.aclose()
        except OpenClawError as failure:
            return BatchAnswer(error=failure)
        if response.is_success:
            return BatchAnswer(body)
        token = Secret(response.request.headers.get("authorization", "").partition(" ")[2])
        error = error_for(response.status_code, parse_error_body(body, response.headers, token))
        if at.refused_key_hint and isinstance(error, LoginRequired):
            error.hint = at.refused_key_hint
        return BatchAnswer(error=error)
