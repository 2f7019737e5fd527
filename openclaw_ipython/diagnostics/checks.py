"""The check-up of a home: what is wrong with its files, logins and settings, and what mends it.

It looks and never writes. What is asked of the file system, and the rules, are in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from openclaw_ipython.diagnostics.choices import ChoiceFacts, check_choices, check_environment, check_era
from openclaw_ipython.diagnostics.files import check_files, look
from openclaw_ipython.diagnostics.findings import Finding, Severity, by_severity, unreadable
from openclaw_ipython.diagnostics.journal import check_journal
from openclaw_ipython.diagnostics.logins import LoginFacts, check_logins
from openclaw_ipython.errors import DocumentError, OpenClawError

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers

__all__ = ["Doctor", "Finding", "Severity"]


class Doctor:
    """Examines one home. `clock` is epoch seconds; on `windows` file permissions are not judged."""

    def __init__(
        self,
        store: Store,
        models: Models,
        accounts: Accounts,
        *,
        providers: Providers,
        environ: Mapping[str, str],
        clock: Callable[[], float],
        windows: bool,
    ) -> None:
        self._store = store
        self._models = models
        self._accounts = accounts
        self._providers = providers
        self._environ = environ
        self._clock = clock
        self._windows = windows

    def examine(self) -> list[Finding]:
        """All that is found, the worst first. A file that cannot be read is a finding, not an error."""
        home = self._store.home
        files = look(home)
        found = [*check_files(files, self._clock(), windows=self._windows), *check_environment(self._environ)]
        found += check_journal(home, windows=self._windows)
        try:
            snapshot = self._store.load()
            found += map(unreadable, snapshot.problems)
            has_json_logins = any(fact.path == home.auth_profiles for fact in files)
            found += check_era(snapshot, home, has_json_logins=has_json_logins)
            now = int(self._clock() * 1000)
            rows = self._accounts.profiles()
            found += check_logins(LoginFacts(snapshot, rows, self._providers, self._environ, now))
            found += check_choices(
                ChoiceFacts(snapshot, self._models, self._providers, home, self._missing_login)
            )
        except DocumentError as error:
            found.append(unreadable(error))
        return by_severity(found)

    def endpoints(self) -> list[tuple[str, str]]:
        """Provider and base URL of everything that is chosen: what a check of the network asks."""
        try:
            refs = [self._models.default(), self._models.image_default(), *self._models.fallbacks()]
        except OpenClawError:
            return []
        found: dict[str, str] = {}
        for ref in refs:
            try:
                if ref is not None:
                    found.setdefault(ref.provider, self._models.target(ref).base_url)
            except OpenClawError:
                continue
        return list(found.items())

    def _missing_login(self, provider_id: str) -> str:
        try:
            if self._accounts.credential(provider_id) is not None:
                return ""
            why = self._accounts.obstacle(provider_id)
        except OpenClawError as error:
            why = str(error)
        return f"nobody is signed in to {provider_id}" + (f": {why}" if why else "")
