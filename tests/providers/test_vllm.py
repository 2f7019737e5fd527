"""vLLM."""

from provider_contract import LocalContract
from standins import VLLM


class TestVLLM(LocalContract):
    id = "vllm"
    stand_in = VLLM
