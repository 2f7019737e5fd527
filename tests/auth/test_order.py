"""In which order stored logins are tried."""

import pytest

from openclaw_ipython.auth.resolver import ordered_profiles
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


def test_resting_logins_come_last_and_the_soonest_of_them_first():
    stats = {
        "o1": {"cooldownUntil": NOW + 9000},
        "o2": {"disabledUntil": NOW + 5000, "cooldownUntil": NOW + 1},
        "o3": {"cooldownUntil": NOW},
    }
    assert order(["o1", "o2", "o3", "k1"], stats=stats) == ["o3", "k1", "o2", "o1"]
    assert order(["o1", "o2", "o3"], stats=stats, chosen=["o1", "o2", "o3"]) == ["o3", "o2", "o1"]
