"""`--tools` and `--schema`: an answer that takes several requests. Each call is shown and confirmed before it runs.

The package `structured` decides each step; this module carries it out in a cell. Only functions named in the cell run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Notice, Reply, TextDelta, ToolCall, ToolResult
from openclaw_ipython.context.blocks import fenced, without_mark
from openclaw_ipython.context.names import BrokenReference, is_reference, look_up
from openclaw_ipython.errors import OpenClawError, SchemaMismatch, TooManyRounds, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.assistant import MAX_ROUNDS as ASSIST_ROUNDS
from openclaw_ipython.shell.assistant import SYSTEM, Assistant, EditRequested
from openclaw_ipython.shell.code_risks import risks
from openclaw_ipython.shell.front_end import YES, answer_to
from openclaw_ipython.shell.notebook_tools import NAME as NOTEBOOK
from openclaw_ipython.shell.notebook_tools import NotebookTools
from openclaw_ipython.shell.render.code_cells import CodeRenderer, cells_in, check_bundle, warning
from openclaw_ipython.shell.reply import (
    finish_reason_of,
    partial_reply_kept,
    prepare_request,
    receive,
    render_context,
)
from openclaw_ipython.structured.annotations import type_from
from openclaw_ipython.structured.loop import (
    MAX_REPEATS,
    MAX_ROUNDS,
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
from openclaw_ipython.structured.text_calls import unread_call
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Notebook
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.shell.inputs import CellPrompt
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.render.renderer import Renderer
    from openclaw_ipython.shell.session import Session

_SHOWN_ARGUMENTS = 4_000  # characters of the arguments that are shown
_ALL = {"a", "all"}
_REFUSED = "The person did not allow this call."


def run_tool_loop(session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer) -> Reply:
    """Send requests with the functions of `--tools`, until there is an answer, which then fits `--schema`.

    Raises UsageError for names that cannot be used, and where nobody can confirm a call; TooManyRounds,
    SchemaMismatch, and the errors of a request. An interrupt ends the request or function that runs.
    """
    asks = options.assist or any(name != NOTEBOOK for name in options.tools or ())
    if asks and not options.yes and not session.front.can_answer():
        raise UsageError(
            _("no person can be asked here before a function runs"),
            hint=_("--yes runs them without asking"),
        )
    rounds = CellRounds(session, options)
    with CallRunner(notebook_loop()) as runner:
        loop = CellToolLoop(session, rounds, prompt, renderer, runner)
        steps = rounds.steps(prompt)
        if options.mend:
            steps = mend_loop(steps, lambda reply: _misfits(session, renderer, reply))
        with partial_reply_kept(session, renderer, options.out, loop.partial_reply), rounds.kept():
            try:
                reply = run_loop(steps, loop.ask, loop.run)
            except EditRequested as edit:
                reply = loop.reply_so_far("stop")
                session.put_cells([str(edit)])
                renderer.finish(reply, [_("the code is in the cell below, to be edited and run")])
                return reply
            note = unread_call(reply) if options.tools or options.assist else ""
            renderer.finish(reply, [note] if note else [])
            return reply


def first_request(
    session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer
) -> ResolvedRequest:
    """The first request of such a cell, not sent. Raises as `run_tool_loop` does."""
    rounds = CellRounds(session, options)
    step = next(rounds.steps(prompt))
    if not isinstance(step, ModelRequest):
        raise TypeError(step)  # the first step is always a request
    return _request(session, rounds.options, prompt, renderer, step)


class CellRounds:
    """The functions that the model is offered in one cell, and the options of the requests. Raises UsageError."""

    def __init__(self, session: Session, options: AskOptions) -> None:
        self._session = session
        self.assistant = (
            Assistant(session, reads_figures=_reads_figures(session, options)) if options.assist else None
        )
        self.looking: Mapping[str, Any] = {}
        """The functions that only read the notebook. They are not asked about."""
        if options.assist or NOTEBOOK in (options.tools or ()):
            self.looking = NotebookTools(session.notebook).functions()
        servers = [name for name in options.tools or () if name.startswith("mcp:")]
        own = {
            name: value_named(session.notebook, "--tools", name, callable)
            for name in options.tools or ()
            if name not in (NOTEBOOK, *servers)
        }
        if servers:
            from openclaw_ipython.shell.commands.mcp_servers import server_tools

            own |= server_tools(session, servers)
        assisting = self.assistant.functions() if self.assistant is not None else {}
        self._tools = {**self.looking, **assisting}
        if twice := sorted(self._tools.keys() & own.keys()):
            raise UsageError(_("two functions are called {name}", name=twice[0]))
        self._tools |= own
        if options.assist:
            system = options.system or session.preferences.system
            options = replace(options, system=f"{SYSTEM}\n\n{system}" if system else SYSTEM)
        self.options = options

    def steps(self, prompt: CellPrompt) -> ToolLoop:
        """The steps of the answer."""
        options = self.options
        wanted = schema_named(self._session.notebook, options.schema) if options.schema else None
        limits = (ASSIST_ROUNDS, ASSIST_ROUNDS) if self.assistant is not None else (MAX_ROUNDS, MAX_REPEATS)
        return tool_loop(
            prompt.messages, wanted, self._tools, *limits, reads_images=lambda _model: self._reads_figures
        )

    @cached_property
    def _reads_figures(self) -> bool:
        return _reads_figures(self._session, self.options)

    def proposed(self, planned: PlannedCall) -> str:
        """The code that a call proposes to run; empty for any other call."""
        proposes = self.assistant is not None and planned.call.name == "run" and not planned.refusal
        return str(planned.kwargs.get("code", "")) if proposes else ""

    @contextmanager
    def kept(self) -> Iterator[None]:
        """With `--keep`: when the answer has ended, however it did, the code that ran is put into cells."""
        try:
            yield
        finally:
            if self.options.keep and self.assistant is not None and self.assistant.ran:
                self._session.put_cells(self.assistant.ran)


def _reads_figures(session: Session, options: AskOptions) -> bool:
    """Whether the model that answers, or the one for images, is known to read images."""
    models = session.client.models
    word = options.model or session.preferences.default_model
    try:
        ref = models.resolve(word) if word else models.default()
        able = models.reads_images(ref) if ref is not None else None
        return bool(able) or (not word and ref is not None and models.vision_model(ref) is not None)
    except OpenClawError:  # raised again when the request is sent
        return False


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


def value_named(notebook: Notebook, option: str, name: str, fits: Callable[[Any], bool]) -> Any:
    """The value that a name after `option` stands for. Raises UsageError; it suggests names whose values fit."""
    try:
        return look_up(name, notebook, modules=True)
    except BrokenReference as error:
        raise _broken(option, name, error) from None
    except KeyError:
        raise _unknown(notebook, option, name, fits) from None


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
        rounds: CellRounds,
        prompt: CellPrompt,
        renderer: Renderer,
        runner: CallRunner,
    ) -> None:
        self._session = session
        self._rounds = rounds
        self._options = rounds.options
        self._prompt = prompt
        self._renderer = renderer
        self._runner = runner
        self._all_allowed = rounds.options.yes
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
        if (
            self._rounds.assistant is not None
        ):  # the person sees what a step did before the next one is asked about
            return [outcome for planned in step.calls for outcome in self._run([planned])]
        return self._run(step.calls)

    def _run(self, calls: Sequence[PlannedCall]) -> list[CallOutcome]:
        allowed: list[PlannedCall] = []
        for planned in calls:
            refused = not self._shown_and_allowed(planned)
            allowed.append(PlannedCall(planned.call, refusal=_REFUSED) if refused else planned)
        outcomes: dict[int, CallOutcome] = {}
        for at, outcome in self._runner.run(allowed):
            outcomes[at] = outcome
            call, ran = calls[at].call, bool(self._rounds.proposed(calls[at]))
            if not ran or outcome.text == _REFUSED:  # the output of code that ran is shown already
                shown = _shortened(call) if ran else call
                self._renderer.update([ToolResult(shown, without_mark(outcome.text), outcome.failed)])
        return [outcomes[at] for at in range(len(allowed))]

    def _shown_and_allowed(self, planned: PlannedCall) -> bool:
        """Show a call and ask; True for one that has a refusal already, and for those that only read."""
        code = self._rounds.proposed(planned)
        if code:
            return self._code_allowed(planned, code)
        self._renderer.update([planned.call])
        return bool(planned.refusal) or planned.call.name in self._rounds.looking or self._allowed(planned)

    def _code_allowed(self, planned: PlannedCall, code: str) -> bool:
        """Show proposed code with its check, and ask. Raises EditRequested."""
        session = self._session
        self._renderer.update([TextDelta(f"\n\n{fenced(code, 'python')}\n\n"), _shortened(planned.call)])
        surface = render_context(session).surface
        surface.show(check_bundle(session.check([code])))
        reasons = risks(code, session.shell.user_ns)
        if self._all_allowed and not reasons:
            return True
        if not session.front.can_answer():
            return False
        if reasons:
            surface.show(warning(reasons))
        answer = answer_to(_("Run this here? y: yes, a: yes to all, e: edit, Enter: no > "))
        if answer in {"e", "edit"}:
            raise EditRequested(code)
        self._all_allowed = self._all_allowed or answer in _ALL
        return answer in YES or answer in _ALL

    def partial_reply(self, error: BaseException) -> Reply:
        """The part of the answer that had arrived when `error` ended it."""
        if isinstance(error, SchemaMismatch | TooManyRounds) and isinstance(error.reply, Reply):
            return error.reply
        return self.reply_so_far(finish_reason_of(error))

    def reply_so_far(self, finish_reason: str) -> Reply:
        """The answer as far as it has arrived."""
        replies = list(self._replies)
        if self._collector is not None:
            replies.append(self._collector.reply(self._session.runtime.monotonic()))
        return merge_replies(replies or [Reply()], finish_reason=finish_reason)

    def _allowed(self, planned: PlannedCall) -> bool:
        warning = planned.tool.warning() if planned.tool is not None else ""
        if self._all_allowed and not warning:
            return True
        if not self._session.front.can_answer():
            return False
        arguments = planned.call.arguments
        more = (
            f" … ({len(arguments) - _SHOWN_ARGUMENTS} more characters)"
            if len(arguments) > _SHOWN_ARGUMENTS
            else ""
        )
        shown = safe_text(f"{planned.call.name}({' '.join(arguments[:_SHOWN_ARGUMENTS].split())}{more})")
        if warning:
            render_context(self._session).surface.show({"text/plain": safe_text(warning)})
        answer = answer_to(_("Run {call}? y: yes, a: yes to all, Enter: no > ", call=shown))
        self._all_allowed = self._all_allowed or answer in _ALL
        return answer in YES or answer in _ALL


def _shortened(call: ToolCall) -> ToolCall:
    """A call without its arguments, which are shown as code above it."""
    return dataclasses.replace(call, arguments="")
