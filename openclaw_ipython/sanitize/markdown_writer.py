"""Markdown written anew from a parser's tokens: what this writer does not know cannot come out. Pure.

Readable Markdown where every reader agrees on it, tags where they do not. Nothing of the input is passed on as it
stands: prose keeps its letters and plain punctuation, every other sign becomes an entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.sanitize.html import BACKSLASH, DOLLAR, highlighted, html_code, preformatted, safe_link
from openclaw_ipython.sanitize.markdown_grammar import CLOSERS, safe_formula
from openclaw_ipython.sanitize.text import visible

if TYPE_CHECKING:
    from markdown_it.token import Token

Written = tuple[str, int, str]
"""A block: its kind (markdown-it's token type), first line (from 0) and Markdown."""

WIDE_TABLE = 20
"""Columns; wider tables go out without the empty cells that the parser adds, which could be most of them."""

_LANGUAGE = r"[A-Za-z0-9][A-Za-z0-9_+#.-]{0,39}"
_ALIGNMENTS = {"text-align:left": ":--", "text-align:center": ":-:", "text-align:right": "--:"}
_TIGHT_AFTER = frozenset({"paragraph_open", "fence", "code_block"})

MAX_DEPTH = 24
"""Emphasis within emphasis; what is deeper loses its marks, not its text."""

# A backslash before a letter is a path more often than TeX; only these words mean something without dollars.
_PATH_WORD = r"(?!begin|end|eqref|ref)[A-Za-z]"
_SIGNS = r"[&<>`*|~\[\]$\\]|(?<![^\W_])_|_(?![^\W_])|[\n\t]"
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": DOLLAR, "\\": BACKSLASH, "\n": " ", "\t": " "}
_CODE_SIGNS = r"[&<>`*|~\[\]$\\!#_:@\n]|www\."
_ADDRESS = r"(?i)(?:(?:https?|ftp)://|www\.)[^\s<>]*"
_ADDRESS_SIGN = r"(?i)(www)\."
_TRAILING = ".,:;!?'\"*_~)]}"
_LINE_START = r"[#=:]|[-+](?![A-Za-z0-9])|(?<=\A)[0-9]{1,9}[.)]"
_MARKS = {"em": ("*", "em"), "strong": ("**", "strong"), "s": ("~~", "del")}


class Writer:
    """Walks the flat list of tokens once; each method consumes the tokens of one construct."""

    def __init__(self, tokens: Sequence[Token], *, growing: bool) -> None:
        self._tokens = tokens
        self._growing = growing
        self._at = 0
        self._depth = 0  # containers around the current block

    def blocks(self, closing: str = "") -> Iterator[Written]:
        """The blocks up to the token `closing`, or all of them."""
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                return
            yield token.type, token.map[0] if token.map else 0, self._block(token)

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
        language = re.match(_LANGUAGE, token.info.strip())
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


def _joined(blocks: Sequence[Written], *, tight: bool) -> str:
    """Blocks of one container. A blank line between two makes a list loose, so a tight one has none."""
    out = ""
    before = ""
    for kind, _, markdown in blocks:
        if not markdown:
            continue
        if out:
            out += "\n" if tight and before in _TIGHT_AFTER else "\n\n"
        out += markdown
        before = kind
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


# -- runs of text inside a block ------------------------------------------------------------


class _Span(Struct):
    """An open emphasis or link (or the whole run): what it is and what it holds so far."""

    kind: str = ""
    href: str = ""
    out: list[str] = []

    def before(self) -> str:
        return self.out[-1] if self.out else ""

    def add(self, piece: str) -> None:
        if piece:
            self.out.append(piece)


def inline(tokens: Sequence[Token], *, one_line: bool = False, in_table: bool = False) -> str:
    """The Markdown of the children of an inline token. `one_line` for headings and cells."""
    writer = _Inline(one_line=one_line or in_table, in_table=in_table)
    for token, following in zip_longest(tokens, tokens[1:]):
        writer.take(token, last=following is None or following.type == "softbreak")
    return writer.finish()


def text(content: str, *, line_start: bool = False, linked: bool = False, last: bool = False) -> str:
    """Plain text as Markdown that says the same and nothing else.

    `line_start`: it stands where a block could begin. `linked`: it stands inside a link, where no reader
    looks for addresses. `last`: nothing follows on its line.
    """
    content = visible(content)
    pieces: list[str] = []
    at = 0
    for match in re.finditer(_ADDRESS, content):
        before, at = content[at : match.start()], match.end()
        ended = content[at : at + 1].isspace() or (last and at == len(content))
        pieces += _signs(before), _address(match[0], linked=linked, ended=ended)
    pieces.append(_signs(content[at:]))
    written = "".join(pieces)
    return _shield_line_start(written.lstrip(" ")) if line_start else written


def formula(tex: str, opener: str, closer: str, *, display: bool, in_table: bool = False) -> str | None:
    """The formula between the dollars that every front end knows, or None when it is shown as code."""
    if opener not in CLOSERS:  # an environment is part of the formula
        tex = f"{opener}{tex}{closer}"
    safe = safe_formula(tex, in_table=in_table)
    dollars = "$$" if display else "$"
    return safe and f"{dollars}{safe}{dollars}"


def code_span(content: str) -> str:
    """Code within a line. All punctuation of Markdown is written as entities."""
    escaped = re.sub(_CODE_SIGNS, _code_sign, visible(content))
    return f"<code>{escaped}</code>"


class _Inline:
    """Writes tokens to the innermost open span; closing one adds it, marked, to the next."""

    def __init__(self, *, one_line: bool, in_table: bool) -> None:
        self._one_line = one_line
        self._in_table = in_table
        self._spans = [_Span()]
        self._unmarked = 0  # spans beyond MAX_DEPTH, whose text goes to the innermost one kept

    def finish(self) -> str:
        while len(self._spans) > 1:
            self._close()
        # An exclamation mark in front of a link would make it an image.
        return "".join(self._spans[0].out).strip(" ").replace("![", "&#33;[")

    def take(self, token: Token, *, last: bool) -> None:
        kind = token.type
        if kind == "text":
            start, linked = self._at_line_start, self._in_link
            self._add(text(token.content, line_start=start, linked=linked, last=last))
        elif kind.endswith("_open"):
            self._open(kind.removesuffix("_open"), str(token.attrs.get("href", "")))
        elif kind.endswith("_close"):
            self._close()
        elif kind in ("softbreak", "hardbreak"):
            self._break(hard=kind == "hardbreak")
        elif kind == "math_inline":
            self._add(self._formula(token))
        elif kind == "code_inline":
            self._add(code_span(token.content))
        elif kind == "image":
            self._image(token)
        else:
            self._add(text(token.content, line_start=self._at_line_start))

    @property
    def _at_line_start(self) -> bool:
        """No mark or text stands before on this line."""
        span = self._spans[-1]
        return span.before().endswith("\n") if span.out else len(self._spans) == 1

    @property
    def _in_link(self) -> bool:
        return any(span.kind == "link" for span in self._spans)

    def _add(self, piece: str) -> None:
        span = self._spans[-1]
        if piece.startswith("$") and span.before().endswith("$"):
            span.add(" ")  # two formulas side by side would share a `$$`
        span.add(piece)

    def _open(self, kind: str, href: str) -> None:
        if len(self._spans) > MAX_DEPTH:
            self._unmarked += 1
        else:
            self._spans.append(_Span(kind, href))

    def _close(self) -> None:
        if self._unmarked:
            self._unmarked -= 1
            return
        span = self._spans.pop()
        inner = "".join(span.out)
        if span.kind == "link":
            self._link(inner, span.href)
        else:
            self._add(_marked(span.kind, inner, self._spans[-1].before()))

    def _break(self, *, hard: bool) -> None:
        out = self._spans[-1].out
        if out:
            out[-1] = out[-1].rstrip(" ")
        self._add(" " if self._one_line else "\\\n" if hard else "\n")

    def _formula(self, token: Token) -> str:
        closer = CLOSERS[token.markup]
        display = token.markup in ("$$", r"\[")
        written = formula(token.content, token.markup, closer, display=display, in_table=self._in_table)
        return written or code_span(f"{token.markup}{token.content}{closer}")

    def _image(self, token: Token) -> None:
        """An image is fetched when shown, and the fetch tells its server so: only a link stays."""
        words = "".join(child.content for child in token.children or () if child.content)
        label = text(f"image: {words}" if words else "image")
        self._link(label, str(token.attrs.get("src", "")))

    def _link(self, label: str, href: str) -> None:
        href = visible(href)
        target = None if self._in_link else safe_link(href)
        if target is None:
            shown = text(href, linked=self._in_link)
            self._add(f"{label} ({shown})" if label.strip() and shown else label or shown)
            return
        self._add(f"[{label.strip() or text(href, linked=True)}]({escape(target)})")


def _marked(kind: str, inner: str, before: str) -> str:
    """Emphasis. Readers agree on marks next to letters only (CommonMark §6.2); elsewhere it takes tags."""
    if not inner.strip():
        return inner
    mark, tag = _MARKS[kind]
    if inner[0].isalnum() and inner[-1].isalnum() and not before.endswith(mark[0]):
        return f"{mark}{inner}{mark}"
    return f"<{tag}>{inner}</{tag}>"


def _signs(content: str) -> str:
    return re.sub(_SIGNS, _sign, content)


def _sign(match: re.Match[str]) -> str:
    if match[0] == "\\" and re.compile(_PATH_WORD).match(match.string, match.end()):
        return "&#92;"
    return _ENTITIES.get(match[0]) or f"&#{ord(match[0])};"


def _code_sign(match: re.Match[str]) -> str:
    sign = match[0]
    if sign in "&<>":
        return _ENTITIES[sign]
    return " " if sign == "\n" else f"&#{ord(sign)};" if len(sign) == 1 else "www&#46;"


def _address(address: str, *, linked: bool, ended: bool) -> str:
    """An address in running text, which many readers make a link of by themselves.

    It stays bare where that gives the same link as ours (they differ on where it ends, unless white space says
    so: `ended`), becomes a link where it does not, and is taken apart where it must not become one.
    """
    bare = _without_trailing(address)
    signs, rest = _signs(bare), _signs(address[len(bare) :])
    ended = ended and rest in ("", ".", ",", ":")  # what all readers leave out of the link
    named = "http://" + bare if bare.lower().startswith("www.") else bare
    target = safe_link(named)
    if linked or (ended and target == named and "&" not in signs):
        return signs + rest
    if target is None:
        return re.sub(_ADDRESS_SIGN, r"\1&#46;", signs.replace("://", "&#58;//")) + rest
    return f"[{signs}]({escape(target)}){rest}"


def _without_trailing(address: str) -> str:
    bare = address.rstrip(_TRAILING)
    if bare.endswith("//") or bare.lower() == "www":
        return address
    if address[len(bare) :].startswith(")") and bare.count("(") > bare.count(")"):
        bare += ")"
    return bare


def _shield_line_start(written: str) -> str:
    match = re.match(_LINE_START, written)
    if match is None:
        return written
    start, sign = match[0][:-1], match[0][-1]
    return f"{start}&#{ord(sign)};{written[match.end() :]}"
