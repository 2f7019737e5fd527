"""What OpenClaw accepts in `openclaw.json`: the check that three of its releases make, from a table of their rules.

The table is `config_rules.json`, made from the schema in each released package. It covers `models`, `agents`, `auth`,
`plugins`, `gateway`, `mcp`, `env`, `secrets` and `meta`, and the names of the other sections. Pure but for reading
the table, which happens at the first use.

Its notation: `"string"`, `"any"` and so on are types; `"@name"` is the rule of that name under `types`;
`{"type", "min_length", "pattern", "above", …}` a type with limits; `{"values"}` one of these; `{"list"}` an array;
`{"either"}` at least one and `{"all"}` every rule; `{"keys", "required", "other", "names"}` an object, where `other` is
the rule for keys without one (without it they are refused).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import is_loopback
from openclaw_ipython.openclaw.json5.parse import mapping_at
from openclaw_ipython.openclaw.keypaths import MISSING, Keys, path_text, value_at
from openclaw_ipython.suggestions import did_you_mean, suggest

RELEASES = ("2026.2.26", "2026.3.24", "2026.9.6")
_DATABASE = RELEASES[-1]

CHECKED = frozenset({"agents", "auth", "env", "gateway", "mcp", "meta", "models", "plugins", "secrets"})
"""The sections that are checked below their first key."""

_MCP_OLD_KEYS = (
    "connectTimeout", "connect_timeout", "timeout", "workingDirectory", "supports_parallel_tool_calls",
    "ssl_verify", "client_cert", "client_key", "disabled",
)  # fmt: skip
_AGENT_ID = r"[a-z0-9_][a-z0-9_-]{0,63}"

_Found = tuple[Keys, str]


class Refusal(Struct, frozen=True):
    """A place of a configuration that OpenClaw refuses, the reason, and the releases that refuse it."""

    keys: Keys
    what: str
    releases: tuple[str, ...]

    @property
    def path(self) -> str:
        """The place as it is typed."""
        return path_text(self.keys)

    @property
    def is_everywhere(self) -> bool:
        """Whether every known release refuses it."""
        return self.releases == RELEASES

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" if self.keys else self.what


def refusals(config: Any) -> tuple[Refusal, ...]:
    """The places of a configuration (includes and variables resolved) that a release refuses, in the file's order."""
    found: dict[Keys, tuple[str, list[str]]] = {}
    for release in RELEASES:
        for keys, what in _found_by(release, config):
            by = found[keys][1] if keys in found else []
            found[keys] = (what, [*by, release] if release not in by else by)  # in the words of the latest
    return tuple(Refusal(keys, what, tuple(by)) for keys, (what, by) in found.items())


def added(before: Any, after: Any) -> tuple[Refusal, ...]:
    """The refusals of `after` that `before` does not have."""
    known = {(refusal.keys, release) for refusal in refusals(before) for release in refusal.releases}
    return tuple(
        refusal
        for refusal in refusals(after)
        if any((refusal.keys, release) not in known for release in refusal.releases)
    )


def check_change(before: Any, after: Any) -> None:
    """Raise UsageError for a change after which every known release refuses the configuration in a new place."""
    refused = [refusal for refusal in added(before, after) if refusal.is_everywhere]
    if refused:
        raise _refused(min(refused, key=lambda refusal: refusal.what == _("missing")), after)


def _refused(refusal: Refusal, config: Any) -> UsageError:
    near = suggest(refusal.keys[-1], keys_at(refusal.keys[:-1])) if refusal.what == _("unknown key") else ()
    hint = ""
    if len(refusal.keys) > 2 and refusal.keys[:2] == ("models", "providers"):
        entry = path_text(refusal.keys[:3])
        url = value_at(config, (*refusal.keys[:3], "baseUrl"))
        if refusal.keys[3:] == ("models",) and isinstance(url, str):
            hint = f"%openclaw config set {entry} '{{baseUrl: {json.dumps(url)}, models: []}}'"
        elif refusal.keys[3:] == ("baseUrl",) and url is MISSING:
            hint = f"%openclaw config set {entry} '{{baseUrl: \"https://…\", models: []}}'"
    what = _(
        "{refusal}{suggestion}; OpenClaw {releases} would refuse the file, so nothing was written",
        refusal=refusal, suggestion=did_you_mean(near), releases=", ".join(refusal.releases),
    )  # fmt: skip
    return UsageError(what, suggestions=near, hint=hint)


def top_level() -> frozenset[str]:
    """The top-level keys that any known release accepts, and `$include`."""
    sections = (one["sections"] for one in _table()["releases"].values())
    return frozenset({"$include", *(key for keys in sections for key in keys)})


def services() -> frozenset[str]:
    """The ids of the services that a release of OpenClaw brings along, so that no entry is needed for them."""
    return frozenset(_table()["services"])


def apis() -> frozenset[str]:
    """The values of `api`: the protocols that a release of OpenClaw speaks."""
    return frozenset(_table()["apis"])


def keys_at(keys: Sequence[str]) -> tuple[str, ...]:
    """The names that any release knows below `keys`, for suggestions; empty where every name is free."""
    names: dict[str, None] = {}
    for release in RELEASES:
        rules: list[Any] = [{"keys": _table()["releases"][release]["sections"]}]
        for key in keys:
            rules = [below for rule in rules for below in _below(rule, key)]
        for rule in rules:
            names |= dict.fromkeys(name for one in _objects(rule) for name in one.get("keys", ()))
    return tuple(names)


@cache
def _table() -> Any:
    return json.loads(Path(__file__).with_name("config_rules.json").read_text("utf-8"))


def _rule(rule: Any) -> Any:
    while isinstance(rule, str) and rule.startswith("@"):
        rule = _table()["types"][rule[1:]]
    return rule


def _objects(rule: Any) -> Iterator[Mapping[str, Any]]:
    """The rules for objects among the alternatives of a rule."""
    rule = _rule(rule)
    if isinstance(rule, Mapping):
        for part in (*rule.get("either", ()), *rule.get("all", ())):
            yield from _objects(part)
        if "keys" in rule or "other" in rule:
            yield rule


def _below(rule: Any, key: str) -> Iterator[Any]:
    for one in _objects(rule):
        if (found := one.get("keys", {}).get(key, one.get("other"))) is not None:
            yield found


# -- one release ---------------------------------------------------------------------------


def _found_by(release: str, config: Any) -> Iterator[_Found]:
    about = _table()["releases"][release]
    if not isinstance(config, Mapping):
        yield (), _("expected an object")
        return
    config = _as_read(config) if release == _DATABASE else config
    yield from _check({"keys": about["sections"]}, config, ())
    if release == _DATABASE:
        yield from _providers(config, about["overlay_providers"])
        for check in (_servers, _markers, _agent_ids, _policies, _secrets):
            yield from check(config)
    yield from _agent_folders(config)
    if release != RELEASES[0]:
        yield from _tailscale(config, release)


def _as_read(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration after what 2026.9.6 changes before its check: a sound `agents.list`, context budgets."""
    agents = config.get("agents")
    if isinstance(agents, Mapping):
        entries = _entries_of(agents.get("list"))
        if entries is not None and "entries" not in agents:
            agents = {k: v for k, v in agents.items() if k != "list"} | {"entries": entries}
        if "defaults" in agents:
            agents = {**agents, "defaults": _without(agents["defaults"], "contextTokens")}
        if isinstance(entries := agents.get("entries"), Mapping):
            read = {key: _without(entry, "contextTokens") for key, entry in entries.items()}
            agents = {**agents, "entries": read}
        config = {**config, "agents": agents}
    models = config.get("models")
    if isinstance(models, Mapping) and isinstance(models.get("providers"), Mapping):
        ids = models["providers"]
        read = {name: _without(entry, "contextTokens", "contextWindow") for name, entry in ids.items()}
        config = {**config, "models": {**models, "providers": read}}
    return config


def _without(value: Any, *names: str) -> Any:
    return {k: v for k, v in value.items() if k not in names} if isinstance(value, Mapping) else value


def _entries_of(listed: Any) -> dict[str, Any] | None:
    """`agents.list` as `agents.entries`; None for a list that 2026.9.6 does not read."""
    if not isinstance(listed, list):
        return None
    entries = {}
    for one in listed:
        agent = one.get("id") if isinstance(one, Mapping) else None
        if not isinstance(agent, str) or not re.fullmatch(_AGENT_ID, agent) or agent in entries:
            return None
        entries[agent] = _without(one, "id")
    return entries


# -- the notation --------------------------------------------------------------------------

_KINDS: dict[str, Any] = {
    "string": str, "number": (int, float), "integer": (int, float), "boolean": bool, "null": type(None),
}  # fmt: skip


def _check(rule: Any, value: Any, at: Keys) -> Iterator[_Found]:
    rule = _rule(rule)
    if rule == "any":
        return
    if isinstance(rule, str):
        if rule == "never":
            yield at, _("unknown key")
        elif not _is(rule, value):
            yield at, _("expected {kind}", kind=rule)
    elif "values" in rule:
        if not any(value == one and type(value) is type(one) for one in rule["values"]):
            yield at, _("expected one of {values}", values=", ".join(map(str, rule["values"])))
    elif "either" in rule:
        yield from _either(rule["either"], value, at)
    elif "all" in rule:
        for part in rule["all"]:
            yield from _check(part, value, at)
    elif "list" in rule or "tuple" in rule:
        yield from _list(rule, value, at)
    elif "keys" in rule or "other" in rule:
        yield from _object(rule, value, at)
    elif "type" in rule:
        yield from _limited(rule, value, at)


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _either(rules: Sequence[Any], value: Any, at: Keys) -> Iterator[_Found]:
    """Nothing if one rule fits; else what the rule refuses that fits best: the one with the deepest first refusal."""
    attempts = []
    for rule in rules:
        found = list(_check(rule, value, at))
        if not found:
            return
        attempts.append(found)
    best = max(attempts, key=lambda found: (len(found[0][0]), -len(found)))
    if len(best[0][0]) > len(at):
        yield from best
    else:
        yield at, _(" or ").join(dict.fromkeys(found[0][1] for found in attempts))


def _list(rule: Mapping[str, Any], value: Any, at: Keys) -> Iterator[_Found]:
    if not isinstance(value, list):
        yield at, _("expected a list")
        return
    places = rule.get("tuple", [rule.get("list")] * len(value))
    if len(places) != len(value) or len(value) < rule.get("min_items", 0):
        yield at, _("a list of another length is expected")
        return
    for number, (place, item) in enumerate(zip(places, value, strict=True)):
        yield from _check(place, item, (*at, str(number)))


def _object(rule: Mapping[str, Any], value: Any, at: Keys) -> Iterator[_Found]:
    if not isinstance(value, Mapping):
        yield at, _("expected an object")
        return
    for name in rule.get("required", ()):
        if name not in value:
            yield (*at, name), _("missing")
    known, other, names = rule.get("keys", {}), rule.get("other"), rule.get("names")
    for name, item in value.items():
        below = known.get(name, other)
        if below is None:
            yield (*at, name), _("unknown key")
            continue
        if names is not None and name not in known and any(_check(names, name, at)):
            yield (*at, name), _("not a possible name")
        yield from _check(below, item, (*at, name))


def _limited(rule: Mapping[str, Any], value: Any, at: Keys) -> Iterator[_Found]:
    if not _is(rule["type"], value):
        yield at, _("expected {kind}", kind=rule["type"])
    elif isinstance(value, str):
        if len(value) < rule.get("min_length", 0):
            yield at, _("empty")
        elif len(value) > rule.get("max_length", len(value)):
            yield at, _("too long")
        elif "pattern" in rule and not re.search(rule["pattern"], value):
            yield at, _("not in the form that is expected")
        elif rule.get("format") == "uri" and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S", value):
            yield at, _("expected an address with its scheme")
    elif not (
        rule.get("min", value) <= value <= rule.get("max", value)
        and ("above" not in rule or value > rule["above"])
    ):
        yield at, _("a number outside the allowed range")


# -- rules beside the notation ------------------------------------------------------------


def _providers(config: Mapping[str, Any], brought_along: Sequence[str]) -> Iterator[_Found]:
    """2026.9.6 wants an address and a list of models of each provider that it does not bring along."""
    for name, entry in mapping_at(config, "models", "providers").items():
        if not isinstance(entry, Mapping) or name.lower() in brought_along:
            continue
        at = ("models", "providers", name)
        if "baseUrl" not in entry or entry["baseUrl"] == "":
            yield (*at, "baseUrl"), _("missing")
        if "models" not in entry:
            yield (*at, "models"), _("missing")


def _servers(config: Mapping[str, Any]) -> Iterator[_Found]:
    for name, entry in mapping_at(config, "mcp", "servers").items():
        at = ("mcp", "servers", name)
        if not isinstance(entry, Mapping):
            continue
        yield from (((*at, key), _("unknown key")) for key in _MCP_OLD_KEYS if key in entry)
        if entry.get("transport") == "stdio" and not entry.get("command"):
            yield (*at, "command"), _("missing")


def _markers(config: Mapping[str, Any]) -> Iterator[_Found]:
    """Of several agents 2026.9.6 wants one to be the default, or `ownership: "explicit"`."""
    at, agents = ("agents", "entries"), mapping_at(config, "agents")
    entries = mapping_at(agents, "entries")
    marked = [n for n, one in entries.items() if isinstance(one, Mapping) and one.get("default") is True]
    explicit = agents.get("ownership") == "explicit"
    if len(marked) > 1 or (marked and explicit) or (len(entries) > 1 and not marked and not explicit):
        yield at, _("exactly one agent must be the default")
    if len({name.lower() for name in entries}) < len(entries):
        yield at, _("two agents with one name")


def _agent_ids(config: Mapping[str, Any]) -> Iterator[_Found]:
    """2026.9.6 wants an agent that is named elsewhere to be one of `agents.entries`, in any case of letters."""
    known = {name.lower() for name in mapping_at(config, "agents", "entries")} or {"main"}
    at: list[Keys] = [("agents", "defaults", "heartbeat"), ("agents", "defaults", "systemAgent"), ("talk",)]
    bindings = config.get("bindings")
    at += [("bindings", str(number)) for number in range(len(bindings) if isinstance(bindings, list) else 0)]
    for keys in at:
        named = value_at(config, (*keys, "agentId"))
        if isinstance(named, str) and named and named.strip().lower() not in known:
            yield (*keys, "agentId"), _("no agent has this name")


def _policies(config: Mapping[str, Any]) -> Iterator[_Found]:
    """2026.9.6 wants an alias, `provider/model` or `provider/*` in `modelPolicy.allow`."""
    agents = mapping_at(config, "agents")
    at: dict[Keys, Mapping[str, Any]] = {("agents", "defaults"): mapping_at(agents, "defaults")}
    at |= {("agents", "entries", name): one for name, one in mapping_at(agents, "entries").items()}
    models = [model for one in at.values() for model in mapping_at(one, "models").values()]
    aliases = {str(mapping_at(one).get("alias")).lower() for one in models}
    for keys, one in at.items():
        allowed = mapping_at(one, "modelPolicy").get("allow")
        for number, ref in enumerate(allowed if isinstance(allowed, list) else ()):
            if isinstance(ref, str) and not (
                ref.strip().lower() in aliases or re.fullmatch(r"[^/*]+/([^*]+|([^*]+/)?\*)", ref)
            ):
                expected = _("expected one of {values}", values="provider/model, provider/*, an alias")
                yield (*keys, "modelPolicy", "allow", str(number)), expected


def _secrets(config: Mapping[str, Any]) -> Iterator[_Found]:
    """2026.9.6 wants a reference to have the source of the entry in `secrets.providers` that it names."""
    providers = mapping_at(config, "secrets", "providers")
    below: list[tuple[Keys, Any]] = [
        ((key,), config.get(key)) for key in ("agents", "gateway", "mcp", "models")
    ]
    while providers and below:
        keys, one = below.pop()
        if isinstance(one, Mapping) and one.keys() == {"source", "provider", "id"}:
            named = mapping_at(providers, str(one["provider"]))
            if named and named.get("source") != one["source"]:
                yield (*keys, "source"), _("expected one of {values}", values=named.get("source"))
        elif isinstance(one, Mapping):
            below += [((*keys, key), value) for key, value in one.items() if key != "params"]
        elif isinstance(one, list):
            below += [((*keys, str(number)), value) for number, value in enumerate(one)]


def _agent_folders(config: Mapping[str, Any]) -> Iterator[_Found]:
    agents = mapping_at(config, "agents")
    listed = agents.get("list")
    entries = [*(listed if isinstance(listed, list) else ()), *mapping_at(agents, "entries").values()]
    folders = [one["agentDir"] for one in entries if isinstance(one, Mapping) and one.get("agentDir")]
    if len(set(map(str, folders))) < len(folders):
        yield ("agents",), _("two agents with one folder")


def _tailscale(config: Mapping[str, Any], release: str) -> Iterator[_Found]:
    gateway = mapping_at(config, "gateway")
    if mapping_at(gateway, "tailscale").get("mode") not in {"serve", "funnel"}:
        return
    bind, host = gateway.get("bind", "loopback"), gateway.get("customBindHost")
    if bind != "loopback" and not (bind == "custom" and is_loopback(f"http://{host}")):
        yield ("gateway", "bind"), _("with tailscale only loopback is possible")
    if release == _DATABASE and mapping_at(gateway, "auth").get("mode") == "none":
        yield ("gateway", "auth", "mode"), _("with tailscale a token or a password is needed")
