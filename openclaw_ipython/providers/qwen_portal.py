"""Qwen's portal: sign-in by device code, models `coder-model` and `vision-model`.

Facts from OpenClaw's "Qwen" provider page and its `qwen-portal-auth` plugin as of February 2026 (wire
observed), model limits as that plugin writes them. The free sign-in was ended by the service on
2026-04-15; the protocol is kept for portals that speak it, the practice portal among them.
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import DeviceLogin, ModelSpec, Provider, Region, Source

PLUGIN = Source("OpenClaw, plugin qwen-portal-auth and provider page qwen", "2026-02")


def base_url_from(resource_url: str) -> str:
    """`resource_url` as the service writes it (often a bare host) → base URL, without trailing slash."""
    url = resource_url.strip()
    if "://" not in url:
        url = "https://" + url
    url = url.rstrip("/")
    return url if url.endswith("/v1") else url + "/v1"


PROVIDER = Provider(
    id="qwen-portal",
    label="Qwen",
    aliases=("qwen-oauth", "qwen-cli"),
    plugin="qwen-portal-auth",
    base_url="https://portal.qwen.ai/v1",
    regions=(Region("portal", N_("Qwen portal"), "https://portal.qwen.ai/v1"),),
    placeholder="qwen-oauth",
    key_variables=("QWEN_OAUTH_TOKEN", "QWEN_PORTAL_API_KEY"),
    models=(
        ModelSpec("coder-model", "Qwen Coder", source=PLUGIN),
        ModelSpec("vision-model", "Qwen Vision", input=("text", "image"), source=PLUGIN),
    ),
    default_model="coder-model",
    image_model="vision-model",
    model_aliases={"qwen": "coder-model"},
    closed=True,
    device_login=DeviceLogin(
        origin="https://chat.qwen.ai",
        device_path="/api/v1/oauth2/device/code",
        token_path="/api/v1/oauth2/token",
        client_id="f0304373b74a44d2b584a3fb70ca9e56",  # public, as in OpenClaw and Qwen Code
        scope="openid profile email model.completion",
        hosts=("qwen.ai",),
        retired=N_("the Qwen portal's free sign-in ended on 2026-04-15"),
    ),
    base_url_from=base_url_from,
    notes=("The service ended its free sign-in on 2026-04-15; new sign-ins may be refused.",),
    dialect="portal",
    sources={
        "address": PLUGIN,
        "variables": PLUGIN,
        "models": PLUGIN,
        "login": PLUGIN,
        "dialect": Source("Qwen Code 0.12.0, requests observed", "2026-04"),
    },
)
