"""Answers that exist already: of an earlier, unfinished run of the same batch, and of the answer cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.batch.results import ItemResult
from openclaw_ipython.dispatch.cache import cache_key, decode_reply, encode_reply, store
from openclaw_ipython.errors import SchemaMismatch

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Item, Plan
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.journal.answer_cache import AnswerCache
    from openclaw_ipython.journal.jobs import Job
    from openclaw_ipython.structured.loop import ModelRequest


class Checkpoint:
    """The finished items of a batch in the journal. Without a `job` it is empty and stores nothing.

    With `claim` no other call may run the same job until `close`: both would pay. Raises StoreBusy.
    """

    def __init__(self, plan: Plan, job: Job | None, *, claim: bool = False) -> None:
        self._plan = plan
        self._job = job
        self._give_back = job.claim() if job is not None and claim else lambda: None
        try:
            self._done = job.results() if job is not None else {}
        except BaseException:
            self._give_back()
            raise

    def has(self, item: Item) -> bool:
        """Whether an earlier run finished the item."""
        return item.key in self._done

    def load(self, item: Item) -> ItemResult | None:
        """The result of an item that an earlier run finished; else the item goes on after the replies that it has."""
        while (reply := decode_reply(self._done.pop(item.id, None))) is not None:
            try:
                final = item.receive(reply)
            except SchemaMismatch:
                item.__init__(self._plan, item.row)  # type: ignore[misc]  # it is asked again
                return None
            if final is not None:
                return ItemResult(item.row.position, final, remembered=True)
        return None

    def save(self, item: Item, reply: Reply) -> None:
        """Store the final reply of an item."""
        if self._job is not None:
            self._job.store(item.key, encode_reply(reply))

    def flush(self) -> None:
        """Return when every stored reply is in the journal."""
        if self._job is not None:
            self._job.flush()

    @property
    def error(self) -> OpenClawError | None:
        """Why answers are in memory only; None while all of them are in the journal."""
        self.flush()
        return self._job.error if self._job is not None else None

    def close(self, *, complete: bool) -> None:
        """End the run. A complete batch is deleted, so the same call later sends every request again."""
        if complete and self._job is not None:
            self._job.delete()
        self.flush()
        self._give_back()


class BatchCache:
    """The answer cache, looked up by the requests of items."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def get(self, route: ResolvedRequest, request: ModelRequest) -> Reply | None:
        """The cached reply to an equal request."""
        return decode_reply(self._answers.get(_cache_key(route, request)))

    def put(self, route: ResolvedRequest, request: ModelRequest, reply: Reply) -> None:
        """Store a reply, unless it is incomplete."""
        key = _cache_key(route, request)
        store(replace(route, cache_key=key, cached_reply=None), reply, self._answers)


def _cache_key(route: ResolvedRequest, request: ModelRequest) -> str:
    base = route.unadapted or route.request
    return cache_key(route.ref, replace(base, messages=request.messages, schema=request.schema))
