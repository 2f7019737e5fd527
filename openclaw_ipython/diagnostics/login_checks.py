"""The checks of stored logins and keys: their kind, their expiry, and the configuration that names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from openclaw_ipython.auth.resolver import mode_matches
from openclaw_ipython.diagnostics.findings import Facts, Finding, Severity
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_rules import services
from openclaw_ipython.openclaw.config_view import is_marker
from openclaw_ipython.openclaw.keypaths import path_text

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import ProfileRow
    from openclaw_ipython.openclaw.profiles import StoredProfile
    from openclaw_ipython.providers import Providers

_YEAR_MS = 365.25 * 86400 * 1000
_SECONDS_BELOW = 1e11  # as milliseconds this is March 1973, as seconds the year 5138


def check_logins(facts: Facts) -> Iterator[Finding]:
    """The findings about stored logins and the parts of the configuration that name them."""
    rows = {row.profile.id: row for row in facts.rows}
    for profile in facts.snapshot.profiles.values():
        yield from _check_profile(facts, profile, rows.get(profile.id))
    yield from _check_in_place(facts)
    yield from _check_listed(facts)
    yield from _check_orders(facts)
    yield from _check_variables(facts)


def _repair(facts: Facts, profile: StoredProfile) -> str:
    """The command that renews a login, or removes one of a service that has ended its sign-in."""
    name = profile.id.partition(":")[2] or "default"
    which = f"--provider {profile.provider} --profile {name}"
    if profile.type == "oauth" and facts.advice.retirement(profile.provider):
        return f"%openclaw logout {which}"
    way = {"oauth": "device_login", "api_key": "key_login"}.get(profile.type, "")
    if way and getattr(facts.providers.get(profile.provider), way, None) is not None:
        return f"%openclaw login {which} --force"
    return f"%openclaw models auth {'paste-token' if profile.type == 'token' else 'add'} {which}"


def _check_profile(facts: Facts, profile: StoredProfile, row: ProfileRow | None) -> Iterator[Finding]:
    again = _repair(facts, profile)
    secret = profile.secret(facts.environ)
    name = profile.id.partition(":")[2]
    if secret is not None and is_marker(secret):
        fix = f"%openclaw logout --provider {profile.provider} --profile {name}"
        what = _("it holds a placeholder instead of a key")
        yield Finding("placeholder", "error", what, profile.id, fix)
    elif secret is None and not profile.refresh:
        what = _("it refers to a key that cannot be found, for example a variable that is not set")
        yield Finding("login", "error", what, profile.id, again)
    elif facts.advice.is_refused(profile.id):
        ended = facts.advice.retirement(profile.provider)
        what = _("the service refused it at its last use")
        yield Finding("login", "warning" if ended else "error", what, profile.id, again)
    expires = profile.expires or 0
    if 1e9 <= expires < _SECONDS_BELOW:
        what = _("its expiry is written in seconds, not in milliseconds, and so lies in 1970")
        yield Finding("clock", "warning", what, profile.id, again)
    elif expires > facts.now + 10 * _YEAR_MS:
        years = int((expires - facts.now) / _YEAR_MS)
        yield Finding(
            "clock", "warning", _("its expiry is {years} years away", years=years), profile.id, again
        )
    if row is not None and row.status == "expired":
        yield Finding("login", "error", _("it has expired and cannot be renewed"), profile.id, again)
    elif row is not None and row.status == "expiring":
        what = _("it ends within a day and cannot be renewed")
        yield Finding("login", "warning", what, profile.id, again)
    yield from _check_entry(facts, profile)


def _check_in_place(facts: Facts) -> Iterator[Finding]:
    """Another program's login is used only where its provider has an entry."""
    for row in facts.rows:
        stored = row.profile.id in facts.snapshot.profiles
        if not stored and facts.snapshot.config.provider(row.profile.provider) is None:
            what = _("so this login ({source}) is not used", source=row.source)
            yield _no_entry(facts.providers, row.profile.provider, row.profile.id, "note", what)


def _check_entry(facts: Facts, profile: StoredProfile) -> Iterator[Finding]:
    """A login needs an entry of its provider, unless its address is known here or brought along by OpenClaw."""
    provider = facts.providers.get(profile.provider)
    if facts.snapshot.config.provider(profile.provider) is not None:
        return
    if provider is not None and provider.device_login is not None:
        what = _("so OpenClaw does not list its models")
        yield _no_entry(facts.providers, profile.provider, profile.id, "warning", what)
    elif facts.providers.named(profile.provider) is None and profile.provider.lower() not in services():
        yield _no_entry(
            facts.providers, profile.provider, profile.id, "note", _("so its address is not known")
        )


def _no_entry(providers: Providers, provider_id: str, where: str, severity: Severity, what: str) -> Finding:
    key = path_text(("models", "providers", provider_id))
    provider = providers.get(provider_id)
    url = provider.base_url if provider else "https://…"
    fix = f"%openclaw config set '{key}' '{{baseUrl: \"{url}\", models: []}}'"
    missing = _("there is no {key} in openclaw.json, {what}", key=key, what=what)
    return Finding("provider", severity, missing, where, fix)


def _check_listed(facts: Facts) -> Iterator[Finding]:
    """`auth.profiles` names stored logins only, each with its mode."""
    listed = facts.snapshot.config.get(("auth", "profiles"))
    for profile_id, entry in listed.items() if isinstance(listed, Mapping) else ():
        where = path_text(("auth", "profiles", profile_id))
        stored = facts.snapshot.profiles.get(profile_id)
        if stored is None:
            if profile_id not in {row.profile.id for row in facts.rows}:
                fix = f"%openclaw config unset '{where}'"
                yield Finding("login", "warning", _("it names a login that is not stored"), where, fix)
        elif isinstance(entry, Mapping) and not mode_matches(entry.get("mode"), stored.type):
            fix = f"%openclaw config set '{where}.mode' {stored.type}"
            what = _(
                "its mode is not that of the stored login ({kind}), so OpenClaw skips it", kind=stored.type
            )
            yield Finding("login", "warning", what, where, fix)


def _check_orders(facts: Facts) -> Iterator[Finding]:
    known = {row.profile.id for row in facts.rows} | set(facts.snapshot.profiles)
    for provider, order in facts.snapshot.order.items():
        missing = [profile_id for profile_id in order if profile_id not in known]
        if missing:
            what = _("the order of logins names {names}, which is not stored", names=", ".join(missing))
            fix = f"%openclaw models auth order clear --provider {provider}"
            where = _("order of {provider}", provider=provider)
            yield Finding("login", "warning", what, where, fix)


def _check_variables(facts: Facts) -> Iterator[Finding]:
    """Variables that hold a placeholder, and entries that refer to a variable that is not set."""
    for provider in facts.providers.values():
        for name in provider.key_variables:
            value = facts.environ.get(name, "").strip()
            if value and is_marker(value):
                what = _("it holds a placeholder instead of a key")
                yield Finding("placeholder", "error", what, name, f"import os; del os.environ[{name!r}]")
    config = facts.snapshot.config
    for provider_id in config.provider_ids:
        entry = config.provider(provider_id)
        marker = entry.key_marker if entry and not entry.api_key else None
        if marker and "${" in marker:
            where = path_text(("models", "providers", provider_id, "apiKey"))
            name = marker.partition("${")[2].partition("}")[0]
            what = _("the key is taken from {marker}, which is not set", marker=marker)
            fix = _(
                "{command}, or set {name} before Jupyter starts",
                command=f"%openclaw models auth add --provider {provider_id}",
                name=name,
            )
            yield Finding("login", "error", what, where, fix)
