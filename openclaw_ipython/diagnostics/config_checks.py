"""The checks of the configuration: models, aliases, base URLs, and the variables that move the home."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openclaw_ipython.diagnostics.findings import Facts, Finding, Severity, shell_line
from openclaw_ipython.errors import ConfigError, OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.models.selection import COMPLETIONS
from openclaw_ipython.net.urls import base_url_problem, is_unencrypted
from openclaw_ipython.openclaw.config_file import apply_merge_patch
from openclaw_ipython.openclaw.config_rules import RELEASES, Refusal, apis, refusals, services
from openclaw_ipython.openclaw.json5.parse import REMOVE
from openclaw_ipython.openclaw.keypaths import Keys, path_text

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.openclaw.paths import Home
    from openclaw_ipython.openclaw.store import Snapshot
    from openclaw_ipython.providers import Providers


CHAT_SETTING = ("gateway", "http", "endpoints", "chatCompletions", "enabled")
"""The setting that makes a Gateway answer `%%openclaw`."""

_TOOL_SEARCH_MODE = ("tools", "toolSearch", "mode")


def check_config(facts: Facts) -> Iterator[Finding]:
    """The findings about the chosen models and the addresses of their providers."""
    yield from _check_refusals(facts.snapshot.config, facts.providers)
    yield from _check_default(facts)
    yield from _check_logins_in_use(facts)
    yield from _check_offered(facts)
    yield from _check_images(facts)
    yield from _check_plugins(facts)
    yield from _check_tool_search(facts)
    for provider_id in facts.snapshot.config.provider_ids:
        yield from _check_base_url(facts, provider_id)


def _check_tool_search(facts: Facts) -> Iterator[Finding]:
    """A note for a Gateway that is set up for `%%openclaw` and hides functions of a notebook from its model."""
    config = facts.snapshot.config
    shown = config.get(("tools", "toolSearch")) is False
    if config.get(CHAT_SETTING) is True and not shown and config.get(_TOOL_SEARCH_MODE) != "directory":
        what = _("an agent's model finds functions of a notebook only by searching for them")
        fix = "!openclaw config set tools.toolSearch false"
        yield Finding("tool-search", "note", what, "tools.toolSearch", fix)


def check_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """A note about a variable that does not do what its name says."""
    if environ.get("OPENCLAW_PROFILE", "").strip():
        what = _("it has no effect alone: the profile of OpenClaw is an option of its command line")
        where = f"OPENCLAW_PROFILE={environ['OPENCLAW_PROFILE']}"
        yield Finding("environment", "note", what, where, _("set OPENCLAW_STATE_DIR instead"))


def check_storage(snapshot: Snapshot, home: Home, *, has_json_logins: bool) -> Iterator[Finding]:
    """The findings about a home whose logins are in a database."""
    if snapshot.storage != "sqlite":
        return
    what = _(
        "this home belongs to a newer OpenClaw; what is changed here is kept in {folder}", folder=home.own_dir
    )
    yield Finding("era", "note", what, str(home.state_dir), "")
    if has_json_logins:
        what = _("OpenClaw keeps logins in its database now and refuses to start beside this file")
        yield Finding("era", "error", what, str(home.auth_profiles), "!openclaw doctor --fix")


# -- models --------------------------------------------------------------------------------


def _check_default(facts: Facts) -> Iterator[Finding]:
    default = facts.models.default()
    where = "agents.defaults.model"
    if default is None:
        first = next(iter(facts.providers))
        command = facts.advice.command(first) if facts.advice.retirement(first) else "%openclaw login"
        if model := _usable_model(facts):
            command = f"%openclaw models set {model}"
        yield Finding("model", "error", _("no model is chosen yet"), where, command)
        return
    if retirement := facts.advice.retirement(default.provider):
        what = _("{model} cannot answer: {reason}", model=default, reason=retirement)
        yield Finding("model", "error", what, where, _set_default(facts))
        return
    if facts.models.is_openclaws(default.provider):
        what = _("OpenClaw alone can ask {model}; it stays the default there", model=default)
        model = _usable_model(facts)
        fix = f'%config OpenClaw.default_model = "{model}"' if model else facts.advice.by_key()
        yield Finding("model", "note", what, where, fix)  # for this notebook only
        return
    try:
        facts.models.resolve(str(default))
        facts.models.target(default)
    except OpenClawError as error:
        config = facts.snapshot.config
        misplaced, entry = config.get(("providers",)), config.provider(default.provider)
        if isinstance(misplaced, Mapping) and default.provider in misplaced:
            return  # OpenClaw does not look there; its rules have a finding that repairs it
        if entry is not None and entry.api not in (None, COMPLETIONS) and entry.api not in apis():
            return  # likewise
        fix = error.hint if error.hint.startswith("%openclaw login") else _set_default(facts)
        yield Finding("model", "error", str(error), where, fix)


def _set_default(facts: Facts) -> str:
    """The command that chooses a model of a service that can answer, or else signs in to one."""
    model = _usable_model(facts)
    return f"%openclaw models set {model}" if model else facts.advice.by_key()


def _usable_model(facts: Facts, *, images: bool = False) -> str:
    """A model of a service with a usable login to choose instead; empty for none."""
    refs = facts.models.suggestions()
    if images:
        refs = [ref for ref in refs if facts.models.reads_images(ref)]
    usable = {provider: facts.advice.usable(provider) for provider in {ref.provider for ref in refs}}
    return next((str(ref) for ref in refs if usable[ref.provider]), "")


def _check_logins_in_use(facts: Facts) -> Iterator[Finding]:
    models = facts.models
    chosen = [ref for ref in (models.default(), models.image_default()) if ref]
    every = [*chosen, *models.fallbacks(), *models.image_fallbacks()]
    known = dict.fromkeys(r.provider for r in every if models.provider_of(r.provider, r.model))
    used = [provider for provider in known if not models.is_openclaws(provider)]
    for provider in used:
        if (reason := facts.missing_login(provider)) and not facts.advice.retirement(provider):
            is_chosen = provider in {ref.provider for ref in chosen}
            severity: Severity = "error" if is_chosen else "warning"
            yield Finding("login", severity, reason, provider, facts.advice.command(provider))
    for provider in facts.snapshot.config.provider_ids:
        if models.is_openclaws(provider.lower()):
            continue
        if provider.lower() not in used and (reason := facts.missing_login(provider.lower())):
            where = path_text(("models", "providers", provider))
            what = _("{reason}; no chosen model needs it", reason=reason)
            ended = facts.advice.retirement(provider.lower())
            yield Finding("login", "note", what, where, "" if ended else facts.advice.command(provider))


def _check_offered(facts: Facts) -> Iterator[Finding]:
    """Aliases and fallbacks name models that can answer; all of them where the provider's list is complete."""
    models = facts.models
    unknown = {row.ref for row in models.rows(everything=True) if row.missing and _is_listed(facts, row.ref)}
    for alias in models.aliases():
        try:
            is_lost = models.resolve(alias) in unknown
        except ConfigError:
            is_lost = True
        if is_lost:
            fix = f"%openclaw models aliases remove {alias}"
            what = _("it stands for a model that does not exist")
            yield Finding("alias", "warning", what, alias, fix)
    for group, refs in (("fallbacks", models.fallbacks()), ("image-fallbacks", models.image_fallbacks())):
        for ref in refs:
            what = ""
            if ref in unknown or models.provider_of(ref.provider, ref.model) is None:
                what = _("{ref} does not exist and cannot be a fallback", ref=ref)
            elif retirement := facts.advice.retirement(ref.provider):
                what = _("{model} cannot answer: {reason}", model=ref, reason=retirement)
            if what:
                yield Finding("model", "warning", what, group, f"%openclaw models {group} remove {ref}")


def _is_listed(facts: Facts, ref: ModelRef) -> bool:
    """Whether the list of the provider's models is complete, so that no other model exists."""
    provider = facts.providers.get(ref.provider)
    entry = facts.snapshot.config.provider(ref.provider)
    if provider is not None:
        return provider.closed
    return bool(entry and entry.models) and ref.provider not in services()


def _check_images(facts: Facts) -> Iterator[Finding]:
    image = facts.models.image_default()
    rows = facts.models.rows(everything=True)
    row = next((row for row in rows if row.ref == image), None)
    if row is not None and not row.missing and row.input and "image" not in row.input:
        model = _usable_model(facts, images=True)
        fix = f"%openclaw models set-image {model}" if model else facts.advice.by_key()
        what = _("{ref} reads text only", ref=image)
        yield Finding("model", "warning", what, "agents.defaults.imageModel", fix)


def _check_plugins(facts: Facts) -> Iterator[Finding]:
    default = facts.models.default()
    provider = facts.providers.get(default.provider) if default else None
    if provider and provider.plugin and facts.snapshot.config.plugin_enabled(provider.plugin) is False:
        what = _(
            "the plugin of {provider}, which the default model is from, is disabled", provider=provider.id
        )
        where = path_text(("plugins", "entries", provider.plugin))
        yield Finding("plugin", "warning", what, where, f"%openclaw plugins enable {provider.plugin}")


# -- base URLs -----------------------------------------------------------------------------


def _tunnel(url: str) -> str:
    """How the server at `url` is reached through SSH."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, port = parts.hostname or "HOST", parts.port or 80
    return _(
        "`{command}` in a terminal makes it {url} here",
        command=f"ssh -L {port}:127.0.0.1:{port} {host}",
        url=f"http://127.0.0.1:{port}{parts.path}",
    )


def _check_base_url(facts: Facts, provider_id: str) -> Iterator[Finding]:
    entry = facts.snapshot.config.provider(provider_id)
    where = path_text(("models", "providers", provider_id, "baseUrl"))
    url = entry.base_url if entry else None
    if url is None:  # the rules of OpenClaw state whether it is needed
        return
    provider = facts.providers.get(provider_id)
    sign_in = provider is not None and provider.device_login is not None
    if problem := base_url_problem(url, sign_in=sign_in):
        rest = url.partition("://")[2] or url
        better = "https://…" if "@" in rest or not url.isprintable() else f"https://{rest}"
        what = _("it {problem}, so nothing is sent there; {tunnel}", problem=problem, tunnel=_tunnel(url))
        yield Finding("base-url", "error", what, where, f"%openclaw config set '{where}' {better}")
    elif is_unencrypted(url):
        what = _(
            "it is not encrypted: others in that network can read the questions; {tunnel}",
            tunnel=_tunnel(url),
        )
        yield Finding("base-url", "note", what, where, "")
    elif url.endswith("/"):
        what = _("it ends in a slash, from which some OpenClaw releases make a wrong address")
        fix = f"%openclaw config set '{where}' {url.rstrip('/')}"
        yield Finding("base-url", "warning", what, where, fix)
    derived = facts.snapshot.models_json.get(provider_id)
    if derived is not None and derived.base_url not in (None, url):
        what = _(
            "models.json still has {url} for {provider}, which OpenClaw may use instead",
            url=derived.base_url,
            provider=provider_id,
        )
        fix = shell_line("rm", facts.home.models_json)
        yield Finding("base-url", "warning", what, str(facts.home.models_json), fix)


# -- the rules of OpenClaw -----------------------------------------------------------------

# Top-level keys that are written by mistake, and the place they belong to.
_PLACES = {
    "providers": "models.providers", "model": "agents.defaults.model", "agent": "agents.defaults",
    "profiles": "auth.profiles", "aliases": "agents.defaults.models.<ref>.alias",
    "fallbacks": "agents.defaults.model.fallbacks", "mcpServers": "mcp.servers", "routing": "agents.list",
    "identity": "agents.list[].identity", "heartbeat": "agents.defaults.heartbeat",
    "memorySearch": "agents.defaults.memorySearch", "telegram": "channels.telegram",
    "discord": "channels.discord", "slack": "channels.slack", "whatsapp": "channels.whatsapp",
}  # fmt: skip


def _check_refusals(config: ConfigView, providers: Providers) -> Iterator[Finding]:
    """A finding for each place that OpenClaw refuses, and one for what only other releases than this home's refuse."""
    value = config.get(())
    own = _release_of(config)
    elsewhere: dict[tuple[str, ...], list[str]] = {}
    for refusal in refusals(value):
        if refusal.is_everywhere or own in refusal.releases:
            releases = "" if refusal.is_everywhere else f" {own}"
            where = refusal.path or "openclaw.json"
            place = _PLACES.get(refusal.keys[0]) if len(refusal.keys) == 1 else None
            what = _("OpenClaw{releases} refuses the file: {what}", releases=releases, what=refusal.what)
            if place:
                what = _("{what}; its place is {place}", what=what, place=place)
                fix = _("move it to {place} in openclaw.json", place=place)
            else:
                fix = _repair(value, refusal, providers)
            yield Finding("settings", "error", what, where, fix)
        else:
            elsewhere.setdefault(refusal.releases, []).append(refusal.path)
    for names, paths in elsewhere.items():
        what = _("refused by OpenClaw {releases}: {paths}", releases=", ".join(names), paths=", ".join(paths))
        if own and RELEASES[-1] in names:
            what += _("; after an update to it, `openclaw doctor --fix` changes the file")
        yield Finding("settings", "note", what, "openclaw.json", "")


def _release_of(config: ConfigView) -> str:
    """The known release with the rules of the one that wrote the file; empty if the file does not tell."""
    if config.says_sqlite:
        return RELEASES[2]
    written = config.raw(("meta", "lastTouchedVersion"))
    match = re.match(r"([0-9]{4})\.([0-9]{1,2})\.", written) if isinstance(written, str) else None
    if match is None:
        return ""
    return RELEASES[0] if (int(match[1]), int(match[2])) < (2026, 3) else RELEASES[1]


def _repair(config: Any, refusal: Refusal, providers: Providers) -> str:
    """The command after which the refusal is gone and no other has come; a sentence where there is none."""
    before = {one.keys for one in refusals(config)}
    for keys, value in _candidates(config, refusal.keys, providers):
        patch = None if value is REMOVE else value
        for key in reversed(keys):
            patch = {key: patch}
        after = {one.keys for one in refusals(apply_merge_patch(config, patch))}
        if refusal.keys not in after and after < before:
            path = path_text(keys)
            if value is REMOVE:
                return f"%openclaw config unset '{path}'"
            text = value if isinstance(value, str) else f"'{json.dumps(value)}'"
            return f"%openclaw config set '{path}' {text}"
    if refusal.keys[:2] == ("models", "providers") and refusal.keys[3:] == ("baseUrl",):
        return f"%openclaw config set '{refusal.path}' https://…"
    return _("correct it in openclaw.json")


def _candidates(config: Any, keys: Keys, providers: Providers) -> Iterator[tuple[Keys, Any]]:
    """Changes that may repair a refusal at `keys`, the best first. Members of lists are not changed one by one."""
    if any(key.isdigit() for key in keys) or not keys:
        return
    if keys[:2] == ("models", "providers") and len(keys) == 4:
        entry = config["models"]["providers"][keys[2]]
        provider = providers.get(keys[2].lower())
        typed = [value for key, value in entry.items() if key.lower() == "baseurl" and isinstance(value, str)]
        url = next(iter(typed), provider.base_url if provider else None)
        defaults: dict[str, Any] = {"models": [], "api": "openai-completions", "baseUrl": url}
        if (default := defaults.get(keys[3])) is not None:
            yield keys, default
    if keys[:2] == ("auth", "profiles") and keys[3:] == ("provider",):
        yield keys, keys[2].partition(":")[0]
    yield keys, REMOVE
