"""OpenRouter: many vendors' models behind one key, Qwen's among them."""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import KeyLogin, ModelSpec, Price, Provider, Region, Source

CATALOGUE = Source("models.dev, provider openrouter", "2026-07-02")
DOCS = Source(
    "OpenRouter documentation: quickstart, reasoning tokens, models API, current API key", "2026-11"
)
IMAGES = ("text", "image")

PROVIDER = Provider(
    id="openrouter",
    label="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    regions=(Region("global", N_("Global"), "https://openrouter.ai/api/v1"),),
    key_variables=("OPENROUTER_API_KEY",),
    key_login=KeyLogin(prefix="sk-or-", page="https://openrouter.ai/settings/keys", check="/key"),
    models=(
        ModelSpec(
            "qwen/qwen3.7-plus", "Qwen3.7 Plus", IMAGES, 1_000_000, 65_536, True, "hybrid",
            Price(0.32, 1.28, CATALOGUE), CATALOGUE,
        ),
        ModelSpec(
            "qwen/qwen3.7-max", "Qwen3.7 Max", ("text",), 1_000_000, 65_536, True, "hybrid",
            Price(1.25, 3.75, CATALOGUE), CATALOGUE,
        ),
        ModelSpec(
            "qwen/qwen3.6-plus", "Qwen3.6 Plus", IMAGES, 1_000_000, 65_536, True, "hybrid", None, CATALOGUE
        ),
        ModelSpec(
            "qwen/qwen3.6-flash", "Qwen3.6 Flash", IMAGES, 1_000_000, 65_536, True, "hybrid", None, CATALOGUE
        ),
        ModelSpec(
            "qwen/qwen3-coder", "Qwen3 Coder", ("text",), 262_144, 32_768, False, "none",
            Price(0.22, 1.8, CATALOGUE), CATALOGUE,
        ),
        ModelSpec(
            "qwen/qwen3-coder:free", "Qwen3 Coder (free)", ("text",), 262_144, 32_768, False, "none",
            Price(0, 0, CATALOGUE), CATALOGUE,
        ),
    ),
    default_model="qwen/qwen3.7-plus",
    image_model="qwen/qwen3.7-plus",
    dialect="openrouter",
    sources={"address": DOCS, "variables": DOCS, "models": CATALOGUE, "login": DOCS, "dialect": DOCS},
)  # fmt: skip
