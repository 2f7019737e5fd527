"""vLLM (or SGLang) on this machine: the model it was started with, no key.

It has no table: what it offers is asked for and remembered (`models list --refresh`).
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import LocalServer, Provider, Region, Source

DOCS = Source("vLLM documentation: OpenAI-compatible server, reasoning outputs", "2026-10")

PROVIDER = Provider(
    id="vllm",
    label="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    regions=(Region("local", N_("This machine"), "http://127.0.0.1:8000/v1"),),
    placeholder="vllm-local",
    models=(),
    default_model="",
    local=LocalServer(
        8000, owners=("vllm", "sglang"), start=N_("start it with a model: `vllm serve Qwen/Qwen3-8B`")
    ),
    dialect="vllm",
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS},
)
