"""Carrying out a sign-in: by device code, by key, to a server on this machine.

Asks the services and has the outcome written; how it is shown, and where a key is entered, is the front end's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken, NoToken
from openclaw_ipython.auth.device_flow import Pkce, device_flow
from openclaw_ipython.auth.key_login import KeyLogins, KeySetup
from openclaw_ipython.auth.login import Granted, Prompted, Waiting, carry_out
from openclaw_ipython.errors import (
    LoginRequired,
    LoginUnavailable,
    OpenClawError,
    RequestRejected,
    ServiceUnavailable,
    UsageError,
)
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.models.catalog import Door, fetch_models
from openclaw_ipython.net.urls import checked_base_url
from openclaw_ipython.providers.addresses import wrong_key

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts, LoginOutcome
    from openclaw_ipython.auth.resolve import Credential
    from openclaw_ipython.net.client import HttpClient
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers
    from openclaw_ipython.sanitize.secrets import Secret

NO_LIST = frozenset({404, 405})
"""How a service says that it keeps no list of models."""

CHECK_SECONDS = 8.0
"""How long a service may take to say whether it takes a key, before the key is kept unchecked."""

FRESH_SECONDS = 900.0
"""For so long after a sign-in a refusal means that the service does not honour it: signing in again would not help."""

OTHER_WAYS = N_(
    "%openclaw login --provider modelstudio (an API key), or --provider ollama (this machine, no key)"
)
"""What to type where a sign-in is not offered any more."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The login is finished and written."""

    outcome: LoginOutcome


LoginEvent = Prompted | Waiting | LoggedIn


class SignIns:
    """The sign-ins of one home. `monotonic` is monotonic seconds, `patience` the longest wait for an answer."""

    def __init__(
        self,
        store: Store,
        providers: Providers,
        accounts: Accounts,
        keys: KeyLogins,
        *,
        http: Callable[[], HttpClient],
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        today: Callable[[], str],
        patience: float,
    ) -> None:
        self._store = store
        self._providers = providers
        self._accounts = accounts
        self._keys = keys
        self._http = http
        self._sleep = sleep
        self._monotonic = monotonic
        self._random_bytes = random_bytes
        self._today = today
        self._patience = patience
        self._made: dict[str, float] = {}  # provider → when, monotonic

    # -- by device code --

    async def by_device(
        self, provider: Provider, *, set_default: bool, profile: str
    ) -> AsyncGenerator[LoginEvent, None]:
        """Yield Prompted once, Waiting before each poll, LoggedIn at the end. Errors as for `Client.login`."""
        # A file that cannot be edited is found now, not after the person has confirmed the code.
        self._store.load()
        endpoints = self._accounts.device_endpoints(provider)
        flow = device_flow(endpoints, Pkce.make(self._random_bytes), self._monotonic)
        name = f"the sign-in service of {provider.label}"
        try:
            async with aclosing(carry_out(flow, self._http(), self._sleep, name)) as events:
                async for event in events:
                    if not isinstance(event, Granted):
                        yield event
                        continue
                    outcome = self._accounts.record_login(
                        provider, event.grant, set_default=set_default, profile_name=profile
                    )
                    self._made[provider.id] = self._monotonic()
                    yield LoggedIn(outcome)
        except LoginUnavailable as error:
            raise _retired(provider, error) from error

    def explained(self, error: OpenClawError, used: Credential) -> OpenClawError:
        """`error`, or that the service ended its sign-in: signing in again would not help.

        So it is where the service says it, and where a login is refused that was just made.
        """
        provider = self._providers.get(used.provider)
        retired = provider.device_login.retired if provider and provider.device_login else ""
        said = _(retired) if retired else ""
        if not said or used.profile is None:
            return error
        if isinstance(error, LoginRequired | RequestRejected) and "discontinued" in str(error).lower():
            return LoginRequired(said, hint=_(OTHER_WAYS))
        made = self._made.get(used.provider)
        fresh = made is not None and self._monotonic() - made < FRESH_SECONDS
        if isinstance(error, LoginRequired) and fresh:
            return LoginRequired(_("{said}; the new login is not accepted", said=said), hint=_(OTHER_WAYS))
        return error

    # -- by key, or without --

    async def by_key(self, setup: KeySetup) -> LoginOutcome:
        """Check a key and write what it sets up. Errors as for `Client.login_with_key`."""
        notes = await self._check(setup)
        outcome = self._keys.record(replace(setup, notes=(*setup.notes, *notes)))
        if outcome.profile_id:
            self._accounts.standing.forgive(outcome.profile_id)
        return outcome

    async def locally(self, provider: Provider, region: str | None, *, set_default: bool) -> LoginOutcome:
        """Set up a server on this machine with the models it has. Errors as for `Client.login_locally`."""
        local = provider.local
        if local is None:
            hint = f"%openclaw login --provider {provider.id}"
            raise UsageError(_("{provider} is no server of this machine", provider=provider.id), hint=hint)
        address = checked_base_url(self._keys.address(provider, region), provider.id)
        at = Door(self._http(), address, BearerAuth(NoToken()), provider.label, provider)
        try:
            models = await fetch_models(at, self._today())
        except ServiceUnavailable:
            raise ServiceUnavailable(
                _("no {label} answers at {address}", label=provider.label, address=address),
                hint=_(local.start),
            ) from None
        if not models:
            raise ServiceUnavailable(
                _("{label} has no model to chat with", label=provider.label), hint=_(local.start)
            )
        return self._keys.record(KeySetup(provider, address, models=models, set_default=set_default))

    async def try_key(self, provider: Provider, base_url: str, key: Secret) -> tuple[ModelSpec, ...]:
        """As `listed_for`; a service that keeps no list cannot tell, and the provider's table is given then."""
        try:
            return await self.listed_for(provider, base_url, key)
        except RequestRejected as error:
            if error.status not in NO_LIST:
                raise
            return provider.models

    async def listed_for(self, provider: Provider, base_url: str, key: Secret) -> tuple[ModelSpec, ...]:
        """The models a key is shown at an address. Raises as asking for a list does; a refusal names the sisters."""
        checked_base_url(base_url, provider.id)
        advice = wrong_key(provider, base_url, self._providers.values())
        at = Door(self._http(), base_url, BearerAuth(FixedToken(key)), provider.label, provider, advice)
        try:
            return await fetch_models(at, self._today())
        except RequestRejected as error:
            if error.status == 403:
                error.hint = advice
            raise

    async def _check(self, setup: KeySetup) -> tuple[str, ...]:
        """Ask the service whether it takes the key. What is to be said where it cannot tell."""
        provider = setup.provider
        try:
            async with asyncio.timeout(min(CHECK_SECONDS, self._patience)):
                models = await self.listed_for(provider, setup.base_url, setup.sent)
        except TimeoutError:
            return (f"the key could not be checked: {provider.label} did not answer in time",)
        except RequestRejected as error:
            if error.status not in NO_LIST:
                raise
            return ("the key could not be checked: this address keeps no list of models",)
        if models and all(spec.id != provider.default_model for spec in models):
            unlisted = f"{provider.default_model} is not on the list of this address"
            return (f"{unlisted}: %openclaw models list --refresh --provider {provider.id}",)
        return ()


def _retired(spec: Provider, error: LoginUnavailable) -> LoginUnavailable:
    """That a sign-in is not offered any more, in one sentence where it is known."""
    said = spec.device_login.retired if spec.device_login else ""
    return LoginUnavailable(_(said), hint=_(OTHER_WAYS)) if said else error
