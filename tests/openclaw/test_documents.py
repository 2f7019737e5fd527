"""OpenClaw's documents are read tolerantly and changed sparingly."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.openclaw import config_edit
from openclaw_ipython.openclaw.config_edit import catalog_patch
from openclaw_ipython.openclaw.config_view import ConfigView, ModelEntry, is_marker
from openclaw_ipython.openclaw.json5.edit import edit
from openclaw_ipython.openclaw.json5.parse import parse
from openclaw_ipython.openclaw.profiles import StoredProfile, profile_edits, read_profiles, removal_edits
from openclaw_ipython.sanitize.secrets import Secret

FEBRUARY_ENTRY = {
    "baseUrl": "https://portal.qwen.ai/v1",
    "apiKey": "qwen-oauth",
    "api": "openai-completions",
    "models": [
        {
            "id": "coder-model",
            "name": "Qwen Coder",
            "reasoning": False,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128000,
            "maxTokens": 8192,
        }
    ],
}
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


def applied(config, edits):
    return parse(edit(json.dumps(config, indent=2), edits)).value


# -- views ---------------------------------------------------------------------------------


def test_a_configuration_says_what_is_chosen():
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


def test_a_provider_entry_says_where_and_what():
    entry = view().provider("QWEN-Portal")
    assert entry.id == "QWEN-Portal"
    assert entry.base_url == "https://portal.qwen.ai/v1"
    assert entry.api == "openai-completions"
    assert entry.models == (ModelEntry("coder-model", "Qwen Coder", ("text",), 128000, 8192, False),)
    assert view().provider("broken") is None
    assert view().provider("nobody") is None


def test_what_an_entry_does_not_say_stays_open():
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
    assert entry.is_marker is (marker is not None)
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
def test_no_damage_makes_reading_fail(config):
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
def test_the_era_shows_in_the_configuration(config, sqlite):
    assert view(config).says_sqlite is sqlite


# -- patches -------------------------------------------------------------------------------


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


def test_fallbacks_are_replaced_and_a_plain_default_makes_room_for_them():
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
    changed = applied(CONFIG, config_edit.remove_alias(view(), "qwen"))
    assert changed["agents"]["defaults"]["models"]["qwen-portal/coder-model"] == {}
    assert config_edit.remove_alias(view(), "nobody") == []


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


def test_a_login_keeps_what_the_person_wrote_into_the_entry():
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
def test_a_login_takes_no_alias_from_anybody(models):
    config = {"agents": {"defaults": {"models": models}}}
    after = login(config)["agents"]["defaults"]["models"]
    for ref, entry in models.items():
        assert after[ref] == entry
    assert "qwen" not in [entry.get("alias") for entry in after.values()]


def test_a_logout_takes_only_the_profile_off_the_list():
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
    config = view({"models": {"providers": {"p": {"baseUrl": typed}}}}, {"U": "https://env"})
    edits = catalog_patch(view({"models": catalog}), config, "p")
    assert applied(catalog, edits) == (after or catalog)


# -- profiles ------------------------------------------------------------------------------

OAUTH = {"type": "oauth", "provider": "p", "access": "AA", "refresh": "RR", "expires": 5}


def one(record):
    return read_profiles({"version": 1, "profiles": {"p:x": record}})


def test_a_login_is_read_with_its_secrets_hidden():
    profile = one({**OAUTH, "email": "me@example.com", "resourceUrl": "u"}).profiles["p:x"]
    assert profile.access == Secret("AA")
    assert profile.refresh == Secret("RR")
    assert (profile.expires, profile.email, profile.extra) == (5, "me@example.com", {"resourceUrl": "u"})
    assert "AA" not in repr(profile)
    assert "RR" not in repr(profile)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"type": "api_key", "provider": "p", "key": "K"}, "K"),
        ({"mode": "api_key", "provider": "p", "apiKey": "K"}, "K"),
        ({"type": "api_key", "provider": "p", "apiKey": "old", "key": "K"}, "K"),
        ({"type": "token", "provider": "p", "token": "T", "expires": 7.0}, "T"),
        ({"type": "api_key", "provider": "p", "keyRef": {"source": "env", "id": "NAME"}}, "from-env"),
        ({"type": "token", "provider": "p", "tokenRef": {"source": "file", "id": "NAME"}}, None),
        (OAUTH, "AA"),
    ],
)
def test_every_kind_of_login_has_its_secret(record, expected):
    secret = one(record).profiles["p:x"].secret({"NAME": "from-env"})
    assert secret == (Secret(expected) if expected else None)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "soon"},
        {"expires": None},
        {"expires": float("inf")},
        {"expires": float("nan")},
        {"expires": True},
        {"expires": -1},
        {"expires": 10**30},
        {"access": 5},
        {"access": ["x"]},
        {"refresh": {}},
        {"provider": None},
        {"provider": ""},
        {"email": 5},
        {"type": "certificate"},
        {"type": None},
        {"type": ["oauth"]},
        {"access": "", "refresh": ""},
        {"type": "api_key"},
    ],
)
def test_a_profile_with_wrong_types_is_a_problem_and_the_others_count(change):
    document = {"profiles": {"bad": {**OAUTH, **change}, "good": OAUTH, "worse": 5}}
    seen = read_profiles(document)
    assert list(seen.profiles) == ["good"]
    assert len(seen.problems) == 2
    assert "AA" not in str(seen.problems)


@given(JUNK | st.fixed_dictionaries({"profiles": JUNK, "order": JUNK, "usageStats": JUNK}))
def test_no_credentials_file_makes_reading_fail(document):
    read_profiles(document)


FOREIGN = """\
// mine
{ version: 1,
  "profiles": {
    "other:x": {"type":"api_key",  "provider":"other", "key": "KEEP", weird: [1,2,] }, // keep
    "p:x": { "type": "oauth", "provider": "p", "access": "AA", "refresh": "RR", "expires": 5,
             "resourceUrl": "u" }
  },
  "order": { "p": ["p:x"] }, "mystery": null,
  "lastGood": { "p": "p:x", "other": "other:x" }, "usageStats": { "p:x": { "errorCount": 1 } }
}
"""


def stored(text, profile):
    return edit(text, profile_edits(parse(text).value, profile.id, profile))


def test_a_stored_profile_leaves_every_other_byte_alone():
    profile = read_profiles(parse(FOREIGN).value).profiles["p:x"]
    fresh = StoredProfile("p:x", "oauth", "p", Secret("A2"), Secret("R2"), expires=9, extra=profile.extra)
    after = stored(FOREIGN, fresh)
    expected = FOREIGN.replace('"AA"', '"A2"').replace('"RR"', '"R2"').replace('"expires": 5', '"expires": 9')
    assert after == expected


def test_a_new_kind_of_login_takes_the_old_secrets_away():
    after = stored(FOREIGN, StoredProfile("p:x", "api_key", "p", key=Secret("K")))
    assert parse(after).value["profiles"]["p:x"] == {
        "type": "api_key",
        "provider": "p",
        "resourceUrl": "u",
        "key": "K",
    }


def test_a_first_profile_makes_openclaws_document():
    profile = StoredProfile("p:x", "oauth", "p", Secret("AA"), Secret("RR"), expires=5)
    assert json.loads(stored("{}", profile)) == {"version": 1, "profiles": {"p:x": OAUTH}}


def test_a_removed_profile_takes_its_bookkeeping_along_and_no_wish_of_a_person():
    expected = parse(FOREIGN).value
    after = edit(FOREIGN, removal_edits(expected, "p:x"))
    del expected["profiles"]["p:x"], expected["lastGood"]["p"], expected["usageStats"]["p:x"]
    assert parse(after).value == expected
    assert removal_edits(parse(FOREIGN).value, "nobody") == []
