"""The credentials that can be sent to a provider, in the order in which they are tried.

Sources: stored logins, keys in the environment, the provider's entry in `openclaw.json`, and servers on this machine
that need no key. Reads the store, the environment and the files of secret references; no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.cooldown import cooldown_of, last_used
from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.net.urls import is_loopback, is_private
from openclaw_ipython.openclaw.config_view import ProviderEntry, is_marker
from openclaw_ipython.openclaw.secret_refs import SecretRefs, variable_of
from openclaw_ipython.providers.addresses import default_address
from openclaw_ipython.providers.lookup import entry_of
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.auth.cooldown import Cooldown, LoginStats
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.providers.spec import ConfiguredEndpoint
    from openclaw_ipython.runtime.env import Runtime


class Credential(Struct, frozen=True):
    """One credential of a provider: a stored login (`profile`), a key, or neither where no login is needed.

    `source` is `profile`, `Qwen Code, in place`, `env: NAME`, `openclaw.json` or `none needed`. `cooldown` is set
    while the credential is cooling down after a failure.
    """

    provider: str
    source: str
    profile: StoredProfile | None = None
    key: Secret | None = None
    cooldown: Cooldown | None = None

    @property
    def id(self) -> str:
        """The id of its record in the login stats."""
        return self.profile.id if self.profile is not None else f"{self.provider} {self.source}"

    @property
    def has_secret(self) -> bool:
        """Whether it has a secret that the service could refuse."""
        return self.profile is not None or self.key is not None

    @property
    def is_key(self) -> bool:
        """Whether it is a key of the environment or the configuration, not a stored login."""
        return self.profile is None and self.key is not None

    @property
    def label(self) -> str:
        """Its name in messages."""
        if self.profile is not None:
            return self.profile.id
        place = self.source.removeprefix("env: ")
        return _("the key in {place}", place=place) if self.key is not None else _("no login")


class CredentialResolver:
    """Finds the credentials of one home."""

    def __init__(self, store: Store, providers: Providers, runtime: Runtime, login_stats: LoginStats) -> None:
        self._store = store
        self._providers = providers
        self._runtime = runtime
        self._login_stats = login_stats

    def credentials(
        self, provider_id: str, stored: Mapping[str, StoredProfile], in_place: Mapping[str, str]
    ) -> tuple[Credential, ...]:
        """All credentials of a provider, the first to be tried in front; those cooling down last, soonest first.

        `stored` are its logins; those in `in_place` (id → source) belong to another program and come after the
        others. A live key of the environment replaces everything else.
        """
        configured = self.configured(provider_id)
        if configured is not None:
            return tuple(self._from_configuration(provider_id, configured))
        provider = self._providers.get(provider_id)
        variables = provider.key_variables if provider is not None else ()
        keys = provider_keys(provider_id, self._runtime.environ, variables)
        by_key = tuple(Credential(provider_id, f"env: {key.name}", key=key.value) for key in keys)
        if is_live(keys):
            return by_key
        profiles = self.profiles(provider_id, stored, next(iter(in_place), ""))
        found = [
            *(self._from_profile(p, in_place.get(p.id, "profile")) for p in profiles),
            *by_key,
            *self._from_entry(provider_id),
        ]
        checked = [
            replace(c, cooldown=self._login_stats.cooldown(c.id)) for c in _without_repeated_keys(found)
        ]
        return tuple(sorted(checked, key=lambda c: c.cooldown.seconds if c.cooldown else 0.0))

    def profiles(
        self, provider_id: str, stored: Mapping[str, StoredProfile], backup: str = ""
    ) -> list[StoredProfile]:
        """The usable stored logins, in order."""
        snapshot = self._store.load()
        return ordered_profiles(
            # a file may hold them under another of the provider's ids
            [p if p.provider == provider_id else replace(p, provider=provider_id) for p in stored.values()],
            snapshot.order.get(provider_id, ()),
            snapshot.config,
            provider_id,
            now=int(self._runtime.clock() * 1000),
            usable=lambda profile: self._profile_problem(profile) is None,
            record=self._login_stats.record,
            last_login=self._login_stats.last_login(provider_id),
            backup=backup,
        )

    def problem(self, provider_id: str, stored: Mapping[str, StoredProfile]) -> str:
        """Why a stored login or key cannot be used, in a sentence; empty if there is no unusable one."""
        for profile in stored.values():
            if (problem := self._profile_problem(profile)) is not None:
                return f"{profile.id}: {problem}"
        configured = self.configured(provider_id)
        try:
            self._entry_key(self._entry(provider_id))
            for _place, typed in configured.keys if configured is not None else ():
                self._resolved(typed)
        except ConfigError as error:
            return str(error)
        return ""

    # -- sources --

    def _from_profile(self, profile: StoredProfile, source: str) -> Credential:
        # The token source renews OAuth tokens; other secrets are sent as they are.
        key = None if profile.type == "oauth" else self._profile_secret(profile)
        return Credential(profile.provider.lower(), source, profile, key)

    def _from_entry(self, provider_id: str) -> Iterator[Credential]:
        entry = self._entry(provider_id)
        try:
            key = self._entry_key(entry)
        except ConfigError:
            key = None
        if key:
            yield Credential(provider_id, "openclaw.json", key=key)
        elif self._needs_no_key(provider_id, entry):
            yield Credential(provider_id, N_("none needed"))

    def configured(self, provider_id: str) -> ConfiguredEndpoint | None:
        """The address and key of a service of OpenClaw's own; None where an entry gives it another address."""
        provider = self._providers.get(provider_id)
        if provider is None or provider.configured is None or self._entry(provider_id) is not None:
            return None
        return provider.configured.endpoint(self._store.load().config)

    def _from_configuration(self, provider_id: str, configured: ConfiguredEndpoint) -> Iterator[Credential]:
        """The key in the first place that can be read from here."""
        for place, typed in configured.keys:
            with suppress(ConfigError):
                yield Credential(provider_id, place, key=self._resolved(typed))
                return
        if not configured.needs_key:
            yield Credential(provider_id, N_("none needed"))

    def _needs_no_key(self, provider_id: str, entry: ProviderEntry | None) -> bool:
        """Whether it is a server nearby without a login: a local provider or the user's own entry.

        Nearby is on this machine or in a private network.
        """
        built_in = self._providers.get(provider_id)
        base_url = entry.base_url if entry else None
        if base_url is None and built_in is not None:
            base_url = default_address(built_in, self._runtime.environ)
        without_login = built_in is None or built_in.local is not None
        return without_login and base_url is not None and (is_loopback(base_url) or is_private(base_url))

    # -- secrets --

    def _profile_problem(self, profile: StoredProfile) -> str | None:
        """Why a stored login cannot be sent; None if nothing known prevents it."""
        if profile.type == "oauth":
            return None
        if profile.type == "token" and profile.expires and profile.expires <= self._runtime.clock() * 1000:
            return "its token has expired"
        try:
            secret = self._profile_secret(profile)
        except ConfigError as error:
            return str(error)
        return "it holds a placeholder, no key" if not secret or is_marker(secret) else None

    def _profile_secret(self, profile: StoredProfile) -> Secret | None:
        """The key or token of a profile, references resolved. Raises ConfigError for an unresolvable reference."""
        stored = profile.token if profile.type == "token" else profile.key
        reference = profile.extra.get("tokenRef" if profile.type == "token" else "keyRef")
        if stored:
            return self._resolved(stored.reveal())
        return self._references().resolve(reference) if isinstance(reference, Mapping) else None

    def _resolved(self, typed: Any) -> Secret:
        """The secret that text, `${NAME}` or a reference stands for. Raises ConfigError where there is none."""
        if isinstance(typed, str) and (name := variable_of(typed)):
            typed = {"source": "env", "id": name}
        return self._references().resolve(typed) if isinstance(typed, Mapping) else Secret(str(typed).strip())

    def _entry_key(self, entry: ProviderEntry | None) -> Secret | None:
        if entry is None or entry.api_key or entry.key_ref is None:
            return entry.api_key if entry else None
        return self._references().resolve(entry.key_ref)

    def _references(self) -> SecretRefs:
        return SecretRefs(self._store.load().config, self._runtime.environ, self._store.home.user_home)

    def _entry(self, provider_id: str) -> ProviderEntry | None:
        snapshot = self._store.load()
        return entry_of(self._providers, snapshot.config, snapshot.models_json, provider_id)


def _without_repeated_keys(credentials: Iterable[Credential]) -> Iterator[Credential]:
    """Each key once, in its first place: the configuration often names a variable that is found anyway."""
    seen: set[Secret] = set()
    for credential in credentials:
        if credential.is_key and credential.key in seen:
            continue
        if credential.key is not None:
            seen.add(credential.key)
        yield credential


# -- keys in the environment --
#
# The names are OpenClaw's (its provider page, "API key rotation"), `<P>` being the provider's id in capitals:
# `OPENCLAW_LIVE_<P>_KEY` alone if it is set; else the list `<P>_API_KEYS`, the provider's own variables,
# `<P>_API_KEY`, and `<P>_API_KEY_1`, `_2`, …

_FILE_SUFFIXES = ("_FILE", "_PATH")  # by convention these name a file that holds the key


class EnvironmentKey(Struct, frozen=True):
    """One key and its variable, `X_API_KEYS #2` for the second of a list."""

    name: str
    value: Secret


def provider_keys(
    provider_id: str, environ: Mapping[str, str], variables: Sequence[str] = ()
) -> tuple[EnvironmentKey, ...]:
    """The keys of a provider in the order they are tried, each value once. `variables` are the provider's own."""
    prefix = _prefix(provider_id)
    live = list(_single(f"OPENCLAW_LIVE_{prefix}_KEY", environ))
    found: dict[Secret, EnvironmentKey] = {}
    for key in live or _ordinary_keys(prefix, environ, variables):
        found.setdefault(key.value, key)
    return tuple(found.values())


def key_variable(provider_id: str) -> str:
    """The usual variable for a key of a provider."""
    return f"{_prefix(provider_id)}_API_KEY"


def is_live(keys: Sequence[EnvironmentKey]) -> bool:
    """Whether the keys are the live key, which replaces all other credentials."""
    return bool(keys) and keys[0].name.startswith("OPENCLAW_LIVE_")


def _prefix(provider_id: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", provider_id.upper())


def _ordinary_keys(
    prefix: str, environ: Mapping[str, str], variables: Sequence[str]
) -> Iterator[EnvironmentKey]:
    listed = f"{prefix}_API_KEYS"
    values = [value for value in re.split(r"[,;\s]+", environ.get(listed, "")) if _sendable(value)]
    for number, value in enumerate(values, 1):
        yield EnvironmentKey(f"{listed} #{number}" if len(values) > 1 else listed, Secret(value))
    main = f"{prefix}_API_KEY"
    numbered = [n for n in environ if n.startswith(main + "_") and not n.endswith(_FILE_SUFFIXES)]
    for name in dict.fromkeys([*variables, main, *sorted(numbered, key=_natural)]):
        yield from _single(name, environ)


def _single(name: str, environ: Mapping[str, str]) -> Iterator[EnvironmentKey]:
    value = environ.get(name, "").strip()
    if _sendable(value):
        yield EnvironmentKey(name, Secret(value))


def _sendable(value: str) -> bool:
    """Whether a value can stand in a header and is no placeholder."""
    return bool(value) and value.isascii() and value.isprintable() and not is_marker(value)


def _natural(name: str) -> list[tuple[int, str]]:
    """The sort key that puts `_2` before `_10`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


# -- the order of stored logins --

_TYPE_ORDER = {"oauth": 0, "token": 1, "api_key": 2}


def ordered_profiles(
    profiles: Iterable[StoredProfile],
    order: Iterable[str],
    config: ConfigView,
    provider_id: str,
    *,
    now: int,
    usable: Callable[[StoredProfile], bool],
    record: Callable[[str], Mapping[str, Any]],
    last_login: str = "",
    backup: str = "",
) -> list[StoredProfile]:
    """The usable logins of a provider in the order they are tried, by OpenClaw's rules.

    `order` is the user's order from the credentials file; the one in the configuration comes next. Without either,
    the profiles that `auth.profiles` names (all, if none of these is stored) are ordered by type, then by the time of
    the last use, oldest first, but `last_login` before others of its type: a conversation keeps its login. `backup` is
    the id of a login that comes after the others unless the user's order names it. Logins that are cooling down
    come last, soonest first. `now` is epoch milliseconds, `record` gives the `usageStats` of a profile.
    """
    own = {p.id: p for p in profiles if p.provider.lower() == provider_id}
    wanted = list(order) or list(config.auth_order(provider_id))
    modes = config.configured_profiles(provider_id)
    named = [own[id_] for id_ in dict.fromkeys(wanted or modes) if id_ in own]
    pool = named or list(own.values())
    if backup in own and own[backup] not in pool:
        pool.append(own[backup])
    found = [p for p in pool if usable(p) and mode_matches(modes.get(p.id), p.type)]
    if not wanted or not named:
        found.sort(
            key=lambda p: (
                p.id == backup,
                _TYPE_ORDER[p.type],
                p.id != last_login,
                last_used(record(p.id)),
            )
        )

    def seconds_left(profile: StoredProfile) -> float:
        cooldown = cooldown_of(record(profile.id), now)
        return cooldown.seconds if cooldown else 0.0

    return sorted(found, key=seconds_left)


def mode_matches(mode: object, type_: str) -> bool:
    """Whether a login has the type that the configuration states; a missing mode matches any."""
    return not mode or mode == type_ or (mode == "oauth" and type_ == "token")
