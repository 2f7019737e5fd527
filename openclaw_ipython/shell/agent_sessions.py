"""The sessions that notebooks have with agents of a Gateway, kept over restarts of the kernel."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import FileChanged, read_text, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openclaw_ipython.runtime.env import Runtime


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
        stored = {**self._read()[0], **self._known}
        is_first, key = notebook not in stored, notebook if name is None else f"name:{name.strip().lower()}"
        added = {}
        if is_first:
            added[notebook] = self._value(PurePath(notebook).stem)
        if fresh and (name is not None or not is_first):
            added[key] = self._value(name or PurePath(notebook).stem)
        if added:
            self._known |= added
            self._write(added)
        return is_first, {**stored, **added}.get(key) or f"notebook:{name}"

    def _value(self, readable: str) -> str:
        return f"notebook:{readable[:40]}-{self._runtime.random_bytes(4).hex()}"

    def _read(self) -> tuple[dict[str, str], Any]:
        with suppress(DocumentError, msgspec.MsgspecError):
            if found := read_text(self._path):
                return msgspec.json.decode(found[0], type=dict[str, str]), found[1]
        return {}, None

    def _write(self, added: Mapping[str, str]) -> None:
        for _attempt in range(5 if self._writes else 0):
            stored, stamp = self._read()
            text = json.dumps(stored | dict(added), ensure_ascii=False, indent=1)
            try:
                write_atomically(self._path, text, expect=stamp)
            except FileChanged:
                continue
            except DocumentError:
                pass
            return
