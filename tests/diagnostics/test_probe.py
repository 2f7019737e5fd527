"""`models status --probe`: one tiny question with every login, and a row for each."""

import asyncio
import json

import pytest

from openclaw_ipython import errors
from openclaw_ipython.diagnostics.probe import status_of
from openclaw_ipython.sanitize.secrets import Secret

MINE = {"baseUrl": "http://127.0.0.1:8642/v1", "api": "openai-completions", "models": [{"id": "coder-model"}]}


def probe(house):
    return asyncio.run(house.client.probe())


def login(house, **options):
    asyncio.run(house.login(**options))


def test_every_login_and_key_gets_a_row(house):
    login(house)
    login(house, profile="work")
    house.portal.accepts_key("sk-good-key-for-the-portal")
    house.environ["QWEN_OAUTH_TOKEN"] = "sk-good-key-for-the-portal"
    rows = probe(house)
    assert [(r.label, r.source, r.mode, r.status, r.model) for r in rows] == [
        ("qwen-portal:default", "profile", "oauth", "ok", "qwen-portal/coder-model"),
        ("qwen-portal:work", "profile", "oauth", "ok", "qwen-portal/coder-model"),
        ("env: QWEN_OAUTH_TOKEN", "env", "api_key", "ok", "qwen-portal/coder-model"),
    ]
    assert all(r.latency_ms is not None for r in rows)


def test_the_question_is_tiny(house):
    login(house)
    probe(house)
    body = house.portal.requests[-1].json()
    assert body["max_tokens"] == 1
    assert len(json.dumps(body["messages"])) < 100


@pytest.mark.parametrize(
    ("status", "code", "outcome", "name"),
    [
        (401, "invalid_api_key", "auth", ""),
        (429, "limit_requests", "rate_limit", "RateLimited"),
        (400, "invalid_parameter_error", "format", "RequestRejected"),
        (500, "internal", "timeout", "ServiceUnavailable"),
    ],
)
def test_a_failure_is_a_row_with_its_class_and_is_not_tried_again(house, status, code, outcome, name):
    login(house)
    body = json.dumps({"error": {"code": code, "message": "no"}})
    for _ in range(5):
        house.portal.fails_next("chat", status, body)
    before = len(house.portal.requests)
    (row,) = probe(house)
    assert row.status == outcome
    assert row.error.startswith(name)
    assert sum(r.path.endswith("/chat/completions") for r in house.portal.requests[before:]) <= 2


def test_a_bad_login_hides_no_other_one_and_no_other_one_replaces_it(house):
    login(house)
    house.client.logins.add_key("qwen-portal", "manual", "token", Secret("sk-not-a-good-one"))
    rows = {row.label: row.status for row in probe(house)}
    assert rows == {"qwen-portal:default": "ok", "qwen-portal:manual": "auth"}


def test_a_provider_without_a_login_is_a_row(house):
    house.write_config(
        {
            "agents": {"defaults": {"model": {"primary": "far/x"}}},
            "models": {"providers": {"far": {"baseUrl": "https://far.example/v1", "models": []}}},
        }
    )
    (row,) = probe(house)
    assert (row.provider, row.status, row.latency_ms) == ("far", "auth", None)
    assert row.error.startswith("LoginRequired: ")


def test_a_provider_entry_of_the_configuration_is_probed_too(house):
    house.write_config(
        {"agents": {"defaults": {"model": "mine/coder-model"}}, "models": {"providers": {"mine": MINE}}}
    )
    house.portal.accepts_key("sk-mine-0123456789")
    house.environ["MINE_API_KEY"] = "sk-mine-0123456789"
    (row,) = probe(house)
    assert (row.label, row.status, row.model) == ("env: MINE_API_KEY", "ok", "mine/coder-model")


def test_without_a_model_and_a_login_there_is_no_row(house):
    assert probe(house) == []


def test_a_probe_records_no_failure(house):
    login(house)
    before = house.files()
    house.portal.fails_next("chat", 429, '{"error": {"code": "limit_requests", "message": "no"}}')
    probe(house)
    assert house.files() == before


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.LoginRequired("x"), "auth"),
        (errors.RefreshRejected("x"), "auth"),
        (errors.QuotaExceeded("x"), "billing"),
        (errors.RateLimited("x"), "rate_limit"),
        (errors.RequestRejected("x", status=403), "auth"),
        (errors.RequestRejected("x", status=400), "format"),
        (errors.ServiceUnavailable("x"), "timeout"),
        (errors.ProtocolError("x"), "format"),
        (errors.ConfigError("x"), "no_model"),
        (errors.UsageError("x"), "unknown"),
    ],
)
def test_outcomes_have_openclaws_names(error, outcome):
    assert status_of(error) == outcome
