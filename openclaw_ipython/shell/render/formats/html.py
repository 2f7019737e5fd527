"""`-f html`: an HTML page, in a frame where it cannot act."""

import re

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import framed
from openclaw_ipython.sanitize.markdown import code_blocks
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.render.buffered import FormattedReply, buffered
from openclaw_ipython.shell.render.formats import Format

_TAG = r"<[a-zA-Z!][^<>]*>"
_LANGUAGES = frozenset({"html", "htm", "xhtml", "svg", "xml"})


def format_html(reply: Reply) -> FormattedReply:
    """The HTML in an answer, in a frame where it cannot act; as plain text its source."""
    text = str(reply)
    source = next((code for language, code in code_blocks(text) if language in _LANGUAGES), "") or next(
        (code for language, code in code_blocks(text) if not language and re.search(_TAG, code)), text
    )
    frame = framed(source) if re.search(_TAG, source) else None
    if frame is None:
        return FormattedReply(note=_("no HTML in it"))
    return FormattedReply({"text/html": frame, "text/plain": safe_text(source.strip("\n"))})


FORMAT = Format(
    "an HTML page",
    "Answer with one HTML page and nothing else. Styles have to stand in it and pictures have to be inline SVG "
    "or data: addresses; scripts do not run, and nothing is loaded.",
    buffered(format_html),
)
