"""Model text as Markdown that a front end shows right and that cannot act.

Front ends run what Markdown carries: raw HTML, addresses with scripts, images that tell their server that they
were seen, TeX that links. The text is therefore read into tokens and *written anew* from them; what the writer
does not know cannot come out. No `<` of the model ever leaves as `<`. Only reading and writing Markdown
belongs here: where and how often it is shown is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent

from msgspec import Struct

from openclaw_ipython.sanitize.html import html_code, preformatted
from openclaw_ipython.sanitize.text import visible

MAX_LENGTH = 400_000
"""Characters; a longer text in one piece is shown as plain text."""

# One line of words between single spaces: letters of any script that has no other meaning here, and the marks of
# ordinary prose. The first words of most answers are that, and are shown before the parser has been imported.
_PLAIN_WORDS = r"[^\W\d_](?:[^\W_]|[,;?'()%，。] ?|\.(?= |$)| (?! ))*(?<! )"


class Block(Struct, frozen=True):
    """A top-level block: its kind (markdown-it's token type), first line (from 0) and safe Markdown."""

    kind: str
    line: int
    markdown: str


def safe_markdown(text: str) -> str:
    """`text` as inert Markdown: same content, and nothing in it that a front end would run, load or follow.

    For any text; never raises. What is nested or tangled beyond reason is shown as plain text.
    """
    return "\n\n".join(block.markdown for block in safe_blocks(visible(text)))


def safe_blocks(text: str) -> list[Block]:
    """The top-level blocks of `text`, as `safe_markdown` would join them. For text that `visible` has seen."""
    if len(text) > MAX_LENGTH:
        return [plain_block(text)]
    if re.fullmatch(_PLAIN_WORDS, words := text.rstrip(" \n")):
        return [Block("paragraph_open", 0, words)]
    try:
        return list(_read(text))
    except Exception:  # a fault of the parser must not cost the reader the answer
        return [plain_block(text)]


def code_blocks(text: str) -> list[tuple[str, str]]:
    """The code blocks in `text`, in order: the language as the fence names it, in lower case, and the code, dedented.

    Code is what is shown as code: in lists and quotes too, indented or fenced. Text that is nested or tangled beyond
    reason has none.
    """
    from openclaw_ipython.sanitize.markdown_grammar import TooComplex, tokens

    try:
        found = [token for token in tokens(text) if token.type in ("fence", "code_block")]
    except TooComplex:
        return []
    return [((token.info.split() or [""])[0].lower(), dedent(token.content)) for token in found]


def prepare() -> None:
    """Load the parser, which the first Markdown would wait for otherwise: tens of milliseconds."""
    from openclaw_ipython.sanitize.markdown_grammar import parser

    parser()


def plain_block(text: str) -> Block:
    """`text` as it is, without any Markdown, lines wrapped to the page."""
    return Block("plain", 0, preformatted(html_code(text), style="white-space:pre-wrap"))


def _read(text: str) -> Iterator[Block]:
    from openclaw_ipython.sanitize.markdown_grammar import tokens
    from openclaw_ipython.sanitize.markdown_writer import Writer

    for block in Writer(tokens(text)).blocks():
        if block[-1]:
            yield Block(*block)
