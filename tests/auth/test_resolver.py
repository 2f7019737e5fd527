"""The credential resolver: the keys of the environment and the order of stored logins, by OpenClaw's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.resolver import is_live, ordered_profiles, provider_keys
from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.openclaw.profiles import StoredProfile

NOW = 1_795_000_000_000
KINDS = {"o": "oauth", "t": "token", "k": "api_key"}


def order(ids, *, chosen=(), config=None, stats=None, **options):
    """Profiles named like `o1`, `t1`, `k1` by their kind, all of the provider `p`; the order of their ids."""
    profiles = [StoredProfile(id_, KINDS[id_[0]], "p") for id_ in ids]
    profiles.append(StoredProfile("foreign", "oauth", "q"))
    found = ordered_profiles(
        profiles,
        chosen,
        ConfigView(config or {}),
        "p",
        now=NOW,
        usable=lambda profile: not profile.id.endswith("x"),
        record=lambda id_: (stats or {}).get(id_, {}),
        **options,
    )
    return [profile.id for profile in found]


def listed(**modes):
    return {"auth": {"profiles": {id_: {"provider": "p", "mode": mode} for id_, mode in modes.items()}}}


@pytest.mark.parametrize(
    ("ids", "options", "expected"),
    [
        (["k1", "t1", "o1"], {}, ["o1", "t1", "k1"]),
        (["o1", "o2"], {}, ["o1", "o2"]),
        (["o1", "o2"], {"stats": {"o1": {"lastUsed": 5}, "o2": {"lastUsed": 4}}}, ["o2", "o1"]),
        (["o1", "o2"], {"stats": {"o1": {"lastUsed": 5}}, "last_login": "o1"}, ["o1", "o2"]),
        (["k1", "o1"], {"last_login": "k1"}, ["o1", "k1"]),
        (["k1", "o1"], {"chosen": ["k1", "o1"]}, ["k1", "o1"]),
        (["k1", "o1"], {"chosen": ["k1"]}, ["k1"]),
        (["k1", "o1"], {"chosen": ["gone"]}, ["o1", "k1"]),
        (["k1", "o1"], {"chosen": ["k1", "k1", "foreign"]}, ["k1"]),
        (["k1", "o1"], {"config": {"auth": {"order": {"p": ["k1", "o1"]}}}}, ["k1", "o1"]),
        (["k1", "o1"], {"config": {"auth": {"order": {"p": ["k1"]}}}, "chosen": ["o1"]}, ["o1"]),
        (["k1", "o1"], {"config": listed(k1="api_key")}, ["k1"]),
        (["k1", "o1"], {"config": listed(gone="oauth")}, ["o1", "k1"]),
        (["k1", "o1"], {"config": listed(k1="oauth", o1="oauth")}, ["o1"]),
        (["t1"], {"config": listed(t1="oauth")}, ["t1"]),
        (["o1"], {"config": listed(o1="token")}, []),
        (["o1x", "o2"], {}, ["o2"]),
        (["o1", "k1"], {"backup": "o1"}, ["k1", "o1"]),
        (["o1", "k1"], {"backup": "o1", "config": listed(k1="api_key")}, ["k1", "o1"]),
        (["o1", "k1"], {"backup": "o1", "chosen": ["o1", "k1"]}, ["o1", "k1"]),
        ([], {}, []),
    ],
)
def test_the_order_of_logins(ids, options, expected):
    assert order(ids, **options) == expected


def test_logins_that_cool_down_come_last_soonest_first():
    stats = {
        "o1": {"cooldownUntil": NOW + 9000},
        "o2": {"disabledUntil": NOW + 5000, "cooldownUntil": NOW + 1},
        "o3": {"cooldownUntil": NOW},
    }
    assert order(["o1", "o2", "o3", "k1"], stats=stats) == ["o3", "k1", "o2", "o1"]
    assert order(["o1", "o2", "o3"], stats=stats, chosen=["o1", "o2", "o3"]) == ["o3", "o2", "o1"]


def found(environ, provider="mine", own=()):
    return [(key.name, key.value.reveal()) for key in provider_keys(provider, environ, own)]


def test_without_variables_there_are_no_keys():
    assert found({"OTHER_API_KEY": "sk-1", "MINE_API_KEY": "  "}) == []


def test_the_live_key_is_the_only_one():
    environ = {"MINE_API_KEY": "a", "OPENCLAW_LIVE_MINE_KEY": "live", "MINE_API_KEYS": "b,c"}
    assert found(environ) == [("OPENCLAW_LIVE_MINE_KEY", "live")]
    assert is_live(provider_keys("mine", environ))
    assert not is_live(provider_keys("mine", {"MINE_API_KEY": "a"}))
    assert not is_live(())


def test_the_list_comes_first_then_the_main_key_then_the_numbered_ones():
    environ = {
        "MINE_API_KEY_10": "ten",
        "MINE_API_KEY_2": "two",
        "MINE_API_KEY_1": "one",
        "MINE_API_KEY": "main",
        "MINE_API_KEYS": "first; second,\n third",
    }
    assert found(environ) == [
        ("MINE_API_KEYS #1", "first"),
        ("MINE_API_KEYS #2", "second"),
        ("MINE_API_KEYS #3", "third"),
        ("MINE_API_KEY", "main"),
        ("MINE_API_KEY_1", "one"),
        ("MINE_API_KEY_2", "two"),
        ("MINE_API_KEY_10", "ten"),
    ]


def test_a_value_counts_once_where_it_stands_first():
    environ = {"MINE_API_KEYS": "a,b,a", "MINE_API_KEY": "b", "MINE_API_KEY_1": "c", "MINE_API_KEY_2": "a"}
    assert [value for _, value in found(environ)] == ["a", "b", "c"]


def test_the_providers_own_variables_come_in_their_order():
    environ = {"QWEN_PORTAL_API_KEY": "key", "QWEN_OAUTH_TOKEN": "token", "QWEN_PORTAL_API_KEY_1": "more"}
    assert found(environ, "qwen-portal", ("QWEN_OAUTH_TOKEN", "QWEN_PORTAL_API_KEY")) == [
        ("QWEN_OAUTH_TOKEN", "token"),
        ("QWEN_PORTAL_API_KEY", "key"),
        ("QWEN_PORTAL_API_KEY_1", "more"),
    ]


@pytest.mark.parametrize(
    "value",
    ["qwen-oauth", "oauth:qwen", "secretref-managed", "OTHER_API_KEY", "a\nb", "sk\x00", "schlüssel", " \t "],
)
def test_what_is_no_key_is_never_sent(value):
    assert found({"MINE_API_KEY": value, "MINE_API_KEY_1": "good"}) == [("MINE_API_KEY_1", "good")]


def test_the_name_of_a_key_file_is_no_key():
    assert found({"MINE_API_KEY_FILE": "/run/secrets/mine"}) == []


@pytest.mark.parametrize("provider", ["my.proxy", "my-proxy", "MY_PROXY"])
def test_the_prefix_is_the_id_in_capitals(provider):
    assert found({"MY_PROXY_API_KEY": "k"}, provider) == [("MY_PROXY_API_KEY", "k")]


def test_a_key_cannot_be_printed():
    assert "sk-hidden" not in repr(provider_keys("mine", {"MINE_API_KEY": "sk-hidden"}))


names = st.sampled_from(
    ["MINE_API_KEY", "MINE_API_KEYS", "MINE_API_KEY_1", "MINE_API_KEY_x2", "MINE_API_KEY_²"]
)


@given(st.dictionaries(names, st.text(max_size=12)))
def test_any_environment_gives_each_value_once_and_only_what_a_header_can_hold(environ):
    values = [value for _, value in found(environ)]
    assert len(values) == len(set(values))
    assert all(value.isascii() and value.isprintable() and value.strip() for value in values)
