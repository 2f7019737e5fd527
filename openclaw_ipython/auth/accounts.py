"""The accounts of one home: stored logins, keys in the environment, plugins, and the storage of a finished login.

Reads and writes only through the store; no network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from openclaw_ipython.auth.cooldown import LoginStats, cooldown_of
from openclaw_ipython.auth.resolver import Credential, CredentialResolver
from openclaw_ipython.auth.sign_in_address import (
    ChosenAddress,
    base_url_after,
    is_allowed,
    is_vendors_address,
)
from openclaw_ipython.auth.token_grant import DeviceEndpoints
from openclaw_ipython.chat.dialects import Dialect, dialect_for
from openclaw_ipython.errors import ConfigError, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.openclaw.sqlite import databases
from openclaw_ipython.openclaw.token_stores import ProfileTokenStore
from openclaw_ipython.qwen_code.credentials import PROVIDER_ID, QwenCodeFile
from openclaw_ipython.qwen_code.source import QwenCode
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.auth.token_grant import TokenGrant
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.json5.parse import Edit
    from openclaw_ipython.openclaw.store import ConfigPlan, Snapshot, Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers
    from openclaw_ipython.runtime.env import Runtime

ORIGIN_VARIABLE = "OPENCLAW_IPYTHON_OAUTH_ORIGIN"

PROXY_VARIABLE = "DASHSCOPE_PROXY_BASE_URL"
"""The variable that names a proxy in front of DashScope; Qwen Code reads it as well."""

ProfileStatus = Literal["ok", "expiring", "expired", "static"]


class LoginOutcome(Struct, frozen=True):
    """What a finished login changed; `model` is the one it made usable, `notes` are sentences for the user."""

    provider: str
    profile_id: str
    default: ModelRef | None
    base_url: str
    written: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    model: ModelRef | None = None

    @property
    def next_command(self) -> str:
        """What to type now: the magic that asks, with the model where the default model is another service's."""
        is_default = self.model is None or (self.default and self.default.provider == self.provider)
        return "%%qwen" if is_default else f"%%qwen {self.model}"


class PluginRow(Struct, frozen=True):
    """A provider's plugin in OpenClaw's configuration; `enabled` is None if the configuration does not state it."""

    id: str
    provider: str
    enabled: bool | None


class ProfileRow(Struct, frozen=True):
    """One stored login, and the file or program it is in. `remaining_ms` is None where it does not expire."""

    profile: StoredProfile
    status: ProfileStatus
    remaining_ms: int | None
    source: str
    cooldown: str

    @property
    def state(self) -> str:
        """In a list, in OpenClaw's words: the cooldown if there is one, else the status."""
        return self.cooldown or ("ok" if self.status == "static" else self.status)


class Accounts:
    """The accounts of one home."""

    def __init__(self, store: Store, providers: Providers, runtime: Runtime) -> None:
        self._store = store
        self._providers = providers
        self._runtime = runtime
        self.qwen_code = QwenCode(store, providers)
        self.login_stats = LoginStats(store, runtime)
        self._resolver = CredentialResolver(store, providers, runtime, self.login_stats)

    # -- credentials --

    def credential(self, provider_id: str) -> Credential | None:
        """The first credential of a provider; None when it needs a login and there is none."""
        return next(iter(self.credentials(provider_id)), None)

    def credentials(self, provider_id: str) -> tuple[Credential, ...]:
        """All credentials of a provider, in the order in which they are tried."""
        snapshot = self._store.load()
        stored = self._stored(provider_id, snapshot)
        self.qwen_code.add_login(provider_id, stored, snapshot.config)
        in_place = [p.id for p in stored.values() if p is not snapshot.profiles.get(p.id)]
        return self._resolver.credentials(provider_id, stored, dict.fromkeys(in_place, self.qwen_code.source))

    def usable_by_key(self) -> Provider | None:
        """The first service with a model of its own choice and a key; the portal does not count."""
        others = [p for p in self._providers.values() if p.default_model and p.id != PROVIDER_ID]
        return next((p for p in others if self.credential(p.id)), None)

    @property
    def store_path(self) -> Path:
        """The file of the stored logins: the database that OpenClaw keeps them in, or the JSON file."""
        home = self._store.home
        database = next((path for path in databases(home) if path.is_file()), home.auth_profiles)
        return home.auth_profiles if self._store.storage == "json" else database

    def login_problem(self, provider_id: str) -> str:
        """Why a stored login or key of a provider cannot be used, in a sentence; empty if there is no unusable one."""
        return self._resolver.problem(provider_id, self._stored(provider_id, self._store.load()))

    def setup_problem(self, provider_id: str) -> OpenClawError | None:
        """Why a service of OpenClaw's own cannot be asked at all; None where it can, and for any other service."""
        configured = self._resolver.configured(provider_id)
        return configured.problem if configured is not None else None

    def key_command(self, provider: Provider, place: str = "") -> str:
        """What mends the key of a service of OpenClaw's own, as ConfiguredService; empty for any other service."""
        service = provider.configured
        return service.key_command(self._store.load().config, place) if service is not None else ""

    def stored_login(self, provider_id: str) -> StoredProfile | None:
        """The first stored login of a provider, unless it has expired for good. Qwen Code's login does not count."""
        stored = self._stored(provider_id, self._store.load())
        profile = next(iter(self._resolver.profiles(provider_id, stored)), None)
        if profile is None or (
            profile.type == "oauth" and not profile.refresh and self._status(profile) == "expired"
        ):
            return None
        return profile

    def profiles(self) -> list[ProfileRow]:
        """All stored logins, Qwen Code's last."""
        now = int(self._runtime.clock() * 1000)
        rows = []
        in_place = self.qwen_code.login()
        snapshot = self._store.load()
        stored = [p for p in snapshot.profiles.values() if not in_place or p.id != in_place.id]
        for profile in [*stored, in_place] if in_place else stored:
            remaining = profile.expires - now if profile.expires is not None else None
            file = snapshot.sources.get(profile.id, self._store.home.auth_profiles)
            source = self.qwen_code.source if profile is in_place else file.name
            cooldown = _cooldown_status(snapshot.stats.get(profile.id, {}), now)
            rows.append(ProfileRow(profile, self._status(profile), remaining, source, cooldown))
        return rows

    def _status(self, profile: StoredProfile) -> ProfileStatus:
        """The status as OpenClaw prints it: a login with a refresh token is `ok`, whatever its access token's age."""
        if profile.expires is None:
            return "static"
        if profile.refresh:
            return "ok"
        left = profile.expires / 1000 - self._runtime.clock()
        return "expired" if left <= 0 else "expiring" if left < 86400 else "ok"

    def _stored(self, provider_id: str, snapshot: Snapshot) -> dict[str, StoredProfile]:
        ids = self._providers.written_as(provider_id)
        return {id_: p for id_, p in snapshot.profiles.items() if p.provider.lower() in ids}

    # -- token storage and trusted addresses --

    def token_store(self, credential: Credential) -> ProfileTokenStore | QwenCodeFile:
        """The storage of the tokens of a credential with an OAuth profile."""
        if credential.source == self.qwen_code.source or credential.profile is None:
            return self.qwen_code.file
        return ProfileTokenStore(self._store, credential.profile.id)

    def address(self, credential: Credential, configured: str) -> tuple[str, tuple[str, ...]]:
        """The base URL for a credential, and notes about it for the user.

        The one in Qwen Code's file is used if the configuration has none and it is one of the service's hosts: a file
        must not redirect a token to another host.
        """
        if credential.source != self.qwen_code.source or credential.profile is None:
            self._check_origin(credential, configured)
            return configured, ()
        named = self.qwen_code.base_url(credential.profile, self._store.load().config)
        if named is None:
            return configured, ()
        provider = self._providers[credential.provider]
        if is_allowed(named, self.device_endpoints(provider)):
            return named, ()
        return configured, (
            _("Qwen Code's login names an address outside the service's hosts; it is not used"),
        )

    def _check_origin(self, credential: Credential, base_url: str) -> None:
        """Raise ConfigError where the token of a portal on this machine would be sent to the vendor."""
        provider = self._providers.get(credential.provider)
        if credential.profile is None or credential.profile.type != "oauth" or provider is None:
            return
        if provider.device_login is None or not is_vendors_address(base_url, provider):
            return
        at = self.device_endpoints(provider)
        if at.loopback:
            what = _(
                "{variable} is on this machine and the base URL is the vendor's: no login is sent there",
                variable=ORIGIN_VARIABLE,
            )
            url = at.token_url.removesuffix(provider.device_login.token_path) + "/v1"
            raise ConfigError(what, hint=f"%openclaw config set models.providers.{provider.id}.baseUrl {url}")

    def dialect(self, provider_id: str, base_url: str) -> Dialect:
        """The dialect of the host at `base_url`: the one known for that host, or the provider's."""
        provider = self._providers.get(provider_id)
        proxy = self._runtime.environ.get(PROXY_VARIABLE, "").strip()
        return dialect_for(base_url, provider.dialect if provider else "", (proxy,) if proxy else ())

    # -- signing in --

    def device_endpoints(self, provider: Provider) -> DeviceEndpoints:
        """The sign-in endpoints of the provider, or those at the origin in OPENCLAW_IPYTHON_OAUTH_ORIGIN.

        Raises ConfigError for an origin that is neither https nor on this machine.
        """
        login = provider.device_login
        if login is None:
            raise UsageError(_("{provider} has no sign-in by device code", provider=provider.id))
        origin = self._origin() or login.origin
        host = https_host(origin)
        loopback = is_loopback(origin)
        if host is None and not loopback:
            raise ConfigError(
                _("{variable} must be https://…, or http:// on this machine", variable=ORIGIN_VARIABLE)
            )
        hosts = (*login.hosts, host) if host and origin != login.origin else login.hosts

        device_url, token_url = origin + login.device_path, origin + login.token_path
        return DeviceEndpoints(device_url, token_url, login.client_id, login.scope, hosts, loopback)

    def signs_in_at_the_vendor(self, provider: Provider) -> bool:
        """Whether a sign-in by device code goes to the vendor's own address."""
        login = provider.device_login
        return login is not None and self._origin() in {"", login.origin}

    def _origin(self) -> str:
        return self._runtime.environ.get(ORIGIN_VARIABLE, "").strip().rstrip("/")

    def record_login(
        self, provider: Provider, grant: TokenGrant, *, set_default: bool, profile_name: str = "default"
    ) -> LoginOutcome:
        """Store a finished login in one step: profile, provider entry with its models, alias, default model.

        Raises DocumentError (nothing written) when a file cannot be read, ConfigError when it cannot be written.
        """
        profile_id = f"{provider.id}:{profile_name}"
        before = self._store.load().config
        chosen = base_url_after(provider, self.device_endpoints(provider), grant.resource_url, before)
        choose = set_default or not before.default_model
        profile = StoredProfile(
            id=profile_id,
            type="oauth",
            provider=provider.id,
            access=grant.access,
            refresh=grant.refresh,
            expires=int((self._runtime.clock() + grant.expires_in) * 1000),
        )

        def plan(view: ConfigView) -> list[Edit]:
            default, entry = provider.default_model if choose else "", provider.entry(chosen.base_url)
            return login_edits(
                view, provider, entry, profile_id, "oauth", default=default, overwrite={"baseUrl"}
            )

        model = provider.ref(provider.default_model)
        outcome = save_login(self._store, provider, profile, plan, chosen, model=model)
        self.login_stats.reset(profile_id)
        return outcome

    # -- plugins --

    def plugins(self) -> list[PluginRow]:
        """The plugins of the built-in providers."""
        view = self._store.load().config
        return [
            PluginRow(p.plugin, p.id, view.plugin_enabled(p.plugin))
            for p in self._providers.values()
            if p.plugin
        ]

    def set_plugin(self, plugin_id: str, enabled: bool) -> Path:
        """Write `plugins.entries.<id>.enabled`. Raises UsageError for an unknown plugin."""
        known = [row.id for row in self.plugins()]
        if plugin_id not in known:
            what = _("unknown plugin {plugin_id!r}", plugin_id=plugin_id)
            raise mistyped(what, plugin_id, known, otherwise=known)
        from openclaw_ipython.openclaw.config_edit import set_plugin

        return self._store.edit_config(lambda view: set_plugin(view, plugin_id, enabled))


def _cooldown_status(stats: Mapping[str, Any], now: int) -> str:
    """`cooldown 4 min` or `disabled 5 h` for a login that is cooling down after failures; empty otherwise."""
    cooldown = cooldown_of(stats, now)
    if cooldown is None:
        return ""
    disabled = cooldown_of({"disabledUntil": stats.get("disabledUntil")}, now) is not None
    return f"{'disabled' if disabled else 'cooldown'} {cooldown.time_left}"


def save_login(
    store: Store,
    provider: Provider,
    profile: StoredProfile | None,
    plan: ConfigPlan,
    at: ChosenAddress,
    *,
    model: ModelRef | None,
) -> LoginOutcome:
    """Store a login, or a server without one, with the changes of the configuration."""
    before = store.load().config.default_model
    written = store.save_login(profile.id, profile, plan) if profile else [store.edit_config(plan)]
    now = ModelRef.parse(store.load().config.default_model or "")
    replaced = before is not None and ModelRef.parse(before) != now
    notes = (_("the default model was {model}", model=before), *at.notes) if replaced else at.notes
    profile_id = profile.id if profile else ""
    return LoginOutcome(provider.id, profile_id, now, at.base_url, tuple(written), notes, model)


def login_edits(
    view: ConfigView,
    provider: Provider,
    entry: Mapping[str, Any],
    profile_id: str,
    mode: str,
    *,
    models: Iterable[ModelSpec] | None = None,
    default: str = "",
    overwrite: Collection[str] = (),
) -> list[Edit]:
    """The changes of the configuration for a login to a built-in provider.

    `models` are listed in place of the provider's own, `default` becomes the default model unless it is empty,
    `overwrite` names the keys of the provider entry that replace the user's.
    """
    from openclaw_ipython.openclaw.config_edit import login_patch  # not loaded by a question

    return login_patch(
        view,
        provider_id=provider.id,
        entry={key: value for key, value in entry.items() if value != ""},
        profile_id=profile_id,
        mode=mode,
        aliases={alias: str(provider.ref(model)) for alias, model in provider.model_aliases.items()},
        model_refs=[str(provider.ref(spec.id)) for spec in (provider.models if models is None else models)],
        default=str(provider.ref(default)) if default else None,
        plugin_id=provider.plugin or None,
        overwrite=overwrite,
    )
