"""The magics `%openclaw`, `%%openclaw`, `%qwen` and `%%qwen`, and loading and unloading them.

`%load_ext` imports this module, so it imports little besides IPython; everything else is imported at the first use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleMatcherResult, context_matcher
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Bool, Float, Int, TraitError, Unicode, validate

from openclaw_ipython.errors import OpenClawError

if TYPE_CHECKING:
    from openclaw_ipython.shell.display_capture import DisplayCapture
    from openclaw_ipython.shell.session import Session

_ATTRIBUTE = "_openclaw_ipython"  # the front-end extension looks for it
_FAILURES = 8


@magics_class
class OpenClaw(Magics):
    """Ask Qwen, or any OpenAI-compatible model, from a cell; share OpenClaw's configuration."""

    default_model = Unicode("", help="Model for %%qwen here (ref or alias); empty: OpenClaw's default model")
    system = Unicode("", help="System prompt for every question that names none")
    temperature = Float(None, allow_none=True, help="Temperature for every question that names none")
    renderer = Unicode(
        "auto", help="How an answer is shown: auto (what the front end can), markdown, plain or silent"
    )
    stream = Bool(True, help="Show the answer as it comes; False: once, when it is complete")
    footer = Bool(True, help="Show model, seconds and tokens below an answer")
    language = Unicode(
        "", help="Language of panels, status and hints: en or zh_CN; empty: that of the locale"
    )
    journal = Bool(True, help="Keep usage, conversations and jobs; False: write nothing down")
    cache = Bool(False, help="Send the same request once; as %openclaw cache on")
    cache_file = Unicode(
        "", help="File of cached answers, to be passed on with a notebook; empty: the journal"
    )
    daily_limit = Int(0, min=0, help="Requests a day that your plan allows, to be warned in time; 0: none")
    debug = Bool(False, help="Full tracebacks, and the steps taken in the log")
    context_limit = Int(100_000, min=1, help="Most characters that {name}, -a and --cells add to a question")

    shell: Any  # IPython types it as possibly None; a loaded extension always has one

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._session: Session | None = None
        self.failures: dict[str, BaseException] = {}
        """What ended the cells that failed last, by the id that the front end gives a cell."""

        @context_matcher(identifier="openclaw_ipython")
        def matcher(context: Any) -> SimpleMatcherResult:
            before = context.line_with_cursor[: context.cursor_position]
            if context.cursor_line and context.full_text.lstrip().startswith(("%%qwen", "%%openclaw")):
                from openclaw_ipython.shell.completion import references

                return references(self.session, before)
            if not before.lstrip().startswith(("%openclaw", "%qwen", "%%qwen", "%%openclaw")):
                return SimpleMatcherResult(completions=[], suppress=False)
            from openclaw_ipython.shell.completion import matches

            return matches(self.session, before)

        self._matcher = matcher

    @validate("renderer")
    def _known_renderer(self, proposal: Any) -> str:
        from openclaw_ipython.shell.render.renderers import NAMES

        name = str(proposal["value"])
        if name != "auto" and name not in NAMES:
            raise TraitError(f"renderer is one of auto, {', '.join(NAMES)}, not {name!r}")
        return name

    @property
    def session(self) -> Session:
        """The state of this shell, made at the first use."""
        if self._session is None:
            from openclaw_ipython.shell.session import Session

            self._session = Session(self.shell, self)
        return self._session

    @cached_property
    def display_capture(self) -> DisplayCapture:
        """What cells displayed since the extension was loaded; made at the first display."""
        from openclaw_ipython.shell.display_capture import DisplayCapture

        return DisplayCapture(self.shell)

    def _capture(self, message: Any) -> Any:
        """Called by the kernel for each display that it sends."""
        return self.display_capture.capture(message)

    def _keep_failure(self, result: Any) -> None:
        """Called by IPython after each cell."""
        cell = getattr(result.info, "cell_id", None) or ""
        self.failures.pop(cell, None)
        if cell and (error := result.error_before_exec or result.error_in_exec) is not None:
            self.failures[cell] = error
            for oldest in list(self.failures)[:-_FAILURES]:
                del self.failures[oldest]

    # no_var_expand: IPython would otherwise evaluate the braces on the line
    @no_var_expand
    @line_cell_magic
    def openclaw(self, line: str, cell: str | None = None) -> None:
        """OpenClaw's own commands: sign in, choose models, look at the state.

        `%%openclaw [AGENT] [options]` sends the cell to an agent of your OpenClaw Gateway.

        %openclaw                       who is signed in, which model answers
        %openclaw login                 sign in
        %openclaw models set REF        choose the model that answers
        %openclaw help [COMMAND]        everything else
        """

        def run() -> None:
            if cell is not None:
                from openclaw_ipython.shell.agent_cell import ask_agent

                ask_agent(self.session, line, cell)
                return
            from openclaw_ipython.shell.commands import dispatch
            from openclaw_ipython.shell.parser import words

            try:
                view = dispatch(self.session, words(line))
                if view is not None:
                    self.session.show(view)
            finally:
                self.session.show_notices()

        self._guarded(run)

    @no_var_expand
    @line_cell_magic
    def qwen(self, line: str, cell: str | None = None) -> None:
        """Ask a model. `%%qwen [MODEL] [options]` sends the cell, `%qwen [options] PROMPT` the line.

        The answer is streamed below the cell; `_qwen` holds it afterwards, and `-o NAME` binds it too.
        `%openclaw help qwen` lists the options; `%openclaw models set REF` chooses the model.
        """

        def run() -> None:
            from openclaw_ipython.shell.ask import ask

            ask(self.session, line, cell)

        self._guarded(run)

    def _guarded(self, run: Callable[[], None]) -> None:
        """Run, and show errors of this package and an interrupt in a line or two; the cell fails all the same."""
        from openclaw_ipython.cell_errors import error_lines, interrupt_lines, shown_as
        from openclaw_ipython.i18n import language_for, set_language

        set_language(language_for(self.language, os.environ))
        if self.debug:
            run()
            return
        try:
            run()
        except OpenClawError as error:
            # Without a traceback the error keeps no frames, and none of their values, alive.
            raise shown_as(error, error_lines(error)).with_traceback(None) from None
        except KeyboardInterrupt as interrupt:
            raise shown_as(interrupt, interrupt_lines(interrupt)).with_traceback(None) from None

    def close(self) -> None:
        """Close the session and remove what the magics bound."""
        session, self._session = self._session, None
        if session is not None:
            from openclaw_ipython.i18n import ENGLISH, set_language

            session.close()
            set_language(ENGLISH)
            self.shell.user_ns.pop("_qwen", None)

    def _display_hook(self, method: str) -> None:
        """Register or unregister the capture of displays; only a kernel has the hooks for it."""
        hook = getattr(self.shell.display_pub, method, None)
        if hook is not None:
            hook(self._capture)

    def register(self) -> None:
        """Register the magics, the completion and the input transformers."""
        self.shell.register_magics(self)
        self.shell.input_transformers_cleanup.extend(_TRANSFORMERS)
        self.shell.Completer.custom_matchers.append(self._matcher)
        self.shell.events.register("post_run_cell", self._keep_failure)
        self._display_hook("register_hook")

    def unregister(self) -> None:
        """Remove everything that `register`, and `Magics` itself, put into the shell."""
        manager = self.shell.magics_manager
        for kind, names in self.magics.items():
            for name in names:
                if getattr(manager.magics[kind].get(name), "__self__", None) is self:
                    del manager.magics[kind][name]
        manager.registry.pop(type(self).__name__, None)
        self.shell.events.unregister("post_run_cell", self._keep_failure)
        self._display_hook("unregister_hook")
        for added, to in (
            (self._matcher, self.shell.Completer.custom_matchers),
            *((one, self.shell.input_transformers_cleanup) for one in _TRANSFORMERS),
            (self, self.shell.configurables),
        ):
            if added in to:
                to.remove(added)


for _trait in OpenClaw.class_own_traits().values():
    _trait.tag(config=True)

_QUESTION = r"^(\s*)%qwen[ \t]+(\S.*\?)\s*$"
_CELL_WITHOUT_BODY = r"%%(qwen|openclaw)([ \t].*)?"


def allow_question_marks(lines: list[str]) -> list[str]:
    """Let `%qwen what is this?` be a question: IPython takes a line that ends in `?` for a look-up of help.

    `%qwen?` stays a look-up, and the body of a cell magic is left alone.
    """
    if lines and lines[0].startswith("%%"):
        return lines
    call = lambda found: f"{found[1]}get_ipython().run_line_magic('qwen', {found[2]!r})\n"  # noqa: E731
    return [re.sub(_QUESTION, call, line) for line in lines]


def allow_empty_cell(lines: list[str]) -> list[str]:
    """Let a `%%qwen` or `%%openclaw` without a body explain itself."""
    found = re.fullmatch(_CELL_WITHOUT_BODY, lines[0].rstrip()) if lines else None
    if found is None or "".join(lines[1:]).strip():
        return lines
    return ["%qwen\n" if found[1] == "qwen" else "%openclaw help openclaw\n"]


# IPython leaves such a transformer out when it decides whether Enter runs the input or goes on to the next line:
# after a first line `%%qwen` the body is still to come.
allow_empty_cell.has_side_effects = True  # type: ignore[attr-defined]

_TRANSFORMERS = (allow_question_marks, allow_empty_cell)


def load(shell: Any) -> None:
    """Load the extension; a second time does nothing."""
    if getattr(shell, _ATTRIBUTE, None) is None:
        magics = OpenClaw(shell)
        magics.register()
        setattr(shell, _ATTRIBUTE, magics)


def unload(shell: Any) -> None:
    """Unload the extension."""
    magics = getattr(shell, _ATTRIBUTE, None)
    if magics is not None:
        delattr(shell, _ATTRIBUTE)
        magics.unregister()
        magics.close()
