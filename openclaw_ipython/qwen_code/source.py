"""Qwen Code's login as one more account of this home: when it is used, and the error when it is not.

The login stays in Qwen Code's own file (`qwen_code.credentials`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.errors import DocumentError, LoginRequired
from openclaw_ipython.i18n import _
from openclaw_ipython.qwen_code.credentials import PROFILE_ID, PROVIDER_ID, SOURCE, QwenCodeFile

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers


class QwenCode:
    """The login of the Qwen Code installed beside one home. `source` is what tables show as its origin."""

    source = SOURCE

    def __init__(self, store: Store, providers: Providers) -> None:
        self.file = QwenCodeFile(store.home.qwen_dir, store.runtime, fs=store.fs)
        self._provider = providers.get(PROVIDER_ID)

    def login(self) -> StoredProfile | None:
        """The login, None where there is none that can be read. Read anew: Qwen Code may have refreshed it."""
        if self._provider is None:
            return None
        try:
            return self.file.read()
        except DocumentError:
            return None

    def add_login(self, provider_id: str, stored: dict[str, StoredProfile], config: ConfigView) -> None:
        """Add the login after the `stored` ones, in place of OpenClaw's copy of it: refreshing the copy would end the
        original."""
        if provider_id != PROVIDER_ID or (login := self.login()) is None:
            return
        stored.pop(PROFILE_ID, None)
        if config.provider(provider_id) is not None:
            stored[PROFILE_ID] = login

    def base_url(self, login: StoredProfile, config: ConfigView) -> str | None:
        """The base URL that the login's file names, unchecked; None where the configuration has one, which wins."""
        entry = config.provider(PROVIDER_ID)
        named = login.extra.get("resource_url")
        if entry is not None and entry.base_url is not None:
            return None
        if self._provider is None or self._provider.base_url_from is None:
            return None
        return self._provider.base_url_from(named) if isinstance(named, str) and named.strip() else None

    @property
    def entry_command(self) -> str:
        """The command that writes the entry with which the login is used, as OpenClaw of March 2026 writes it."""
        url = self._provider.base_url if self._provider else ""
        return f"%openclaw config set models.providers.{PROVIDER_ID} '{{baseUrl: \"{url}\", models: []}}'"

    def login_required(self, provider_id: str) -> LoginRequired:
        """The error for a provider without a usable login."""
        if self._provider is not None and provider_id == PROVIDER_ID and self.login() is not None:
            entry = f"models.providers.{provider_id}"
            what = _(
                "a login of Qwen Code was found; to use it, openclaw.json needs the entry {entry}",
                entry=entry,
            )
            return LoginRequired(what, hint=_("{command}, or %openclaw login", command=self.entry_command))
        which = "" if provider_id == PROVIDER_ID else f" --provider {provider_id}"
        return LoginRequired(
            _("no login for {provider_id}", provider_id=provider_id), hint=f"%openclaw login{which}"
        )

    def model_required(self, config: ConfigView) -> LoginRequired:
        """The error for a question that names no model where none is chosen, with this login as the only one."""
        if self._provider is None or config.provider(PROVIDER_ID) is None:
            return self.login_required(PROVIDER_ID)
        model = self._provider.ref(self._provider.default_model)
        return LoginRequired(_("no model is chosen yet"), hint=f"%openclaw models set {model}")
