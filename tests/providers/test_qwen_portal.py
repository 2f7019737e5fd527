"""The portal: the contract, and the sign-in with the practice portal in its place."""

import asyncio

import pytest
from provider_contract import ProviderContract
from standins import DashScope, Refused

from openclaw_ipython.providers.qwen_portal import base_url_from


class LastWeeks(DashScope):
    """As it was from April 2026: nothing that does not open like the real client's requests."""

    def check(self, body):
        super().check(body)
        match body["messages"][0]:
            case {"role": "system", "content": [*parts]} if any("cache_control" in part for part in parts):
                return
        raise Refused(400, self.error("bad request", "invalid_parameter_error"))


class TestPortal(ProviderContract):
    id = "qwen-portal"
    stand_in = LastWeeks

    @pytest.mark.parametrize(
        ("resource_url", "base_url"),
        [
            ("portal.qwen.ai", "https://portal.qwen.ai/v1"),
            ("https://portal.qwen.ai/", "https://portal.qwen.ai/v1"),
            ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ],
    )
    def test_where_questions_go_is_what_the_sign_in_said(self, resource_url, base_url):
        assert base_url_from(resource_url) == base_url

    def test_a_whole_conversation_with_the_practice_portal(self, house):
        asyncio.run(house.login())
        house.portal.says("Hello", reasoning=("Hm.",))
        reply = asyncio.run(house.another().ask("hi", thinking="on"))
        assert (reply.reasoning, str(reply)) == ("Hm.", "Hello")
        assert house.portal.requests[-1].json()["enable_thinking"] is True
        done = asyncio.run(house.another().refresh_models("qwen-portal"))
        assert {model.id for model in done.models} >= {"coder-model", "vision-model"}

    def test_a_stand_in_that_insists_on_marks_gets_them_at_the_second_try(self, house):
        asyncio.run(house.login())
        house.portal.demands_cache_control().says("fine")
        assert asyncio.run(house.another().ask("hi", system="be brief")) == "fine"
        first, second = [r.json()["messages"][0] for r in house.portal.requests[-2:]]
        assert first == {"role": "system", "content": "be brief"}
        assert second["content"][0]["cache_control"] == {"type": "ephemeral"}
