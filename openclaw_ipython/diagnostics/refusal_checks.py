"""The check of the configuration by the rules of OpenClaw's releases, with a command that repairs each refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from openclaw_ipython.diagnostics.findings import Finding
from openclaw_ipython.openclaw.config_file import apply_merge_patch
from openclaw_ipython.openclaw.config_rules import RELEASES, Refusal, refusals
from openclaw_ipython.openclaw.json5.parse import REMOVE
from openclaw_ipython.openclaw.keypaths import Keys, path_text

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.providers import Providers

# Top-level keys that are written by mistake, and the place they belong to.
_PLACES = {
    "providers": "models.providers", "model": "agents.defaults.model", "agent": "agents.defaults",
    "profiles": "auth.profiles", "aliases": "agents.defaults.models.<ref>.alias",
    "fallbacks": "agents.defaults.model.fallbacks", "mcpServers": "mcp.servers", "routing": "agents.list",
    "identity": "agents.list[].identity", "heartbeat": "agents.defaults.heartbeat",
    "memorySearch": "agents.defaults.memorySearch", "telegram": "channels.telegram",
    "discord": "channels.discord", "slack": "channels.slack", "whatsapp": "channels.whatsapp",
}  # fmt: skip


def check_refusals(config: ConfigView, providers: Providers) -> Iterator[Finding]:
    """A finding for each place that OpenClaw refuses, and one for what only other releases than this home's refuse."""
    value = config.get(())
    own = _release_of(config)
    elsewhere: dict[tuple[str, ...], list[str]] = {}
    for refusal in refusals(value):
        if refusal.is_everywhere or own in refusal.releases:
            releases = "" if refusal.is_everywhere else f" {own}"
            where = refusal.path or "openclaw.json"
            place = _PLACES.get(refusal.keys[0]) if len(refusal.keys) == 1 else None
            what = f"OpenClaw{releases} refuses the file: {refusal.what}"
            if place:
                what, fix = f"{what}; its place is {place}", f"move it to {place} in openclaw.json"
            else:
                fix = _repair(value, refusal, providers)
            yield Finding("settings", "error", what, where, fix)
        else:
            elsewhere.setdefault(refusal.releases, []).append(refusal.path)
    for names, paths in elsewhere.items():
        what = f"refused by OpenClaw {', '.join(names)}: {', '.join(paths)}"
        later = own and RELEASES[-1] in names
        what += "; after an update to it, `openclaw doctor --fix` changes the file" if later else ""
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
    return "correct it in openclaw.json"


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
