"""Changes of the stored logins by hand: adding a key, setting the order, removing a login.

Reads and writes only through the store; no network, and no file of another program is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from openclaw_ipython.auth.accounts import login_edits
from openclaw_ipython.auth.resolver import key_variable, provider_keys
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_edit import login_patch, logout_patch
from openclaw_ipython.openclaw.config_view import ConfigView, is_marker
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit
from openclaw_ipython.openclaw.profiles import StoredProfile, version_edits
from openclaw_ipython.sanitize.secrets import is_token
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.runtime.env import Runtime
    from openclaw_ipython.sanitize.secrets import Secret

KeyKind = Literal["api_key", "token"]

MANUAL = "manual"  # OpenClaw's name for a profile with a pasted key
QWEN_CODE = "qwen-cli"  # and for Qwen Code's own login


class RemovedLogin(Struct, frozen=True):
    """A login that was removed. `remaining` are sentences about the provider's other credentials."""

    profile_id: str
    remaining: tuple[str, ...]


class StoredLogins:
    """The stored logins of one home."""

    def __init__(self, store: Store, providers: Providers, runtime: Runtime) -> None:
        self._store = store
        self._providers = providers
        self._runtime = runtime

    @property
    def path(self) -> Path:
        """The file of the logins that are written here."""
        home = self._store.home
        return home.auth_profiles if self._store.storage == "json" else home.own_profiles

    # -- adding a key --

    def add_key(self, provider_id: str, name: str, kind: KeyKind, key: Secret) -> tuple[Path, ...]:
        """Store a key or token as the profile `provider:name`, with the configuration that a login writes.

        Returns the files that were written. Raises UsageError for an impossible key, and for the name of a sign-in.
        """
        check_key(key)
        profile_id = f"{provider_id}:{name}"
        existing = self._store.load().profiles.get(profile_id)
        if existing is not None and existing.type == "oauth":
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
        provider = self._providers.get(provider_id)

        def plan(view: ConfigView) -> list[Edit]:
            if provider is None:  # the user's own entry stays as it is
                return login_patch(
                    view, provider_id=provider_id, entry={}, profile_id=profile_id, mode=kind,
                    aliases={}, model_refs=(), default=None, plugin_id=None,
                )  # fmt: skip
            default = "" if view.default_model else provider.default_model
            entry = provider.entry(provider.base_url)
            return login_edits(view, provider, entry, profile_id, kind, default=default)

        return tuple(self._store.save_login(profile_id, profile, plan))

    # -- removing a login --

    def remove(self, provider_id: str, name: str | None = None) -> RemovedLogin:
        """Remove a stored login and its entry in the configuration. Raises as `find` does."""
        profile_id = self.find(provider_id, name)
        config = self._store.load().config
        if not self._store.remove_profile(profile_id):
            raise UsageError(
                _("{profile_id} is not kept here, so it stays", profile_id=profile_id),
                hint=_("sign out in the program it belongs to"),
            )
        if logout_patch(config, profile_id):
            self._store.edit_config(lambda view: logout_patch(view, profile_id))
        return RemovedLogin(profile_id, tuple(self._remaining(provider_id)))

    def find(self, provider_id: str, name: str | None) -> str:
        """The id of the stored login `name`; without a name, of the provider's only login or the one named default.

        Raises UsageError when there is none, or several to choose from.
        """
        profiles = self._store.load().profiles
        mine = [key for key, profile in profiles.items() if profile.provider == provider_id]
        if name is not None:
            found = next((key for key in (name, f"{provider_id}:{name}") if key in mine), None)
            if found is None and name.rpartition(":")[2] != QWEN_CODE:
                what = _("no login {name!r} of {provider_id}", name=name, provider_id=provider_id)
                names = [*mine, *(key.partition(":")[2] for key in mine)]
                raise mistyped(what, name, names, hint=_LIST, otherwise=mine)
            return found or f"{provider_id}:{name.rpartition(':')[2]}"
        if not mine:
            others = [_logout(p.provider, p.id.partition(":")[2]) for p in profiles.values()]
            raise UsageError(
                _("there is no stored login of {provider_id}", provider_id=provider_id),
                hint="; ".join([*self._remaining(provider_id), *others]) or _LIST,
            )
        if len(mine) > 1 and f"{provider_id}:default" not in mine:
            what = _(
                "{provider_id} has several logins: {logins}", provider_id=provider_id, logins=", ".join(mine)
            )
            hint = _logout(provider_id, mine[0].partition(":")[2])
            raise UsageError(what, suggestions=tuple(mine), hint=hint)
        return f"{provider_id}:default" if f"{provider_id}:default" in mine else mine[0]

    def _remaining(self, provider_id: str) -> list[str]:
        """The remaining credentials of a provider, a sentence each."""
        snapshot = self._store.load()
        sentences = [
            _(
                "{profile_id} stays; {command} removes it",
                profile_id=profile.id,
                command=_logout(provider_id, profile.id.partition(":")[2]),
            )
            if snapshot.sources.get(profile.id, self.path) == self.path
            else _("{profile_id} in OpenClaw's database stays, and is used", profile_id=profile.id)
            for profile in snapshot.profiles.values()
            if profile.provider == provider_id
        ]
        own = self.key_variables(provider_id)
        sentences += [
            _("{name} of the environment stays, and is used", name=key.name)
            for key in provider_keys(provider_id, self._runtime.environ, own)
        ]
        entry = snapshot.config.provider(provider_id)
        if entry is not None and entry.api_key:
            sentences.append(
                _(
                    "the key in models.providers.{provider_id} of openclaw.json stays, and is used",
                    provider_id=provider_id,
                )
            )
        provider = self._providers.get(provider_id)
        if provider and provider.device_login and (self._store.home.qwen_dir / "oauth_creds.json").exists():
            sentences.append(_("the login of Qwen Code stays"))
        return sentences

    def key_variables(self, provider_id: str) -> tuple[str, ...]:
        """The environment variables that may hold a key of the provider."""
        provider = self._providers.get(provider_id)
        own = provider.key_variables if provider else ()
        return tuple(dict.fromkeys([*own, key_variable(provider_id)]))

    # -- the order --

    def order(self, provider_id: str) -> tuple[str, ...]:
        """The user's order of the profiles of a provider; empty if none was set."""
        return tuple(self._store.load().order.get(provider_id, ()))

    def set_order(self, provider_id: str, names: Sequence[str]) -> Path:
        """Set the order. `names` are profile ids, or their parts after the colon. Raises UsageError."""
        profiles = self._store.load().profiles
        ids = list(dict.fromkeys(self._profile_id(provider_id, name, profiles) for name in names))

        return self._edit(lambda document: [*version_edits(document), Edit(("order", provider_id), ids)])

    def clear_order(self, provider_id: str) -> Path | None:
        """Remove the user's order; returns None if none was set."""
        if not self.order(provider_id):
            return None
        return self._edit(lambda document: [Edit(("order", provider_id), REMOVE)])

    def _profile_id(self, provider_id: str, name: str, profiles: Mapping[str, StoredProfile]) -> str:
        profile = profiles.get(name) or profiles.get(f"{provider_id}:{name}")
        if profile is None:
            mine = [p.id for p in profiles.values() if p.provider == provider_id]
            what = _('Auth profile "{name}" not found', name=name)
            raise mistyped(what, name, mine, hint=_LIST, otherwise=mine)
        if profile.provider != provider_id:
            what = _(
                'Auth profile "{id}" is for {provider}, not {provider_id}',
                id=profile.id, provider=profile.provider, provider_id=provider_id,
            )  # fmt: skip
            raise UsageError(what, hint=_LIST)
        return profile.id

    def _edit(self, plan: Callable[[Any], Sequence[Edit]]) -> Path:
        with self._store.profiles_lock().hold():
            return self._store.edit_profiles(plan)


_LIST = "%openclaw models auth list"


def check_key(key: Secret) -> None:
    """Raises UsageError for an impossible key: empty text, blanks, a placeholder."""
    fault = _fault(key)
    if fault:
        raise UsageError(_("{fault}; nothing was written", fault=fault))


def is_key(key: Secret) -> bool:
    """Whether the text can be a key: no placeholder, and only characters that a header can hold."""
    return not _fault(key)


def _fault(key: Secret) -> str:
    """What is wrong with a key, in a sentence. A function of its own, so that no frame of an error holds the text."""
    text = key.reveal()
    if not text:
        return _("nothing was entered")
    if not is_token(text):
        return _("a key has no blanks and only ASCII characters")
    if is_marker(text):
        return _("this is a placeholder or the name of a variable, not a key")
    return ""


def _logout(provider_id: str, name: str) -> str:
    return f"%openclaw logout --provider {provider_id} --profile {name}"
