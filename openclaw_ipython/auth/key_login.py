"""Signing in without a sign-in service: by API key, by a key of the environment, to a server on this machine.

Decides which address is meant, whose key it is and what is written; the store writes it. No network in here: whether a
key works is asked by the client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.accounts import LoginOutcome
from openclaw_ipython.auth.keys import Key, keys_of
from openclaw_ipython.auth.logins import check_key
from openclaw_ipython.errors import LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_edit import login_patch
from openclaw_ipython.openclaw.config_view import ConfigView, is_marker
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.providers.entries import entry_of
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.json5.parse import Edit
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""What `${…}` takes in OpenClaw's files."""

_SHARED_PREFIXES = frozenset({"", "sk-"})  # begin the keys of many services


@dataclass(frozen=True, slots=True)
class KeySetup:
    """One way to talk to a service, ready to be checked and written.

    `key` is stored as the login `profile`; with `in_place` it is somewhere already and stays there, and the entry names
    `variable` where one can be named. Without a key it is a server that wants none. `models` are listed in the entry
    instead of the provider's table. `notes` are for the person to read.
    """

    provider: Provider
    base_url: str
    key: Secret | None = None
    in_place: bool = False
    variable: str = ""
    models: tuple[ModelSpec, ...] = ()
    profile: str = "default"
    set_default: bool = False
    notes: tuple[str, ...] = ()

    @property
    def sent(self) -> Secret:
        """What is sent."""
        return self.key or Secret("")

    @property
    def profile_id(self) -> str:
        """The id of the login that is stored; empty where none is."""
        return f"{self.provider.id}:{self.profile}" if self.key is not None and not self.in_place else ""


class KeyLogins:
    """The sign-ins by key of one home."""

    def __init__(self, store: Store, providers: Providers, environ: Mapping[str, str]) -> None:
        self._store = store
        self._providers = providers
        self._environ = environ

    def products(self) -> tuple[Provider, ...]:
        """The services that take a key made on their own page, the vendor of the default one first."""
        found = [provider for provider in self._providers.values() if provider.key_login is not None]
        return tuple(sorted(found, key=lambda p: (not p.id.startswith(("modelstudio", "qwen-")), p.id)))

    def environment_key(self, provider: Provider) -> Key | None:
        """The key that the environment holds for a provider, the first one where it holds several."""
        return next(iter(keys_of(provider.id, self._environ, provider.key_variables)), None)

    def address(self, provider: Provider, region: str | None = None) -> str:
        """The base URL meant by `region`, the id of one or an address; without one the person's own, or the usual.

        Raises UsageError for a region there is none of.
        """
        if region:
            return chosen_address(provider, region)
        entry = entry_of(self._providers, self._store.load().config, {}, provider.id)
        return ((entry.base_url if entry else None) or provider.base_url).rstrip("/")

    def setup(self, provider: Provider, key: Secret | None, region: str | None) -> KeySetup:
        """What signs in with `key`, or with that of the environment. Raises UsageError, LoginRequired."""
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
        """The setup with a key that was entered. Raises UsageError for what is no key of this service."""
        check_key(key)
        if base_url in {region.base_url for region in provider.regions}:  # a proxy may want any key
            others = owners(key, self._providers.values())
            if others and provider not in others:
                raise UsageError(
                    _(
                        "this looks like a key of {owners}, not of {label}; nothing was sent",
                        owners=_listed(others),
                        label=provider.label,
                    ),
                    hint=" or ".join(f"%openclaw login --provider {other.id}" for other in others),
                )
        return KeySetup(provider, base_url, key=key)

    def by_variable(self, provider: Provider, base_url: str, key: Key) -> KeySetup:
        """The setup with a key of the environment, which stays there."""
        setup = self.by_key(provider, base_url, key.value)
        named = key.name if key.name in self._environ and VARIABLE.fullmatch(key.name) else ""
        return replace(
            setup,
            in_place=True,
            variable=named,
            notes=(_("the key stays in {name} of the environment", name=key.name),),
        )

    def record(self, setup: KeySetup) -> LoginOutcome:
        """Write a setup that works: login, provider entry with its models, alias, default, all together.

        Raises DocumentError (nothing written) when a file cannot be read, ConfigError when it cannot be written.
        """
        provider = setup.provider
        profile_id = setup.profile_id
        before = self._store.load().config
        choose = bool(_default_of(setup)) and (setup.set_default or not before.default_model)

        def plan(view: ConfigView) -> list[Edit]:
            return _plan(view, setup, choose=choose)

        if profile_id:
            profile = StoredProfile(id=profile_id, type="api_key", provider=provider.id, key=setup.key)
            written = tuple(self._store.save_login(profile_id, profile, plan))
        else:
            written = (self._store.edit_config(plan),)
        now = ModelRef.parse(self._store.load().config.default_model or "")
        return LoginOutcome(provider.id, profile_id, now, choose, setup.base_url, written, setup.notes)


def chosen_address(provider: Provider, region: str) -> str:
    """The base URL of a region of `provider`, or the address that `region` is. Raises UsageError."""
    word = region.strip()
    if "://" in word:
        return word.rstrip("/")
    ids = {r.id: r.base_url for r in provider.regions}
    if word.lower() not in ids:
        near = suggest(word, ids) or tuple(ids)
        raise UsageError(
            _(
                "{provider} has no region {word!r}{meant}",
                provider=provider.id,
                word=word,
                meant=did_you_mean(near),
            ),
            suggestions=near,
            hint=_("one of {ids}, or an address of your own: --region https://…", ids=", ".join(ids)),
        )
    return ids[word.lower()]


def owners(key: Secret, providers: Iterable[Provider]) -> tuple[Provider, ...]:
    """The services whose keys begin like this one; empty where its beginning says nothing."""
    text = key.reveal()
    known = [(p.key_login.prefix, p) for p in providers if p.key_login is not None]
    matching = [prefix for prefix, _ in known if prefix not in _SHARED_PREFIXES and text.startswith(prefix)]
    longest = max(matching, key=len, default=None)
    return tuple(provider for prefix, provider in known if prefix == longest)


def _plan(view: ConfigView, setup: KeySetup, *, choose: bool) -> list[Edit]:
    provider, models = setup.provider, setup.models or setup.provider.models
    entry = replace(provider, models=models).entry(setup.base_url)
    overwrite = {"baseUrl"}
    if setup.variable:
        entry["apiKey"] = f"${{{setup.variable}}}"
        overwrite |= set() if _has_own_key(view, provider.id) else {"apiKey"}
    if setup.models:
        entry["models"] = _merged(_models_there(view, provider.id), entry["models"])
        overwrite.add("models")
    default = _default_of(setup)
    return login_patch(
        view,
        provider_id=provider.id,
        entry={name: value for name, value in entry.items() if value != ""},
        profile_id=setup.profile_id,
        mode="api_key",
        aliases={alias: str(provider.ref(model)) for alias, model in provider.model_aliases.items()},
        model_refs=[str(provider.ref(spec.id)) for spec in models],
        default=str(provider.ref(default)) if choose else None,
        plugin_id=provider.plugin or None,
        overwrite=overwrite,
    )


def _default_of(setup: KeySetup) -> str:
    """The model that answers by default: the provider's own choice, else a Qwen model that is there, else the first."""
    if not setup.models or any(spec.id == setup.provider.default_model for spec in setup.models):
        return setup.provider.default_model
    ids = [spec.id for spec in setup.models]
    return next((model for model in ids if "qwen" in model.lower()), ids[0])


def _has_own_key(view: ConfigView, provider_id: str) -> bool:
    """Whether the person typed a key itself into the entry: it is nowhere else, so it stays."""
    typed = view.raw(("models", "providers", view.provider_key(provider_id) or "", "apiKey"))
    return isinstance(typed, str) and bool(typed) and "$" not in typed and not is_marker(typed)


def _models_there(view: ConfigView, provider_id: str) -> Sequence[Any]:
    there = view.raw(("models", "providers", view.provider_key(provider_id) or "", "models"))
    return there if isinstance(there, list) else []


def _merged(there: Sequence[Any], found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The models that a server has now: as the person wrote them where they did, those that are gone left out."""
    kept = {row["id"]: row for row in there if isinstance(row, Mapping) and isinstance(row.get("id"), str)}
    return [kept.get(row["id"], row) for row in found]


def _listed(providers: Sequence[Provider]) -> str:
    return " or ".join(provider.label for provider in providers)
