"""Runs of text inside a block, written out from tokens so that only the markup meant here is markup.

Readable Markdown where every reader agrees on it, tags where they do not. Nothing of the input is passed on as
it stands: prose keeps its letters and plain punctuation, every other sign becomes an entity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.characters import visible
from openclaw_ipython.sanitize.formulas import CLOSERS, safe_formula
from openclaw_ipython.sanitize.html import BACKSLASH, DOLLAR
from openclaw_ipython.sanitize.links import safe_link
from openclaw_ipython.values import dataclass, field

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_DEPTH = 24
"""Emphasis within emphasis; what is deeper loses its marks, not its text."""

# A backslash before a letter is a path more often than TeX; only these words mean something without dollars.
_PATH_WORD = pattern(r"(?!begin|end|eqref|ref)[A-Za-z]")
_SIGNS = pattern(r"[&<>`*|~\[\]$\\]|(?<![^\W_])_|_(?![^\W_])|[\n\t]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": DOLLAR, "\\": BACKSLASH, "\n": " ", "\t": " "}
_CODE_SIGNS = pattern(r"[&<>`*|~\[\]$\\!#_:@\n]|www\.")
_ADDRESS = pattern(r"(?i)(?:(?:https?|ftp)://|www\.)[^\s<>]*")
_ADDRESS_SIGN = pattern(r"(?i)(www)\.")
_TRAILING = ".,:;!?'\"*_~)]}"
_LINE_START = pattern(r"[#=:]|[-+](?![A-Za-z0-9])|(?<=\A)[0-9]{1,9}[.)]")
_MARKS = {"em": ("*", "em"), "strong": ("**", "strong"), "s": ("~~", "del")}


@dataclass()
class _Span:
    """An open emphasis or link (or the whole run): what it is and what it holds so far."""

    kind: str = ""
    href: str = ""
    out: list[str] = field(default_factory=list)

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
    for match in _ADDRESS.finditer(content):
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
    escaped = _CODE_SIGNS.sub(_code_sign, visible(content))
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
    return _SIGNS.sub(_sign, content)


def _sign(match: re.Match[str]) -> str:
    if match[0] == "\\" and _PATH_WORD.match(match.string, match.end()):
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
        return _ADDRESS_SIGN.sub(r"\1&#46;", signs.replace("://", "&#58;//")) + rest
    return f"[{signs}]({escape(target)}){rest}"


def _without_trailing(address: str) -> str:
    bare = address.rstrip(_TRAILING)
    if bare.endswith("//") or bare.lower() == "www":
        return address
    if address[len(bare) :].startswith(")") and bare.count("(") > bare.count(")"):
        bare += ")"
    return bare


def _shield_line_start(written: str) -> str:
    match = _LINE_START.match(written)
    if match is None:
        return written
    start, sign = match[0][:-1], match[0][-1]
    return f"{start}&#{ord(sign)};{written[match.end() :]}"
