"""The addresses at which local servers are looked for: the configured one, that of a variable, the usual ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from openclaw_ipython.net.urls import base_url_problem, is_loopback, is_private
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.providers import Provider, Providers

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - where servers listen, not clients
_LAST_PORT = 65535


class ServerAddress(Struct, frozen=True):
    """An address of a local server. `is_default`: a request to the provider goes there without a change."""

    provider: str
    base_url: str
    is_default: bool = True


def configured_address(provider: Provider, config: ConfigView) -> str:
    """The base URL of a provider without an entry of its own in the configuration."""
    if provider.configured is not None:
        return provider.configured.endpoint(config).base_url
    return default_address(provider, config.environ)


def default_address(provider: Provider, environ: Mapping[str, str]) -> str:
    """The base URL of a provider without an entry: that of the variable of a local server, else the usual one."""
    local = provider.local
    value = environ.get(local.variable, "") if local is not None and local.variable else ""
    found = address_from(value, local.port) if local is not None and value.strip() else ""
    return found or provider.base_url


def address_from(value: str, port: int) -> str:
    """The base URL for the value of a variable like OLLAMA_HOST: a URL, `host:port`, a host or a port.

    `port` is for a value without one; a URL without one has that of its scheme. A path is kept, else it is `/v1`. An
    address at which a server listens everywhere is that of this machine. Empty for a value without an address.
    """
    text = value.strip().strip("\"'")
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
        if text.count(":") > 1 and not text.startswith("["):
            rest = f"[{text}]"
        elif text.lstrip(":").isdigit():
            rest = f"127.0.0.1:{text.lstrip(':')}"
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        named = parts.port or (None if found else port)
    except ValueError:
        return ""
    host = parts.hostname or ""
    host = _ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
    url = f"{scheme}://{host}{f':{named}' if named else ''}{parts.path.rstrip('/') or '/v1'}"
    return "" if base_url_problem(url) else url


def local_addresses(
    providers: Providers, environ: Mapping[str, str], config: ConfigView
) -> tuple[ServerAddress, ...]:
    """Where local servers may answer, each address once: those in use first, then the usual ones.

    Own entries in the configuration count where they are on this machine or in a private network.
    """
    found: dict[str, ServerAddress] = {}
    for address in _addresses(providers, environ, config):
        if is_loopback(address.base_url) or is_private(address.base_url):
            found.setdefault(address.base_url, address)
    return tuple(found.values())


def _addresses(
    providers: Providers, environ: Mapping[str, str], config: ConfigView
) -> Iterator[ServerAddress]:
    local = [provider for provider in providers.values() if provider.local is not None]
    own = [provider_id for provider_id in config.provider_ids if provider_id.lower() not in providers]
    for provider_id in [*(provider.id for provider in local), *own]:
        entry = config.provider(provider_id)
        if entry is not None and entry.base_url:
            yield ServerAddress(provider_id, entry.base_url.rstrip("/"))
    for provider in local:
        entry = config.provider(provider.id)
        configured = entry is not None and bool(entry.base_url)
        yield ServerAddress(provider.id, default_address(provider, environ), not configured)
    for provider in local:
        for region in provider.regions:
            yield ServerAddress(provider.id, region.base_url, is_default=False)


def variable_key(provider: Provider, base_url: str, environ: Mapping[str, str]) -> tuple[str, Secret] | None:
    """The variable and the key that belong to the address of a provider's variable, if `base_url` is that one.

    OPENAI_API_KEY goes to OPENAI_BASE_URL and to no other address.
    """
    local = provider.local
    if local is None or not local.key_variable or not environ.get(local.variable, "").strip():
        return None
    value = environ.get(local.key_variable, "").strip()
    if not value or default_address(provider, environ) != base_url:
        return None
    return local.key_variable, Secret(value)


def owner_of(owned_by: str, providers: Providers) -> str | None:
    """The provider whose servers write `owned_by` into their lists of models; None if it tells nothing."""
    return next((p.id for p in providers.values() if p.local and owned_by in p.local.owners), None)
