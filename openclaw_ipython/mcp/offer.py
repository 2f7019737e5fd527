"""The tools of MCP servers as functions that the model may call, and their results for it.

Whatever a server says may be meant to steer the model: names and descriptions lose their hidden characters, results are
bounded and marked as data, and the `instructions` of a server are not used.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.context.blocks import as_data
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.mcp.connection import CLOSED, CONNECTIONS, TIMED_OUT, Connection
from openclaw_ipython.mcp.entries import PREFIX, Consent, McpServer, configured, selected
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.sanitize.text import HIDDEN, SURROGATES
from openclaw_ipython.structured.loop import CallOutcome
from openclaw_ipython.structured.tools import RESULT_LIMIT, Functions, Tool, cap, encoded
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from mcp.types import CallToolResult
    from mcp.types import Tool as ListedTool

    from openclaw_ipython.openclaw.store import Store

_MOST_TOOLS = 128  # of servers, in one question: the most that services take
_MOST_PICTURES = 4  # of one result that are shown to the model
_PICTURE_LIMIT = 20_000_000  # characters of a picture in base64
_TEXT_LIMIT = 4_000  # characters of a description, and of an error
_SCHEMA_LIMIT = 20_000

Approve = Callable[[McpServer], bool]
"""Asks the person about a command that has not been allowed yet."""

Waiting = Callable[[str], object]
"""Called several times a second with the name of a server that starts, and with nothing when it is up."""


def listed(
    words: Sequence[str],
    store: Store,
    approve: Approve | None,
    waiting: Waiting = lambda _name: None,
) -> Iterator[tuple[Connection, Consent, list[ListedTool]]]:
    """Each server that words such as `mcp:NAME/TOOL` name, started, and the tools of it that they name.

    Without `approve` a command that has not been allowed is a UsageError. Raises UsageError, ConfigError,
    ServiceUnavailable, RequestRejected.
    """
    consent = Consent(store.home.own_dir)
    for server, wanted in selected(words, configured(store)).values():
        if not consent.may_start(server):
            if approve is None or not approve(server):
                what = _("the MCP server {name} has not been allowed to start", name=server.name)
                raise UsageError(what, hint=f"%openclaw mcp allow {server.name}")
            consent.allow(server, {})
        connection = CONNECTIONS.to(server, store.home.own_dir)
        try:
            found = CONNECTIONS.loop_thread.run(connection.tools(), partial(waiting, server.name)).values()
        finally:
            waiting("")
        tools = [tool for tool in found if server.offers(tool.name)]
        if missing := sorted(wanted - {tool.name for tool in tools}):
            what = _("{name} offers no tool {tool}", name=server.name, tool=missing[0])
            raise mistyped(what, missing[0], [tool.name for tool in tools], hint="%openclaw mcp list")
        yield connection, consent, [tool for tool in tools if not wanted or tool.name in wanted]


def offer(
    words: Sequence[str],
    store: Store,
    approve: Approve | None = None,
    waiting: Waiting = lambda _name: None,
    *,
    awaitable: bool = False,
) -> tuple[dict[str, Tool], list[str]]:
    """The tools that the words name, by their names for the model, and notes for the person.

    Without `approve`, a tool that has not been allowed as it is now is a UsageError. With `awaitable` the functions
    are coroutines. Raises as `listed`, and UsageError for too many tools.
    """
    found: dict[str, Tool] = {}
    notes: list[str] = []
    for connection, consent, tools in listed(words, store, approve, waiting):
        server, allowed = connection.server, consent.tools(connection.server)
        notes += connection.notes
        connection.notes.clear()  # said once
        for tool in tools:
            name = clean(tool.name)
            if approve is None and allowed.get(tool.name) != digest_of(tool):
                what = _("the tool {tool} of {name} is new, or has changed", tool=name, name=server.name)
                raise UsageError(what, hint=f"%openclaw mcp allow {server.name}")
            made = _ServerTool(connection, consent, tool).tool(found, awaitable=awaitable)
            if len(json.dumps(made.spec)) > _SCHEMA_LIMIT:
                notes.append(_("{tool} is left out: its parameters are too long", tool=name))
            else:
                found[made.name] = made
    if len(found) > _MOST_TOOLS:
        raise UsageError(
            _("that is {count} tools, and a question takes {most}", count=len(found), most=_MOST_TOOLS),
            hint=_("name those that you need: --tools mcp:NAME/TOOL,…"),
        )
    return found, notes


def functions_with_servers(tools: Functions, store: Store, *, awaitable: bool) -> list[Any]:
    """`tools` of a program, with the words in it replaced by the tools of servers. Raises as `offer`."""
    tools = [tools] if isinstance(tools, str) else list(tools)
    words = [each for each in tools if isinstance(each, str)]
    if wrong := next((word for word in words if not word.startswith(PREFIX)), None):
        raise UsageError(_("{word!r} is no function", word=wrong), hint="tools=[function, 'mcp:NAME']")
    found, _notes = offer(words, store, awaitable=awaitable)
    return [*(each for each in tools if not isinstance(each, str)), *found.values()]


def clean(text: str) -> str:
    """`text` without control characters and characters that are not seen."""
    return re.sub(f"[{HIDDEN}{SURROGATES}]", "", text)


def digest_of(tool: ListedTool) -> str:
    """A hash of what the model is told of a tool."""
    told = [tool.name, tool.description, tool.input_schema]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class _ServerTool(Struct, frozen=True):
    """One tool of a server, as it was listed for a question."""

    connection: Connection
    consent: Consent
    listed: ListedTool

    @property
    def _description(self) -> str:
        return cap(clean(self.listed.description or ""), _TEXT_LIMIT)

    def tool(self, taken: Collection[str], *, awaitable: bool) -> Tool:
        """The tool for the model, under a name that services accept, not in `taken`."""

        def call(**arguments: Any) -> CallOutcome:
            return self._outcome(CONNECTIONS.loop_thread.run(self._call(arguments)))

        async def call_from_a_loop(**arguments: Any) -> CallOutcome:
            result = await asyncio.wrap_future(CONNECTIONS.loop_thread.submit(self._call(arguments)))
            return await asyncio.to_thread(self._outcome, result)

        name = clean(f"mcp__{self.connection.server.name}__{self.listed.name}")
        name = re.sub(r"[^\w-]", "_", name, flags=re.A)
        if len(name) > 64 or name in taken:
            name = f"{name[:55]}_{digest_of(self.listed)[:8]}"
        schema = {key: _cleaned(value) for key, value in self.listed.input_schema.items() if key != "$schema"}
        parameters = {"type": "object", "properties": {}, **schema}
        spec = {"name": name, "description": self._description, "parameters": parameters}
        function = call_from_a_loop if awaitable else call
        return Tool(name, function, {"type": "function", "function": spec}, None, (), warning=self._warning)

    def _warning(self) -> str:
        server, digest = self.connection.server, digest_of(self.listed)
        if self.consent.tools(server).get(self.listed.name, digest) == digest:
            return ""
        return _(
            "{tool} of {server} is not what you allowed before. It says now: {description}",
            tool=clean(self.listed.name),
            server=server.name,
            description=self._description,
        )

    async def _call(self, arguments: dict[str, Any]) -> CallToolResult | CallOutcome:
        """Call the tool, which the person has allowed, if the server still lists it as it was offered."""
        from mcp import MCPError

        connection, name, digest = self.connection, self.listed.name, digest_of(self.listed)
        now = (await connection.tools()).get(name)
        if now is None or digest_of(now) != digest:
            return _failed("The tool has changed since it was offered, and was not called.")
        if self.consent.tools(connection.server).get(name) != digest:
            self.consent.allow(connection.server, {name: digest})
        try:
            return await connection.call(name, arguments)
        except MCPError as error:
            if error.code == CLOSED:
                what = "The server ended during the call; whether it was carried out is not known."
                return _failed(f"{what} {connection.log_line()}")
            timed_out = "The server did not answer in time; the call was cancelled."
            return _failed(timed_out if error.code == TIMED_OUT else f"The server refused the call: {error}")
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
            elif block.type == "resource_link":  # named, and not fetched
                texts.append(f"({block.name}: {block.uri})")
            elif block.type == "resource" and (text := getattr(block.resource, "text", None)) is not None:
                texts.append(text)
            elif (
                block.type == "image" and len(pictures) < _MOST_PICTURES and len(block.data) < _PICTURE_LIMIT
            ):
                pictures += [one.url for one in encoded([f"data:image/png;base64,{block.data}"])]
        left_out = len(result.content) - len(texts) - len(pictures)
        if result.structured_content is not None and len(texts) != 1:  # the same value in one piece
            texts = [json.dumps(result.structured_content, ensure_ascii=False)]
        if pictures or left_out:
            texts.append(f"({len(pictures)} pictures; left out: {left_out})")
        server = self.connection.server
        text = cap(redact(clean("\n".join(texts)), *server.secrets), RESULT_LIMIT)
        data = as_data(text, f"the MCP server {server.name}")
        return CallOutcome(data, failed=bool(result.is_error), images=tuple(pictures))


def _failed(text: str) -> CallOutcome:
    return CallOutcome(cap(clean(text), _TEXT_LIMIT), failed=True)


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return clean(value) if isinstance(value, str) else value
