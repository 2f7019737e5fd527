"""The lists of models that services have sent, in the file `ipython/catalogue.json` of the state folder.

A list belongs to the address it came from and is not used with another base URL. The file can be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, stamp_of, write_atomically
from openclaw_ipython.providers import ModelSpec, Price, Source
from openclaw_ipython.sanitize.text import json_value

_VERSION = 2  # up to version 1 the lists had limits and input kinds that no service had stated


class RefreshedModels(Struct, frozen=True):
    """A list that was fetched, and the file that holds it."""

    provider: str
    base_url: str
    models: tuple[ModelSpec, ...]
    path: Path


class ModelCatalog:
    """The stored lists. `path` is the file, `clock` gives epoch seconds. A damaged file counts as an empty one."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        self._stamp: Stamp | None = None
        self._read: dict[str, Any] = {}
        self._specs: dict[tuple[str, str], tuple[ModelSpec, ...]] = {}

    def models(self, provider_id: str, base_url: str) -> tuple[ModelSpec, ...]:
        """The last list from `base_url`; empty if there is none."""
        document = self._document()
        key = (provider_id, base_url.rstrip("/"))
        if key not in self._specs:
            stored = document.get(provider_id)
            mine = isinstance(stored, Mapping) and stored.get("baseUrl") == key[1]
            self._specs[key] = tuple(_specs(stored)) if mine and isinstance(stored, Mapping) else ()
        return self._specs[key]

    def save(self, provider_id: str, base_url: str, models: tuple[ModelSpec, ...]) -> RefreshedModels:
        """Store a list. Raises DocumentError when the file cannot be written."""
        base_url = base_url.rstrip("/")
        stored = {
            "baseUrl": base_url,
            "fetchedAt": int(self._clock() * 1000),
            "models": [_written(spec) for spec in models],
        }
        for _attempt in range(5):
            document = {**self._document(), provider_id: stored}
            text = json.dumps({"version": _VERSION, "providers": document}, ensure_ascii=False, indent=1)
            try:
                write_atomically(self.path, text, expect=self._stamp)
            except FileChanged:
                continue
            return RefreshedModels(provider_id, base_url, models, self.path)
        raise StoreBusy(
            _("{path} keeps changing", path=self.path), path=self.path, hint=_("try again in a moment")
        )

    def today(self) -> str:
        """The present date, for the source of a list."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _document(self) -> dict[str, Any]:
        try:
            stamp = stamp_of(self.path)
            if stamp != self._stamp or stamp is None:
                found = read_text(self.path) if stamp is not None else None
                self._stamp = found[1] if found else None
                self._read, self._specs = _providers(found[0] if found else ""), {}
        except DocumentError:
            self._read, self._specs = {}, {}
        return self._read


def _providers(text: str) -> dict[str, Any]:
    document = json_value(text)
    providers = document.get("providers") if isinstance(document, dict) else None
    return providers if isinstance(providers, dict) and document.get("version") == _VERSION else {}


def _written(spec: ModelSpec) -> dict[str, Any]:
    stored: dict[str, Any] = {
        "id": spec.id,
        "name": spec.name,
        "input": list(spec.input),
        "contextWindow": spec.context_window,
        "maxTokens": spec.max_tokens,
        "reasoning": spec.reasoning,
        "thinking": spec.thinking,
    }
    if spec.price is not None:
        stored["cost"] = [spec.price.input, spec.price.output, spec.price.cache_read, spec.price.cache_write]
    return stored


def _specs(stored: Mapping[str, Any]) -> list[ModelSpec]:
    rows = stored.get("models")
    try:
        date = datetime.fromtimestamp(float(stored.get("fetchedAt", 0)) / 1000, UTC).date().isoformat()
        source = Source("the service's own list", date)
        return [_spec(row, source) for row in rows] if isinstance(rows, list) else []
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        return []  # written by hand or by a later release


def _spec(row: Mapping[str, Any], source: Source) -> ModelSpec:
    cost = row.get("cost")
    price = Price(float(cost[0]), float(cost[1]), source, cost[2], cost[3]) if cost else None
    return ModelSpec(
        str(row["id"]),
        str(row["name"]),
        tuple(map(str, row["input"])),
        int(row["contextWindow"]),
        int(row["maxTokens"]),
        bool(row["reasoning"]),
        row["thinking"],
        price,
        source,
    )
