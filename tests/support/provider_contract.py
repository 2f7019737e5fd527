"""What every provider has to satisfy. A test class names the provider and its stand-in, and inherits the rest."""

import asyncio
import json
import os
import re

import pytest
from standins import KEY, PNG, StandIn

from openclaw_ipython.chat.dialects import DIALECTS
from openclaw_ipython.chat.types import Message
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import LoginRequired, QuotaExceeded, RateLimited, ServiceUnavailable
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.sanitize.secrets import Secret

DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])(-[0-3]\d)?")
ENTRY_KEYS = {"baseUrl", "apiKey", "api", "models"}
MODEL_KEYS = {"id", "name", "reasoning", "input", "cost", "contextWindow", "maxTokens"}


class ProviderContract:
    """`id` and `stand_in` are the only things a provider has to say; `thinker` where its default does not think."""

    id: str
    stand_in: type[StandIn] = StandIn
    thinker = ""
    limit_error: tuple = (RateLimited, QuotaExceeded)

    @pytest.fixture
    def providers(self):
        return built_in()

    @pytest.fixture
    def provider(self, providers):
        return providers[self.id]

    # -- facts --

    def test_its_ids_can_be_typed_and_are_nobody_elses(self, providers, provider):
        taken = [name for p in providers.values() for name in (p.id, *p.aliases)]
        assert re.fullmatch(r"[a-z0-9-]+", provider.id)
        assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in provider.aliases)
        assert len(taken) == len(set(taken))

    def test_its_addresses_are_safe_to_send_a_key_to(self, provider):
        assert provider.base_url == provider.regions[0].base_url
        for region in provider.regions:
            assert https_host(region.base_url) or (provider.local and is_loopback(region.base_url))
            assert not region.base_url.endswith("/")
        assert len({region.id for region in provider.regions}) == len(provider.regions)

    def test_its_key_variables_are_names_of_variables(self, provider):
        assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+_(API_KEY|TOKEN)", name) for name in provider.key_variables)
        ways = (provider.device_login, provider.key_login, provider.local)
        assert sum(way is not None for way in ways) == 1
        assert bool(provider.key_variables) == (provider.local is None)

    def test_its_models_have_limits_kinds_and_a_source(self, provider):
        assert bool(provider.models) == (provider.local is None)
        for model in provider.models:
            assert 0 < model.max_tokens <= model.context_window <= 2_000_000, model.id
            assert model.input[0] == "text"
            assert model.source is not None
            assert DATE.fullmatch(model.source.date)
            assert model.reasoning == (model.thinking not in {"", "none"}) or not model.thinking
            if model.price is not None:
                assert min(model.price.input, model.price.output) >= 0
                assert DATE.fullmatch(model.price.source.date)

    def test_its_defaults_are_models_of_its_own(self, provider):
        if provider.local is not None:
            assert provider.default_model == ""
            return
        assert provider.model(provider.default_model) is not None
        assert "image" in provider.model(provider.image_model).input
        assert all(provider.model(model) for model in provider.model_aliases.values())

    def test_every_group_of_facts_has_a_source_and_a_date(self, provider):
        groups = {"address", "models", "dialect"}
        groups |= {"variables", "login"} if provider.local is None else set()
        groups |= {"terms"} if provider.terms else set()
        assert groups <= set(provider.sources)
        assert all(source.title and DATE.fullmatch(source.date) for source in provider.sources.values())

    def test_its_dialect_is_known(self, provider):
        assert provider.dialect in DIALECTS

    def test_its_terms_are_one_sentence(self, provider):
        assert provider.terms == "" or re.fullmatch(r"[A-Z][^\n]*\.", provider.terms)

    def test_its_entry_is_one_that_every_openclaw_release_takes(self, provider):
        entry = provider.entry(provider.base_url)
        assert set(entry) == ENTRY_KEYS
        for model in entry["models"]:
            assert set(model) == MODEL_KEYS
            assert set(model["input"]) <= {"text", "image"}

    # -- a conversation --

    @pytest.fixture
    def service(self, provider):
        models = tuple(model.id for model in provider.models) or self.stand_in.models
        able = tuple(model.id for model in provider.models if "image" in model.input) or models[:1]
        return self.stand_in(provider.base_url, models, able)

    @pytest.fixture
    def stranger(self, home, clock, providers):
        """Makes clients of this home that have no login but what the environment says."""

        def make(service, environ=None):
            environ = environ or {}
            runtime = Runtime(environ, clock, clock, clock.sleep, lambda: 0.0, os.urandom)
            store = Store(home, Runtime(environ, clock=clock))
            return Client(store=store, providers=providers, transport=service.transport(), runtime=runtime)

        return make

    @pytest.fixture
    def client(self, stranger, provider, service):
        """A client that is signed in, in the way the provider has."""
        client = stranger(service)
        if service.key is not None:
            client.logins.add_key(provider.id, "manual", "api_key", Secret(service.key))
        return client

    def model(self, provider, service):
        return str(provider.ref(provider.default_model or service.models[0]))

    def ask(self, client, *args, **options):
        async def once():
            async with client:
                return await client.ask(*args, **options)

        return asyncio.run(once())

    def test_it_answers(self, client, provider, service):
        reply = self.ask(client, "hello", model=self.model(provider, service), system="be brief")
        assert reply == "I saw words."
        assert reply.usage.input_tokens == 12
        assert service.chats[-1]["stream_options"] == {"include_usage": True}

    def test_it_answers_without_a_stream(self, client, provider, service):
        assert self.ask(client, "hello", model=self.model(provider, service), stream=False) == "I saw words."
        assert "stream_options" not in service.chats[-1]

    def test_several_system_messages_and_developers_are_taken(self, client, provider, service):
        turns = [Message("developer", "one"), Message("user", "hi"), Message("system", "two")]
        assert self.ask(client, turns, model=self.model(provider, service)) == "I saw words."

    def test_it_thinks_when_told_to_and_not_when_told_not_to(self, client, provider, service):
        model = str(provider.ref(self.thinker)) if self.thinker else self.model(provider, service)
        for level in ("on", "low", "medium", "high"):
            reply = self.ask(client, "hello", model=model, thinking=level)
            assert (reply.reasoning, str(reply)) == ("Let me see.", "I saw words."), level
        assert self.ask(client, "hello", model=model, thinking="off").reasoning == ""

    def test_it_sees_an_image(self, client, provider, service):
        parts = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PNG}}]
        model = provider.image_model or service.reads_images[0]
        assert self.ask(client, [Message("user", parts)], model=str(provider.ref(model))) == "I saw an image."

    def test_a_limit_is_an_error_that_says_when(self, client, provider, service):
        service.limits_next()
        with pytest.raises(self.limit_error) as caught:
            self.ask(client, "hello", model=self.model(provider, service))
        assert caught.value.hint
        if isinstance(caught.value, RateLimited):
            assert caught.value.retry_after == 90

    def test_its_models_can_be_listed_and_are_remembered(self, stranger, client, provider, service):
        async def refresh():
            async with client:
                return await client.refresh_models(provider.id)

        done = asyncio.run(refresh())
        chatting = [model for model in service.models if "embedding" not in model]
        assert [model.id for model in done.models] == chatting
        again = stranger(service)
        before = len(service.requests)
        rows = again.models.rows(provider=provider.id)
        assert {row.ref.model for row in rows} >= set(chatting)
        able = {row.ref.model for row in rows if "image" in row.input}
        assert able & set(service.reads_images)
        assert all(row.context_window > 0 for row in rows)
        assert len(service.requests) == before

    def test_a_wrong_key_is_told_with_the_address_it_was_sent_to(self, stranger, provider, service):
        if service.key is None:
            pytest.skip("it needs no key")
        client = stranger(service, {provider.key_variables[0]: "sk-of-somebody-else-000"})
        with pytest.raises(LoginRequired) as caught:
            self.ask(client, "hello", model=self.model(provider, service))
        assert "sk-of-somebody" not in f"{caught.value} {caught.value.hint}"
        if provider.device_login is None:
            assert provider.base_url in caught.value.hint
            for region in provider.regions[1:]:
                assert region.base_url in caught.value.hint
        assert len(service.chats) <= 2

    def test_a_key_can_be_tried_before_it_is_kept(self, stranger, home, provider, service):
        if provider.key_login is None:
            pytest.skip("it has no keys")
        client = stranger(service)

        async def attempt(key):
            async with client:
                return await client._login_service.list_models(provider, provider.base_url, Secret(key))

        assert [model.id for model in asyncio.run(attempt(service.key))] == list(service.models)
        if not provider.key_login.check:  # only a question tells
            assert asyncio.run(attempt(KEY + "-wrong"))
            return
        with pytest.raises(LoginRequired) as caught:
            asyncio.run(attempt(KEY + "-wrong"))
        assert provider.base_url in caught.value.hint
        assert not home.state_dir.exists() or not list(home.state_dir.rglob("*.json"))


class LocalContract(ProviderContract):
    """A server on this machine."""

    limit_error = (ServiceUnavailable,)

    def test_it_needs_no_login(self, client, provider):
        assert client.accounts.credential(provider.id).source == "none needed"

    def test_elsewhere_than_on_this_machine_it_needs_one(self, stranger, home, provider, service):
        home.config_path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"baseUrl": "https://gpu.example/v1", "models": []}
        home.config_path.write_text(json.dumps({"models": {"providers": {provider.id: entry}}}))
        client = stranger(service)
        assert client.accounts.credential(provider.id) is None
