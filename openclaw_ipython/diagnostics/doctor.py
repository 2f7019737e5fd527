"""The check-up of a home: its files, logins and settings. It reads and never writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.diagnostics.config_checks import (
    CHAT_SETTING,
    check_config,
    check_environment,
    check_storage,
)
from openclaw_ipython.diagnostics.file_checks import check_files, check_journal, inspect_files
from openclaw_ipython.diagnostics.findings import Facts, Finding, unreadable, worst_first
from openclaw_ipython.diagnostics.gateway_state import GatewayState, gateway_state
from openclaw_ipython.diagnostics.login_checks import check_logins
from openclaw_ipython.errors import DocumentError, OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import HttpClient, HTTPError, InvalidURL

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.auth.advice import SignInAdvice
    from openclaw_ipython.diagnostics.probe import ProbeResult
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.runtime.env import Runtime

REACH_SECONDS = 5.0


class Doctor(Struct, frozen=True, eq=False):
    """Examines one home.

    `http` gives the client for requests; `probe` asks one tiny question with each login. On `windows` file permissions
    are not checked.
    """

    store: Store
    models: Models
    accounts: Accounts
    advice: SignInAdvice
    providers: Providers
    runtime: Runtime
    http: Callable[[], HttpClient]
    probe: Callable[[], Awaitable[list[ProbeResult]]]
    windows: bool = os.name == "nt"

    async def examine(self, *, probe: bool = False) -> list[Finding]:
        """All findings, the worst first. A file that cannot be read is a finding, not an error.

        With `probe` the services in use are asked whether they can be reached, and one tiny question is asked with each
        login.
        """
        found = self._findings()
        if probe:
            found += await self._gateway_problem()
            reached = await asyncio.gather(*(self._reach(*endpoint) for endpoint in self._endpoints()))
            found += [finding for finding in reached if finding is not None]
            silent = {finding.where for finding in found if finding.check == "endpoint"}
            try:
                found += self._refusals(await self.probe(), silent)
            except DocumentError:
                pass  # a file that cannot be read is a finding already
        return worst_first(found)

    async def gateway(self) -> GatewayState:
        """The state of OpenClaw's Gateway. Raises DocumentError."""
        return await gateway_state(self.http(), self.store.load().config, self.accounts)

    def _findings(self) -> list[Finding]:
        home, environ, now = self.store.home, self.runtime.environ, self.runtime.clock()
        files = inspect_files(home)
        found = [*check_files(files, now, windows=self.windows), *check_environment(environ)]
        found += check_journal(home, windows=self.windows)
        try:
            snapshot = self.store.load()
            found += map(unreadable, snapshot.problems)
            has_json_logins = any(fact.path == home.auth_profiles for fact in files)
            found += check_storage(snapshot, home, has_json_logins=has_json_logins)
            rows = self.accounts.profiles()
            facts = Facts(
                snapshot, self.models, self.providers, home, self.advice, rows, environ, int(now * 1000),
                self._missing_login,
            )  # fmt: skip
            found += [*check_logins(facts), *check_config(facts)]
        except DocumentError as error:
            found.append(unreadable(error))
        return found

    async def _gateway_problem(self) -> list[Finding]:
        """The finding for a Gateway that is meant to answer and does not."""
        try:
            meant = self.store.load().config.get(CHAT_SETTING) is True
            if not meant and self.accounts.credential("openclaw") is None:
                return []
            state = await self.gateway()
        except OpenClawError:
            return []  # a file that cannot be read is a finding already
        what, fix = state.fix
        return (
            [Finding("gateway", "warning", what, state.url, fix)] if fix and (meant or state.version) else []
        )

    def _missing_login(self, provider_id: str) -> str:
        """Why there is no usable login of a provider; empty where there is one."""
        try:
            if self.accounts.credential(provider_id) is not None:
                return ""
            reason = self.accounts.login_problem(provider_id)
        except OpenClawError as error:
            reason = str(error)
        if reason:
            return _("there is no login for {provider}: {reason}", provider=provider_id, reason=reason)
        return _("there is no login for {provider}", provider=provider_id)

    def _endpoints(self) -> list[tuple[str, str]]:
        """The providers of the chosen models, each with its base URL."""
        try:
            refs = [self.models.default(), self.models.image_default(), *self.models.fallbacks()]
        except OpenClawError:
            return []
        found: dict[str, str] = {}
        for ref in refs:
            try:
                if ref is not None:
                    found.setdefault(ref.provider, self.models.target(ref).base_url)
            except OpenClawError:
                continue
        return list(found.items())

    def _refusals(self, results: Sequence[ProbeResult], silent: set[str]) -> Iterator[Finding]:
        """The findings for logins whose question was not answered, but for the addresses where nothing answers."""
        endpoints = dict(self._endpoints())
        for result in results:
            if result.status in {"ok", "no_model"} or endpoints.get(result.provider) in silent:
                continue
            waits = result.status in {"rate_limit", "timeout"}
            fix = f"%openclaw models auth add --provider {result.provider}"
            provider = self.providers.get(result.provider)
            if result.status != "auth":
                fix = _("{command} shows the whole message", command=f"%%qwen {result.model}")
            elif provider is not None and provider.local is None:
                fix = self.advice.command(result.provider)
                anew = fix == f"%openclaw login --provider {result.provider}"
                fix += " --force" if anew else ""
            what = _("a question with it is refused: {error}", error=result.error)
            yield Finding("probe", "warning" if waits else "error", what, result.label, fix)

    async def _reach(self, provider: str, base_url: str) -> Finding | None:
        """The finding for an address where nothing answers; any answer will do, and no login is sent."""
        try:
            async with (
                asyncio.timeout(REACH_SECONDS),
                aclosing(await self.http().send("GET", f"{base_url}/models", idle=REACH_SECONDS)),
            ):
                return None
        except (HTTPError, InvalidURL, TimeoutError) as error:
            what = _("{provider} cannot be reached ({kind})", provider=provider, kind=type(error).__name__)
        command = f"%openclaw config get models.providers.{provider}.baseUrl"
        fix = _("is the address right? {command}", command=command)
        return Finding("endpoint", "error", what, base_url, fix)
