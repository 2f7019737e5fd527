"""The configuration is changed as OpenClaw changes it, and no more than that."""

import json

import pytest
from entries import FEBRUARY_ENTRY

from openclaw_ipython.openclaw import config_edit
from openclaw_ipython.openclaw.config_edit import catalog_patch
from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.openclaw.json5.edit import edit
from openclaw_ipython.openclaw.json5.parse import parse


def view(config) -> ConfigView:
    return ConfigView(config)


def applied(config, edits):
    return parse(edit(json.dumps(config, indent=2), edits)).value


@pytest.mark.parametrize(
    ("model", "after"),
    [
        (None, {"primary": "n/m"}),
        ("a/b", "n/m"),
        ({"primary": "a/b", "fallbacks": ["c/d"]}, {"primary": "n/m", "fallbacks": ["c/d"]}),
        ({"fallbacks": []}, {"fallbacks": [], "primary": "n/m"}),
        (["a/b"], {"primary": "n/m"}),
    ],
)
@pytest.mark.parametrize(
    ("images", "name"),
    [(False, "model"), (True, "imageModel")],
)
def test_choosing_a_model_keeps_the_form_and_lists_the_model(images, name, model, after):
    config = {"agents": {"defaults": {name: model, "models": {"a/b": {}}}}}
    defaults = applied(config, config_edit.set_default_model(view(config), "n/m", images=images))["agents"][
        "defaults"
    ]
    assert defaults[name] == after
    assert defaults["models"] == {"a/b": {}, "n/m": {}}


def test_choosing_in_an_empty_configuration_writes_what_openclaw_writes():
    assert applied({}, config_edit.set_default_model(view({}), "n/m")) == {
        "agents": {"defaults": {"model": {"primary": "n/m"}, "models": {"n/m": {}}}}
    }


def test_fallbacks_are_replaced_and_a_default_that_is_a_string_becomes_an_object():
    config = {"agents": {"defaults": {"model": "a/b", "models": {"a/b": {}}}}}
    after = applied(config, config_edit.set_fallbacks(view(config), ["c/d"]))
    assert after["agents"]["defaults"] == {
        "model": {"primary": "a/b", "fallbacks": ["c/d"]},
        "models": {"a/b": {}, "c/d": {}},
    }
    cleared = applied(after, config_edit.set_fallbacks(view(after), []))
    assert cleared["agents"]["defaults"]["model"] == {"primary": "a/b", "fallbacks": []}
    assert applied({}, config_edit.set_fallbacks(view({}), ["c/d"], images=True)) == {
        "agents": {"defaults": {"imageModel": {"fallbacks": ["c/d"]}, "models": {"c/d": {}}}}
    }


@pytest.mark.parametrize(
    ("models", "after"),
    [
        ({}, {"a/b": {"alias": "q"}}),
        ({"a/b": {"alias": "old", "params": 1}}, {"a/b": {"alias": "q", "params": 1}}),
        ({"c/d": {"alias": "Q", "params": 1}}, {"c/d": {"params": 1}, "a/b": {"alias": "q"}}),
        ({"c/d": {"alias": "q"}, "e/f": {"alias": "Q"}}, {"c/d": {}, "e/f": {}, "a/b": {"alias": "q"}}),
        ({"a/b": None}, {"a/b": {"alias": "q"}}),
        ({"a/b": {"alias": "q"}}, {"a/b": {"alias": "q"}}),
    ],
)
def test_an_alias_belongs_to_one_model_and_a_model_has_one(models, after):
    config = {"agents": {"defaults": {"models": models}}}
    changed = applied(config, config_edit.add_alias(view(config), "q", "a/b"))
    assert changed["agents"]["defaults"]["models"] == after


def test_a_removed_alias_leaves_the_model_listed():
    config = {"agents": {"defaults": {"models": {"qwen-portal/coder-model": {"alias": "Qwen"}}}}}
    changed = applied(config, config_edit.remove_alias(view(config), "qwen"))
    assert changed["agents"]["defaults"]["models"]["qwen-portal/coder-model"] == {}
    assert config_edit.remove_alias(view(config), "nobody") == []


def test_a_plugin_is_switched_beside_its_other_settings():
    config = {"plugins": {"entries": {"p": {"enabled": True, "config": {"x": 1}}}, "allow": ["p"]}}
    changed = applied(config, config_edit.set_plugin(view(config), "p", False))
    assert changed["plugins"] == {"entries": {"p": {"enabled": False, "config": {"x": 1}}}, "allow": ["p"]}
    assert applied({}, config_edit.set_plugin(view({}), "p", True)) == {
        "plugins": {"entries": {"p": {"enabled": True}}}
    }


def login(config, **more):
    options = {
        "provider_id": "qwen-portal",
        "entry": FEBRUARY_ENTRY,
        "profile_id": "qwen-portal:default",
        "mode": "oauth",
        "aliases": {"qwen": "qwen-portal/coder-model"},
        "model_refs": ["qwen-portal/coder-model", "qwen-portal/vision-model"],
        "default": "qwen-portal/coder-model",
        "plugin_id": "qwen-portal-auth",
    }
    return applied(config, config_edit.login_patch(view(config), **(options | more)))


def test_a_login_writes_what_openclaws_february_release_writes():
    assert login({}) == {
        "auth": {"profiles": {"qwen-portal:default": {"provider": "qwen-portal", "mode": "oauth"}}},
        "models": {"providers": {"qwen-portal": FEBRUARY_ENTRY}},
        "agents": {
            "defaults": {
                "model": {"primary": "qwen-portal/coder-model"},
                "models": {"qwen-portal/coder-model": {"alias": "qwen"}, "qwen-portal/vision-model": {}},
            }
        },
        "plugins": {"entries": {"qwen-portal-auth": {"enabled": True}}},
    }


def test_a_second_login_changes_nothing():
    once = login({})
    assert login(once) == once


def test_a_login_without_default_leaves_the_default_alone():
    assert "model" not in login({}, default=None)["agents"]["defaults"]


def test_a_login_keeps_the_keys_that_are_in_the_entry():
    mine = {"baseUrl": "https://mine.example/v1", "headers": {"x": "1"}, "models": [{"id": "own"}]}
    config = {"models": {"providers": {"qwen-portal": mine}, "mode": "merge"}}
    entry = login(config)["models"]["providers"]["qwen-portal"]
    assert entry == {**mine, "apiKey": "qwen-oauth", "api": "openai-completions"}
    entry = login(config, overwrite={"baseUrl"})["models"]["providers"]["qwen-portal"]
    assert entry["baseUrl"] == FEBRUARY_ENTRY["baseUrl"]


def test_a_login_fills_the_slim_entry_of_the_march_release():
    config = {
        "models": {"providers": {"qwen-portal": {"baseUrl": "https://portal.qwen.ai/v1", "models": []}}}
    }
    assert login(config)["models"]["providers"]["qwen-portal"] == FEBRUARY_ENTRY


@pytest.mark.parametrize(
    "models",
    [
        {"other/model": {"alias": "QWEN"}},
        {"qwen-portal/coder-model": {"alias": "coder"}},
    ],
)
def test_a_login_takes_no_alias_from_another_model(models):
    config = {"agents": {"defaults": {"models": models}}}
    after = login(config)["agents"]["defaults"]["models"]
    for ref, entry in models.items():
        assert after[ref] == entry
    assert "qwen" not in [entry.get("alias") for entry in after.values()]


def test_a_logout_removes_only_the_profile_from_the_list():
    config = login({})
    after = applied(config, config_edit.logout_patch(view(config), "qwen-portal:default"))
    assert after == {**config, "auth": {"profiles": {}}}
    assert config_edit.logout_patch(view({}), "qwen-portal:default") == []


@pytest.mark.parametrize(
    ("typed", "derived", "after"),
    [
        (
            "https://new",
            "https://old",
            {"providers": {"p": {"baseUrl": "https://new", "models": []}, "q": {}}},
        ),
        ("https://old", "https://old", None),
        ("${U}", "https://old", {"providers": {"q": {}}}),
        ("${U}", "https://env", None),
        (None, "https://old", None),
    ],
)
def test_the_derived_catalog_follows_the_base_url(typed, derived, after):
    catalog = {"providers": {"p": {"baseUrl": derived, "models": []}, "q": {}}}
    config = ConfigView({"models": {"providers": {"p": {"baseUrl": typed}}}}, {"U": "https://env"})
    edits = catalog_patch(view({"models": catalog}), config, "p")
    assert applied(catalog, edits) == (after or catalog)
