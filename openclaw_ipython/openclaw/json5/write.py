"""Writing values the way the surrounding file is written: indent, quotes, one line or several.

Pure: a value and a `Style` in, text out. Where the text goes is decided in `json5`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from openclaw_ipython.openclaw.json5.parse import MAX_DEPTH, Json5Error, is_plain_name

_UNSAFE = re.compile("[\ud800-\udfff\u2028\u2029\ufeff]")
_REQUOTE = re.compile(r"\\(.)|'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written.

    `unit` is one step of indent, `quote` and `bare_keys` how keys and strings stand, `colon` and `gap` what
    separates key from value and members on one line; `flat` keeps everything on one line.
    """

    newline: str = "\n"
    unit: str = "  "
    quote: str = '"'
    bare_keys: bool = False
    colon: str = ": "
    gap: str = " "
    flat: bool = False

    def flattened(self) -> Style:
        """The same style on one line."""
        return replace(self, flat=True)


def render(value: Any, style: Style, indent: str = "") -> str:
    """`value` as text whose first line is already indented and whose further lines start with `indent`.

    Raises `Json5Error` for what JSON cannot hold: endless numbers, endless nesting, keys that are no text.
    """
    return _render(value, style, indent, 0)


def render_key(key: str, style: Style) -> str:
    """`key` as the file writes its keys."""
    return key if style.bare_keys and is_plain_name(key) else render_string(key, style.quote)


def render_string(text: str, quote: str = '"') -> str:
    """`text` as a string; lone surrogates and invisible line ends are escaped so that it can be stored."""
    written = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
    if quote == '"':
        return written

    def requote(match: re.Match[str]) -> str:
        if match[0] == "'":
            return "\\'"
        return '"' if match[1] == '"' else match[0]

    return f"'{_REQUOTE.sub(requote, written[1:-1])}'"


def _render(value: Any, style: Style, indent: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise Json5Error(f"a value more than {MAX_DEPTH} levels deep")
    if isinstance(value, str):
        return render_string(value, style.quote)
    if isinstance(value, dict):
        items = [
            f"{_checked_key(key, style)}{style.colon}{_render(item, style, indent + style.unit, depth + 1)}"
            for key, item in value.items()
        ]
        return _bracket("{", items, "}", style, indent)
    if isinstance(value, list | tuple):
        items = [_render(item, style, indent + style.unit, depth + 1) for item in value]
        return _bracket("[", items, "]", style, indent)
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Json5Error("a number that JSON cannot hold") from None


def _checked_key(key: Any, style: Style) -> str:
    if not isinstance(key, str):
        raise Json5Error("a key that is not text")
    return render_key(key, style)


def _bracket(opening: str, items: list[str], closing: str, style: Style, indent: str) -> str:
    if not items:
        return opening + closing
    if style.flat:
        pad = style.gap if opening == "{" else ""
        return f"{opening}{pad}{f',{style.gap}'.join(items)}{pad}{closing}"
    inner = f"{style.newline}{indent}{style.unit}"
    return f"{opening}{inner}{f',{inner}'.join(items)}{style.newline}{indent}{closing}"
