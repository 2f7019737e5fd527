"""Entries of the person's own under `models.providers`: spoken to in the manner of their host, or plainly."""

import asyncio
import json
import os

import pytest
from standins import DashScope, StandIn

from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import LoginRequired
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in

KEY = "sk-made-up-0123456789"


@pytest.fixture
def own(home, clock):
    """A client of a home whose `models.providers.mine` is at the address of a stand-in."""

    def make(service, environ=None, **entry):
        home.config_path.parent.mkdir(parents=True, exist_ok=True)
        mine = {
            "baseUrl": service.base_url,
            "api": "openai-completions",
            "models": [],
            "apiKey": KEY,
            **entry,
        }
        home.config_path.write_text(json.dumps({"models": {"providers": {"mine": mine}}}))
        runtime = Runtime(environ or {}, clock, clock, clock.sleep, lambda: 0.0, os.urandom)
        store = Store(home, Runtime(runtime.environ, clock=clock))
        return Client(store=store, providers=built_in(), transport=service.transport(), runtime=runtime)

    return make


@pytest.mark.parametrize(
    ("base_url", "model", "environ", "field"),
    [
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3.7-plus", {}, "enable_thinking"),
        ("https://gateway.example/v1", "qwen3.7-plus", {}, "chat_template_kwargs"),
        ("https://gateway.example/v1", "other", {}, "reasoning_effort"),
        ("https://openrouter.ai/api/v1", "other", {}, "reasoning"),
        (
            "https://gateway.example/v1",
            "qwen3.7-plus",
            {"DASHSCOPE_PROXY_BASE_URL": "https://gateway.example/v1"},
            "enable_thinking",
        ),
    ],
)
def test_they_are_asked_in_the_manner_of_their_host(own, base_url, model, environ, field):
    service = StandIn(base_url, (model,))
    client = own(service, environ)
    asyncio.run(client.ask("hi", model=f"mine/{model}", thinking="low"))
    assert [
        name for name in service.chats[-1] if "thinking" in name or "reasoning" in name or "kwargs" in name
    ] in (
        [field],
        [field, "thinking_budget"],
    )


def test_an_unlisted_model_has_limits_by_its_name(own):
    client = own(
        DashScope("https://dashscope.aliyuncs.com/v1"), models=[{"id": "qwen3.7-plus"}, {"id": "llama"}]
    )
    rows = {row.ref.model: row for row in client.models.rows(provider="mine")}
    assert (rows["qwen3.7-plus"].context_window, rows["qwen3.7-plus"].max_tokens) == (1_000_000, 65_536)
    assert "image" in rows["qwen3.7-plus"].input
    assert (rows["llama"].context_window, rows["llama"].input) == (0, ())  # unknown


def test_a_refused_key_names_where_it_is_written(own):
    client = own(StandIn("https://gateway.example/v1"), apiKey="sk-another-0000")
    with pytest.raises(LoginRequired) as caught:
        asyncio.run(client.ask("hi", model="mine/some-model"))
    assert "https://gateway.example/v1" in caught.value.hint
    assert "models.providers.mine" in caught.value.hint
    assert "sk-another" not in caught.value.hint


def test_their_list_can_be_refreshed_too(own):
    client = own(StandIn("https://gateway.example/v1", ("one", "two")))
    done = asyncio.run(client.refresh_models("mine"))
    assert [model.id for model in done.models] == ["one", "two"]
    assert [row.ref.model for row in client.models.rows(provider="mine")] == ["one", "two"]


def test_models_mode_replace_keeps_only_what_is_written(home, own):
    client = own(StandIn("https://gateway.example/v1", ("one", "two")), models=[{"id": "one"}])
    asyncio.run(client.refresh_models("mine"))
    config = json.loads(home.config_path.read_text())
    config["models"]["mode"] = "replace"
    home.config_path.write_text(json.dumps(config))
    assert [row.ref.model for row in client.models.rows(provider="mine")] == ["one"]
