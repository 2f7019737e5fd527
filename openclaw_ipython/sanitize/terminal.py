"""Text from elsewhere on its way to a terminal: no byte of it may drive the terminal.

Escape sequences move the cursor, rewrite what stands on the screen, set the clipboard (OSC 52) or hide an
address behind a link (OSC 8). They are taken out whole (ECMA-48 §5 and §8, xterm's control sequences).
"""

from __future__ import annotations

from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.characters import HIDDEN, SURROGATES, paired, visible

_PLAIN = pattern(rf"[^{HIDDEN}{SURROGATES}]+")
_CONTROL = pattern(r"[\x00-\x1f\x7f-\x9f]")

# States of the reader of sequences. A sequence never goes past a newline: a stray introducer in an answer
# hides the rest of its line at most.
_TEXT, _ESCAPE, _CONTROL_SEQUENCE, _STRING = range(4)
_STRING_INTRODUCERS = "]PX^_"  # OSC, DCS, SOS, PM, APC after ESC
_STRING_INTRODUCERS_8BIT = "\x9d\x90\x98\x9e\x9f"


class TerminalFilter:
    """Takes control sequences out of text that arrives in pieces; state is kept between the pieces.

    Newline and tab stay. Other controls go; invisible format characters are written out (`⟨U+202E⟩`), lone
    surrogates become U+FFFD. How the text is cut into pieces makes no difference.
    """

    def __init__(self) -> None:
        self._state = _TEXT
        self._high = ""  # a high surrogate whose other half may come with the next piece

    def feed(self, text: str) -> str:
        """What of `text` may be written now."""
        text, self._high = self._high + text, ""
        if self._state == _TEXT and _PLAIN.fullmatch(text):
            return text
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        return visible("".join(self._kept(paired(text))))

    def close(self) -> str:
        """What was held back. An unfinished sequence is dropped; the filter can be used again."""
        held, self._high = self._high, ""
        in_text, self._state = self._state == _TEXT, _TEXT
        return visible(held) if in_text else ""

    def _kept(self, text: str) -> list[str]:
        kept: list[str] = []
        at = 0
        while at < len(text):
            if self._state == _TEXT and (plain := _PLAIN.match(text, at)):
                kept.append(plain[0])
                at = plain.end()
                continue
            if self._step(text[at]):
                kept.append(text[at])
            at += 1
        return kept

    def _step(self, char: str) -> bool:
        """Advance by one character; True when it is text to keep."""
        if char == "\n":
            self._state = _TEXT
            return True
        if char in "\x18\x1a":  # CAN and SUB abort a sequence
            self._state = _TEXT
            return False
        if char == "\x1b":
            self._state = _ESCAPE  # inside a string as well: that is how one ends
            return False
        if self._state == _STRING:
            self._state = _TEXT if char in "\x07\x9c" else _STRING
            return False
        if self._state == _ESCAPE:
            return self._after_escape(char)
        if self._state == _CONTROL_SEQUENCE:
            return self._in_control_sequence(char)
        return self._in_text(char)

    def _after_escape(self, char: str) -> bool:
        if char in _STRING_INTRODUCERS:
            self._state = _STRING
        elif char == "[":
            self._state = _CONTROL_SEQUENCE
        elif " " <= char <= "/":
            self._state = _ESCAPE  # an intermediate byte: the final one follows
        elif "0" <= char <= "~":
            self._state = _TEXT
        else:
            return self._in_text(char)
        return False

    def _in_control_sequence(self, char: str) -> bool:
        if " " <= char <= "?":
            return False
        if "@" <= char <= "~":
            self._state = _TEXT
            return False
        return self._in_text(char)

    def _in_text(self, char: str) -> bool:
        if char == "\x9b":
            self._state = _CONTROL_SEQUENCE
        elif char in _STRING_INTRODUCERS_8BIT:
            self._state = _STRING
        else:
            self._state = _TEXT
        return char == "\t" or _CONTROL.match(char) is None


def safe_text(text: str) -> str:
    """`text` as a terminal may show it: for names, error texts and other short things from elsewhere."""
    whole = TerminalFilter()
    return whole.feed(text) + whole.close()
