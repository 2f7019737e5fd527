"""What may be sent to a provider, in the order in which it is tried: stored logins, keys, or nothing at all.

Reads through the store, the environment, and files that secret references name; no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from openclaw_ipython.auth.keys import Key, is_live, keys_of
from openclaw_ipython.auth.order import ordered_profiles
from openclaw_ipython.errors import ConfigError
from openclaw_ipython.net.urls import is_loopback
from openclaw_ipython.openclaw.config_view import ProviderEntry, is_marker
from openclaw_ipython.openclaw.secret_refs import SecretRefs, variable_of
from openclaw_ipython.providers.entries import entry_of
from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from openclaw_ipython.auth.cooldown import Rest
    from openclaw_ipython.auth.login_stats import Standing
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.sanitize.secrets import Secret


@dataclass(frozen=True)
class Credential:
    """What would be used for a provider. One of `profile`, `key` is set, or neither (no login needed).

    `rest`: it failed and should be left alone for a while.
    """

    provider: str
    source: str  # "profile", "Qwen Code, in place", "env: NAME", "openclaw.json" or "none needed"
    profile: StoredProfile | None = None
    key: Secret | None = None
    rest: Rest | None = None

    @property
    def id(self) -> str:
        """What its failures are written down under."""
        return self.profile.id if self.profile is not None else f"{self.provider} {self.source}"

    @property
    def has_secret(self) -> bool:
        """Whether there is anything that a service could refuse."""
        return self.profile is not None or self.key is not None

    @property
    def is_key(self) -> bool:
        """Whether it is a key of the environment or the configuration, not a stored login."""
        return self.profile is None and self.key is not None

    @property
    def label(self) -> str:
        """What it is called in a sentence."""
        if self.profile is not None:
            return self.profile.id
        return f"the key in {self.source.removeprefix('env: ')}" if self.key is not None else "no login"


class Candidates:
    """The credentials of one home. `clock` is epoch seconds."""

    def __init__(
        self,
        store: Store,
        providers: Providers,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        standing: Standing,
    ) -> None:
        self._store = store
        self._providers = providers
        self._environ = environ
        self._clock = clock
        self._standing = standing

    def of(
        self, provider_id: str, stored: Mapping[str, StoredProfile], in_place: Mapping[str, str]
    ) -> tuple[Credential, ...]:
        """All of a provider, the one to be tried first in front; those that rest last, soonest first.

        `stored` are its logins; those in `in_place` (id → where they are) belong to another program and stand
        behind the others. A live key of the environment is used instead of everything else.
        """
        keys = keys_of(provider_id, self._environ, self._own_variables(provider_id))
        if is_live(provider_id, keys):
            return tuple(self._of_keys(provider_id, keys))
        profiles = self.profiles(provider_id, stored, next(iter(in_place), ""))
        found = [
            *(self._of_profile(p, in_place.get(p.id, "profile")) for p in profiles),
            *self._of_keys(provider_id, keys),
            *self._of_entry(provider_id),
        ]
        rested = [replace(c, rest=self._standing.rest(c.id)) for c in _once(found)]
        return tuple(sorted(rested, key=lambda c: c.rest.seconds if c.rest else 0.0))

    def profiles(
        self, provider_id: str, stored: Mapping[str, StoredProfile], backup: str = ""
    ) -> list[StoredProfile]:
        """The stored logins that could be sent, in order."""
        snapshot = self._store.load()
        return ordered_profiles(
            # a file may hold them under another of the provider's ids
            [
                p if p.provider == provider_id else structs.replace(p, provider=provider_id)
                for p in stored.values()
            ],
            snapshot.order.get(provider_id, ()),
            snapshot.config,
            provider_id,
            now=int(self._clock() * 1000),
            usable=lambda profile: self._obstacle(profile) is None,
            record=self._standing.record,
            stays=self._standing.stays(provider_id),
            backup=backup,
        )

    def obstacle(self, provider_id: str, stored: Mapping[str, StoredProfile]) -> str:
        """Why a login or key that is written down cannot be used, in a sentence; empty where nothing is."""
        for profile in stored.values():
            if (why := self._obstacle(profile)) is not None:
                return f"{profile.id}: {why}"
        entry = self._entry(provider_id)
        try:
            self._entry_key(entry)
        except ConfigError as error:
            return str(error)
        return ""

    # -- kinds --

    def _of_profile(self, profile: StoredProfile, source: str) -> Credential:
        # OAuth goes through the token source, which renews it; anything else is sent as it is.
        key = None if profile.type == "oauth" else self._secret(profile)
        return Credential(profile.provider.lower(), source, profile, key)

    def _of_keys(self, provider_id: str, keys: tuple[Key, ...]) -> Iterator[Credential]:
        for key in keys:
            yield Credential(provider_id, f"env: {key.name}", key=key.value)

    def _of_entry(self, provider_id: str) -> Iterator[Credential]:
        entry = self._entry(provider_id)
        try:
            key = self._entry_key(entry)
        except ConfigError:
            key = None
        if key:
            yield Credential(provider_id, "openclaw.json", key=key)
        elif self._is_open(provider_id, entry):
            yield Credential(provider_id, "none needed")

    def _is_open(self, provider_id: str, entry: ProviderEntry | None) -> bool:
        """Whether it is a server on this machine that asks for no key: a local one, or an entry of the person's own."""
        built_in = self._providers.get(provider_id)
        base_url = (entry.base_url if entry else None) or (built_in.base_url if built_in else None)
        asks_none = built_in is None or built_in.local is not None
        return asks_none and base_url is not None and is_loopback(base_url)

    # -- secrets --

    def _obstacle(self, profile: StoredProfile) -> str | None:
        """Why a stored login cannot be sent; None when it can, as far as can be told from here."""
        if profile.type == "oauth":
            return None
        if profile.type == "token" and profile.expires and profile.expires <= self._clock() * 1000:
            return "its token has expired"
        try:
            secret = self._secret(profile)
        except ConfigError as error:
            return str(error)
        return "it holds a placeholder, no key" if not secret or is_marker(secret) else None

    def _secret(self, profile: StoredProfile) -> Secret | None:
        """The key or token of a profile, references resolved. Raises ConfigError that says what is in the way."""
        stored = profile.token if profile.type == "token" else profile.key
        reference = profile.extra.get("tokenRef" if profile.type == "token" else "keyRef")
        if stored and (name := variable_of(stored.reveal())):
            reference, stored = {"source": "env", "id": name}, None
        if stored or not isinstance(reference, Mapping):
            return stored
        return self._references().resolve(reference)

    def _entry_key(self, entry: ProviderEntry | None) -> Secret | None:
        if entry is None or entry.api_key or entry.key_ref is None:
            return entry.api_key if entry else None
        return self._references().resolve(entry.key_ref)

    def _references(self) -> SecretRefs:
        return SecretRefs(self._store.load().config, self._environ, self._store.home.user_home)

    def _entry(self, provider_id: str) -> ProviderEntry | None:
        snapshot = self._store.load()
        return entry_of(self._providers, snapshot.config, snapshot.models_json, provider_id)

    def _own_variables(self, provider_id: str) -> tuple[str, ...]:
        provider = self._providers.get(provider_id)
        return tuple(provider.key_variables) if provider is not None else ()


def _once(found: list[Credential]) -> Iterator[Credential]:
    """Each key once, where it stands first: the configuration often names the variable that is found anyway."""
    seen: set[Secret] = set()
    for credential in found:
        if credential.is_key and credential.key in seen:
            continue
        if credential.key is not None:
            seen.add(credential.key)
        yield credential
