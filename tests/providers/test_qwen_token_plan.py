"""The Token Plan."""

from provider_contract import ProviderContract
from standins import TokenPlan

from openclaw_ipython.errors import QuotaExceeded


class TestTokenPlan(ProviderContract):
    id = "qwen-token-plan"
    stand_in = TokenPlan
    limit_error = (QuotaExceeded,)

    def test_it_says_its_terms(self, provider):
        assert "scripts" in provider.terms

    def test_it_has_no_price_per_token(self, provider):
        assert all(model.price is None for model in provider.models)
