"""Who is signed in where: profiles, keys in the environment, plugins, and recording a finished login.

Reads and writes only through the store; no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openclaw_ipython.auth.login_stats import Standing
from openclaw_ipython.auth.resolve import Candidates, Credential
from openclaw_ipython.auth.types import DeviceEndpoints
from openclaw_ipython.chat.dialects import Dialect, dialect_for
from openclaw_ipython.errors import ConfigError, LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.openclaw.token_stores import ProfileTokenStore, TokenStore
from openclaw_ipython.qwen_code.source import QwenCode
from openclaw_ipython.suggestions import did_you_mean, suggest
from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from openclaw_ipython.auth.types import TokenGrant
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.json5.parse import Edit
    from openclaw_ipython.openclaw.store import Snapshot, Store
    from openclaw_ipython.providers import Provider, Providers

ORIGIN_VARIABLE = "OPENCLAW_IPYTHON_OAUTH_ORIGIN"

PROXY_VARIABLE = "DASHSCOPE_PROXY_BASE_URL"
"""Names, for Qwen Code too, a proxy in front of DashScope."""

ProfileStatus = Literal["ok", "expiring", "expired", "static"]


@dataclass(frozen=True)
class LoginOutcome:
    """What a finished login changed, for the person to read."""

    provider: str
    profile_id: str
    default: ModelRef | None
    default_changed: bool
    base_url: str
    written: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PluginRow:
    """A provider's plugin as OpenClaw's configuration has it; `enabled` None when nothing is written."""

    id: str
    provider: str
    enabled: bool | None


@dataclass(frozen=True)
class ProfileRow:
    """One stored login. Times in epoch ms and ms from now, None where they do not apply."""

    provider: str
    profile_id: str
    type: str
    status: ProfileStatus
    expires_at: int | None
    remaining_ms: int | None
    source: str


class Accounts:
    """The logins of one home. `clock` is epoch seconds."""

    def __init__(
        self, store: Store, providers: Providers, environ: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._providers = providers
        self._environ = environ
        self._clock = clock
        self.qwen_code = QwenCode(store, providers)
        self.standing = Standing(store, clock)
        self._candidates = Candidates(store, providers, environ, clock, self.standing)

    # -- who would be used --

    def credential(self, provider_id: str) -> Credential | None:
        """What would be sent first: a stored login, a key of the environment, one in `openclaw.json`.

        None when the provider needs a login and there is none.
        """
        return next(iter(self.credentials(provider_id)), None)

    def credentials(self, provider_id: str) -> tuple[Credential, ...]:
        """All that could be sent to a provider, in the order in which it is tried."""
        snapshot = self._store.load()
        mine = self._usable(provider_id, snapshot)
        other = [p.id for p in mine.values() if p is not snapshot.profiles.get(p.id)]
        return self._candidates.of(provider_id, mine, dict.fromkeys(other, self.qwen_code.source))

    def no_model(self) -> LoginRequired:
        """Why no model answers when none is named, and what to type."""
        return self.qwen_code.model_required(self._store.load().config)

    def obstacle(self, provider_id: str) -> str:
        """Why a login that is written down for a provider cannot be used, in a sentence; empty where none is."""
        return self._candidates.obstacle(provider_id, self._stored(provider_id, self._store.load()))

    def signed_in(self, provider_id: str) -> StoredProfile | None:
        """The stored login of a provider if it would still work as far as can be told from here.

        Qwen Code's own does not count: it is not ours to keep.
        """
        snapshot = self._store.load()
        mine = self._candidates.profiles(provider_id, self._stored(provider_id, snapshot))
        profile = next(iter(mine), None)
        if profile is None or (
            profile.type == "oauth" and not profile.refresh and self._status(profile) == "expired"
        ):
            return None
        return profile

    def profiles(self) -> list[ProfileRow]:
        """Every stored login, with its expiry, and Qwen Code's own at the end."""
        now = int(self._clock() * 1000)
        rows = []
        in_place = self.qwen_code.login()
        snapshot = self._store.load()
        stored = [p for p in snapshot.profiles.values() if not in_place or p.id != in_place.id]
        for profile in [*stored, in_place] if in_place else stored:
            remaining = profile.expires - now if profile.expires is not None else None
            file = snapshot.sources.get(profile.id, self._store.home.auth_profiles)
            source = self.qwen_code.source if profile is in_place else file.name
            rows.append(
                ProfileRow(
                    profile.provider,
                    profile.id,
                    profile.type,
                    self._status(profile),
                    profile.expires,
                    remaining,
                    source,
                )
            )
        return rows

    def _status(self, profile: StoredProfile) -> ProfileStatus:
        """As OpenClaw prints it: a login that can refresh itself is `ok`, whatever its access token's age."""
        if profile.expires is None:
            return "static"
        if profile.refresh:
            return "ok"
        left = profile.expires / 1000 - self._clock()
        return "expired" if left <= 0 else "expiring" if left < 86400 else "ok"

    def _stored(self, provider_id: str, snapshot: Snapshot) -> dict[str, StoredProfile]:
        ids = self._providers.written_as(provider_id)
        return {id_: p for id_, p in snapshot.profiles.items() if p.provider.lower() in ids}

    def _usable(self, provider_id: str, snapshot: Snapshot) -> dict[str, StoredProfile]:
        """The stored logins, then Qwen Code's."""
        mine = self._stored(provider_id, snapshot)
        self.qwen_code.add_login(provider_id, mine, snapshot.config)
        return mine

    # -- where the tokens are, and where they may go --

    def token_store(self, credential: Credential) -> TokenStore:
        """Where the tokens of a credential with an OAuth profile are kept."""
        if credential.source == self.qwen_code.source or credential.profile is None:
            return self.qwen_code.file
        return ProfileTokenStore(self._store, credential.profile.id)

    def address(self, credential: Credential, configured: str) -> tuple[str, tuple[str, ...]]:
        """The base URL for a credential, and what is to be said about it.

        Qwen Code's file names its own, which counts where the configuration names none, and only within the
        hosts of the service: a file is no reason to send a token elsewhere.
        """
        if credential.source != self.qwen_code.source or credential.profile is None:
            return configured, ()
        named = self.qwen_code.base_url(credential.profile, self._store.load().config)
        if named is None:
            return configured, ()
        if self._may_have_token(self._providers[credential.provider], named):
            return named, ()
        return configured, ("Qwen Code's login names an address outside the service's hosts; not used",)

    def dialect(self, provider_id: str, base_url: str) -> Dialect:
        """The manner of the host at `base_url`: the provider's own, or what the host is known for."""
        provider = self._providers.get(provider_id)
        proxy = self._environ.get(PROXY_VARIABLE, "").strip()
        return dialect_for(base_url, provider.dialect if provider else "", (proxy,) if proxy else ())

    # -- signing in --

    def device_endpoints(self, provider: Provider) -> DeviceEndpoints:
        """Where to sign in: the provider's own service, or the one named by OPENCLAW_IPYTHON_OAUTH_ORIGIN.

        Raises ConfigError for an origin that is neither https nor on this machine.
        """
        login = provider.device_login
        if login is None:
            raise UsageError(_("{provider} has no sign-in by device code", provider=provider.id))
        origin = self._environ.get(ORIGIN_VARIABLE, "").strip().rstrip("/") or login.origin
        host = https_host(origin)
        loopback = is_loopback(origin)
        if host is None and not loopback:
            raise ConfigError(
                _("{variable} must be https://…, or http:// on this machine", variable=ORIGIN_VARIABLE)
            )
        hosts = (*login.hosts, host) if host and origin != login.origin else login.hosts

        return DeviceEndpoints(
            origin + login.device_path,
            origin + login.token_path,
            login.client_id,
            login.scope,
            hosts,
            loopback,
        )

    def record_login(
        self, provider: Provider, grant: TokenGrant, *, set_default: bool, profile_name: str = "default"
    ) -> LoginOutcome:
        """Write a finished login: profile, provider entry with its models, alias, default, all together.

        Raises DocumentError (nothing written) when a file cannot be read, ConfigError when it cannot be written.
        """
        profile_id = f"{provider.id}:{profile_name}"
        from openclaw_ipython.openclaw.config_edit import login_patch

        before = self._store.load().config
        base_url, notes = self._base_url(provider, grant, before)
        choose = set_default or not before.default_model
        default = str(provider.ref(provider.default_model)) if choose else None
        profile = StoredProfile(
            id=profile_id,
            type="oauth",
            provider=provider.id,
            access=grant.access,
            refresh=grant.refresh,
            expires=int((self._clock() + grant.expires_in) * 1000),
        )

        def plan(view: ConfigView) -> list[Edit]:
            return login_patch(
                view,
                provider_id=provider.id,
                entry=provider.entry(base_url),
                profile_id=profile_id,
                mode="oauth",
                aliases={a: str(provider.ref(m)) for a, m in provider.model_aliases.items()},
                model_refs=[str(provider.ref(spec.id)) for spec in provider.models],
                default=default,
                plugin_id=provider.plugin or None,
                overwrite={"baseUrl"},
            )

        written = self._store.save_login(profile_id, profile, plan)
        self.standing.forgive(profile_id)
        now = ModelRef.parse(self._store.load().config.default_model or "")
        return LoginOutcome(provider.id, profile_id, now, choose, base_url, tuple(written), tuple(notes))

    def _base_url(self, provider: Provider, grant: TokenGrant, view: ConfigView) -> tuple[str, list[str]]:
        """Where questions will go: the person's own setting, else what the sign-in said if it may, else the default."""
        entry = view.provider(provider.id)
        current = entry.base_url if entry else None
        practising = is_loopback(self.device_endpoints(provider).token_url)
        # An address of this machine from an earlier practice is no setting of the person's.
        if current and current != provider.base_url and not (practising and is_loopback(current)):
            return current, [f"the base URL in openclaw.json stays: {current}"]
        if grant.resource_url is None or provider.base_url_from is None:
            return provider.base_url, []
        offered = provider.base_url_from(grant.resource_url)
        if self._may_have_token(provider, offered):
            return offered, []
        return provider.base_url, [
            "the service named an address outside its own hosts; the usual one is used"
        ]

    def _may_have_token(self, provider: Provider, url: str) -> bool:
        at = self.device_endpoints(provider)
        host = https_host(url)
        if host is not None:
            return any(host == h or host.endswith("." + h) for h in at.hosts)
        return at.loopback and is_loopback(url)

    # -- plugins --

    def plugins(self) -> list[PluginRow]:
        """The plugins that belong to the providers known here."""
        view = self._store.load().config
        return [
            PluginRow(p.plugin, p.id, view.plugin_enabled(p.plugin))
            for p in self._providers.values()
            if p.plugin
        ]

    def set_plugin(self, plugin_id: str, enabled: bool) -> Path:
        """Write `plugins.entries.<id>.enabled`. Raises UsageError for an unknown plugin."""
        from openclaw_ipython.openclaw.config_edit import set_plugin

        known = [row.id for row in self.plugins()]
        if plugin_id not in known:
            near = suggest(plugin_id, known) or tuple(known[:3])
            raise UsageError(
                _("unknown plugin {plugin_id!r}{meant}", plugin_id=plugin_id, meant=did_you_mean(near)),
                suggestions=near,
            )
        return self._store.edit_config(lambda view: set_plugin(view, plugin_id, enabled))
