"""Fireworks AI: open-weight models served by the token."""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import KeyLogin, ModelSpec, Provider, Region, Source

CATALOGUE = Source("models.dev, provider fireworks-ai", "2026-07-02")
DOCS = Source("Fireworks documentation: OpenAI compatibility, reasoning", "2026-10")

PROVIDER = Provider(
    id="fireworks",
    label="Fireworks AI",
    aliases=("fireworks-ai",),
    base_url="https://api.fireworks.ai/inference/v1",
    regions=(Region("global", N_("Global"), "https://api.fireworks.ai/inference/v1"),),
    key_variables=("FIREWORKS_API_KEY",),
    key_login=KeyLogin(prefix="fw_", page="https://app.fireworks.ai/settings/users/api-keys"),
    models=(
        # limits by the rule for the model's name; `models list --refresh` brings the service's own
        ModelSpec(
            "accounts/fireworks/models/qwen3p7-plus",
            "Qwen3.7 Plus",
            ("text", "image"),
            1_000_000,
            65_536,
            True,
            "hybrid",
            source=CATALOGUE,
        ),
    ),
    default_model="accounts/fireworks/models/qwen3p7-plus",
    image_model="accounts/fireworks/models/qwen3p7-plus",
    dialect="fireworks",
    sources={"address": DOCS, "variables": DOCS, "models": CATALOGUE, "login": DOCS, "dialect": DOCS},
)
