"""Which values of a configuration are secrets, and how they are shown. Pure.

A value is a secret by the name it stands under (`apiKey`, `botToken`, `password`) or by its own shape.
References (`${NAME}`) and placeholders (`qwen-oauth`, the name of a variable) are none: they say where to look.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openclaw_ipython.openclaw.config_view import is_marker
from openclaw_ipython.sanitize.secrets import mask, redact

HIDDEN = "…"

_ENDINGS = (
    "key", "keys", "token", "password", "passwd", "passphrase", "secret", "authorization", "cookie",
    "credential", "credentials",
)  # fmt: skip
_EXACT = frozenset({"pass", "bearer"})
_HARMLESS = ("sessionkey", "publickey", "statekey", "appliedkeys", "allowedkeys")
_NEVER_SHOWN = ("password", "passwd", "passphrase", "pass")  # chosen by a person: a part gives too much away
_REFERENCE = re.compile(r"\$\{[A-Z_][A-Z0-9_]*\}|\$[A-Z][A-Z0-9_]*")


def is_secret_name(name: str) -> bool:
    """Whether what stands under `name` is a secret."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain.endswith(_HARMLESS):
        return False
    return plain in _EXACT or plain.endswith(_ENDINGS)


def masked(value: Any, name: str = "") -> Any:
    """`value`, which stands under `name`, as it may be shown: secrets cut to their ends or hidden."""
    if isinstance(value, Mapping):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if isinstance(value, str):
        return _shown(value, name)
    hidden = not isinstance(value, bool) and isinstance(value, int | float) and _is_never_shown(name)
    return HIDDEN if hidden else value


def holds_secret(value: Any, name: str = "") -> bool:
    """Whether a value that stands under `name` is, or contains, a secret."""
    return bool(masked(value, name) != value)


def _shown(text: str, name: str) -> str:
    if not text or _REFERENCE.fullmatch(text) or is_marker(text):
        return text
    if not is_secret_name(name):
        return redact(text)
    return HIDDEN if _is_never_shown(name) else mask(text)


def _is_never_shown(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(_NEVER_SHOWN)
