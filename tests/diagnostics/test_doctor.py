"""The check-up: its findings, the commands that repair them, and that it never writes."""

import asyncio
import json
import time

import httpx
import pytest
from checkup import examine, faults, seen

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.providers import built_in
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.shell.commands import dispatch, find
from openclaw_ipython.shell.front_end import FrontEnd
from openclaw_ipython.shell.parser import words

PORTAL = "qwen-portal/coder-model"
KEY = "sk-made-up-0123456789"


def config_of(house, **changes):
    """The configuration after a login, with values put in by dotted path (`__` between keys)."""
    config = house.config()
    for path, value in changes.items():
        at = config
        *parents, last = path.split("__")
        for key in parents:
            at = at.setdefault(key, {})
        at[last] = value
    house.home.config_path.write_text(json.dumps(config), "utf-8")


def change_profile(house, **fields):
    document = json.loads(house.home.auth_profiles.read_text("utf-8"))
    record = document["profiles"]["qwen-portal:default"] | fields
    document["profiles"]["qwen-portal:default"] = {k: v for k, v in record.items() if v is not None}
    house.home.auth_profiles.write_text(json.dumps(document), "utf-8")


# -- fine ------------------------------------------------------------------------------------


def test_after_a_login_there_is_no_finding(signed_in):
    assert faults(signed_in) == []


CHAT = {"chatCompletions": {"enabled": True}}


@pytest.mark.parametrize(
    ("settings", "hidden"),
    [
        ({"gateway__http__endpoints": CHAT}, True),
        ({"gateway__http__endpoints": CHAT, "tools__toolSearch": False}, False),
        ({"gateway__http__endpoints": CHAT, "tools__toolSearch": {"mode": "directory"}}, False),
        ({}, False),
    ],
)
def test_functions_that_a_gateway_hides_from_its_agents_are_noted(signed_in, settings, hidden):
    config_of(signed_in, **settings)
    notes = [f for f in asyncio.run(signed_in.client.doctor.examine()) if f.check == "tool-search"]
    assert [(f.severity, f.where) for f in notes] == [("note", "tools.toolSearch")] * hidden


def test_it_never_writes(signed_in):
    config_of(
        signed_in, models__providers={"x": {"baseUrl": "http://far.example/"}}, auth__order={"a": ["b"]}
    )
    (signed_in.home.agent_dir / "auth-profiles.json.lock").write_text("{}")
    before = seen(signed_in)
    assert len(faults(signed_in)) >= 2
    assert seen(signed_in) == before


def test_an_empty_home_needs_a_model_and_nothing_else(house):
    assert [(f.severity, f.fix) for f in faults(house)] == [("error", "%openclaw login")]
    assert house.files() == {}


# -- what is found -----------------------------------------------------------------------------


def no_default(house):
    config_of(house, agents__defaults__model={})


def unknown_default(house):
    config_of(house, agents__defaults__model={"primary": "qwen-portal/lost-model"})


def default_elsewhere(house):
    config_of(
        house,
        agents__defaults__model={"primary": "far/x"},
        models__providers__far={"baseUrl": "https://far.example/v1", "models": []},
    )


def fallback_elsewhere(house):
    config_of(
        house,
        agents__defaults__model={"primary": PORTAL, "fallbacks": ["far/x"]},
        models__providers__far={"baseUrl": "https://far.example/v1", "models": []},
    )


def lost_fallback(house):
    config_of(house, agents__defaults__model={"primary": PORTAL, "fallbacks": ["nowhere/x"]})


def lost_alias(house):
    config_of(
        house, agents__defaults__models={"qwen-portal/gone": {"alias": "old"}, PORTAL: {"alias": "qwen"}}
    )


def image_model_that_cannot_see(house):
    config_of(house, agents__defaults__imageModel={"primary": PORTAL})


def plugin_off(house):
    config_of(house, plugins__entries={"qwen-portal-auth": {"enabled": False}})


def plain_http(house):
    config_of(house, models__providers__far={"baseUrl": "http://far.example/v1", "apiKey": KEY, "models": []})


def trailing_slash(house):
    config_of(
        house, models__providers__far={"baseUrl": "https://far.example/v1/", "apiKey": KEY, "models": []}
    )


def no_base_url(house):
    config_of(house, models__providers__far={"apiKey": KEY, "models": []})


def key_of_an_unset_variable(house):
    url = "https://far.example/v1"
    config_of(house, models__providers__far={"baseUrl": url, "apiKey": "${FAR_KEY}", "models": []})


def stale_catalogue(house):
    entry = {"baseUrl": "https://old.example/v1", "models": []}
    house.home.models_json.write_text(json.dumps({"providers": {"qwen-portal": entry}}))


def profile_without_entry(house):
    config_of(house, models__providers={})


def listed_but_not_stored(house):
    config_of(house, auth__profiles={"far:default": {"provider": "far", "mode": "api_key"}})


def wrong_mode(house):
    config_of(house, auth__profiles={"qwen-portal:default": {"provider": "qwen-portal", "mode": "api_key"}})


def order_of_lost_logins(house):
    document = json.loads(house.home.auth_profiles.read_text("utf-8"))
    document["order"] = {"qwen-portal": ["qwen-portal:gone"]}
    house.home.auth_profiles.write_text(json.dumps(document), "utf-8")


def expired(house):
    change_profile(house, refresh=None, expires=int((house.clock() - 1) * 1000))


def expiring(house):
    change_profile(house, refresh=None, expires=int((house.clock() + 3600) * 1000))


def expiry_in_seconds(house):
    change_profile(house, expires=int(house.clock() + 3600))


def expiry_far_away(house):
    change_profile(house, expires=int((house.clock() + 50 * 366 * 86400) * 1000))


def placeholder_as_key(house):
    change_profile(house, type="api_key", key="qwen-oauth", access=None, refresh=None, expires=None)


def placeholder_in_the_environment(house):
    house.environ["QWEN_PORTAL_API_KEY"] = "qwen-oauth"


def profile_that_cannot_be_read(house):
    change_profile(house, type="magic")


def config_that_cannot_be_parsed(house):
    house.home.config_path.write_text('{\n  "a": oops here\n}\n', "utf-8")


def logins_that_cannot_be_parsed(house):
    house.home.auth_profiles.write_text('{"profiles": ', "utf-8")


def lock_that_is_a_folder(house):
    (house.home.agent_dir / "auth-profiles.json.lock").mkdir()


def link_to_nowhere(house):
    house.home.models_json.symlink_to("nowhere.json")


def database_beside_json_logins(house):
    house.home.sqlite_path.parent.mkdir()
    house.home.sqlite_path.write_bytes(b"")


@pytest.mark.parametrize(
    ("broken", "severity", "where", "what", "fix"),
    [
        (no_default, "error", "agents.defaults.model", "no model is chosen", "%openclaw models set qwen-portal/"),
        (unknown_default, "error", "agents.defaults.model", "unknown model", "%openclaw models set qwen-portal/"),
        (default_elsewhere, "error", "far", "there is no login", "%openclaw models auth add --provider far"),
        (fallback_elsewhere, "warning", "far", "there is no login", "%openclaw models auth add --provider far"),
        (lost_fallback, "warning", "fallbacks", "nowhere/x", "%openclaw models fallbacks remove nowhere/x"),
        (lost_alias, "warning", "old", "does not exist", "%openclaw models aliases remove old"),
        (image_model_that_cannot_see, "warning", "imageModel", "text only", "models set-image qwen-portal/vision"),
        (plugin_off, "warning", "qwen-portal-auth", "disabled", "%openclaw plugins enable qwen-portal-auth"),
        (plain_http, "error", "far.baseUrl", "neither https", "baseUrl' https://far.example/v1"),
        (trailing_slash, "warning", "far.baseUrl", "slash", "baseUrl' https://far.example/v1"),
        (no_base_url, "error", "far.baseUrl", "missing", "%openclaw config set 'models.providers.far.baseUrl'"),
        (key_of_an_unset_variable, "error", "far.apiKey", "${FAR_KEY}", "models auth add --provider far"),
        (stale_catalogue, "warning", "models.json", "https://old.example/v1", "!rm "),
        (profile_without_entry, "warning", "qwen-portal:default", "models.providers.qwen-portal", "{baseUrl: "),
        (listed_but_not_stored, "warning", "far:default", "not stored", "config unset 'auth.profiles.far:default'"),
        (wrong_mode, "warning", "qwen-portal:default", "mode", "mode' oauth"),
        (order_of_lost_logins, "warning", "order of qwen-portal", "qwen-portal:gone", "auth order clear"),
        (expired, "error", "qwen-portal:default", "expired", "%openclaw login --provider qwen-portal"),
        (expiring, "warning", "qwen-portal:default", "within a day", "--force"),
        (expiry_in_seconds, "warning", "qwen-portal:default", "seconds", "%openclaw login"),
        (expiry_far_away, "warning", "qwen-portal:default", "50 years", "%openclaw login"),
        (placeholder_as_key, "error", "qwen-portal:default", "placeholder", "%openclaw logout --provider qwen-portal"),
        (placeholder_in_the_environment, "error", "QWEN_PORTAL_API_KEY", "placeholder", "del os.environ"),
        (profile_that_cannot_be_read, "error", "auth-profiles.json", "type is unknown", "correct"),
        (config_that_cannot_be_parsed, "error", "openclaw.json", "line 2", "line 2"),
        (logins_that_cannot_be_parsed, "error", "auth-profiles.json", "line 1", "line 1"),
        (lock_that_is_a_folder, "error", "auth-profiles.json.lock", "folder", "!rmdir "),
        (link_to_nowhere, "error", "models.json", "nowhere", "!rm "),
        (database_beside_json_logins, "error", "auth-profiles.json", "database", "!openclaw doctor --fix"),
    ],
)  # fmt: skip
def test_a_fault_is_found_with_the_command_that_repairs_it(signed_in, broken, severity, where, what, fix):
    try:
        broken(signed_in)
    except OSError:
        pytest.skip("links cannot be made here")
    found = faults(signed_in)
    assert any(
        f.severity == severity and where in f.where and what in f.what and fix in f.fix for f in found
    ), found
    assert all(f.fix for f in found)
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    "broken",
    [expired, lost_alias, trailing_slash, plugin_off, placeholder_in_the_environment],
)
def test_one_fault_is_one_finding(signed_in, broken):
    broken(signed_in)
    assert len(faults(signed_in)) == 1


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        (lost_alias, ("models", "aliases", "remove")),
        (plugin_off, ("plugins", "enable")),
        (lost_fallback, ("models", "fallbacks", "remove")),
        (wrong_mode, ("config", "set")),
        (listed_but_not_stored, ("config", "unset")),
        (order_of_lost_logins, ("models", "auth", "order", "clear")),
        (placeholder_as_key, ("logout",)),
        (trailing_slash, ("config", "set")),
        (image_model_that_cannot_see, ("models", "set-image")),
    ],
)
def test_the_command_of_a_finding_removes_it(signed_in, broken, path):
    """The line is parsed and run as the magic does, and the next check-up is silent about it."""

    class Session:
        client = signed_in.client
        loop_thread = LoopThread()
        front = FrontEnd("notebook", True, "a test")

    broken(signed_in)
    (finding,) = [
        f for f in faults(signed_in) if find(words(f.fix.removeprefix("%openclaw ")))[0].words == path
    ]
    dispatch(Session(), words(finding.fix.removeprefix("%openclaw ")))
    Session.loop_thread.close()
    assert finding not in faults(signed_in)


def test_a_variable_without_an_effect_is_a_note(house):
    house.environ["OPENCLAW_PROFILE"] = "work"
    notes = [f.where for f in examine(house) if f.severity == "note"]
    assert "OPENCLAW_PROFILE=work" in notes


def test_a_login_of_qwen_code_without_an_entry_is_a_note_with_the_command(house):
    house.clock.now = time.time()
    house.home.qwen_dir.mkdir()
    creds = {
        "access_token": "a", "refresh_token": "r", "token_type": "Bearer",
        "expiry_date": int((house.clock() + 3600) * 1000),
    }  # fmt: skip
    (house.home.qwen_dir / "oauth_creds.json").write_text(json.dumps(creds))
    (house.home.qwen_dir / "oauth_creds.json").chmod(0o600)
    (note,) = [f for f in examine(house) if f.check == "provider"]
    assert (note.severity, note.where) == ("note", "qwen-portal:qwen-cli")
    assert note.fix == (
        "%openclaw config set 'models.providers.qwen-portal'"
        " '{baseUrl: \"https://portal.qwen.ai/v1\", models: []}'"
    )


def test_the_worst_comes_first(signed_in):
    plain_http(signed_in)
    plugin_off(signed_in)
    signed_in.environ["OPENCLAW_PROFILE"] = "work"
    order = ["error", "warning", "note"]
    found = [order.index(f.severity) for f in examine(signed_in)]
    assert found == sorted(found)
    assert {0, 1, 2} <= set(found)


# -- the network -------------------------------------------------------------------------------


def test_requests_are_sent_with_probe_only(signed_in):
    before = len(signed_in.portal.requests)
    examine(signed_in)
    assert len(signed_in.portal.requests) == before
    assert [f for f in examine(signed_in, probe=True) if f.check == "endpoint"] == []
    asked = signed_in.portal.requests[before:]
    assert [request.path for request in asked] == ["/v1/models", "/v1/chat/completions"]
    assert ["authorization" in {k.lower() for k in request.headers} for request in asked] == [False, True]


def test_a_service_that_cannot_be_reached_is_found(signed_in):
    def down(request):
        raise httpx.ConnectError("no route")

    runtime = Runtime(signed_in.environ, signed_in.clock, signed_in.clock, signed_in.clock.sleep)
    client = Client(
        store=signed_in.store, providers=built_in(), transport=httpx.MockTransport(down), runtime=runtime
    )
    found = [f for f in asyncio.run(client.doctor.examine(probe=True)) if f.check == "endpoint"]
    assert [(f.severity, f.where) for f in found] == [("error", "http://127.0.0.1:8642/v1")]
    assert "qwen-portal cannot be reached" in found[0].what
