"""The checks of the configuration: models, aliases, base URLs, and the variables that move the home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.auth.accounts import ORIGIN_VARIABLE
from openclaw_ipython.diagnostics.findings import Finding, Severity, shell_line
from openclaw_ipython.diagnostics.refusal_checks import check_refusals
from openclaw_ipython.errors import ConfigError, OpenClawError
from openclaw_ipython.models.selection import APIS, COMPLETIONS
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.openclaw.config_rules import services
from openclaw_ipython.openclaw.keypaths import path_text
from openclaw_ipython.sanitize.secrets import redact

if TYPE_CHECKING:
    from openclaw_ipython.models.selection import Models
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.openclaw.store import Snapshot
    from openclaw_ipython.providers import Providers

_PLACE_VARIABLES = {
    "OPENCLAW_HOME": "it replaces the home folder",
    "OPENCLAW_STATE_DIR": "it is the folder of all of OpenClaw's files",
    "OPENCLAW_CONFIG_PATH": "it is the path of the configuration",
    "OPENCLAW_AGENT_DIR": "it is the folder of the logins",
    "PI_CODING_AGENT_DIR": "it is the folder of the logins",
    "QWEN_HOME": "it is the folder of Qwen Code's files",
    ORIGIN_VARIABLE: "sign-ins by code go there",
}


class ConfigFacts(Struct, frozen=True):
    """The state that the checks read. `missing_login(provider)` is the reason why a provider has no login, or ''."""

    snapshot: Snapshot
    models: Models
    providers: Providers
    home: Home
    missing_login: Callable[[str], str]


def check_config(facts: ConfigFacts) -> Iterator[Finding]:
    """The findings about the chosen models and the addresses of their providers."""
    yield from check_refusals(facts.snapshot.config, facts.providers)
    yield from _check_default(facts)
    yield from _check_logins_in_use(facts)
    yield from _check_offered(facts)
    yield from _check_images(facts)
    yield from _check_plugins(facts)
    for provider_id in facts.snapshot.config.provider_ids:
        yield from _check_base_url(facts, provider_id)


def check_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Notes about the variables that move files and addresses."""
    for name, what in _PLACE_VARIABLES.items():
        if environ.get(name, "").strip():
            yield Finding("environment", "note", what, f"{name}={redact(environ[name])}", f"unset {name}")
    if environ.get("OPENCLAW_PROFILE", "").strip():
        what = "it has no effect alone: the profile of OpenClaw is an option of its command line"
        where = f"OPENCLAW_PROFILE={environ['OPENCLAW_PROFILE']}"
        yield Finding("environment", "note", what, where, "set OPENCLAW_STATE_DIR instead")


def check_storage(snapshot: Snapshot, home: Home, *, has_json_logins: bool) -> Iterator[Finding]:
    """The findings about a home whose logins are in a database."""
    if snapshot.storage != "sqlite":
        return
    what = f"this home belongs to a newer OpenClaw; what is changed here is kept in {home.own_dir}"
    yield Finding("era", "note", what, str(home.state_dir), "")
    if has_json_logins:
        what = "OpenClaw keeps logins in its database now and refuses to start beside this file"
        yield Finding("era", "error", what, str(home.auth_profiles), "!openclaw doctor --fix")


# -- models --------------------------------------------------------------------------------


def _check_default(facts: ConfigFacts) -> Iterator[Finding]:
    default = facts.models.default()
    where = "agents.defaults.model"
    if default is None:
        yield Finding("model", "error", "no model is chosen yet", where, "%openclaw login")
        return
    if facts.models.is_openclaws(default.provider):
        what = f"OpenClaw alone can ask {default}; it stays the default there"
        yield Finding("model", "note", what, where, _ask_another(facts))
        return
    try:
        facts.models.resolve(str(default))
        facts.models.target(default)
    except OpenClawError as error:
        if default.provider in _misplaced(facts) or _api_is_refused(facts, default.provider):
            return  # the rules of OpenClaw have a finding that repairs it
        fix = error.hint if error.hint.startswith("%openclaw login") else _set_default(facts)
        yield Finding("model", "error", str(error), where, fix)


def _misplaced(facts: ConfigFacts) -> Mapping[str, object]:
    """The providers under a top-level `providers`, where OpenClaw does not look."""
    found = facts.snapshot.config.get(("providers",))
    return found if isinstance(found, Mapping) else {}


def _api_is_refused(facts: ConfigFacts, provider: str) -> bool:
    entry = facts.snapshot.config.provider(provider)
    return entry is not None and entry.api not in (None, COMPLETIONS) and entry.api not in APIS


def _ask_another(facts: ConfigFacts) -> str:
    """The command that makes another model the default of this notebook only."""
    model = _usable_model(facts, with_login=True)
    if not model:
        return "%openclaw login --provider modelstudio"
    return f'%config OpenClaw.default_model = "{model}"'


def _set_default(facts: ConfigFacts) -> str:
    model = _usable_model(facts)
    return f"%openclaw models set {model}" if model else "%openclaw login"


def _usable_model(facts: ConfigFacts, *, images: bool = False, with_login: bool = False) -> str:
    """A model to choose instead, of a provider with a login if there is one; empty for none."""
    refs = facts.models.suggestions()
    if images:
        refs = [ref for ref in refs if facts.models.reads_images(ref)]
    has_login = {provider: not facts.missing_login(provider) for provider in {ref.provider for ref in refs}}
    other = str(refs[0]) if refs and not with_login else ""
    return next((str(ref) for ref in refs if has_login[ref.provider]), other)


def _check_logins_in_use(facts: ConfigFacts) -> Iterator[Finding]:
    models = facts.models
    chosen = [ref for ref in (models.default(), models.image_default()) if ref]
    fallbacks = [*models.fallbacks(), *models.image_fallbacks()]
    every = dict.fromkeys(ref.provider for ref in [*chosen, *fallbacks])
    used = [provider for provider in every if not models.is_openclaws(provider)]
    for provider in used:
        if reason := facts.missing_login(provider):
            severity: Severity = "error" if provider in {ref.provider for ref in chosen} else "warning"
            yield Finding("login", severity, reason, provider, _login_command(facts, provider))
    for provider in facts.snapshot.config.provider_ids:
        if models.is_openclaws(provider.lower()):
            continue
        if provider.lower() not in used and (reason := facts.missing_login(provider.lower())):
            where, what = path_text(("models", "providers", provider)), f"{reason}; no chosen model needs it"
            yield Finding("login", "note", what, where, _login_command(facts, provider))


def _login_command(facts: ConfigFacts, provider: str) -> str:
    known = facts.providers.get(provider)
    if known is not None and known.device_login is not None:
        return f"%openclaw login --provider {provider}"
    return f"%openclaw models auth add --provider {provider}"


def _check_offered(facts: ConfigFacts) -> Iterator[Finding]:
    """Aliases and fallbacks name models that the provider has, where its list of models is complete."""
    unknown = {
        row.ref for row in facts.models.rows(everything=True) if row.missing and _is_listed(facts, row.ref)
    }
    for alias in facts.models.aliases():
        try:
            is_lost = facts.models.resolve(alias) in unknown
        except ConfigError:
            is_lost = True
        if is_lost:
            fix = f"%openclaw models aliases remove {alias}"
            yield Finding("alias", "warning", "it stands for a model that does not exist", alias, fix)
    for group, refs, images in (
        ("fallbacks", facts.models.fallbacks(), False),
        ("image-fallbacks", facts.models.image_fallbacks(), True),
    ):
        for ref in refs:
            if ref in unknown or facts.models.provider_of(ref.provider, ref.model) is None:
                what = f"{ref} does not exist and cannot be a fallback{' for images' if images else ''}"
                yield Finding("model", "warning", what, group, f"%openclaw models {group} remove {ref}")


def _is_listed(facts: ConfigFacts, ref: ModelRef) -> bool:
    """Whether the list of the provider's models is complete, so that no other model exists."""
    provider = facts.providers.get(ref.provider)
    entry = facts.snapshot.config.provider(ref.provider)
    if provider is not None:
        return provider.closed
    return bool(entry and entry.models) and ref.provider not in services()


def _check_images(facts: ConfigFacts) -> Iterator[Finding]:
    image = facts.models.image_default()
    rows = facts.models.rows(everything=True)
    row = next((row for row in rows if row.ref == image), None)
    if row is not None and not row.missing and row.input and "image" not in row.input:
        fix = f"%openclaw models set-image {_usable_model(facts, images=True) or 'MODEL'}"
        yield Finding("model", "warning", f"{image} reads text only", "agents.defaults.imageModel", fix)


def _check_plugins(facts: ConfigFacts) -> Iterator[Finding]:
    default = facts.models.default()
    provider = facts.providers.get(default.provider) if default else None
    if provider and provider.plugin and facts.snapshot.config.plugin_enabled(provider.plugin) is False:
        what = f"the plugin of {provider.id}, which the default model is from, is disabled"
        where = path_text(("plugins", "entries", provider.plugin))
        yield Finding("plugin", "warning", what, where, f"%openclaw plugins enable {provider.plugin}")


# -- base URLs -----------------------------------------------------------------------------


def _check_base_url(facts: ConfigFacts, provider_id: str) -> Iterator[Finding]:
    entry = facts.snapshot.config.provider(provider_id)
    where = path_text(("models", "providers", provider_id, "baseUrl"))
    url = entry.base_url if entry else None
    if url is None:  # the rules of OpenClaw state whether it is needed
        return
    if https_host(url) is None and not is_loopback(url):
        better = "https://" + url.partition("://")[2] if url.startswith("http://") else "https://…"
        what = "it is neither https nor on this machine, so no login is sent there"
        yield Finding("base-url", "error", what, where, f"%openclaw config set '{where}' {better}")
    elif url.endswith("/"):
        what = "it ends in a slash, from which some OpenClaw releases make a wrong address"
        fix = f"%openclaw config set '{where}' {url.rstrip('/')}"
        yield Finding("base-url", "warning", what, where, fix)
    derived = facts.snapshot.models_json.get(provider_id)
    if derived is not None and derived.base_url not in (None, url):
        what = f"models.json still has {derived.base_url} for {provider_id}, which OpenClaw may use instead"
        fix = shell_line("rm", facts.home.models_json)
        yield Finding("base-url", "warning", what, str(facts.home.models_json), fix)
