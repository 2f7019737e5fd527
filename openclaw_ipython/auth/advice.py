"""Which services can answer, and the command that an error, the check-up or the scan offers for one that cannot.

No advice leads in a circle: a sign-in that its service has ended, or that this process has seen refused, is not
offered, and a default model that nobody can use gives way to the next sign-in. No network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.auth.cooldown import is_refused
from openclaw_ipython.errors import LoginRequired, OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import https_host, is_below
from openclaw_ipython.providers.lookup import entry_of

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Provider, Providers

_BY_KEY = ("modelstudio", "openrouter", "fireworks")
"""The services to offer in place of a sign-in that has ended, in this order."""

_LOCAL = "ollama"


class SignInAdvice:
    """The state of the sign-ins of one home, as far as it decides what to offer."""

    def __init__(self, store: Store, providers: Providers, accounts: Accounts, models: Models) -> None:
        self._store = store
        self._providers = providers
        self._accounts = accounts
        self._models = models
        self._ended: set[str] = set()  # services, seen in this process
        self._refused: set[str] = set()  # logins whose refresh was refused in this process

    def seen_ended(self, provider_id: str) -> None:
        """Note that a service refuses new sign-ins, or the logins that come from them."""
        self._ended.add(provider_id)

    def seen_refused(self, login_id: str) -> None:
        """Note that a login cannot be refreshed any more."""
        self._refused.add(login_id)

    def renewed(self, login_id: str) -> None:
        """Note that a login was replaced by a new one."""
        self._refused.discard(login_id)

    def retirement(self, provider_id: str) -> str:
        """The sentence that a service has ended its sign-in; empty while it may be used.

        That is known of the vendor's own address. Of another one it is what this process has seen.
        """
        provider = self._providers.get(provider_id)
        login = provider.device_login if provider else None
        if provider is None or login is None or not login.retired:
            return ""
        if self._accounts.login_stats.last_login(provider_id):  # it has answered in this process
            return ""
        return _(login.retired) if provider_id in self._ended or self._is_the_vendors(provider) else ""

    def _is_the_vendors(self, provider: Provider) -> bool:
        login = provider.device_login
        snapshot = self._store.load()
        entry = entry_of(self._providers, snapshot.config, snapshot.models_json, provider.id)
        host = https_host((entry.base_url if entry else None) or provider.base_url) or ""
        own_address = login is not None and is_below(host, login.hosts)
        return own_address and self._accounts.signs_in_at_the_vendor(provider)

    def usable(self, provider_id: str) -> bool:
        """Whether a question to a service can be answered: it has a login, which was not refused."""
        return not self.retirement(provider_id) and False in self._refusals(provider_id)

    def _refusals(self, provider_id: str) -> list[bool]:
        """Of each login of a service, whether it was refused; empty where that cannot be read."""
        try:
            return [self.is_refused(one.id) for one in self._accounts.credentials(provider_id)]
        except OpenClawError:
            return []

    def is_refused(self, login_id: str) -> bool:
        """Whether the service refused a login, and has not accepted it since."""
        return login_id in self._refused or is_refused(self._accounts.login_stats.record(login_id))

    def keeps_default(self) -> bool:
        """Whether the default model stays when the user signs in elsewhere: there is one, and it can be used.

        The default of a service that only OpenClaw knows stays as well: here nothing can be said about it.
        """
        default = self._models.default()
        if default is None:
            return False
        return default.provider not in self._providers or self.usable(default.provider)

    def hint(self, provider_id: str) -> str:
        """What to type where a service cannot answer: sign in to it, or what can answer instead."""
        if not self.retirement(provider_id):
            is_first = provider_id == next(iter(self._providers))
            return "%openclaw login" if is_first else f"%openclaw login --provider {provider_id}"
        default = self._models.default()
        if default is not None and default.provider != provider_id and self.usable(default.provider):
            return _("without a model, %%qwen asks {default}", default=default)
        return self.other_ways()

    def other_ways(self) -> str:
        """The commands in place of a sign-in that has ended."""
        return _(
            "{by_key} (with an API key), or {local} (on this machine, no key)",
            by_key=self.by_key(),
            local=f"%openclaw login --provider {_LOCAL}",
        )

    def by_key(self) -> str:
        """The command that signs in to a service with a key, one whose key was not refused."""
        known = [name for name in _BY_KEY if name in self._providers] or [next(iter(self._providers))]
        open_ = [name for name in known if not self.has_refused_login(name)]
        return f"%openclaw login --provider {(open_ or known)[0]}"

    def command(self, provider_id: str) -> str:
        """As `hint`, one command: for a finding of the check-up."""
        if self.retirement(provider_id):
            return self.by_key()
        provider = self._providers.get(provider_id)
        if provider is None:
            return f"%openclaw models auth add --provider {provider_id}"
        again = " --force" if self.has_refused_login(provider_id) else ""
        return f"%openclaw login --provider {provider_id}{again}"

    def has_refused_login(self, provider_id: str) -> bool:
        """Whether a service has refused every login that it has here."""
        refusals = self._refusals(provider_id)
        return bool(refusals) and all(refusals)

    def no_model(self) -> LoginRequired:
        """The error for a question without a model when there is no default model."""
        usable, qwen_code = self._accounts.usable_by_key(), self._accounts.qwen_code
        if usable is not None:
            model = usable.ref(usable.default_model)
            hint = _("%%qwen {model}, or for every question: %openclaw models set {model}", model=model)
            return LoginRequired(_("no model is chosen yet"), hint=hint)
        retired = self.retirement(next(iter(self._providers), ""))
        if not retired and qwen_code.login() is not None:
            return qwen_code.model_required(self._store.load().config)
        hint = self.other_ways() if retired else "%openclaw login"
        return LoginRequired(_("no model is chosen and there is no login yet"), hint=hint)

    def login_required(self, error: LoginRequired, provider_id: str) -> LoginRequired:
        """`error`, or, where the service has ended its sign-in, the error that says so."""
        retirement = self.retirement(provider_id)
        if not retirement:
            return error
        what = _("no login for {provider_id}: {reason}", provider_id=provider_id, reason=retirement)
        return LoginRequired(what, hint=self.hint(provider_id))
