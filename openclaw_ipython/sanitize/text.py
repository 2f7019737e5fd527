"""Text from elsewhere: its hidden characters written out, and no byte of it able to drive a terminal.

Trojan-source reordering (bidi controls), text hidden in zero-width or tag characters and stray control bytes all rely
on the reader not seeing them. Escape sequences move the cursor, rewrite what stands on the screen, set the clipboard
(OSC 52) or hide an address behind a link (OSC 8); they are taken out whole (ECMA-48 §5 and §8, xterm's control
sequences).
"""

from __future__ import annotations

import json
import re
from typing import Any

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

_HIDDEN = f"[{HIDDEN}]"
_SURROGATE = f"[{SURROGATES}]"


def visible(text: str) -> str:
    """`text` with every hidden character written as `⟨U+202E⟩` and lone surrogates as U+FFFD.

    Newlines keep their number and order (CR LF becomes LF), so line numbers stay valid.
    """
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return re.sub(_HIDDEN, lambda char: f"⟨U+{ord(char[0]):04X}⟩", paired(text))


def paired(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced, so that it can be encoded."""
    if text.isascii() or re.search(_SURROGATE, text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def json_value(text: str | bytes, otherwise: Any = None) -> Any:
    """The value of a JSON text; `otherwise` for a text that is not JSON, or is nested too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


# -- terminals ------------------------------------------------------------------------------

_PLAIN = rf"[^{HIDDEN}{SURROGATES}]+"
# A sequence never goes past a newline: a stray introducer in an answer hides the rest of its line at most. CAN, SUB and
# ESC abort one. A group holds what completes it; without one at the end of a piece, it goes on in the next.
_STRING = r"[^\n\x07\x18\x1a\x1b\x9c]*([\x07\x9c])?"
_PARAMETERS = r"[ -?]*([@-~])?"
_SEQUENCE = (
    rf"\x1b(?:\[{_PARAMETERS}|[\]PX^_]{_STRING}|[ -/]*([0-~])?)|\x9b{_PARAMETERS}|[\x90\x98\x9d-\x9f]{_STRING}"
    r"|([\x00-\x08\x0b-\x1f\x7f-\x9f])"
)


class TerminalFilter:
    """Takes control sequences out of text that arrives in pieces; state is kept between the pieces.

    Newline and tab stay. Other controls go; invisible format characters are written out (`⟨U+202E⟩`), lone
    surrogates become U+FFFD. How the text is cut into pieces makes no difference.
    """

    def __init__(self) -> None:
        self._held = (
            ""  # how a sequence begins, and a high surrogate whose other half may come with the next piece
        )

    def feed(self, text: str) -> str:
        """What of `text` may be written now."""
        text, self._held = self._held + text, ""
        if re.fullmatch(_PLAIN, text):
            return text
        high = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        kept = visible(re.sub(_SEQUENCE, self._removed, paired(text.removesuffix(high))))
        self._held += high
        return kept

    def close(self) -> str:
        """What was held back. An unfinished sequence is dropped; the filter can be used again."""
        held, self._held = self._held, ""
        return visible(held) if held >= "\ud800" else ""

    def _removed(self, sequence: re.Match[str]) -> str:
        if sequence.lastindex is None and sequence.end() == len(sequence.string):
            self._held = sequence[0][:2]
        return ""


def safe_text(text: str) -> str:
    """`text` as a terminal may show it: for names, error texts and other short things from elsewhere."""
    terminal = TerminalFilter()
    return terminal.feed(text) + terminal.close()
