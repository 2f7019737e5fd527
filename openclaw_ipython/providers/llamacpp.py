"""llama.cpp's `llama-server` on this machine: the model it was started with, no key.

It has no table: what it offers is asked for and remembered (`models list --refresh`).
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import LocalServer, Provider, Region, Source

DOCS = Source("llama.cpp: README of tools/server", "2026-11")

PROVIDER = Provider(
    id="llamacpp",
    label="llama.cpp",
    aliases=("llama.cpp", "llama-cpp", "llama-server"),
    base_url="http://127.0.0.1:8080/v1",
    regions=(Region("local", N_("This machine"), "http://127.0.0.1:8080/v1"),),
    models=(),
    default_model="",
    local=LocalServer(
        8080,
        variable="LLAMA_ARG_PORT",
        owners=("llamacpp",),
        start=N_("start it with a model: `llama-server -m model.gguf --jinja`"),
    ),
    dialect="vllm",  # it takes `chat_template_kwargs` as well
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS},
)
