"""Any server with the OpenAI completions API, at an address that the user names, with or without a key.

The address is that of `--region`, of the entry in `openclaw.json`, or of OPENAI_BASE_URL, to which alone OPENAI_API_KEY
is sent. Without any of these it is that of a LiteLLM proxy on this machine.
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import LocalServer, Provider, Region, Source

DOCS = Source("LiteLLM documentation: proxy, quick start", "2026-11")
OPENAI = Source("openai-python README: OPENAI_BASE_URL, OPENAI_API_KEY", "2026-11")

PROVIDER = Provider(
    id="openai-compatible",
    label="OpenAI-compatible server",
    aliases=("litellm",),
    base_url="http://127.0.0.1:4000/v1",
    regions=(Region("litellm", N_("LiteLLM on this machine"), "http://127.0.0.1:4000/v1"),),
    models=(),
    default_model="",
    local=LocalServer(
        4000,
        list_path="/v1/model/info",  # LiteLLM's, with the limits
        variable="OPENAI_BASE_URL",
        key_variable="OPENAI_API_KEY",
        start=N_(
            "name its address: %openclaw login --provider openai-compatible --region http://HOST:PORT/v1"
        ),
    ),
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS, "variables": OPENAI},
)
