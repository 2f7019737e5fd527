"""References to secrets: `{source, provider, id}` in place of a key, in OpenClaw's configuration and logins.

`env` is looked up, `file` is read (as a whole, or by a JSON pointer, RFC 6901), `exec` is refused: a notebook starts no
programs by itself. A resolved secret stays in memory and is never written back.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.files import OS, FileSystem, read_at_most
from openclaw_ipython.openclaw.keypaths import MISSING, value_at
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_view import ConfigView

MAX_BYTES = 1 << 20
"""OpenClaw's limit for a file of secrets; `maxBytes` of the provider may lower it."""

_VARIABLE = r"\$(?:\{([A-Z_][A-Z0-9_]*)\}|([A-Z][A-Z0-9_]*))"


def variable_of(text: str) -> str | None:
    """The name in a text of the form `$NAME` or `${NAME}`; None for any other text."""
    match = re.fullmatch(_VARIABLE, text.strip())
    return (match[1] or match[2]) if match else None


class SecretRefs:
    """Resolves references. `user_home` is what `~` stands for in the path of a file."""

    def __init__(
        self, config: ConfigView, environ: Mapping[str, str], user_home: Path, fs: FileSystem = OS
    ) -> None:
        self._config = config
        self._environ = environ
        self._user_home = user_home
        self._fs = fs

    def resolve(self, reference: Mapping[str, Any]) -> Secret:
        """The secret. Raises ConfigError where there is none."""
        source, name = reference.get("source"), reference.get("id")
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(_("a secret reference names no id"))
        match source:
            case "env":
                return self._variable(name.strip(), self._settings("env", reference))
            case "file":
                return self._file(name.strip(), self._settings("file", reference))
            case "exec":
                raise ConfigError(
                    _(
                        "its key comes from a program (a secret reference of the kind exec), which is not run here"
                    )
                )
        raise ConfigError(_("a secret reference is of an unknown kind"))

    def _settings(self, source: str, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        """The entry of `secrets.providers` for a reference, empty when there is none."""
        name = reference.get("provider") or self._config.get(("secrets", "defaults", source)) or "default"
        entry = self._config.get(("secrets", "providers", str(name)))
        return entry if isinstance(entry, Mapping) and entry.get("source") in (None, source) else {}

    def _variable(self, name: str, settings: Mapping[str, Any]) -> Secret:
        allowed = settings.get("allowlist")
        if isinstance(allowed, list) and name not in allowed:
            what = _(
                "its key is in {name}, which the allowlist of its secret provider does not name", name=name
            )
            raise ConfigError(what)
        value = self._environ.get(name, "").strip()
        if not value:
            raise ConfigError(_("its key is in the environment variable {name}, which is not set", name=name))
        return Secret(value)

    def _file(self, pointer: str, settings: Mapping[str, Any]) -> Secret:
        path = self._path(settings.get("path"))
        text = self._text(path, settings).reveal()
        whole = settings.get("mode") == "singleValue"
        value = text.rstrip("\r\n") if whole else _at(_parsed(text, path), pointer)
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(_("{path} holds no secret at {pointer!r}", path=path, pointer=pointer))
        return Secret(value.strip())

    def _path(self, typed: Any) -> Path:
        if not isinstance(typed, str) or not typed.strip():
            raise ConfigError(_("its key is in a file that `secrets.providers` does not name"))
        if typed == "~" or typed.startswith(("~/", "~\\")):
            return self._user_home / typed[2:]
        path = Path(typed)
        if not path.is_absolute():
            raise ConfigError(_("the path of the secret file is not absolute: {typed}", typed=typed))
        return path

    def _text(self, path: Path, settings: Mapping[str, Any]) -> Secret:
        """The content of a file, which only its owner may be able to read."""
        try:
            descriptor = self._fs.open_to_read(path)
            try:
                _check(path, self._fs.fstat(descriptor), settings)
                limit = settings.get("maxBytes")
                limit = min(limit, MAX_BYTES) if type(limit) is int and limit > 0 else MAX_BYTES
                data = read_at_most(descriptor, limit, self._fs)
                if len(data) > limit:
                    raise ConfigError(_("the secret file {path} is too large", path=path))
                return Secret(data.decode("utf-8-sig"))
            finally:
                self._fs.close(descriptor)
        except OSError as error:
            why = error.strerror or "the system refused"
        except UnicodeDecodeError:
            why = "it is not UTF-8 text"
        raise ConfigError(_("the secret file {path} cannot be read: {why}", path=path, why=why))


def _check(path: Path, status: os.stat_result, settings: Mapping[str, Any]) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(_("the secret file {path} is not an ordinary file", path=path))
    if os.name == "nt" or settings.get("allowInsecurePath") is True:
        return
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o077:
        raise ConfigError(_("the secret file {path} is open to others", path=path), hint=f"chmod 600 {path}")


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass  # the error would hold the text
    raise ConfigError(_("the secret file {path} is not JSON", path=path))


def _at(value: Any, pointer: str) -> Any:
    """The value a JSON pointer refers to (RFC 6901 §4), None where there is none."""
    keys = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    found = value_at(value, keys) if pointer.startswith("/") else MISSING
    return None if found is MISSING else found
