"""Signing in without the portal, in a real kernel: the fields for a key, a local server, import, the retired portal."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = pytest.mark.kernel

KEY = "sk-made-up-for-the-panel-0123456789"


@pytest.fixture
def service(notebook):
    """The practice portal as a service that takes KEY; the address is what `--region` is given."""
    notebook.portal.accepts_key(KEY)
    notebook.address = f"{notebook.origin}/v1"
    yield notebook
    notebook.run("import os; os.environ.pop('DASHSCOPE_API_KEY', None)")


def widgets(notebook, kind) -> list[str]:
    """The ids of the widgets of one kind, oldest first."""
    notebook.run("from ipywidgets.widgets.widget import _instances")
    return notebook.value(f"[w.model_id for w in _instances.values() if type(w).__name__ == {kind!r}]")


def tell(notebook, widget, **data) -> None:
    """A message of the front end to a widget."""
    client = notebook.kernel.client
    content = {"comm_id": widget, "data": data}
    client.shell_channel.send(client.session.msg("comm_msg", content))


def enter(notebook, key) -> None:
    field, button = widgets(notebook, "_KeyField")[-1], button_id(notebook, "Save")
    tell(notebook, field, method="update", state={"value": key})
    tell(notebook, button, method="custom", content={"event": "click"})


def button_id(notebook, text) -> str:
    found = f"[w.model_id for w in _instances.values() if type(w).__name__ == 'Button' and w.description == {text!r}]"
    notebook.run("from ipywidgets.widgets.widget import _instances")
    return notebook.value(found)[-1]


def status(notebook) -> str:
    notebook.run("from ipywidgets.widgets.widget import _instances")
    return notebook.value(
        "[w.value for w in _instances.values() if 'openclaw-key-status' in getattr(w, '_dom_classes', ())][-1]"
    )


def states(notebook) -> str:
    notebook.run("from ipywidgets.widgets.widget import _instances")
    return notebook.run("print([w.get_state() for w in _instances.values()])").stdout


# -- the fields for a key ------------------------------------------------------------------


def test_the_fields_take_a_key_check_it_and_store_it(service):
    cell = service.run(f"%openclaw login --provider modelstudio --region {service.address}")
    assert not cell.ename
    assert cell.seconds < 5
    assert service.files() == {}
    enter(service, KEY)
    assert service.kernel.settle(lambda: "as modelstudio:default" in service.last_display())
    assert service.profiles()["modelstudio:default"]["key"] == KEY
    entry = service.config()["models"]["providers"]["modelstudio"]
    assert entry["baseUrl"] == service.address
    assert [r.path for r in service.portal.requests] == ["/v1/models"]
    assert "✓" in status(service)


def test_the_key_is_in_no_widget_message_output_or_history(service):
    service.run(f"%openclaw login --provider modelstudio --region {service.address}")
    field = widgets(service, "_KeyField")[-1]
    tell(service, field, method="update", state={"value": KEY})
    assert KEY not in states(service)  # gone as soon as it came, before anything is pressed
    tell(service, button_id(service, "Save"), method="custom", content={"event": "click"})
    assert service.kernel.settle(lambda: "Signed in" in service.last_display())
    service.run("import time; time.sleep(0.2)")
    assert KEY not in states(service)
    seen = [
        service.run("%history"),
        service.run("list(vars().items())"),
        service.run("vars(get_ipython()._openclaw_ipython.session)"),
        service.run("%openclaw models auth list --json"),
        service.run("%openclaw config get models.providers"),
    ]
    assert KEY not in "".join(cell.everything() for cell in seen)
    assert KEY not in "".join(service.kernel.traffic)


def test_a_refused_key_says_why_and_keeps_the_fields_filled_in(service):
    other = "sk-nobody-knows-this-one"
    service.run(f"%openclaw login --provider modelstudio --region {service.address}")
    enter(service, other)
    assert service.kernel.settle(lambda: "⚠" in status(service))
    assert "another product or region, to be chosen above" in status(service)
    assert "config set" not in status(service)
    assert len(status(service)) < 300
    assert other not in status(service)
    assert service.files() == {}
    service.portal.accepts_key(other)  # as another region might: the key need not be entered again
    tell(service, button_id(service, "Save"), method="custom", content={"event": "click"})
    assert service.kernel.settle(lambda: "Signed in" in service.last_display())
    assert service.profiles()["modelstudio:default"]["key"] == other


def test_save_without_a_key_or_with_an_open_address_sends_nothing(service):
    service.run("%openclaw login --provider modelstudio --region http://example.org/v1")
    tell(service, button_id(service, "Save"), method="custom", content={"event": "click"})
    assert service.kernel.settle(lambda: "Enter a key" in status(service))
    enter(service, KEY)
    assert service.kernel.settle(lambda: "https://" in status(service))
    assert service.portal.requests == ()
    assert service.files() == {}


def test_a_key_of_the_environment_is_used_where_it_is(service):
    service.run(f"import os; os.environ['DASHSCOPE_API_KEY'] = {KEY!r}\n%reload_ext openclaw_ipython")
    cell = service.run(f"%openclaw login --provider modelstudio --region {service.address}")
    assert "Alibaba Cloud Model Studio is set up · default model modelstudio/" in cell.text
    assert "apiKey" not in service.config()["models"]["providers"]["modelstudio"]
    assert "the key stays in DASHSCOPE_API_KEY of the environment" in cell.text
    assert KEY not in b"".join(service.files().values()).decode()
    assert KEY not in cell.everything()


def test_terms_are_shown_before_a_key_is_sent(service):
    name = "BAILIAN_CODING_PLAN_API_KEY"
    service.run(f"import os; os.environ[{name!r}] = {KEY!r}\n%reload_ext openclaw_ipython")
    cell = service.run(f"%openclaw login --provider qwen-coding-plan --region {service.address}")
    service.run(f"import os; os.environ.pop({name!r})")
    assert cell.text.count("terms allow interactive coding tools only") == 1


def test_a_run_without_a_person_fails_with_the_variables_to_set(service):
    cell = service.run("%openclaw login --provider openrouter", attended=False)
    assert cell.ename == "LoginRequired"
    assert "OPENROUTER_API_KEY" in cell.traceback
    assert len(cell.traceback.splitlines()) == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--provider qwen-portal --method api-key", "takes no API key"),
        ("--provider modelstudio --method device", "no sign-in by device code"),
        ("--provider modelstudio --region bejing --wait", "no region 'bejing'"),
        ("--method apikey", "api-key"),
    ],
)
def test_a_method_that_does_not_exist_is_two_lines(service, typed, said):
    cell = service.run(f"%openclaw login {typed}")
    assert cell.ename == "UsageError"
    assert said in cell.traceback
    assert len(cell.traceback.splitlines()) == 2


# -- a server on this machine --------------------------------------------------------------


class Models(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path == "/v1/models" and "authorization" not in self.headers
        body = b'{"object": "list", "data": [{"id": "qwen3-8b", "max_model_len": 4096}]}' if known else b"{}"
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_local_server_is_set_up_without_a_key(notebook):
    with ThreadingHTTPServer(("127.0.0.1", 0), Models) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/v1"
        cell = notebook.run(f"%openclaw login --provider vllm --region {address}")
        server.shutdown()
    assert "vLLM is set up · default model vllm/qwen3-8b" in cell.text
    assert "1 model: qwen3-8b" in cell.text
    assert [name for name in notebook.files() if "auth-profiles" in name] == []


def test_a_local_server_that_is_not_there_is_two_lines(notebook):
    cell = notebook.run("%openclaw login --provider vllm --region http://127.0.0.1:9/v1")
    assert cell.ename == "ServiceUnavailable"
    assert "vllm serve" in cell.traceback
    assert len(cell.traceback.splitlines()) == 2


# -- the portal that ended -----------------------------------------------------------------


def other_ways_are_shown(notebook):
    notebook.run("from ipywidgets.widgets.widget import _instances")
    return notebook.value(
        "[w.description for w in _instances.values() if 'Other ways' in getattr(w, 'description', '')][-1][0] == '▾'"
    )


def test_other_ways_are_collapsed_while_the_sign_in_goes_on(notebook):
    notebook.run("%openclaw login")
    assert other_ways_are_shown(notebook) is False


def test_a_portal_that_ended_its_sign_in_says_so_and_opens_the_other_ways(notebook):
    notebook.portal.retired(signs_in=False)
    notebook.portal.interval(1, enforced=0)
    notebook.run("%openclaw login")
    assert notebook.kernel.settle(lambda: "ended on 2026-04-15" in notebook.last_display(), 20)
    assert other_ways_are_shown(notebook) is True


def test_a_portal_that_is_a_web_page_now_fails_the_cell_beside_the_other_ways(notebook):
    notebook.portal.answers_html("device/code")
    cell = notebook.run("%openclaw login")
    assert cell.ename == "LoginUnavailable"
    assert "ended on 2026-04-15" in cell.traceback
    assert "--provider modelstudio" in cell.traceback
    assert other_ways_are_shown(notebook) is True
    assert any("application/vnd.jupyter.widget-view+json" in d for d in cell.displays.values())


def test_a_key_saved_beside_a_pending_sign_in_takes_its_place(service):
    service.run("%openclaw login")
    assert "confirm the code" in service.last_display()
    address = service.run(
        "print([w.model_id for w in _instances.values() if type(w).__name__ == 'Text'][-1])"
    )
    region = service.value(
        "[w.model_id for w in _instances.values() if type(w).__name__ == 'Dropdown' and w.description == 'Region'][-1]"
    )
    last = service.value(f"len(_instances[{region!r}].options) - 1")
    tell(service, region, method="update", state={"index": last})
    tell(service, address.stdout.strip(), method="update", state={"value": service.address})
    enter(service, KEY)
    assert service.kernel.settle(lambda: "as modelstudio:default" in service.last_display())
    assert "not a model" in service.run("%qwen -m modelstudio/coder-model hello").text


# -- import --------------------------------------------------------------------------------


def settings(notebook, address) -> None:
    folder = notebook.kernel.home / ".qwen"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": "coder-model", "baseUrl": address, "envKey": "MY_OWN_KEY"}]
    document = {"env": {"MY_OWN_KEY": KEY}, "modelProviders": {"openai": rows}}
    (folder / "settings.json").write_text(json.dumps(document), "utf-8")


def test_import_shows_masked_keys_and_fails_without_a_person_to_agree(service):
    settings(service, service.address)
    cell = service.run("%openclaw login --method import", attended=False)
    assert cell.ename == "UsageError"
    assert "--yes" in cell.traceback
    assert service.address in cell.text
    assert "sk-mad…789" in cell.text
    assert KEY not in cell.everything()
    assert service.files() == {}


def test_import_takes_a_service_of_qwen_code_over(service):
    settings(service, service.address)
    cell = service.run("%openclaw login --method import --yes")
    assert "Imported: qwen-code · default model qwen-code/coder-model" in cell.text
    assert service.profiles()["qwen-code:default"]["key"] == KEY
    assert KEY not in cell.everything()
    assert "not a model" in service.run("%qwen hello").text


def test_nothing_to_import_is_an_error(service):
    cell = service.run("%openclaw login --method import")
    assert cell.ename == "UsageError"
    assert "nothing to import" in cell.traceback
