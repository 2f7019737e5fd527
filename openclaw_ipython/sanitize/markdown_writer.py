"""Markdown written anew from a parser's tokens: what this writer does not know cannot come out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.formulas import CLOSERS
from openclaw_ipython.sanitize.highlight import highlighted
from openclaw_ipython.sanitize.html import html_code, preformatted
from openclaw_ipython.sanitize.inline import formula, inline
from openclaw_ipython.sanitize.markdown import Block

if TYPE_CHECKING:
    from markdown_it.token import Token

WIDE_TABLE = 20
"""Columns; wider tables go out without the empty cells that the parser adds, which could be most of them."""

_LANGUAGE = pattern(r"[A-Za-z0-9][A-Za-z0-9_+#.-]{0,39}")
_ALIGNMENTS = {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}
_TIGHT_AFTER = frozenset({"paragraph_open", "fence", "code_block"})


class Writer:
    """Walks the flat list of tokens once; each method consumes the tokens of one construct."""

    def __init__(self, tokens: Sequence[Token], *, growing: bool) -> None:
        self._tokens = tokens
        self._growing = growing
        self._at = 0
        self._depth = 0  # containers around the current block

    def blocks(self, closing: str = "") -> Iterator[Block]:
        """The blocks up to the token `closing`, or all of them."""
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                return
            yield Block(token.type, token.map[0] if token.map else 0, self._block(token))

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
                return self._code(token)
            case "math_block" | "math_pending":
                return self._math(token)
            case "hr":
                return "___"  # unlike `---` and `***` nothing else, wherever it stands
            case _:
                return preformatted(html_code(token.content)) if token.content else ""

    def _inline(self) -> str:
        """The inline token and the closing token after it."""
        children = self._next().children or []
        self._next()
        return inline(children)

    def _heading(self, level: int) -> str:
        children = self._next().children or []
        self._next()
        words = inline(children, one_line=True)
        # A `#` at the end would be taken for the closing sequence of the heading.
        bare = words.rstrip("#")
        return f"{'#' * level} {bare}{'&#35;' * (len(words) - len(bare))}".rstrip()

    def _code(self, token: Token) -> str:
        language = _LANGUAGE.match(token.info.strip())
        name = language[0] if language else ""
        content = token.content.removesuffix("\n")
        unfinished = self._growing and self._at == len(self._tokens)
        content = html_code(content) if unfinished else highlighted(content, name)
        return preformatted(content, code_class=f"language-{name}" if name else "", nested=bool(self._depth))

    def _math(self, token: Token) -> str:
        opener = token.markup
        closer = CLOSERS.get(opener) or opener.replace("begin", "end", 1)
        if token.type == "math_block" and (done := formula(token.content, opener, closer, display=True)):
            return done
        shown = token.content if token.type == "math_block" else token.content + "\n…"
        return preformatted(html_code(f"{opener}{shown}{closer}"), nested=bool(self._depth))

    def _quote(self) -> str:
        self._depth += 1
        body = _joined(list(self.blocks("blockquote_close")), tight=False)
        self._depth -= 1
        return "\n".join(f"> {line}".rstrip(" ") for line in body.split("\n"))

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
        return ("\n" if tight else "\n\n").join(items)

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


def _joined(blocks: Sequence[Block], *, tight: bool) -> str:
    """Blocks of one container. A blank line between two makes a list loose, so a tight one has none."""
    out = ""
    before = ""
    for block in blocks:
        if not block.markdown:
            continue
        if out:
            out += "\n" if tight and before in _TIGHT_AFTER else "\n\n"
        out += block.markdown
        before = block.kind
    return out


def _item(marker: str, body: str) -> str:
    indent = " " * (len(marker) + 1)
    lines = [f"{indent}{line}" if line else "" for line in body.split("\n")]
    return (marker + " " + "\n".join(lines)[len(indent) :]).rstrip(" ")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _without_empty_tail(cells: list[str]) -> list[str]:
    """`cells` as they were probably written: readers add the empty ones that are missing at the end."""
    while len(cells) > 1 and not cells[-1]:
        cells = cells[:-1]
    return cells
