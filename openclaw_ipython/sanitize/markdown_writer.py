"""Markdown written anew from a parser's tokens: what this writer does not know cannot come out. Pure.

The result is Markdown as a person writes it wherever every reader agrees on what it means; elsewhere tags and entities.
A `<` of the input leaves as `<` in a fence only. Text has two readers that know nothing of code, and take everything
between two dollars, or between `\\begin` and `\\end`, for a formula: JupyterLab before it reads Markdown, and nbconvert
before any other block. So neither may stand in a code span, or in a fence that is indented.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.sanitize.html import html_code, preformatted
from openclaw_ipython.sanitize.markdown_grammar import CLOSERS
from openclaw_ipython.sanitize.markdown_inline import formula, inline

if TYPE_CHECKING:
    from markdown_it.token import Token

Written = tuple[str, int, str]
"""A block: its kind (markdown-it's token type), first line (from 0) and Markdown."""

WIDE_TABLE = 20
"""Columns; wider tables go out without the empty cells that the parser adds, which could be most of them."""

_LANGUAGE = r"[A-Za-z0-9][A-Za-z0-9_+#.-]{0,39}"
_ALIGNMENTS = {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}
_TIGHT_AFTER = frozenset({"paragraph_open", "fence", "code_block"})

_LIFT = "\0"
"""Begins a line that must not be indented, although its block stands in a list or a quote: those end there."""
_LIFTED_BLANK = rf"\n\n{_LIFT}\n|\n{_LIFT}\n\n"

# In a fence that is indented, JupyterLab takes these for the begin or the end of a formula.
_FORMULA_SIGN = r"\$|\\(?:begin|end)\{|\\\\[()\[\]]|@@\d"
_LOSES_A_BACKSLASH = r"(?s)\\\\\(.*\\\\\)|\\\\\[.*\\\\\]"  # there, in any fence


class Writer:
    """Walks the flat list of tokens once; each method consumes the tokens of one construct."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0  # containers around the current block

    def blocks(self, closing: str = "") -> Iterator[Written]:
        """The blocks up to the token `closing`, or all of them."""
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                return
            markdown = self._block(token)
            if not self._depth and _LIFT in markdown:
                markdown = re.sub(_LIFTED_BLANK, "\n\n", markdown).replace(_LIFT, "").strip("\n")
            yield token.type, token.map[0] if token.map else 0, markdown

    def _next(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _block(self, token: Token) -> str:
        match token.type:
            case "paragraph_open":
                return self._inline()
            case "heading_open":
                return self._heading(int(token.tag[1:]))
            case "bullet_list_open" | "ordered_list_open":
                return self._list(token)
            case "blockquote_open":
                return self._quote()
            case "table_open":
                return self._table()
            case "fence" | "code_block":
                return self._fence(token.content.removesuffix("\n"), token.info)
            case "math_block" | "math_pending":
                return self._math(token)
            case "hr":
                return "___"  # unlike `---` and `***` nothing else, wherever it stands
            case _:
                return self._fence(token.content) if token.content else ""

    def _inline(self) -> str:
        """The inline token and the closing token after it."""
        children = self._next().children or []
        self._next()
        return inline(children)

    def _heading(self, level: int) -> str:
        children = self._next().children or []
        self._next()
        # At the end of a heading, `#` closes it, and pandoc takes `{…}` for attributes.
        words = re.sub(r"(?<!\\)\{(?=[^{}]*\}\Z)", r"\\{", inline(children, one_line=True))
        return f"{'#' * level} {re.sub('#(?=#*$)', '&#35;', words)}".rstrip()

    def _fence(self, code: str, info: str = "") -> str:
        """`code` in a fence that nothing in it can close."""
        language = re.match(_LANGUAGE, info.strip().lower())
        name = language[0] if language and language[0] in _languages() else ""
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code)), 0)
        if self._depth and not re.search(_FORMULA_SIGN, code):
            return f"{fence}{name}\n{code.expandtabs(4)}\n{fence}"  # tabs do not survive being indented
        written = f"{fence}{name}\n{code}\n{fence}"
        if re.search(_LOSES_A_BACKSLASH, code):
            written = preformatted(html_code(code))
        return re.sub("(?m)^", _LIFT, f"\n{written}\n") if self._depth else written

    def _math(self, token: Token) -> str:
        opener = token.markup
        closer = CLOSERS.get(opener) or opener.replace("begin", "end", 1)
        if token.type == "math_block" and (done := formula(token.content, opener, closer, display=True)):
            return done
        shown = token.content if token.type == "math_block" else token.content + "\n…"
        return self._fence(f"{opener}{shown}{closer}")

    def _quote(self) -> str:
        self._depth += 1
        body = _joined(list(self.blocks("blockquote_close")), tight=False)
        self._depth -= 1
        return "\n".join(
            line if line[:1] == _LIFT else f"> {line}" if line else ">" for line in body.split("\n")
        )

    def _list(self, opening: Token) -> str:
        self._depth += 1
        tight = self._is_tight()
        items: list[str] = []
        while (token := self._next()).type == "list_item_open":
            marker = (
                f"{token.info}{opening.markup}" if opening.type == "ordered_list_open" else opening.markup
            )
            body = _joined(list(self.blocks("list_item_close")), tight=tight)
            items.append(_item(marker, body))
        self._depth -= 1
        return ("\n" if tight and _LIFT not in "".join(items) else "\n\n").join(items)

    def _is_tight(self) -> bool:
        """Whether the list that was just opened has no blank lines between its parts (CommonMark §5.3)."""
        depth = 1
        for token in self._tokens[self._at :]:
            if token.type == "paragraph_open" and depth == 2:
                return token.hidden
            depth += token.nesting
            if depth == 0:
                break
        return True

    def _table(self) -> str:
        rows: list[list[str]] = []
        alignments: list[str] = []
        while (token := self._next()).type != "table_close":
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    alignments.append(_ALIGNMENTS.get(str(token.attrs.get("style", "")), "---"))
                rows[-1].append(inline(self._next().children or [], in_table=True))
        if len(alignments) > WIDE_TABLE:
            rows[1:] = map(_without_empty_tail, rows[1:])
        return "\n".join(_row(cells) for cells in [rows[0], alignments, *rows[1:]])


def _joined(blocks: Sequence[Written], *, tight: bool) -> str:
    """Blocks of one container. A blank line between two makes a list loose, so a tight one has none."""
    tight = tight and not any(_LIFT in markdown for *_, markdown in blocks)
    out = before = ""
    for kind, _, markdown in blocks:
        if not markdown:
            continue
        if out:
            out += "\n" if tight and before in _TIGHT_AFTER else "\n\n"
        out += markdown
        before = kind
    return out


def _item(marker: str, body: str) -> str:
    """A list item. What follows a lifted line is not indented either: the list has ended."""
    inside, lift, outside = body.partition(_LIFT)
    first, *others = (inside or (lift and "\n\n")).split("\n")
    indent = " " * (len(marker) + 1)
    lines = [f"{marker} {first}".rstrip(" "), *(f"{indent}{line}" if line else "" for line in others)]
    return "\n".join(lines) + lift + outside


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _without_empty_tail(cells: list[str]) -> list[str]:
    """`cells` as they were probably written: readers add the empty ones that are missing at the end."""
    while len(cells) > 1 and not cells[-1]:
        cells = cells[:-1]
    return cells


@functools.cache
def _languages() -> frozenset[str]:
    """What a fence may name: the languages that Pygments colours. Others, as `mermaid`, are drawn by some readers."""
    from pygments.lexers import get_all_lexers  # type: ignore[import-untyped]  # it ships no types

    return frozenset(alias for lexer in get_all_lexers(plugins=False) for alias in lexer[1])
