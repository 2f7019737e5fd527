"""What hosts have refused, in the file `ipython/hosts.json` of the state folder, for the next program.

An entry ends after a week: hosts are updated. The file can be deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from openclaw_ipython.chat.adjustments import ADJUSTMENT_NAMES, HostMemory
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, write_atomically

LIFETIME = 7 * 86_400.0
"""Seconds for which an adjustment is made without being refused first."""

_Hosts = dict[str, dict[str, dict[str, float]]]
"""Address → model → name of an adjustment → when it was learned, in epoch seconds."""


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
                    super().learn(host, name, adjustments)
        return super().known(url, model)

    def learn(self, url: str, model: str, names: Iterable[str]) -> None:
        """Remember that a request with these adjustments was accepted, here and in the file."""
        new = sorted(set(names) - self.known(url, model))
        super().learn(url, model, new)
        for _attempt in range(5 if new else 0):
            hosts, stamp = self._read()
            hosts.setdefault(url, {}).setdefault(model, {}).update(dict.fromkeys(new, self._clock()))
            try:
                write_atomically(self._path, json.dumps(hosts, ensure_ascii=False, indent=1), expect=stamp)
            except FileChanged:
                continue
            except DocumentError:
                pass
            return

    def _read(self) -> tuple[_Hosts, Stamp | None]:
        """The entries that have not ended, and the stamp of the file."""
        stored, stamp = None, None
        hosts: _Hosts = {}
        with suppress(DocumentError):
            stored = read_text(self._path)
        if stored is not None:
            text, stamp = stored
            with suppress(msgspec.MsgspecError, RecursionError):  # written by hand or by a later release
                hosts = msgspec.json.decode(text, type=_Hosts)
        oldest = self._clock() - LIFETIME
        return {
            url: {
                model: {name: at for name, at in row.items() if name in ADJUSTMENT_NAMES and at > oldest}
                for model, row in models.items()
            }
            for url, models in hosts.items()
        }, stamp
