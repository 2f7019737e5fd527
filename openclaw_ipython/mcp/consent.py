"""What the person has allowed of MCP servers, in the file `ipython/mcp.json` of the state folder.

A server by a hash of its command, a tool by a hash of its name, description and parameters: what changes is asked
about again. The file can be deleted; then everything is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.openclaw.files import FileChanged, Stamp, read_text, write_atomically

if TYPE_CHECKING:
    from openclaw_ipython.mcp.entries import McpServer


class _Allowed(msgspec.Struct, frozen=True):
    start: str = ""
    tools: dict[str, str] = {}


class Consent:
    """The consent in the file of one home. A file that cannot be read counts as an empty one."""

    def __init__(self, own_dir: Path) -> None:
        self._path = own_dir / "mcp.json"

    def may_start(self, server: McpServer) -> bool:
        """Whether this command has been allowed."""
        return self._read()[0].get(_id(server), _Allowed()).start == server.fingerprint

    def tool(self, server: McpServer, name: str, digest: str) -> Literal["new", "allowed", "changed"]:
        """Whether a tool of this name has been allowed, and is the same."""
        allowed = self.tools(server).get(name)
        return "new" if allowed is None else "allowed" if allowed == digest else "changed"

    def tools(self, server: McpServer) -> Mapping[str, str]:
        """The names of the tools that have been allowed, with their hashes."""
        return self._read()[0].get(_id(server), _Allowed()).tools

    def allow(self, server: McpServer, tools: Mapping[str, str] | None = None) -> None:
        """Record that the server, and these tools with their hashes, are allowed. Raises DocumentError."""
        while True:
            entries, stamp = self._read()
            before = entries.get(_id(server), _Allowed())
            entries[_id(server)] = replace(
                before, start=server.fingerprint, tools={**before.tools, **(tools or {})}
            )
            text = json.dumps(msgspec.to_builtins(entries), ensure_ascii=False, indent=1)
            with suppress(FileChanged):
                write_atomically(self._path, text, expect=stamp)
                return

    def _read(self) -> tuple[dict[str, _Allowed], Stamp | None]:
        stored = None
        with suppress(DocumentError):
            stored = read_text(self._path)
        with suppress(msgspec.MsgspecError, RecursionError):
            return msgspec.json.decode(
                stored[0] if stored else "{}", type=dict[str, _Allowed]
            ), stored and stored[1]
        return {}, stored and stored[1]


def _id(server: McpServer) -> str:
    return f"{server.file}: {server.path}"
