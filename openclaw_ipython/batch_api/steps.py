"""The steps of a batch: create, look for what may have been created, fetch, clean up. Pure.

Each is a generator. It yields a BatchCall and is sent the BatchAnswer, yields a BatchRecord to be written to the
journal, or seconds to wait. A batch is never created blindly a second time: it is paid for, and nothing undoes it.
All raise the error of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from openclaw_ipython.batch_api import wire
from openclaw_ipython.batch_api.records import BatchRecord
from openclaw_ipython.batch_api.wire import BatchAnswer, BatchCall, BatchState, Json
from openclaw_ipython.errors import RequestRejected, ServiceError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch_api.services import BatchService

T = TypeVar("T")
Steps = Generator[BatchCall | BatchRecord | float, Any, T]
Lines = Callable[[], Iterable[bytes]]

LOOKS = (0.0, 2.0, 8.0)
"""Seconds before each look for a batch that may have been created: a service may show it a moment later."""

_PAGES = 20


def submit(
    record: BatchRecord, service: BatchService, lines: Lines, others: Collection[str] = ()
) -> Steps[BatchRecord]:
    """Upload the rows and create the batch, as far as that is not done; the record with its id.

    `lines` makes the rows; `others` are the ids of batches that belong to other records. Where the service has refused,
    nothing is left there and the record is `planned` again; where that is not known, the record says so.
    """
    if record.form == "files" and not record.files:
        record = yield from _uploaded(record, service, lines)
    found: str = (yield from _found_batch(record, service, others)) if record.step == "creating" else ""
    if not found:
        record = replace(record, step="creating")
        yield record
        answer: BatchAnswer = yield wire.create(record, service, lines())
        found = (yield from _found_batch(record, service, others)) if answer.unclear else answer.id
        if not found and answer.failure is not None:
            if not answer.unclear:
                yield replace(record, step="planned", files=tuple((yield from clean_up(record))))
            raise answer.failure
    record = replace(record, step="created", batch=found)
    yield record
    return record


def _uploaded(record: BatchRecord, service: BatchService, lines: Lines) -> Steps[BatchRecord]:
    """The record with the id of its file. A second file would cost nothing, and is found by its name."""
    unsure = record.step == "uploading"
    found = (yield from _sent_before(record, service)) if unsure else []
    if not found:
        record = replace(record, step="uploading")
        yield record
        answer: BatchAnswer = yield wire.upload(record, service, lines())
        unsure = unsure or answer.unclear
        found = (yield from _sent_before(record, service)) if answer.unclear else [answer.id]
        if answer.failure is not None and not answer.unclear:
            yield from _nothing_left(record, service, answer.status)
        if answer.failure is not None and not (answer.unclear and found):
            raise answer.failure
    record = replace(record, files=(found[0],), unsure=unsure)
    yield record
    return record


def _sent_before(record: BatchRecord, service: BatchService) -> Steps[list[str]]:
    """The ids of the files that an upload without an answer may have left."""
    try:
        return (yield from _found_files(record))
    except ServiceError as error:
        if error.status in (404, 405):  # no list of files; a file that may be there costs nothing
            yield from _nothing_left(record, service, error.status)
        raise


def _nothing_left(record: BatchRecord, service: BatchService, status: int | None) -> Steps[None]:
    """Nothing that costs is at the service. Raises RequestRejected if it seems to have no batches at all."""
    yield replace(record, step="planned")
    if not service.known and status in (404, 405):
        hint = _("without batch=, the rows are asked one by one")
        raise RequestRejected(_("this service has no batch interface"), hint=hint)


def _pages(path: str, **parameters: object) -> Steps[list[Json]]:
    """The elements of a list, the newest first."""
    found: list[Json] = []
    for _page in range(_PAGES):
        after = found[-1].get("id") if found else ""
        answer: BatchAnswer = yield wire.page(path, after=after, **parameters)
        if answer.error is not None:
            raise answer.error
        rows = answer.value.get("data")
        found += [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        if not rows or not answer.value.get("has_more"):
            break
    return found


def _found_files(record: BatchRecord) -> Steps[list[str]]:
    """The ids of the files with the name of a batch."""
    files = yield from _pages("/files", limit=100, purpose="batch")
    return [str(file["id"]) for file in files if file.get("filename") == record.file_name]


def _found_batch(record: BatchRecord, service: BatchService, others: Collection[str]) -> Steps[str]:
    """The id of the batch that was created for a record, empty if there is none after all looks."""
    by_file = {"input_file_ids": record.files[0]} if record.files and service.lists_by_file else {}
    for seconds in LOOKS:
        yield seconds
        for batch in (yield from _pages("/batches", **by_file, limit=100)):
            if wire.belongs(batch, record) and batch.get("id") not in others:
                return str(batch["id"])
    return ""


def look(record: BatchRecord) -> Steps[BatchState]:
    """The state of a batch. One that the service does not know (any more) has expired."""
    answer: BatchAnswer = yield BatchCall("GET", f"/batches/{record.batch}")
    if answer.status == 404:
        return BatchState("expired", reason=str(answer.error))
    if answer.failure is not None:
        raise answer.failure
    return wire.read_state(answer.value)


def cancel(record: BatchRecord) -> Steps[None]:
    """End a batch early: what is done is in its files, and paid."""
    answer: BatchAnswer = yield BatchCall("POST", f"/batches/{record.batch}/cancel", b"", wire.JSON)
    if answer.error is not None:
        raise answer.error


def fetch(state: BatchState) -> Steps[list[Json]]:
    """The rows of an ended batch, from both of its files. A file that is gone has none."""
    rows = list(state.rows)
    for file_id in state.files:
        answer: BatchAnswer = yield BatchCall("GET", f"/files/{file_id}/content", accept="application/binary")
        if answer.error is not None and answer.status != 404:
            raise answer.error
        rows += wire.read_lines(answer.body)
    return rows


def clean_up(record: BatchRecord) -> Steps[list[str]]:
    """Delete what a batch has stored at the service; the ids of what could not be deleted."""
    files = dict.fromkeys(record.files)
    if record.unsure:
        files |= dict.fromkeys((yield from _found_files(record)))
    paths = [f"/files/{file_id}" for file_id in files]
    if record.form == "inline" and record.batch:
        paths.append(f"/batches/{record.batch}")
    left = []
    for path in paths:
        answer: BatchAnswer = yield BatchCall("DELETE", path, content_type=wire.JSON)
        if answer.error is not None and answer.status != 404:
            left.append(path.rpartition("/")[2])
    return left
