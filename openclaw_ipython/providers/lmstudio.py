"""LM Studio's server on this machine: whatever is downloaded there, no key.

It has no table: what it offers is asked for and remembered (`models list --refresh`).
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import LocalServer, Provider, Region, Source

DOCS = Source("LM Studio documentation: OpenAI compatibility, REST API v0", "2026-10")

PROVIDER = Provider(
    id="lmstudio",
    label="LM Studio",
    aliases=("lm-studio",),
    base_url="http://127.0.0.1:1234/v1",
    regions=(Region("local", N_("This machine"), "http://127.0.0.1:1234/v1"),),
    placeholder="lmstudio-local",
    models=(),
    default_model="",
    local=LocalServer(
        1234,
        list_path="/api/v0/models",
        owners=("organization_owner",),
        start=N_("load a model in LM Studio and start its server: `lms server start`"),
    ),
    dialect="lmstudio",
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS},
)
