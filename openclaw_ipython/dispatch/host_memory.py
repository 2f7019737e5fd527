"""What hosts have refused, in the file `ipython/hosts.json` of the state folder, for the next program.

An entry ends after a week: hosts are updated. The file can be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from openclaw_ipython.chat.adjustments import ADJUSTMENT_NAMES, HostMemory
from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.reading import own_json, update_own_json

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
            for host, models in self._current(own_json(self._path, _Hosts)).items():
                for name, adjustments in models.items():
                    super().learn(host, name, adjustments)
        return super().known(url, model)

    def learn(self, url: str, model: str, names: Iterable[str]) -> None:
        """Remember that a request with these adjustments was accepted, here and in the file."""
        new = sorted(set(names) - self.known(url, model))
        super().learn(url, model, new)

        def learned(hosts: _Hosts) -> _Hosts:
            hosts = self._current(hosts)
            hosts.setdefault(url, {}).setdefault(model, {}).update(dict.fromkeys(new, self._clock()))
            return hosts

        if new:
            with suppress(DocumentError):
                update_own_json(self._path, _Hosts, learned)

    def _current(self, hosts: _Hosts) -> _Hosts:
        """The entries that have not ended."""
        oldest = self._clock() - LIFETIME
        return {
            url: {
                model: {name: at for name, at in row.items() if name in ADJUSTMENT_NAMES and at > oldest}
                for model, row in models.items()
            }
            for url, models in hosts.items()
        }
