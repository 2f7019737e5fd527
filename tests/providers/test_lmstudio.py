"""LM Studio."""

import asyncio

from provider_contract import LocalContract
from standins import LMStudio, Local

from openclaw_ipython.providers import built_in


class TestLMStudio(LocalContract):
    id = "lmstudio"
    stand_in = LMStudio

    def test_its_own_list_tells_the_window(self, client):
        async def refresh():
            async with client:
                return await client.refresh_models("lmstudio")

        assert {model.context_window for model in asyncio.run(refresh()).models} == {32_768}

    def test_an_older_release_without_that_list_is_asked_the_usual_way(self, stranger, provider):
        client = stranger(Local(provider.base_url))

        async def refresh():
            async with client:
                return await client.refresh_models("lmstudio")

        assert len(asyncio.run(refresh()).models) == 2

    def test_it_is_also_typed_with_a_hyphen(self):
        assert built_in().named("lm-studio") == "lmstudio"
