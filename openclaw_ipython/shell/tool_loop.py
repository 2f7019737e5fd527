"""A cell whose answer takes several rounds: `--tools`, `--schema`. Each call is shown, and asked about, before it runs.

What is asked next and what the model is told is decided in `answers`; here is who looks on. Nothing runs that the
person has not named in the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Message, Reply, TextDelta, ToolResult
from openclaw_ipython.context.names import Broken, find
from openclaw_ipython.errors import SchemaMismatch, TooManyRounds, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.terminal import safe_text
from openclaw_ipython.shell.ask import hear, kept, question_for, why_ended
from openclaw_ipython.shell.login.secret_prompt import can_be_asked
from openclaw_ipython.structured.loop import (
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
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.client import Prompt
    from openclaw_ipython.dispatch.failover import Question
    from openclaw_ipython.shell.render.markdown import Renderer
    from openclaw_ipython.shell.session import Session

_SHOWN = 4_000  # characters of the arguments that a person is asked about
_REFUSED = "The person did not allow this call."


def answered_in_rounds(session: Session, values: dict[str, Any], prompt: Prompt, renderer: Renderer) -> Reply:
    """Ask with the functions of `--tools` on offer, until there is an answer, which then fits `--schema`.

    Raises UsageError for names that lead to nothing usable, and where nobody can be asked before a function runs;
    TooManyRounds, SchemaMismatch, and what a question raises. An interrupt ends whatever runs.
    """
    steps = _steps(session, values, prompt)
    if values["tools"] and not values["yes"] and not can_be_asked(session.front):
        raise UsageError(
            _("nobody is there to be asked before a function runs"),
            hint=_("--yes runs them without asking"),
        )
    with CallRunner(notebook_loop()) as runner:
        talk = _Talk(session, values, renderer, runner)
        with kept(session, renderer, values["out"], talk.so_far):
            reply = run_loop(steps, talk.ask, talk.run)
            renderer.close(reply)
            return reply


def first_question(session: Session, values: dict[str, Any], prompt: Prompt, renderer: Renderer) -> Question:
    """The question that such a cell begins with, made ready and not sent. Raises as `answered_in_rounds` does."""
    step = next(_steps(session, values, prompt))
    if not isinstance(step, ModelRequest):
        raise TypeError(step)  # the first thing is always a question
    return question_for(
        session, values, step.messages, renderer, fields=step.fields, answer_schema=step.schema
    )


def _steps(session: Session, values: dict[str, Any], prompt: Prompt) -> ToolLoop:
    wanted = _named(session, values["schema"], "--schema") if values["schema"] else None
    tools = {name: _named(session, name, "--tools") for name in values["tools"] or ()}
    return tool_loop([Message("user", prompt)] if isinstance(prompt, str) else prompt, wanted, tools)


def _named(session: Session, path: str, option: str) -> Any:
    """What a name of the notebook stands for. Raises UsageError, with near names of the right kind."""
    notebook = session.notebook
    try:
        return find(path, notebook, modules=True)
    except Broken as error:
        why = f"{option} {path}: {error}"
        raise UsageError(why) from None
    except KeyError:
        fits = is_schema if option == "--schema" else callable
        near = suggest(path, [name for name, value in notebook.nameable().items() if fits(value)])
        raise UsageError(
            _(
                "{option}: nothing here is called {path}{meant}",
                option=option,
                path=path,
                meant=did_you_mean(near),
            ),
            suggestions=near,
            hint=_("run the cell that defines it first"),
        ) from None


class _Talk:
    """One answer in rounds, as a cell shows it. `ask` and `run` carry steps out, `so_far` is what they came to."""

    def __init__(
        self, session: Session, values: dict[str, Any], renderer: Renderer, runner: CallRunner
    ) -> None:
        self._session = session
        self._values = values
        self._renderer = renderer
        self._runner = runner
        self._may_all = bool(values["yes"])
        self._said: list[Reply] = []
        self._hearing: Collector | None = None

    def ask(self, step: ModelRequest) -> Reply:
        """Ask once, shown as it comes."""
        session, renderer = self._session, self._renderer
        question = question_for(
            session, self._values, step.messages, renderer, fields=step.fields, answer_schema=step.schema
        )
        if self._said:
            renderer.feed([TextDelta("\n\n")])  # what comes now is no continuation of what was said before
        else:
            renderer.open(str(question.ref))
        self._hearing = Collector(str(question.ref), session.monotonic())
        hear(session, question, renderer, self._hearing)
        reply = self._hearing.reply(session.monotonic())
        self._said.append(reply)
        self._hearing = None
        return reply

    def run(self, step: ToolRun) -> Sequence[CallOutcome]:
        """Show each call and ask whether it may run; run those that may."""
        allowed: list[PlannedCall] = []
        for planned in step.calls:
            self._renderer.feed([planned.call])
            refused = not planned.refusal and not self._allowed(planned)
            allowed.append(PlannedCall(planned.call, refusal=_REFUSED) if refused else planned)
        outcomes: dict[int, CallOutcome] = {}
        for at, outcome in self._runner.run(allowed):
            outcomes[at] = outcome
            self._renderer.feed([ToolResult(allowed[at].call, outcome.text, outcome.failed)])
        return [outcomes[at] for at in range(len(allowed))]

    def so_far(self, error: BaseException) -> Reply:
        """What there is of an answer that `error` ended."""
        if isinstance(error, SchemaMismatch | TooManyRounds) and isinstance(error.reply, Reply):
            return error.reply
        said = list(self._said)
        if self._hearing is not None:
            said.append(self._hearing.reply(self._session.monotonic()))
        return merge_replies(said or [Reply()], finish_reason=why_ended(error))

    def _allowed(self, planned: PlannedCall) -> bool:
        if self._may_all:
            return True
        arguments = planned.call.arguments
        more = f" … ({len(arguments) - _SHOWN} more characters)" if len(arguments) > _SHOWN else ""
        shown = safe_text(f"{planned.call.name}({' '.join(arguments[:_SHOWN].split())}{more})")
        try:
            answer = input(_("Run {call}? y: yes, a: yes to all, Enter: no > ", call=shown))
        except EOFError:  # the terminal was closed, or Ctrl-D
            return False
        self._may_all = answer.strip().lower() in {"a", "all"}
        return self._may_all or answer.strip().lower() in {"y", "yes", "是"}
