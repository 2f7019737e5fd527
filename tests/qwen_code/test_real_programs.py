"""The real programs beside us accept what we write, and we read what they write.

They are installed into `.cache/real-programs` with npm (about a gigabyte, some minutes), so this runs only when it
is asked for: OPENCLAW_TEST_REAL_PROGRAMS=1. They speak to the practice portal on this computer and to nobody else.
"""

import asyncio
import json
from pathlib import Path

import pytest
from real_programs import (
    OPENCLAW_OF_MARCH,
    OPENCLAW_WITH_JSON,
    OPENCLAW_WITH_SQLITE,
    QWEN_CODE,
    RealProgram,
    why_not,
)
from scripted_portal import Portal

from openclaw_ipython.auth.key_login import KeySetup
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.config_rules import refusals
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import ModelSpec, built_in
from openclaw_ipython.sanitize.secrets import Secret

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "never")


class Us:
    """Our side of the same home, signed in at the practice portal."""

    def __init__(self, home: Path, portal: Portal, url: str) -> None:
        self.portal = portal
        self.url = url
        self.home = locate({}, home, Path.exists)
        portal.resource_url(url)

    def client(self) -> Client:
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": self.url}
        return Client(
            store=Store(self.home, Runtime(environ)), providers=built_in(), runtime=Runtime(environ)
        )

    def login(self):
        async def work():
            async with self.client() as client:
                async for event in client.login():
                    if hasattr(event, "prompt"):
                        self.portal.approve(event.prompt.user_code)
                    if hasattr(event, "outcome"):
                        return event.outcome
            raise AssertionError("no outcome")

        return asyncio.run(work())

    def ask(self, prompt: str) -> str:
        async def work():
            async with self.client() as client:
                return await client.ask(prompt)

        return asyncio.run(work())

    def bearers(self, path: str) -> list[str]:
        """The tokens that came with requests to a path."""
        return [request.bearer() for request in self.portal.requests if request.path == path]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "shared"
    path.mkdir()
    return path


@pytest.fixture
def us(folder):
    portal = Portal()
    with portal.serve() as url:
        yield Us(folder, portal, url)


COMMENTED = """// by hand
{
  agents: { defaults: { models: { 'anthropic/opus': { alias: 'opus' }, }, }, }, // mine
  gateway: { port: 18789 },
}
"""


@pytest.mark.parametrize("config", ["", COMMENTED], ids=["an empty home", "a home with a configuration"])
def test_openclaw_accepts_what_a_login_wrote(folder, us, config):
    us.home.config_path.parent.mkdir(mode=0o700)
    us.home.config_path.write_text(config, "utf-8")
    us.login()
    openclaw = RealProgram(OPENCLAW_WITH_JSON, folder)
    status = openclaw.json("models", "status")
    assert status["resolvedDefault"] == "qwen-portal/coder-model"
    assert status["aliases"]["qwen"] == "qwen-portal/coder-model"
    assert status["auth"]["missingProvidersInUse"] == []
    profile = next(
        one for one in status["auth"]["oauth"]["profiles"] if one["profileId"] == "qwen-portal:default"
    )
    assert profile["status"] == "ok"
    assert profile["expiresAt"] == us.client().accounts.profiles()[0].profile.expires
    models = {model["key"]: model for model in openclaw.json("models", "list")["models"]}
    assert "default" in models["qwen-portal/coder-model"]["tags"]
    assert models["qwen-portal/vision-model"]["input"] == "text+image"
    assert all(model["available"] for key, model in models.items() if key.startswith("qwen-portal/"))
    assert openclaw.json("models", "aliases", "list")["aliases"]["qwen"] == "qwen-portal/coder-model"
    openclaw.run("models", "status", "--check")


def test_openclaw_accepts_every_setting_of_ours(folder, us):
    us.login()
    client = us.client()
    client.models.set_default("qwen-portal/vision-model")
    client.models.set_default("qwen-portal/vision-model", images=True)
    client.models.add_alias("eyes", "qwen-portal/vision-model")
    client.models.add_fallback("qwen-portal/coder-model")
    client.accounts.set_plugin("qwen-portal-auth", False)
    client.accounts.set_plugin("qwen-portal-auth", True)
    status = RealProgram(OPENCLAW_WITH_JSON, folder).json("models", "status")
    assert status["defaultModel"] == status["imageModel"] == "qwen-portal/vision-model"
    assert status["fallbacks"] == ["qwen-portal/coder-model"]
    assert status["aliases"] == {"qwen": "qwen-portal/coder-model", "eyes": "qwen-portal/vision-model"}


def test_what_openclaw_writes_is_read_and_what_we_write_after_it_is_accepted(folder, us):
    us.login()
    openclaw = RealProgram(OPENCLAW_WITH_JSON, folder)
    openclaw.run("models", "set", "qwen-portal/vision-model")
    openclaw.run("models", "aliases", "add", "eyes", "qwen-portal/vision-model")
    openclaw.run("models", "fallbacks", "add", "qwen-portal/coder-model")
    openclaw.run("models", "auth", "order", "set", "--provider", "qwen-portal", "qwen-portal:default")
    client = us.client()
    assert str(client.models.default()) == "qwen-portal/vision-model"
    assert [str(ref) for ref in client.models.fallbacks()] == ["qwen-portal/coder-model"]
    assert client.models.aliases()["eyes"] == "qwen-portal/vision-model"
    assert Store(us.home).load().order == {"qwen-portal": ["qwen-portal:default"]}
    assert Store(us.home).load().problems == ()
    client.models.set_default("qwen-portal/coder-model")
    us.login()
    assert openclaw.json("models", "status")["defaultModel"] == "qwen-portal/coder-model"


def test_openclaw_asks_with_our_login(folder, us):
    us.login()
    us.portal.says("Hello from the portal")
    said = RealProgram(OPENCLAW_WITH_JSON, folder).run(
        "agent", "--local", "--agent", "main", "--message", "hi", timeout=300
    )
    assert "Hello from the portal" in said
    ours = Store(us.home).load().profiles["qwen-portal:default"]
    assert us.bearers("/v1/chat/completions") == [ours.access.reveal()]
    us.portal.says("And to you")
    assert us.ask("hi") == "And to you"  # with the bookkeeping OpenClaw wrote beside the login


def test_qwen_code_goes_on_with_the_login_that_we_renewed(folder, us):
    us.login()
    stored = Store(us.home).load().profiles["qwen-portal:default"]
    us.home.auth_profiles.unlink()
    us.home.qwen_dir.mkdir(mode=0o700)
    creds = us.home.qwen_dir / "oauth_creds.json"
    login = {
        "access_token": stored.access.reveal(),
        "refresh_token": stored.refresh.reveal(),
        "token_type": "Bearer",
        "resource_url": us.url,
        "expiry_date": 1000,
    }
    creds.write_text(json.dumps(login, indent=2), "utf-8")
    settings = {
        "security": {"auth": {"selectedType": "qwen-oauth"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    (us.home.qwen_dir / "settings.json").write_text(json.dumps(settings), "utf-8")

    us.portal.says("renewed")
    assert us.ask("hi") == "renewed"
    renewed = json.loads(creds.read_text("utf-8"))
    assert renewed["access_token"] != login["access_token"]
    us.portal.says("Hello from the portal")
    assert "Hello from the portal" in RealProgram(QWEN_CODE, folder).run("-p", "hi")
    assert us.bearers("/v1/chat/completions") == [renewed["access_token"]] * 2
    assert json.loads(creds.read_text("utf-8")) == renewed  # it saw no reason for a refresh of its own


def test_a_home_that_openclaw_moved_to_its_database_is_read_and_left_alone(folder, us):
    us.login()
    before = Store(us.home).load().profiles["qwen-portal:default"]
    openclaw = RealProgram(OPENCLAW_WITH_SQLITE, folder)
    openclaw.run("doctor", "--fix", "--non-interactive", timeout=300)
    snapshot = Store(us.home).load()
    assert snapshot.storage == "sqlite"
    assert snapshot.problems == ()
    assert snapshot.profiles == {"qwen-portal:default": before}
    assert snapshot.sources == {"qwen-portal:default": us.home.sqlite_path}

    theirs = us.home.config_path.read_bytes()
    us.login()
    us.client().models.set_default("qwen-portal/vision-model")
    assert us.home.config_path.read_bytes() == theirs
    assert not us.home.auth_profiles.exists()
    assert str(us.client().models.default()) == "qwen-portal/vision-model"
    status = openclaw.json("models", "status")
    assert status["defaultModel"] == "qwen-portal/coder-model"


def _with_a_key(client):
    client.logins.add_key("modelstudio", "default", "api_key", Secret("sk-made-up-0123456789"))


def _with_a_variable(client):
    studio = built_in()["modelstudio"]
    key = Secret("sk-made-up-0123456789")
    for name in ("DASHSCOPE_API_KEY", "MY_OWN_KEY"):
        client.keys.record(KeySetup(studio, studio.base_url, key=key, in_place=True, variable=name))


def _with_local_servers(client):
    for name in ("ollama", "vllm", "lmstudio"):
        provider = built_in()[name]
        client.keys.record(KeySetup(provider, provider.base_url, models=(ModelSpec("qwen3:8b", "Qwen3 8B"),)))


def _with_every_setting(client):
    _with_a_key(client)
    client.models.set_default("anthropic/claude-opus-4-6")
    client.models.set_default("modelstudio/qwen3.7-plus", images=True)
    client.models.add_alias("q", "modelstudio/qwen3.7-plus")
    client.models.add_fallback("modelstudio/qwen3.7-max")
    client.accounts.set_plugin("qwen-portal-auth", enabled=False)
    client.settings.set("models.providers.lab", '{baseUrl: "https://lab.example/v1", models: []}')
    client.settings.set("models.mode", "merge")


def _with_the_entry_for_qwen_code(client):
    client.settings.set("models.providers.qwen-portal", '{baseUrl: "https://portal.qwen.ai/v1", models: []}')


@pytest.mark.parametrize("program", [OPENCLAW_WITH_JSON, OPENCLAW_OF_MARCH], ids=["February", "March"])
@pytest.mark.parametrize(
    "change",
    [
        _with_a_key,
        _with_a_variable,
        _with_local_servers,
        _with_every_setting,
        _with_the_entry_for_qwen_code,
    ],
)
def test_the_releases_read_every_home_that_is_written_here(folder, us, change, program):
    change(us.client())
    assert refusals(Store(us.home).load().config.get(())) == ()
    RealProgram(program, folder).run("models", "status", "--plain")


@pytest.mark.parametrize(
    "change",
    [_with_a_variable, _with_local_servers, _with_the_entry_for_qwen_code],
    ids=lambda one: one.__name__,
)
def test_september_reads_every_home_without_stored_logins(folder, us, change):
    change(us.client())
    RealProgram(OPENCLAW_WITH_SQLITE, folder).run("models", "status", "--plain")


@pytest.mark.parametrize(
    "program",
    [OPENCLAW_WITH_JSON, OPENCLAW_OF_MARCH, OPENCLAW_WITH_SQLITE],
    ids=["February", "March", "September"],
)
def test_each_release_asks_a_server_that_is_set_up_here(folder, us, program):
    provider = built_in()["vllm"]
    models = (ModelSpec("coder-model", "Coder", context_window=32_768, max_tokens=4096),)
    us.client().keys.record(KeySetup(provider, f"{us.url}/v1", models=models))
    us.client().models.set_default("vllm/coder-model")
    us.portal.accepts_key("vllm-local").says("Hello from the portal")
    said = RealProgram(program, folder).run(
        "agent", "--local", "--agent", "main", "--message", "hi", timeout=300
    )
    assert "Hello from the portal" in said
    assert set(us.bearers("/v1/chat/completions")) == {"vllm-local"}
