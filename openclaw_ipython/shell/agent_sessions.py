"""The sessions that notebooks have with agents of a Gateway, kept over restarts of the kernel."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.reading import own_json, update_own_json

if TYPE_CHECKING:
    from pathlib import Path

    from openclaw_ipython.runtime.env import Runtime

_Sessions = dict[str, str]
"""The path of a notebook, or `name:NAME` → the value of `user`."""


class AgentSessions:
    """The sessions of notebooks with agents, in the file `path`, which can be deleted: then new ones begin.

    `writes` says whether the file may be written; what cannot be written holds as long as the kernel.
    """

    def __init__(self, path: Path, runtime: Runtime, *, writes: bool) -> None:
        self._path = path
        self._runtime = runtime
        self._writes = writes
        self._known: dict[str, str] = {}
        self.cancelled: set[str] = set()
        """The sessions whose last turn was interrupted: its text comes before the next one."""
        self.agents: list[str] = []

    def user(self, notebook: str, name: str | None, *, fresh: bool) -> tuple[bool, str]:
        """Whether the notebook has had no session yet, and the value of `user`.

        A session with a name is the same from all notebooks. With `fresh` the value is a new one.
        """
        stored = own_json(self._path, _Sessions) | self._known
        is_first, key = notebook not in stored, notebook if name is None else f"name:{name.strip().lower()}"
        added = {}
        if is_first:
            added[notebook] = self._value(PurePath(notebook).stem)
        if fresh and (name is not None or not is_first):
            added[key] = self._value(name or PurePath(notebook).stem)
        self._known |= added
        if added and self._writes:
            with suppress(DocumentError):
                update_own_json(self._path, _Sessions, lambda stored: stored | added)
        return is_first, {**stored, **added}.get(key) or f"notebook:{name}"

    def _value(self, readable: str) -> str:
        return f"notebook:{readable[:40]}-{self._runtime.random_bytes(4).hex()}"
