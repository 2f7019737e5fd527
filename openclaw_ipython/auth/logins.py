"""Changing the stored logins by hand: a pasted key, the order they are tried in, signing out.

Reads and writes only through the store; no network, nothing of another tool is touched. Who is used for a
question is decided in `accounts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openclaw_ipython.auth.cooldown import rest_of
from openclaw_ipython.auth.keys import key_variable, keys_of
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_edit import login_patch, logout_patch
from openclaw_ipython.openclaw.config_view import ConfigView, is_marker
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import ProfileRow
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.sanitize.secrets import Secret

KeyKind = Literal["api_key", "token"]

MANUAL = "manual"  # what OpenClaw calls a profile whose key was pasted
QWEN_CODE = "qwen-cli"  # and the one that is Qwen Code's own login


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A login that was removed. `stays` are sentences about what would still be used, or is left alone."""

    profile_id: str
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoginRow:
    """One login in a list, in OpenClaw's words. `credential` says what is stored; `expires_at` is epoch ms."""

    id: str
    provider: str
    type: str
    account: str | None
    credential: str
    status: str
    expires_at: int | None


class Logins:
    """The stored logins of one home. `clock` is epoch seconds."""

    def __init__(
        self, store: Store, providers: Providers, environ: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._providers = providers
        self._environ = environ
        self._clock = clock

    @property
    def path(self) -> Path:
        """The file that what is written here goes to."""
        home = self._store.home
        return home.auth_profiles if self._store.storage == "json" else home.own_profiles

    def rows(self, profiles: Sequence[ProfileRow]) -> list[LoginRow]:
        """The logins that `Accounts.profiles` found, by provider and name."""
        snapshot = self._store.load()
        ordered = sorted(profiles, key=lambda row: (row.provider, row.profile_id))
        return [
            self._row(row, snapshot.profiles.get(row.profile_id), snapshot.stats.get(row.profile_id, {}))
            for row in ordered
        ]

    def _row(self, row: ProfileRow, stored: StoredProfile | None, stats: Mapping[str, Any]) -> LoginRow:
        status = _resting(stats, int(self._clock() * 1000)) or (
            "ok" if row.status == "static" else row.status
        )
        account = stored.email if stored else None
        credential = _credential(stored) if stored else row.type
        return LoginRow(row.profile_id, row.provider, row.type, account, credential, status, row.expires_at)

    # -- a key by hand --

    def add_key(self, provider_id: str, name: str, kind: KeyKind, key: Secret) -> tuple[Path, ...]:
        """Store a key or token as the profile `provider:name`, with all that a login writes beside it.

        Returns the files it is in. Raises UsageError for what cannot be a key, and where a sign-in has that name.
        """
        check_key(key)
        profile_id = f"{provider_id}:{name}"
        there = self._store.load().profiles.get(profile_id)
        if there is not None and there.type == "oauth":
            raise UsageError(
                _("{profile_id} is a sign-in; a key needs another name", profile_id=profile_id),
                hint=_(
                    "add --profile {profile}, or sign out first: {command}",
                    profile=MANUAL,
                    command=_logout(provider_id, name),
                ),
            )
        profile = StoredProfile(
            id=profile_id,
            type=kind,
            provider=provider_id,
            key=key if kind == "api_key" else None,
            token=key if kind == "token" else None,
        )
        return tuple(self._store.save_login(profile_id, profile, self._plan(provider_id, profile_id, kind)))

    def _plan(self, provider_id: str, profile_id: str, kind: KeyKind) -> Callable[[ConfigView], list[Edit]]:
        provider = self._providers.get(provider_id)

        def plan(view: ConfigView) -> list[Edit]:
            if provider is None:  # an entry of the person's own: it stays as it is
                return login_patch(
                    view, provider_id=provider_id, entry={}, profile_id=profile_id, mode=kind,
                    aliases={}, model_refs=(), default=None, plugin_id=None,
                )  # fmt: skip
            entry = {key: value for key, value in provider.entry(provider.base_url).items() if value != ""}
            first = not view.default_model and provider.default_model
            default = str(provider.ref(provider.default_model)) if first else None
            return login_patch(
                view,
                provider_id=provider_id,
                entry=entry,
                profile_id=profile_id,
                mode=kind,
                aliases={alias: str(provider.ref(model)) for alias, model in provider.model_aliases.items()},
                model_refs=[str(provider.ref(spec.id)) for spec in provider.models],
                default=default,
                plugin_id=provider.plugin or None,
            )

        return plan

    # -- signing out --

    def forget(self, provider_id: str, name: str | None = None) -> Forgotten:
        """Remove a stored login and the mention of it in the configuration; both files otherwise stay as they are.

        Without `name` the only one of the provider, or the one called `default`. Raises UsageError when there
        is none, or several to choose from.
        """
        profile_id = self.meant(provider_id, name)
        config = self._store.load().config
        if not self._store.remove_profile(profile_id):
            raise UsageError(
                _("{profile_id} is not kept here, so it stays", profile_id=profile_id),
                hint=_("sign out in the program it belongs to"),
            )
        if logout_patch(config, profile_id):
            self._store.edit_config(lambda view: logout_patch(view, profile_id))
        return Forgotten(profile_id, tuple(self._stays(provider_id)))

    def meant(self, provider_id: str, name: str | None) -> str:
        """The id of the login that `forget` would remove. Raises UsageError."""
        profiles = self._store.load().profiles
        mine = [key for key, profile in profiles.items() if profile.provider == provider_id]
        if name is not None:
            found = next((key for key in (name, f"{provider_id}:{name}") if key in mine), None)
            if found is None and name.rpartition(":")[2] != QWEN_CODE:
                near = suggest(name, [*mine, *(key.partition(":")[2] for key in mine)]) or tuple(mine[:3])
                raise UsageError(
                    _(
                        "no login {name!r} of {provider_id}{meant}",
                        name=name,
                        provider_id=provider_id,
                        meant=did_you_mean(near),
                    ),
                    suggestions=near,
                    hint=_LIST,
                )
            return found or f"{provider_id}:{name.rpartition(':')[2]}"
        if not mine:
            raise UsageError(
                _("there is no stored login of {provider_id}", provider_id=provider_id),
                hint="; ".join(self._stays(provider_id)),
            )
        if len(mine) > 1 and f"{provider_id}:default" not in mine:
            raise UsageError(
                _(
                    "{provider_id} has several logins: {logins}",
                    provider_id=provider_id,
                    logins=", ".join(mine),
                ),
                suggestions=tuple(mine),
                hint=_logout(provider_id, mine[0].partition(":")[2]),
            )
        return f"{provider_id}:default" if f"{provider_id}:default" in mine else mine[0]

    def _stays(self, provider_id: str) -> list[str]:
        """What of this provider is still there, a sentence each."""
        snapshot = self._store.load()
        said = [
            f"{profile.id} stays; {_logout(provider_id, profile.id.partition(':')[2])} removes it"
            for profile in snapshot.profiles.values()
            if profile.provider == provider_id
        ]
        own = self.key_variables(provider_id)
        said += [
            f"{key.name} of the environment stays, and is used"
            for key in keys_of(provider_id, self._environ, own)
        ]
        entry = snapshot.config.provider(provider_id)
        if entry is not None and entry.api_key:
            said.append(f"the key in models.providers.{provider_id} of openclaw.json stays, and is used")
        provider = self._providers.get(provider_id)
        if provider and provider.device_login and (self._store.home.qwen_dir / "oauth_creds.json").exists():
            said.append("the login of Qwen Code stays; it is its own")
        return said

    def key_variables(self, provider_id: str) -> tuple[str, ...]:
        """The environment variables that may hold a key of the provider."""
        provider = self._providers.get(provider_id)
        own = provider.key_variables if provider else ()
        return tuple(dict.fromkeys([*own, key_variable(provider_id)]))

    # -- the order they are tried in --

    def order(self, provider_id: str) -> tuple[str, ...]:
        """The profiles of a provider in the order the person chose; empty without a choice."""
        return tuple(self._store.load().order.get(provider_id, ()))

    def set_order(self, provider_id: str, names: Sequence[str]) -> Path:
        """Choose the order. `names` are profile ids, or what follows the colon in them. Raises UsageError."""
        profiles = self._store.load().profiles
        ids = list(dict.fromkeys(self._profile_id(provider_id, name, profiles) for name in names))

        def plan(document: Any) -> list[Edit]:
            known = isinstance(document, Mapping) and "version" in document
            return [*([] if known else [Edit(("version",), 1)]), Edit(("order", provider_id), ids)]

        return self._edit(plan)

    def clear_order(self, provider_id: str) -> Path | None:
        """Forget the chosen order; None where none was chosen."""
        if not self.order(provider_id):
            return None
        return self._edit(lambda document: [Edit(("order", provider_id), REMOVE)])

    def _profile_id(self, provider_id: str, name: str, profiles: Mapping[str, StoredProfile]) -> str:
        profile = profiles.get(name) or profiles.get(f"{provider_id}:{name}")
        if profile is None:
            mine = [p.id for p in profiles.values() if p.provider == provider_id]
            near = suggest(name, mine) or tuple(mine[:3])
            raise UsageError(
                _('Auth profile "{name}" not found{meant}', name=name, meant=did_you_mean(near)),
                suggestions=near,
                hint=_LIST,
            )
        if profile.provider != provider_id:
            raise UsageError(
                _(
                    'Auth profile "{id}" is for {provider}, not {provider_id}',
                    id=profile.id,
                    provider=profile.provider,
                    provider_id=provider_id,
                ),
                hint=_LIST,
            )
        return profile.id

    def _edit(self, plan: Callable[[Any], Sequence[Edit]]) -> Path:
        with self._store.profiles_lock().hold():
            return self._store.edit_profiles(plan)


_LIST = "%openclaw models auth list"


def _resting(stats: Mapping[str, Any], now: int) -> str:
    """`cooldown 4 min` or `disabled 5 h` while a login is not tried, after failures; empty otherwise."""
    rest = rest_of(stats, now)
    if rest is None:
        return ""
    disabled = rest_of({"disabledUntil": stats.get("disabledUntil")}, now) is not None
    return f"{'disabled' if disabled else 'cooldown'} {rest.span}"


def _credential(profile: StoredProfile) -> str:
    if profile.type == "oauth":
        return "oauth"
    name = "api-key" if profile.type == "api_key" else "token"
    return name if profile.key or profile.token else f"{name}-ref"


def check_key(key: Secret) -> None:
    """Raise UsageError for what cannot be a key: nothing, blanks, a placeholder."""
    fault = _fault(key)
    if fault:
        raise UsageError(_("{fault}; nothing was written", fault=fault))


def is_key(key: Secret) -> bool:
    """Whether it could be a key: no placeholder, and nothing that a header cannot hold."""
    return not _fault(key)


def _fault(key: Secret) -> str:
    """What is wrong with a key, in a sentence. Apart, so that no frame of an error holds the text."""
    text = key.reveal()
    if not text:
        return "nothing was entered"
    if not (text.isascii() and text.isprintable()) or " " in text:
        return "a key has no blanks and only ASCII characters"
    return "this is a placeholder or the name of a variable, not a key" if is_marker(text) else ""


def _logout(provider_id: str, name: str) -> str:
    return f"%openclaw logout --provider {provider_id} --profile {name}"
