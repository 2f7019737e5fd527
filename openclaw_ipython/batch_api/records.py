"""The batches that are under way, in the journal: what was meant to be sent, before it is, and what the service said.

A record outlives the process, so that nothing is sent twice and nothing is left behind on a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from openclaw_ipython.journal.jobs import BATCHES

if TYPE_CHECKING:
    from openclaw_ipython.journal.jobs import Jobs


class BatchRecord(Struct, frozen=True, omit_defaults=True):
    """One batch of a call of `oc.map`. `name` is unique; `job` is the journal's key of the call.

    `ids` are the rows. `step` is what was begun; `created` and `fetched` are done: the service has the batch, and the
    answers are in the journal. `files` are to be deleted on the service; with `unsure` others of the same name, too.
    `at` is in epoch seconds, `reserved` the number of what is reserved of budgets, 0 for nothing.
    """

    name: str
    job: str
    model: str
    base_url: str
    form: str
    ids: tuple[str, ...]
    at: float
    step: Literal["planned", "uploading", "creating", "created", "fetched"] = "planned"
    files: tuple[str, ...] = ()
    batch: str = ""
    unsure: bool = False
    reserved: int = 0

    @property
    def model_name(self) -> str:
        """The model as the service calls it."""
        return self.model.partition("/")[2]

    @property
    def file_name(self) -> str:
        """The name of its file; services demand the suffix."""
        return f"{self.name}.jsonl"


class BatchRecords:
    """The records of one journal."""

    def __init__(self, jobs: Jobs) -> None:
        self._job = jobs.open(BATCHES)

    def all(self, job: str | None = None) -> list[BatchRecord]:
        """The records, of one job or of all, in the order of their making."""
        found = [msgspec.convert(value, BatchRecord) for value in self._job.results().values()]
        chosen = [record for record in found if job in (None, record.job)]
        return sorted(chosen, key=lambda record: (record.at, record.name))

    def forms(self, job: str) -> set[str]:
        """The forms of the batches of a job."""
        return {record.form for record in self.all(job)}

    def save(self, *records: BatchRecord) -> None:
        """Write records. Raises the error of a journal that cannot be written, so that nothing is sent unrecorded."""
        for record in records:
            self._job.store(record.name, msgspec.to_builtins(record))
        self._job.flush()
        if self._job.error is not None:
            raise self._job.error

    def delete(self, record: BatchRecord) -> None:
        """Forget a batch."""
        self._job.delete(record.name)
