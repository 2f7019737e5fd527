"""The lists of models that services have sent, in the file `ipython/catalogue.json` of the state folder.

A list belongs to the address it came from and is not used with another base URL. The file can be deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import Stamp, stamp_of
from openclaw_ipython.openclaw.reading import own_json, update_own_json
from openclaw_ipython.providers import ModelSpec  # noqa: TC001 - msgspec decodes it


class StoredList(Struct, frozen=True):
    """The list of a service, and the address it came from."""

    base_url: str
    models: tuple[ModelSpec, ...]


_Lists = dict[str, StoredList]


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
        self._read: _Lists = {}

    def models(self, provider_id: str, base_url: str) -> tuple[ModelSpec, ...]:
        """The last list from `base_url`; empty if there is none."""
        stored = self._lists().get(provider_id)
        return stored.models if stored is not None and stored.base_url == base_url.rstrip("/") else ()

    def save(self, provider_id: str, base_url: str, models: tuple[ModelSpec, ...]) -> RefreshedModels:
        """Store a list. Raises DocumentError when the file cannot be written."""
        stored = StoredList(base_url.rstrip("/"), models)
        update_own_json(self.path, _Lists, lambda lists: lists | {provider_id: stored})
        return RefreshedModels(provider_id, stored.base_url, models, self.path)

    def today(self) -> str:
        """The present date, for the source of a list."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _lists(self) -> _Lists:
        try:
            stamp = stamp_of(self.path)
        except DocumentError:
            return {}
        if stamp != self._stamp:
            self._stamp, self._read = stamp, own_json(self.path, _Lists)
        return self._read
