"""Somebody else's installation: services of OpenClaw that are not asked from here are known, kept and never advised
against."""

import asyncio
import json

import pytest
from checkup import examine, faults, write

from openclaw_ipython.errors import ConfigError, LoginRequired, UnknownModel, UsageError
from openclaw_ipython.openclaw.config_rules import refusals

KEY = "sk-made-up-0123456789"
LAB = {"baseUrl": "https://lab.example/v1", "apiKey": KEY, "api": "openai-completions"}


def installation(primary, **models):
    return {"agents": {"defaults": {"model": {"primary": primary}, "models": models or {primary: {}}}}}


FOREIGN = [
    "anthropic/claude-opus-4-6", "openai/gpt-5.4", "google/gemini-3-pro", "zai/glm-5", "moonshot/kimi-k2.5",
    "kimi-coding/k2p5", "openai-codex/gpt-5.3-codex", "github-copilot/gpt-5", "xai/grok-5", "minimax/MiniMax-M2.5",
]  # fmt: skip


@pytest.mark.parametrize("primary", FOREIGN)
def test_a_default_of_openclaws_own_is_neither_an_error_nor_advised_against(house, primary):
    write(house, installation(primary, **{primary: {"alias": "mine"}}))
    before = house.files()
    assert faults(house) == []
    (note,) = [f for f in examine(house) if f.check == "model"]
    assert primary in note.what
    assert note.fix == "%openclaw login --provider modelstudio"
    house.environ["DASHSCOPE_API_KEY"] = KEY
    (note,) = [f for f in examine(house) if f.check == "model"]
    assert note.fix == '%config OpenClaw.default_model = "modelstudio/qwen3.7-plus"'
    assert house.files() == before


def test_a_question_to_it_says_what_can_answer_here(house):
    write(house, installation("anthropic/claude-opus-4-6"))
    with pytest.raises(ConfigError, match="OpenClaw only") as caught:
        asyncio.run(house.client.ask("hi"))
    assert caught.value.hint == "%openclaw login --provider modelstudio"
    house.environ["DASHSCOPE_API_KEY"] = KEY
    with pytest.raises(ConfigError) as caught:
        asyncio.run(house.client.ask("hi"))
    assert "%%qwen -m modelstudio/" in caught.value.hint
    assert "%config OpenClaw.default_model" in caught.value.hint


def test_a_fallback_that_answers_here_is_named_first(house):
    house.environ["DASHSCOPE_API_KEY"] = KEY
    config = installation("anthropic/claude-opus-4-6")
    config["agents"]["defaults"]["model"]["fallbacks"] = ["openai/gpt-5.4", "modelstudio/qwen3.7-plus"]
    write(house, config)
    with pytest.raises(ConfigError) as caught:
        asyncio.run(house.client.ask("hi"))
    assert "-m modelstudio/qwen3.7-plus" in caught.value.hint


def test_another_protocol_is_openclaws_too(house):
    config = installation("lab/claude")
    entry = {**LAB, "api": "anthropic-messages", "models": [{"id": "claude", "name": "c"}]}
    write(house, config | {"models": {"providers": {"lab": entry}}})
    assert faults(house) == []
    with pytest.raises(ConfigError, match="OpenClaw only"):
        asyncio.run(house.client.ask("hi"))


def test_a_service_with_an_entry_of_the_users_own_is_asked(house):
    entry = {**LAB, "models": [{"id": "gpt-x", "name": "x"}]}
    write(house, installation("openai/gpt-x") | {"models": {"providers": {"openai": entry}}})
    assert house.client.models.target(house.client.models.default()).base_url == "https://lab.example/v1"
    assert faults(house) == []


def test_signing_in_to_it_is_said_to_be_openclaws(house):
    with pytest.raises(UsageError, match="OpenClaw's own") as caught:
        house.client.provider("anthropic")
    assert caught.value.hint == "!openclaw models auth login --provider anthropic"


@pytest.mark.parametrize("word", ["opus", "anthropic/claude-opus-4-6", "Anthropic/claude-opus-4-6"])
def test_a_default_once_changed_is_restored(house, word):
    opus = "anthropic/claude-opus-4-6"
    write(house, installation(opus, **{opus: {"alias": "opus"}}))
    models = house.client.models
    models.set_default("modelstudio/qwen3.7-plus")
    assert str(models.set_default(word).ref) == opus
    assert house.config()["agents"]["defaults"]["model"]["primary"] == opus
    assert models.add_fallback("openai/gpt-5.4").ref.provider == "openai"
    models.add_alias("sonnet", "anthropic/claude-sonnet-4-6")
    models.remove_fallback("openai/gpt-5.4")
    assert models.aliases()["opus"] == opus
    assert refusals(house.config()) == ()


def test_a_key_for_it_leaves_the_file_valid(house):
    from openclaw_ipython.sanitize.secrets import Secret

    house.client.logins.add_key("anthropic", "manual", "api_key", Secret(KEY))
    assert refusals(house.config()) == ()
    assert "models" not in house.config()
    assert [f for f in faults(house) if "anthropic" in f.where] == []


# -- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("primary", "resolved"),
    [
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("coder-model", "qwen-portal/coder-model"),
        ("m1", "lab/m1"),
        ("shared", "anthropic/shared"),
        ("mine", "lab/m1"),
    ],
)
def test_a_bare_default_is_an_alias_then_of_the_one_provider_that_lists_it(house, primary, resolved):
    models = [{"id": "m1", "name": "m"}, {"id": "shared", "name": "s"}]
    providers = {"lab": LAB | {"models": models}, "other": LAB | {"models": models[1:]}}
    config = installation(primary, **{"lab/m1": {"alias": "mine"}})
    write(house, config | {"models": {"providers": providers}})
    assert str(house.client.models.default()) == resolved


@pytest.mark.parametrize(
    ("word", "resolved"),
    [
        ("Qwen/Qwen3-4B", "lab/Qwen/Qwen3-4B"),
        ("lab/Qwen/Qwen3-4B", "lab/Qwen/Qwen3-4B"),
        ("qwen/qwen3.7-plus", "modelstudio/qwen3.7-plus"),
        ("plain", "lab/plain"),
        ("meta/llama", "lab/meta/llama"),
    ],
)
def test_an_id_that_a_configured_provider_lists_comes_first(house, word, resolved):
    models = [{"id": i, "name": i} for i in ("Qwen/Qwen3-4B", "plain", "meta/llama")]
    write(house, {"models": {"providers": {"lab": LAB | {"models": models}}}})
    assert str(house.client.models.resolve(word)) == resolved


def test_an_id_that_two_providers_list_is_refused_with_both_refs(house):
    entry = LAB | {"models": [{"id": "Qwen/Qwen3-4B", "name": "q"}]}
    write(house, {"models": {"providers": {"lab": entry, "den": entry}}})
    with pytest.raises(UnknownModel, match="several services") as caught:
        house.client.models.resolve("Qwen/Qwen3-4B")
    assert caught.value.suggestions == ("lab/Qwen/Qwen3-4B", "den/Qwen/Qwen3-4B")


def test_allowed_are_the_models_of_the_list_and_no_others(house):
    config = installation("lab/m1", **{"lab/m1": {}, "anthropic/claude-opus-4-6": {"alias": "opus"}})
    write(house, config | {"models": {"providers": {"lab": LAB | {"models": [{"id": "m2", "name": "m"}]}}}})
    assert [str(ref) for ref in house.client.models.allowed()] == ["lab/m1", "anthropic/claude-opus-4-6"]


# -- logins --------------------------------------------------------------------------------


def test_a_key_without_a_default_model_is_found(house):
    profile = {"type": "api_key", "provider": "qwen", "key": KEY}
    house.home.auth_profiles.parent.mkdir(parents=True)
    house.home.auth_profiles.write_text(json.dumps({"version": 1, "profiles": {"qwen:manual": profile}}))
    with pytest.raises(LoginRequired, match="no model is chosen yet") as caught:
        asyncio.run(house.client.ask("hi"))
    assert caught.value.hint.startswith("%%qwen modelstudio/qwen3.7-plus")
