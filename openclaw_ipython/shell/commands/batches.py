"""The subcommands about batches that are under way (`oc.map(…, batch=True)`)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from openclaw_ipython.batch.submitted import SubmittedBatches, batch_route
from openclaw_ipython.batch_api import steps
from openclaw_ipython.batch_api.records import BatchRecord, BatchRecords
from openclaw_ipython.batch_api.services import batch_service
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands.registry import JSON, command
from openclaw_ipython.shell.parser import Positional
from openclaw_ipython.shell.views import MessageView, TableView, View, when
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

Act = Callable[[SubmittedBatches, BatchRecord], Coroutine[Any, Any, str]]


@command("batches list", JSON)
def batches_list(session: Session) -> View:
    """The batches of `oc.map(…, batch=True)`, with their state."""
    rows = [
        [
            record.name,
            record.model,
            f"{len(record.ids):,}",
            when(record.at),
            _acted(session, record, _state),
        ]
        for record in _records(session).all()
    ]
    names = ("name", "model", "rows", "begun", "state")
    data = {"batches": [dict(zip(names, row, strict=True)) for row in rows]}
    headings = [_("Name"), _("Model"), _("Rows"), _("Begun"), _("State")]
    return TableView(headings, rows, _("no batch is under way"), data=data)


@command("batches fetch", Positional("name", "which; all if none is named", required=False, kind="batch"))
def batches_fetch(session: Session, *, name: str | None) -> View:
    """Store the answers of batches that have ended, for the same call of `oc.map`."""
    records = [_named(session, name)] if name else _records(session).all()
    lines = [f"{record.name}: {_acted(session, record, partial(_state, fetch=True))}" for record in records]
    return MessageView("\n".join(lines) or _("no batch is under way"))


@command("batches cancel", Positional("name", "which", kind="batch"))
def batches_cancel(session: Session, *, name: str) -> View:
    """End a batch early. What is done is paid, and can be fetched."""
    return MessageView(_acted(session, _named(session, name), _cancelled))


def batch_names(session: Session) -> list[str]:
    """The names of the batches that are under way."""
    return [record.name for record in _records(session).all()]


def _records(session: Session) -> BatchRecords:
    return BatchRecords(session.client.recorder.journal.jobs)


def _named(session: Session, name: str) -> BatchRecord:
    found = {record.name: record for record in _records(session).all()}
    if name not in found:
        what = _("no batch {name} is under way", name=name)
        raise mistyped(what, name, found, hint="%openclaw batches list")
    return found[name]


def _acted(session: Session, record: BatchRecord, act: Act) -> str:
    """What `act` says of a batch; an error of the service in its place."""

    async def run() -> str:
        route = session.client.resolve("", model=record.model, stream=False, cache=False)
        sent = SubmittedBatches(session.client, batch_route(route, batch_service(route.url, record.form)))
        if sent.at.base_url != record.base_url:
            return _("it is at {url}, which {model} no longer names", url=record.base_url, model=record.model)
        return await act(sent, record)

    try:
        return session.loop_thread.run(run())
    except OpenClawError as error:
        return str(error)


async def _state(sent: SubmittedBatches, record: BatchRecord, *, fetch: bool = False) -> str:
    """The state; with `fetch`, what is got of a batch that has ended."""
    if record.step not in ("created", "fetched"):
        return _("{step}; the same call continues", step=record.step)
    said = _("its answers are here already")
    if record.step == "created":
        state = await sent.run(steps.look(record))
        if not fetch or not state.ended:
            return _("{status}, {done:,} done", status=state.status, done=state.done)
        rows = await sent.take(record, state)
        failed = sum(isinstance(row, OpenClawError) for row in rows.values())
        said = _("{done:,} answered, {failed:,} failed", done=len(rows) - failed, failed=failed)
    return " · ".join(filter(None, (said, await sent.forget(record) if fetch else "")))


async def _cancelled(sent: SubmittedBatches, record: BatchRecord) -> str:
    if record.step == "creating":
        return _("it is not known whether the service has it: the same call looks")
    if record.step != "created":
        return await sent.forget(record) or _("nothing of it is left at the service")
    await sent.run(steps.cancel(record))
    return _("the service is asked to end it; %openclaw batches fetch gets what is done")
