"""The Coding Plan."""

import pytest
from provider_contract import ProviderContract
from standins import CodingPlan

from openclaw_ipython.errors import RequestRejected, UnknownModel


class TestCodingPlan(ProviderContract):
    id = "qwen-coding-plan"
    stand_in = CodingPlan

    def test_its_gateway_turning_us_away_is_explained_with_another_product(self, client, service):
        service.turned_away = True
        with pytest.raises(RequestRejected, match="plan serves only the programs its vendor lists") as caught:
            self.ask(client, "hi", model="qwen-coding-plan/qwen3.5-plus")
        assert "modelstudio" in caught.value.hint
        assert len(service.chats) == 1

    @pytest.mark.parametrize("model", ["qwen3.8-max", "qwen3.7-max", "qwen3.6-flash"])
    def test_what_is_not_on_its_list_is_not_asked_for(self, client, model):
        with pytest.raises(UnknownModel):
            client.resolve("hi", model=f"qwen-coding-plan/{model}")

    def test_it_has_no_price_per_token(self, provider):
        assert all(model.price is None for model in provider.models)
