"""The batch runner: the rows of a call become batches of the service, which are waited for.

Everything that is under way is in the journal, so the same call continues after an interrupt or a kill.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from openclaw_ipython.batch.local import CallerExit
from openclaw_ipython.batch.plan import Item
from openclaw_ipython.batch.request import chat_request
from openclaw_ipython.batch.submitted import SubmittedBatches, batch_route, total
from openclaw_ipython.batch_api.records import BatchRecord
from openclaw_ipython.batch_api.services import BatchService, batch_service
from openclaw_ipython.batch_api.steps import look, submit
from openclaw_ipython.batch_api.wire import BatchState, row_line
from openclaw_ipython.chat.adjustments import AdjustedRequest
from openclaw_ipython.chat.token_estimate import of_messages, of_text
from openclaw_ipython.dispatch.budget import most
from openclaw_ipython.dispatch.pricing import cheaper_in_real_time
from openclaw_ipython.errors import (
    BudgetExceeded,
    ConfigError,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    UsageError,
)
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.run import BatchRun, Finished
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.structured.loop import ModelRequest

_MAX_POLL = 600.0  # seconds
_MIN_CACHED = 1_024  # tokens
_ASSUMED_OUTPUT = 100  # tokens
_MANY = 1_000  # rows, so that the one that writes the cache does not count
_MAX_FAILURES = 20  # looks in a row


def choose(
    wanted: bool | str,
    route: ResolvedRequest,
    under_way: Collection[str],
    first: ModelRequest,
    announce: Callable[[str], None],
) -> tuple[ResolvedRequest, BatchService]:
    """The route at the price of a batch, and the interface. It is announced where single requests would cost less.

    `under_way` are the forms of batches that the call has begun before, `first` its first request. Raises UsageError.
    """
    service = batch_service(route.url, wanted or True)
    if under_way and (not wanted or service.form == "chat"):
        raise UsageError(
            _("rows of this call are in a batch that is under way"),
            hint=_("batch={form!r} waits for it; %openclaw batches list", form=min(under_way)),
        )
    asked, price = route.unadapted or route.request, route.price
    shared = of_messages(first.messages[:-1]) + of_text(asked.shared or "")
    cached = asked.shared is not None and shared >= _MIN_CACHED
    if cached and price is not None and price.cache_read is not None and cheaper_in_real_time(
        price, rows=_MANY, input_tokens=of_messages(first.messages),
        output_tokens=asked.max_tokens or _ASSUMED_OUTPUT, shared_tokens=shared, batch=service.share,
    ):  # fmt: skip
        text = _(
            "without batch= these rows cost less: about {tokens:,} tokens of each come from the prompt cache"
        )
        announce(text.format(tokens=shared))
    return batch_route(route, service), service


def split(sizes: Iterable[tuple[str, int]], service: BatchService) -> list[tuple[str, ...]]:
    """Rows, with their sizes in bytes, as few batches within the limits of the service."""
    parts: list[list[str]] = []
    room = 0
    for row, size in sizes:
        if size > room or len(parts[-1]) == service.max_rows:
            parts.append([])
            room = service.max_bytes
        parts[-1].append(row)
        room -= size
    return [tuple(part) for part in parts]


class BatchRunner:
    """Runs the batches of one call; `announce` is given what is said at once.

    `status` is how far they are, by the counts of the service.
    """

    def __init__(self, batch: BatchRun, service: BatchService, announce: Callable[[str], None]) -> None:
        self.status = ""
        self._batch, self._service, self._announce = batch, service, announce
        self._client, self._route = batch.client, batch.route
        self._waiting: dict[str, Item] = {}
        self._sent: SubmittedBatches  # made on the event loop

    async def results(self) -> AsyncGenerator[Finished, None]:
        """Every item once its answer is in the journal. Raises the error that ends the call."""
        self._sent = SubmittedBatches(self._client, self._route)
        try:
            for row in self._batch.rows:
                begun = self._batch.begin(row, self._route)
                if isinstance(begun, Item):
                    try:
                        self._add(begun)
                        continue
                    except OpenClawError as error:
                        begun = self._batch.failed(row, error)
                yield begun
        except (SystemExit, KeyboardInterrupt) as exception:
            raise CallerExit(exception) from exception
        while records := await self._submitted():
            async for answered in self._answered(records):
                yield answered

    def _add(self, item: Item) -> None:
        if len(self._line(item)) > (most := self._service.max_row_bytes):
            raise RequestRejected(_("the row is larger than {most:,} bytes", most=most))
        self._waiting[item.id] = item

    def _line(self, item: Item) -> bytes:
        request, at = chat_request(self._route, item.request), self._sent.at
        known = at.dialect.adjustments | at.host_memory.known(at.url, request.model)
        body = AdjustedRequest(request, known, at.dialect.name).body
        return row_line(item.id, body, self._service.form, at.base_url)

    # -- submitting ------------------------------------------------------------------------

    async def _submitted(self) -> list[BatchRecord]:
        """The batches that are under way; those that are not yet are created."""
        records = []
        for record in await asyncio.to_thread(self._sent.records.all, self._batch.scope):
            if record.base_url != self._sent.at.base_url:
                why = _("rows of this call are in a batch at {url}", url=record.base_url)
                raise ConfigError(why, hint=f"%openclaw batches cancel {record.name}")
            if record.step == "fetched":  # the answers are in the journal
                await self._forget(record)
            else:
                records.append(record)
        taken = {row for record in records for row in record.ids}
        planned = self._planned([item for row, item in self._waiting.items() if row not in taken])
        if planned:
            planned = await asyncio.to_thread(self._reserved, planned)
            await asyncio.to_thread(self._sent.records.save, *planned)
            text = _(
                "rows that go to {host} as a batch: {rows:,}; their prompts are stored in your account there until the"
                " answers are here"
            )
            rows = sum(len(record.ids) for record in planned)
            self._announce(text.format(rows=rows, host=urlsplit(self._sent.at.url).netloc))
        try:
            return [await self._created(record) for record in [*records, *planned]]
        except OpenClawError as error:
            await self._client.sender.record_login_outcome(self._route, error)
            for record in await asyncio.to_thread(self._sent.records.all, self._batch.scope):
                if record.step == "planned":
                    await self._forget(record)
            raise

    def _planned(self, items: list[Item]) -> list[BatchRecord]:
        """New records for items."""
        at, now = self._sent.at.base_url, self._client.runtime.clock()
        parts = split(((item.id, len(self._line(item)) + 1) for item in items), self._service)
        made = []
        for number, ids in enumerate(parts, 1):
            name = f"oc-{blake2b(f'{now} {ids}'.encode(), digest_size=8).hexdigest()}-{number}"
            made.append(
                BatchRecord(name, self._batch.scope, str(self._route.ref), at, self._service.form, ids, now)
            )
        return made

    def _reserved(self, records: list[BatchRecord]) -> list[BatchRecord]:
        """The records with what they may cost at most reserved of the budgets. Raises BudgetExceeded."""
        budget, batch, route = self._client.budget, self._batch, self._route
        if not budget.limits(route.ref.provider, batch.limit, batch.scope):
            return records
        made: list[BatchRecord] = []
        try:
            for record in records:
                rows = (chat_request(route, self._waiting[row].request) for row in record.ids)
                worst = total(route, (most(route, request) for request in rows))
                held = budget.reserve(worst, batch.limit, batch=batch.scope, lasting=True)
                made.append(replace(record, reserved=held.number if held is not None else 0))
                for note in budget.uncovered(held) if held is not None else ():
                    self._batch.notify(note)
        except BudgetExceeded:
            for record in made:
                budget.settle(record.reserved, total(route, ()))
            raise
        return made

    async def _created(self, record: BatchRecord) -> BatchRecord:
        """The record of a batch after the service has it."""
        if record.step == "created":
            return record

        def lines() -> Iterator[bytes]:
            return (self._line(self._waiting[row]) for row in record.ids if row in self._waiting)

        others = [other.batch for other in await asyncio.to_thread(self._sent.records.all)]
        return await self._sent.run(submit(record, self._service, lines, others))

    # -- waiting ---------------------------------------------------------------------------

    async def _answered(self, records: list[BatchRecord]) -> AsyncGenerator[Finished, None]:
        """The items of batches as these end."""
        wait, failures, states = self._service.poll, 0, {record.name: BatchState() for record in records}
        while True:
            for record in [record for record in records if record.name in states]:
                try:
                    states[record.name] = state = await self._sent.run(look(record))
                    taken = await self._taken(record, state) if state.ended else None
                except (ServiceUnavailable, RateLimited, ProtocolError):
                    failures += 1
                    if failures > _MAX_FAILURES:
                        raise
                    continue
                failures = 0
                done = sum(each.done for each in states.values())
                rows = sum(len(record.ids) for record in records if record.name in states)
                self.status = _("at the service: {done:,} of {rows:,}", done=done, rows=rows)
                if taken is not None:
                    del states[record.name]
                    for finished in taken:
                        yield finished
            if not states:
                return
            await self._client.runtime.sleep(wait)
            wait = min(1.5 * wait, _MAX_POLL)

    async def _taken(self, record: BatchRecord, state: BatchState) -> list[Finished]:
        answers = await self._sent.take(record, state)
        await self._forget(record)
        finished = []
        for row in record.ids:
            item, found = self._waiting.pop(row, None), answers[row]
            if item is None:
                continue
            item.sent = True
            try:
                if isinstance(found, OpenClawError):
                    raise found
                if self._batch.cache is not None:
                    await asyncio.to_thread(self._batch.cache.put, self._route, item.request, found)
                final = item.receive(found)
            except OpenClawError as error:
                finished.append(self._batch.failed(item.row, error, counts=False))
                continue
            if final is None:  # the answer did not fit: the next batch has the second request
                self._waiting[item.id] = item
            else:
                finished.append(self._batch.succeeded(item, final))
        return finished

    async def _forget(self, record: BatchRecord) -> None:
        if note := await self._sent.forget(record):
            self._batch.notify(note)
