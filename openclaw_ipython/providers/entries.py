"""A provider's entry in OpenClaw's files, under whichever of its ids it was written. Pure.

OpenClaw's releases name Model Studio differently (`modelstudio`, later `qwen`); whoever set it up there has it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from openclaw_ipython.net.urls import https_host
from openclaw_ipython.openclaw.config_view import ConfigView, ProviderEntry, merged_entry

if TYPE_CHECKING:
    from openclaw_ipython.providers import Providers


def entry_of(
    providers: Providers, config: ConfigView, catalog: Mapping[str, ProviderEntry], provider_id: str
) -> ProviderEntry | None:
    """The entry of a provider, with what OpenClaw's derived catalog adds to it. Its own id comes before the others."""
    for written in providers.written_as(provider_id):
        entry = merged_entry(config, catalog, written)
        if entry is not None and (written == provider_id or not _is_portal(entry)):
            return entry
    return None


def _is_portal(entry: ProviderEntry) -> bool:
    """`qwen` was also a name of the portal, whose address gives it away."""
    host = https_host(entry.base_url or "") or ""
    return host == "qwen.ai" or host.endswith(".qwen.ai")
