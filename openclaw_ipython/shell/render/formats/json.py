"""`-f json`: one JSON value, laid out; `-o` binds the value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openclaw_ipython.context.blocks import fenced
from openclaw_ipython.errors import SchemaMismatch
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.render.buffered import FormattedReply, buffered
from openclaw_ipython.shell.render.formats import Format
from openclaw_ipython.shell.render.status import mark_text
from openclaw_ipython.structured.extract import as_python, extract

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import Reply


def format_json(reply: Reply) -> FormattedReply:
    """The JSON in an answer, laid out; a table stays one."""
    found = extract(str(reply))
    if found is None:
        return FormattedReply(note=_("no JSON in it"))
    if found.is_table:
        return FormattedReply()
    try:
        laid_out = json.dumps(found.value, indent=2, ensure_ascii=False)
    except RecursionError:  # nested too deeply
        return FormattedReply()
    return FormattedReply(
        {"text/markdown": safe_markdown(fenced(laid_out, "json")), "text/plain": safe_text(laid_out)}
    )


def parse(reply: Reply) -> Any:
    """The value in the answer. Raises SchemaMismatch where there is none, or the answer is incomplete."""
    mark = mark_text(reply)
    found = None if mark else extract(str(reply))
    if found is None:
        reason = _("the answer has no JSON") if not mark else _("the answer is incomplete: {mark}", mark=mark)
        raise SchemaMismatch(reason, reply=str(reply), hint=_("its text is in _qwen"))
    return as_python(found)


FORMAT = Format(
    "one JSON value",
    "Answer with one JSON value and nothing else: no words, no code fence.",
    buffered(format_json, plain=True),
    parse,
)
