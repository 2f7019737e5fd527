"""`oc.ask`: the synchronous API, for notebooks and scripts.

All calls of a process share one client and one background event loop, so `ask` works inside a running loop, from
several threads and after a fork. Async code uses `Client`.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakSet

from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.client import Client
from openclaw_ipython.dispatch.budget import limit_for
from openclaw_ipython.dispatch.resolve import image_reader, messages_of, with_servers
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.event_loop import LoopThread
from openclaw_ipython.runtime.interrupts import one_line

if TYPE_CHECKING:
    from types import FrameType, UnionType
    from typing import TypeVar, Unpack

    from openclaw_ipython.chat.types import Message, Reply, Thinking
    from openclaw_ipython.dispatch.resolve import RequestKeywords
    from openclaw_ipython.structured.loop import CallOutcome, ModelRequest, ToolRun
    from openclaw_ipython.structured.tools import Functions

    T = TypeVar("T")

    class AskKeywords(RequestKeywords, total=False):
        """The keywords of `ask` that do not change its type."""

        images: Sequence[Any]
        attach: Sequence[Any]
        tools: Functions
        extra: Mapping[str, Any] | None
        timeout: float | None
        budget: str | None
        raw: bool
        client: Client | None


@overload
def ask(prompt: str | Sequence[Message], *, schema: type[T], **options: Unpack[AskKeywords]) -> Reply[T]: ...
@overload
def ask(
    prompt: str | Sequence[Message], *, schema: None = None, **options: Unpack[AskKeywords]
) -> Reply[None]: ...
@overload
def ask(
    prompt: str | Sequence[Message], *, schema: Mapping[str, Any] | UnionType, **options: Unpack[AskKeywords]
) -> Reply: ...
@brief_in_cells
def ask(
    prompt: str | Sequence[Message],
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    thinking: Thinking | None = None,
    images: Sequence[Any] = (),
    attach: Sequence[Any] = (),
    schema: type | Mapping[str, Any] | UnionType | None = None,
    tools: Functions = (),
    extra: Mapping[str, Any] | None = None,
    cache: bool | None = None,
    timeout: float | None = None,
    budget: str | None = None,
    raw: bool = False,
    client: Client | None = None,
) -> Reply:
    """Ask, wait, and return the whole answer; nothing is shown. Ctrl-C, or interrupting the cell, ends the request.

        import openclaw_ipython as oc

        reply = oc.ask("What stands out in {table}?", images=[figure])
        label = oc.ask("Label: {text}", schema=Label).parsed

    `{name}`, `{name.attribute}`, `{name["key"]}` and `{name[0]}` in the prompt are replaced by the values they have
    where `ask` is called. Other braces stay, and so does every brace with `raw=True` and in Messages. Pass untrusted
    text by such a name; as part of the prompt itself it could refer to your variables.

    `model` is an alias or `provider/model`, by default OpenClaw's default model with its fallbacks. `thinking` is
    `off`, `on`, `low`, `medium` or `high`. `images` are files, `https` addresses, bytes, figures, arrays, PIL images;
    `attach` are text files and values of any kind; a table is attached as its columns, first rows and a summary.
    `schema` is a pydantic model, dataclass, TypedDict, `list[…]` of those, or a JSON schema: the answer has to fit it
    (it is asked for once more if it does not), and `.parsed` is the object. `tools` are functions the model may call
    without confirmation: they run on this thread, coroutines on the notebook's event loop; `mcp:NAME` among them is an
    MCP server that `%openclaw mcp allow` has allowed. `extra` are further request fields. With `cache=True` an equal
    request gets the answer it got before. `timeout` limits one answer of the model, in seconds. `budget` is the most
    that the call may cost: `0.1 USD`, `20k` tokens. `client` is a client of your own that nothing else uses at the
    same time.

    Raises the errors of `openclaw_ipython.errors`: UsageError, ConfigError, AuthError, BudgetExceeded,
    ServiceError and subclasses.
    """
    if isinstance(prompt, str):
        prompt = _compose(prompt, attach, _caller_names(), raw=raw)
    messages = messages_of(prompt, images)
    options: dict[str, Any] = {
        "model": model,
        "system": system,
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "thinking": thinking,
        "cache": cache,
        "timeout": timeout,
        "budget": limit_for(budget, "call"),  # one for all rounds
    }
    shared = _shared()
    if client is not None:
        shared.guests.add(client)
    else:
        shared.client.recording.follow_notebook()
    asked = client or shared.client

    def send(
        messages: Sequence[Message],
        fields: Mapping[str, Any] | None = None,
        answer_schema: Mapping[str, Any] | None = None,
    ) -> Reply:
        async def answer() -> Reply:
            # resolved on the loop too, where nothing else of the client runs at the same time
            further = {**(extra or {}), **(fields or {})}
            resolved = asked.resolve(messages, extra=further, answer_schema=answer_schema, **options)
            return await asked.ask(resolved)

        return shared.loop_thread.run(answer())

    try:
        if schema is None and not tools:
            return send(messages)
        store = Store(asked.home, asked.runtime)
        tools = shared.loop_thread.run(with_servers(tools, store, awaitable=False))
        return _run_tool_loop(asked, send, messages, schema, tools)
    except KeyboardInterrupt:
        raise one_line(KeyboardInterrupt(_("interrupted"))) from None
    finally:
        _log_notices(asked)


log = logging.getLogger(__name__)

_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Code that has its own frame up to Python 3.11, though it sees the names of the function around it."""


def _run_tool_loop(
    client: Client, ask: Callable[..., Reply], messages: Sequence[Message], schema: Any, tools: Functions
) -> Reply:
    from openclaw_ipython.structured.loop import tool_loop
    from openclaw_ipython.structured.runner import CallRunner, notebook_loop, run_loop

    loop = tool_loop(messages, schema, tools, reads_images=image_reader(client.models))
    with CallRunner(notebook_loop()) as runner:

        def send(step: ModelRequest) -> Reply:
            return ask(step.messages, step.fields, step.schema)

        def run(step: ToolRun) -> list[CallOutcome]:
            outcomes = dict(runner.run(step.calls))
            return [outcomes[at] for at in range(len(step.calls))]

        return run_loop(loop, send, run)


# -- the prompt ----------------------------------------------------------------------------


def _compose(prompt: str, attach: Sequence[Any], names: Mapping[str, Any], *, raw: bool) -> str:
    """The attachments, then `prompt` with its references replaced."""
    if not attach and (raw or "{" not in prompt):
        return prompt
    from openclaw_ipython.context.blocks import TextBudget
    from openclaw_ipython.context.names import Notebook
    from openclaw_ipython.context.prompt import attach as attachment
    from openclaw_ipython.context.references import expand

    budget = TextBudget()
    text = prompt if raw else expand(prompt, Notebook(names), budget).text
    blocks = []
    for number, value in enumerate(attach, 1):
        if isinstance(value, str | os.PathLike):
            blocks.append(attachment(os.fspath(value), Notebook({}), budget).block)
            continue
        called = next(
            (n for n, v in names.items() if v is value and not n.startswith("_")), f"value_{number}"
        )
        blocks.append(attachment(called, Notebook({called: value}), budget).block)
    return "\n\n".join([*blocks, text])


def _caller_names() -> Mapping[str, Any]:
    """The variables that the caller of `ask` sees, local ones first."""
    frame: FrameType | None = sys._getframe(3)  # above this function, `ask`, and its wrapper
    scopes: list[dict[str, Any]] = []
    while frame is not None:
        scopes.append(dict(frame.f_locals))
        if frame.f_code.co_name not in _COMPREHENSIONS:
            return ChainMap(*scopes, frame.f_globals)
        frame = frame.f_back
    return ChainMap(*scopes)


# -- shared by the process -----------------------------------------------------------------


class _Shared:
    """The client and its event loop, which also runs the clients passed to `ask`."""

    def __init__(self) -> None:
        self.loop_thread = LoopThread()
        self.loop_thread.loop()  # started here, under a lock
        self.client = Client()
        self.client.recorder.quiet = True
        self.guests: WeakSet[Client] = WeakSet()

    def close(self) -> None:
        # at exit no error may stop the rest, and no thread can be started any more
        for client in (self.client, *self.guests):
            with contextlib.suppress(Exception):
                self.loop_thread.run(client.aclose())
            with contextlib.suppress(Exception):
                client.recorder.close()
            _log_notices(client)
        self.loop_thread.close()


def _log_notices(client: Client) -> None:
    for notice in client.recorder.notices():
        log.warning(notice)


_SHARED: dict[int, _Shared] = {}
"""By process: a forked child makes its own, as it has neither connections nor threads."""

_LOCKS: dict[int, threading.Lock] = {}
"""By process too: another thread may hold the lock at the moment of a fork."""


def _lock() -> threading.Lock:
    return _LOCKS.setdefault(os.getpid(), threading.Lock())


def _shared() -> _Shared:
    with _lock():
        return _SHARED.get(os.getpid()) or _SHARED.setdefault(os.getpid(), _Shared())


def close() -> None:
    """Close the connections that `ask` keeps open, those of given clients too; the next call opens new ones."""
    with _lock():
        shared = _SHARED.pop(os.getpid(), None)
    if shared is not None:
        shared.close()


atexit.register(close)
