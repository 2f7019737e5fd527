"""`%%qwen` and `%qwen`: the line parsed, the question asked, the answer shown and bound."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.thinking import LEVELS
from openclaw_ipython.chat.types import Notice, Reply
from openclaw_ipython.errors import LoginRequired, OpenClawError, UnknownModel, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.conversation import conversation
from openclaw_ipython.shell.inputs import composed, preferred
from openclaw_ipython.shell.parser import (
    Option,
    Positional,
    Spec,
    cells,
    choice,
    count,
    field,
    identifier,
    names,
    number,
    parse,
    parse_prompt,
    quoted,
    seconds,
    words,
)
from openclaw_ipython.shell.render.markdown import MarkdownRenderer, PlainRenderer, Renderer, SilentRenderer
from openclaw_ipython.shell.render.surfaces import JupyterSurface, TerminalSurface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_ipython.client import Prompt
    from openclaw_ipython.dispatch.failover import Question
    from openclaw_ipython.shell.session import Session

FORMATS = ("markdown", "text", "code", "json", "html", "math", "silent")
OPTIONS = (
    Option(("-m", "--model"), "the model: provider/model or alias", "REF", kind="model"),
    Option(("-s", "--system"), "what the model is told before the question: the system prompt", "TEXT"),
    Option(("-t", "--temperature"), "how varied the answer is, from 0 to 2", "X", number(0, 2)),
    Option(("--top-p",), "from 0 to 1; a lower one keeps to likelier words", "X", number(0, 1)),
    Option(("--max-tokens",), "the longest answer, in tokens", "N", count),
    Option(
        ("-p", "--param"),
        "a further field of the request, e.g. top_k=20; the value is JSON or text",
        "KEY=VALUE",
        field,
        repeat=True,
    ),
    Option(
        ("--thinking",),
        "whether, or how long, the model thinks first: off, on, low, medium or high",
        "LEVEL",
        choice(*LEVELS),
        kind="thinking",
    ),
    Option(
        ("-i", "--image"),
        "show it a picture: a file, an https address, a variable, _ or Out[3]",
        "SRC",
        quoted,
        kind="source",
        repeat=True,
    ),
    Option(("-a", "--attach"), "add a variable or a text file", "SRC", quoted, kind="source", repeat=True),
    Option(
        ("--cells",), "add earlier cells with their output: 3, 2-5, -4 (the last four) or all", "SPEC", cells
    ),
    Option(("--raw",), "leave braces alone: {name} stays as typed"),
    Option(
        ("-f", "--format"),
        "how it is shown: markdown, text, code (also put into new cells), json, html, math or silent",
        "FORMAT",
        choice(*FORMATS),
        kind="format",
    ),
    Option(
        ("-o", "--out"),
        "bind the reply to this name; with --schema or -f json, the value in it",
        "NAME",
        identifier,
        kind="name",
    ),
    Option(
        ("--schema",),
        "get the answer as an object of this class, or by this JSON schema, of yours",
        "NAME",
        kind="schema",
    ),
    Option(("--tools",), "functions of yours that the model may call", "NAME,…", names, kind="function"),
    Option(("--yes",), "with --tools: run them without asking before each call"),
    Option(("-c", "--continue"), "go on with the last conversation of this notebook"),
    Option(("--chat",), "go on with the conversation of this name, or begin it", "NAME", kind="chat"),
    Option(("--no-history",), "keep this question out of every conversation"),
    Option(
        ("--cache",), "show the answer that the same request got before, and send nothing; else keep this one"
    ),
    Option(("--no-cache",), "send it, even where an answer to it is kept"),
    Option(("--no-stream",), "show the answer once, when it is complete"),
    Option(("--timeout",), "give up when the answer takes longer", "SECONDS", seconds),
    Option(("--dry-run",), "show what would be sent, and to whom; send nothing"),
)
_MANUAL = "%openclaw help qwen"
LINE = Spec("%qwen", OPTIONS, manual=_MANUAL)
CELL = Spec(
    "%%qwen",
    OPTIONS,
    (Positional("ref", "provider/model or alias", required=False, kind="model"),),
    manual=_MANUAL,
)


def ask(session: Session, line: str, cell: str | None) -> None:
    """Ask, show the answer, bind it to `_qwen` and to what `-o` names.

    Raises the typed error of whatever failed; an interrupt keeps what had arrived and is raised on.
    """
    if cell is None:
        values, prompt = parse_prompt(line, LINE)
    else:
        values, prompt = parse(words(line), CELL), cell
        if values["model"] and values["ref"] not in (None, values["model"]):
            raise UsageError(
                _("two models are named: {ref} and {model}", ref=values["ref"], model=values["model"]),
                hint=_MANUAL,
            )
    if not prompt.strip():
        from openclaw_ipython.shell.views import MessageView

        session.show(
            MessageView("The prompt is empty: %qwen PROMPT, or %%qwen with the prompt in the cell", _MANUAL)
        )
        return
    shown_as = values["format"] or ("json" if values["schema"] else None)
    talk = conversation(session, values, f"{line}\n{cell or ''}")
    asked = talk.messages(composed(session, values, prompt.strip("\n")))
    renderer = renderer_for(session, shown_as)
    if values["dry_run"]:
        rehearse(session, values, asked, renderer)
        return
    talk.keep(put(session, values, asked, renderer))


def rehearse(session: Session, values: dict[str, Any], prompt: Prompt, renderer: Renderer) -> None:
    """Show what the question would be; nothing is sent."""
    from openclaw_ipython.shell.dry_run import rehearsal

    if values["schema"] or values["tools"]:
        from openclaw_ipython.shell.tool_loop import first_question

        question = first_question(session, values, prompt, renderer)
    else:
        question = question_for(session, values, prompt, renderer)
    session.show(rehearsal(question, values.get("pictures", ())))


def put(session: Session, values: dict[str, Any], prompt: Prompt, renderer: Renderer) -> Reply:
    """Put one question with the options `values` (those of `CELL`), shown by `renderer`; the reply is bound."""
    if values["schema"] or values["tools"]:
        from openclaw_ipython.shell.tool_loop import answered_in_rounds

        reply = answered_in_rounds(session, values, prompt, renderer)
    else:
        reply = _carry_out(session, question_for(session, values, prompt, renderer), renderer, values["out"])
    if values["format"] and reply.parsed is None:
        from openclaw_ipython.shell.render.formats import parsed

        reply.parsed = parsed(reply, values["format"])
    _bind(session, reply, values["out"])
    return reply


def question_for(
    session: Session,
    values: dict[str, Any],
    prompt: Prompt,
    renderer: Renderer,
    *,
    fields: Mapping[str, Any] | None = None,
    answer_schema: Mapping[str, Any] | None = None,
) -> Question:
    """Make the question ready. Where a login is missing and one is going on, wait for it first.

    `fields` are further request fields.
    """
    options = session.options
    system = values["system"] or options.system or None
    if values["format"]:
        from openclaw_ipython.shell.render.formats import instructed

        system = instructed(system, values["format"])

    def ready() -> Question:
        return session.client.question(
            prompt,
            model=values.get("ref") or values["model"] or preferred(session, prompt),
            system=system,
            temperature=values["temperature"] if values["temperature"] is not None else options.temperature,
            top_p=values["top_p"],
            max_tokens=values["max_tokens"],
            stream=options.stream and not values["no_stream"],
            thinking=values["thinking"],
            extra={**dict(values["param"]), **(fields or {})},
            notes=values.get("notes", ()),
            timeout=values["timeout"],
            answer_schema=answer_schema,
            cache=False if values["no_cache"] else values["cache"] or None,
        )

    pending = session.pending
    if pending is None:
        return ready()
    try:
        question = ready()
        if question.meant.provider != pending.provider:
            return question
    except (LoginRequired, UnknownModel):
        pass  # what is missing may be what the sign-in brings
    from openclaw_ipython.shell.login.flow import join

    renderer.open("")
    try:
        join(
            session,
            lambda label, left: renderer.feed(
                [Notice(_("waiting for the sign-in to {label}", label=label), left)]
            ),
        )
    except (OpenClawError, KeyboardInterrupt):
        renderer.abandon()
        raise
    return ready()


def _carry_out(session: Session, question: Question, renderer: Renderer, out: str | None) -> Reply:
    if question.kept is not None:
        from openclaw_ipython.shell.render.replay import AtOnce

        renderer = AtOnce(renderer)
    monotonic = session.monotonic
    collector = Collector(str(question.ref), monotonic())
    renderer.open(str(question.ref))
    with kept(session, renderer, out, lambda error: collector.reply(monotonic(), why_ended(error))):
        hear(session, question, renderer, collector)
        reply = collector.reply(monotonic())
        renderer.close(reply)
        return reply


def hear(session: Session, question: Question, renderer: Renderer, collector: Collector) -> None:
    """Take an answer in as it comes: collected, and shown."""
    with session.bridge.batches(lambda: session.client.stream(question), renderer.interval) as batches:
        for batch in batches:
            now = session.monotonic()
            for event in batch:
                collector.add(event, now)
            renderer.feed(batch)


@contextlib.contextmanager
def kept(
    session: Session, renderer: Renderer, out: str | None, so_far: Callable[[BaseException], Reply]
) -> Iterator[None]:
    """Whatever ends the block early: what had arrived by then is shown, marked and bound."""
    try:
        yield
    except (OpenClawError, KeyboardInterrupt) as error:
        reply = so_far(error)
        # A second interrupt while the mark is painted must not hide the first.
        with contextlib.suppress(KeyboardInterrupt):
            if reply or reply.reasoning or reply.tool_calls:
                _bind(session, reply, out)
                renderer.close(reply)
            else:
                renderer.abandon()
        raise


def why_ended(error: BaseException) -> str:
    """The finish reason of an answer that `error` cut off."""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "ended early"


def _bind(session: Session, reply: Reply, out: str | None) -> None:
    """`_qwen` is the reply; what `-o` names is the value it stands for, where it has one."""
    names = session.shell.user_ns
    names["_qwen"] = reply
    if out:
        names[out] = reply if reply.parsed is None else reply.parsed


def renderer_for(session: Session, name: str | None = None) -> Renderer:
    """Who shows an answer here; `name` is the format that was asked for."""
    painter = session.options.renderer
    if painter == "auto":
        painter = "plain" if session.front.kind == "terminal" else "markdown"
    if name not in (None, "markdown"):
        from openclaw_ipython.shell.render import formats

        return formats.renderer(session, painter, name)
    footer = session.options.footer
    if painter == "silent":
        return SilentRenderer()
    if painter == "plain":
        return PlainRenderer(TerminalSurface(sys.stdout), session.monotonic, footer=footer)
    return MarkdownRenderer(JupyterSurface(), session.monotonic, footer=footer)
