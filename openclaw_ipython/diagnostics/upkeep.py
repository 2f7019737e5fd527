"""Looking after a home: its settings and logins, a check-up, a scan, a probe of every login.

Joins the rooms that do one of these each with the way out to the network, which the client hands in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.auth.logins import Logins
from openclaw_ipython.chat.stream import ChatEndpoint, stream_chat
from openclaw_ipython.chat.types import ChatRequest, Message
from openclaw_ipython.diagnostics.checks import Doctor, Finding
from openclaw_ipython.diagnostics.probe import MAX_TOKENS, PROMPT, SECONDS, Outcome, Probed, outcome_of, said
from openclaw_ipython.diagnostics.scan import (
    Found,
    Port,
    environment_keys,
    local_servers,
    openclaw_home,
    qwen_code_login,
    qwen_code_settings,
    usual_ports,
)
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.net.client import HttpClient, HTTPError, InvalidURL
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.settings import Settings

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.auth.resolve import Credential
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers

REACH_SECONDS = 5.0
AT_ONCE = 4  # probes at the same time


@dataclass(frozen=True, slots=True)
class Outside:
    """The client's ways to send something.

    `ways` is the question to a model by each login that could be used, and raises what asking would raise;
    `exchange` sends one of them, with its own login and no other behind it.
    """

    http: Callable[[], HttpClient]
    ways: Callable[[ModelRef, ChatRequest], Sequence[ResolvedRequest]]
    exchange: Callable[[ResolvedRequest], ChatEndpoint]


class Upkeep:
    """The upkeep of one home. `clock` is epoch seconds, `monotonic` monotonic seconds."""

    def __init__(
        self,
        store: Store,
        models: Models,
        accounts: Accounts,
        *,
        providers: Providers,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        outside: Outside,
    ) -> None:
        self._store = store
        self._models = models
        self._accounts = accounts
        self._providers = providers
        self._environ = environ
        self._clock = clock
        self._monotonic = monotonic
        self._outside = outside
        self.ports: Sequence[Port] = usual_ports(providers)
        self.settings = Settings(store)
        self.logins = Logins(store, providers, environ, clock)
        self.doctor = Doctor(
            store,
            models,
            accounts,
            providers=providers,
            environ=environ,
            clock=clock,
            windows=os.name == "nt",
        )

    # -- looking around --

    async def scan(self) -> list[Found]:
        """What could answer from here, each with a command that uses it. Asks only this machine."""
        snapshot = self._store.load()
        home, config = self._store.home, snapshot.config
        return [
            *await local_servers(self._outside.http(), self.ports, self._is_usable),
            *environment_keys(self._environ, self._providers, config),
            *qwen_code_login(self._accounts.qwen_code.login(), home, config, self._clock()),
            *qwen_code_settings(home, self._environ, self._providers),
            *openclaw_home(home, snapshot),
        ]

    def _is_usable(self, provider_id: str) -> bool:
        try:
            return self._accounts.credential(provider_id) is not None
        except OpenClawError:
            return False

    async def examine(self, *, probe: bool = False) -> list[Finding]:
        """What is wrong, and what mends it; with `probe` also whether the services in use can be reached."""
        found = self.doctor.examine()
        if not probe:
            return found
        reached = await asyncio.gather(*(self._reach(*at) for at in self.doctor.endpoints()))
        return [*(finding for finding in reached if finding is not None), *found]

    async def _reach(self, provider: str, base_url: str) -> Finding | None:
        """Whether anything answers there; whatever it answers, no login is sent."""
        try:
            async with (
                asyncio.timeout(REACH_SECONDS),
                aclosing(await self._outside.http().send("GET", f"{base_url}/models", idle=REACH_SECONDS)),
            ):
                return None
        except (HTTPError, InvalidURL, TimeoutError) as error:
            what = f"{provider} cannot be reached ({type(error).__name__})"
        fix = f"is the address right? %openclaw config get models.providers.{provider}.baseUrl"
        return Finding("endpoint", "error", what, base_url, fix)

    # -- trying every login --

    async def probe(self) -> list[Probed]:
        """Ask one tiny question with each login and key. What fails is a row, not an error."""
        limit = asyncio.Semaphore(AT_ONCE)
        rows = await asyncio.gather(*(self._probe_provider(ref, limit) for ref in self._to_probe()))
        return [row for group in rows for row in group]

    def _to_probe(self) -> list[ModelRef]:
        """One model of every provider that is chosen or has a login: the chosen one first."""
        chosen = [self._models.default(), *self._models.fallbacks(), self._models.image_default()]
        chosen += self._models.image_fallbacks()
        found = {ref.provider: ref for ref in reversed(chosen) if ref is not None}
        offered: dict[str, ModelRef] = {}
        for row in self._models.rows(everything=True):
            offered.setdefault(row.ref.provider, row.ref)
        for profile in self._accounts.profiles():
            found.setdefault(profile.provider, offered.get(profile.provider, ModelRef(profile.provider, "")))
        return [found[provider] for provider in sorted(found)]

    async def _probe_provider(self, ref: ModelRef, limit: asyncio.Semaphore) -> list[Probed]:
        request = ChatRequest(ref.model, (Message("user", PROMPT),), max_tokens=MAX_TOKENS)
        try:
            if not ref.model:
                return [_unsent(ref, "no_model", "no model of this service is known")]
            ways = self._outside.ways(ref, request)
        except OpenClawError as error:
            return [_unsent(ref, outcome_of(error), said(error))]
        with_login = [way for way in ways if way.credential.has_secret] or ways
        return list(await asyncio.gather(*(self._probe(way, limit) for way in with_login)))

    async def _probe(self, question: ResolvedRequest, limit: asyncio.Semaphore) -> Probed:
        async with limit:
            started = self._monotonic()
            status, error = await self._outcome(question)
            elapsed = round((self._monotonic() - started) * 1000)
        used = question.credential
        return Probed(
            provider=used.provider,
            model=str(question.ref),
            profile_id=used.profile.id if used.profile else None,
            label=used.profile.id if used.profile else used.source,
            source=_source(used),
            mode=used.profile.type if used.profile else "api_key" if used.key else None,
            status=status,
            error=error,
            latency_ms=elapsed,
        )

    async def _outcome(self, question: ResolvedRequest) -> tuple[Outcome, str | None]:
        at = self._outside.exchange(question)
        at = replace(at, retry_policy=replace(at.retry_policy, retries=0, idle_timeout=SECONDS))
        try:
            async with asyncio.timeout(SECONDS), aclosing(stream_chat(at, question.request)) as events:
                async for _ in events:
                    pass
        except OpenClawError as error:
            return outcome_of(error), said(error)
        except TimeoutError:
            return "timeout", f"no answer within {SECONDS:.0f} s"
        return "ok", None


def _source(used: Credential) -> str:
    """Where a login is, in OpenClaw's words."""
    if used.profile is not None:
        return "profile"
    return "env" if used.source.startswith("env") else "models.json"


def _unsent(ref: ModelRef, status: Outcome, error: str) -> Probed:
    model = str(ref) if ref.model else None
    return Probed(ref.provider, model, None, ref.provider, "profile", None, status, error)
