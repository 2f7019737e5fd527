"""`models status --probe`: one tiny question with every login and key. The outcomes have OpenClaw's names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.chat.stream import ChatEndpoint, stream_chat
from openclaw_ipython.chat.types import ChatRequest, Message
from openclaw_ipython.errors import (
    AuthError,
    ConfigError,
    OpenClawError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceUnavailable,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.model_refs import ModelRef

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.runtime.env import Runtime

ProbeStatus = Literal["ok", "auth", "rate_limit", "billing", "timeout", "format", "unknown", "no_model"]

PROMPT = "Reply with OK."
MAX_TOKENS = 1
SECONDS = 20.0  # for each question
AT_ONCE = 4  # questions at the same time


class ProbeResult(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The outcome for one login. `error` is a sentence after its class; without `latency_ms` nothing was sent."""

    provider: str
    label: str
    source: str
    status: ProbeStatus
    model: str | None = None
    profile_id: str | None = None
    mode: str | None = None
    error: str | None = None
    latency_ms: int | None = None


class Probe(Struct, frozen=True, eq=False):
    """Asks with every login of one home.

    `routes` gives the request to a model once for each login, and raises what asking would raise. `endpoint` says where
    one of them is sent, without a fallback.
    """

    models: Models
    accounts: Accounts
    runtime: Runtime
    routes: Callable[[ModelRef, ChatRequest], Sequence[ResolvedRequest]]
    endpoint: Callable[[ResolvedRequest], ChatEndpoint]

    async def run(self) -> list[ProbeResult]:
        """One result for each login and key. A failure is a result, not an error."""
        limit = asyncio.Semaphore(AT_ONCE)
        groups = await asyncio.gather(*(self._provider(ref, limit) for ref in self._refs()))
        return [result for group in groups for result in group]

    def _refs(self) -> list[ModelRef]:
        """One model of every provider that is chosen or has a login; a chosen model comes first."""
        chosen = [self.models.default(), *self.models.fallbacks(), self.models.image_default()]
        chosen += self.models.image_fallbacks()
        found = {ref.provider: ref for ref in reversed(chosen) if ref is not None}
        offered: dict[str, ModelRef] = {}
        for row in self.models.rows(everything=True):
            offered.setdefault(row.ref.provider, row.ref)
        for login in self.accounts.profiles():
            provider = login.profile.provider
            found.setdefault(provider, offered.get(provider, ModelRef(provider, "")))
        return [found[provider] for provider in sorted(found)]

    async def _provider(self, ref: ModelRef, limit: asyncio.Semaphore) -> list[ProbeResult]:
        request = ChatRequest(
            ref.model, (Message("user", PROMPT),), max_tokens=MAX_TOKENS, optional=frozenset({"max_tokens"})
        )
        try:
            if not ref.model:
                return [_unsent(ref, "no_model", _("no model of this service is known"))]
            routes = self.routes(ref, request)
        except OpenClawError as error:
            return [_unsent(ref, status_of(error), _one_line(error))]
        with_login = [route for route in routes if route.credential.has_secret] or routes
        return list(await asyncio.gather(*(self._ask(route, limit) for route in with_login)))

    async def _ask(self, request: ResolvedRequest, limit: asyncio.Semaphore) -> ProbeResult:
        endpoint = self.endpoint(request)
        retry_policy = replace(endpoint.retry_policy, retries=0, idle_timeout=SECONDS)
        endpoint = replace(endpoint, retry_policy=retry_policy)
        status: ProbeStatus = "ok"
        failure: str | None = None
        async with limit:
            started = self.runtime.monotonic()
            try:
                async with (
                    asyncio.timeout(SECONDS),
                    aclosing(stream_chat(endpoint, request.request)) as events,
                ):
                    async for _event in events:
                        pass
            except OpenClawError as error:
                status, failure = status_of(error), _one_line(error)
            except TimeoutError:
                status, failure = "timeout", _("no answer within {seconds} s", seconds=f"{SECONDS:.0f}")
            elapsed = round((self.runtime.monotonic() - started) * 1000)
        used = request.credential
        return ProbeResult(
            provider=used.provider,
            label=used.profile.id if used.profile else used.source,
            source="profile" if used.profile else "env" if used.source.startswith("env") else "models.json",
            status=status,
            model=str(request.ref),
            profile_id=used.profile.id if used.profile else None,
            mode=used.profile.type if used.profile else "api_key" if used.key else None,
            error=failure,
            latency_ms=elapsed,
        )


_STATUSES: tuple[tuple[type[OpenClawError], ProbeStatus], ...] = (
    (QuotaExceeded, "billing"),
    (RateLimited, "rate_limit"),
    (AuthError, "auth"),
    (ConfigError, "no_model"),
    (ServiceUnavailable, "timeout"),
    (ServiceError, "format"),
)


def status_of(error: OpenClawError) -> ProbeStatus:
    """OpenClaw's word for a failure."""
    if isinstance(error, RequestRejected) and error.status in {401, 403}:
        return "auth"
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), "unknown")


def _one_line(error: OpenClawError) -> str:
    return f"{type(error).__name__}: {error}"


def _unsent(ref: ModelRef, status: ProbeStatus, error: str) -> ProbeResult:
    model = str(ref) if ref.model else None
    return ProbeResult(ref.provider, ref.provider, "profile", status, model, error=error)
