"""Model Studio, pay as you go."""

import asyncio
import json

import pytest
from provider_contract import ProviderContract
from standins import DashScope, Refused, ThinksByItself

from openclaw_ipython.errors import QuotaExceeded, RequestRejected, UsageError
from openclaw_ipython.providers import built_in


class TestModelStudio(ProviderContract):
    id = "modelstudio"
    stand_in = DashScope

    @pytest.mark.parametrize("word", ["modelstudio", "qwen", "qwencloud", "dashscope", "DashScope"])
    def test_its_other_names_mean_it(self, word):
        assert built_in().named(word) == "modelstudio"

    @pytest.mark.parametrize(
        "written", ["qwen/qwen3.7-plus", "qwencloud/qwen3.7-plus", "modelstudio/qwen3.7-plus", "qwen"]
    )
    def test_a_model_of_it_is_written_in_full(self, client, written):
        assert str(client.resolve("hi", model=written).ref) == "modelstudio/qwen3.7-plus"

    @pytest.mark.parametrize("model", ["coder-model", "vision-model"])
    def test_the_portals_models_stay_the_portals(self, model):
        assert built_in().named("qwen", model) == "qwen-portal"

    def test_what_openclaw_wrote_under_qwen_is_its_login_and_address(self, stranger, home, provider):
        beijing = provider.regions[1].base_url
        service = DashScope(beijing, ("qwen3.7-plus",))
        client = stranger(service)
        home.auth_profiles.parent.mkdir(parents=True)
        entry = {"baseUrl": beijing, "models": []}
        home.config_path.write_text(json.dumps({"models": {"providers": {"qwen": entry}}}))
        profile = {"type": "api_key", "provider": "qwen", "key": service.key}
        home.auth_profiles.write_text(json.dumps({"version": 1, "profiles": {"qwen:manual": profile}}))
        assert self.ask(client, "hello", model="qwen/qwen3.7-plus") == "I saw words."
        assert {row.ref.provider for row in client.models.rows()} == {"modelstudio"}

    @pytest.mark.parametrize(
        ("address", "priced"),
        [
            ("https://dashscope.aliyuncs.com/compatible-mode/v1", False),
            ("https://ws-1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", False),
            ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", True),
            ("https://ws-1.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1", True),
            ("https://dashscope.aliyuncs.com.example/compatible-mode/v1", True),
        ],
    )
    @pytest.mark.parametrize("stated", ["nothing", "the list", "another"])
    def test_beijing_bills_in_yuan_and_has_no_price_of_the_dollar_list(
        self, home, stranger, provider, address, priced, stated
    ):
        model = {"id": "qwen3.7-plus", "name": "plus"}
        cost = {
            "nothing": None,
            "the list": {"input": 0.5, "output": 3},
            "another": {"input": 7, "output": 9},
        }
        if cost[stated] is not None:
            model["cost"] = cost[stated]
        home.config_path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"baseUrl": address, "models": [model]}
        home.config_path.write_text(json.dumps({"models": {"providers": {"modelstudio": entry}}}))
        service = DashScope(address, ("qwen3.7-plus",))
        client = stranger(service, {"DASHSCOPE_API_KEY": service.key})
        found = client.resolve("hi", model="modelstudio/qwen3.7-plus").price
        assert (found is not None) == (priced or stated == "another")
        written = {row["id"]: row["cost"] for row in provider.entry(address)["models"]}
        assert (written["qwen3.7-plus"]["input"] > 0) == priced

    def test_an_entry_qwen_of_the_portal_is_not_its_own(self, stranger, home, provider, service):
        home.config_path.parent.mkdir(parents=True)
        entry = {"baseUrl": "https://portal.qwen.ai/v1", "models": []}
        home.config_path.write_text(json.dumps({"models": {"providers": {"qwen": entry}}}))
        client = stranger(service, {"DASHSCOPE_API_KEY": service.key})
        assert client.resolve("hi", model="modelstudio/qwen3.7-plus").url.startswith(provider.base_url)

    def test_a_model_that_thinks_by_itself_answers_without_a_stream(self, stranger, provider):
        service = ThinksByItself(provider.base_url, ("qwen3.7-plus",))
        client = stranger(service, {"DASHSCOPE_API_KEY": service.key})
        assert self.ask(client, "hi", model="modelstudio/qwen3.7-plus", stream=False) == "I saw words."

    def test_thinking_without_a_stream_is_a_mistake_to_retype(self, client):
        with pytest.raises(UsageError, match="streams"):
            client.resolve("hi", model="modelstudio/qwen3.7-plus", stream=False, thinking="on")

    def test_an_unlisted_model_is_asked_and_gets_its_thinking_by_its_name(self, client, service):
        service.models = ("qwen3.9-max",)
        assert self.ask(client, "hi", model="modelstudio/qwen3.9-max") == "I saw words."

    @pytest.mark.parametrize(
        ("status", "error", "kind", "says"),
        [
            (403, {"code": "AllocationQuota.FreeTierOnly", "message": "Exhausted."}, QuotaExceeded, "free tier only"),
            (400, {"code": "Arrearage", "message": "Access denied, the account is overdue."}, QuotaExceeded, ""),
            (403, {"code": "Model.AccessDenied", "message": "Model access denied."}, RequestRejected, "models list"),
            (400, {"code": "data_inspection_failed", "message": "May be inappropriate."}, RequestRejected, ""),
            (404, {"code": "model_not_found", "message": "No such model."}, RequestRejected, "models list"),
        ],
    )  # fmt: skip
    def test_a_refusal_says_what_to_do_and_is_not_repeated(self, client, service, status, error, kind, says):
        service.refusals = [Refused(status, {"error": error, "request_id": "r-9"})]
        with pytest.raises(kind) as caught:
            self.ask(client, "hi", model="modelstudio/qwen3.7-plus")
        assert says in caught.value.hint
        assert caught.value.request_id == "r-9"
        assert len(service.chats) == 1

    def test_thinking_is_turned_on_where_the_model_insists(self, client, service):
        service.refusals = [
            Refused(
                400,
                service.error(
                    "The value of the enable_thinking parameter must be true.", "invalid_parameter_error"
                ),
            )
        ]

        async def notices():
            async with client:
                events = client.stream("hi", model="modelstudio/qwen3.7-plus", thinking="off")
                return [event.text async for event in events if hasattr(event, "seconds")]

        assert any("only with thinking" in text for text in asyncio.run(notices()))
        assert [body.get("enable_thinking") for body in service.chats] == [False, True]
