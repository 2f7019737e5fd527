"""`%%qwen` and `%qwen`: parse the line, send the question, show the answer and bind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.errors import SchemaMismatch
from openclaw_ipython.shell.conversation import conversation_for
from openclaw_ipython.shell.options import MANUAL, AskOptions, parse_cell_line, parse_prompt_line
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.reply import (
    bind_reply,
    compose_prompt,
    prepare_request,
    renderer_for,
    stream_reply,
)

if TYPE_CHECKING:
    from openclaw_ipython.shell.render.renderer import Renderer
    from openclaw_ipython.shell.reply import CellPrompt
    from openclaw_ipython.shell.session import Session


def ask(session: Session, line: str, cell: str | None) -> None:
    """Ask, show the answer, bind it to `_qwen` and to the name of `-o`.

    Raises the typed error of whatever failed. An interrupt keeps the part that has arrived and is raised again.
    """
    options, text = parse_prompt_line(line) if cell is None else (parse_cell_line(line), cell)
    if not text.strip():
        from openclaw_ipython.shell.views import MessageView

        session.show(
            MessageView("The prompt is empty: %qwen PROMPT, or %%qwen with the prompt in the cell", MANUAL)
        )
        return
    conversation = conversation_for(session, options, f"{line}\n{cell or ''}")
    prompt = compose_prompt(session, options, text.strip("\n"))
    if conversation is None:
        ask_prompt(session, options, prompt)
        return
    prompt = conversation.with_history(prompt)
    conversation.remember(ask_prompt(session, options, prompt))


def ask_prompt(
    session: Session, options: AskOptions, prompt: CellPrompt, renderer: Renderer | None = None
) -> Reply:
    """Send one question, show the answer and bind it; with `--dry-run` show the request, and return an empty reply.

    `renderer` is by default that of the format.
    """
    renderer = renderer or renderer_for(session, options.format or ("json" if options.schema else None))
    if options.in_rounds:
        from openclaw_ipython.shell.tool_loop import first_request, run_tool_loop
    if options.dry_run:
        from openclaw_ipython.shell.dry_run import dry_run

        made = first_request if options.in_rounds else prepare_request
        request = made(session, options, prompt, renderer)
        known = session.client.sender.host_memory.known(request.url, request.request.model)
        session.show(dry_run(request, prompt.images, known))
        return Reply()
    if options.in_rounds:
        reply = run_tool_loop(session, options, prompt, renderer)
    else:
        request = prepare_request(session, options, prompt, renderer)
        reply = stream_reply(session, request, renderer, options.out)
    if options.format and not options.schema and reply.parsed is None:
        try:
            reply.parsed = find_format(options.format).parse(reply)
        except SchemaMismatch:
            if options.out:  # this cell fails, rather than the one that uses the name
                bind_reply(session, reply, options.out)
                raise
    bind_reply(session, reply, options.out, parsed=bool(options.schema))
    return reply
