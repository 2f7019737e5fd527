r"""The Markdown that models write: CommonMark, tables, strikethrough, and math between dollars or TeX brackets.

The one module that imports markdown-it; `sanitize.markdown` imports it on first use. It only reads: what may be
shown, and how, is decided where tokens are written out again.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence, paragraph
from markdown_it.rules_inline import StateInline

CLOSERS = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
"""How a formula is opened in text, and what closes it."""

MAX_NESTING = 48
MAX_COLUMNS = 200
MAX_BRACKETS = 3000
MAX_FORMULA = 4000
MAX_FORMULA_LINES = 200

_NEXT_DOLLAR = r"(?s)[^$\\]*(?:\\.[^$\\]*)*\$"
_ENVIRONMENT = r"\\begin\{((?:equation|align|alignat|gather|multline|eqnarray|flalign|cases|split)\*?)\}"
_TEX_SIGN = r"[\\^_={}]"
_WORD = r"[ \n][A-Za-z]{2}"


class TooComplex(Exception):
    """The text would cost more to read as Markdown than it is worth; nobody writes such text for a reader."""


class _Parser(MarkdownIt):
    """Takes every address as it stands: which ones become links is not for the parser to say."""

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802
        return link


@functools.cache
def parser(*, indented_code: bool = True) -> MarkdownIt:
    """The parser; it keeps nothing between two texts. Without `indented_code`, indented lines are ordinary text."""
    md = _Parser("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    md.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    md.block.ruler.before("table", "limits", _block_limits)
    md.block.ruler.before("code", "deep_fence", _deep_fence)
    md.block.ruler.at("paragraph", _paragraph)
    md.block.ruler.before("fence", "math", _math_block, {"alt": ["paragraph", "blockquote", "list"]})
    md.inline.ruler.before("text", "limits", _inline_limits)
    md.inline.ruler.before("escape", "math", _math_inline)
    return md if indented_code else md.disable("code")


def tokens(text: str, *, indented_code: bool = True) -> list[Any]:
    """The tokens of `text`. Raises `TooComplex` when it is nested or tangled beyond reason."""
    return parser(indented_code=indented_code).parse(text, {"budget": 2000 + 12 * len(text)})


# -- limits ----------------------------------------------------------------------------------


def _block_limits(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    # markdown-it drops what is nested deeper than its limit; text must not get lost.
    if state.level >= MAX_NESTING - 4:
        raise TooComplex
    # Each short row of a wide table is filled up with cells: a few kilobytes can ask for 65,000 of them.
    if state.src.count("|", state.bMarks[start_line], state.eMarks[start_line]) > MAX_COLUMNS:
        raise TooComplex
    return _spend(state.env)


def _inline_limits(state: StateInline, silent: bool) -> bool:
    # Looking for the end of a link is quadratic in the brackets of a paragraph.
    if state.pos == 0 and state.src.count("[") > MAX_BRACKETS:
        raise TooComplex
    return _spend(state.env)


def _spend(env: Any) -> bool:
    env["budget"] -= 1
    if env["budget"] < 0:
        raise TooComplex
    return False


# -- fences that are indented too far ---------------------------------------------------------
#
# To CommonMark they are indented code, or words of the paragraph before them. Models write them below list items.

_FENCE = r"`{3,}[^`]*$|~{3,}"
MAX_LINES_ABOVE = 20
"""Lines of a paragraph after which such a fence is looked for: the time is linear."""


def _deep_fence(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if not state.is_code_block(start_line) or not _opens_fence(state, start_line):
        return False
    state._code_enabled = False  # what the rule asks about the indent of a line
    try:
        return fence(state, start_line, end_line, silent)
    finally:
        state._code_enabled = True


def _paragraph(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    last_line = state.lineMax
    for line in range(start_line + 1, min(last_line, start_line + MAX_LINES_ABOVE)):
        if state.isEmpty(line):
            break
        if state.sCount[line] - state.blkIndent > 3 and _opens_fence(state, line):
            state.lineMax = line
            break
    try:
        return paragraph(state, start_line, end_line, silent)
    finally:
        state.lineMax = last_line


def _opens_fence(state: StateBlock, line: int) -> bool:
    return (
        re.match(_FENCE, state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]) is not None
    )


# -- math ------------------------------------------------------------------------------------


def _math_inline(state: StateInline, silent: bool) -> bool:
    """`$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]` within a paragraph, a heading or a cell."""
    openers = ("$$", "$", r"\(", r"\[")
    opener = next((one for one in openers if state.src.startswith(one, state.pos)), "")
    if not opener:
        return False
    start = state.pos + len(opener)
    end = _inline_end(state, opener, start)
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline", "", 0)
        token.content, token.markup = state.src[start:end], opener
    state.pos = end + len(CLOSERS[opener])
    return True


def _inline_end(state: StateInline, opener: str, start: int) -> int:
    limit = min(state.posMax, start + MAX_FORMULA)
    single = opener == "$"
    end = _dollar_end(state.src, start, limit) if single else state.src.find(CLOSERS[opener], start, limit)
    return end if end > start and "`" not in state.src[start:end] and state.src[start:end].strip() else -1


def _dollar_end(text: str, start: int, limit: int) -> int:
    """Where the formula opened by the single dollar before `start` ends; -1 when that is no formula.

    As in pandoc's `tex_math_dollars`: no space inside the dollars, no digit after them. Beyond that, no
    letter on either outer side and no prose about money ("$5 a month or 50$").
    """
    before = text[start - 2 : start - 1]
    if start >= limit or text[start].isspace() or before == "$" or _is_ascii_alnum(before):
        return -1
    match = re.compile(_NEXT_DOLLAR).match(text, start, limit)
    if match is None:
        return -1
    end = match.end() - 1
    if text[end - 1].isspace() or text[end + 1 : end + 2] == "$" or _is_ascii_alnum(text[end + 1 : end + 2]):
        return -1
    return -1 if _is_about_money(text[start:end]) else end


def _is_about_money(text: str) -> bool:
    return text[0].isdigit() and re.search(_TEX_SIGN, text) is None and re.search(_WORD, text) is not None


def _is_ascii_alnum(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _math_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""`$$`, `\[` or `\begin{align}` at the start of a line, up to its closer at the end of one.

    Without a closer yet, an opener alone on its line takes the lines up to the next blank one: that is what
    a formula looks like while it arrives.
    """
    if state.is_code_block(start_line):
        return False
    first = state.src[state.bMarks[start_line] + state.tShift[start_line] : state.eMarks[start_line]]
    opener, closer = _block_delimiters(first)
    if not opener:
        return False
    end, closed = _block_end(state, start_line, end_line, first[len(opener) :], closer)
    if not closed and (first.strip() != opener or end < end_line):
        return False
    if silent:
        return True
    body = state.getLines(start_line, end, state.tShift[start_line], False).strip()[len(opener) :]
    token = state.push("math_block" if closed else "math_pending", "", 0)
    token.content = body.removesuffix(closer) if closed else body
    token.markup = opener
    token.map = [start_line, end]
    state.line = end
    return True


def _block_delimiters(line: str) -> tuple[str, str]:
    if line.startswith("$$"):
        return "$$", "$$"
    if line.startswith(r"\["):
        return r"\[", r"\]"
    if environment := re.match(_ENVIRONMENT, line):
        return environment[0], rf"\end{{{environment[1]}}}"
    return "", ""


def _block_end(state: StateBlock, line: int, end_line: int, rest: str, closer: str) -> tuple[int, bool]:
    """The line after the block and whether `closer` was found, at the end of the block's last line."""
    limit = min(end_line, line + MAX_FORMULA_LINES)
    while closer not in rest:
        line += 1
        if line >= limit or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return line, False
        rest = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    return line + 1, rest.index(closer) == len(rest.rstrip()) - len(closer)


# -- which formulas may be typeset ----------------------------------------------------------
#
# TeX is a programming language and its web typesetters have commands that link, style and load. A formula also passes
# two readers that disagree: some front ends take math out before they read Markdown (JupyterLab, nbconvert), others
# afterwards or never. So what leaves here means the same, or nothing, to both.

MAX_FORMULA_LENGTH = 10_000
MAX_BRACES = 60

# Commands that act outside their formula: links, HTML attributes, styles, files, other extensions,
# definitions (a later formula could be built from them), references (ids of the page), raw characters.
# The lists of MathJax (ui/safe, html, action, bbox, require, newcommand, mathtools) and of KaTeX ("trust").
_DENIED = r"""(?x)\\(?:
        href|url|nolinkurl|hyperref|class|cssId|style|data|html\w*|mmlToken|bbox|toggle|mathtip|texttip|tooltip
      | require|include\w*|input|import|special|write\w*|read|openin|openout|catcode|immediate
      | unicode|char|symbol|csname|endcsname|expandafter|noexpand|futurelet|string|detokenize|scantokens
      | [gex]?def|let|global|long|outer|new(?!line(?![A-Za-z]))\w*|(?:re|provide)new\w*|provide\w*|Declare\w*|New\w*
      | define\w*|mathtoolsset|\w*tagform|setOptions|label|ref|eqref|autoref|pageref|cref|Cref|cite\w*
    )(?![A-Za-z])"""
_LABEL = r"\\label\s*\{[^{}]*\}"  # means nothing here, and is an error when painted a second time
_COMMENT = r"(?<!\\)((?:\\\\)*)%[^\n]*"
_ESCAPE_OR_BRACE = r"(?s)\\.|[{}$]"
_REFUSED = r"(?i)`|://|www\.|(?<!\\)\$|\\\\\$|\\\Z"
_SHIELDED = (
    (r"<", r"\\lt "),
    (r">", r"\\gt "),
    (r"&(?=[#\w])", "& "),  # would be an entity to a Markdown reader
    (r"!(?=\[)", "! "),
    (r"\](?=[(\[:])", "] "),  # a link, or the definition of one
    (r"\\\\(?=[{}$(\[])", r"\\\\ "),  # readers differ on what the second backslash belongs to
    (r"@@", "@ @"),  # how JupyterLab marks where a formula was
)
_BAR = r"\\\||(?<!\\)\|"


def safe_formula(tex: str, *, in_table: bool = False) -> str | None:
    r"""The formula `tex`, without its delimiters, as one line that may stand between dollars; None if it may not.

    `<` and `>` become `\lt` and `\gt`, comments go, `|` becomes `\vert` where it would end a table cell.
    None means: show it as code.
    """
    if len(tex) > MAX_FORMULA_LENGTH:
        return None
    tex = re.sub(_LABEL, "", re.sub(_COMMENT, r"\1", tex))
    for sign, replacement in _SHIELDED:
        tex = re.sub(sign, replacement, tex)
    if in_table:
        tex = re.sub(_BAR, lambda match: r"\Vert " if len(match[0]) > 1 else r"\vert ", tex)
    tex = " ".join(tex.split())
    if not tex or re.search(_REFUSED, tex) or not _balanced(tex):
        return None
    return None if re.search(_DENIED, tex) else tex


def _balanced(tex: str) -> bool:
    depth = 0
    for match in re.finditer(_ESCAPE_OR_BRACE, tex):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not 0 <= depth <= MAX_BRACES:
            return False
    return depth == 0
