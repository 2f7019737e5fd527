"""Login with an API key: the address, the provider of the key, and the storage of the login. No network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.accounts import LoginOutcome, login_edits, save_login
from openclaw_ipython.auth.resolver import EnvironmentKey, key_variable, provider_keys
from openclaw_ipython.auth.sign_in_address import ChosenAddress
from openclaw_ipython.auth.stored_logins import check_key
from openclaw_ipython.errors import LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_view import ConfigView, is_marker
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.providers.addresses import default_address
from openclaw_ipython.providers.lookup import entry_of
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.json5.parse import Edit
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers
    from openclaw_ipython.runtime.env import Runtime

VARIABLE = r"[A-Z_][A-Z0-9_]*"
"""A name that `${…}` in OpenClaw's files may hold."""

_REGIONS = "cn-beijing|ap-southeast-1|us-east-1|cn-hongkong|ap-northeast-1|eu-central-1"
_WORKSPACE = rf"([a-z0-9-]+\.(?:{_REGIONS}))(?:\.maas\.aliyuncs\.com)?"

_SHARED_PREFIXES = frozenset({"", "sk-"})  # begin the keys of many services


class KeySetup(Struct, frozen=True):
    """A login with a key, or to a server without one, ready to be checked and stored.

    `key` is stored as the login `profile`. With `in_place` the key stays in its present place, and the provider entry
    refers to `variable`, if that is set. `models` are listed in the entry in place of the provider's own. `default` is
    the model to ask in place of the provider's default. `notes` are sentences for the user.
    """

    provider: Provider
    base_url: str
    key: Secret | None = None
    in_place: bool = False
    variable: str = ""
    models: tuple[ModelSpec, ...] = ()
    default: str = ""
    profile: str = "default"
    set_default: bool = False
    notes: tuple[str, ...] = ()

    @property
    def secret(self) -> Secret:
        """The key, empty for a server without one."""
        return self.key or Secret("")

    @property
    def needs_reference(self) -> bool:
        """Whether the entry must name the variable: the key is not found there by itself.

        Where such a variable is not set, OpenClaw of February 2026 does not start at all, and that of September sends
        the text of the reference; so none is written without need.
        """
        return bool(self.variable) and self.variable not in (
            *self.provider.key_variables,
            key_variable(self.provider.id),
        )

    @property
    def reference(self) -> str:
        """The variable in the entry: its bare name where that can be, with which every release of OpenClaw starts."""
        return self.variable if is_marker(self.variable) else f"${{{self.variable}}}"

    @property
    def profile_id(self) -> str:
        """The id of the login to store; empty if none is stored."""
        return f"{self.provider.id}:{self.profile}" if self.key is not None and not self.in_place else ""


class KeyLogins:
    """Prepares and stores logins with a key. `keeps_default` tells whether the present default model stays."""

    def __init__(
        self,
        store: Store,
        providers: Providers,
        runtime: Runtime,
        keeps_default: Callable[[], bool],
    ) -> None:
        self._keeps_default = keeps_default
        self._store = store
        self._providers = providers
        self._environ = runtime.environ

    def products(self) -> tuple[Provider, ...]:
        """The providers with a login by key; those of the default provider's vendor first."""
        found = [provider for provider in self._providers.values() if provider.key_login is not None]
        return tuple(sorted(found, key=lambda p: (not p.id.startswith(("modelstudio", "qwen-")), p.id)))

    def environment_key(self, provider: Provider) -> EnvironmentKey | None:
        """The first key in the environment for a provider."""
        return next(iter(provider_keys(provider.id, self._environ, provider.key_variables)), None)

    def address(self, provider: Provider, region: str | None = None) -> str:
        """The base URL of `region` (an id or an address); without one, the user's setting or the default.

        Raises UsageError for an unknown region.
        """
        if region:
            return chosen_address(provider, region)
        entry = entry_of(self._providers, self._store.load().config, {}, provider.id)
        found = entry.base_url if entry else None
        return (found or default_address(provider, self._environ)).rstrip("/")

    def setup(self, provider: Provider, key: Secret | None, region: str | None) -> KeySetup:
        """The setup with `key`, or with the one in the environment. Raises UsageError, LoginRequired."""
        if provider.key_login is None:
            raise UsageError(
                _("{provider} takes no API key", provider=provider.id),
                hint=f"%openclaw login --provider {provider.id}",
            )
        address = self.address(provider, region)
        if key is not None:
            return self.by_key(provider, address, key)
        found = self.environment_key(provider)
        if found is None:
            ways = _("set {variables} in the environment", variables=_(" or ").join(provider.key_variables))
            raise LoginRequired(_("the environment holds no key of {label}", label=provider.label), hint=ways)
        return self.by_variable(provider, address, found)

    def by_key(self, provider: Provider, base_url: str, key: Secret) -> KeySetup:
        """The setup with an entered key. Raises UsageError for a key of another provider or an impossible one."""
        check_key(key)
        if base_url in {region.base_url for region in provider.regions}:  # a proxy may want any key
            others = owners(key, self._providers.values())
            if others and provider not in others:
                raise UsageError(
                    _(
                        "this looks like a key of {owners}, not of {label}; nothing was sent",
                        owners=" or ".join(other.label for other in others),
                        label=provider.label,
                    ),
                    hint=" or ".join(f"%openclaw login --provider {other.id}" for other in others),
                )
        return KeySetup(provider, base_url, key=key)

    def by_variable(self, provider: Provider, base_url: str, key: EnvironmentKey) -> KeySetup:
        """The setup with a key that stays in the environment."""
        setup = self.by_key(provider, base_url, key.value)
        named = key.name if key.name in self._environ and re.fullmatch(VARIABLE, key.name) else ""
        return replace(
            setup,
            in_place=True,
            variable=named,
            notes=(_("the key stays in {name} of the environment", name=key.name),),
        )

    def record(self, setup: KeySetup) -> LoginOutcome:
        """Store a checked setup in one step: login, provider entry with its models, alias, default model.

        Raises DocumentError (nothing written) when a file cannot be read, ConfigError when it cannot be written.
        """
        provider = setup.provider
        choose = bool(_default_of(setup)) and (setup.set_default or not self._keeps_default())

        def plan(view: ConfigView) -> list[Edit]:
            return _plan(view, setup, choose=choose)

        profile, id_, notes = None, setup.profile_id, setup.notes
        if id_:
            profile = StoredProfile(id=id_, type="api_key", provider=provider.id, key=setup.key)
        if setup.needs_reference and not is_marker(setup.variable):
            notes += (_("OpenClaw does not start where {name} is not set", name=setup.variable),)
        model = provider.ref(_default_of(setup)) if _default_of(setup) else None
        return save_login(
            self._store, provider, profile, plan, ChosenAddress(setup.base_url, notes), model=model
        )


def chosen_address(provider: Provider, region: str) -> str:
    """The base URL of a region of `provider`, or the address that `region` is. Raises UsageError."""
    word = region.strip()
    if "://" in word:
        return word.rstrip("/")
    workspace = re.fullmatch(_WORKSPACE, word.lower())
    if workspace and provider.id == "modelstudio":  # a workspace's own address, which the service recommends
        return f"https://{workspace[1]}.maas.aliyuncs.com/compatible-mode/v1"
    ids = {r.id: r.base_url for r in provider.regions}
    if word.lower() not in ids:
        what = _("{provider} has no region {word!r}", provider=provider.id, word=word)
        hint = _("one of {ids}, or an address of your own: --region https://…", ids=", ".join(ids))
        raise mistyped(what, word, ids, hint=hint, otherwise=ids)
    return ids[word.lower()]


def owners(key: Secret, providers: Iterable[Provider]) -> tuple[Provider, ...]:
    """The providers whose keys have the same prefix as this one; empty if its prefix is not specific."""
    text = key.reveal()
    known = [(p.key_login.prefix, p) for p in providers if p.key_login is not None]
    matching = [prefix for prefix, _ in known if prefix not in _SHARED_PREFIXES and text.startswith(prefix)]
    longest = max(matching, key=len, default=None)
    return tuple(provider for prefix, provider in known if prefix == longest)


def _plan(view: ConfigView, setup: KeySetup, *, choose: bool) -> list[Edit]:
    provider, models = setup.provider, setup.models or setup.provider.models
    entry = replace(provider, models=models).entry(setup.base_url)
    typed = ("models", "providers", view.provider_key(provider.id) or "")
    overwrite = {"baseUrl"}
    if setup.needs_reference:
        entry["apiKey"] = setup.reference
        overwrite |= set() if _is_own_key(view.raw((*typed, "apiKey"))) else {"apiKey"}
    if setup.models:
        entry["models"] = _merged(view.raw((*typed, "models")), entry["models"])
        overwrite.add("models")
    default, profile_id = _default_of(setup) if choose else "", setup.profile_id
    return login_edits(
        view, provider, entry, profile_id, "api_key", models=models, default=default, overwrite=overwrite
    )


def _default_of(setup: KeySetup) -> str:
    if setup.default or not setup.models:
        return setup.default or setup.provider.default_model
    return best_of(setup.provider, setup.models)


def best_of(provider: Provider, models: Sequence[ModelSpec]) -> str:
    """The model to ask: the provider's own choice if it is listed, else a listed Qwen model, else the first."""
    ids = [spec.id for spec in models]
    if provider.default_model in ids:
        return provider.default_model
    return next((model for model in ids if "qwen" in model.lower()), ids[0])


def _is_own_key(typed: Any) -> bool:
    """Whether an entry holds a key in plain text: the user put it there, and no other place has it."""
    return isinstance(typed, str) and bool(typed) and "$" not in typed and not is_marker(typed)


def _merged(configured: Any, found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The models that a server has now, each as the user configured it, if at all."""
    rows = configured if isinstance(configured, list) else []
    kept = {row["id"]: row for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str)}
    return [kept.get(row["id"], row) for row in found]
