"""`-f math`: one formula, typeset."""

import re

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.markdown import code_blocks, safe_markdown
from openclaw_ipython.sanitize.markdown_grammar import CLOSERS, MAX_FORMULA_LENGTH
from openclaw_ipython.sanitize.text import safe_text
from openclaw_ipython.shell.render.buffered import FormattedReply, buffered
from openclaw_ipython.shell.render.formats import Format

_LANGUAGES = frozenset({"latex", "tex", "math", "katex"})


def format_math(reply: Reply) -> FormattedReply:
    """An answer that is one formula, with or without delimiters, as a block of its own."""
    text = str(reply).strip()
    blocks = code_blocks(text)
    if blocks and (blocks[0][0] in _LANGUAGES or text.startswith(("```", "~~~"))):
        text = blocks[0][1].strip()
    tex = _bare(text)
    if tex is None or len(tex) > MAX_FORMULA_LENGTH:
        return FormattedReply(note=_("not a single formula"))  # Markdown shows words with formulas
    return FormattedReply({"text/markdown": safe_markdown(f"$$\n{tex}\n$$"), "text/plain": safe_text(text)})


def _bare(text: str) -> str | None:
    """The one formula in `text`, without delimiters; None where there is anything else."""
    for opener, closer in sorted(CLOSERS.items(), key=lambda pair: -len(pair[0])):
        if text.startswith(opener) and text.endswith(closer) and len(text) > len(opener) + len(closer):
            inner = text[len(opener) : len(text) - len(closer)]
            return None if any(mark in inner for mark in ("$", *CLOSERS)) else _lines(inner)
    return None if not text or any(mark in text for mark in CLOSERS) else _lines(text)


def _lines(tex: str) -> str | None:
    """`tex` stripped; None where it has a blank line, which ends a formula in TeX and Markdown."""
    tex = tex.strip()
    return None if re.search(r"\n[ \t]*\n", tex) else tex


FORMAT = Format(
    "one formula",
    "Answer with one formula in LaTeX and nothing else: no words, no delimiters.",
    buffered(format_math),
)
