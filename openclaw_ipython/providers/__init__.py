"""The built-in providers: each module of this package that defines `PROVIDER` is one (docs/adding-a-provider.md)."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module

from openclaw_ipython.providers.spec import (
    DeviceLogin,
    KeyLogin,
    LocalServer,
    ModelSpec,
    Price,
    Provider,
    Region,
    Source,
)

__all__ = [
    "DeviceLogin",
    "KeyLogin",
    "LocalServer",
    "ModelSpec",
    "Price",
    "Provider",
    "Providers",
    "Region",
    "Source",
    "built_in",
]

# The provider of `qwen/…` depends on the model: the portal for its two models (as in OpenClaw up to March 2026),
# Model Studio for all others (as in later releases).
_QWEN = "qwen"
_PORTAL = "qwen-portal"
_MODEL_STUDIO = "modelstudio"


class Providers(Mapping[str, Provider]):
    """The providers by id. `named` also finds them by their other names."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._by_id = {provider.id: provider for provider in providers}
        self._ids = {alias: p.id for p in self._by_id.values() for alias in (p.id, *p.aliases)}

    def __getitem__(self, provider_id: str) -> Provider:
        return self._by_id[provider_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def named(self, word: str, model: str = "") -> str | None:
        """The id of the provider named `word`; `model` decides between two of that name. None if it is unknown."""
        word = word.lower()
        if word == _QWEN:
            portal = self._by_id.get(_PORTAL)
            if portal is not None and portal.model(model) is not None:
                return portal.id
            return _MODEL_STUDIO if _MODEL_STUDIO in self._by_id else None
        return self._ids.get(word)

    def written_as(self, provider_id: str) -> tuple[str, ...]:
        """The ids under which a file may hold a provider, its own first; they differ among OpenClaw's releases."""
        provider = self._by_id.get(provider_id)
        aliases = provider.aliases if provider is not None else ()
        return (provider_id, *aliases, *((_QWEN,) if provider_id == _MODEL_STUDIO else ()))


@cache
def built_in() -> Providers:
    """All providers of this package: the portal first, then the others by id."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        provider = getattr(import_module(f"{__name__}.{info.name}"), "PROVIDER", None)
        if isinstance(provider, Provider):
            found.append(provider)
    return Providers(sorted(found, key=lambda p: (p.device_login is None, p.id)))
