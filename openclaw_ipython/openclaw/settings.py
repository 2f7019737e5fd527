"""`config get|set|unset`: one setting of `openclaw.json` by its path, secrets masked.

What is shown is what the file has (`${NAME}` stays). A value is a secret by the name it stands under (`apiKey`,
`botToken`, `password`) or by its own form; references (`${NAME}`) and placeholders (`qwen-oauth`, the name of a
variable) are none. Changes go through the store, which writes none that every release of OpenClaw refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_file import INCLUDE
from openclaw_ipython.openclaw.config_rules import CHECKED, added, top_level
from openclaw_ipython.openclaw.config_view import is_marker
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit, Json5Error, parse
from openclaw_ipython.openclaw.keypaths import (
    MISSING,
    Keys,
    keys_of,
    parse_path,
    path_text,
    paths_in,
    value_at,
)
from openclaw_ipython.sanitize.secrets import mask, redact
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.store import Store

HIDDEN = "…"

_ENDINGS = (
    "key", "keys", "token", "password", "passwd", "passphrase", "secret", "authorization", "cookie",
    "credential", "credentials",
)  # fmt: skip
_EXACT = frozenset({"pass", "bearer"})
_HARMLESS = ("sessionkey", "publickey", "statekey", "appliedkeys", "allowedkeys")
_NEVER_SHOWN = ("password", "passwd", "passphrase", "pass")  # often short: a part of it gives too much away
_REFERENCE = r"\$\{[A-Z_][A-Z0-9_]*\}|\$[A-Z][A-Z0-9_]*"


class Written(Struct, frozen=True):
    """A change: the path of the setting, its value, the file it was written to, and notes for the user."""

    path: str
    value: Any
    file: Path
    notes: tuple[str, ...] = ()


class Settings:
    """The settings of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, path: str) -> Any:
        """The value at `path` as in the file, secrets masked. Raises UsageError where there is none."""
        document = self._document()
        keys = self._existing(document, path)
        return masked(value_at(document, keys), _name(keys))

    def set(self, path: str, text: str, *, as_text: bool = False) -> Written:
        """Write a setting. `text` is read as JSON5 (`true`, `8192`, `{a: 1}`), and as a string where it is not.

        Raises UsageError for a secret, for what every known release of OpenClaw refuses, and for a part of a list.
        """
        value = text if as_text else _value(text)
        segments = parse_path(path)
        keys = keys_of(self._document(), segments)
        if holds_secret(value, _name(keys)):
            raise _secret_in_a_cell(path_text(keys))
        return self._written(keys, value)

    def unset(self, path: str) -> Written:
        """Remove a setting from the file. Raises UsageError where there is none."""
        return self._written(self._existing(self._document(), path), REMOVE)

    def _written(self, keys: Keys, value: Any) -> Written:
        def plan(view: ConfigView) -> list[Edit]:
            _check_place(view.config, keys)
            return [Edit(keys, value)]

        before = self._store.load().config.get(())
        file = self._store.edit_config(plan)
        notes = [
            _("OpenClaw {releases} refuses {refusal}", releases=", ".join(one.releases), refusal=one)
            for one in added(before, self._store.load().config.get(()))
        ]
        if keys[0] not in CHECKED and keys[0] != INCLUDE:
            notes.append(_("what stands under {section} is not checked here", section=keys[0]))
        return Written(path_text(keys), value, file, tuple(notes))

    def paths(self) -> list[str]:
        """The paths in the file and the top-level names OpenClaw knows: for completion."""
        return list(dict.fromkeys([*paths_in(self._document()), *sorted(top_level())]))

    def _document(self) -> Mapping[str, Any]:
        return self._store.load().config.config

    def _existing(self, document: Mapping[str, Any], path: str) -> Keys:
        keys = keys_of(document, parse_path(path))
        if value_at(document, keys) is MISSING:
            typed = path_text(keys)
            raise mistyped(_("Config path not found: {path}", path=typed), typed, paths_in(document))
        return keys


# -- masking -------------------------------------------------------------------------------


def is_secret_name(name: str) -> bool:
    """Whether what stands under `name` is a secret."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain.endswith(_HARMLESS):
        return False
    return plain in _EXACT or plain.endswith(_ENDINGS)


def masked(value: Any, name: str = "") -> Any:
    """`value`, which stands under `name`, for display: secrets are shortened to their ends or hidden."""
    if isinstance(value, Mapping):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    if isinstance(value, str):
        return _mask_text(value, name)
    hidden = not isinstance(value, bool) and isinstance(value, int | float) and _is_never_mask_text(name)
    return HIDDEN if hidden else value


def holds_secret(value: Any, name: str = "") -> bool:
    """Whether a value that stands under `name` is, or contains, a secret."""
    return bool(masked(value, name) != value)


def _mask_text(text: str, name: str) -> str:
    if not text or re.fullmatch(_REFERENCE, text) or is_marker(text):
        return text
    if not is_secret_name(name):
        return redact(text)
    return HIDDEN if _is_never_mask_text(name) else mask(text)


def _is_never_mask_text(name: str) -> bool:
    return re.sub(r"[^a-z]", "", name.lower()).endswith(_NEVER_SHOWN)


# -- parts ---------------------------------------------------------------------------------


def _name(keys: Keys) -> str:
    """The name of a value: the last key that is no position in a list."""
    return next((key for key in reversed(keys) if not key.isdigit()), "")


def _value(text: str) -> Any:
    try:
        value = parse(text).value
    except Json5Error:
        return text
    if value is None:
        raise UsageError(
            _("null is not a setting"), hint=_("%openclaw config unset PATH takes one out of the file")
        )
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value


def _check_place(document: Mapping[str, Any], keys: Keys) -> None:
    """Raise UsageError where `keys` lead into a list or below a single value."""
    for size in range(1, len(keys)):
        parent = value_at(document, keys[:size])
        if isinstance(parent, list):
            raise UsageError(
                _("{path} is a list, which is set as a whole", path=path_text(keys[:size])),
                hint=f"%openclaw config set {path_text(keys[:size])} '[…]'",
            )
        if parent is not MISSING and not isinstance(parent, Mapping):
            raise UsageError(
                _("{path} is a single value and has no settings below it", path=path_text(keys[:size]))
            )


def _secret_in_a_cell(path: str) -> UsageError:
    what = _(
        "{path}: a key or password typed on the line stays in the history of the notebook, so it is not written",
        path=path,
    )
    hint = _(
        "put it into an environment variable NAME, then: %openclaw config set {path} '${{NAME}}'", path=path
    )
    return UsageError(what, hint=hint)
