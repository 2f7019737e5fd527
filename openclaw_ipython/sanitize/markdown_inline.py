"""The text of one block, with its emphasis, code, links and formulas, as Markdown that cannot act. Pure.

`sanitize.markdown_writer` says what holds for all of it.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from html import escape, unescape
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.sanitize.html import BACKSLASH, safe_link
from openclaw_ipython.sanitize.markdown_grammar import CLOSERS, safe_formula
from openclaw_ipython.sanitize.text import visible

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_DEPTH = 24
"""Emphasis within emphasis; what is deeper loses its marks, not its text."""

# What a code span may not have. Some readers end emphasis inside of code, and what follows would be text.
_NOT_IN_CODE_SPAN = (
    r"`|\\(?!(?!begin|end)[A-Za-z0-9])|<(?=[A-Za-z/!?])|\$.*\$|\]\(|!\[|://|www\.|@@|^\s|\s$|^$"
)
_CODE_SIGNS = r"[&<>`*|~\[\]$\\!#_:@\n]|www\."

# A backslash before a letter is a path more often than TeX; only these words mean something without dollars.
_PATH_WORD = r"(?!begin|end|eqref|ref)[A-Za-z]"
_REMARK = r"\[(?![ xX]\])[\w .,:;'+%-]{1,40}\](?![(\[:{]|\Z)"  # `[1]`, `x[0]`: no reader makes a link of it
_SIGNS = rf"{_REMARK}|(?<=\S )\* (?=\S)|&[#\w]+;?|[<`*|~\[\]$\\]|(?<![^\W_])_|_(?![^\W_])|(?:\A|(?<=[\])}}])){{|[\n\t]"
_WRITTEN = {"<": "&lt;", "`": "&#96;", "[": "&#91;", "]": "&#93;", "\n": " ", "\t": " "}
_ADDRESS = r"(?i)(?:(?:https?|ftp)://|www\.)[^\s<>]*"
_ADDRESS_SIGN = r"(?i)(www)\."
_TRAILING = ".,:;!?'\"*_~)]}"
_LINE_START = r"[#=:>|%]|[-+](?![A-Za-z0-9])|(?<=\A)[0-9]{1,9}[.)](?=\s|\Z)"
_MARKS = {"em": ("*", "_", "em"), "strong": ("**", "__", "strong"), "s": ("~~", "~~", "del")}


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
    tokens = [token for token in tokens if token.type != "text" or token.content]
    dollars = sum(_dollars(token) for token in tokens)
    # Typesetters pair the dollars of a text, escaped or not: only one that is alone needs no tag.
    writer = _Inline(one_line or in_table, in_table, r"\$" if dollars == 1 else r"<span>\$</span>")
    for token, following in zip_longest(tokens, tokens[1:]):
        writer.take(token, following)
    return writer.finish()


def _dollars(token: Token) -> int:
    in_text = token.content.count("$") if token.type != "code_inline" else 0
    return in_text + str(token.attrs).count("$") + 2 * (token.type == "math_inline")


def formula(tex: str, opener: str, closer: str, *, display: bool, in_table: bool = False) -> str | None:
    """The formula between the dollars that every front end knows, or None when it is shown as code."""
    if opener not in CLOSERS:  # an environment is part of the formula
        tex = f"{opener}{tex}{closer}"
    safe = safe_formula(tex, in_table=in_table)
    dollars = "$$" if display else "$"
    return safe and f"{dollars}{safe}{dollars}"


def code_span(content: str, *, not_in_it: str = "`") -> str:
    """Code within a line: between backticks, or as tags and entities where readers could disagree on its end."""
    content = visible(content).replace("\n", " ")
    if re.search(_NOT_IN_CODE_SPAN, content) or any(sign in content for sign in not_in_it):
        return f"<code>{re.sub(_CODE_SIGNS, _code_sign, content)}</code>"
    return f"`{content}`"


class _Inline:
    """Writes tokens to the innermost open span; closing one adds it, marked, to the next."""

    def __init__(self, one_line: bool, in_table: bool, dollar: str) -> None:
        self._one_line = one_line
        self._in_table = in_table
        self._dollar = dollar
        self._spans = [_Span()]
        self._unmarked = 0  # spans beyond MAX_DEPTH, whose text goes to the innermost one kept

    def finish(self) -> str:
        while len(self._spans) > 1:
            self._close("")
        # An exclamation mark in front of a link would make it an image.
        return "".join(self._spans[0].out).strip(" ").replace("![", "&#33;[")

    def take(self, token: Token, following: Token | None) -> None:
        kind = token.type
        if kind == "text":
            last = following is None or following.type == "softbreak"
            self._add(self._text(token.content, line_start=self._at_line_start, last=last))
        elif kind.endswith("_open"):
            self._open(kind.removesuffix("_open"), str(token.attrs.get("href", "")))
        elif kind.endswith("_close"):
            self._close(_first_char(following))
        elif kind in ("softbreak", "hardbreak"):
            self._break(hard=kind == "hardbreak")
        elif kind == "math_inline":
            self._add(self._formula(token))
        elif kind == "code_inline":
            self._add(self._code(token.content))
        elif kind == "image":
            self._image(token)
        else:
            self._add(self._text(token.content, line_start=self._at_line_start))

    @property
    def _at_line_start(self) -> bool:
        """No mark or text stands before on this line."""
        span = self._spans[-1]
        return span.before().endswith("\n") if span.out else len(self._spans) == 1 and not self._in_table

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

    def _close(self, after: str) -> None:
        if self._unmarked:
            self._unmarked -= 1
            return
        span = self._spans.pop()
        inner = "".join(span.out)
        if span.kind == "link":
            self._link(inner, span.href)
        else:
            self._add(_marked(span.kind, inner, self._spans[-1].before()[-1:], after))

    def _break(self, *, hard: bool) -> None:
        out = self._spans[-1].out
        if out:
            out[-1] = out[-1].rstrip(" ")
        self._add(" " if self._one_line else "\\\n" if hard else "\n")

    def _formula(self, token: Token) -> str:
        closer = CLOSERS[token.markup]
        display = token.markup in ("$$", r"\[")
        written = formula(token.content, token.markup, closer, display=display, in_table=self._in_table)
        return written or self._code(f"{token.markup}{token.content}{closer}")

    def _code(self, content: str) -> str:
        not_in_it = ("|$" if self._in_table else "") + ("*$" if len(self._spans) > 1 else "")
        return code_span(content, not_in_it=content if self._spans[-1].before().endswith("`") else not_in_it)

    def _image(self, token: Token) -> None:
        """An image is fetched when shown, and the fetch tells its server so: only a link stays."""
        words = "".join(child.content for child in token.children or () if child.content)
        label = self._text(f"image: {words}" if words else "image")
        self._link(label, str(token.attrs.get("src", "")))

    def _link(self, label: str, href: str) -> None:
        href = visible(href)
        target = None if self._in_link else safe_link(href)
        if target is None:
            shown = self._text(href)
            self._add(f"{label} ({shown})" if label.strip() and shown else label or shown)
            return
        self._add(f"[{label.strip() or self._signs(href)}]({escape(target)})")

    # -- text ----------------------------------------------------------------------------------

    def _text(self, content: str, *, line_start: bool = False, last: bool = False) -> str:
        """Plain text as Markdown that says the same and nothing else.

        `line_start`: it stands where a block could begin. `last`: nothing follows on its line.
        """
        content = visible(content)
        pieces: list[str] = []
        at = 0
        for match in re.finditer(_ADDRESS, content):
            before, at = content[at : match.start()], match.end()
            ended = content[at : at + 1].isspace() or (last and at == len(content))
            pieces += self._signs(before), self._address(match[0], ended=ended)
        pieces.append(
            self._signs(content[at:] + " ").removesuffix(" ") if last else self._signs(content[at:])
        )
        written = "".join(pieces)
        if not line_start:
            return written
        # a sign, or a number with one, that would begin a block at the start of a line
        return re.sub(rf"\A(?:{_LINE_START})", lambda m: f"{m[0][:-1]}\\{m[0][-1]}", written.lstrip(" "))

    def _signs(self, content: str) -> str:
        return re.sub(_SIGNS, self._sign, content)

    def _sign(self, match: re.Match[str]) -> str:
        sign = match[0]
        if sign == "$":
            return self._dollar
        if sign == "\\":
            return r"\\" if re.compile(_PATH_WORD).match(match.string, match.end()) else BACKSLASH
        if sign[0] == "&":
            return f"&amp;{sign[1:]}" if unescape(sign) != sign else sign
        if len(sign) > 1:  # a remark, or a star between blanks
            return f"&#91;{sign[1:-1]}&#93;" if self._in_link and sign[0] == "[" else sign
        return _WRITTEN.get(sign) or (sign if sign == "|" and not self._in_table else f"\\{sign}")

    def _address(self, address: str, *, ended: bool) -> str:
        """An address in running text, which many readers make a link of by themselves.

        It stays bare where that gives the same link as ours (they differ on where it ends, unless white space says
        so: `ended`), becomes a link where it does not, and is taken apart where it must not become one.
        """
        bare = _without_trailing(address)
        signs, rest = self._signs(bare), self._signs(address[len(bare) :])
        ended = ended and rest in ("", ".", ",", ":")  # what all readers leave out of the link
        named = "http://" + bare if bare.lower().startswith("www.") else bare
        target = safe_link(named)
        if self._in_link or (ended and target == named and "&" not in signs and "\\" not in signs):
            return signs + rest
        if target is None:
            return re.sub(_ADDRESS_SIGN, r"\1&#46;", signs.replace("://", "&#58;//")) + rest
        return f"[{signs}]({escape(target)}){rest}"


def _first_char(token: Token | None) -> str:
    """What the Markdown of a token begins with, as far as it matters to the emphasis before it."""
    if token is None or token.type in ("softbreak", "hardbreak"):
        return ""
    if token.type in ("text", "link_open", "image"):  # an address that is refused becomes text
        return token.content[:1] or "a"
    return "*"


def _marked(kind: str, inner: str, before: str, after: str) -> str:
    """Emphasis as marks where they are read as such (CommonMark §6.2), elsewhere as tags.

    `before` and `after` are the characters around it.
    """
    if not inner.strip():
        return inner
    mark, other, tag = _MARKS[kind]
    opens = inner[0].isalnum() or (not inner[0].isspace() and _is_edge(before))
    closes = inner[-1].isalnum() or (not inner[-1].isspace() and _is_edge(after))
    if mark[0] in (inner[0], inner[-1], before):  # runs of marks would become one
        mark = other if _is_edge(before) and _is_edge(after) else mark
    if opens and closes and mark[0] not in (inner[0], inner[-1], before):
        return f"{mark}{inner}{mark}"
    return f"<{tag}>{inner}</{tag}>"


def _is_edge(char: str) -> bool:
    """White space, punctuation, or nothing."""
    return not char or char.isspace() or char in string.punctuation or unicodedata.category(char)[0] == "P"


def _code_sign(match: re.Match[str]) -> str:
    sign = match[0]
    if sign in "&<>":
        return escape(sign)
    return f"&#{ord(sign)};" if len(sign) == 1 else "www&#46;"


def _without_trailing(address: str) -> str:
    bare = address.rstrip(_TRAILING)
    if bare.endswith("//") or bare.lower() == "www":
        return address
    if address[len(bare) :].startswith(")") and bare.count("(") > bare.count(")"):
        bare += ")"
    return bare
