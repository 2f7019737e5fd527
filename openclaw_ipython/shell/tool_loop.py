"""`--tools` and `--schema`: an answer that takes several requests. Each call is shown and confirmed before it runs.

The package `structured` decides each step; this module carries it out in a cell. Only functions named in the cell run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Notice, Reply, TextDelta, ToolResult
from openclaw_ipython.context.names import BrokenReference, is_reference, look_up
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.render.code_cells import CodeRenderer, cells_in
from openclaw_ipython.shell.reply import finish_reason_of, partial_reply_kept, prepare_request, receive
from openclaw_ipython.structured.annotations import type_from
from openclaw_ipython.structured.loop import (
    CallOutcome,
    ModelRequest,
    PlannedCall,
    ToolLoop,
    ToolRun,
    mend_loop,
    merge_replies,
    tool_loop,
)
from openclaw_ipython.structured.runner import CallRunner, notebook_loop, run_loop
from openclaw_ipython.structured.schema import is_schema
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Notebook
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.shell.inputs import CellPrompt
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.render.renderer import Renderer
    from openclaw_ipython.shell.session import Session

_SHOWN_ARGUMENTS = 4_000  # characters of the arguments that are shown
_REFUSED = "The person did not allow this call."


def run_tool_loop(session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer) -> Reply:
    """Send requests with the functions of `--tools`, until there is an answer, which then fits `--schema`.

    Raises UsageError for names that cannot be used, and where nobody can confirm a call; TooManyRounds,
    SchemaMismatch, and the errors of a request. An interrupt ends the request or function that runs.
    """
    steps = _steps(session, options, prompt)
    if options.mend:
        steps = mend_loop(steps, lambda reply: _misfits(session, renderer, reply))
    if options.tools and not options.yes and not session.front.can_answer():
        raise UsageError(
            _("nobody is there to be asked before a function runs"),
            hint=_("--yes runs them without asking"),
        )
    with CallRunner(notebook_loop()) as runner:
        loop = CellToolLoop(session, options, prompt, renderer, runner)
        with partial_reply_kept(session, renderer, options.out, loop.partial_reply):
            reply = run_loop(steps, loop.ask, loop.run)
            renderer.finish(reply)
            return reply


def first_request(
    session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer
) -> ResolvedRequest:
    """The first request of such a cell, not sent. Raises as `run_tool_loop` does."""
    step = next(_steps(session, options, prompt))
    if not isinstance(step, ModelRequest):
        raise TypeError(step)  # the first step is always a request
    return _request(session, options, prompt, renderer, step)


def _steps(session: Session, options: AskOptions, prompt: CellPrompt) -> ToolLoop:
    wanted = schema_named(session.notebook, options.schema) if options.schema else None
    tools = {name: _function_named(session.notebook, name) for name in options.tools or ()}
    return tool_loop(prompt.messages, wanted, tools)


def _misfits(session: Session, renderer: Renderer, reply: Reply) -> str:
    """What in the code of an answer does not exist here, for the model; empty where it fits."""
    cells = renderer.cells(reply) if isinstance(renderer, CodeRenderer) else cells_in(str(reply))
    findings = session.check(cells).findings if cells else ()
    if findings:
        renderer.update([Notice(_("the code did not fit this kernel and was asked for again"))])
    return "; ".join(finding.sentence(str.format) for finding in findings)


def _request(
    session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer, step: ModelRequest
) -> ResolvedRequest:
    return prepare_request(
        session,
        options,
        replace(prompt, content=step.messages),
        renderer,
        fields=step.fields,
        answer_schema=step.schema,
    )


def schema_named(notebook: Notebook, text: str) -> Any:
    """What is written after `--schema`: a name of the notebook, or a type such as `list[P]`. Raises UsageError."""

    def value(name: str) -> Any:
        return look_up(name, notebook, modules=True)

    try:
        if is_reference(text):
            with suppress(KeyError):
                return value(text)
        return type_from(text, value)
    except BrokenReference as error:
        raise _broken("--schema", text, error) from None
    except KeyError as error:
        raise _unknown(notebook, "--schema", str(error.args[0]), is_schema) from None


def _function_named(notebook: Notebook, name: str) -> Any:
    """The function that a name after `--tools` stands for. Raises UsageError."""
    try:
        return look_up(name, notebook, modules=True)
    except BrokenReference as error:
        raise _broken("--tools", name, error) from None
    except KeyError:
        raise _unknown(notebook, "--tools", name, callable) from None


def _broken(option: str, path: str, error: BrokenReference) -> UsageError:
    why = f"{option} {path}: {error}"
    return UsageError(why)


def _unknown(notebook: Notebook, option: str, path: str, fits: Callable[[Any], bool]) -> UsageError:
    """The error for an unknown name, with near names of the right kind."""
    near = suggest(path, [name for name, value in notebook.variables().items() if fits(value)])
    return UsageError(
        _(
            "{option}: nothing here is called {path}{suggestion}",
            option=option,
            path=path,
            suggestion=did_you_mean(near),
        ),
        suggestions=near,
        hint=_("run the cell that defines it first"),
    )


class CellToolLoop:
    """Carries out the steps of one answer in a cell. Calls run after the person has allowed them."""

    def __init__(
        self,
        session: Session,
        options: AskOptions,
        prompt: CellPrompt,
        renderer: Renderer,
        runner: CallRunner,
    ) -> None:
        self._session = session
        self._options = options
        self._prompt = prompt
        self._renderer = renderer
        self._runner = runner
        self._all_allowed = options.yes
        self._replies: list[Reply] = []
        self._collector: Collector | None = None  # of the reply that is arriving

    def ask(self, step: ModelRequest) -> Reply:
        """Send one request and show its reply as it arrives."""
        session, renderer = self._session, self._renderer
        request = _request(session, self._options, self._prompt, renderer, step)
        if self._replies:
            renderer.update([TextDelta("\n\n")])  # a new paragraph, no continuation of the reply before
        else:
            renderer.start(str(request.ref))
        self._collector = Collector(str(request.ref), session.runtime.monotonic())
        receive(session, request, renderer, self._collector)
        reply = self._collector.reply(session.runtime.monotonic())
        self._replies.append(reply)
        self._collector = None
        return reply

    def run(self, step: ToolRun) -> Sequence[CallOutcome]:
        """Show each call and ask whether it may run; run those that may."""
        allowed: list[PlannedCall] = []
        for planned in step.calls:
            self._renderer.update([planned.call])
            refused = not planned.refusal and not self._allowed(planned)
            allowed.append(PlannedCall(planned.call, refusal=_REFUSED) if refused else planned)
        outcomes: dict[int, CallOutcome] = {}
        for at, outcome in self._runner.run(allowed):
            outcomes[at] = outcome
            self._renderer.update([ToolResult(allowed[at].call, outcome.text, outcome.failed)])
        return [outcomes[at] for at in range(len(allowed))]

    def partial_reply(self, error: BaseException) -> Reply:
        """The part of the answer that had arrived when `error` ended it."""
        if isinstance(error, SchemaMismatch | TooManyRounds) and isinstance(error.reply, Reply):
            return error.reply
        replies = list(self._replies)
        if self._collector is not None:
            replies.append(self._collector.reply(self._session.runtime.monotonic()))
        return merge_replies(replies or [Reply()], finish_reason=finish_reason_of(error))

    def _allowed(self, planned: PlannedCall) -> bool:
        if self._all_allowed:
            return True
        arguments = planned.call.arguments
        more = (
            f" … ({len(arguments) - _SHOWN_ARGUMENTS} more characters)"
            if len(arguments) > _SHOWN_ARGUMENTS
            else ""
        )
        shown = safe_text(f"{planned.call.name}({' '.join(arguments[:_SHOWN_ARGUMENTS].split())}{more})")
        try:
            answer = input(_("Run {call}? y: yes, a: yes to all, Enter: no > ", call=shown))
        except EOFError:  # the terminal was closed, or Ctrl-D
            return False
        self._all_allowed = answer.strip().lower() in {"a", "all"}
        return self._all_allowed or answer.strip().lower() in {"y", "yes", "是"}
