"""The person's own OpenClaw agents, by the HTTP endpoints of their Gateway. Each agent is a model: `openclaw/main`.

Address and secret are those of OpenClaw itself: `gateway.*` in `openclaw.json`, and OPENCLAW_GATEWAY_URL, _PORT, _TOKEN
and _PASSWORD. They are read for each request, and never written.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import ConfigError, LoginRequired
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.net.urls import base_url_problem
from openclaw_ipython.providers.spec import ConfiguredEndpoint, ConfiguredService, Provider, Region, Source

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView

DOCS = Source("OpenClaw 2026.9.6: gateway/remote.md, gateway/config-gateway.md, requests observed", "2026-11")

PORT = 18789
_URL = "OPENCLAW_GATEWAY_URL"
_TOKEN, _PASSWORD = "OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"


def endpoint(config: ConfigView) -> ConfiguredEndpoint:
    """Where the Gateway is, and the places that may hold its secret, the first one that does wins."""
    environ = config.environ
    mode = config.get(("gateway", "auth", "mode"))
    named, remote = environ.get(_URL, "").strip(), config.get(("gateway", "remote", "url"))
    is_remote = config.get(("gateway", "mode")) == "remote" and isinstance(remote, str)
    if named:  # never with a secret of the file, which belongs to another address
        return _at(_URL, named, _keys(config, _TOKEN, _PASSWORD))
    if is_remote:
        places: tuple[str, ...] = (
            "gateway.remote.token", _TOKEN, "gateway.auth.token",
            _PASSWORD, "gateway.remote.password", "gateway.auth.password",
        )  # fmt: skip
        return _at("gateway.remote.url", remote, _keys(config, *places))
    tokens = ("gateway.auth.token", _TOKEN, "gateway.remote.token")
    passwords = ("gateway.auth.password", _PASSWORD, "gateway.remote.password")
    places = {"token": tokens, "password": passwords, "none": ()}.get(mode, (*tokens, *passwords))
    scheme = "https" if config.get(("gateway", "tls", "enabled")) is True else "http"
    port = environ.get("OPENCLAW_GATEWAY_PORT", "").strip() or config.get(("gateway", "port"))
    number = int(port) if str(port).isdecimal() and 0 < int(port) < 65_536 else PORT
    keys, needs_key = _keys(config, *places), mode != "none"
    problem = _no_openclaw() if needs_key and not keys and not _is_installed(config) else None
    return ConfiguredEndpoint(f"{scheme}://127.0.0.1:{number}/v1", keys, needs_key, problem)


def secret_command(config: ConfigView, place: str) -> str:
    """What mends a secret that the Gateway refuses, or, of the empty place, one that is not found here."""
    is_local = config.get(("gateway", "mode")) != "remote" and not config.environ.get(_URL, "").strip()
    if not place and is_local and _is_installed(config) and not endpoint(config).keys:
        return "!openclaw doctor --generate-gateway-token"
    if not place or place.startswith("env: "):
        return 'import os, getpass; os.environ["OPENCLAW_GATEWAY_TOKEN"] = getpass.getpass()'
    if is_local:
        return "!openclaw gateway restart"
    return _("in a terminal: openclaw config set {place} SECRET", place=place)


def _at(place: str, url: str, keys: tuple[tuple[str, Any], ...]) -> ConfiguredEndpoint:
    """The Gateway at the address in `place`: its HTTP address, as it serves HTTP and WebSocket on one port."""
    base_url = re.sub(r"^ws(?=s?://)", "http", url.strip().rstrip("/"), flags=re.I) + "/v1"
    wrong = base_url_problem(
        re.sub(r"^http:", "https:", base_url, flags=re.I)
    )  # http elsewhere is another matter
    problem = ConfigError(
        _("{place} is not an address", place=place), hint=_("one is ws://127.0.0.1:18789, or wss://HOST")
    )
    return ConfiguredEndpoint(base_url, keys, problem=problem if wrong else None)


def _is_installed(config: ConfigView) -> bool:
    """Whether there is a trace of OpenClaw on this computer. This package writes neither."""
    return bool(config.raw(("gateway",)) or shutil.which("openclaw", path=config.environ.get("PATH", "")))


def _no_openclaw() -> LoginRequired:
    return LoginRequired(
        _("no OpenClaw is found on this computer: no program openclaw, no gateway in openclaw.json"),
        hint=_(
            "in a terminal: npm install -g openclaw, then openclaw onboard; for one elsewhere set OPENCLAW_GATEWAY_URL "
            "and OPENCLAW_GATEWAY_TOKEN; without OpenClaw: %%qwen"
        ),
    )


def _keys(config: ConfigView, *places: str) -> tuple[tuple[str, Any], ...]:
    """The places that hold something: a variable as a reference to it, a setting as it is typed."""
    found = []
    for place in places:
        if "." in place:
            value = config.raw(tuple(place.split(".")))
        else:
            value = {"source": "env", "id": place} if config.environ.get(place, "").strip() else None
        if value:
            found.append((place if "." in place else f"env: {place}", value))
    return tuple(found)


PROVIDER = Provider(
    id="openclaw",
    label="OpenClaw Gateway",
    base_url=f"http://127.0.0.1:{PORT}/v1",
    regions=(Region("local", "OpenClaw Gateway", f"http://127.0.0.1:{PORT}/v1"),),
    models=(),
    default_model="",
    configured=ConfiguredService(
        endpoint, start=N_("start it in a terminal: openclaw gateway run"), key_command=secret_command
    ),
    dialect="agent",
    sources={"address": DOCS, "models": DOCS, "dialect": DOCS, "variables": DOCS},
)
