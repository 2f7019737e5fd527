"""One request and its reply: its prompt, made ready, shown as it arrives, bound to names of the notebook.

The package `context` is imported only where `--image`, `--attach`, `--cells` or a brace was typed.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.types import Message, Notice, Reply
from openclaw_ipython.dispatch.budget import current_cell, limit_for
from openclaw_ipython.errors import LoginRequired, OpenClawError, UnknownModel, hidden_fields
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.render.renderer import JupyterSurface, RenderContext, Renderer, TerminalSurface
from openclaw_ipython.shell.render.renderers import make_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openclaw_ipython.client import Prompt
    from openclaw_ipython.context.image_encoding import EncodedImage
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.shell.options import AskOptions
    from openclaw_ipython.shell.session import Session


class CellPrompt(Struct, frozen=True):
    """What a cell asks. `notes` are for the footer, `images` are those of its last message."""

    content: Prompt
    notes: tuple[str, ...] = ()
    images: tuple[EncodedImage, ...] = ()

    @property
    def messages(self) -> list[Message]:
        """The content as messages."""
        return [Message("user", self.content)] if isinstance(self.content, str) else list(self.content)

    def __repr__(self) -> str:
        return "CellPrompt(…)"  # it holds the text of files

    __rich_repr__ = hidden_fields


def compose_prompt(session: Session, options: AskOptions, text: str) -> CellPrompt:
    """`text` with its references replaced, and what the options add. Raises UsageError for a name that is not found."""
    named = options.image or options.attach or options.cells
    if not named and (options.raw or "{" not in text):
        return CellPrompt(text)
    from openclaw_ipython.context.prompt import PromptOptions, compose

    wanted = PromptOptions(
        options.image,
        options.attach,
        options.cells or "",
        raw=options.raw,
        limit=session.preferences.context_limit,
        high_resolution=("vl_high_resolution_images", True) in options.param,
    )
    prompt = compose(text, session.notebook, wanted)
    content = [Message("user", prompt.content)] if prompt.images else prompt.text
    return CellPrompt(content, prompt.notes, prompt.images)


def preferred_model(session: Session, prompt: CellPrompt) -> str | None:
    """The model named in `%config`; None without one, and for pictures where that model reads text only."""
    word: str = session.preferences.default_model
    if not word or all(isinstance(message.content, str) for message in prompt.messages):
        return word or None
    models = session.client.models
    return None if models.reads_images(models.resolve(word)) is False else word


def prepare_request(
    session: Session,
    options: AskOptions,
    prompt: CellPrompt,
    renderer: Renderer,
    *,
    fields: Mapping[str, Any] | None = None,
    answer_schema: Mapping[str, Any] | None = None,
) -> ResolvedRequest:
    """The request for `prompt`. Where a login is missing and a sign-in is pending, waits for it first.

    `fields` are further request fields.
    """
    preferences = session.preferences
    system = options.system or preferences.system or None
    if options.format:
        system = find_format(options.format).system_prompt(system)
    temperature = options.temperature if options.temperature is not None else preferences.temperature

    def ready() -> ResolvedRequest:
        return session.client.resolve(
            prompt.content,
            model=options.model or preferred_model(session, prompt),
            system=system,
            temperature=temperature,
            top_p=options.top_p,
            max_tokens=options.max_tokens,
            stream=preferences.stream and not options.no_stream,
            thinking=options.thinking,
            extra={**dict(options.param), **(fields or {})},
            notes=prompt.notes,
            timeout=options.timeout,
            budget=limit_for(options.budget, "cell", current_cell()),
            answer_schema=answer_schema,
            cache=False if options.no_cache else options.cache or None,
        )

    pending = session.pending
    if pending is None:
        return ready()
    try:
        request = ready()
        if request.requested_model.provider != pending.provider:
            return request
    except (LoginRequired, UnknownModel):
        pass  # the sign-in may bring it
    renderer.start("")
    try:
        while not pending.ended(0.2):  # so that *Run All* works
            state = pending.state
            what = _("waiting for the sign-in to {label}", label=state.label)
            renderer.update([Notice(what, state.left)])
        if not pending.state.replaced_by:
            pending.result()
    except OpenClawError as error:
        renderer.cancel()
        why = _("the sign-in failed: {error}", error=error)
        raise LoginRequired(why, hint=error.hint or "%openclaw login") from None
    except KeyboardInterrupt:
        renderer.cancel()
        raise
    return ready()


def stream_reply(session: Session, request: ResolvedRequest, renderer: Renderer, out: str | None) -> Reply:
    """Send `request` and show its reply. An error or interrupt binds and shows the part that has arrived."""
    monotonic = session.runtime.monotonic
    collector = Collector(str(request.ref), monotonic())
    renderer.start(str(request.ref))
    with partial_reply_kept(
        session, renderer, out, lambda error: collector.reply(monotonic(), finish_reason_of(error))
    ):
        notes = receive(session, request, renderer, collector, at_once=request.cached_reply is not None)
        reply = collector.reply(monotonic())
        renderer.finish(reply, notes)
        return reply


def receive(
    session: Session,
    request: ResolvedRequest,
    renderer: Renderer,
    collector: Collector,
    *,
    at_once: bool = False,
) -> list[str]:
    """Send `request`; collect and show the events of its answer as they arrive.

    `at_once`: nothing is shown yet, so that each run of a cell with a cached answer looks the same. Returns what is to
    be noted below that.
    """
    notes: list[str] = []
    with session.loop_thread.batches(lambda: session.client.stream(request), renderer.interval) as batches:
        for batch in batches:
            now = session.runtime.monotonic()
            for event in batch:
                collector.add(event, now)
            if at_once:
                notes += [one.text for one in batch if isinstance(one, Notice) and one.seconds is None]
            else:
                renderer.update(batch)
    return notes


@contextlib.contextmanager
def partial_reply_kept(
    session: Session, renderer: Renderer, out: str | None, partial: Callable[[BaseException], Reply]
) -> Iterator[None]:
    """When an error or interrupt ends the block, bind and show the `partial` reply, marked as incomplete."""
    try:
        yield
    except (OpenClawError, KeyboardInterrupt) as error:
        reply = partial(error)
        # A second interrupt while the mark is painted must not hide the first.
        with contextlib.suppress(KeyboardInterrupt):
            if reply or reply.reasoning or reply.tool_calls:
                bind_reply(session, reply, out)
                renderer.finish(reply)
                error.is_shown = True  # type: ignore[union-attr]
            else:
                renderer.cancel()
        raise


def finish_reason_of(error: BaseException) -> str:
    """The finish reason of an answer that `error` cut off."""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "ended early"


def bind_reply(session: Session, reply: Reply, out: str | None, *, parsed: bool = False) -> None:
    """Bind the reply to `_qwen`, and its value, else the reply, to `out`. The value of a `parsed` one may be None."""
    names = session.shell.user_ns
    names["_qwen"] = reply
    if out:
        names[out] = reply.parsed if parsed or reply.parsed is not None else reply


def render_context(session: Session) -> RenderContext:
    """What renderers are made from in the running cell."""
    in_terminal = session.front.kind == "terminal"
    renderer = session.preferences.renderer
    if renderer == "auto":
        renderer = "plain" if in_terminal else "markdown"
    return RenderContext(
        renderer,
        surface=TerminalSurface(sys.stdout) if in_terminal else JupyterSurface(),
        monotonic=session.runtime.monotonic,
        put_cells=session.put_cells,
        check=session.check,
        footer=session.preferences.footer,
    )


def renderer_for(session: Session, format_name: str | None = None) -> Renderer:
    """The renderer of this front end for a format."""
    context = render_context(session)
    return find_format(format_name).make(context) if format_name else make_renderer(context)
