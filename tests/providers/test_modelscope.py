"""ModelScope."""

from provider_contract import ProviderContract
from standins import ModelScope


class TestModelScope(ProviderContract):
    id = "modelscope"
    stand_in = ModelScope
