"""What hosts have refused, in the file `ipython/hosts.json` of the state folder, for the next program.

An entry ends after a week: hosts are updated. The file can be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from openclaw_ipython.chat.adjustments import ADJUSTMENT_NAMES, HostMemory
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, write_atomically

LIFETIME = 7 * 86_400.0
"""Seconds for which an adjustment is made without being refused first."""

_VERSION = 1


class StoredHostMemory(HostMemory):
    """A host memory in the file `path`, read at its first use; `clock` gives epoch seconds.

    A file that cannot be read counts as an empty one, and one that cannot be written is left as it is: the next
    program is refused once more.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._loaded = False

    def known(self, url: str, model: str) -> frozenset[str]:
        """The names of the adjustments for a model at an address."""
        if not self._loaded:
            self._loaded = True
            for host, models in self._read()[0].items():
                for name, adjustments in models.items():
                    super().learn(host, name, self._valid(adjustments))
        return super().known(url, model)

    def learn(self, url: str, model: str, names: Iterable[str]) -> None:
        """Remember that a request with these adjustments was accepted, here and in the file."""
        new = set(names) - self.known(url, model)
        if not new:
            return
        super().learn(url, model, new)
        with suppress(DocumentError):
            self._store(url, model, new)

    def _store(self, url: str, model: str, names: set[str]) -> None:
        for _attempt in range(5):
            hosts, stamp = self._read()
            models = hosts.setdefault(url, {})
            models[model] = {**models.get(model, {}), **dict.fromkeys(sorted(names), int(self._clock()))}
            kept = {
                host: found
                for host, rows in hosts.items()
                if (found := {name: row for name, row in rows.items() if self._valid(row)})
            }
            text = json.dumps({"version": _VERSION, "hosts": kept}, ensure_ascii=False, indent=1)
            with suppress(FileChanged):
                write_atomically(self._path, text, expect=stamp)
                return

    def _read(self) -> tuple[dict[str, dict[str, dict[str, Any]]], Stamp | None]:
        try:
            found = read_text(self._path)
        except DocumentError:
            return {}, None
        if found is None:
            return {}, None
        text, stamp = found
        try:
            document = json.loads(text)
            stored = document["hosts"] if document["version"] == _VERSION else {}
            return {
                host: {name: dict(row) for name, row in rows.items() if isinstance(row, Mapping)}
                for host, rows in stored.items()
            }, stamp
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}, stamp  # written by hand or by a later release

    def _valid(self, adjustments: Mapping[str, Any]) -> list[str]:
        """The names of the adjustments that are known and have not ended."""
        oldest = self._clock() - LIFETIME
        return [
            name
            for name, at in adjustments.items()
            if name in ADJUSTMENT_NAMES and isinstance(at, (int, float)) and at > oldest
        ]
