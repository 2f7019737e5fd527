"""In a home whose credentials are in OpenClaw's database: they are used, and nothing of OpenClaw's is written."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.commands import dispatch

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


# -- what is said of a login that is in the database --------------------------------------------


def test_the_path_of_the_logins_is_a_file_that_exists(moved):
    class Session:
        client = moved.another()

    assert moved.another().accounts.store_path == moved.home.sqlite_path
    for command in (["models", "auth", "list", "--json"], ["models", "status", "--json"]):
        report = json.loads(dispatch(Session(), command).text())
        assert report.get("storePath", report.get("auth", {}).get("storePath")) == str(moved.home.sqlite_path)
    moved.home.agent_sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    moved.home.sqlite_path.rename(moved.home.agent_sqlite_path)
    assert moved.another().accounts.store_path == moved.home.agent_sqlite_path


def test_a_login_of_the_database_is_not_removed_and_no_command_is_said_to_do_it(moved):
    before = moved.files()
    with pytest.raises(UsageError, match="not kept here, so it stays") as caught:
        asyncio.run(moved.another().logout("qwen-portal"))
    assert caught.value.hint == "sign out in the program it belongs to"
    assert moved.files() == before
    assert moved.another().accounts.credential("qwen-portal") is not None


def test_after_a_logout_the_login_of_the_database_is_said_to_be_used(moved):
    asyncio.run(moved.login(moved.another()))
    removed = asyncio.run(moved.another().logout("qwen-portal"))
    assert removed.profile_id == "qwen-portal:default"
    assert removed.remaining == ("qwen-portal:default in OpenClaw's database stays, and is used",)
    assert [row.source for row in moved.another().accounts.profiles()] == ["openclaw.sqlite"]
    moved.portal.says("Hello")
    assert asyncio.run(moved.another().ask("hi")) == "Hello"


def test_another_login_that_is_kept_here_is_said_with_a_command_that_removes_it(moved):
    for name in ("default", "work"):
        asyncio.run(moved.login(moved.another(), profile=name))
    said = asyncio.run(moved.another().logout("qwen-portal", "default")).remaining
    assert said == (
        "qwen-portal:default in OpenClaw's database stays, and is used",
        "qwen-portal:work stays; %openclaw logout --provider qwen-portal --profile work removes it",
    )
    assert asyncio.run(moved.another().logout("qwen-portal", "work")).profile_id == "qwen-portal:work"
