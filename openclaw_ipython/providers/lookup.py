"""The configuration entry of a provider, the provider of an address, and the other addresses for a key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import https_host
from openclaw_ipython.openclaw.config_view import ConfigView, ProviderEntry, merged_entry

if TYPE_CHECKING:
    from openclaw_ipython.providers import Provider, Providers

# The keys of these products look alike: a key that one refuses may be another's.
_SAME_VENDOR = ("modelstudio", "qwen-token-plan", "qwen-coding-plan")


def refused_key_hint(provider: Provider, base_url: str, others: Iterable[Provider]) -> str:
    """The hint for a key that `provider` refused at `base_url`, with the other addresses.

    A key of Alibaba Cloud is valid at one address only, that of its product and region. Another address refuses it
    with the same 401 as a mistyped key (Model Studio help, "error-code").
    """
    command = f"%openclaw login --provider {provider.id} --force"
    if provider.local is not None:
        command = f"%openclaw models auth add --provider {provider.id}"
    other_urls = [region.base_url for region in provider.regions if region.base_url != base_url.rstrip("/")]
    if provider.id in _SAME_VENDOR:
        other_urls += [
            region.base_url
            for other in others
            if other.id in _SAME_VENDOR and other.id != provider.id
            for region in other.regions
        ]
    if not other_urls:
        return _("the key was sent to {url}; {command}", url=base_url, command=command)
    return _(
        "a key belongs to one address; in use: {url}; others: {others}. To choose another: {command}",
        url=base_url,
        others=", ".join(other_urls),
        command=command,
    )


def provider_at(url: str, providers: Mapping[str, Provider]) -> str:
    """The id of the provider with this address, empty for an unknown one."""
    for provider in providers.values():
        if url in {provider.base_url, *(region.base_url for region in provider.regions)}:
            return provider.id
    return ""


def entry_of(
    providers: Providers, config: ConfigView, catalog: Mapping[str, ProviderEntry], provider_id: str
) -> ProviderEntry | None:
    """The entry of a provider in the configuration, completed by OpenClaw's derived catalog.

    OpenClaw's releases write Model Studio under different ids (`modelstudio`, later `qwen`); the provider's own id
    comes first.
    """
    for written_id in providers.written_as(provider_id):
        entry = merged_entry(config, catalog, written_id)
        if entry is not None and (written_id == provider_id or not _is_portal(entry)):
            return entry
    return None


def _is_portal(entry: ProviderEntry) -> bool:
    """Whether an entry under the id `qwen` is the portal's: its address shows it."""
    host = https_host(entry.base_url or "") or ""
    return host == "qwen.ai" or host.endswith(".qwen.ai")
