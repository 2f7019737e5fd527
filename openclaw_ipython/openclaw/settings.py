"""`config get|set|unset`: one setting of `openclaw.json` by its path.

What is shown is what is typed in the file (`${NAME}` stays), with secrets masked. What is written goes
through the store; no file is touched here. Keys that OpenClaw does not know are not created: it refuses such
a file as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit, Json5Error, parse
from openclaw_ipython.openclaw.keypaths import (
    MISSING,
    Keys,
    locate,
    parse_path,
    path_text,
    paths_in,
    value_at,
)
from openclaw_ipython.openclaw.masking import holds_secret, masked
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.openclaw.store import Store

# What every release from February 2026 on takes at the top of its configuration.
TOP_LEVEL = frozenset({
    "$include", "$schema", "acp", "agents", "approvals", "audio", "auth", "bindings", "broadcast", "browser",
    "canvasHost", "channels", "cli", "commands", "cron", "diagnostics", "discovery", "env", "gateway", "hooks",
    "logging", "media", "memory", "messages", "meta", "models", "nodeHost", "plugins", "secrets", "session",
    "skills", "talk", "tools", "ui", "update", "web", "wizard",
})  # fmt: skip


class Setting(Struct, frozen=True):
    """One setting. `path` as it is typed, `value` as in the file, secrets masked."""

    path: str
    value: Any


class Written(Struct, frozen=True):
    """A change that was made, and the file it is in."""

    setting: Setting
    file: Path


class Settings:
    """The settings of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, path: str) -> Setting:
        """What the file says at `path`. Raises UsageError when there is nothing."""
        document = self._document()
        keys = self._existing(document, path)
        return Setting(path_text(keys), masked(value_at(document, keys), _name(keys)))

    def set(self, path: str, text: str, *, as_text: bool = False) -> Written:
        """Write a setting. `text` is read as JSON5 (`true`, `8192`, `{a: 1}`) where it is that, else as text.

        Raises UsageError for a secret, for a key OpenClaw does not know, and for a part of a list.
        """
        value = text if as_text else _value(text)
        segments = parse_path(path)
        keys = locate(self._document(), segments)
        if holds_secret(value, _name(keys)):
            raise _never_on_the_line(keys)

        def plan(view: ConfigView) -> list[Edit]:
            _check_place(view.config, keys)
            return [Edit(keys, value)]

        return Written(Setting(path_text(keys), value), self._store.edit_config(plan))

    def unset(self, path: str) -> Written:
        """Take a setting out of the file. Raises UsageError when it is not there."""
        keys = self._existing(self._document(), path)

        def plan(view: ConfigView) -> list[Edit]:
            _check_place(view.config, keys)
            return [Edit(keys, REMOVE)]

        return Written(Setting(path_text(keys), None), self._store.edit_config(plan))

    def paths(self) -> list[str]:
        """Every path there is, and the top-level ones there may be: for completion."""
        return list(dict.fromkeys([*paths_in(self._document()), *sorted(TOP_LEVEL)]))

    def _document(self) -> Mapping[str, Any]:
        return self._store.load().config.config

    def _existing(self, document: Mapping[str, Any], path: str) -> Keys:
        keys = locate(document, parse_path(path))
        if value_at(document, keys) is MISSING:
            near = suggest(path_text(keys), paths_in(document))
            raise UsageError(
                _("Config path not found: {path}{meant}", path=path_text(keys), meant=did_you_mean(near)),
                suggestions=near,
            )
        return keys


def _name(keys: Keys) -> str:
    """The name a value stands under: list positions are none."""
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
    """Whether a member can stand at `keys`."""
    if keys[0] not in document and keys[0] not in TOP_LEVEL:
        near = suggest(keys[0], TOP_LEVEL)
        raise UsageError(
            _(
                "OpenClaw has no setting {key!r} and refuses files with keys it does not know{meant}",
                key=keys[0],
                meant=did_you_mean(near),
            ),
            suggestions=near,
        )
    for size in range(1, len(keys)):
        around = value_at(document, keys[:size])
        if isinstance(around, list):
            raise UsageError(
                _("{path} is a list, which is set as a whole", path=path_text(keys[:size])),
                hint=f"%openclaw config set {path_text(keys[:size])} '[…]'",
            )
        if around is not MISSING and not isinstance(around, Mapping):
            raise UsageError(
                _("{path} is a single value and has no settings below it", path=path_text(keys[:size]))
            )


def _never_on_the_line(keys: Keys) -> UsageError:
    return UsageError(
        _(
            "{path}: a key or password typed on the line stays in the history of the notebook, so it is not written",
            path=path_text(keys),
        ),
        hint=_(
            "put it into an environment variable NAME, then: %openclaw config set {path} '${{NAME}}'",
            path=path_text(keys),
        ),
    )
