"""`models scan`: what is found, with masked keys and a command that uses it."""

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from scripted_portal import PracticeGateway

from openclaw_ipython.diagnostics.scan import (
    ServerAddress,
    environment_keys,
    importable,
    local_servers,
    models_in,
    qwen_code_login,
)
from openclaw_ipython.diagnostics.scan import (
    scan as scan_all,
)
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import LocalServer, ModelSpec, Provider, Providers, built_in
from openclaw_ipython.qwen_code.source import QwenCode

KEY = "sk-made-up-0123456789abcdef"
MODELS = b'{"object": "list", "data": [{"id": "qwen3:8b"}, {"id": "llava"}, {"id": "c"}, {"id": "d"}]}'
PORTAL = Provider(
    "qwen-portal", "Qwen", "https://portal.qwen.ai/v1", (ModelSpec("coder-model", "Coder"),), "coder-model",
    key_variables=("QWEN_OAUTH_TOKEN",),
)  # fmt: skip
STUDIO = Provider(
    "studio", "Studio", "https://studio.example/v1", (ModelSpec("big", "Big"),), "big",
    key_variables=("STUDIO_KEY", "STUDIO_API_KEY"),
)  # fmt: skip
LOCAL = Provider("ollama", "Ollama", "http://127.0.0.1:11434/v1", (), "", local=LocalServer(11434))
PROVIDERS = Providers([PORTAL, STUDIO, LOCAL])


def servers(handler, ports, *, usable=False, seconds=0.3):
    async def look():
        async with HttpClient(handler) as http:
            return await local_servers(http, ports, lambda _: usable, seconds)

    return asyncio.run(look())


# -- local servers -----------------------------------------------------------------------------


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.end_headers()
        self.wfile.write(MODELS)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd.server_address[1]
    httpd.shutdown()
    httpd.server_close()


def test_a_server_on_this_machine_is_found_with_its_models(server):
    here = ServerAddress("ollama", f"http://127.0.0.1:{server}/v1")
    nobody = ServerAddress("vllm", "http://127.0.0.1:1/v1")
    (found,) = servers(None, [nobody, here], seconds=5)
    assert (found.kind, found.provider, found.name) == ("local server", "ollama", here.base_url)
    assert found.models == ("qwen3:8b", "llava", "c", "d")
    assert found.detail == "qwen3:8b, llava, c and 1 more"
    assert found.command == "%openclaw login --provider ollama"


def test_the_command_for_a_server_that_is_set_up_asks_it():
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=MODELS))
    (found,) = servers(transport, [ServerAddress("ollama", "http://127.0.0.1:9/v1")], usable=True)
    assert found.command == "%%qwen ollama/qwen3:8b"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Jupyter</html>", b"[]", b"{}", b'{"data": 3}', b"\xff\xfe", b"[" * 100_000, b"null"],
)
def test_something_else_on_the_port_is_no_server(body):
    assert (
        servers(
            httpx.MockTransport(lambda _: httpx.Response(200, content=body)),
            [ServerAddress("a", "http://x/v1")],
        )
        == []
    )


@pytest.mark.parametrize("status", [301, 401, 404, 500])
def test_a_refusal_is_no_server(status):
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=MODELS))
    assert servers(transport, [ServerAddress("a", "http://x/v1")]) == []


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (MODELS, ("qwen3:8b", "llava", "c", "d")),
        (b'{"data": [{"id": "a"}, {"id": 3}, "b", {}, null]}', ("a",)),
        (b'{"data": []}', ()),
        (b'{"object": "list", "data": null}', ()),
        (b'{"data": null}', None),
    ],
)
def test_the_list_of_models_is_read_tolerantly(body, ids):
    found = models_in(body)
    assert (found and found.models) == ids


def test_servers_are_asked_at_the_same_time_and_not_waited_for_long():
    asked = []

    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            asked.append(request)
            if len(asked) == 9:  # all are waited for at once: the first has not been given up
                asked.append("all")
            await asyncio.Event().wait()

    assert (
        servers(Silent(), [ServerAddress(str(n), f"http://127.0.0.1:{n}/v1") for n in range(9)], seconds=0.2)
        == []
    )
    assert asked[-1] == "all"


LLAMA = b'{"object": "list", "data": [{"id": "qwen.gguf", "owned_by": "llamacpp"}]}'
KEY_WANTED = b'{"error": {"message": "Invalid API Key", "type": "authentication_error"}}'


@pytest.mark.parametrize(
    ("address", "status", "body", "usable", "found"),
    [
        # llama.cpp at vLLM's port is llama.cpp
        (ServerAddress("vllm", "http://127.0.0.1:8000/v1"), 200, LLAMA, True,
         ("llamacpp", "qwen.gguf", "%openclaw login --provider llamacpp --region http://127.0.0.1:8000/v1")),
        (ServerAddress("llamacpp", "http://127.0.0.1:8080/v1"), 200, LLAMA, True,
         ("llamacpp", "qwen.gguf", "%%qwen llamacpp/qwen.gguf")),
        # an own entry stays one
        (ServerAddress("mine", "http://127.0.0.1:8000/v1"), 200, LLAMA, True,
         ("mine", "qwen.gguf", "%%qwen mine/qwen.gguf")),
        # the default port, while the provider is configured elsewhere
        (ServerAddress("ollama", "http://127.0.0.1:11434/v1", is_default=False), 200, MODELS, True,
         ("ollama", "qwen3:8b, llava, c and 1 more",
          "%openclaw login --provider ollama --region http://127.0.0.1:11434/v1")),
        (ServerAddress("openai-compatible", "http://127.0.0.1:4000/v1"), 401, KEY_WANTED, True,
         ("openai-compatible", "there is a key for it",
          "%openclaw models list --refresh --provider openai-compatible")),
        (ServerAddress("openai-compatible", "http://127.0.0.1:4000/v1"), 401, KEY_WANTED, False,
         ("openai-compatible", "it wants a key", "%openclaw login --provider openai-compatible")),
        (ServerAddress("vllm", "http://127.0.0.1:8000/v1"), 401, b'{"error": "Unauthorized"}', False,
         ("vllm", "it wants a key", "%openclaw login --provider vllm")),
        (ServerAddress("vllm", "http://127.0.0.1:8001/v1", is_default=False), 401, KEY_WANTED, True,
         ("vllm", "it wants a key", "%openclaw login --provider vllm --region http://127.0.0.1:8001/v1")),
    ],
)  # fmt: skip
def test_a_server_is_what_it_says_and_the_command_reaches_it(address, status, body, usable, found):
    async def look():
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
        async with HttpClient(transport) as http:
            return await local_servers(
                http, [address], lambda _: usable, providers=built_in(), has_key=lambda _: usable
            )

    (result,) = asyncio.run(look())
    assert (result.provider, result.detail, result.command) == found
    assert result.name == address.base_url


# -- keys in the environment -------------------------------------------------------------------


def test_keys_of_known_services_are_named_and_masked():
    environ = {
        "STUDIO_KEY": KEY,
        "QWEN_OAUTH_TOKEN": " ",
        "OTHER": KEY,
        "MINE_API_KEY": "another-made-up-key-1",
    }
    mine = {"models": {"providers": {"mine": {"baseUrl": "https://m.example", "models": [{"id": "m"}]}}}}
    found = environment_keys(environ, PROVIDERS, ConfigView(mine))
    assert [(f.name, f.detail, f.command) for f in found] == [
        ("STUDIO_KEY", "sk-mad…def · Studio", "%%qwen studio/big"),
        ("MINE_API_KEY", "anothe…y-1 · mine", "%%qwen mine/m"),
    ]
    assert KEY not in repr(found)


@pytest.mark.parametrize("value", ["", "qwen-oauth", "QWEN_API_KEY"])
def test_a_placeholder_in_the_environment_is_no_key(value):
    assert environment_keys({"STUDIO_KEY": value}, PROVIDERS, ConfigView({})) == []


# -- other programs ----------------------------------------------------------------------------


def write(home, name, value):
    home.qwen_dir.mkdir(parents=True, exist_ok=True)
    (home.qwen_dir / name).write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")


SETTINGS = {
    "env": {"STUDIO_KEY": KEY},
    "modelProviders": {
        "openai": [
            {"id": "big", "baseUrl": "https://studio.example/v1/", "envKey": "STUDIO_KEY"},
            {"id": "small", "baseUrl": "https://studio.example/v1/", "envKey": "STUDIO_KEY"},
            {"id": "it's", "baseUrl": "https://own.example/v1"},
            {"id": "no url"},
            "junk",
        ]
    },
}


def services(house, folder):
    return house.another().credential_import.found(folder)


def test_the_services_of_qwen_codes_settings_are_found_once_each_with_masked_keys(house, tmp_path):
    write(house.home, "settings.json", SETTINGS)
    (studio,) = importable(services(house, tmp_path), [])
    assert (studio.kind, studio.provider) == ("Qwen Code", "qwen-code")
    assert studio.name.endswith("settings.json")
    assert studio.detail == "big · https://studio.example/v1 · sk-mad…def"
    assert KEY not in repr(studio)


def test_a_key_of_the_environment_is_listed_once(house, tmp_path):
    house.environ |= {"OPENROUTER_API_KEY": KEY}
    found = services(house, tmp_path)
    assert [service.variable for service in found] == ["OPENROUTER_API_KEY"]
    assert importable(found, ["OPENROUTER_API_KEY"]) == []


def test_the_command_for_a_service_imports_it(house, tmp_path, monkeypatch):
    from openclaw_ipython.shell.login.keys import LoginOptions, import_credentials

    class Session:
        client = house.another()

        def show(self, view):
            pass

    monkeypatch.chdir(tmp_path)
    write(house.home, "settings.json", SETTINGS)
    house.environ |= {"OPENAI_BASE_URL": "https://llm.example/v1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "m"}
    for found in importable(services(house, tmp_path), []):
        provider = found.command.removeprefix("%openclaw login --method import --provider ")
        import_credentials(Session(), LoginOptions(provider=provider, yes=True))
    providers = house.config()["models"]["providers"]
    assert providers["openai-compatible"]["apiKey"] == "OPENAI_API_KEY"
    assert providers["openai-compatible"]["baseUrl"] == "https://llm.example/v1"
    assert [model["id"] for model in providers["openai-compatible"]["models"]] == ["m"]
    assert [model["id"] for model in providers["qwen-code"]["models"]] == ["big", "small"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"modelProviders": 3}', '{"modelProviders": {"openai": {}}}', "\0"]
)
def test_settings_that_cannot_be_read_count_as_none(house, tmp_path, text):
    write(house.home, "settings.json", text)
    assert importable(services(house, tmp_path), []) == []


def test_without_a_login_of_qwen_code_there_is_no_result(home):
    assert qwen_code_login(QwenCode(Store(home), PROVIDERS), home, ConfigView({}), 0.0) == []


# -- all of it ---------------------------------------------------------------------------------


def scan(house, addresses=()):
    async def run():
        client = house.client
        async with HttpClient(house.portal.transport()) as http:
            return await scan_all(
                house.store, client.accounts, built_in(), client.runtime, http=http, addresses=addresses
            )

    return asyncio.run(run())


def test_an_empty_machine_has_no_result(house):
    assert scan(house) == []
    assert house.files() == {}


def test_a_home_a_key_and_a_foreign_login_are_found(house, clock):
    asyncio.run(house.login())
    house.environ["QWEN_OAUTH_TOKEN"] = KEY
    creds = {
        "access_token": "qwen-code-access", "refresh_token": "qwen-code-refresh", "token_type": "Bearer",
        "expiry_date": int((clock() + 3600) * 1000),
    }  # fmt: skip
    write(house.home, "oauth_creds.json", creds)
    before = house.files()
    found = scan(house)
    assert [f.kind for f in found] == ["key", "Qwen Code", "OpenClaw"]
    assert found[1].detail == "signed in"
    assert found[1].command == "%openclaw models auth list --provider qwen-portal"
    assert "1 login, default qwen-portal/coder-model" in found[2].detail
    assert "qwen-code-access" not in repr(found)
    assert house.files() == before


def test_a_qwen_code_login_without_an_entry_says_how_to_make_one(house, clock):
    creds = {
        "access_token": "a", "refresh_token": "r", "token_type": "Bearer",
        "expiry_date": int((clock() - 60) * 1000),
    }  # fmt: skip
    write(house.home, "oauth_creds.json", creds)
    (found,) = scan(house)
    assert found.detail.startswith("expired")
    assert found.command == (
        "%openclaw config set models.providers.qwen-portal"
        " '{baseUrl: \"https://portal.qwen.ai/v1\", models: []}'"
    )


def test_scanning_sends_no_login(house):
    asyncio.run(house.login())
    before = len(house.portal.requests)
    scan(house, [ServerAddress("ollama", "http://127.0.0.1:8642/v1")])
    requests = house.portal.requests[before:]
    assert {request.path for request in requests} == {"/v1/models", "/startupz"}
    assert all("authorization" not in {name.lower() for name in request.headers} for request in requests)


@pytest.mark.parametrize(
    ("on", "detail", "command"),
    [
        (True, "Gateway 2026.9.6", "%openclaw agents"),
        (
            False,
            "endpoint for chat is off",
            "!openclaw config set gateway.http.endpoints.chatCompletions.enabled true",
        ),
    ],
)
def test_a_gateway_that_runs_is_found_without_its_secret(house, clock, on, detail, command):
    gateway = house.portal = PracticeGateway(endpoint_on=on, clock=clock)
    house.environ["OPENCLAW_GATEWAY_TOKEN"] = "practice"
    (found,) = [row for row in scan(house, []) if row.provider == "openclaw"]
    assert detail in found.detail
    assert found.command == command
    assert not any("authorization" in request.headers for request in gateway.requests)
