"""What of a configuration may be shown."""

import pytest

from openclaw_ipython.openclaw.masking import holds_secret, is_secret_name, masked

KEY = "sk-0123456789abcdefghij"


@pytest.mark.parametrize(
    "name",
    [
        "apiKey", "api_key", "token", "botToken", "access-token", "password", "clientSecret", "signing_secret",
        "Authorization", "OPENROUTER_API_KEY", "passphrase", "key", "webhookToken", "cookie", "credentials",
    ],
)  # fmt: skip
def test_these_names_stand_for_secrets(name):
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
def test_these_names_do_not(name):
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
def test_a_value_is_shown_like_this(name, value, shown):
    assert masked(value, name) == shown
    assert holds_secret(value, name) == (value != shown)
