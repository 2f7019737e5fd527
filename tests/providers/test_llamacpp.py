"""llama.cpp."""

from provider_contract import LocalContract
from standins import VLLM

from openclaw_ipython.providers import built_in


class TestLlamaCpp(LocalContract):
    id = "llamacpp"
    stand_in = VLLM  # arguments of the chat template, as there


def test_it_is_named_as_its_program():
    assert built_in().named("llama.cpp") == built_in().named("llama-server") == "llamacpp"
