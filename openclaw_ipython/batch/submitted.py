"""Batches that a service has: their state, their answers into the journal, and what they leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.batch_api.records import BatchRecord, BatchRecords
from openclaw_ipython.batch_api.sender import run_steps
from openclaw_ipython.batch_api.steps import clean_up, fetch
from openclaw_ipython.batch_api.wire import read_row
from openclaw_ipython.chat.endings import is_complete
from openclaw_ipython.chat.types import Reply
from openclaw_ipython.dispatch.budget import charged
from openclaw_ipython.dispatch.cache import decode_reply, encode_reply
from openclaw_ipython.dispatch.pricing import priced
from openclaw_ipython.dispatch.send import SentRequest
from openclaw_ipython.errors import OpenClawError, StreamBroken
from openclaw_ipython.i18n import _
from openclaw_ipython.journal.spending import Charge

if TYPE_CHECKING:
    from openclaw_ipython.batch_api.services import BatchService
    from openclaw_ipython.batch_api.wire import BatchState
    from openclaw_ipython.client import Client
    from openclaw_ipython.dispatch.failover import ResolvedRequest


def batch_route(route: ResolvedRequest, service: BatchService) -> ResolvedRequest:
    """`route` at the price of a batch, without a prompt cache; no other takes its place, as that would cost more."""
    url = service.url(route.url) if service.form == "chat" else route.url
    asked = replace(route.unadapted or route.request, shared=None)
    price = service.price(route.price)
    return replace(route, kind="batch", url=url, unadapted=asked, price=price, alternatives=())


def total(route: ResolvedRequest, charges: Iterable[Charge]) -> Charge:
    """The sum of charges; its amount is None if one of theirs is."""
    tokens, amount, currency = 0, 0.0, "USD"
    for charge in charges:
        tokens += charge.tokens
        if charge.amount is None:
            currency = ""
        else:
            amount += charge.amount
    return Charge(route.ref.provider, tokens, amount if currency else None, currency)


class SubmittedBatches:
    """The batches at the service of `route`. To be made on the event loop of `client`.

    `run` carries out steps of `batch_api.steps`.
    """

    def __init__(self, client: Client, route: ResolvedRequest) -> None:
        self.at = client.sender.endpoint(route)
        self.records = BatchRecords(client.recorder.journal.jobs)
        self.run = partial(run_steps, self.at, self.records)
        self._client = client
        self._route = route

    async def take(self, record: BatchRecord, state: BatchState) -> Mapping[str, Reply | OpenClawError]:
        """The answers or errors of all rows of an ended batch, after they are in the journal, with what they cost.

        A row that is in neither file is a failed one. Raises the error of the service, and that of the journal.
        """
        client = self._client
        job = client.recorder.journal.jobs.open(record.job)
        known = await asyncio.to_thread(job.results)  # of a fetch that was killed, or of another program
        rows: dict[str, Reply | OpenClawError] = {}
        wanted = set(record.ids)
        charges: list[Charge | None] = []
        for line in await self.run(fetch(state)):
            row = str(line.get("custom_id"))
            if row in wanted and not isinstance(rows.get(row), Reply):
                rows[row] = read_row(line, record.model)
        why = _(
            "the batch ended without an answer for this row: {reason}", reason=state.reason or state.status
        )
        for row in record.ids:
            found = rows.setdefault(row, decode_reply(known.get(row)) or StreamBroken(why))
            outcome, usage = type(found).__name__, None
            if isinstance(found, Reply):
                outcome, usage = "ok", found.usage and priced(found.usage, self._route)
                found.usage = usage
                if is_complete(found):
                    job.store(row, encode_reply(found))
                charges.append(charged(self._route, usage, None))
            if row not in known:
                client.recorder.record(SentRequest(self._route, client.runtime.clock(), 0.0, outcome, usage))
        await asyncio.to_thread(job.flush)
        if job.error is not None:
            raise job.error
        if record.reserved:
            charge = None if None in charges else total(self._route, filter(None, charges))
            await asyncio.to_thread(client.budget.settle, record.reserved, charge)
        files = (*record.files, *state.files)
        await asyncio.to_thread(self.records.save, replace(record, step="fetched", files=files))
        return rows

    async def forget(self, record: BatchRecord) -> str:
        """Delete what a batch has left at the service, and its record; a note about what could not be deleted."""
        stored = {each.name: each for each in await asyncio.to_thread(self.records.all)}
        record = stored.get(record.name, record)
        left = await self.run(clean_up(record))
        if record.reserved and record.step != "fetched":  # it was never created
            await asyncio.to_thread(self._client.budget.settle, record.reserved, total(self._route, ()))
        await asyncio.to_thread(self.records.delete, record)
        return _("not deleted at the service: {files}", files=", ".join(left)) if left else ""
