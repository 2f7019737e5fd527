"""The tools of MCP servers as functions that the model may call, and their results for it.

Everything a server says may be written by anybody: names and descriptions are stripped of hidden characters, results
are bounded and marked as data, and the `instructions` of a server are not used.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.blocks import as_data
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.mcp.connection import CLOSED, CONNECTIONS, TIMED_OUT, Connection
from openclaw_ipython.mcp.consent import Consent
from openclaw_ipython.mcp.entries import PREFIX, McpServer, configured, selected
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.sanitize.text import HIDDEN, SURROGATES
from openclaw_ipython.structured.loop import CallOutcome
from openclaw_ipython.structured.tools import RESULT_LIMIT, Functions, Tool, cap
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from mcp.types import CallToolResult
    from mcp.types import Tool as ListedTool

    from openclaw_ipython.openclaw.store import Store

MOST_TOOLS = 128
"""Tools of servers that one question offers: the most that services take."""

MOST_PICTURES = 4
"""Pictures of one result that are shown to the model."""

_PICTURE_LIMIT = 20_000_000  # characters of a picture in base64
_DESCRIPTION_LIMIT = 4_000
_SCHEMA_LIMIT = 20_000
_NAME_LIMIT = 64


Approve = Callable[[McpServer], bool]


def listed(
    words: Sequence[str], store: Store, consent: Consent, approve: Approve | None
) -> Iterator[tuple[Connection, list[ListedTool]]]:
    """Each server that words such as `mcp:NAME/TOOL` name, started, and the tools of it that they name.

    `approve` is asked about a command that has not been allowed before; without it that is a UsageError. Raises
    UsageError, ConfigError, ServiceUnavailable, RequestRejected.
    """
    for server, wanted in selected(words, configured(store)).values():
        if not consent.may_start(server):
            if approve is None or not approve(server):
                raise _not_allowed(
                    _("the MCP server {name} has not been allowed to start", name=server.name), server
                )
            consent.allow(server)
        connection = CONNECTIONS.to(server, store.home.own_dir)
        tools = [tool for tool in CONNECTIONS.run(connection.tools()).values() if server.offers(tool.name)]
        if missing := sorted(wanted - {tool.name for tool in tools}):
            near = suggest(missing[0], [tool.name for tool in tools])
            what = _("{name} offers no tool {tool}", name=server.name, tool=missing[0])
            raise UsageError(what + did_you_mean(near), suggestions=near, hint="%openclaw mcp list")
        yield connection, [tool for tool in tools if not wanted or tool.name in wanted]


def offer(
    words: Sequence[str], store: Store, approve: Approve | None = None, *, awaitable: bool = False
) -> tuple[dict[str, Tool], list[str]]:
    """The tools that the words name, by their names for the model, and notes for the person.

    Without `approve`, a tool that has not been allowed as it is now is a UsageError. With `awaitable` the functions
    are coroutines. Raises as `listed`, and UsageError for too many tools.
    """
    consent = Consent(store.home.own_dir)
    found: dict[str, Tool] = {}
    notes: list[str] = []
    for connection, tools in listed(words, store, consent, approve):
        server = connection.server
        for tool in tools:
            if approve is None and consent.tool(server, tool.name, digest_of(tool)) != "allowed":
                what = _(
                    "the tool {tool} of {name} is new, or has changed",
                    tool=clean(tool.name),
                    name=server.name,
                )
                raise _not_allowed(what, server)
            made = _ServerTool(connection, consent, tool)
            if len(json.dumps(made.schema)) > _SCHEMA_LIMIT:
                notes.append(_("{tool} is left out: its parameters are too long", tool=clean(tool.name)))
                continue
            name = _model_name(server.name, tool, found)
            found[name] = made.tool(name, awaitable=awaitable)
        notes += connection.notes
    if len(found) > MOST_TOOLS:
        raise UsageError(
            _("that is {count} tools, and a question takes {most}", count=len(found), most=MOST_TOOLS),
            hint=_("name those that you need: --tools {prefix}NAME/TOOL,…", prefix=PREFIX),
        )
    return found, notes


def functions_with_servers(tools: Functions, store: Store, *, awaitable: bool) -> list[Any]:
    """`tools` of a program, with the words in it replaced by the tools of servers. Raises as `offer`."""
    tools = [tools] if isinstance(tools, str) else list(tools)
    words = [each for each in tools if isinstance(each, str)]
    if wrong := next((word for word in words if not word.startswith(PREFIX)), None):
        raise UsageError(
            _("{word!r} is no function", word=wrong),
            hint=_("tools=[function, '{prefix}NAME']", prefix=PREFIX),
        )
    found, _notes = offer(words, store, awaitable=awaitable)
    return [*(each for each in tools if not isinstance(each, str)), *found.values()]


def clean(text: str) -> str:
    """`text` without control characters and characters that are not seen."""
    return re.sub(f"[{HIDDEN}{SURROGATES}]", "", text)


def digest_of(tool: ListedTool) -> str:
    """A hash of what the model is told of a tool."""
    told = [tool.name, tool.description, tool.input_schema]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _not_allowed(what: str, server: McpServer) -> UsageError:
    return UsageError(what, hint=f"%openclaw mcp allow {server.name}")


def _model_name(server: str, tool: ListedTool, taken: dict[str, Tool]) -> str:
    """A name that services accept, not in `taken`."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", clean(f"mcp__{server}__{tool.name}"))
    if len(name) > _NAME_LIMIT or name in taken:
        name = f"{name[: _NAME_LIMIT - 9]}_{hashlib.sha256(tool.name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return name


class _ServerTool:
    """One tool of a server, as it was listed for a question."""

    def __init__(self, connection: Connection, consent: Consent, listed: ListedTool) -> None:
        self._connection = connection
        self._consent = consent
        self._listed = listed
        self._digest = digest_of(listed)
        schema = {key: _cleaned(value) for key, value in listed.input_schema.items() if key != "$schema"}
        self.schema = {"type": "object", "properties": {}, **schema}

    def tool(self, name: str, *, awaitable: bool) -> Tool:
        """The tool under its name for the model."""

        def call(**arguments: Any) -> CallOutcome:
            return self._outcome(CONNECTIONS.run(self._call(arguments)))

        async def call_from_a_loop(**arguments: Any) -> CallOutcome:
            result = await asyncio.wrap_future(CONNECTIONS.submit(self._call(arguments)))
            return await asyncio.to_thread(self._outcome, result)

        description = cap(clean(self._listed.description or ""), _DESCRIPTION_LIMIT)
        spec = {"name": name, "description": description, "parameters": self.schema}
        function = call_from_a_loop if awaitable else call
        return Tool(name, function, {"type": "function", "function": spec}, None, (), warning=self._warning)

    def _warning(self) -> str:
        if self._consent.tool(self._connection.server, self._listed.name, self._digest) != "changed":
            return ""
        return _(
            "{tool} of {server} is not what you allowed before. It says now: {description}",
            tool=clean(self._listed.name),
            server=self._connection.server.name,
            description=cap(clean(self._listed.description or ""), _DESCRIPTION_LIMIT),
        )

    async def _call(self, arguments: dict[str, Any]) -> CallToolResult | CallOutcome:
        """Call the tool, which the person has allowed, if the server still lists it as it was offered."""
        from mcp import MCPError

        connection, name = self._connection, self._listed.name
        now = (await connection.tools()).get(name)
        if now is None or digest_of(now) != self._digest:
            return _failed("The tool has changed since it was offered, and was not called.")
        if self._consent.tool(connection.server, name, self._digest) != "allowed":
            self._consent.allow(connection.server, {name: self._digest})
        try:
            return await connection.call(name, arguments)
        except MCPError as error:
            if error.code == CLOSED:
                log = connection.log_line()
                return _failed(
                    f"The server ended during the call; whether it was carried out is not known. {log}"
                )
            if error.code == TIMED_OUT:
                return _failed("The server did not answer in time; the call was cancelled.")
            return _failed(f"The server refused the call: {error}")
        except (RuntimeError, ValueError) as error:  # the SDK checks a result against the tool's own schema
            return _failed(f"The tool was called, and its result is not valid: {error}")

    def _outcome(self, result: CallToolResult | CallOutcome) -> CallOutcome:
        if isinstance(result, CallOutcome):
            return result
        texts: list[str] = []
        pictures: list[str] = []
        for block in result.content:
            if block.type == "text":
                texts.append(block.text)
            elif block.type == "image" and len(pictures) < MOST_PICTURES:
                pictures += _picture(block.data)
            elif block.type == "resource" and "text" in block.resource.model_fields_set:
                texts.append(getattr(block.resource, "text", ""))
            elif block.type == "resource_link":
                texts.append(f"({block.name}: {block.uri})")
        left_out = sum(block.type in ("image", "audio") for block in result.content) - len(pictures)
        if (
            result.structured_content is not None and len(texts) != 1
        ):  # the same value; a list is a block an element
            texts = [json.dumps(result.structured_content, ensure_ascii=False)]
        if pictures or left_out:
            texts.append(
                f"({len(pictures)} pictures{f'; {left_out} pictures or sounds are left out' * bool(left_out)})"
            )
        server = self._connection.server
        text = cap(redact(clean("\n".join(texts)), *server.secrets), RESULT_LIMIT)
        text = as_data(text, f"the MCP server {server.name}")
        return CallOutcome(text, failed=bool(result.is_error), images=tuple(pictures))


def _failed(text: str) -> CallOutcome:
    return CallOutcome(cap(clean(text), _DESCRIPTION_LIMIT), failed=True)


def _picture(data: str) -> list[str]:
    """A picture in base64 as the address of its data, scaled; empty for one that cannot be read."""
    from openclaw_ipython.context.image_encoding import STANDARD
    from openclaw_ipython.context.images import images_of

    try:
        return (
            [each.url for each in images_of([base64.b64decode(data)], STANDARD)]
            if len(data) < _PICTURE_LIMIT
            else []
        )
    except (UsageError, binascii.Error):
        return []


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value
