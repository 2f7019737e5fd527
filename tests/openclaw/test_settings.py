"""`config get|set|unset`: what is shown, what is written, what is refused."""

import json

import pytest

from openclaw_ipython.errors import UsageError
from openclaw_ipython.openclaw.settings import holds_secret, is_secret_name, masked

KEY = "sk-0123456789abcdefghij"
TEXT = """{
  // mine
  models: {
    providers: {
      "a.b": { baseUrl: "https://x.example/v1", apiKey: "sk-0123456789abcdefghij" },
      c: { baseUrl: "${C_URL}", apiKey: "${C_KEY}" },
    },
  },
  agents: { list: [{ id: "main" }] },
}
"""


@pytest.fixture
def settings(house):
    house.write_config(TEXT)
    return house.client.settings


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ('models.providers."a.b".baseUrl', "https://x.example/v1"),
        ("models.providers.a.b.apiKey", "sk-012…hij"),
        ("models.providers.c", {"baseUrl": "${C_URL}", "apiKey": "${C_KEY}"}),
        ("agents.list", [{"id": "main"}]),
        ("agents.list[0].id", "main"),
    ],
)
def test_a_setting_is_shown_as_typed_with_secrets_masked(settings, path, value):
    assert settings.get(path) == value


@pytest.mark.parametrize("act", ["get", "unset"])
@pytest.mark.parametrize(
    ("path", "near"),
    [("models.provider", "models.providers"), ("agents.list[3]", None), ("nothing.at.all", None)],
)
def test_what_is_not_there_is_a_usage_error(house, settings, act, path, near):
    with pytest.raises(UsageError, match="Config path not found") as caught:
        getattr(settings, act)(path)
    assert (near in caught.value.suggestions) if near else True
    assert house.home.config_path.read_text("utf-8") == TEXT


@pytest.mark.parametrize(
    ("text", "as_text", "value"),
    [
        ("true", False, True),
        ("8192", False, 8192),
        ("{a: 1, b: [2]}", False, {"a": 1, "b": [2]}),
        ("plain words", False, "plain words"),
        ("https://y.example/v1", False, "https://y.example/v1"),
        ("${NAME}", False, "${NAME}"),
        ("true", True, "true"),
        ("Infinity", False, "Infinity"),
        ('"8192"', False, "8192"),
    ],
)
def test_a_value_is_json5_where_it_is_that_and_text_otherwise(house, settings, text, as_text, value):
    written = settings.set("logging.file", text, as_text=as_text)
    assert written.file == house.home.config_path
    assert settings.get("logging.file") == value


def test_only_the_setting_changes(house, settings):
    settings.set("models.providers.c.baseUrl", "https://new.example/v1")
    assert house.home.config_path.read_text("utf-8") == TEXT.replace("${C_URL}", "https://new.example/v1")
    settings.set("models.providers.c.baseUrl", "${C_URL}")
    assert house.home.config_path.read_text("utf-8") == TEXT


def test_unsetting_takes_the_member_out_and_nothing_else(house, settings):
    settings.unset("models.providers.c.apiKey")
    after = house.home.config_path.read_text("utf-8")
    assert "// mine" in after
    assert "C_KEY" not in after
    assert settings.get("models.providers.c") == {"baseUrl": "${C_URL}"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("models.providers.c.apiKey", KEY),
        ("models.providers.c.apiKey", "anything"),
        ("channels.telegram.botToken", "123456:secret"),
        ("models.providers.d", json.dumps({"baseUrl": "https://d.example", "apiKey": KEY})),
        ("models.providers.c.baseUrl", "https://me:password@d.example/v1"),
        ("gateway.auth.password", "12345678"),
        ("logging.file", KEY),
    ],
)
def test_a_secret_on_the_line_is_refused_and_not_repeated(house, settings, path, text):
    with pytest.raises(UsageError, match="history") as caught:
        settings.set(path, text)
    assert "${NAME}" in caught.value.hint
    assert text not in str(caught.value) + caught.value.hint
    assert house.home.config_path.read_text("utf-8") == TEXT


@pytest.mark.parametrize(
    "text", ["${C_KEY}", "qwen-oauth", "C_API_KEY", '{source: "env", provider: "default", id: "C_KEY"}']
)
def test_a_reference_to_a_secret_is_written(settings, text):
    settings.set("models.providers.c.apiKey", text)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("modls.mode", "modls: unknown key"),
        ("ipython.x", "ipython: unknown key"),
        ("agents.list[0].id", "set as a whole"),
        ("models.providers.c.baseUrl.more", "single value"),
    ],
)
def test_unknown_settings_and_parts_of_lists_are_not_written(house, settings, path, said):
    with pytest.raises(UsageError, match=said):
        settings.set(path, "x")
    assert house.home.config_path.read_text("utf-8") == TEXT


def test_null_is_no_setting(settings):
    with pytest.raises(UsageError, match="null"):
        settings.set("logging.file", "null")


def test_an_unknown_key_that_is_in_the_file_may_be_changed(house):
    house.write_config({"theirs": {"a": 1}})
    house.client.settings.set("theirs.a", "2")
    assert house.config() == {"theirs": {"a": 2}}


def test_a_changed_base_url_reaches_openclaws_derived_catalogue(house):
    house.write_config({"models": {"providers": {"c": {"baseUrl": "https://old.example/v1", "models": []}}}})
    house.home.models_json.parent.mkdir(parents=True)
    house.home.models_json.write_text('{"providers": {"c": {"baseUrl": "https://old.example/v1"}}}')
    house.client.settings.set("models.providers.c.baseUrl", "https://new.example/v1")
    assert "https://new.example/v1" in house.home.models_json.read_text("utf-8")


def test_paths_for_completion_are_those_of_the_file_and_the_known_groups(settings):
    paths = settings.paths()
    assert 'models.providers."a.b".apiKey' in paths
    assert {"models", "plugins", "gateway"} <= set(paths)


# -- masking -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "apiKey", "api_key", "token", "botToken", "access-token", "password", "clientSecret", "signing_secret",
        "Authorization", "OPENROUTER_API_KEY", "passphrase", "key", "webhookToken", "cookie", "credentials",
    ],
)  # fmt: skip
def test_values_under_these_names_are_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "baseUrl",
        "maxTokens",
        "contextWindow",
        "mode",
        "sessionKey",
        "publicKey",
        "keyRef",
        "tokenFile",
        "auth",
        "",
    ],
)
def test_values_under_these_names_are_none(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("apiKey", KEY, "sk-012…hij"),
        ("apiKey", "short", "…"),
        ("apiKey", "${QWEN_API_KEY}", "${QWEN_API_KEY}"),
        ("apiKey", "$QWEN_API_KEY", "$QWEN_API_KEY"),
        ("apiKey", "qwen-oauth", "qwen-oauth"),
        ("apiKey", "QWEN_PORTAL_API_KEY", "QWEN_PORTAL_API_KEY"),
        ("apiKey", "prefix-${NAME}-and-more-of-it", "prefix…-it"),
        ("apiKey", {"source": "env", "id": "NAME"}, {"source": "env", "id": "NAME"}),
        ("apiKey", "", ""),
        ("password", "correct horse battery staple", "…"),
        ("password", 12345678, "…"),
        ("maxTokens", 8192, 8192),
        ("token", True, True),
        ("keys", [KEY, KEY], ["sk-012…hij", "sk-012…hij"]),
        ("baseUrl", "https://user:hunter2@x.example/v1", "https://…@x.example/v1"),
        ("note", f"use {KEY} please", "use … please"),
        ("baseUrl", "https://portal.qwen.ai/v1", "https://portal.qwen.ai/v1"),
        (
            "providers",
            {"x": {"apiKey": KEY, "headers": {"X-Api-Key": KEY, "X-Title": "mine"}}},
            {"x": {"apiKey": "sk-012…hij", "headers": {"X-Api-Key": "sk-012…hij", "X-Title": "mine"}}},
        ),
    ],
)
def test_secrets_are_masked(name, value, shown):
    assert masked(value, name) == shown
    assert holds_secret(value, name) == (value != shown)
