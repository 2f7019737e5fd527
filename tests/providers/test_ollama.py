"""Ollama."""

import asyncio

from provider_contract import LocalContract
from standins import Ollama


class TestOllama(LocalContract):
    id = "ollama"
    stand_in = Ollama

    def test_it_is_asked_what_each_model_reads(self, client):
        async def refresh():
            async with client:
                return await client.refresh_models("ollama")

        able, coder = asyncio.run(refresh()).models
        assert (able.input, able.context_window) == (("text", "image"), 40_960)
        assert (coder.input, coder.thinking) == (("text",), "none")
