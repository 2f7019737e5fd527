"""The commands about models, logins, settings and the home, typed in a real kernel."""

import json
import re
import sys
from queue import Empty

import pytest

pytestmark = pytest.mark.kernel

KEY = "sk-made-up-0123456789abcdef"
MINE = {"models": {"providers": {"a.b": {"baseUrl": "https://x.example/v1", "models": []}}}}


def edit_config(notebook, **changes):
    config = notebook.config() | changes
    (notebook.state / "openclaw.json").write_text(json.dumps(config), "utf-8")


def answering(notebook, text, prompts):
    """For `during`: enter `text` when the kernel asks for something."""

    def during(_):
        try:
            message = notebook.kernel.client.get_stdin_msg(timeout=0)
        except Empty:
            return
        prompts.append((message["content"]["prompt"], message["content"]["password"]))
        notebook.kernel.client.input(text)

    return during


def printed(notebook, command):
    cell = notebook.run(command)
    assert not cell.ename, cell.traceback
    return json.loads(cell.stdout)


# -- fallbacks -------------------------------------------------------------------------------


def test_fallbacks_are_added_by_alias_written_in_full_listed_removed_and_cleared(signed_in):
    signed_in.run("%openclaw models aliases add see qwen-portal/vision-model")
    cell = signed_in.run("%openclaw models fallbacks add see")
    assert "Fallbacks: qwen-portal/vision-model" in cell.text
    assert signed_in.config()["agents"]["defaults"]["model"] == {
        "primary": "qwen-portal/coder-model",
        "fallbacks": ["qwen-portal/vision-model"],
    }
    signed_in.run("%openclaw models fallbacks add qwen-portal/vision-model")  # once is enough
    assert printed(signed_in, "%openclaw models fallbacks list --json") == {
        "fallbacks": ["qwen-portal/vision-model"]
    }
    assert signed_in.run("%openclaw models fallbacks list --plain").stdout == "qwen-portal/vision-model\n"
    assert "fallback#1" in json.dumps(printed(signed_in, "%openclaw models list --json"))
    signed_in.run("%openclaw models fallbacks remove see")
    assert printed(signed_in, "%openclaw models fallbacks list --json") == {"fallbacks": []}
    signed_in.run("%openclaw models fallbacks add see")
    signed_in.run("%openclaw models fallbacks clear")
    assert signed_in.config()["agents"]["defaults"]["model"]["fallbacks"] == []


def test_the_overview_names_the_model_for_images(signed_in):
    for chosen, eyes in (
        ("set qwen-portal/coder-model", "qwen-portal/vision-model"),  # the service's own
        ("set qwen-portal/vision-model", "qwen-portal/vision-model"),
    ):
        signed_in.run(f"%openclaw models {chosen}")
        assert re.search(rf"images +{eyes}\n", signed_in.run("%openclaw").text)


def test_image_fallbacks_are_kept_apart_and_must_read_images(signed_in):
    cell = signed_in.run("%openclaw models image-fallbacks add qwen")
    assert (cell.ename, len(cell.traceback.splitlines())) == ("UsageError", 2)
    assert "reads text only" in cell.traceback
    assert "%openclaw models image-fallbacks add qwen-portal/vision-model" in cell.traceback
    signed_in.run("%openclaw models image-fallbacks add qwen-portal/vision-model")
    assert printed(signed_in, "%openclaw models fallbacks list --json") == {"fallbacks": []}
    assert printed(signed_in, "%openclaw models status --json")["imageFallbacks"] == [
        "qwen-portal/vision-model"
    ]
    signed_in.run("%openclaw models image-fallbacks remove qwen-portal/vision-model")
    assert signed_in.config()["agents"]["defaults"]["imageModel"] == {"fallbacks": []}
    signed_in.run("%openclaw models image-fallbacks clear")


# -- keys by hand ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind"),
    [("models auth add", "api_key"), ("models auth paste-token", "token"), ("login --method token", "token")],
)
def test_a_key_is_asked_for_hidden_stored_and_in_no_output(signed_in, words, kind):
    prompts = []
    cell = signed_in.run(
        f"%openclaw {words} --provider qwen-portal", during=answering(signed_in, KEY, prompts)
    )
    assert not cell.ename, cell.traceback
    ((prompt, hidden),) = prompts
    assert "qwen-portal" in prompt
    assert hidden is True
    profile = signed_in.profiles()["qwen-portal:manual"]
    assert (profile["type"], profile["provider"]) == (kind, "qwen-portal")
    assert KEY in profile.values()
    assert "Stored as qwen-portal:manual" in cell.text
    assert "%openclaw models auth order set --provider qwen-portal qwen-portal:manual" in cell.text
    history = signed_in.run("%history")
    assert KEY not in cell.everything() + history.everything() + "".join(signed_in.kernel.traffic)


@pytest.mark.parametrize(
    "command",
    ["models auth paste-token", "login", "login modelstudio", "login --provider", "models auth login"],
)
@pytest.mark.parametrize("key", [KEY, "5f2b9c0de1a84776b3c2a1f09e8d7c6b"])
def test_a_key_typed_on_the_line_is_refused_and_not_repeated(signed_in, command, key):
    before = signed_in.files()
    cell = signed_in.run(f"%openclaw {command} {key}")
    assert (cell.ename, len(cell.traceback.splitlines())) == ("UsageError", 2)
    assert "never typed on the line" in cell.traceback
    assert key not in cell.traceback + cell.evalue
    assert signed_in.files() == before


def test_without_a_person_no_key_is_asked_for(signed_in):
    before = signed_in.files()
    cell = signed_in.run("%openclaw models auth add", attended=False)
    assert (cell.ename, len(cell.traceback.splitlines())) == ("LoginRequired", 2)
    assert "QWEN_PORTAL_API_KEY" in cell.traceback
    assert signed_in.files() == before


def test_an_empty_answer_writes_nothing(signed_in):
    before = signed_in.files()
    cell = signed_in.run("%openclaw models auth add", during=answering(signed_in, "", []))
    assert cell.ename == "UsageError"
    assert signed_in.files() == before


# -- order, list, logout ---------------------------------------------------------------------


def test_logins_are_listed_ordered_and_removed(signed_in):
    signed_in.run("%openclaw models auth paste-token", during=answering(signed_in, KEY, []))
    listed = printed(signed_in, "%openclaw models auth list --json")
    assert listed["agentId"] == "main"
    assert [(p["id"], p["type"], p["credential"], p["status"]) for p in listed["profiles"]] == [
        ("qwen-portal:default", "oauth", "oauth", "ok"),
        ("qwen-portal:manual", "token", "token", "ok"),
    ]
    assert signed_in.run("%openclaw models auth list --plain").stdout.split() == [
        "qwen-portal:default",
        "qwen-portal:manual",
    ]
    assert printed(signed_in, "%openclaw models auth order get --json")["order"] is None
    signed_in.run("%openclaw models auth order set manual default --provider qwen-portal")
    order = printed(signed_in, "%openclaw models auth order get --provider qwen-portal --json")
    assert order["order"] == ["qwen-portal:manual", "qwen-portal:default"]
    assert order["provider"] == "qwen-portal"
    cell = signed_in.run("%openclaw models auth order set nobody")
    assert (cell.ename, len(cell.traceback.splitlines())) == ("UsageError", 2)
    signed_in.run("%openclaw models auth order clear")
    assert printed(signed_in, "%openclaw models auth order get --json")["order"] is None
    assert "stays" in signed_in.run("%openclaw logout --profile manual").text
    assert list(signed_in.profiles()) == ["qwen-portal:default"]


def test_after_logout_a_question_needs_a_login(signed_in):
    signed_in.run("%qwen hi")
    cell = signed_in.run("%openclaw logout")
    assert "Signed out: qwen-portal:default" in cell.text
    assert signed_in.profiles() == {}
    assert signed_in.config()["auth"]["profiles"] == {}
    assert signed_in.run("%qwen hi").ename == "LoginRequired"
    cell = signed_in.run("%openclaw logout")
    assert (cell.ename, len(cell.traceback.splitlines()) <= 2) == ("UsageError", True)


# -- settings --------------------------------------------------------------------------------


def test_settings_are_shown_set_and_unset_by_path(signed_in):
    edit_config(signed_in, **MINE)
    url = 'models.providers."a.b".baseUrl'
    assert signed_in.run(f"%openclaw config get {url}").stdout == "https://x.example/v1\n"
    cell = signed_in.run(f"%openclaw config set {url} https://y.example/v1")
    assert f'{url} = "https://y.example/v1"' in cell.text
    assert signed_in.config()["models"]["providers"]["a.b"]["baseUrl"] == "https://y.example/v1"
    signed_in.run(
        """%openclaw config set 'models.providers["c.d"]' '{baseUrl: "https://z.example", models: []}'"""
    )
    assert signed_in.config()["models"]["providers"]["c.d"] == {"baseUrl": "https://z.example", "models": []}
    assert printed(signed_in, "%openclaw config get models.providers --json").keys() == {"a.b", "c.d"}
    signed_in.run("%openclaw config set models.providers.a.b.apiKey '${MY_KEY}'")
    assert signed_in.run("%openclaw config get models.providers.a.b.apiKey").stdout == "${MY_KEY}\n"
    signed_in.run('%openclaw config unset models.providers["c.d"]')
    assert list(signed_in.config()["models"]["providers"]) == ["a.b"]


def test_secrets_of_the_file_are_masked_and_none_is_written_from_the_line(signed_in):
    edit_config(signed_in, models={"providers": {"x": {"baseUrl": "https://x.example", "apiKey": KEY}}})
    before = signed_in.files()
    shown = signed_in.run("%openclaw config get models").stdout
    assert "sk-mad…def" in shown
    assert KEY not in shown
    cell = signed_in.run(f"%openclaw config set models.providers.x.apiKey {KEY}x")
    assert (cell.ename, len(cell.traceback.splitlines())) == ("UsageError", 2)
    assert "'${NAME}'" in cell.traceback
    assert KEY not in cell.traceback
    assert signed_in.files() == before


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("%openclaw config get agents.default", "did you mean agents.defaults"),
        ("%openclaw config unset nothing.here", "Config path not found: nothing.here"),
        ("%openclaw config set modls.mode merge", "did you mean models"),
        ("%openclaw config set a..b 1", "not the path of a setting"),
        ("%openclaw config get", "needs PATH"),
        ("%openclaw models fallbacks remove qwen-portal/vision-model", "Fallback not found"),
        ("%openclaw models fallbacks add nowhere/x", "unknown provider"),
        ("%openclaw models auth order", "needs one of: get, set, clear"),
        ("%openclaw models auth order sort", "unknown command"),
        ("%openclaw models auth order set", "needs PROFILES"),
        ("%openclaw logout --profile wrok", "no login 'wrok'"),
        ("%openclaw logout --provider nobody", "unknown provider"),
        ("%openclaw docter", "did you mean doctor"),
        ("%openclaw status", "did you mean models status, cache status, mcp status?"),
    ],
)
def test_mistakes_are_two_lines_and_change_nothing(signed_in, code, message):
    before = signed_in.files()
    cell = signed_in.run(code)
    assert cell.ename in {"UsageError", "UnknownProvider"}
    assert message in cell.traceback, cell.traceback
    assert len(cell.traceback.splitlines()) <= 2
    assert signed_in.files() == before


# -- looking around --------------------------------------------------------------------------


def test_probe_asks_with_every_login_and_a_failure_is_a_row(signed_in):
    cell = signed_in.run("%openclaw models status --probe")
    assert not cell.ename, cell.traceback
    assert "qwen-portal:default" in cell.text
    assert " ms" in cell.text
    probes = printed(signed_in, "%openclaw models status --probe --json")["auth"]["probes"]
    (row,) = probes["results"]
    assert (row["profileId"], row["status"], row["source"]) == ("qwen-portal:default", "ok", "profile")
    assert (probes["totalTargets"], row["latencyMs"] >= 0) == (1, True)
    signed_in.portal.fails_next("chat", 429, '{"error": {"code": "limit_requests", "message": "no"}}')
    cell = signed_in.run("%openclaw models status --probe")
    assert not cell.ename
    assert "rate_limit" in cell.text
    assert "RateLimited: " in cell.text


def test_scan_prints_what_is_there_and_sends_no_login(signed_in):
    requests = len(signed_in.portal.requests)
    found = printed(signed_in, "%openclaw models scan --json")["found"]
    assert [row["command"] for row in found if row["kind"] == "OpenClaw"] == ["%openclaw models status"]
    assert len(signed_in.portal.requests) == requests
    assert "%openclaw models status" in signed_in.run("%openclaw models scan").text


@pytest.mark.skipif(sys.platform == "win32", reason="about permissions")
def test_doctor_names_what_is_wrong_or_says_in_one_line_that_there_is_no_problem(signed_in):
    cell = signed_in.run("%openclaw doctor")
    assert cell.text.strip().splitlines()[0] == "No problem was found"
    assert printed(signed_in, "%openclaw doctor --json")["ok"] is True
    (signed_in.state / "openclaw.json").chmod(0o644)
    before = signed_in.files()
    report = printed(signed_in, "%openclaw doctor --json")
    (finding,) = [row for row in report["findings"] if row["severity"] != "note"]
    assert report["ok"] is False
    assert (finding["check"], finding["severity"]) == ("mode", "warning")
    signed_in.run(finding["fix"])  # a line for the shell, as it stands
    assert printed(signed_in, "%openclaw doctor --json")["ok"] is True
    assert signed_in.files() == before


def test_doctor_works_on_a_file_that_cannot_be_parsed(signed_in):
    (signed_in.state / "openclaw.json").write_text('{\n "a": oops\n}')
    cell = signed_in.run("%openclaw doctor --probe")
    assert not cell.ename
    assert "line 2" in cell.text


@pytest.mark.parametrize(
    "code",
    [
        "%openclaw models auth list",
        "%openclaw models auth order get",
        "%openclaw models fallbacks list",
        "%openclaw models image-fallbacks list",
        "%openclaw models scan",
        "%openclaw models status --probe",
        "%openclaw doctor",
        "%openclaw help models auth",
        "%openclaw help config set",
    ],
)
def test_views_are_text_and_html_with_or_without_a_login_and_leave_nothing_in_out(notebook, code):
    for _ in range(2):
        cell = notebook.run(code)
        assert not cell.ename, cell.traceback
        (bundle,) = cell.displays.values()
        assert bundle["text/plain"].strip()
        assert "text/html" in bundle
        assert not any(key.startswith("result") for key in cell.displays)
        notebook.sign_in()


def test_json_holds_no_character_that_acts_in_a_terminal(signed_in):
    aliases = {"qwen-portal/coder-model": {"alias": "a\x9b2J\u202e\x1b[0m·é"}}
    edit_config(signed_in, agents={"defaults": {"models": aliases}})
    cell = signed_in.run("%openclaw models aliases list --json")
    assert list(json.loads(cell.stdout)["aliases"]) == ["a\x9b2J\u202e\x1b[0m·é"]
    assert not {"\x9b", "\u202e", "\x1b"} & set(cell.stdout)
    assert "·é" in cell.stdout


# -- completion ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%openclaw ", ["config", "doctor", "logout", "models"]),
        ("%openclaw models ", ["fallbacks", "image-fallbacks", "scan", "auth"]),
        ("%openclaw models fallbacks ", ["list", "add", "remove", "clear"]),
        ("%openclaw models fallbacks add qwen-p", ["qwen-portal/vision-model"]),
        ("%openclaw models fallbacks remove ", ["qwen-portal/vision-model"]),
        ("%openclaw models auth ", ["login", "list", "add", "paste-token", "order"]),
        ("%openclaw models auth order ", ["get", "set", "clear"]),
        ("%openclaw models auth order set ", ["qwen-portal:default"]),
        ("%openclaw models auth order set x ", ["qwen-portal:default"]),
        ("%openclaw models auth add --provider ", ["qwen-portal"]),
        ("%openclaw logout --profile ", ["qwen-portal:default"]),
        ("%openclaw config get models.providers.qwen-portal.", ["models.providers.qwen-portal.baseUrl"]),
        ("%openclaw config set gate", ["gateway"]),
        ("%openclaw models status --", ["--probe", "--check"]),
        ("%openclaw doctor --", ["--json", "--probe"]),
    ],
)
def test_tab_completes(signed_in, typed, offered):
    signed_in.run("%openclaw models fallbacks add qwen-portal/vision-model")
    requests = len(signed_in.portal.requests)
    matches = signed_in.kernel.complete(typed)
    assert set(offered) <= set(matches), matches
    assert len(signed_in.portal.requests) == requests
