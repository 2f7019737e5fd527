"""The rules of OpenClaw's releases: what each of them accepts in `openclaw.json`."""

import copy
import json

import pytest
from entries import FEBRUARY_ENTRY as PORTAL
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import UsageError
from openclaw_ipython.openclaw.config_rules import (
    RELEASES,
    added,
    check_change,
    keys_at,
    refusals,
    services,
    top_level,
)

FEBRUARY, MARCH, SEPTEMBER = RELEASES
SOUND = {
    "models": {"mode": "merge", "providers": {"qwen-portal": PORTAL}},
    "agents": {
        "defaults": {
            "model": {"primary": "qwen-portal/coder-model", "fallbacks": []},
            "models": {"qwen-portal/coder-model": {"alias": "qwen"}},
        }
    },
    "auth": {"profiles": {"qwen-portal:default": {"provider": "qwen-portal", "mode": "oauth"}}},
    "plugins": {"entries": {"qwen-portal-auth": {"enabled": True}}},
    "gateway": {"mode": "local", "port": 18789, "bind": "loopback", "auth": {"mode": "token", "token": "t"}},
    "meta": {"lastTouchedVersion": "2026.2.26"},
}


def with_value(path, value, config=SOUND):
    changed = copy.deepcopy(config)
    at, (*parents, last) = changed, path
    for key in parents:
        at = at.setdefault(key, {})
    at[last] = value
    return changed


def who(config):
    return {refusal.path: refusal.releases for refusal in refusals(config)}


def test_the_subset_that_all_releases_share_is_accepted():
    assert refusals(SOUND) == ()
    assert refusals({}) == ()
    assert refusals({"models": {}}) == ()


P = ("models", "providers", "qwen-portal")
D = ("agents", "defaults")
REFUSED = [
    ((*P, "baseurl"), "https://x", "unknown key"),
    ((*P, "resourceUrl"), "x", "unknown key"),
    (("models", "mode"), "foo", "merge, replace"),
    ((*P, "baseUrl"), 5, "string"),
    ((*P, "api"), "openai", "openai-completions"),
    ((*P, "models"), [{"id": "x"}], "missing"),
    ((*P, "models"), {}, "list"),
    ((*D, "model", "fallbacks"), "x", "list"),
    ((*D, "modle", "primary"), "x", "unknown key"),
    ((*D, "x_python"), 1, "unknown key"),
    ((*D, "models", "qwen-portal/coder-model", "note"), "n", "unknown key"),
    (("plugins", "entries", "qwen-portal-auth", "enabled"), "maybe", "boolean"),
    (("auth", "profiles", "qwen-portal:default", "x"), 1, "unknown key"),
    (("auth", "profiles", "qwen-portal:default", "mode"), "apikey", "api_key"),
    (("models", "providers", "other", "baseUrl"), "https://o.example/v1", "missing"),
    (("agents",), [], "object"),
    (("gateway", "port"), 0, "range"),
    (("gateway", "port"), "18789", "integer"),
    (("gateway", "auth", "mode"), "secret", "token"),
    (("providers",), {}, "unknown key"),
    (("ipython",), {"x": 1}, "unknown key"),
    (("models",), None, "object"),
]


@pytest.mark.parametrize(("path", "value", "said"), REFUSED, ids=[".".join(row[0]) for row in REFUSED])
def test_what_every_release_refuses_is_not_written(path, value, said):
    after = with_value(path, value)
    assert any(refusal.is_everywhere and said in refusal.what for refusal in refusals(after))
    with pytest.raises(UsageError, match="nothing was written"):
        check_change(SOUND, after)


@pytest.mark.parametrize(
    ("path", "value", "releases"),
    [
        (("meta", "lastTouchedAt"), "2026-03-24T00:00:00Z", (SEPTEMBER,)),
        (("mcp", "servers", "s", "command"), "x", (FEBRUARY,)),
        (("mcp", "servers", "s"), {"command": "x", "workingDirectory": "/"}, (FEBRUARY, SEPTEMBER)),
        (("models", "providers", "anthropic", "apiKey"), "${K}", (FEBRUARY, MARCH)),
        ((*P, "params"), {"top_k": 1}, (FEBRUARY, MARCH)),
        ((*P, "api"), "openai-chatgpt-responses", (FEBRUARY, MARCH)),
        ((*P, "api"), "openai-codex-responses", (SEPTEMBER,)),
        (("agents", "entries"), {"main": {}}, (FEBRUARY, MARCH)),
        (("agents", "list"), [{"id": "Main"}], (SEPTEMBER,)),
        (("agents", "list"), [{"id": "main"}], ()),
        ((*D, "thinkingDefault"), "ultra", (FEBRUARY, MARCH)),
        ((*D, "contextTokens"), 1000, ()),
        ((*D, "model"), "qwen-portal/coder-model", ()),
        (("env", "MY_NAME"), "x", (SEPTEMBER,)),
        (("env", "vars", "MY_NAME"), "x", ()),
        (("plugins", "entries", "nobody-knows", "enabled"), True, ()),
        (("channels", "telegram", "anything"), 1, ()),
        (("gateway", "tailscale", "mode"), "serve", ()),
    ],
)
def test_what_part_of_the_releases_refuses_is_written(path, value, releases):
    after = with_value(path, value)
    assert {release for one in refusals(after) for release in one.releases} == set(releases)
    check_change(SOUND, after)


LAB = {"baseUrl": "https://lab.example/v1", "models": []}
FILE = {"source": "file", "provider": "v", "id": "/K"}
STORE = {"providers": {"v": {"source": "env"}}}


@pytest.mark.parametrize(
    ("config", "path"),
    [  # as `config validate` of 2026.9.6 answers
        (
            {"agents": {"defaults": {"modelPolicy": {"allow": ["opus"]}}}},
            "agents.defaults.modelPolicy.allow.0",
        ),
        (
            {"agents": {"defaults": {"modelPolicy": {"allow": ["a/b", "*"]}}}},
            "agents.defaults.modelPolicy.allow.1",
        ),
        ({"agents": {"defaults": {"modelPolicy": {"allow": ["a/"]}}}}, "agents.defaults.modelPolicy.allow.0"),
        (
            {"agents": {"defaults": {"modelPolicy": {"allow": ["a/b*"]}}}},
            "agents.defaults.modelPolicy.allow.0",
        ),
        ({"agents": {"defaults": {"modelPolicy": {"allow": ["a/*", "a/b/*", "a/b/c"]}}}}, ""),
        (
            {
                "agents": {
                    "defaults": {"models": {"a/x": {"alias": "Opus"}}},
                    "entries": {"w": {"modelPolicy": {"allow": ["opus"]}}},
                }
            },
            "",
        ),
        ({"agents": {"defaults": {"heartbeat": {"agentId": "main"}}}}, ""),
        ({"agents": {"defaults": {"heartbeat": {"agentId": "work"}}}}, "agents.defaults.heartbeat.agentId"),
        ({"agents": {"entries": {"main": {}}, "defaults": {"systemAgent": {"agentId": "Main"}}}}, ""),
        (
            {"agents": {"entries": {"work": {}}, "defaults": {"systemAgent": {"agentId": "main"}}}},
            "agents.defaults.systemAgent.agentId",
        ),
        ({"talk": {"agentId": "work"}}, "talk.agentId"),
        ({"agents": {"list": [{"id": "main"}]}, "bindings": [{"agentId": "work"}]}, "bindings.0.agentId"),
        (
            {"secrets": STORE, "models": {"providers": {"lab": {**LAB, "apiKey": FILE}}}},
            "models.providers.lab.apiKey.source",
        ),
        ({"models": {"providers": {"lab": {**LAB, "apiKey": FILE}}}}, ""),
        (
            {"secrets": STORE, "gateway": {"auth": {"mode": "token", "token": FILE}}},
            "gateway.auth.token.source",
        ),
        ({"secrets": STORE, "models": {"providers": {"lab": {**LAB, "params": {"k": FILE}}}}}, ""),
    ],
)
def test_what_september_compares_between_sections(config, path):
    assert [one.path for one in refusals(config) if SEPTEMBER in one.releases] == ([path] if path else [])


def test_only_a_new_refusal_counts():
    broken = with_value((*D, "modle"), 1)
    check_change(broken, with_value(("models", "mode"), "replace", broken))
    assert [one.path for one in added(broken, with_value(("models", "mode"), "x", broken))] == ["models.mode"]


def test_an_entry_without_its_list_of_models_is_refused_with_a_command_that_writes_both():
    with pytest.raises(UsageError) as caught:
        check_change({}, {"models": {"providers": {"lab": {"baseUrl": "https://lab.example/v1"}}}})
    assert caught.value.hint == (
        "%openclaw config set models.providers.lab '{baseUrl: \"https://lab.example/v1\", models: []}'"
    )


@pytest.mark.parametrize(
    ("path", "near"),
    [((*P, "baseurl"), "baseUrl"), ((*D, "modle"), "model"), (("model",), "models")],
)
def test_a_misspelt_key_has_a_suggestion(path, near):
    with pytest.raises(UsageError) as caught:
        check_change(SOUND, with_value(path, {}))
    assert near in caught.value.suggestions


def test_the_names_of_settings_are_known():
    assert {"primary", "fallbacks"} <= set(keys_at(("agents", "defaults", "model")))
    assert {"baseUrl", "models", "api"} <= set(keys_at(P))
    assert keys_at(("models", "mode")) == ()
    assert {"models", "agents", "mcp", "channels", "$include"} <= top_level()
    assert {"anthropic", "openai", "google", "zai", "moonshot", "kimi-coding"} <= services()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from([
    (), ("models",), ("models", "providers"), P, (*P, "models"), (*P, "apiKey"), ("agents",), D, (*D, "model"),
    (*D, "models"), ("agents", "list"), ("agents", "entries"), ("auth",), ("auth", "profiles"), ("plugins",),
    ("gateway",), ("gateway", "tailscale"), ("mcp", "servers"), ("env",), ("secrets", "providers"), ("meta",),
])  # fmt: skip


@given(PATHS, JSON)
def test_any_value_anywhere_is_judged(path, value):
    config = with_value(path, value) if path else value
    for one in refusals(config):
        assert one.what
        assert json.dumps(str(one))
