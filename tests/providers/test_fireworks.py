"""Fireworks AI."""

from provider_contract import ProviderContract
from standins import Fireworks


class TestFireworks(ProviderContract):
    id = "fireworks"
    stand_in = Fireworks
