"""Characters that are not seen: found here, and written out so that they are.

Trojan-source reordering (bidi controls), text hidden in zero-width or tag characters and stray control
bytes all rely on the reader not seeing them. What a front end does with markup is no business of this file.
"""

from __future__ import annotations

import re

from openclaw_ipython.patterns import pattern

# C0 without tab and newline, DEL, C1, soft hyphen, grapheme joiner, Arabic letter mark, fillers, bidi
# marks, embeddings, overrides and isolates, zero-width space, word joiner and the invisible operators,
# line and paragraph separators, BOM, interlinear annotations, tags, supplementary variation selectors.
# ZWJ, ZWNJ and the emoji variation selectors stay: Persian, Indic scripts and emoji are spelt with them.
HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
SURROGATES = "\ud800-\udfff"

_HIDDEN = pattern(f"[{HIDDEN}]")
_SURROGATE = pattern(f"[{SURROGATES}]")


def visible(text: str) -> str:
    """`text` with every hidden character written as `⟨U+202E⟩` and lone surrogates as U+FFFD.

    Newlines keep their number and order (CR LF becomes LF), so line numbers stay valid.
    """
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return _HIDDEN.sub(_written_out, paired(text))


def paired(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced, so that it can be encoded."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _written_out(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
