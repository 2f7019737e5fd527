"""Sends a resolved request with its login, fails over to other routes, and records the outcome of each attempt."""

from __future__ import annotations

import math
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken, TokenSource
from openclaw_ipython.auth.tokens import StoredTokens
from openclaw_ipython.chat.agents import SILENCES
from openclaw_ipython.chat.stream import (
    LOADING_SECONDS,
    ChatEndpoint,
    RetryPolicy,
    announced,
    loading_text,
    stream_chat,
)
from openclaw_ipython.chat.types import ChatEvent, Notice, TextDelta, UsageReport
from openclaw_ipython.dispatch.failover import Failover, ResolvedRequest, cooldown_reason
from openclaw_ipython.errors import OpenClawError, StreamBroken
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.chat.adjustments import HostMemory
    from openclaw_ipython.chat.types import Usage
    from openclaw_ipython.dispatch.budget import Budget
    from openclaw_ipython.journal.limits import Limit
    from openclaw_ipython.net.http import HttpClient
    from openclaw_ipython.runtime.env import Runtime


class SentRequest(NamedTuple):
    """One attempt, for the journal: `at` in epoch seconds, durations in seconds.

    `outcome` is `ok`, `interrupted`, `ended early`, `cache` (nothing was sent), or the name of the error.
    """

    resolved: ResolvedRequest
    at: float
    seconds: float
    outcome: str
    usage: Usage | None = None
    first_text: float | None = None


class _Received(Struct):
    """What has arrived of an answer: whether anything, and whether all of it."""

    begun: bool = False
    complete: bool = False


class Sender(Struct, eq=False):
    """Sends resolved requests over one HTTP client.

    `http` opens that client at the first use. `explain` may replace the last error by one that says more. `record`
    gets every attempt when it is over, however it ended; `remarks` gives the notes about a provider that has
    answered. Both must neither raise nor block. `host_memory` is what hosts have refused so far. `budget` has the
    limits that every attempt keeps to.
    """

    accounts: Accounts
    runtime: Runtime
    http: Callable[[], HttpClient]
    retry_policy: RetryPolicy
    explain: Callable[[OpenClawError, ResolvedRequest], OpenClawError]
    record: Callable[[SentRequest], None]
    remarks: Callable[[str], list[str]]
    host_memory: HostMemory
    budget: Budget
    _sources: dict[str, StoredTokens] = {}
    _warnings: list[str] = []

    async def aclose(self) -> None:
        """Stop token refreshes that are under way."""
        sources, self._sources = self._sources, {}
        for source in sources.values():
            await source.aclose()

    async def forget(self, name: str) -> None:
        """Drop one login and stop its refresh, which would write it back."""
        source = self._sources.pop(name, None)
        if source is not None:
            await source.aclose()

    async def stream(self, resolved: ResolvedRequest) -> AsyncGenerator[ChatEvent, None]:
        """Send, and yield the events as they arrive. Raises what `Client.stream` raises.

        There is no failover once anything of the answer has arrived: it may be paid for and partly read.
        """
        failover, received = Failover(resolved), _Received()
        while not received.complete:
            try:
                async with aclosing(self._attempt(failover, received, resolved.budget)) as events:
                    async for event in events:
                        yield event
            except OpenClawError as error:
                await self.record_login_outcome(failover.current, error)
                if received.begun:
                    raise
                if not failover.advance(error):
                    raise self.explain(failover.final_error(error), failover.current) from None
        await self._record_success(failover)
        self._warnings += self.remarks(failover.current.ref.provider)
        while self._warnings:
            yield Notice(self._warnings.pop(0))

    async def _attempt(
        self, failover: Failover, received: _Received, limit: Limit | None
    ) -> AsyncGenerator[ChatEvent, None]:
        """Send by the current route; the opening events come before the first event of the answer."""
        current, monotonic = failover.current, self.runtime.monotonic
        held = self.budget.hold(current, current.request, limit)
        at, start = self.runtime.clock(), monotonic()
        outcome, usage, first_text, failure = "interrupted", None, None, None
        try:
            answer = stream_chat(self.endpoint(current), current.request)
            if current.may_load:
                answer = announced(answer, (LOADING_SECONDS, loading_text(current.ref.provider)))
            elif current.dialect.agent:
                answer = announced(answer, *((seconds, _(text)) for seconds, text in SILENCES))
            async with aclosing(answer) as events:
                async for event in events:
                    if not received.begun and not isinstance(event, Notice):
                        received.begun = True
                        for opening in failover.opening_events():
                            yield opening
                    if isinstance(event, TextDelta):
                        if first_text is None:
                            first_text = monotonic() - start
                    elif isinstance(event, UsageReport):
                        usage = event.usage
                        if current.price is not None:
                            from openclaw_ipython.dispatch.pricing import priced  # only where it is needed

                            usage = priced(usage, current)
                            event = UsageReport(usage)  # noqa: PLW2901 - the same, with its cost
                    yield event
            received.complete, outcome = True, "ok"
        except OpenClawError as error:
            failure = error
            outcome = "ended early" if isinstance(error, StreamBroken) else type(error).__name__
            raise
        finally:
            self._warnings += self.budget.release(held, current, usage, failure)
            self.record(SentRequest(current, at, monotonic() - start, outcome, usage, first_text))

    def endpoint(self, resolved: ResolvedRequest) -> ChatEndpoint:
        """Where and how `resolved` is sent."""
        policy, name = self.retry_policy, resolved.ref.provider
        if resolved.dialect.agent:
            # it may be silent for long, and tries again by itself: twice would be two turns
            policy = replace(policy, retries=0, idle_timeout=math.inf)
            name = _("the Gateway at {url}", url=resolved.url.partition("/v1/")[0])
        elif resolved.timeout is not None:  # the person chose how long to wait: for silence as for the whole
            policy = replace(policy, idle_timeout=resolved.timeout)
        return ChatEndpoint(
            http=self.http(),
            url=resolved.url,
            name=name,
            auth=BearerAuth(self.tokens(resolved)),
            runtime=self.runtime,
            retry_policy=policy,
            dialect=resolved.dialect,
            refused_key_hint=resolved.refused_key_hint,
            unreachable_hint=resolved.unreachable_hint,
            may_load=resolved.may_load,
            host_memory=self.host_memory,
        )

    def tokens(self, resolved: ResolvedRequest) -> TokenSource:
        """The login of `resolved`, refreshed on demand; requests by the same stored login share one source."""
        credential = resolved.credential
        if credential.key is not None:
            return FixedToken(credential.key)
        if credential.profile is None:
            return FixedToken()
        home = self.accounts.token_store(credential)
        if home.name not in self._sources:
            self._sources[home.name] = StoredTokens(
                home,
                token_url=resolved.token_url,
                client_id=resolved.client_id,
                http=self.http(),
                runtime=self.runtime,
                warn=self._warnings.append,
            )
        return self._sources[home.name]

    async def record_login_outcome(self, resolved: ResolvedRequest, error: OpenClawError | None) -> None:
        """Record in the login's statistics that it worked (`error` is None) or failed."""
        if error is None:
            await self._record_success(Failover(resolved))
            return
        reason, used = cooldown_reason(error), resolved.credential
        # most errors of an agent are of its model's login
        if reason is not None and used.has_secret and not resolved.dialect.agent:
            await self.accounts.login_stats.record_failure(used.id, used.provider, reason)

    async def _record_success(self, failover: Failover) -> None:
        used = failover.current.credential
        if used.has_secret:
            await self.accounts.login_stats.record_success(
                used.id, used.provider, one_of_several=failover.has_other_logins
            )
