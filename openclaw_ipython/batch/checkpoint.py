"""Answers that exist already: of an earlier, unfinished run of the same batch, and of the answer cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from openclaw_ipython.batch.results import ItemResult
from openclaw_ipython.chat.types import Reply, Usage
from openclaw_ipython.dispatch.cache import STORED_COUNTS, cache_key, decode_reply, store
from openclaw_ipython.errors import SchemaMismatch

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Item, Plan
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.journal.answer_cache import AnswerCache
    from openclaw_ipython.journal.jobs import Job
    from openclaw_ipython.structured.loop import ModelRequest


class Checkpoint:
    """The finished items of a batch in the journal. Without a `job` it is empty and stores nothing."""

    def __init__(self, plan: Plan, job: Job | None) -> None:
        self._plan = plan
        self._job = job
        self._done = job.results() if job is not None else {}

    def has(self, item: Item) -> bool:
        """Whether an earlier run finished the item."""
        return item.key in self._done

    def load(self, item: Item) -> ItemResult | None:
        """The result of an item that an earlier run finished; else the item goes on after the replies that it has."""
        while (reply := reply_from_json(self._done.pop(item.id, None))) is not None:
            try:
                final = item.receive(reply)
            except SchemaMismatch:
                item.__init__(self._plan, item.row)  # type: ignore[misc]  # it is asked again
                return None
            if final is not None:
                return ItemResult.of(item.row.position, final, remembered=True)
        return None

    def save(self, item: Item, reply: Reply) -> None:
        """Store the final reply of an item."""
        if self._job is not None:
            self._job.store(item.key, reply_to_json(reply))

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


class BatchCache:
    """The answer cache, looked up by the requests of items."""

    def __init__(self, answers: AnswerCache) -> None:
        self._answers = answers

    def get(self, route: ResolvedRequest, request: ModelRequest) -> Reply | None:
        """The cached reply to an equal request."""
        found = self._answers.get(_cache_key(route, request))
        return decode_reply(found) if found is not None else None

    def put(self, route: ResolvedRequest, request: ModelRequest, reply: Reply) -> None:
        """Store a reply, unless it is incomplete."""
        store(
            replace(route, cache_key=_cache_key(route, request), cached_reply=None),
            reply,
            self._answers,
        )


def _cache_key(route: ResolvedRequest, request: ModelRequest) -> str:
    base = route.unadapted if route.unadapted is not None else route.request
    return cache_key(route.ref, replace(base, messages=request.messages, schema=request.schema))


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply as a JSON value. `parsed` is left out: it is parsed from the text again."""
    usage = reply.usage
    return {
        "text": str(reply),
        "model": reply.model,
        "usage": [getattr(usage, name) for name in STORED_COUNTS] if usage is not None else None,
        "finish": reply.finish_reason,
        "reasoning": reply.reasoning,
        "seconds": reply.seconds,
    }


def reply_from_json(value: Any) -> Reply | None:
    """The reply that `reply_to_json` wrote; None for any other value."""
    match value:
        case {
            "text": str() as text,
            "model": str() as model,
            "finish": str() as finish,
            "reasoning": str() as reasoning,
            "seconds": int() | float() as seconds,
            "usage": [*counts] | (None as counts),
        }:
            return Reply(
                text,
                model=model,
                finish_reason=finish,
                reasoning=reasoning,
                seconds=float(seconds),
                usage=Usage(*map(_number, counts[: len(STORED_COUNTS)])) if counts else None,
            )
    return None


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None
