"""Which address a key belongs to, in words. Pure.

A key of Alibaba Cloud works at one address only: that of its product and its region. At another it is refused with the
same 401 as a mistyped one, and nothing in the key tells which address is right (Model Studio help, "error-code").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.providers.spec import Provider

# Their keys look alike: one that is refused here may be another one's.
_ONE_VENDOR = ("modelstudio", "qwen-token-plan", "qwen-coding-plan")


def wrong_key(provider: Provider, base_url: str, others: Iterable[Provider]) -> str:
    """What to do about a key that `provider` refused at `base_url`: a key and an address belong together."""
    command = f"%openclaw login --provider {provider.id} --force"
    other_urls = [region.base_url for region in provider.other_regions(base_url)]
    if provider.id in _ONE_VENDOR:
        other_urls += [
            region.base_url
            for other in others
            if other.id in _ONE_VENDOR and other.id != provider.id
            for region in other.regions
        ]
    if not other_urls:
        return _("the key was sent to {url}; {command}", url=base_url, command=command)
    return _(
        "a key belongs to one address; in use: {url}; others: {others}. {set_url}, or {command}",
        url=base_url,
        others=", ".join(other_urls),
        set_url=f"%openclaw config set models.providers.{provider.id}.baseUrl URL",
        command=command,
    )


def provider_at(url: str, providers: Mapping[str, Provider]) -> str:
    """The provider that has this address, or a name for an entry of the person's own."""
    for provider in providers.values():
        if url in {provider.base_url, *(region.base_url for region in provider.regions)}:
            return provider.id
    return "qwen-code"
