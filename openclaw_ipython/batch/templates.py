"""A prompt with `{item}` or `{column}` in it, taken apart once and filled in for every row.

The rules are those of `%%qwen`: what a row names is put in, any other brace stays as typed, a doubled brace is
somebody's own template, and what was put in is never looked at again. Only the row's names count, not the notebook's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openclaw_ipython.context.names import Broken, Names, find, is_path
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

LIMIT = 100_000
"""How many characters of a value are put in that is no text; where it is longer, that is said in its place."""

_BRACED = re.compile(r"(?<!\{)\{([^{}\n]{1,200})\}(?!\})")


class Template:
    """`text`, ready to be filled in."""

    def __init__(self, text: str) -> None:
        pieces = _BRACED.split(text)
        self._literals = pieces[0::2]
        self._references = pieces[1::2]

    def fill(self, names: Mapping[str, Any]) -> str:
        """The prompt for a row that has these names."""
        filled = [self._literals[0]]
        for reference, literal in zip(self._references, self._literals[1:], strict=True):
            value = _value(reference, names)
            filled += ["{" + reference + "}" if value is None else value, literal]
        return "".join(filled)

    def check(self, names: Mapping[str, Any]) -> None:
        """Raises UsageError where nothing of the row is named: every prompt would be the same."""
        if any(_value(reference, names) is not None for reference in self._references):
            return
        known = [f"{{{name}}}" for name in names][:8]
        raise UsageError(
            _("the prompt names nothing of a row, so that all of them would be the same"),
            suggestions=tuple(known),
            hint=_("a row has {known}", known=", ".join(known)),
        )


def _value(reference: str, names: Mapping[str, Any]) -> str | None:
    """What is put in for a reference; None where it names nothing."""
    if reference in names:  # also a column that is no Python name, `{body mass}`
        return _text(names[reference])
    if not is_path(reference):
        return None
    try:
        return _text(find(reference, Names(names)))
    except (KeyError, IndexError, Broken):
        return None


def _text(value: Any) -> str:
    if isinstance(value, str):  # whole: what is too long for the model is for the service to say
        return str(value)
    from openclaw_ipython.context.text import readable

    return readable(value, LIMIT).text
