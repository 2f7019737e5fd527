"""Regular expressions that are compiled when they are first used, not when their module is imported.

A first question imports some fifty of them and uses a dozen; compiling one takes as long as reading a small file.
What must not enter: the expressions themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from re import Pattern


def pattern(source: str, flags: int = 0) -> Pattern[str]:
    """`re.compile(source, flags)`, later. Its methods and attributes are a pattern's; it is not an instance of it."""
    return cast("Pattern[str]", _Later(source, flags))


class _Later:
    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """A method of the pattern; kept, so that the next use finds it in the instance."""
        value = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, value)
        return value
