"""Stored logins by hand: a pasted key, signing out, the order they are tried in."""

import asyncio
import json

import pytest

from openclaw_ipython.errors import UsageError
from openclaw_ipython.sanitize.secrets import Secret

MINE = {"models": {"providers": {"mine": {"baseUrl": "https://mine.example/v1", "models": []}}}}
KEY = "sk-made-up-0123456789"


def run(work):
    return asyncio.run(work)


@pytest.fixture
def logins(house):
    return house.client.logins


# -- a key by hand ---------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "field"), [("api_key", "key"), ("token", "token")])
def test_a_key_for_an_entry_of_ones_own_is_stored_and_used(house, logins, kind, field):
    house.write_config(MINE)
    logins.add_key("mine", "manual", kind, Secret(KEY))
    assert house.profiles() == {"mine:manual": {"type": kind, "provider": "mine", field: KEY}}
    assert house.config() == MINE | {
        "auth": {"profiles": {"mine:manual": {"provider": "mine", "mode": kind}}}
    }
    assert house.client.accounts.credential("mine").key == Secret(KEY)


def test_a_token_for_a_known_service_sets_up_all_that_a_login_does(house, logins):
    logins.add_key("qwen-portal", "manual", "token", Secret(KEY))
    config = house.config()
    assert config["models"]["providers"]["qwen-portal"]["baseUrl"] == "https://portal.qwen.ai/v1"
    assert config["agents"]["defaults"]["model"] == {"primary": "qwen-portal/coder-model"}
    assert KEY not in house.home.config_path.read_text("utf-8")


def test_a_default_that_was_chosen_stays(house, logins):
    house.write_config(MINE | {"agents": {"defaults": {"model": "mine/x"}}})
    logins.add_key("qwen-portal", "manual", "token", Secret(KEY))
    assert house.config()["agents"]["defaults"]["model"] == "mine/x"


@pytest.mark.parametrize("key", ["", "two words", "ключ", "qwen-oauth", "QWEN_API_KEY", "a\nb"])
def test_what_is_no_key_is_refused_and_nothing_is_written(house, logins, key):
    house.write_config(MINE)
    before = house.files()
    with pytest.raises(UsageError) as caught:
        logins.add_key("mine", "manual", "api_key", Secret(key))
    assert not key or key not in str(caught.value)
    assert house.files() == before


def test_a_sign_in_is_not_replaced_by_a_key(house, logins):
    run(house.login())
    before = house.files()
    with pytest.raises(UsageError, match="another name"):
        logins.add_key("qwen-portal", "default", "api_key", Secret(KEY))
    assert house.files() == before


# -- signing out -----------------------------------------------------------------------------


def test_logout_removes_the_login_and_its_mention_and_nothing_else(house):
    run(house.login())
    before = house.config()
    forgotten = run(house.client.logout("qwen-portal"))
    assert forgotten.profile_id == "qwen-portal:default"
    assert forgotten.remaining == ()
    assert house.profiles() == {}
    before["auth"]["profiles"] = {}
    assert house.config() == before
    assert house.client.accounts.credential("qwen-portal") is None


def test_logout_says_what_would_still_be_used_and_deletes_nothing_of_others(house, logins):
    run(house.login())
    run(house.login(profile="work"))
    house.environ["QWEN_OAUTH_TOKEN"] = "t0ken-of-the-environment"
    creds = house.home.qwen_dir / "oauth_creds.json"
    creds.parent.mkdir(parents=True)
    creds.write_text("{}")
    said = "\n".join((run(house.client.logout("qwen-portal"))).remaining)
    assert "qwen-portal:work stays" in said
    assert "%openclaw logout --provider qwen-portal --profile work" in said
    assert "QWEN_OAUTH_TOKEN" in said
    assert "Qwen Code" in said
    assert "t0ken" not in said
    assert creds.read_text() == "{}"


def test_one_of_several_logins_is_named(house, logins):
    run(house.login(profile="home"))
    run(house.login(profile="work"))
    with pytest.raises(UsageError, match="several") as caught:
        run(house.client.logout("qwen-portal"))
    assert caught.value.suggestions == ("qwen-portal:home", "qwen-portal:work")
    run(house.client.logout("qwen-portal", "work"))
    assert list(house.profiles()) == ["qwen-portal:home"]
    run(house.client.logout("qwen-portal", "qwen-portal:home"))
    assert house.profiles() == {}


def test_a_name_that_is_none_gets_a_suggestion(house):
    run(house.login(profile="work"))
    with pytest.raises(UsageError, match="no login 'wrok'") as caught:
        run(house.client.logout("qwen-portal", "wrok"))
    assert "work" in caught.value.suggestions


@pytest.mark.parametrize("name", [None, "default", "qwen-cli"])
def test_logout_without_a_login_is_an_error_and_writes_nothing(house, name):
    before = house.files()
    with pytest.raises(UsageError):
        run(house.client.logout("qwen-portal", name))
    assert house.files() == before


# -- order -----------------------------------------------------------------------------------


def test_the_order_decides_who_is_used_and_can_be_forgotten(house, logins):
    run(house.login())
    run(house.login(profile="work"))
    assert logins.order("qwen-portal") == ()
    logins.set_order("qwen-portal", ["work", "qwen-portal:default"])
    assert logins.order("qwen-portal") == ("qwen-portal:work", "qwen-portal:default")
    assert house.client.accounts.credential("qwen-portal").profile.id == "qwen-portal:work"
    assert logins.clear_order("qwen-portal") == house.home.auth_profiles
    assert logins.order("qwen-portal") == ()
    assert logins.clear_order("qwen-portal") is None
    assert set(house.profiles()) == {"qwen-portal:default", "qwen-portal:work"}


def test_an_order_of_logins_that_are_not_there_is_refused(house, logins):
    run(house.login())
    with pytest.raises(UsageError, match='"wrok" not found'):
        logins.set_order("qwen-portal", ["wrok"])
    with pytest.raises(UsageError, match="is for qwen-portal, not mine"):
        logins.set_order("mine", ["qwen-portal:default"])
    assert logins.order("qwen-portal") == ()


# -- listing ---------------------------------------------------------------------------------


def test_logins_are_listed_with_their_state(house, logins, clock):
    run(house.login())
    house.write_config(house.config() | MINE)
    logins.add_key("mine", "manual", "api_key", Secret(KEY))
    rows = house.client.accounts.profiles()
    assert sorted((r.profile.id, r.profile.type, r.profile.credential, r.state) for r in rows) == [
        ("mine:manual", "api_key", "api-key", "ok"),
        ("qwen-portal:default", "oauth", "oauth", "ok"),
    ]
    assert KEY not in repr(rows)


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"cooldownUntil": 240_000}, "cooldown 4 min"),
        ({"disabledUntil": 5 * 3_600_000, "disabledReason": "billing"}, "disabled 5 h"),
        ({"cooldownUntil": -1000}, "ok"),
    ],
)
def test_a_login_that_cools_down_shows_the_time_left(house, clock, record, status):
    run(house.login())
    now = int(clock() * 1000)
    stats = {key: now + value if isinstance(value, int) else value for key, value in record.items()}
    document = json.loads(house.home.auth_profiles.read_text("utf-8"))
    house.home.auth_profiles.write_text(json.dumps(document | {"usageStats": {"qwen-portal:default": stats}}))
    assert [row.state for row in house.client.accounts.profiles()] == [status]
