"""Ollama on this machine: whatever was pulled there, no key.

It has no table: what it offers is asked for and remembered (`models list --refresh`).
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import LocalServer, Provider, Region, Source

DOCS = Source("Ollama documentation: OpenAI compatibility, show model details", "2026-10")

PROVIDER = Provider(
    id="ollama",
    label="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    regions=(Region("local", N_("This machine"), "http://127.0.0.1:11434/v1"),),
    placeholder="ollama-local",
    models=(),
    default_model="",
    local=LocalServer(
        11434,
        detail_path="/api/show",
        variable="OLLAMA_HOST",
        owners=("library",),
        start=N_("start it with `ollama serve`, fetch a model with `ollama pull qwen3:8b`"),
    ),
    dialect="ollama",
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS},
)
