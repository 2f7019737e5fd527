"""What the runners share: the state of one run, and when it ends early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.batch.plan import Item
from openclaw_ipython.batch.request import affects_every_item
from openclaw_ipython.batch.results import ItemResult
from openclaw_ipython.chat.endings import is_complete
from openclaw_ipython.dispatch.pricing import priced
from openclaw_ipython.dispatch.send import SentRequest
from openclaw_ipython.errors import OpenClawError, RateLimited, ServiceUnavailable, UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.checkpoint import BatchCache, Checkpoint
    from openclaw_ipython.batch.plan import Plan
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.chat.types import ChatRequest, Reply
    from openclaw_ipython.client import Client
    from openclaw_ipython.dispatch.budget import Reservation
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.errors import LoginRequired
    from openclaw_ipython.journal.limits import Limit
    from openclaw_ipython.structured.loop import ModelRequest

_RATE_LIMITED_ITEMS = 3
"""How many items in a row may be refused with "too many requests" until their waiting ends."""

Finished = tuple[ItemResult, Any]
"""The result of an item, and the item."""


class BatchRun(Struct, frozen=True, eq=False):
    """One run of a plan over the rows that are left.

    `client` belongs to the event loop of the run. With `fail_fast` the first failed item ends it. `cache` is None when
    answers are not to be cached. `notify` receives notices for the user, such as a change of model. `login_error` is
    set when there is no login and only cached answers can be returned. `limit` is the budget of this batch, `scope`
    identifies it to limits per batch.
    """

    plan: Plan
    rows: Iterator[Row]
    route: ResolvedRequest
    client: Client
    checkpoint: Checkpoint
    fail_fast: bool
    cache: BatchCache | None
    notify: Callable[[str], None]
    login_error: LoginRequired | None
    breaker: CircuitBreaker
    scope: str
    limit: Limit | None

    def hold(self, route: ResolvedRequest, request: ChatRequest) -> Reservation | None:
        """Reserve what a request may cost, for `record`. Raises BudgetExceeded."""
        return self.client.budget.hold(route, request, self.limit, self.scope)

    def begin(self, row: Row, route: ResolvedRequest) -> Item | Finished:
        """The item of a row, to be sent; the result of one that is answered already, or fails."""
        try:
            item = Item(self.plan, row)
            if (known := self.checkpoint.load(item)) is not None:
                return known, row.item
            while (reply := self._cached_reply(route, item.request)) is not None:
                if (final := item.receive(reply)) is not None:
                    return self.succeeded(item, final)
        except OpenClawError as error:
            return self.failed(row, error)
        return item

    def _cached_reply(self, route: ResolvedRequest, request: ModelRequest) -> Reply | None:
        """The cached reply to a request. Raises LoginRequired when there is neither a reply nor a login."""
        reply = self.cache.get(route, request) if self.cache is not None else None
        if reply is not None:
            self.client.recorder.record(SentRequest(route, self.client.runtime.clock(), 0.0, "cache"))
        elif self.login_error is not None:
            raise self.login_error
        return reply

    def record(
        self,
        route: ResolvedRequest,
        at: float,
        seconds: float,
        outcome: str,
        reply: Reply | None = None,
        *,
        held: Reservation | None = None,
        error: OpenClawError | None = None,
    ) -> None:
        """Record a request in the journal, and set the price in the usage of its reply. `at` is in Unix seconds.

        What it `held` of budgets is settled.
        """
        usage = first = None
        if reply is not None:
            if reply.usage is not None:
                reply.usage = priced(reply.usage, route)
            usage, first = reply.usage, reply.first_text
        self.client.recorder.record(SentRequest(route, at, seconds, outcome, usage, first))
        for note in self.client.budget.release(held, route, usage, error):
            self.notify(note)

    def succeeded(self, item: Item, reply: Reply) -> Finished:
        """Record the final reply of an item."""
        self.breaker.opens(None)
        if is_complete(reply):  # another run asks again for the others
            self.checkpoint.save(item, reply)
        return ItemResult(item.row.position, reply, remembered=not item.sent), item.row.item

    def failed(self, row: Row, error: OpenClawError, *, counts: bool = True) -> Finished:
        """Record an error of an item, with what repairs it. Raises the error when it ends the batch.

        One that does not count ends it only with `fail_fast`.
        """
        if self.fail_fast or (counts and self.breaker.opens(error)):
            raise error
        return ItemResult(row.position, self.client.explained(error, self.route)), row.item


class CircuitBreaker:
    """Ends a batch that cannot succeed: nothing has succeeded so far, or the service fails for too long. Pure."""

    def __init__(self, concurrency: int) -> None:
        self._threshold = concurrency + 5
        self._any_success = False
        self._failures_in_a_row = 0

    def opens(self, error: OpenClawError | None) -> bool:
        """Count the end of one item, None for success. Returns whether `error` ends the batch."""
        if error is None:
            self._any_success, self._failures_in_a_row = True, 0
            return False
        self._failures_in_a_row += 1
        if affects_every_item(error) and not isinstance(error, RateLimited):
            return True
        if not self._any_success:
            return affects_every_item(error) or self._failures_in_a_row >= self._threshold
        if isinstance(error, RateLimited):  # the last item may be the only one that is refused
            return affects_every_item(error) and self._failures_in_a_row >= _RATE_LIMITED_ITEMS
        return isinstance(error, ServiceUnavailable) and self._failures_in_a_row >= 3 * self._threshold


def terms_notes(client: Client, route: ResolvedRequest) -> list[str]:
    """The notice of a provider whose terms restrict batches, and those of the journal."""
    terms = ""
    with suppress(UsageError):  # a provider of the user's own
        terms = client.provider(route.ref.provider).terms
    return [*([_(terms)] if terms else []), *client.recorder.notices()]
