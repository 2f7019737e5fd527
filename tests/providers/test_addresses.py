"""Where local servers are looked for: the configured address, that of a variable, the usual ones."""

import pytest

from openclaw_ipython.openclaw.config_view import ConfigView
from openclaw_ipython.providers import built_in
from openclaw_ipython.providers.addresses import (
    ServerAddress,
    address_from,
    default_address,
    local_addresses,
    owner_of,
    variable_key,
)
from openclaw_ipython.sanitize.secrets import Secret

OLLAMA, GENERIC = built_in()["ollama"], built_in()["openai-compatible"]
KEY = "sk-made-up-0123456789"


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1:11500", "http://127.0.0.1:11500/v1"),
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        (":11500", "http://127.0.0.1:11500/v1"),
        ("11500", "http://127.0.0.1:11500/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:11500", "http://127.0.0.1:11500/v1"),
        ("[::]:11500", "http://[::1]:11500/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("localhost", "http://localhost:11434/v1"),
        ("gpu.lan:11500", "http://gpu.lan:11500/v1"),
        ("http://gpu", "http://gpu/v1"),
        ("https://ollama.example", "https://ollama.example/v1"),
        ("https://ollama.example:8443/api/", "https://ollama.example:8443/api"),
        ("http://127.0.0.1:4000/v1/", "http://127.0.0.1:4000/v1"),
        ('"127.0.0.1:11500"', "http://127.0.0.1:11500/v1"),
        ("http://ollama.example", ""),
        ("ftp://127.0.0.1", ""),
        ("me:secret@127.0.0.1:80", ""),
        ("127.0.0.1:port", ""),
        ("http://[", ""),
        ("two words", ""),
        ("", ""),
    ],
)
def test_the_address_in_a_variable(value, url):
    assert address_from(value, 11434) == url


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, OLLAMA.base_url),
        ({"OLLAMA_HOST": " "}, OLLAMA.base_url),
        ({"OLLAMA_HOST": "no address"}, OLLAMA.base_url),
        ({"OLLAMA_HOST": "127.0.0.1:11500"}, "http://127.0.0.1:11500/v1"),
    ],
)
def test_a_variable_replaces_the_usual_address_of_its_provider(environ, url):
    assert default_address(OLLAMA, environ) == url
    assert default_address(built_in()["modelstudio"], environ) == built_in()["modelstudio"].base_url


def test_the_addresses_in_use_come_first_and_each_is_looked_at_once():
    config = ConfigView(
        {
            "models": {
                "providers": {
                    "ollama": {"baseUrl": "http://192.168.7.2:11434/v1/"},
                    "mine": {"baseUrl": "http://127.0.0.1:8000/v1"},
                    "far": {"baseUrl": "https://far.example/v1"},
                }
            }
        }
    )
    found = local_addresses(built_in(), {"OPENAI_BASE_URL": "https://llm.example/v1"}, config)
    assert found[:2] == (
        ServerAddress("ollama", "http://192.168.7.2:11434/v1"),
        ServerAddress("mine", "http://127.0.0.1:8000/v1"),
    )
    urls = [address.base_url for address in found]
    assert len(urls) == len(set(urls))
    assert ServerAddress("ollama", OLLAMA.base_url, is_default=False) in found
    assert ServerAddress("llamacpp", "http://127.0.0.1:8080/v1") in found
    assert ServerAddress("openai-compatible", "http://127.0.0.1:4000/v1", is_default=False) in found
    assert not any("example" in url for url in urls)


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        ("https://llm.example/v1", {"OPENAI_BASE_URL": "https://llm.example/v1/"}, True),
        ("https://llm.example/v1", {"OPENAI_BASE_URL": "https://other.example/v1"}, False),
        ("http://127.0.0.1:4000/v1", {}, False),  # without OPENAI_BASE_URL the key is OpenAI's
        ("http://127.0.0.1:4000/v1", {"OPENAI_BASE_URL": " "}, False),
    ],
)
def test_the_openai_key_goes_to_the_address_beside_it_only(url, environ, found):
    key = variable_key(GENERIC, url, {**environ, "OPENAI_API_KEY": KEY})
    assert key == (("OPENAI_API_KEY", Secret(KEY)) if found else None)
    assert variable_key(GENERIC, url, environ) is None
    assert variable_key(OLLAMA, url, {**environ, "OPENAI_API_KEY": KEY}) is None


@pytest.mark.parametrize(
    ("owner", "provider"),
    [("llamacpp", "llamacpp"), ("vllm", "vllm"), ("library", "ollama"), ("me", None), ("", None)],
)
def test_a_list_of_models_tells_the_kind_of_its_server(owner, provider):
    assert owner_of(owner, built_in()) == provider
