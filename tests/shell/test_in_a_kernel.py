"""The extension in a real kernel, against the practice portal: what is typed, and what the front end receives."""

import base64
import json
import re
import time

import pytest

pytestmark = pytest.mark.kernel


# -- loading ---------------------------------------------------------------------------------

STATE = """
import threading, sys
ip = get_ipython()
state = (
    sorted(n for kind in ip.magics_manager.magics.values() for n, f in kind.items() if n in ("qwen", "openclaw")),
    "OpenClaw" in ip.magics_manager.registry,
    sum(type(c).__name__ == "OpenClaw" for c in ip.configurables),
    len(ip.Completer.custom_matchers),
    [t.name for t in threading.enumerate() if t.name == "openclaw"],
    hasattr(ip, "_openclaw_ipython"),
    "_qwen" in ip.user_ns,
)
"""


def test_loading_is_silent_and_writes_nothing(notebook):
    cell = notebook.run("%reload_ext openclaw_ipython")
    assert (cell.text.strip(), cell.stderr, cell.messages) == ("", "", 0)
    assert notebook.files() == {}
    assert notebook.portal.requests == ()


def test_unloading_leaves_nothing_behind(signed_in):
    signed_in.run("%%qwen\nhi")
    signed_in.run(STATE)
    assert signed_in.value("state") == (
        ["openclaw", "openclaw", "qwen", "qwen"],
        True,
        1,
        1,
        ["openclaw"],
        True,
        True,
    )
    signed_in.run("%unload_ext openclaw_ipython")
    signed_in.run(STATE)
    assert signed_in.value("state") == ([], False, 0, 0, [], False, False)
    signed_in.run("%load_ext openclaw_ipython")


def test_reloading_twice_leaves_one_of_everything(signed_in):
    signed_in.run("%reload_ext openclaw_ipython")
    signed_in.run("%reload_ext openclaw_ipython")
    signed_in.run(STATE)
    assert signed_in.value("state") == (["openclaw", "openclaw", "qwen", "qwen"], True, 1, 1, [], True, False)
    assert "not a model" in signed_in.run("%qwen still there?").text


def test_unloading_ends_a_pending_sign_in(notebook):
    notebook.run("%openclaw login")
    notebook.run("%unload_ext openclaw_ipython")
    notebook.run(STATE)
    assert notebook.value("state[4]") == []
    assert notebook.files() == {}
    notebook.run("%load_ext openclaw_ipython")


def test_config_shows_and_sets_the_preferences(signed_in):
    listing = signed_in.run("%config OpenClaw").stdout
    for name in ("default_model", "system", "temperature", "renderer", "stream", "footer", "debug"):
        assert f"OpenClaw.{name}" in listing
    signed_in.run(
        "%config OpenClaw.system = 'be brief'\n%config OpenClaw.default_model = 'qwen-portal/vision-model'"
    )
    signed_in.run("%%qwen\nhi")
    body = signed_in.chats()[-1].json()
    assert body["model"] == "vision-model"
    assert body["messages"][0] == {"role": "system", "content": "be brief"}
    signed_in.run("%config OpenClaw.system = ''\n%config OpenClaw.default_model = ''")


# -- signing in ------------------------------------------------------------------------------


def code_in(cell) -> str:
    return re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", cell.text).group(0)


def test_login_returns_at_once_with_link_and_code_and_finishes_by_itself(notebook):
    cell = notebook.run("%openclaw login --set-default")
    code = code_in(cell)
    assert cell.seconds < 5
    assert f"{notebook.origin}/authorize?user_code={code}" in cell.text
    assert any("application/vnd.jupyter.widget-view+json" in d for d in cell.displays.values())
    assert notebook.files() == {}
    notebook.portal.approve(code)
    assert notebook.kernel.settle(lambda: "Signed in to Qwen" in notebook.last_display())
    assert notebook.profiles()["qwen-portal:default"]["type"] == "oauth"
    assert notebook.config()["agents"]["defaults"]["model"] == {"primary": "qwen-portal/coder-model"}


def test_link_and_code_are_gone_from_every_output_and_widget_once_it_is_over(notebook):
    code = code_in(notebook.run("%openclaw login"))
    notebook.portal.approve(code)
    assert notebook.kernel.settle(lambda: "Signed in" in notebook.last_display())
    notebook.run("import time; time.sleep(0.2)")
    assert code not in repr(notebook.kernel.displays)
    states = notebook.run(
        "from ipywidgets.widgets.widget import _instances\nprint([w.get_state() for w in _instances.values()])"
    ).stdout
    assert code not in states
    assert "authorize" not in states


def test_the_panel_shows_code_link_qr_and_time(notebook):
    cell = notebook.run("%openclaw login")
    code = code_in(cell)
    for _ in range(50):  # the panel is filled in by another thread, a moment after the cell is back
        shown = notebook.run(
            "from ipywidgets.widgets.widget import _instances\n"
            "print([(getattr(w, 'value', ''), getattr(w, 'description', '')) for w in _instances.values()])"
        ).stdout
        if code in shown and "min" in shown:
            break
    assert code in shown
    assert "Open the sign-in page" in shown
    assert "data:image/svg+xml" in shown
    assert "min" in shown
    assert "'Cancel'" in shown
    assert 'rel="noopener noreferrer"' in shown


def test_a_second_login_shows_the_same_code_and_starts_nothing(notebook):
    first = code_in(notebook.run("%openclaw login"))
    second = code_in(notebook.run("%openclaw login"))
    assert first == second
    assert sum(r.path.endswith("/device/code") for r in notebook.portal.requests) == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda nb, code: nb.portal.deny(code), "Denied"),
        (lambda nb, code: nb.run("get_ipython()._openclaw_ipython.session.sign_in.cancel()"), "Cancelled"),
    ],
)
def test_a_login_that_ends_without_approval_says_so_and_writes_nothing(notebook, act, message):
    code = code_in(notebook.run("%openclaw login"))
    act(notebook, code)
    assert notebook.kernel.settle(lambda: message in notebook.last_display())
    assert code not in repr(notebook.kernel.displays)
    assert notebook.files() == {}
    assert "→ %openclaw login" in notebook.last_display() or message == "Denied"


def test_a_login_nobody_confirms_expires(notebook):
    notebook.portal.expires_in(2)
    notebook.run("%openclaw login")
    assert notebook.kernel.settle(lambda: "Expired" in notebook.last_display(), 10)
    assert notebook.files() == {}


def test_a_login_with_the_portal_down_fails_in_two_lines(notebook):
    notebook.run(
        "import os; os.environ['OPENCLAW_IPYTHON_OAUTH_ORIGIN'] = 'http://127.0.0.1:9'\n%reload_ext openclaw_ipython"
    )
    cell = notebook.run("%openclaw login")
    assert cell.ename == "ServiceUnavailable"
    assert len(cell.traceback.splitlines()) == 2
    assert notebook.files() == {}


def test_a_portal_that_answers_html_fails_in_two_lines(notebook):
    notebook.portal.answers_html("device/code")
    cell = notebook.run("%openclaw login")
    assert cell.ename == "LoginUnavailable"
    assert len(cell.traceback.splitlines()) == 2
    assert "<" not in cell.traceback


def test_a_run_without_a_person_is_refused_with_the_way_out(notebook):
    cell = notebook.run("%openclaw login", attended=False)
    assert cell.ename == "LoginRequired"
    assert "QWEN_OAUTH_TOKEN" in cell.traceback
    assert "--wait" in cell.traceback
    assert notebook.portal.requests == ()


@pytest.mark.parametrize("attended", [True, False])
def test_wait_blocks_until_signed_in_even_without_a_person(notebook, attended):
    notebook.portal.approve_after(1).interval(1, enforced=0)
    cell = notebook.run("%openclaw login --wait", attended=attended)
    assert not cell.ename
    assert cell.seconds > 1
    assert cell.text.count("Signed in") == 1


def test_an_interrupt_of_a_waiting_login_cancels_it(notebook):
    fired = []

    def during(cell):
        if not fired and "authorize" in cell.text:
            fired.append(time.monotonic())
            notebook.kernel.interrupt()

    cell = notebook.run("%openclaw login --wait", during=during)
    assert cell.ename == "LoginCancelled"
    assert notebook.files() == {}
    assert not notebook.run("print(1)").ename


def test_a_browser_is_opened_only_when_asked(notebook, tmp_path):
    seen = tmp_path / "opened"
    browser = tmp_path / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {seen}\n')
    browser.chmod(0o755)
    notebook.run(f"import os; os.environ['BROWSER'] = '{browser} %s'")
    code = code_in(notebook.run("%openclaw login"))
    notebook.run("get_ipython()._openclaw_ipython.session.sign_in.cancel()")
    assert notebook.kernel.settle(lambda: "Cancelled" in notebook.last_display())
    assert not seen.exists()
    code = code_in(notebook.run("%openclaw login --open"))
    assert notebook.kernel.settle(lambda: seen.exists() and code in seen.read_text())


def test_a_browser_that_cannot_be_opened_is_harmless(notebook):
    notebook.run("import os; os.environ['BROWSER'] = '/there/is/no/browser %s'")
    cell = notebook.run("%openclaw login --open")
    assert not cell.ename, cell.traceback
    notebook.portal.approve(code_in(cell))
    assert notebook.kernel.settle(lambda: "Signed in to Qwen" in notebook.last_display())
    notebook.run("del os.environ['BROWSER']")


def test_a_valid_login_is_not_replaced_without_force(signed_in):
    before = signed_in.profiles()
    cell = signed_in.run("%openclaw login")
    assert "Already signed in" in cell.text
    assert signed_in.profiles() == before
    signed_in.portal.approve_after(0)
    signed_in.run("%openclaw login --force --wait")
    assert signed_in.profiles() != before


def test_a_question_waits_for_the_pending_sign_in(notebook):
    code = code_in(notebook.run("%openclaw login"))
    asked = time.monotonic()

    def during(cell):
        if time.monotonic() - asked > 1 and code:
            try:
                notebook.portal.approve(code)
            except LookupError:
                pass

    cell = notebook.run("%%qwen\nhi", during=during)
    assert not cell.ename
    assert "not a model" in cell.text


def test_a_question_ends_when_the_pending_sign_in_is_denied(notebook):
    code = code_in(notebook.run("%openclaw login"))
    notebook.portal.deny(code)
    cell = notebook.run("%%qwen\nhi")
    assert cell.ename == "LoginRequired"
    assert len(cell.traceback.splitlines()) == 2


def test_the_long_form_of_login_works_and_respects_a_disabled_plugin(notebook):
    notebook.portal.approve_after(0)
    notebook.run("%openclaw plugins disable qwen-portal-auth")
    cell = notebook.run("%openclaw models auth login --provider qwen-portal --set-default --wait")
    assert cell.ename == "UsageError"
    assert "%openclaw plugins enable qwen-portal-auth" in cell.traceback
    notebook.run("%openclaw plugins enable qwen-portal-auth")
    assert not notebook.run("%openclaw models auth login --provider qwen-portal --set-default --wait").ename
    assert "enabled" in notebook.run("%openclaw plugins list").text


def test_the_short_login_enables_a_disabled_plugin(notebook):
    notebook.portal.approve_after(0)
    notebook.run("%openclaw plugins disable qwen-portal-auth")
    notebook.run("%openclaw login --wait")
    assert notebook.config()["plugins"]["entries"]["qwen-portal-auth"] == {"enabled": True}


# -- asking ----------------------------------------------------------------------------------


def test_an_answer_is_markdown_with_its_text_and_a_footer(signed_in):
    signed_in.portal.says("Hello **you**")
    cell = signed_in.run("%%qwen\nhi")
    bundles = list(cell.displays.values())
    assert bundles[0]["text/markdown"].strip() == "Hello **you**"
    assert bundles[0]["text/plain"] == "Hello **you**"
    assert "qwen-portal/coder-model" in bundles[-1]["text/plain"]
    assert "tokens" in bundles[-1]["text/plain"]
    assert cell.displays.keys() & {"result-0"} == set()


def test_the_reply_is_a_string_in_qwen_and_in_the_name_given(signed_in):
    signed_in.portal.says("forty-", "two")
    signed_in.run("%%qwen -o answer\nhi")
    assert signed_in.value("(str(_qwen), answer == _qwen, isinstance(answer, str))") == (
        "forty-two",
        True,
        True,
    )
    assert signed_in.value("(answer.finish_reason, answer.model)") == ("stop", "qwen-portal/coder-model")


def test_options_reach_the_service(signed_in):
    signed_in.run(
        "%%qwen qwen-portal/vision-model -s 'be brief' -t 0.3 --top-p 0.9 --max-tokens 77 --no-stream\nhi {x} {"
    )
    body = signed_in.chats()[-1].json()
    assert body["model"] == "vision-model"
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["stream"]) == (0.3, 0.9, 77, False)
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi {x} {"},
    ]


STREAM_ONLY = "This model only support stream mode, please enable the stream parameter to access the model."


@pytest.mark.parametrize(
    ("options", "status", "message", "sent", "note"),
    [
        (
            "",
            422,
            "Unknown parameter: 'stream_options'.",
            {"stream": True},
            "asked again without stream_options",
        ),
        (
            "--max-tokens 50",
            400,
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            {"stream": True, "max_completion_tokens": 50},
            "asked again with max_completion_tokens",
        ),
        ("--no-stream", 400, STREAM_ONLY, {"stream": True}, "streamed, since the service only answers so"),
    ],
)
def test_a_refused_part_is_taken_back_and_noted_once(signed_in, options, status, message, sent, note):
    signed_in.portal.fails_next(
        "chat", status, {"error": {"message": message, "code": "unsupported_parameter"}}
    )
    for expected in (note, None):
        signed_in.kernel.displays.clear()
        signed_in.portal.says("forty-", "two")
        assert not signed_in.run(f"%%qwen {options}\nhi").ename
        shown = "".join(d.get("text/plain", "") for d in signed_in.kernel.displays.values())
        assert "forty-two" in shown
        assert ("asked again" in shown or "streamed" in shown) is (expected is not None)
        assert (expected or "") in shown
    bodies = [request.json() for request in signed_in.chats()]
    assert len(bodies) == 3
    fields = {"stream", "max_tokens", "max_completion_tokens"}
    assert [{k: v for k, v in b.items() if k in fields} for b in bodies[1:]] == [sent, sent]


@pytest.mark.parametrize("how", ["%%qwen -m qwen\nhi", "%%qwen QWEN\nhi", "%qwen -m=coder-model hi"])
def test_a_model_is_named_by_alias_or_ref(signed_in, how):
    signed_in.run("%openclaw models set qwen-portal/vision-model")
    assert not signed_in.run(how).ename
    assert signed_in.chats()[-1].json()["model"] == "coder-model"


def test_a_line_is_sent_as_typed_and_nothing_on_it_is_evaluated(signed_in):
    signed_in.run("secret_value = 'do-not-send'")
    signed_in.run("%qwen what's $secret_value and {1+1} and {secret_value.upper()}?")
    sent = signed_in.chats()[-1].json()["messages"][-1]["content"]
    assert sent == "what's $secret_value and {1+1} and {secret_value.upper()}?"


@pytest.mark.parametrize("how", ["%qwen", "%%qwen\n", "%%qwen\n   \n"])
def test_an_empty_prompt_is_answered_by_one_line_of_help(signed_in, how):
    cell = signed_in.run(how)
    assert not cell.ename
    assert "prompt is empty" in cell.text
    assert signed_in.chats() == []


@pytest.mark.parametrize(
    ("code", "ename", "message"),
    [
        ("%%qwen qwen-portal/vison-model\nhi", "UnknownModel", "qwen-portal/vision-model"),
        ("%%qwen -m qwen-protal/coder-model\nhi", "UnknownProvider", "qwen-portal"),
        ("%%qwen --modle x\nhi", "UsageError", "--model"),
        ("%%qwen -t hot\nhi", "UsageError", "a number"),
        ("%%qwen 'open\nhi", "UsageError", "quote"),
        ("%openclaw modles list", "UsageError", "models"),
        ("%openclaw models sett x", "UsageError", "models set"),
        ("%openclaw models", "UsageError", "status"),
        ("%openclaw models set", "UsageError", "MODEL"),
        ("%openclaw models set coder-modl", "UnknownModel", "coder-model"),
        ("%openclaw models set-image qwen-portal/coder-model", "UsageError", "text only"),
        ("%openclaw login --provider qwen-portl", "UsageError", "qwen-portal"),
        ("%openclaw plugins enable nonsense", "UsageError", "qwen-portal-auth"),
        ("%openclaw models aliases remove nobody", "UsageError", "Alias not found"),
        ("%openclaw models list --provider nope", "UsageError", "unknown provider"),
        ("%openclaw help nonsense", "UsageError", "unknown command"),
    ],
)
def test_mistakes_are_short_errors_with_a_suggestion_and_change_nothing(signed_in, code, ename, message):
    before = signed_in.files()
    cell = signed_in.run(code)
    assert cell.status == "error"
    assert cell.ename == ename
    assert message in cell.traceback
    assert len(cell.traceback.splitlines()) <= 2
    assert signed_in.files() == before
    assert not signed_in.run("print('next')").ename


def test_asking_without_a_login_says_what_to_do_and_the_error_can_be_caught(notebook):
    cell = notebook.run("%%qwen\nhi")
    assert cell.ename == "LoginRequired"
    assert cell.traceback.splitlines()[-1] == "→ %openclaw login"
    notebook.run(
        "import openclaw_ipython as oc\ntry:\n    get_ipython().run_cell_magic('qwen', '', 'hi')\n"
        "except oc.AuthError as e:\n    caught = type(e).__name__, e.hint"
    )
    assert notebook.value("caught") == ("LoginRequired", "%openclaw login")


@pytest.mark.parametrize(
    ("script", "ename"),
    [
        (
            lambda p: p.fails_next(
                "chat",
                429,
                json.dumps(
                    {"error": {"code": "insufficient_quota", "message": "Free allocated quota exceeded."}}
                ),
            ),
            "QuotaExceeded",
        ),
        (lambda p: p.answers_html("chat"), "ProtocolError"),
        (lambda p: p.retired(), "LoginRequired"),
        (
            lambda p: p.fails_next(
                "chat", 400, '{"error": {"code": "data_inspection_failed", "message": "no"}}'
            ),
            "RequestRejected",
        ),
    ],
)
def test_a_refusal_of_the_service_is_two_lines(signed_in, script, ename):
    script(signed_in.portal)
    cell = signed_in.run("%%qwen\nhi")
    assert cell.ename == ename
    assert len(cell.traceback.splitlines()) <= 2
    assert "<html" not in cell.everything()
    assert not signed_in.run("%%qwen\nagain").ename or ename == "LoginRequired"


def test_a_service_that_is_down_is_two_lines(signed_in):
    signed_in.run(
        "from openclaw_ipython.openclaw.json5.parse import Edit\n"
        "store = get_ipython()._openclaw_ipython.session.client._store\n"
        "path = ('models', 'providers', 'qwen-portal', 'baseUrl')\n"
        "_ = store.edit_config(lambda view: [Edit(path, 'http://127.0.0.1:9/v1')])"
    )
    cell = signed_in.run("%%qwen\nhi")
    assert cell.ename == "ServiceUnavailable"
    assert len(cell.traceback.splitlines()) == 2
    assert cell.text.strip() == ""


def test_a_stream_that_breaks_keeps_its_text_marked_and_fails_the_cell(signed_in):
    signed_in.portal.says("one ", "two ", "three").breaks_after(2)
    cell = signed_in.run("%%qwen -o got\nhi")
    assert cell.ename == "StreamBroken"
    assert "one two" in cell.text
    assert "ended early" in cell.text
    assert signed_in.value("(str(got), got.finish_reason)") == ("one two ", "ended early")


def test_an_interrupt_keeps_the_text_closes_the_connection_and_is_one_short_line(signed_in):
    signed_in.portal.says("one ", "two ").stalls_after(2)
    fired = []

    def during(cell):
        if not fired and "two" in cell.text:
            fired.append(cell)
            signed_in.kernel.interrupt()

    cell = signed_in.run("%%qwen\nhi", during=during)
    assert cell.status == "error"
    assert cell.ename == "KeyboardInterrupt"
    assert len(cell.traceback) <= 200
    assert "one two" in cell.text
    assert "interrupted" in cell.text
    assert signed_in.portal.wait_for_disconnect()
    assert signed_in.value("(str(_qwen), _qwen.finish_reason)") == ("one two ", "interrupted")
    assert "not a model" in signed_in.run("%%qwen\nagain").text


def test_an_interrupt_while_nothing_has_come_is_as_short(signed_in):
    signed_in.portal.takes(30)
    started = time.monotonic()
    fired = []

    def during(cell):
        if not fired and time.monotonic() - started > 0.5:
            fired.append(1)
            signed_in.kernel.interrupt()

    cell = signed_in.run("%%qwen\nhi", during=during)
    assert cell.ename == "KeyboardInterrupt"
    assert cell.seconds < 5
    assert len(cell.traceback) <= 200


HOSTILE = [
    "<script>window.x=1</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "`<b>`",
    "![](https://evil.example/p.png)", "```html\n<script>alert(1)</script>\n```",
    "$\\href{javascript:alert(1)}{x}$", "<details ontoggle=alert(1) open>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_a_model_writes_reaches_the_front_end_as_live_markup(signed_in, text):
    signed_in.portal.says(*text)
    cell = signed_in.run("%%qwen\nhi")
    live = cell.markdown + "".join(d.get("text/html", "") for d in cell.displays.values())
    live = re.sub(r"(?ms)^```.*?^```", "", live)  # code in a fence is text for every reader
    assert "<script" not in live
    assert "<img" not in live
    assert "<details ontoggle" not in live
    assert not re.search(r"\]\(\s*javascript:", live)
    assert "![" not in live
    assert "\\href" not in re.sub(r"<code.*?</code>", "", live)
    assert signed_in.value("str(_qwen)") == text


def test_server_errors_are_shown_without_markup_or_control_characters(signed_in):
    message = "<script>alert(1)</script>\x1b[31mred"
    signed_in.portal.fails_next("chat", 400, json.dumps({"error": {"code": "bad", "message": message}}))
    cell = signed_in.run("%%qwen\nhi")
    assert cell.ename == "RequestRejected"
    assert "\x1b" not in cell.evalue.replace("\x1b[0m", "") or "\x1b" not in cell.traceback


def test_five_thousand_pieces_are_a_few_messages(signed_in):
    signed_in.portal.floods(5000)
    cell = signed_in.run("%%qwen\nhi")
    assert signed_in.value("len(_qwen)") == 25_000
    assert cell.messages <= 12
    assert cell.size <= 4 * 25_000


def test_a_key_set_in_a_cell_is_seen_by_the_next_one(notebook):
    notebook.portal.accepts_key("sk-set-in-a-cell-0001")
    assert notebook.run("%%qwen\nhi").ename == "LoginRequired"
    path = notebook.state / "openclaw.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "baseUrl": f"{notebook.origin}/v1",
        "api": "openai-completions",
        "models": [{"id": "coder-model"}],
    }
    path.write_text(json.dumps({"models": {"providers": {"mine": {**entry, "apiKey": "${MINE_KEY}"}}}}))
    assert notebook.run("%%qwen mine/coder-model\nhi").ename == "LoginRequired"
    notebook.run("import os; os.environ['MINE_KEY'] = 'sk-set-in-a-cell-0001'")
    assert "not a model" in notebook.run("%%qwen mine/coder-model\nhi").text
    notebook.run("del os.environ['MINE_KEY']")


def test_the_model_for_a_question_can_be_chosen_and_is_kept(signed_in):
    signed_in.run("%openclaw models set qwen-portal/vision-model")
    signed_in.run("%reload_ext openclaw_ipython")
    signed_in.run("%%qwen\nhi")
    assert signed_in.chats()[-1].json()["model"] == "vision-model"
    assert signed_in.config()["agents"]["defaults"]["model"]["primary"] == "qwen-portal/vision-model"


def test_an_image_sent_by_the_client_arrives(signed_in):
    png = base64.b64encode(
        base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        )
    ).decode()
    cell = signed_in.run(
        "import openclaw_ipython as oc\n"
        "async with oc.Client() as client:\n"
        "    parts = [{'type': 'text', 'text': 'what is it?'},\n"
        f"             {{'type': 'image_url', 'image_url': {{'url': 'data:image/png;base64,{png}'}}}}]\n"
        "    seen = await client.ask([oc.Message('user', parts)], model='qwen-portal/vision-model')\n"
        "print(seen)"
    )
    assert "PNG" in cell.stdout
    assert "1" in cell.stdout


# -- looking at the state ---------------------------------------------------------------------


def test_status_prints_json_with_openclaws_names(signed_in):
    status = json.loads(signed_in.run("%openclaw models status --json").stdout)
    assert status["resolvedDefault"] == "qwen-portal/coder-model"
    assert status["aliases"] == {"qwen": "qwen-portal/coder-model"}
    assert status["auth"]["missingProvidersInUse"] == []
    profile = status["auth"]["oauth"]["profiles"][0]
    assert (profile["profileId"], profile["type"], profile["status"]) == (
        "qwen-portal:default",
        "oauth",
        "ok",
    )
    assert profile["remainingMs"] > 0
    assert signed_in.run("%openclaw models status --plain").stdout.strip() == "qwen-portal/coder-model"


def test_list_prints_json_with_openclaws_names(signed_in):
    models = json.loads(signed_in.run("%openclaw models list --json").stdout)["models"]
    assert [m["key"] for m in models] == ["qwen-portal/coder-model", "qwen-portal/vision-model"]
    assert models[1]["input"] == "text+image"
    assert models[0]["tags"] == ["default", "configured", "alias:qwen"]
    assert models[0]["available"] is True
    assert signed_in.run("%openclaw models list --plain").stdout.split() == [m["key"] for m in models]


def test_check_fails_the_cell_only_when_a_login_is_missing(notebook):
    assert notebook.run("%openclaw models status --check").ename == "LoginRequired"
    notebook.sign_in()
    assert not notebook.run("%openclaw models status --check").ename
    (notebook.state / "agents" / "main" / "agent" / "auth-profiles.json").unlink()
    cell = notebook.run("%openclaw models status --check")
    assert cell.ename == "CheckFailed"


def test_aliases_are_added_listed_and_removed(signed_in):
    signed_in.run("%openclaw models aliases add see qwen-portal/vision-model")
    assert (
        json.loads(signed_in.run("%openclaw models aliases list --json").stdout)["aliases"]["see"]
        == "qwen-portal/vision-model"
    )
    signed_in.run("%%qwen see\nhi")
    assert signed_in.chats()[-1].json()["model"] == "vision-model"
    signed_in.run("%openclaw models aliases remove see")
    assert signed_in.run("%%qwen see\nhi").ename == "UnknownModel"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("%openclaw", "qwen-portal:default"),
        ("%openclaw help", "%openclaw models set"),
        ("%openclaw help models", "%openclaw models aliases list"),
        ("%openclaw help login", "--set-default"),
        ("%openclaw help models set", "MODEL"),
        ("%openclaw help budget", "%openclaw budget set"),
        ("%openclaw version", "ipykernel"),
        ("%openclaw models status", "default model"),
        ("%openclaw models list --all", "vision-model"),
        ("%openclaw plugins list", "qwen-portal-auth"),
        ("%openclaw models aliases list", "qwen"),
    ],
)
def test_views_are_text_and_html_and_leave_nothing_in_out(signed_in, code, message):
    cell = signed_in.run(code)
    (bundle,) = cell.displays.values()
    assert message in bundle["text/plain"]
    assert "text/html" in bundle
    assert not any(key.startswith("result") for key in cell.displays)


@pytest.mark.parametrize(
    "code",
    [
        "%openclaw",
        "%openclaw models status",
        "%openclaw models list",
        "%openclaw plugins list",
        "%openclaw help",
    ],
)
def test_views_work_before_anybody_signed_in(notebook, code):
    cell = notebook.run(code)
    assert not cell.ename, cell.traceback
    assert cell.displays


def test_a_config_that_cannot_be_parsed_is_reported_with_its_line(notebook):
    path = notebook.state / "openclaw.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{\n  "a": 1,\n  "b": oops here\n}\n')
    for code in ("%openclaw models list", "%%qwen\nhi", "%openclaw login", "%openclaw models set qwen"):
        cell = notebook.run(code)
        assert cell.ename == "DocumentError", code
        assert "line 3" in cell.traceback or ":3" in cell.traceback
        assert len(cell.traceback.splitlines()) <= 2
    assert path.read_text() == '{\n  "a": 1,\n  "b": oops here\n}\n'


# -- completion -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%openclaw ", ["login", "models", "plugins", "help", "version"]),
        ("%openclaw mo", ["models"]),
        ("%openclaw models ", ["set", "set-image", "list", "status", "aliases", "auth"]),
        ("%openclaw models set qwen-p", ["qwen-portal/coder-model", "qwen-portal/vision-model"]),
        ("%openclaw models set ", ["qwen", "qwen-portal/coder-model"]),
        ("%openclaw login --", ["--provider", "--set-default", "--force"]),
        ("%openclaw login --provider ", ["qwen-portal"]),
        ("%openclaw plugins enable ", ["qwen-portal-auth"]),
        ("%openclaw models aliases remove ", ["qwen"]),
        ("%openclaw help mod", ["models"]),
        ("%%qwen --mo", ["--model"]),
        ("%%qwen --model qwen-portal/v", ["qwen-portal/vision-model"]),
        ("%%qwen -m=qwen-portal/v", ["qwen-portal/vision-model"]),
        ("%%qwen q", ["qwen", "qwen-portal/coder-model"]),
        ("x = 1\n%openclaw models s", ["set", "set-image", "status"]),
    ],
)
def test_tab_completes(signed_in, typed, offered):
    requests = len(signed_in.portal.requests)
    matches = signed_in.kernel.complete(typed)
    assert set(offered) <= set(matches), matches
    assert len(signed_in.portal.requests) == requests


def test_tab_offers_nothing_of_ours_inside_the_prompt(signed_in):
    assert "qwen-portal/coder-model" not in signed_in.kernel.complete("%%qwen\nqwen-por")


# -- secrets ----------------------------------------------------------------------------------


def test_no_secret_is_in_any_output_log_traceback_history_or_widget(notebook):
    notebook.run(
        "import logging, io\nlog = io.StringIO()\n"
        "logging.basicConfig(level=logging.DEBUG, stream=log, force=True)\n%xmode Verbose"
    )
    secrets: set[str] = set()

    def remember():
        for profile in notebook.profiles().values():
            secrets.update(str(profile[key]) for key in ("access", "refresh"))
        for request in notebook.portal.requests:
            form = request.form() if request.path.endswith("/token") else {}
            secrets.update(form.get(name, "") for name in ("device_code", "code_verifier", "refresh_token"))

    seen = []
    for debug in ("off", "on"):
        seen.append(notebook.run(f"%openclaw debug {debug}"))
        notebook.portal.approve_after(0).interval(1, enforced=0)
        seen.append(notebook.run("%openclaw login --force --wait"))
        remember()
        seen.append(notebook.run("%%qwen\nhi"))
        notebook.portal.expires_tokens()
        seen.append(notebook.run("%%qwen\nhi"))
        remember()
        access = next(iter(notebook.profiles().values()))["access"]
        echo = json.dumps(
            {"error": {"code": "invalid_parameter_error", "message": f"bad header Bearer {access}"}}
        )
        notebook.portal.fails_next("chat", 400, echo)
        seen.append(notebook.run("%%qwen\nhi"))
        seen += [
            notebook.run(code)
            for code in ("%openclaw", "%openclaw models status --json", "%history", "%whos")
        ]
        notebook.portal.expires_tokens().revokes_refresh()
        seen.append(notebook.run("%%qwen\nhi"))
        seen.append(notebook.run("get_ipython()._openclaw_ipython.session.client.accounts.profiles()"))
        seen.append(notebook.run("vars(get_ipython()._openclaw_ipython.session.client)"))
        seen.append(notebook.run("1/0"))
    logged = notebook.run("print(log.getvalue())").stdout
    notebook.run("%xmode Context\nlogging.getLogger().handlers.clear()\n%openclaw debug off")
    secrets.discard("")
    assert len(secrets) >= 6
    assert any(cell.ename == "RefreshRejected" for cell in seen)
    shown = logged + "".join(cell.everything() for cell in seen) + "".join(notebook.kernel.traffic)
    history = notebook.run("print(list(get_ipython().history_manager.get_range(output=True)))").stdout
    for secret in secrets:
        assert secret not in shown
        assert secret not in history
