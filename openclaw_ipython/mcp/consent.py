"""What the person has allowed of MCP servers, in the file `ipython/mcp.json` of the state folder.

A server by a hash of its command, a tool by a hash of what the model is told of it: what has changed is asked about
again. The file can be deleted; then everything is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, write_atomically

if TYPE_CHECKING:
    from openclaw_ipython.mcp.entries import McpServer

_Allowed = dict[str, dict[str, str]]
"""Place of a server → the name of a tool → its hash; that of the server's command is under an empty name."""


class Consent:
    """The consent in the folder `own_dir` of one home. A file that cannot be read counts as an empty one."""

    def __init__(self, own_dir: Path) -> None:
        self._path = own_dir / "mcp.json"

    def may_start(self, server: McpServer) -> bool:
        """Whether the command of a server has been allowed as it is."""
        return self._read()[0].get(server.place, {}).get("") == server.fingerprint

    def tools(self, server: McpServer) -> dict[str, str]:
        """The names of the tools that have been allowed, with their hashes then."""
        return {name: digest for name, digest in self._read()[0].get(server.place, {}).items() if name}

    def allow(self, server: McpServer, tools: Mapping[str, str]) -> None:
        """Allow a server to start, and these tools with their hashes. Raises DocumentError."""
        while True:
            allowed, stamp = self._read()
            allowed[server.place] = {**allowed.get(server.place, {}), **tools, "": server.fingerprint}
            with suppress(FileChanged):
                write_atomically(self._path, json.dumps(allowed, indent=1), expect=stamp)
                return

    def _read(self) -> tuple[_Allowed, Stamp | None]:
        with suppress(DocumentError):
            if (stored := read_text(self._path)) is not None:
                with suppress(msgspec.MsgspecError, RecursionError):
                    return msgspec.json.decode(stored[0], type=_Allowed), stored[1]
                return {}, stored[1]
        return {}, None
