"""In a home whose credentials are in OpenClaw's database: they are used, and nothing of OpenClaw's is written."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

TABLE = (
    "CREATE TABLE config_machine_state (state_key TEXT PRIMARY KEY, value_json TEXT, updated_at_ms INTEGER)"
)


@pytest.fixture
def moved(house):
    """A home with a login, as OpenClaw leaves it once it has moved the login to its database."""
    asyncio.run(house.login())
    document = house.home.auth_profiles.read_text("utf-8")
    house.home.auth_profiles.unlink()
    house.home.sqlite_path.parent.mkdir()
    with closing(sqlite3.connect(house.home.sqlite_path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute(TABLE)
        connection.execute("INSERT INTO config_machine_state VALUES ('authProfiles.store', ?, 1)", [document])
    return house


def changed(house, before):
    after = house.files()
    return {name.removeprefix(".openclaw/") for name in after if before.get(name) != after[name]}


def test_a_question_goes_out_with_the_login_of_the_database(moved):
    before = moved.files()
    moved.portal.says("Hello")
    assert asyncio.run(moved.another().ask("hi")) == "Hello"
    assert [row.source for row in moved.another().accounts.profiles()] == ["openclaw.sqlite"]
    assert moved.files() == before


def test_a_renewed_token_is_kept_in_our_folder_and_used_from_there(moved):
    before = moved.files()
    moved.clock.now += 8 * 86400
    asyncio.run(moved.another().ask("hi"))
    assert changed(moved, before) == {"ipython/auth-profiles.json"}
    sent = moved.portal.requests[-1].bearer()
    asyncio.run(moved.another().ask("again"))
    assert moved.portal.requests[-1].bearer() == sent
    assert len([one for one in moved.portal.requests if one.path.endswith("/token")]) == 2  # sign-in, renewal


def test_a_login_and_settings_go_to_our_folder_and_win(moved):
    before = moved.files()
    client = moved.another()
    outcome = asyncio.run(moved.login(client))
    assert set(outcome.written) == {moved.home.own_profiles, moved.home.own_config}
    client.models.set_default("qwen-portal/vision-model")
    assert changed(moved, before) == {"ipython/auth-profiles.json", "ipython/openclaw.json"}
    assert str(moved.another().models.default()) == "qwen-portal/vision-model"
    assert [row.source for row in moved.another().accounts.profiles()] == ["auth-profiles.json"]


def test_a_database_that_cannot_be_read_means_no_login_and_no_damage(moved):
    moved.home.sqlite_path.write_bytes(b"garbage" * 1000)
    before = moved.files()
    client = moved.another()
    assert client.accounts.credential("qwen-portal") is None
    assert moved.files() == before
