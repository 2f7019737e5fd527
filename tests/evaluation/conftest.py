"""Services whose answers are known: a function of the model and the prompt."""

import asyncio
import json

import httpx
import pytest

PRICED = {
    "cheap": {"input": 0.1, "output": 0.1},
    "strong": {"input": 1.0, "output": 1.0},
}  # US dollars for a million tokens


class Oracle(httpx.AsyncBaseTransport):
    """Answers every prompt by a function of the model and the prompt: a text, or an httpx.Response to refuse it.

    `asked` has model and prompt of every request. All else is answered by the practice portal.
    """

    def __init__(self, house, answer):
        self._portal = house.portal.transport()
        self.answer = answer
        self.asked = []

    async def handle_async_request(self, request):
        if not request.url.path.endswith("/chat/completions"):
            return await self._portal.handle_async_request(request)
        body = json.loads(request.content)
        prompt = next(one["content"] for one in body["messages"] if one["role"] == "user")
        self.asked.append((body["model"], prompt))
        text = self.answer(body["model"], prompt)
        if isinstance(text, httpx.Response):
            return text
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        return httpx.Response(200, json={"choices": [choice], "usage": usage})


@pytest.fixture
def oracle(house):
    """`oracle(answer)`: a signed-in home whose models `test/cheap` and `test/strong` answer by the function."""
    asyncio.run(house.login())

    def answering(answer):
        config = house.config()
        config["models"]["providers"]["test"] = {
            "baseUrl": "http://127.0.0.1:8642/v1",
            "apiKey": "sk-made-up-0123456789",
            "api": "openai-completions",
            "models": [
                {"id": name, "name": name, "cost": {**cost, "cacheRead": 0, "cacheWrite": 0}}
                for name, cost in PRICED.items()
            ],
        }
        house.write_config(config)
        house.client._transport = Oracle(house, answer)
        return house.client._transport

    return answering
