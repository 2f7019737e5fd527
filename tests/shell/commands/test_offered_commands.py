# ruff: noqa: UP031 - the texts are full of braces
"""Every command that the check-up, `models scan` and errors offer for a home is carried out: OpenClaw accepts the file
it leaves, and what offered it is gone. What needs a person, another program or an editor is named as such here."""

import asyncio
import json
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing

import pytest
from checkup import examine, write
from homes import HEAD, HOMES

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.openclaw.config_rules import added
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.shell.commands import dispatch, find
from openclaw_ipython.shell.front_end import FrontEnd
from openclaw_ipython.shell.parser import words

# Commands that ask a person for a key or an approval: carried out with one in tests/shell/login.
SIGN_IN = {("login",), ("models", "auth", "add"), ("models", "auth", "paste-token")}
READ_ONLY = {("models", "status"), ("models", "list"), ("models", "auth", "list"), ("config", "get")}
OTHER_PROGRAMS = ("!openclaw doctor --fix", "!date")
BY_HAND = r"(correct it|move it to \S+) in openclaw\.json"
KEY = "sk-made-up-0123456789abcdef"


class Session:
    """A notebook without a person."""

    pending = None
    sign_in = None
    front = FrontEnd("notebook", False, "a test")

    def __init__(self, client):
        self.client = client
        self.loop_thread = LoopThread()

    def show(self, view):
        pass


def offers(house):
    """What says something, and the command it offers with that; the error of a question last."""
    found = [((f.check, f.where, f.what), f.fix) for f in examine(house) if f.fix]
    found += [
        ((row.kind, row.name, row.command), row.command)
        for row in asyncio.run(house.client.scan())
        if row.command
    ]
    try:
        asyncio.run(house.client.ask("hello"))
    except OpenClawError as error:
        found += [((str(error),), hint) for hint in re.findall(r"%openclaw [^;,`]+", error.hint)]
    return found


def run(house, line):
    """The error of a command; None if it does what it says."""
    session = Session(house.client)
    try:
        dispatch(session, words(line.removeprefix("%openclaw ")))
    except OpenClawError as error:
        return error
    finally:
        session.loop_thread.close()
    return None


def carried_out(house, offer):
    """Whether the command repairs by itself, and has been carried out; otherwise that it is what it is said to be."""
    line = re.split(_AND_MORE, offer.replace("https://…", "https://put.in.example/v1"))[0]
    if line.startswith(("%%qwen ", "%config ")):
        model = line.split()[-1].strip('"')
        assert house.client.models.target(house.client.models.resolve(model)).base_url
        assert house.client.accounts.credential(model.partition("/")[0]) is not None
        return False
    if line.startswith("import os; del os.environ"):
        del house.environ[re.search("'(.*)'", line)[1]]
        return True
    if line.startswith("!") and not line.startswith(OTHER_PROGRAMS):
        subprocess.run(shlex.split(line[1:]), check=True)
        return True
    if not line.startswith("%openclaw "):
        assert line.startswith(OTHER_PROGRAMS) or re.match(BY_HAND, line), line
        return False
    command = find(words(line.removeprefix("%openclaw ")))[0].words
    is_import = "--method import" in line
    error = run(house, f"{line} --yes" if is_import else line)
    if command in SIGN_IN and not is_import:
        assert str(error).startswith("no person can"), (line, error)
        return False
    assert error is None, (line, error)
    return command not in READ_ONLY


_AND_MORE = r", or set | shows the whole|^is the address right\? "


def value(house):
    return house.store.load().config.get(())


def carry_all_out(house):
    """Carry out what is offered, one after the other, until nothing repairs anything any more."""
    done = []
    for _ in range(12):
        for what, offer in offers(house):
            before = value(house)
            if not carried_out(house, offer):
                continue
            done.append(offer)
            assert [one for one in added(before, value(house)) if one.is_everywhere] == [], offer
            assert what not in dict(offers(house)), (what, offer)
            break
        else:
            return done
    raise AssertionError(done)


@pytest.mark.parametrize("name", HOMES)
def test_what_is_offered_for_a_home_found_in_the_wild_is_accepted_and_repairs_it(house, name):
    write(house, HEAD + "{ %s }\n" % HOMES[name])
    carry_all_out(house)


def qwen_code(house, name, value):
    house.home.qwen_dir.mkdir(exist_ok=True)
    (house.home.qwen_dir / name).write_text(json.dumps(value))
    (house.home.qwen_dir / name).chmod(0o600)


def login_of_qwen_code(house):
    write(house, "{}")
    expiry = int((house.clock() + 3600) * 1000)
    login = {"access_token": "a", "refresh_token": "r", "token_type": "Bearer", "expiry_date": expiry}
    qwen_code(house, "oauth_creds.json", login)


def key_of_qwen_code(house):
    write(house, "{}")
    model = {
        "id": "qwen3.5-plus",
        "baseUrl": "https://coding-intl.dashscope.aliyuncs.com/v1",
        "envKey": "MY_KEY",
    }
    qwen_code(house, "settings.json", {"env": {"MY_KEY": KEY}, "modelProviders": {"openai": [model]}})


def old_key_of_qwen_code(house):
    write(house, "{}")
    auth = {"selectedType": "openai", "apiKey": KEY, "baseUrl": "https://lab.example/v1"}
    qwen_code(house, "settings.json", {"security": {"auth": auth}, "model": {"name": "qwen3-coder"}})


def logins(house, **profiles):
    path = house.home.auth_profiles
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text(
        json.dumps({"version": 1, "profiles": {k.replace("_", ":"): v for k, v in profiles.items()}})
    )
    path.chmod(0o600)


def login_without_an_address(house):
    write(house, "{}")
    logins(house, lab_default={"type": "api_key", "provider": "lab", "key": KEY})


def login_of_a_service_of_openclaw(house):
    write(house, "{}")
    logins(house, anthropic_default={"type": "token", "provider": "anthropic", "token": KEY})


def placeholder_stored(house):
    write(house, "{}")
    logins(house, modelstudio_default={"type": "api_key", "provider": "modelstudio", "key": "qwen-oauth"})


def wrong_mode(house):
    listed = {"modelstudio:default": {"provider": "modelstudio", "mode": "token"}}
    write(house, {"auth": {"profiles": {**listed, "gone:default": {"provider": "gone", "mode": "token"}}}})
    logins(house, modelstudio_default={"type": "api_key", "provider": "modelstudio", "key": KEY})


def key_in_the_environment(house):
    write(house, "{}")
    house.environ["DASHSCOPE_API_KEY"] = KEY


def placeholder_in_the_environment(house):
    write(house, "{}")
    house.environ["DASHSCOPE_API_KEY"] = "qwen-oauth"


def open_to_all(house):
    write(house, "{}")
    house.home.config_path.chmod(0o644)


def unset_reference(house):
    entry = {"baseUrl": "https://lab.example/v1/", "apiKey": "${LAB_KEY}", "models": []}
    write(house, {"models": {"providers": {"lab": entry, "bare": {"baseUrl": "lab.example"}}}})


def misspelt(house):
    entry = {"baseurl": "https://lab.example/v1", "api": "openai", "models": []}
    defaults = {
        "modle": {},
        "model": {"primary": "lab/x", "fallbacks": ["gone/y"]},
        "models": {"gone/z": {"alias": "z"}},
    }
    write(house, {"models": {"mode": "foo", "providers": {"lab": entry}}, "agents": {"defaults": defaults}})


def unknown_default(house):
    models = {"primary": "gone/x", "fallbacks": ["lost/y", "qwen-portal/coder-model"]}
    images = {"primary": "gone/i", "fallbacks": ["lost/j"]}
    write(house, {"agents": {"defaults": {"model": models, "imageModel": images}}})
    house.environ["DASHSCOPE_API_KEY"] = KEY


def plugin_disabled(house):
    entry = {"baseUrl": "https://portal.qwen.ai/v1", "apiKey": "qwen-oauth", "models": []}
    defaults = {"model": "qwen-portal/coder-model", "imageModel": {"primary": "qwen-portal/coder-model"}}
    plugins = {"entries": {"qwen-portal-auth": {"enabled": False}}}
    write(
        house,
        {
            "models": {"providers": {"qwen-portal": entry}},
            "agents": {"defaults": defaults},
            "plugins": plugins,
        },
    )


def database_of_openclaw(house):
    """What is changed goes into a folder of its own here."""
    misspelt(house)
    house.home.sqlite_path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(house.home.sqlite_path)) as connection:
        connection.execute(
            "CREATE TABLE config_machine_state (state_key TEXT, value_json TEXT, updated_at_ms INTEGER)"
        )
    house.environ["DASHSCOPE_API_KEY"] = KEY
    assert house.store.load().storage == "sqlite"


def misplaced(house):
    write(house, {"providers": {"lab": {}}, "model": "lab/x", "mcpServers": {}})


OWN = [
    login_of_qwen_code, key_of_qwen_code, old_key_of_qwen_code, login_without_an_address,
    login_of_a_service_of_openclaw, placeholder_stored, wrong_mode, key_in_the_environment,
    placeholder_in_the_environment, open_to_all, unset_reference, misspelt, misplaced,
    unknown_default, plugin_disabled, database_of_openclaw,
]  # fmt: skip


@pytest.mark.parametrize("home_is", OWN, ids=lambda home_is: home_is.__name__)
def test_what_is_offered_for_a_broken_home_is_accepted_and_repairs_it(house, home_is):
    home_is(house)
    assert offers(house)
    carry_all_out(house)
