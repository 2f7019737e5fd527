"""The check-up finds what OpenClaw refuses, and the command of each finding, carried out, removes it."""

import copy
import json
import re

import pytest
from checkup import examine, faults, write

from openclaw_ipython.i18n import set_language
from openclaw_ipython.openclaw.config_rules import refusals
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.shell.commands import dispatch
from openclaw_ipython.shell.front_end import FrontEnd
from openclaw_ipython.shell.parser import words

PROVIDERS, DEFAULTS = ("models", "providers"), ("agents", "defaults")
LAB = {"baseUrl": "https://lab.example/v1", "apiKey": "${LAB_KEY}", "models": []}


def run(house, line):
    """Carry out a line that begins with `%openclaw`."""

    class Session:
        client = house.client
        loop_thread = LoopThread()
        front = FrontEnd("notebook", True, "a test")

    try:
        dispatch(Session(), words(line.removeprefix("%openclaw ")))
    finally:
        Session.loop_thread.close()


def broken_by(house, path, value):
    config = copy.deepcopy(house.config())
    *parents, last = path
    at = config
    for key in parents:
        at = at.setdefault(key, {})
    at[last] = value
    house.home.config_path.write_text(json.dumps(config), "utf-8")


REFUSED = [
    ((*PROVIDERS, "qwen-portal", "baseurl"), "https://x.example"),
    ((*PROVIDERS, "qwen-portal", "resourceUrl"), "x"),
    ((*PROVIDERS, "qwen-portal", "baseUrl"), 5),
    ((*PROVIDERS, "qwen-portal", "api"), "openai"),
    ((*PROVIDERS, "qwen-portal", "apiKey"), 7),
    ((*PROVIDERS, "lab", "baseUrl"), "https://lab.example/v1"),
    ((*PROVIDERS, "lab"), {**LAB, "api": "openai-chat"}),
    ((*PROVIDERS, "lab"), {**LAB, "models": {}}),
    ((*PROVIDERS, "lab"), {"baseurl": "https://lab.example/v1", "models": []}),
    (("models", "mode"), "foo"),
    ((*DEFAULTS, "model", "fallbacks"), "x"),
    ((*DEFAULTS, "modle"), {"primary": "x"}),
    ((*DEFAULTS, "x_python"), 1),
    ((*DEFAULTS, "models", "qwen-portal/coder-model", "note"), "n"),
    (("plugins", "entries", "qwen-portal-auth", "enabled"), "maybe"),
    (("auth", "profiles", "qwen-portal:default", "x"), 1),
    (("auth", "profiles", "qwen-portal:default", "mode"), "apikey"),
    (("gateway", "port"), "18789"),
    (("ipython",), {}),
]


@pytest.mark.parametrize(("path", "value"), REFUSED, ids=[".".join(row[0]) for row in REFUSED])
def test_the_command_of_a_refusal_removes_it(signed_in, path, value):
    house = signed_in
    broken_by(house, path, value)
    count = len(refusals(house.config()))
    assert any("OpenClaw refuses the file" in f.what for f in faults(house))
    while found := [f for f in faults(house) if f.fix.startswith("%openclaw config")]:
        run(house, found[0].fix)
        assert len(refusals(house.config())) < count
        count = len(refusals(house.config()))
    assert refusals(house.config()) == ()


BY_MARCH = {"lastTouchedVersion": "2026.3.24", "lastTouchedAt": "2026-03-24T00:00:00Z"}
IN_CHINESE = [*REFUSED, (("telegram",), {}), (("meta",), BY_MARCH)]


@pytest.mark.parametrize(("path", "value"), IN_CHINESE, ids=[".".join(row[0]) for row in IN_CHINESE])
def test_a_refusal_is_told_in_the_language_of_the_reader(signed_in, request, path, value):
    broken_by(signed_in, path, value)
    request.addfinalizer(lambda: set_language("en"))
    set_language("zh_CN")
    found = [finding for finding in examine(signed_in) if finding.check == "settings"]
    assert found
    for finding in found:
        assert re.search("[\u4e00-\u9fff]", finding.what)
        assert finding.fix.startswith("%") or not finding.fix or re.search("[\u4e00-\u9fff]", finding.fix)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("providers", "models.providers"),
        ("fallbacks", "agents.defaults.model.fallbacks"),
        ("telegram", "channels"),
    ],
)
def test_a_key_in_the_wrong_place_is_said_with_the_right_place(signed_in, key, place):
    broken_by(signed_in, (key,), {"lab": LAB})
    (found,) = faults(signed_in)
    assert found.where == key
    assert place in found.what
    assert place in found.fix


def test_a_misplaced_provider_of_the_default_model_is_one_finding(house):
    entry = {**LAB, "models": [{"id": "m", "name": "m"}]}
    write(house, {"providers": {"lab": entry}, "agents": {"defaults": {"model": {"primary": "lab/m"}}}})
    errors = [f for f in examine(house) if f.severity == "error"]
    assert "models.providers" in errors[0].fix
    assert not any("models set lab/m" in f.fix for f in errors)


def test_a_wrong_api_of_the_default_model_is_repaired_by_its_own_finding(house):
    house.environ["LAB_KEY"] = "sk-made-up-0123456789"
    entry = {**LAB, "api": "openai", "models": [{"id": "m", "name": "m"}]}
    models = {"providers": {"lab": entry}}
    write(house, {"models": models, "agents": {"defaults": {"model": {"primary": "lab/m"}}}})
    (found,) = faults(house)
    assert found.fix == "%openclaw config set 'models.providers.lab.api' openai-completions"
    run(house, found.fix)
    assert faults(house) == []


def test_a_file_of_march_is_refused_by_september_with_the_cure(signed_in):
    broken_by(signed_in, ("meta",), BY_MARCH)
    (note,) = [f for f in examine(signed_in) if f.check == "settings"]
    assert note.severity == "note"
    assert "2026.9.6: meta.lastTouchedAt" in note.what
    assert "openclaw doctor --fix" in note.what
    assert faults(signed_in) == []


def test_what_the_release_of_the_home_refuses_is_an_error(signed_in):
    broken_by(signed_in, ("meta",), {"lastTouchedVersion": "2026.2.26"})
    broken_by(signed_in, ("mcp",), {"servers": {"s": {"command": "x"}}})
    (found,) = faults(signed_in)
    assert (found.where, found.fix) == ("mcp", "%openclaw config unset 'mcp'")
    assert "2026.2.26" in found.what
