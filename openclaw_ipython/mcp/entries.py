"""The MCP servers that OpenClaw and Qwen Code are set up with, read as those programs read them; nothing is started.

OpenClaw: `mcp.servers` of openclaw.json. Qwen Code: `mcpServers` of its settings.json, and of `.qwen/settings.json` in
the working folder. Of two servers with one name OpenClaw's counts, then the working folder's. No file is written.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.errors import UsageError, hidden_fields
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.paths import exists
from openclaw_ipython.openclaw.reading import own_json, read_object, update_own_json
from openclaw_ipython.sanitize.secrets import Secret, redact
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.store import Store

PREFIX = "mcp:"
"""What a word begins with that names a server: `mcp:NAME`, or `mcp:NAME/TOOL`."""

_QWEN_VARIABLE = r"\$(?:(\w+)|\{([^}]+)\})"
_VARIABLE = r"(?<!\$)\$\{([A-Za-z_]\w*)\}"
_RUNNERS = frozenset({"npx", "bunx", "pnpx", "uvx"})
_NO_VERSION = r"(?![./\\])@?[^@=]+(@latest)?"


class McpServer(Struct, frozen=True):
    """One server: the `file` and the `path` in it where it is written, and its entry.

    `typed` is the entry as it is in the file, `entry` has its variables resolved. `enabled` is False where its program
    does not use it either.
    """

    name: str
    file: Path
    path: str
    typed: Mapping[str, Any]
    entry: Mapping[str, Any]
    enabled: bool = True

    def __repr__(self) -> str:
        return f"McpServer({self.name})"

    __rich_repr__ = hidden_fields

    @property
    def place(self) -> str:
        """Where the entry is written."""
        return f"{self.path} · {self.file}"

    @property
    def transport(self) -> str:
        """`stdio`, `http` or `sse`. OpenClaw's and Qwen Code's `url` alone means SSE."""
        if self.entry.get("command"):
            return "stdio"
        streamable = self.entry.get("httpUrl") or self.entry.get("transport") == "streamable-http"
        return "http" if streamable else "sse"

    @property
    def url(self) -> str:
        """The address; empty for a server that is a program."""
        return str(self.entry.get("httpUrl") or self.entry.get("url") or "")

    @property
    def arguments(self) -> list[str]:
        """The arguments of the program."""
        return _texts(self.entry.get("args"))

    def texts(self, key: str) -> dict[str, str]:
        """`env` or `headers`."""
        return {name: str(value) for name, value in _table(self.entry.get(key)).items()}

    def seconds(self, *keys: str, otherwise: float) -> float:
        """The first of these settings, which are in milliseconds."""
        values = (self.entry.get(key) for key in keys)
        return next((v / 1000 for v in values if isinstance(v, int | float) and v > 0), otherwise)

    @property
    def shown(self) -> str:
        """The exact command or address, for the person: variables as they are typed, without secrets."""
        if self.transport != "stdio":
            return safe_text(redact(str(self.typed.get("httpUrl") or self.typed.get("url") or "")))
        command = shlex.join([str(self.entry["command"]), *_texts(self.typed.get("args"))])
        folder = f"(in {self.entry['cwd']})" if self.entry.get("cwd") else ""
        return safe_text(redact(" ".join([*(f"{n}=…" for n in self.texts("env")), command, folder]).strip()))

    @property
    def unpinned(self) -> str:
        """The package that `npx`, `uvx` and the like load in its newest version at each start; else empty."""
        package = next((word for word in self.arguments if not word.startswith("-")), "")
        runs = Path(str(self.entry.get("command"))).stem.lower() in _RUNNERS
        return package if runs and re.fullmatch(_NO_VERSION, package) else ""

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides what is started; secrets in it as they are typed."""
        decides = [self.typed, self.entry.get("command"), self.arguments, self.entry.get("cwd"), self.url]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    @property
    def secrets(self) -> list[Secret]:
        """The values that may be secrets, to be taken out of what the server writes."""
        values = [*self.texts("env").values(), *self.texts("headers").values()]
        return [Secret(word) for value in values for word in value.split() if len(word) > 7]

    @property
    def problem(self) -> str:
        """Why the server cannot be used here, in words; empty if it can be tried."""
        used = json.dumps(self.entry)
        for variable in re.finditer(_VARIABLE, json.dumps(self.typed)):
            if variable[0] in used:
                return _("the variable {name} is not set", name=variable[1])
        if self.entry.get("auth") == "oauth" or self.entry.get("oauth"):
            return _("it needs a sign-in by OAuth, which is not possible here")
        return "" if self.entry.get("command") or self.url else _("it has neither a command nor an address")

    def offers(self, tool: str) -> bool:
        """Whether the filters of the entry let a tool pass."""
        rules = _table(self.entry.get("toolFilter"))
        only, never = (rules.get(key, self.entry.get(f"{key}Tools")) for key in ("include", "exclude"))
        return (not isinstance(only, list) or _fits(tool, only)) and not _fits(tool, never)


_Allowed = dict[str, dict[str, str]]
"""Place of a server → the name of a tool → its hash; that of the server's command is under an empty name."""


class Consent:
    """What the person has allowed of servers, in the file `mcp.json` of the folder `own_dir`, which can be deleted.

    A server by a hash of its command, a tool by a hash of what the model is told of it: what has changed is asked about
    again.
    """

    def __init__(self, own_dir: Path) -> None:
        self._path = own_dir / "mcp.json"

    def may_start(self, server: McpServer) -> bool:
        """Whether the command of a server has been allowed as it is."""
        return own_json(self._path, _Allowed).get(server.place, {}).get("") == server.fingerprint

    def tools(self, server: McpServer) -> dict[str, str]:
        """The names of the tools that have been allowed, with their hashes then."""
        return {
            name: digest
            for name, digest in own_json(self._path, _Allowed).get(server.place, {}).items()
            if name
        }

    def allow(self, server: McpServer, tools: Mapping[str, str]) -> None:
        """Allow a server to start, and these tools with their hashes. Raises DocumentError."""

        def added(allowed: _Allowed) -> _Allowed:
            known = allowed.get(server.place, {})
            return {**allowed, server.place: {**known, **tools, "": server.fingerprint}}

        update_own_json(self._path, _Allowed, added)


def configured(store: Store) -> dict[str, McpServer]:
    """The servers by name. Raises DocumentError where openclaw.json cannot be read."""
    config = store.load().config
    found: dict[str, McpServer] = {}
    here = Path(".qwen/settings.json")
    for file in (store.home.qwen_dir / "settings.json", *([here.absolute()] if exists(here) else [])):
        settings = read_object(file)
        environ = {**store.runtime.environ, **_table(settings.get("env"))}
        rules = _table(settings.get("mcp"))
        for name, typed in _table(settings.get("mcpServers")).items():
            allowed = not isinstance(rules.get("allowed"), list) or _fits(name, rules["allowed"])
            enabled = allowed and not _fits(name, rules.get("excluded"))
            entry = _table(_resolved(typed, environ))
            found[name] = McpServer(name, file, f"mcpServers.{name}", _table(typed), entry, enabled)
    entries = _table(config.get(("mcp", "servers")))
    for name, typed in _table(config.raw(("mcp", "servers"))).items():
        entry, path = _table(entries.get(name)), f"mcp.servers.{name}"
        enabled = entry.get("enabled") is not False
        found[name] = McpServer(name, store.home.config_path, path, _table(typed), entry, enabled)
    return found


def selected(words: Sequence[str], servers: Mapping[str, McpServer]) -> dict[str, tuple[McpServer, set[str]]]:
    """Each server that the words `mcp:NAME` and `mcp:NAME/TOOL` name, and the tools; none named means all.

    Raises UsageError for a server that is unknown or cannot be used.
    """
    named: dict[str, set[str]] = {}
    for word in words:
        name, _slash, tool = word.removeprefix(PREFIX).partition("/")
        if (server := servers.get(name)) is None:
            what = _("there is no MCP server {name}", name=name)
            raise mistyped(what, name, servers, hint="%openclaw mcp list")
        if problem := server.problem if server.enabled else _("it is switched off"):
            what = _("the MCP server {name} cannot be used: {why}", name=name, why=problem)
            raise UsageError(what, hint=server.place)
        named.setdefault(name, set()).add(tool)
    return {name: (servers[name], set() if "" in tools else tools) for name, tools in named.items()}


def _resolved(value: Any, environ: Mapping[str, Any]) -> Any:
    """`value` with Qwen Code's variables in it resolved; one that is not set stays as typed."""
    if isinstance(value, str):
        return re.sub(_QWEN_VARIABLE, lambda match: str(environ.get(match[1] or match[2], match[0])), value)
    if isinstance(value, Mapping):
        return {key: _resolved(each, environ) for key, each in value.items()}
    return [_resolved(each, environ) for each in value] if isinstance(value, list) else value


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _fits(name: str, patterns: Any) -> bool:
    """Whether a name is in a list of names and patterns; Qwen Code also writes `tool(arguments)`."""
    return any(fnmatchcase(name, pattern.partition("(")[0]) for pattern in _texts(patterns))
