"""`oc.ask`: a question from ordinary code, in a notebook or a script, answered when the call returns.

One client and one background loop for all calls of a process, made at the first: so it works in a running loop, from
several threads, and after a fork. The client itself is async; whoever can await uses `Client`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from openclaw_ipython.client import Client
from openclaw_ipython.dispatch.resolve import messages_of
from openclaw_ipython.runtime.event_loop import LoopThread

if TYPE_CHECKING:
    from types import FrameType

    from openclaw_ipython.chat.types import Message, Reply
    from openclaw_ipython.structured.loop import CallOutcome, ModelRequest, ToolRun
    from openclaw_ipython.structured.tools import Functions


def ask(
    prompt: str | Sequence[Message],
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    max_tokens: int | None = None,
    thinking: str | None = None,
    images: Sequence[Any] = (),
    attach: Sequence[Any] = (),
    schema: Any = None,
    tools: Functions = (),
    extra: Mapping[str, Any] | None = None,
    cache: bool | None = None,
    timeout: float | None = None,
    raw: bool = False,
    client: Client | None = None,
) -> Reply:
    """Ask, wait, and return the whole answer; nothing is shown. Ctrl-C, or interrupting the cell, ends the request.

        import openclaw_ipython as oc

        reply = oc.ask("What stands out in {table}?", images=[figure])
        label = oc.ask("Label: {text}", schema=Label).parsed

    `{name}`, `{name.attribute}`, `{name["key"]}` and `{name[0]}` in the prompt are replaced by what they name where
    `ask` is called; any other brace stays, and so does everything with `raw=True`, and in Messages. A text of somebody
    else belongs behind a name, not into the prompt itself: it could name variables of yours.

    `model` is an alias or `provider/model`, by default OpenClaw's default model with its fallbacks. `thinking` is
    `off`, `on`, `low`, `medium` or `high`. `images` are files, `https` addresses, bytes, figures, arrays, PIL images;
    `attach` are text files, and values of any kind: of a table its columns, first rows and a summary.
    `schema` is a pydantic model, dataclass, TypedDict, `list[…]` of those, or a JSON schema: the answer has to fit it
    (asked for once more where it does not), and `.parsed` is the object. `tools` are functions the model may call, as
    often as it likes and without further question: on this thread, coroutines on the loop of the notebook. `extra`
    are further request fields. With `cache=True` the answer to the same question is the one given before, if there is
    one. `timeout` is the longest wait for one answer of the model, in seconds. `client` is one of your own, used by
    nobody else meanwhile.

    Raises the typed errors of `openclaw_ipython.errors`: UsageError, ConfigError, AuthError, ServiceError and theirs.
    """
    if isinstance(prompt, str):
        prompt = _composed(prompt, attach, _names_of_caller(), raw=raw)
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
    }
    line = _Line(client, options, extra or {})
    if schema is None and not tools:
        return line.ask(messages)
    return _in_rounds(line, messages, schema, tools)


_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""What has a frame of its own up to Python 3.11, and is a part of the function it stands in all the same."""


class _Line:
    """One call's way to the model, and its options."""

    def __init__(self, client: Client | None, options: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        self._shared = _PROCESS.shared()
        self._client = client or self._shared.client
        if client is not None:
            self._shared.guests.add(client)
        if client is None:
            self._client.recording.follow_notebook()
        self._options = options
        self._extra = extra

    def ask(
        self,
        messages: Sequence[Message],
        fields: Mapping[str, Any] | None = None,
        answer_schema: Mapping[str, Any] | None = None,
    ) -> Reply:
        """One question and its answer."""
        extra = {**self._extra, **(fields or {})}

        async def answer() -> Reply:
            # Made ready on the loop too, where nothing else of the client runs at the same time.
            resolved = self._client.resolve(
                messages, extra=extra, answer_schema=answer_schema, **self._options
            )
            return await self._client.ask(resolved)

        return self._shared.loop_thread.run(answer())


def _in_rounds(line: _Line, messages: Sequence[Message], schema: Any, tools: Functions) -> Reply:
    from openclaw_ipython.structured.loop import tool_loop
    from openclaw_ipython.structured.runner import CallRunner, notebook_loop, run_loop

    loop = tool_loop(messages, schema, tools)
    with CallRunner(notebook_loop()) as runner:

        def put(step: ModelRequest) -> Reply:
            return line.ask(step.messages, step.fields, step.schema)

        def run(step: ToolRun) -> list[CallOutcome]:
            outcomes = dict(runner.run(step.calls))
            return [outcomes[at] for at in range(len(step.calls))]

        return run_loop(loop, put, run)


# -- the prompt ----------------------------------------------------------------------------


def _composed(prompt: str, attach: Sequence[Any], names: Mapping[str, Any], *, raw: bool) -> str:
    """`prompt` with what its references name, and before it what is attached."""
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


def _names_of_caller() -> Mapping[str, Any]:
    """What the code that called `ask` can see by name, its own first; a notebook's cell sees the notebook."""
    frame: FrameType | None = sys._getframe(2)
    scopes: list[dict[str, Any]] = []
    while frame is not None:
        scopes.append(dict(frame.f_locals))
        if frame.f_code.co_name not in _COMPREHENSIONS:
            return ChainMap(*scopes, frame.f_globals)
        frame = frame.f_back
    return ChainMap(*scopes)


# -- what a process shares -----------------------------------------------------------------


class _Shared:
    """A client, and the loop it lives in; so do the clients that were handed in."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop_thread = LoopThread()
        self.loop_thread.loop()  # started here, under the lock of whoever made this
        self.client = Client()
        self.guests: WeakSet[Client] = WeakSet()

    def close(self) -> None:
        if self.pid == os.getpid():
            # The process ends, whatever is wrong with a connection; and no new thread may be had any more.
            for client in (self.client, *self.guests):
                with contextlib.suppress(Exception):
                    self.loop_thread.run(client.aclose())
                with contextlib.suppress(Exception):
                    client.recorder.close()
            self.loop_thread.close()


class _Process:
    """What this process shares; a child begins anew, since connections and threads do not survive a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: _Shared | None = None
        if hasattr(os, "register_at_fork"):  # another thread may have held the lock at that moment
            os.register_at_fork(after_in_child=self._begin_anew)
        atexit.register(self.close)

    def shared(self) -> _Shared:
        with self._lock:
            if self._shared is None:
                self._shared = _Shared()
            return self._shared

    def close(self) -> None:
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._shared = None


_PROCESS = _Process()


def close() -> None:
    """Close what `ask` keeps open between calls, a given client's connections too; the next call opens new ones."""
    _PROCESS.close()
