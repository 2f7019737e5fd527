"""OpenRouter."""

import asyncio

import pytest
from provider_contract import ProviderContract
from standins import OpenRouter


class TestOpenRouter(ProviderContract):
    id = "openrouter"
    stand_in = OpenRouter

    def test_its_model_names_keep_their_slash(self, client, service):
        assert self.ask(client, "hi", model="openrouter/qwen/qwen3-coder:free") == "I saw words."
        assert service.chats[-1]["model"] == "qwen/qwen3-coder:free"

    def test_its_list_brings_prices(self, client, service):
        service.models = ("new/model",)

        async def refresh():
            async with client:
                return await client.refresh_models("openrouter")

        (model,) = asyncio.run(refresh()).models
        assert (model.price.input, model.price.output) == pytest.approx((0.32, 1.28))
        assert model.max_tokens == 65_536
