"""Sign-in by device code, by key, and to a server on this machine: asks the services and stores the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.auth.device_flow import Pkce, Show, Wait, device_flow
from openclaw_ipython.auth.flow_runner import Granted, run_flow
from openclaw_ipython.auth.key_login import KeyLogins, KeySetup, best_of
from openclaw_ipython.chat.wrong_address import answering_base_url
from openclaw_ipython.errors import (
    LoginRequired,
    LoginUnavailable,
    OpenClawError,
    ProtocolError,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
    UsageError,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.models.listing import ModelsEndpoint, check_key, fetch_models
from openclaw_ipython.net.urls import checked_base_url, is_loopback
from openclaw_ipython.providers.addresses import variable_key
from openclaw_ipython.providers.lookup import refused_key_hint

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts, LoginOutcome
    from openclaw_ipython.auth.advice import SignInAdvice
    from openclaw_ipython.auth.resolver import Credential
    from openclaw_ipython.net.http import HttpClient
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers
    from openclaw_ipython.runtime.env import Runtime
    from openclaw_ipython.sanitize.secrets import Secret

NO_LIST_STATUSES = frozenset({404, 405})
"""The statuses of a service without a list of models."""

CHECK_SECONDS = 8.0
"""The longest check of a key; after it the key is stored unchecked."""

RECENT_SECONDS = 900.0
"""A refusal within this time after a sign-in means that the service does not accept new logins either."""


class LoggedIn(Struct, frozen=True):
    """The login is finished and stored."""

    outcome: LoginOutcome


LoginEvent = Show | Wait | LoggedIn


class LoginService(Struct, frozen=True, eq=False):
    """Carries out the logins of one home. `timeout` is the longest wait for an answer, in seconds.

    `signed_in_at` is the time of each service's last sign-in, in monotonic seconds.
    """

    store: Store
    providers: Providers
    accounts: Accounts
    advice: SignInAdvice
    keys: KeyLogins
    http: Callable[[], HttpClient]
    runtime: Runtime
    today: Callable[[], str]
    timeout: float
    signed_in_at: dict[str, float] = {}

    # -- by device code --

    async def by_device(
        self, provider: Provider, *, set_default: bool, profile: str
    ) -> AsyncGenerator[LoginEvent, None]:
        """Yield Show once, Wait before each poll, LoggedIn at the end. Errors as for `Client.login`."""
        # An unreadable file is reported now, not after the user has confirmed the code.
        self.store.load()
        endpoints = self.accounts.device_endpoints(provider)
        flow = device_flow(endpoints, Pkce.make(self.runtime.random_bytes), self.runtime.monotonic)
        name = f"the sign-in service of {provider.label}"
        try:
            async with aclosing(run_flow(flow, self.http(), self.runtime.sleep, name)) as events:
                async for event in events:
                    if not isinstance(event, Granted):
                        yield event
                        continue
                    choose = set_default or not self.advice.keeps_default()
                    outcome = self.accounts.record_login(
                        provider, event.grant, set_default=choose, profile_name=profile
                    )
                    self.advice.renewed(outcome.profile_id)
                    self.signed_in_at[provider.id] = self.runtime.monotonic()
                    yield LoggedIn(outcome)
        except LoginUnavailable as error:
            retirement = provider.device_login.retired if provider.device_login else ""
            if not retirement:
                raise
            self.advice.seen_ended(provider.id)
            raise LoginUnavailable(_(retirement), hint=self.advice.hint(provider.id)) from error

    def explained(self, error: OpenClawError, used: Credential) -> OpenClawError:
        """`error`, or LoginRequired with the text that the service has ended its sign-in.

        That is the case if the service states it, if it refuses a login that is a few minutes old or cannot answer it,
        and for the vendor's own service, which is known to have ended it.
        """
        provider = self.providers.get(used.provider)
        retired = provider.device_login.retired if provider and provider.device_login else ""
        advice = self.advice
        if not retired or used.profile is None:
            if error.hint == "%openclaw login --force" and used.provider in self.providers:
                error.hint = f"%openclaw login --provider {used.provider} --force"
            return error
        since = self.signed_in_at.get(used.provider)
        recent = since is not None and self.runtime.monotonic() - since < RECENT_SECONDS
        if isinstance(error, RefreshRejected):
            advice.seen_refused(used.id)
        refused = isinstance(error, LoginRequired)
        rejected = refused or isinstance(error, RefreshRejected)
        stated = isinstance(error, LoginRequired | RequestRejected) and "discontinued" in str(error).lower()
        gone = recent and _is_gone(error)
        known = rejected and bool(advice.retirement(used.provider))
        if not (stated or gone or known or (refused and recent)):
            return error
        advice.seen_ended(used.provider)
        text = _("{retirement}; the new login is not accepted", retirement=_(retired))
        what = text if recent and refused and not stated else _(retired)
        status = getattr(error, "status", None)
        return LoginRequired(what, hint=advice.hint(used.provider), status=status)

    # -- by key, or without one --

    async def by_key(self, setup: KeySetup) -> LoginOutcome:
        """Check a key and store its login. Errors as for `Client.login_with_key`."""
        default, notes = await self._check(setup)
        outcome = self.keys.record(replace(setup, default=default, notes=(*setup.notes, *notes)))
        if outcome.profile_id:
            self.accounts.login_stats.reset(outcome.profile_id)
        return outcome

    async def locally(
        self, provider: Provider, region: str | None, key: Secret | None, *, set_default: bool
    ) -> LoginOutcome:
        """Set up a server with its models, and store `key` if it accepts it. Errors as for `Client.login_locally`."""
        local = provider.local
        if local is None:
            hint = f"%openclaw login --provider {provider.id}"
            raise UsageError(_("{provider} is no server of this machine", provider=provider.id), hint=hint)
        address = checked_base_url(self.keys.address(provider, region), provider.id)
        named = variable_key(provider, address, self.runtime.environ)
        stored = self.accounts.credential(provider.id) if region is None or is_loopback(address) else None
        sent = key or (named[1] if named else stored.key if stored else None)
        advice = f"%openclaw login --provider {provider.id} --region {address}"
        login = BearerAuth(FixedToken() if sent is None else FixedToken(sent))
        at = ModelsEndpoint(self.http(), address, login, provider.label, provider, advice)
        try:
            models = await fetch_models(at, self.today())
        except RequestRejected:
            # typed without /v1, or with more than the base URL
            address = await answering_base_url(self.http(), address)
            if not address:
                raise
            models = await fetch_models(replace(at, base_url=address), self.today())
        except ServiceUnavailable:
            raise ServiceUnavailable(
                _("no {label} answers at {address}", label=provider.label, address=address),
                hint=_(local.start),
            ) from None
        if not models:
            raise ServiceUnavailable(
                _("{label} has no model to chat with", label=provider.label), hint=_(local.start)
            )
        setup = KeySetup(provider, address, key, models=models, set_default=set_default)
        if named and key is None:
            setup = replace(setup, key=named[1], in_place=True, variable=named[0])
        return self.keys.record(setup)

    async def list_models(self, provider: Provider, base_url: str, key: Secret) -> tuple[ModelSpec, ...]:
        """The models that the service lists for a key, which is tried where a service lists them without one.

        The hint of a refusal names the provider's other addresses.
        """
        checked_base_url(base_url, provider.id)
        advice = refused_key_hint(provider, base_url, self.providers.values())
        at = ModelsEndpoint(
            self.http(), base_url, BearerAuth(FixedToken(key)), provider.label, provider, advice
        )
        check = provider.key_login.check if provider.key_login and _is_own(provider, base_url) else ""
        try:
            if check not in ("", "/models"):
                await check_key(at, check)
            return await fetch_models(at, self.today())
        except RequestRejected as error:
            if error.status == 403:
                error.hint = advice
            raise

    async def _check(self, setup: KeySetup) -> tuple[str, tuple[str, ...]]:
        """Ask the service whether it accepts the key.

        Returns the model to ask, if the address has not the provider's default one, and notes for the user.
        """
        provider = setup.provider
        try:
            async with asyncio.timeout(min(CHECK_SECONDS, self.timeout)):
                models = await self.list_models(provider, setup.base_url, setup.secret)
        except TimeoutError:
            return "", (
                _("the key could not be checked: {label} did not answer in time", label=provider.label),
            )
        except RequestRejected as error:
            if error.status not in NO_LIST_STATUSES:
                raise
            if answering := await answering_base_url(self.http(), setup.base_url):
                raise UsageError(
                    _("{url} is no base URL; {answering} is", url=setup.base_url, answering=answering),
                    hint=f"%openclaw login --provider {provider.id} --region {answering}",
                ) from None
            return "", (_("the key could not be checked: this address has no list of models"),)
        if models and all(spec.id != provider.default_model for spec in models):
            if not _is_own(provider, setup.base_url):
                return best_of(provider, models), ()  # not the vendor's address: its list is what it has
            model, command = (
                provider.default_model,
                f"%openclaw models list --refresh --provider {provider.id}",
            )
            note = _("{model} is not on the list of this address: {command}", model=model, command=command)
            return "", (note,)
        if provider.key_login and not provider.key_login.check and _is_own(provider, setup.base_url):
            note = _(
                "the key could not be checked: {label} lists its models without one", label=provider.label
            )
            return "", (note,)
        return "", ()


def _is_own(provider: Provider, base_url: str) -> bool:
    """Whether an address is one of the service's own."""
    return base_url in {region.base_url for region in provider.regions}


def _is_gone(error: OpenClawError) -> bool:
    """Whether a service answers as one that is switched off: with a gateway's time-out, or with a web page."""
    return isinstance(error, ProtocolError) or getattr(error, "status", None) == 504
