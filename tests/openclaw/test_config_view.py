"""The configuration is read, whatever is typed in it."""

import json
from types import MappingProxyType

import pytest
from entries import FEBRUARY_ENTRY
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.openclaw.config_view import ConfigView, ModelEntry, is_marker
from openclaw_ipython.sanitize.secrets import Secret

CONFIG = {
    "models": {"providers": {"qwen-portal": FEBRUARY_ENTRY, "Mine": {"baseUrl": "${BASE}/v1"}, "broken": 5}},
    "agents": {
        "defaults": {
            "model": {"primary": "qwen-portal/coder-model", "fallbacks": ["a/b", 7, "c/d"]},
            "imageModel": "qwen-portal/vision-model",
            "models": {"qwen-portal/coder-model": {"alias": "Qwen"}, "a/b": {}, "x/y": None},
        }
    },
    "auth": {
        "order": {"qwen-portal": ["p:2", "p:1"]},
        "profiles": {"p:1": {"provider": "qwen-portal", "mode": "oauth"}, "q": {"provider": "other"}, "z": 1},
    },
    "plugins": {"entries": {"qwen-portal-auth": {"enabled": True}, "other": {"enabled": "yes"}}},
}


def view(config=None, environ=None) -> ConfigView:
    return ConfigView(CONFIG if config is None else config, environ or {})


def test_the_chosen_models_are_read():
    seen = view()
    assert seen.default_model == "qwen-portal/coder-model"
    assert seen.fallbacks == ("a/b", "c/d")
    assert seen.image_model == "qwen-portal/vision-model"
    assert seen.image_fallbacks == ()
    assert seen.aliases == {"Qwen": "qwen-portal/coder-model"}
    assert seen.listed_models == ("qwen-portal/coder-model", "a/b", "x/y")
    assert seen.models_mode == "merge"
    assert seen.provider_ids == ("qwen-portal", "Mine")
    assert seen.plugin_enabled("qwen-portal-auth") is True
    assert seen.plugin_enabled("other") is None
    assert seen.auth_order("qwen-portal") == ("p:2", "p:1")
    assert seen.configured_profiles("qwen-portal") == {"p:1": "oauth"}
    assert seen.get(("plugins", "entries", "other", "enabled")) == "yes"
    assert seen.get(("plugins", "entries", "other", "enabled", "deeper")) is None


def test_a_provider_entry_is_read():
    entry = view().provider("QWEN-Portal")
    assert entry.id == "QWEN-Portal"
    assert entry.base_url == "https://portal.qwen.ai/v1"
    assert entry.api == "openai-completions"
    assert entry.models == (ModelEntry("coder-model", "Qwen Coder", ("text",), 128000, 8192, False),)
    assert view().provider("broken") is None
    assert view().provider("nobody") is None


def test_what_an_entry_lacks_is_empty():
    config = {"models": {"providers": {"p": {"models": [{"id": "m"}, {"name": "no id"}, 5]}}}}
    assert view(config).provider("p").models == (ModelEntry("m"),)


def test_variables_are_resolved_when_read():
    environ = {"BASE": "https://one.example"}
    seen = view(environ=MappingProxyType(environ))
    assert seen.provider("mine").base_url == "https://one.example/v1"
    environ["BASE"] = "https://two.example"
    assert seen.provider("mine").base_url == "https://two.example/v1"
    assert seen.base_url("mine") == "${BASE}/v1"
    del environ["BASE"]
    assert seen.provider("mine").base_url == "${BASE}/v1"


@pytest.mark.parametrize(
    ("text", "value"),
    [("$${A}", "${A}"), ("${A}${B}", "1${B}"), ("${a}", "${a}"), ("${E}", "${E}"), ("x-${A}-y", "x-1-y")],
)
def test_references_are_upper_case_names_with_a_value(text, value):
    assert view({"k": [text]}, {"A": "1", "E": "", "a": "no"}).get(("k",)) == [value]


@pytest.mark.parametrize(
    ("typed", "key", "marker"),
    [
        ("sk-real", "sk-real", None),
        (" sk-real ", "sk-real", None),
        ("qwen-oauth", None, "qwen-oauth"),
        ("oauth:chutes", None, "oauth:chutes"),
        ("secretref-managed", None, "secretref-managed"),
        ("QWEN_PORTAL_API_KEY", "from-env", "QWEN_PORTAL_API_KEY"),
        ("OTHER_API_KEY", None, "OTHER_API_KEY"),
        ("${QWEN_PORTAL_API_KEY}", "from-env", None),
        ("${OTHER_API_KEY}", None, "${OTHER_API_KEY}"),
        ({"source": "env", "provider": "default", "id": "QWEN_PORTAL_API_KEY"}, "from-env", "QWEN_PORTAL_API_KEY"),
        ({"source": "file", "id": "/x"}, None, "secretref-managed"),
        ("", None, None),
        (5, None, None),
    ],
)  # fmt: skip
def test_a_placeholder_is_never_a_key(typed, key, marker):
    config = {"models": {"providers": {"p": {"apiKey": typed}}}}
    entry = view(config, {"QWEN_PORTAL_API_KEY": "from-env"}).provider("p")
    assert entry.api_key == (Secret(key) if key else None)
    assert entry.key_marker == marker
    assert "sk-real" not in repr(entry)


def test_markers_are_recognised_in_secrets_too():
    assert is_marker(Secret("qwen-oauth"))
    assert not is_marker(Secret("sk-real"))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw):
    """The configuration above with a value somewhere replaced by anything."""
    config = json.loads(json.dumps(CONFIG))
    holder = config
    while True:
        key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            holder[key] = draw(JUNK)
            return config
        holder = inner


@given(damaged())
def test_reading_never_fails(config):
    seen = view(config)
    for name in ("default_model", "image_model"):
        assert isinstance(getattr(seen, name), str | None)
    for name in ("fallbacks", "image_fallbacks", "listed_models", "provider_ids"):
        assert all(isinstance(item, str) for item in getattr(seen, name))
    assert all(isinstance(ref, str) for ref in seen.aliases.values())
    for key in (*seen.provider_ids, "qwen-portal"):
        seen.provider(key)
    assert isinstance(seen.plugin_enabled("qwen-portal-auth"), bool | None)
    assert isinstance(seen.says_sqlite, bool)
    seen.auth_order("qwen-portal")
    seen.configured_profiles("qwen-portal")


@pytest.mark.parametrize(
    ("config", "sqlite"),
    [
        ({}, False),
        ({"meta": {"lastTouchedVersion": "2026.2.26"}}, False),
        ({"meta": {"lastTouchedVersion": "2026.3.24"}}, False),
        ({"meta": {"lastTouchedVersion": "2026.6.5-beta.1"}}, True),
        ({"meta": {"lastTouchedVersion": "2026.9.6"}}, True),
        ({"meta": {"lastTouchedVersion": "tomorrow"}}, False),
        ({"meta": {"lastTouchedVersion": 2026}}, False),
        ({"meta": {"migrations": {}}}, True),
        ({"agents": {"entries": {}}}, True),
    ],
)
def test_a_release_that_stores_credentials_in_sqlite_is_recognised(config, sqlite):
    assert view(config).says_sqlite is sqlite
