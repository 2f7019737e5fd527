"""`%%qwen` and `%qwen`: the line parsed, the question asked, the answer shown and bound."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.messages import Notice, Reply
from openclaw_ipython.chat.thinking import LEVELS
from openclaw_ipython.errors import LoginRequired, OpenClawError, UnknownModel
from openclaw_ipython.shell.arguments import (
    Option,
    Positional,
    Spec,
    choice,
    count,
    identifier,
    number,
    parse,
    parse_prompt,
    words,
)
from openclaw_ipython.shell.renderers import MarkdownRenderer, PlainRenderer, Renderer, SilentRenderer
from openclaw_ipython.shell.surfaces import JupyterSurface, TerminalSurface
from openclaw_ipython.words import say

if TYPE_CHECKING:
    from openclaw_ipython.routing import Question
    from openclaw_ipython.shell.session import Session

OPTIONS = (
    Option(("-m", "--model"), "the model: provider/model or alias", "REF", kind="model"),
    Option(("-s", "--system"), "the system prompt", "TEXT"),
    Option(("-t", "--temperature"), "from 0 to 2; higher is more varied", "X", number(0, 2)),
    Option(("--top-p",), "from 0 to 1", "X", number(0, 1)),
    Option(("--max-tokens",), "the most tokens to answer with", "N", count),
    Option(("--thinking",), "off, on, low, medium or high", "LEVEL", choice(*LEVELS), kind="thinking"),
    Option(("-o", "--out"), "bind the reply to this name", "NAME", identifier),
    Option(("--no-stream",), "show the answer once, when it is complete"),
)
LINE = Spec("%qwen", OPTIONS)
CELL = Spec("%%qwen", OPTIONS, (Positional("ref", "provider/model or alias", required=False, kind="model"),))


def ask(session: Session, line: str, cell: str | None) -> None:
    """Ask, show the answer, bind it to `_qwen` and to what `-o` names.

    Raises the typed error of whatever failed; an interrupt keeps what had arrived and is raised on.
    """
    if cell is None:
        values, prompt = parse_prompt(line, LINE)
    else:
        values, prompt = parse(words(line), CELL), cell
    if not prompt.strip():
        from openclaw_ipython.shell.views import Said

        session.show(
            Said("The prompt is empty: %qwen PROMPT, or %%qwen with the prompt in the cell", "%openclaw help")
        )
        return
    renderer = _renderer(session)
    question = _question(session, values, prompt.strip("\n"), renderer)
    reply = _carry_out(session, question, renderer, values["out"])
    _bind(session, reply, values["out"])


def _question(session: Session, values: dict[str, Any], prompt: str, renderer: Renderer) -> Question:
    """Make the question ready. Where a login is missing and one is going on, wait for it first."""
    options = session.options

    def ready() -> Question:
        return session.client.question(
            prompt,
            model=values.get("ref") or values["model"] or options.default_model or None,
            system=values["system"] or options.system or None,
            temperature=values["temperature"] if values["temperature"] is not None else options.temperature,
            top_p=values["top_p"],
            max_tokens=values["max_tokens"],
            stream=options.stream and not values["no_stream"],
            thinking=values["thinking"],
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
    from openclaw_ipython.shell.login import join

    renderer.open("")
    try:
        join(
            session,
            lambda label, left: renderer.feed(
                [Notice(say("waiting for the sign-in to {label}", label=label), left)]
            ),
        )
    except (OpenClawError, KeyboardInterrupt):
        renderer.abandon()
        raise
    return ready()


def _carry_out(session: Session, question: Question, renderer: Renderer, out: str | None) -> Reply:
    pulse = session.pulse
    collector = Collector(str(question.ref), pulse())
    renderer.open(str(question.ref))
    try:
        with session.bridge.batches(lambda: session.client.stream(question), renderer.interval) as batches:
            for batch in batches:
                now = pulse()
                for event in batch:
                    collector.add(event, now)
                renderer.feed(batch)
        reply = collector.reply(pulse())
        renderer.close(reply)
        return reply
    except (OpenClawError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        reply = collector.reply(pulse(), "interrupted" if interrupted else "ended early")
        # A second interrupt while the mark is painted must not hide the first.
        with contextlib.suppress(KeyboardInterrupt):
            if reply or reply.reasoning:
                _bind(session, reply, out)
                renderer.close(reply)
            else:
                renderer.abandon()
        raise


def _bind(session: Session, reply: Reply, out: str | None) -> None:
    names = session.shell.user_ns
    names["_qwen"] = reply
    if out:
        names[out] = reply


def _renderer(session: Session) -> Renderer:
    kind = session.options.renderer
    if kind == "auto":
        kind = "plain" if session.front.kind == "terminal" else "markdown"
    if kind == "silent":
        return SilentRenderer()
    if kind == "plain":
        return PlainRenderer(TerminalSurface(sys.stdout), session.pulse)
    return MarkdownRenderer(JupyterSurface(), session.pulse)
