"""`--tools` and `--schema`: an answer that takes several requests. Each call is shown and confirmed before it runs.

The package `structured` decides each step; this module carries it out in a cell. Only functions named in the cell run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Notice, Reply, TextDelta, ToolCall, ToolResult
from openclaw_ipython.context.blocks import fenced, without_mark
from openclaw_ipython.context.names import BrokenReference, is_reference, look_up
from openclaw_ipython.errors import OpenClawError, SchemaMismatch, TooManyRounds, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.assistant import MAX_ROUNDS as ASSIST_ROUNDS
from openclaw_ipython.shell.assistant import NOTEBOOK, SYSTEM, Assistant, EditRequested, notebook_tools, risks
from openclaw_ipython.shell.front_end import YES, answer_to
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
    merge_replies,
    tool_loop,
)
from openclaw_ipython.structured.runner import CallRunner, notebook_loop, run_loop
from openclaw_ipython.structured.schema import is_schema
from openclaw_ipython.structured.text_calls import unread_call
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.context.names import Notebook
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.render.renderer import Renderer
    from openclaw_ipython.shell.reply import CellPrompt
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
    loop = CellToolLoop(session, options, prompt, renderer)
    steps = loop.steps()
    kept = partial_reply_kept(session, renderer, options.out, loop.partial_reply)
    with CallRunner(notebook_loop()) as runner, kept, loop.kept():
        try:
            reply = run_loop(steps, loop.ask, partial(loop.run, runner))
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
    loop = CellToolLoop(session, options, prompt, renderer)
    return loop.request(cast("ModelRequest", next(loop.steps())))


def _misfits(session: Session, renderer: Renderer, reply: Reply) -> str:
    """What in the code of an answer does not exist here, for the model; empty where it fits."""
    cells = renderer.cells(reply) if isinstance(renderer, CodeRenderer) else cells_in(str(reply))
    findings = session.check(cells).findings if cells else ()
    if findings:
        renderer.update([Notice(_("the code did not fit this kernel and was asked for again"))])
    return "; ".join(finding.sentence(str.format) for finding in findings)


def schema_named(notebook: Notebook, text: str) -> Any:
    """What is written after `--schema`: a name of the notebook, or a type such as `list[P]`. Raises UsageError."""

    def value(name: str) -> Any:
        return look_up(name, notebook, modules=True)

    with _named(notebook, "--schema", text, is_schema):
        if is_reference(text):
            with suppress(KeyError):
                return value(text)
        return type_from(text, value)


def value_named(notebook: Notebook, option: str, name: str, fits: Callable[[Any], bool]) -> Any:
    """The value that a name after `option` stands for. Raises UsageError; it suggests names whose values fit."""
    with _named(notebook, option, name, fits):
        return look_up(name, notebook, modules=True)


@contextmanager
def _named(notebook: Notebook, option: str, text: str, fits: Callable[[Any], bool]) -> Iterator[None]:
    """Turn the errors of a look-up into UsageErrors, for an unknown name with near names of the right kind."""
    try:
        yield
    except BrokenReference as error:
        raise UsageError(f"{option} {text}: {error}") from None
    except KeyError as error:
        path = str(error.args[0])
        names = [name for name, value in notebook.variables().items() if fits(value)]
        what = _("{option}: nothing here is called {path}", option=option, path=path)
        raise mistyped(what, path, names, hint=_("run the cell that defines it first")) from None


class CellToolLoop:
    """Carries out the steps of one answer in a cell. Calls run after the person has allowed them.

    `looking` are the functions that only read the notebook, and are not asked about. Raises UsageError.
    """

    def __init__(self, session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer) -> None:
        named = options.tools or ()
        if options.assist:
            system = options.system or session.preferences.system
            options = replace(options, system=f"{SYSTEM}\n\n{system}" if system else SYSTEM)
        self._session = session
        self._options = options
        self._prompt = prompt
        self._renderer = renderer
        self._all_allowed = options.yes
        self._replies: list[Reply] = []
        self._collector: Collector | None = None  # of the reply that is arriving
        self._assistant = Assistant(session, reads_figures=self._reads_figures) if options.assist else None
        looks = options.assist or NOTEBOOK in named
        self._looking = notebook_tools(session.notebook) if looks else {}
        self._tools: dict[str, Any] = dict(self._looking)
        if self._assistant is not None:
            self._tools["run"] = self._assistant.run
        servers = [name for name in named if name.startswith("mcp:")]
        own = {
            name: value_named(session.notebook, "--tools", name, callable)
            for name in named
            if name not in (NOTEBOOK, *servers)
        }
        if servers:
            from openclaw_ipython.shell.commands.mcp_servers import server_tools

            own |= server_tools(session, servers)
        if twice := sorted(self._tools.keys() & own.keys()):
            raise UsageError(_("two functions are called {name}", name=twice[0]))
        self._tools |= own

    def steps(self) -> ToolLoop:
        """The steps of the answer."""
        schema = self._options.schema
        wanted = schema_named(self._session.notebook, schema) if schema else None
        limits = (ASSIST_ROUNDS, ASSIST_ROUNDS) if self._assistant is not None else (MAX_ROUNDS, MAX_REPEATS)
        reads_images = lambda _model: self._reads_figures  # noqa: E731
        misfits = (
            partial(_misfits, self._session, self._renderer) if self._options.mend else lambda _reply: ""
        )
        return tool_loop(
            self._prompt.messages, wanted, self._tools, *limits, reads_images=reads_images, misfits=misfits
        )

    @cached_property
    def _reads_figures(self) -> bool:
        """Whether the model that answers, or the one for images, is known to read images."""
        models = self._session.client.models
        word = self._options.model or self._session.preferences.default_model
        try:
            ref = models.resolve(word) if word else models.default()
            able = models.reads_images(ref) if ref is not None else None
            return bool(able) or (not word and ref is not None and models.vision_model(ref) is not None)
        except OpenClawError:  # raised again when the request is sent
            return False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """With `--keep`: when the answer has ended, however it did, the code that ran is put into cells."""
        try:
            yield
        finally:
            if self._options.keep and self._assistant is not None and self._assistant.ran:
                self._session.put_cells(self._assistant.ran)

    def request(self, step: ModelRequest) -> ResolvedRequest:
        """The request of a step."""
        return prepare_request(
            self._session,
            self._options,
            replace(self._prompt, content=step.messages),
            self._renderer,
            fields=step.fields,
            answer_schema=step.schema,
        )

    def ask(self, step: ModelRequest) -> Reply:
        """Send one request and show its reply as it arrives."""
        session, renderer = self._session, self._renderer
        request = self.request(step)
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

    def run(self, runner: CallRunner, step: ToolRun) -> Sequence[CallOutcome]:
        """Show each call and ask whether it may run; run those that may."""
        if self._assistant is not None:  # what a step did is seen before the next one is asked about
            return [outcome for planned in step.calls for outcome in self._run(runner, [planned])]
        return self._run(runner, step.calls)

    def _run(self, runner: CallRunner, calls: Sequence[PlannedCall]) -> list[CallOutcome]:
        allowed: list[PlannedCall] = []
        for planned in calls:
            refused = not self._shown_and_allowed(planned)
            allowed.append(PlannedCall(planned.call, refusal=_REFUSED) if refused else planned)
        outcomes: dict[int, CallOutcome] = {}
        for at, outcome in runner.run(allowed):
            outcomes[at] = outcome
            call, ran = calls[at].call, bool(self._proposed(calls[at]))
            if not ran or outcome.text == _REFUSED:  # the output of code that ran is shown already
                shown = _shortened(call) if ran else call
                self._renderer.update([ToolResult(shown, without_mark(outcome.text), outcome.failed)])
        return [outcomes[at] for at in range(len(allowed))]

    def _proposed(self, planned: PlannedCall) -> str:
        """The code that a call proposes to run; empty for any other call."""
        proposes = self._assistant is not None and planned.call.name == "run" and not planned.refusal
        return str(planned.kwargs.get("code", "")) if proposes else ""

    def _shown_and_allowed(self, planned: PlannedCall) -> bool:
        """Show a call, proposed code with its check, and ask. Raises EditRequested.

        True for a call that has a refusal already, and for those that only read.
        """
        call, code = planned.call, self._proposed(planned)
        if code:
            self._renderer.update([TextDelta(f"\n\n{fenced(code, 'python')}\n\n"), _shortened(call)])
            self._show(check_bundle(self._session.check([code])))
            reasons = risks(code, self._session.shell.user_ns)
            question = _("Run this here? y: yes, a: yes to all, e: edit, Enter: no > ")
            return self._allowed(question, warning(reasons) if reasons else None, code)
        self._renderer.update([call])
        if planned.refusal or call.name in self._looking:
            return True
        changed = planned.tool.warning() if planned.tool is not None else ""
        more = len(call.arguments) - _SHOWN_ARGUMENTS
        rest = f" … ({more} more characters)" if more > 0 else ""
        line = safe_text(f"{call.name}({' '.join(call.arguments[:_SHOWN_ARGUMENTS].split())}{rest})")
        question = _("Run {call}? y: yes, a: yes to all, Enter: no > ", call=line)
        return self._allowed(question, {"text/plain": safe_text(changed)} if changed else None)

    def _allowed(self, question: str, warned: dict[str, str] | None, code: str = "") -> bool:
        """Ask, after a warning even where everything has been allowed. Raises EditRequested for proposed `code`."""
        if self._all_allowed and not warned:
            return True
        if not self._session.front.can_answer():
            return False
        if warned:
            self._show(warned)
        answer = answer_to(question)
        if code and answer in {"e", "edit"}:
            raise EditRequested(code)
        self._all_allowed = self._all_allowed or answer in _ALL
        return answer in YES or answer in _ALL

    def _show(self, bundle: dict[str, str]) -> None:
        render_context(self._session).surface.show(bundle)

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


def _shortened(call: ToolCall) -> ToolCall:
    """A call without its arguments, which are shown as code above it."""
    return dataclasses.replace(call, arguments="")
