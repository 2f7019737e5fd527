"""Secrets: a type that cannot be printed, and redaction of text that came from elsewhere."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from openclaw_ipython.errors import hidden_fields


class Secret:
    """A token, key or verifier. Printing, copying into JSON or pickling it shows or fails, never leaks.

    The value is reached by `reveal()` only, so every place where a secret leaves can be found by
    searching for that word. Two secrets compare equal when their values do.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the wire and the 0600 files."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


class HiddenFields:
    """For a Struct whose fields may hold secrets: neither `repr` nor rich, which asks for more, shows them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __rich_repr__ = hidden_fields


def is_token(value: Any) -> bool:
    """Whether `value` is text that can be sent in a header: not empty, printable ASCII without blanks."""
    return isinstance(value, str) and re.fullmatch(r"[!-~]+", value) is not None


_BEARER = r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"
_NAMED = (
    r"(?i)([\"']?(?:access_token|refresh_token|id_token|device_code|code_verifier|api[_-]?key|authorization|"
    r"password|secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]{4,}"
)
_KEY_SHAPED = r"\b(?:sk|fw|pk|hf|gsk|xai|ms)[-_][A-Za-z0-9_-]{12,}"
# Each run of a token's characters is looked at once, from its beginning: linear also for hostile text.
_JWT = (
    r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{4})([A-Za-z0-9_-]*?)"
    r"\beyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*)?"
)
_URL_USER = r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/@]+@"


def redact(text: str, *known: Secret) -> str:
    """`text` without secrets: the `known` ones wherever they stand, and whatever has a secret's shape.

    For text written by a server, a proxy or a library before it is shown, raised or logged.
    """
    for secret in known:
        value = secret.reveal()
        if len(value) >= 4:
            text = text.replace(value, "…")
    text = re.sub(_BEARER, r"\1 …", text)
    text = re.sub(_NAMED, r"\1…", text)
    text = re.sub(_KEY_SHAPED, "…", text)
    text = re.sub(_JWT, r"\1…", text)
    return re.sub(_URL_USER, r"\1…@", text)


def mask(value: str) -> str:
    """How a key is shown to its owner: the first and last characters, enough to recognise it."""
    if len(value) < 16:
        return "…"
    return f"{value[:6]}…{value[-3:]}"
