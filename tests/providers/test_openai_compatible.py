"""Any OpenAI-compatible server, at an address that the user names."""

import asyncio

import httpx
import pytest
from provider_contract import LocalContract
from standins import VLLM

from openclaw_ipython.client import Client
from openclaw_ipython.errors import LoginRequired, ServiceUnavailable
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.sanitize.secrets import Secret

KEY = "sk-made-up-0123456789"


class TestOpenAICompatible(LocalContract):
    id = "openai-compatible"
    stand_in = VLLM  # an unknown server gets the thinking options of Qwen's chat template


@pytest.fixture
def make(house):
    def client(handler):
        runtime = house.client.runtime
        store = Store(house.home, runtime)
        return Client(
            store=store, providers=built_in(), transport=httpx.MockTransport(handler), runtime=runtime
        )

    return client


class Service:
    """Lists and answers below one base URL; `key` is the key it wants."""

    def __init__(self, base_url, key=""):
        self.base_url, self.key, self.seen = base_url, key, []

    def __call__(self, request):
        login = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.append((str(request.url), login))
        if str(request.url) not in {f"{self.base_url}/models", f"{self.base_url}/chat/completions"}:
            return httpx.Response(404, text="404 page not found")
        if self.key and login != self.key:
            return httpx.Response(
                401, json={"error": {"message": "Authentication Error, No api key passed in."}}
            )
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "helo"}]})
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]}
        )


def log_in(client, region=None, provider="openai-compatible"):
    return asyncio.run(client.login_locally(provider, region=region))


def test_the_address_and_the_key_of_the_openai_variables_are_used(house, make):
    house.environ |= {"OPENAI_BASE_URL": "https://llm.example/v1/", "OPENAI_API_KEY": KEY}
    service = Service("https://llm.example/v1", KEY)
    outcome = log_in(make(service))
    assert outcome.base_url == "https://llm.example/v1"
    assert house.config()["models"]["providers"]["openai-compatible"]["apiKey"] == "OPENAI_API_KEY"
    assert asyncio.run(make(service).ask("Hi", model="openai-compatible/helo")) == "Hi."


def test_the_openai_key_is_sent_to_no_other_address(house, make):
    house.environ |= {"OPENAI_API_KEY": KEY}
    service = Service("http://127.0.0.1:4000/v1")
    log_in(make(service))
    asyncio.run(make(service).ask("Hi", model="openai-compatible/helo"))
    assert {login for _, login in service.seen} == {""}


@pytest.mark.parametrize(
    ("word", "region", "address"),
    [
        ("litellm", None, "http://127.0.0.1:4000/v1"),
        ("openai-compatible", "https://llm.example/v1", "https://llm.example/v1"),
    ],
)
def test_a_server_that_wants_a_key_is_set_up_with_it(house, make, word, region, address):
    service = Service(address, KEY)
    client = make(service)
    with pytest.raises(LoginRequired) as caught:
        log_in(client, region, word)
    assert caught.value.hint == f"%openclaw login --provider openai-compatible --region {service.base_url}"
    outcome = asyncio.run(client.login_locally(word, Secret(KEY), region=region))
    assert (outcome.base_url, outcome.profile_id) == (service.base_url, "openai-compatible:default")
    assert asyncio.run(make(service).ask("Hi", model="openai-compatible/helo")) == "Hi."


def test_a_stored_key_is_not_sent_to_an_address_that_is_typed(make):
    service = Service("https://other.example/v1", KEY)
    client = make(service)
    client.logins.add_key("openai-compatible", "manual", "api_key", Secret(KEY))
    with pytest.raises(LoginRequired):
        log_in(client, "https://other.example/v1")
    assert {login for _, login in service.seen} == {""}


@pytest.mark.parametrize("typed", ["http://127.0.0.1:8123", "http://127.0.0.1:8123/v1/chat/completions"])
@pytest.mark.parametrize("provider", ["openai-compatible", "vllm"])
def test_an_address_typed_without_v1_or_with_a_path_is_corrected(make, typed, provider):
    outcome = log_in(make(Service("http://127.0.0.1:8123/v1")), typed, provider)
    assert outcome.base_url == "http://127.0.0.1:8123/v1"


def test_where_nothing_answers_the_hint_says_what_to_type(make):
    def off(request):
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ServiceUnavailable, match=r"http://127\.0\.0\.1:4000/v1") as caught:
        log_in(make(off))
    assert "--region http://HOST:PORT/v1" in caught.value.hint


@pytest.mark.parametrize(
    ("environ", "provider", "url"),
    [
        ({"OLLAMA_HOST": "127.0.0.1:11500"}, "ollama", "http://127.0.0.1:11500/v1"),
        ({"LLAMA_ARG_PORT": "8081"}, "llamacpp", "http://127.0.0.1:8081/v1"),
    ],
)
def test_a_variable_is_heeded_by_the_sign_in_by_questions_and_by_the_scan(
    house, make, environ, provider, url
):
    house.environ |= environ
    service = Service(url)
    client = make(service)
    assert asyncio.run(client.ask("Hi", model=f"{provider}/helo")) == "Hi."
    (found,) = [row for row in asyncio.run(client.scan()) if row.kind == "local server"]
    assert (found.name, found.command) == (url, f"%%qwen {provider}/helo")
    assert log_in(make(service), provider=provider).base_url == url
