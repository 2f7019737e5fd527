"""The server of `%openclaw mcp serve` in a session: its token, the lines for agents, the panel with log and buttons."""

from __future__ import annotations

import atexit
import html
import json
import os
import shlex
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.mcp.kernel_server import KernelServer, KernelThread, LoggedCall, PromptThread
from openclaw_ipython.openclaw.files import write_atomically
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.shell.notebook import final_text
from openclaw_ipython.shell.output_capture import LIMIT
from openclaw_ipython.shell.output_capture import captured as output_captured
from openclaw_ipython.shell.views import TableView
from openclaw_ipython.structured.loop import CallOutcome
from openclaw_ipython.structured.tools import cap, encoded

if TYPE_CHECKING:
    from openclaw_ipython.runtime.env import Runtime
    from openclaw_ipython.runtime.event_loop import LoopThread

_VARIABLE = "NOTEBOOK_MCP_TOKEN"
_SHOWN_CALLS = 10
_SHOWN_ARGUMENTS = 100


class Serving(KernelServer):
    """A running server, with its token in a file in `folder`. In a notebook `widget` asks and shows the latest calls.

    Between cells no prompt can ask, and an output would appear below the cell that ran last: hence a widget.
    """

    def __init__(self, shell: Any, folder: Path, runtime: Runtime, loop_thread: LoopThread) -> None:
        kernel, prompt = getattr(shell, "kernel", None), getattr(shell, "pt_app", None)
        if kernel is None and prompt is None:
            raise UsageError(_("agents can call a Jupyter kernel, or IPython at its prompt"))
        super().__init__(KernelThread(kernel) if kernel is not None else PromptThread(prompt), runtime)
        self._shell = shell
        self._rows: dict[Future[bool], Any] = {}
        self._questions, self._table = w.VBox(), w.HTML()
        self._table.add_class("jp-RenderedHTMLCommon")
        self.widget = w.VBox([self._questions, self._table])
        self.start(loop_thread)
        self._token_file = folder / f"{self.port}.token"
        write_atomically(self._token_file, self.token.reveal())
        atexit.register(self._token_file.unlink, missing_ok=True)
        self.changed()

    def stop(self) -> None:
        """Stop serving, and remove the token."""
        super().stop()
        self._token_file.unlink(missing_ok=True)
        atexit.unregister(self._token_file.unlink)

    @contextmanager
    def captured(self) -> Iterator[Callable[[CallOutcome], CallOutcome]]:
        """See KernelServer."""
        with output_captured(self._shell, shown=False) as (text, images):

            def with_output(outcome: CallOutcome) -> CallOutcome:
                printed = cap(redact(final_text(text.getvalue())), LIMIT)
                whole = f"{outcome.text}\n\nPrinted:\n{printed}" if printed else outcome.text
                pictures = outcome.images or tuple(one.url for one in encoded(images))
                return CallOutcome(whole, outcome.failed, pictures)

            yield with_output

    # -- what is shown ----------------------------------------------------------------------

    @property
    def title(self) -> str:
        """What is offered."""
        names = ", ".join(one.name for one in self.offered)
        return _("Offered to agents on this computer: {names}", names=names)

    def lines(self) -> str:
        """The lines to paste, as Markdown; the token itself is not in them."""
        path, url = str(self._token_file), self.url
        export = f'export {_VARIABLE}="$(cat {shlex.quote(path)})"'
        if os.name == "nt":
            export = f"$env:{_VARIABLE} = Get-Content '{path}'"
        openclaw = {"url": url, "transport": "streamable-http", "requestTimeoutMs": 600_000}
        openclaw["headers"] = {"Authorization": f"Bearer ${{{_VARIABLE}}}"}
        qwen_code = {"httpUrl": url, "alwaysLoadTools": True}
        qwen_code["headers"] = {"Authorization": f"Bearer ${_VARIABLE}"}
        blocks = (
            (_("In the shell that starts the agent, or the Gateway:"), export),
            ("OpenClaw:", f"openclaw mcp set notebook '{json.dumps(openclaw)}'"),
            (
                _("Qwen Code, `mcpServers` in `~/.qwen/settings.json`:"),
                f'"notebook": {json.dumps(qwen_code)}',
            ),
        )
        return "\n\n".join([self.title, *(f"{heading}\n{fenced(line, 'text')}" for heading, line in blocks)])

    def log_view(self) -> TableView:
        """The latest calls, the last one first."""
        rows = [
            (
                time.strftime("%H:%M:%S", time.localtime(one.time)),
                one.client,
                one.name,
                cap(one.arguments, _SHOWN_ARGUMENTS),
                _(one.end) if one.end else _("waiting"),
                f"{one.size:,}" if one.end else "",
                f"{one.seconds:.1f} s" if one.end else "",
            )
            for one in [*self.log][: -_SHOWN_CALLS - 1 : -1]
        ]
        headings = (
            _("Time"), _("Client"), _("Tool"), _("Arguments"), _("Result"), _("Characters"), _("Duration"),
        )  # fmt: skip
        return TableView(headings, rows, empty=_("No calls yet"))

    def changed(self) -> None:
        """Show the change, on the kernel's thread."""
        if isinstance(self._thread, KernelThread):
            with suppress(RuntimeError):  # the kernel is ending
                self._thread.call_soon(self._refresh)

    def _refresh(self) -> None:
        asked = self.asked()
        for question in self._rows.keys() - asked.keys():
            row = self._rows.pop(question)
            for widget in (*row.children, row):
                widget.close()
        for question in asked.keys() - self._rows.keys():
            self._rows[question] = self._row(question, asked[question])
        self._questions.children = tuple(self._rows.values())
        self._table.value = self.log_view().html()

    def _row(self, question: Future[bool], call: LoggedCall) -> Any:
        def button(label: str, *, allowed: bool, always: bool = False) -> Any:
            def clicked(_button: Any) -> None:
                if always:
                    self.allowed.add(call.name)
                if not question.done():
                    question.set_result(allowed)
                self._refresh()

            made = w.Button(description=label, layout=w.Layout(width="auto"))
            made.on_click(clicked)
            return made

        asks = html.escape(_("{client} asks to run", client=call.client or _("An agent")))
        code = html.escape(f"{call.name}({call.arguments})")
        parts = [
            w.HTML(f'<div role="alert">{asks} <code>{code}</code></div>'),
            button(_("Allow"), allowed=True),
            button(_("Always allow {name}", name=call.name), allowed=True, always=True),
            button(_("Refuse"), allowed=False),
        ]
        return w.HBox(parts, layout=w.Layout(flex_flow="row wrap", align_items="center"))
