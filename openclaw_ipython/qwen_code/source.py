"""Qwen Code's login as one more account of this home: when it may be used, and what to say when it may not.

It stays where it is. Reading and writing its file is in `config.qwen_code`, its manners are in `auth.token_homes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.errors import DocumentError, LoginRequired
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.token_stores import Manners, TokenHome
from openclaw_ipython.qwen_code.credentials import PROFILE_ID, PROVIDER_ID, SOURCE, QwenCodeFile

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.locks import Lock
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers


class QwenCodeLogin:
    """Qwen Code's login, in place.

    Its rule is to use a token until thirty seconds before its end. Old releases take its lock after ten seconds, so
    a refresh under it ends after eight. A refused refresh mostly means that a Qwen Code was faster and is writing.
    """

    manners = Manners(
        early=30.0,
        request=8.0,
        second_look=2.0,
        again=N_("sign in with Qwen Code again, or %openclaw login"),
    )

    def __init__(self, file: QwenCodeFile) -> None:
        self._file = file
        self.name = "the sign-in of Qwen Code"
        self.path = file.path

    def read(self) -> StoredProfile | None:
        """The login, read anew: Qwen Code may have renewed it."""
        return self._file.read()

    def lock(self) -> Lock:
        """Qwen Code's."""
        return self._file.lock()

    def write(self, profile: StoredProfile) -> None:
        """Write the tokens back; every other key stays."""
        self._file.write(profile)


class QwenCode:
    """The login of the Qwen Code beside one home. `source` is how a person is told whose it is."""

    id = PROFILE_ID
    source = SOURCE

    def __init__(self, store: Store, providers: Providers) -> None:
        self.file = QwenCodeFile(store.home.qwen_dir, clock=store.clock, fs=store.fs)
        self._provider = providers.get(PROVIDER_ID)

    def login(self) -> StoredProfile | None:
        """The login, if there is one that can be read; looked up anew, since Qwen Code may have renewed it."""
        if self._provider is None:
            return None
        try:
            return self.file.read()
        except DocumentError:
            return None

    def usable(self, provider_id: str, config: ConfigView) -> StoredProfile | None:
        """The login for a provider that is set up: without an entry OpenClaw would not use it either."""
        if provider_id != PROVIDER_ID or config.provider(provider_id) is None:
            return None
        return self.login()

    def home(self) -> TokenHome:
        """Where its tokens are kept."""
        return QwenCodeLogin(self.file)

    def beside(self, provider_id: str, stored: dict[str, StoredProfile], config: ConfigView) -> None:
        """Add the login after the `stored` ones. OpenClaw's copy of it is not used beside the original: whoever
        renewed the copy would end the original."""
        if provider_id != PROVIDER_ID or (login := self.login()) is None:
            return
        stored.pop(PROFILE_ID, None)
        if config.provider(provider_id) is not None:
            stored[PROFILE_ID] = login

    def address(self, login: StoredProfile, config: ConfigView) -> str | None:
        """The base URL its file names, unchecked; None where the configuration says one, which counts."""
        entry = config.provider(PROVIDER_ID)
        named = login.extra.get("resource_url")
        if entry is not None and entry.base_url is not None:
            return None
        if self._provider is None or self._provider.base_url_from is None:
            return None
        return self._provider.base_url_from(named) if isinstance(named, str) and named.strip() else None

    def no_login(self, provider_id: str) -> LoginRequired:
        """Why nobody can be asked at a provider that has no login, and what to type."""
        if self._provider is not None and provider_id == PROVIDER_ID and self.login() is not None:
            entry = f"models.providers.{provider_id}"
            # The entry as OpenClaw of March 2026 writes it.
            slim = f'{{baseUrl: "{self._provider.base_url}", models: []}}'
            return LoginRequired(
                _(
                    "a login of Qwen Code was found; to use it, openclaw.json needs the entry {entry}",
                    entry=entry,
                ),
                hint=_("%openclaw config set {entry} '{slim}', or %openclaw login", entry=entry, slim=slim),
            )
        which = "" if provider_id == PROVIDER_ID else f" --provider {provider_id}"
        return LoginRequired(
            _("no login for {provider_id}", provider_id=provider_id), hint=f"%openclaw login{which}"
        )

    def no_model(self, config: ConfigView) -> LoginRequired:
        """Why no model answers when none is named, and what to type."""
        if self._provider is None or self.login() is None:
            return LoginRequired(_("no model is chosen and nobody is signed in yet"), hint="%openclaw login")
        if self.usable(PROVIDER_ID, config) is None:
            return self.no_login(PROVIDER_ID)
        model = self._provider.ref(self._provider.default_model)
        return LoginRequired(_("no model is chosen yet"), hint=f"%openclaw models set {model}")
