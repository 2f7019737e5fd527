"""The files that count are the ones OpenClaw and Qwen Code would use."""

import os
from pathlib import Path

import pytest

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.openclaw.paths import current_home, exists, locate

HOME = Path("/home/me").absolute()
CWD = Path("/somewhere/notebooks").absolute()
STATE = HOME / ".openclaw"


def located(environ=None, *, home=HOME, there=()):
    return locate(environ or {}, home, lambda path: path in there, cwd=CWD)


def test_without_any_variable_everything_is_under_the_home_folder():
    home = located()
    assert home.state_dir == STATE
    assert home.config_path == STATE / "openclaw.json"
    assert home.auth_profiles == STATE / "agents/main/agent/auth-profiles.json"
    assert home.models_json == STATE / "agents/main/agent/models.json"
    assert home.sqlite_path == STATE / "state/openclaw.sqlite"
    assert home.own_dir == STATE / "ipython"
    assert home.journal == STATE / "ipython/journal.sqlite"
    assert home.qwen_dir == HOME / ".qwen"
    assert home.user_home == HOME


@pytest.mark.parametrize(
    ("environ", "name", "path"),
    [
        ({"OPENCLAW_STATE_DIR": "/s"}, "state_dir", "/s"),
        ({"OPENCLAW_STATE_DIR": "/s"}, "config_path", "/s/openclaw.json"),
        ({"OPENCLAW_STATE_DIR": "/s"}, "agent_dir", "/s/agents/main/agent"),
        ({"OPENCLAW_STATE_DIR": "/s"}, "own_dir", "/s/ipython"),
        ({"OPENCLAW_STATE_DIR": "/s"}, "sqlite_path", "/s/state/openclaw.sqlite"),
        ({"OPENCLAW_STATE_DIR": "/s"}, "qwen_dir", HOME / ".qwen"),
        ({"OPENCLAW_STATE_DIR": " /s "}, "state_dir", "/s"),
        ({"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_HOME": "/h"}, "state_dir", "/s"),
        ({"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_HOME": "/h"}, "qwen_dir", "/h/.qwen"),
        ({"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_CONFIG_PATH": "/c.json"}, "config_path", "/c.json"),
        (
            {"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_CONFIG_PATH": "/c.json"},
            "agent_dir",
            "/s/agents/main/agent",
        ),
        ({"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_AGENT_DIR": "/a"}, "config_path", "/s/openclaw.json"),
        (
            {"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_AGENT_DIR": "/a"},
            "own_profiles",
            "/s/ipython/auth-profiles.json",
        ),
        ({"OPENCLAW_STATE_DIR": "/s", "PI_CODING_AGENT_DIR": "/p"}, "models_json", "/p/models.json"),
        ({"OPENCLAW_STATE_DIR": "~/s"}, "state_dir", HOME / "s"),
        ({"OPENCLAW_STATE_DIR": "s"}, "state_dir", CWD / "s"),
        ({"OPENCLAW_STATE_DIR": "~/s", "OPENCLAW_HOME": "/h"}, "state_dir", "/h/s"),
        ({"OPENCLAW_HOME": "/h"}, "state_dir", "/h/.openclaw"),
        ({"OPENCLAW_HOME": "/h"}, "qwen_dir", "/h/.qwen"),
        ({"OPENCLAW_HOME": "~"}, "state_dir", STATE),
        ({"OPENCLAW_HOME": "~/other"}, "state_dir", HOME / "other/.openclaw"),
        ({"OPENCLAW_HOME": "h"}, "config_path", CWD / "h/.openclaw/openclaw.json"),
        ({"OPENCLAW_HOME": "/h"}, "agent_dir", "/h/.openclaw/agents/main/agent"),
        ({"OPENCLAW_HOME": "/h", "OPENCLAW_CONFIG_PATH": "~/c.json"}, "config_path", "/h/c.json"),
        ({"OPENCLAW_HOME": "/h", "OPENCLAW_AGENT_DIR": "~/a"}, "agent_dir", "/h/a"),
        ({"OPENCLAW_HOME": "/h"}, "user_home", "/h"),
        ({"OPENCLAW_CONFIG_PATH": "/c/my.json"}, "config_path", "/c/my.json"),
        ({"OPENCLAW_CONFIG_PATH": "/c/my.json"}, "agent_dir", STATE / "agents/main/agent"),
        ({"OPENCLAW_CONFIG_PATH": "c.json"}, "config_path", CWD / "c.json"),
        ({"OPENCLAW_AGENT_DIR": "/a"}, "auth_profiles", "/a/auth-profiles.json"),
        ({"OPENCLAW_AGENT_DIR": "/a"}, "agent_sqlite_path", "/a/openclaw-agent.sqlite"),
        ({"OPENCLAW_AGENT_DIR": "/a"}, "state_dir", STATE),
        ({"OPENCLAW_AGENT_DIR": "null", "PI_CODING_AGENT_DIR": "/p"}, "agent_dir", "/p"),
        ({"PI_CODING_AGENT_DIR": "/p"}, "agent_dir", "/p"),
        ({"PI_CODING_AGENT_DIR": "/p", "OPENCLAW_AGENT_DIR": "/a"}, "agent_dir", "/a"),
        ({"OPENCLAW_PROFILE": "work"}, "state_dir", STATE),
        ({"QWEN_HOME": "~/q"}, "qwen_dir", HOME / "q"),
        ({"QWEN_HOME": "q"}, "qwen_dir", CWD / "q"),
        ({"QWEN_HOME": "~/q", "OPENCLAW_HOME": "/h"}, "qwen_dir", HOME / "q"),
    ],
)
def test_variables_move_what_they_move_in_openclaw(environ, name, path):
    assert getattr(located(environ), name) == Path(path).absolute()


@pytest.mark.parametrize("word", ["", "  ", "undefined", "null"])
@pytest.mark.parametrize(
    "name",
    [
        "OPENCLAW_HOME",
        "OPENCLAW_STATE_DIR",
        "OPENCLAW_CONFIG_PATH",
        "OPENCLAW_AGENT_DIR",
        "PI_CODING_AGENT_DIR",
        "QWEN_HOME",
    ],
)
def test_empty_words_count_as_unset(name, word):
    assert located({name: word}) == located()


@pytest.mark.parametrize(
    ("there", "state_dir"),
    [
        ([".clawdbot"], ".clawdbot"),
        ([".moldbot"], ".moldbot"),
        ([".moldbot", ".clawdbot"], ".clawdbot"),
        ([".clawdbot", ".openclaw"], ".openclaw"),
    ],
)
def test_an_older_folder_is_used_while_there_is_no_new_one(there, state_dir):
    assert located(there=[HOME / name for name in there]).state_dir == HOME / state_dir


@pytest.mark.parametrize("name", [".clawdbot", ".moldbot"])
def test_an_older_folder_is_found_in_the_replaced_home(name):
    other = Path("/h").absolute()
    assert located({"OPENCLAW_HOME": "/h"}, there=[other / name]).state_dir == other / name
    assert located({"OPENCLAW_HOME": "/h"}, there=[HOME / name]).state_dir == other / ".openclaw"


@pytest.mark.parametrize("name", [".clawdbot", ".moldbot"])
def test_an_older_folder_gives_way_to_a_named_one(name):
    assert located({"OPENCLAW_STATE_DIR": "/s"}, there=[HOME / name]).state_dir == Path("/s").absolute()


@pytest.mark.parametrize("name", ["clawdbot.json", "moldbot.json"])
def test_an_older_configuration_is_used_in_every_folder(name):
    for environ, folder in (({}, STATE), ({"OPENCLAW_STATE_DIR": "/s"}, Path("/s").absolute())):
        assert located(environ, there=[STATE, folder / name]).config_path == folder / name
    named = located({"OPENCLAW_CONFIG_PATH": "/c.json"}, there=[STATE, STATE / name])
    assert named.config_path == Path("/c.json").absolute()


@pytest.mark.parametrize("name", ["OPENCLAW_PROFILE", "OPENCLAW_AUTH_STORE_READONLY", "OPENCLAW_DEV"])
def test_variables_that_are_no_places_move_nothing(name):
    assert located({name: "work"}) == located()


def test_a_path_without_permission_does_not_exist(tmp_path):
    class Denied(type(tmp_path)):
        def stat(self, **options):
            raise PermissionError(13, "Permission denied")

    assert exists(tmp_path)
    assert not exists(tmp_path / "nothing")
    assert not exists(tmp_path / "nothing" / "in it")
    assert not exists(Denied(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="a working folder cannot be removed there")
def test_a_relative_value_without_a_working_folder_is_an_error(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert locate({"OPENCLAW_STATE_DIR": "/s"}, HOME, exists).state_dir == Path("/s")
    with pytest.raises(ConfigError, match="working folder"):
        locate({"OPENCLAW_STATE_DIR": "s"}, HOME, exists)


def test_an_older_configuration_is_used_while_there_is_no_new_one():
    old = HOME / ".clawdbot"
    assert located(there=[old, old / "clawdbot.json"]).config_path == old / "clawdbot.json"
    both = [old, old / "clawdbot.json", old / "openclaw.json"]
    assert located(there=both).config_path == old / "openclaw.json"


def test_without_a_home_the_error_names_the_variable_to_set():
    with pytest.raises(ConfigError) as caught:
        located(home=None)
    assert "OPENCLAW_STATE_DIR" in caught.value.hint


def test_without_a_home_the_state_folder_is_enough_and_nothing_beside_it_is_trusted():
    home = located({"OPENCLAW_STATE_DIR": "/tmp/state"}, home=None)
    assert home.qwen_dir == Path("/tmp/state/.qwen").absolute()


def test_a_tilde_without_a_home_is_an_error():
    with pytest.raises(ConfigError, match="home folder"):
        located({"OPENCLAW_STATE_DIR": "~/x"}, home=None)


def test_the_current_home_follows_this_process():
    expected = locate(os.environ, Path.home(), Path.exists)
    assert current_home() == expected
