"""The base URL after a sign-in: a setting of the user's own wins, and a token stays with the origin that gave it."""

import asyncio

import pytest

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.openclaw.config_rules import refusals

PORTAL = "http://127.0.0.1:8642"  # where the tests sign in
PROXY = "http://127.0.0.1:9999/own/v1"
VENDOR = "https://portal.qwen.ai/v1"
RESOURCES = [None, PORTAL, "portal.qwen.ai", "http://127.0.0.1:7777"]


def configured(house, base_url):
    house.write_config({"models": {"providers": {"qwen-portal": {"baseUrl": base_url, "models": []}}}})


def signed_in(house, resource_url):
    house.portal.resource_url(resource_url)
    outcome = asyncio.run(house.login())
    return house.config()["models"]["providers"]["qwen-portal"]["baseUrl"], outcome.notes


@pytest.mark.parametrize("resource_url", RESOURCES)
@pytest.mark.parametrize("setting", [f"{PORTAL}/v1", PROXY, "${PORTAL_URL}", "https://proxy.example/v1"])
@pytest.mark.parametrize("at_the_vendor", [False, True])
def test_the_persons_base_url_is_kept_and_that_is_said(house, setting, resource_url, at_the_vendor):
    configured(house, setting)
    house.environ["PORTAL_URL"] = f"{PORTAL}/v1"
    if at_the_vendor:
        del house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"]
    stored, notes = signed_in(house, resource_url)
    assert stored == setting
    assert any(setting in note for note in notes)
    assert refusals(house.config()) == ()


@pytest.mark.parametrize(
    "resource_url", [*RESOURCES, "https://127.0.0.1:8642/v1", "https://evil.example", "x y"]
)
@pytest.mark.parametrize("setting", ["", VENDOR])
def test_without_a_setting_the_token_stays_at_the_portal_that_gave_it(house, resource_url, setting):
    if setting:
        configured(house, setting)
    assert signed_in(house, resource_url)[0] == f"{PORTAL}/v1"


@pytest.mark.parametrize(
    ("resource_url", "stored"),
    [
        (None, VENDOR),
        ("portal.qwen.ai", VENDOR),
        ("eu.portal.qwen.ai", "https://eu.portal.qwen.ai/v1"),
        (PORTAL, VENDOR),
    ],
)
def test_at_the_vendor_the_address_is_the_vendors(house, resource_url, stored):
    del house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"]
    assert signed_in(house, resource_url)[0] == stored


@pytest.mark.parametrize(
    ("resource_url", "stored"),
    [
        (None, "https://login.example/v1"),
        ("login.example/api", "https://login.example/api/v1"),
        ("portal.qwen.ai", "https://login.example/v1"),
        ("other.example", "https://login.example/v1"),
    ],
)
def test_at_another_portal_the_address_is_that_portals(house, resource_url, stored):
    house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"] = "https://login.example"
    assert signed_in(house, resource_url)[0] == stored


@pytest.mark.parametrize("setting", [VENDOR, "https://eu.portal.qwen.ai/v1"])
def test_a_token_of_a_portal_here_is_never_sent_to_the_vendor(house, setting):
    signed_in(house, None)
    house.environ["PORTAL_URL"] = setting
    configured(house, "${PORTAL_URL}")
    sent = len(house.portal.requests)
    with pytest.raises(ConfigError, match="no login is sent there") as caught:
        asyncio.run(house.client.ask("hi", model="qwen-portal/coder-model"))
    assert len(house.portal.requests) == sent
    assert caught.value.hint == f"%openclaw config set models.providers.qwen-portal.baseUrl {PORTAL}/v1"
