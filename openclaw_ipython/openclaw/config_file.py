"""The configuration as its files hold it: `$include` files, our overlay, and what an edit writes to which file.

Two kinds of merge. An included file adds to a configuration: lists grow. Our overlay, in homes whose configuration is
not ours to write (since June 2026, or that of an administrator), corrects it: lists are replaced, null removes (a JSON
merge patch, RFC 7396).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_view import ConfigView, resolve_references
from openclaw_ipython.openclaw.json5.parse import REMOVE, Document, Edit, Json5Error, same
from openclaw_ipython.openclaw.reading import FileReader, parse_file, syntax_error
from openclaw_ipython.openclaw.sqlite import databases
from openclaw_ipython.sanitize.secrets import HiddenFields

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.files import Stamp
    from openclaw_ipython.openclaw.paths import Home

CredentialStorage = Literal["json", "sqlite"]
"""Where the OpenClaw of a home keeps its credentials: `sqlite` since June 2026. A home without OpenClaw is `json`."""

INCLUDE = "$include"
MAX_INCLUDES = 10
"""Files that include one another, as in OpenClaw."""


class PendingWrite(HiddenFields, Struct, frozen=True):
    """The new text of a file. `expect` is the stamp of the text it is based on."""

    path: Path
    old: str
    new: str
    expect: Stamp | None


class ConfigFile(HiddenFields, Struct, frozen=True):
    """The configuration of a home, and the file that changes of it are written to.

    `base` is OpenClaw's own with its includes; `overlay` is ours, and None where we write OpenClaw's file.
    `document` and `stamp` are those of `path`, the file we write.
    """

    storage: CredentialStorage
    base: Any
    overlay: Any | None
    path: Path
    document: Document
    stamp: Stamp | None

    @property
    def value(self) -> Any:
        """The configuration that counts."""
        return self.base if self.overlay is None else apply_merge_patch(self.base, self.overlay)

    def edited(self, edits: Sequence[Edit]) -> PendingWrite:
        """The file with the edits of the configuration. Raises DocumentError for one that does not fit."""
        if self.overlay is not None:
            base = ConfigView(self.base)
            edits = [Edit(edit.path, merge_patch(base.raw(edit.path), edit.value)) for edit in edits]
        return edited(self.path, self.document, edits, self.stamp)

    def value_after(self, write: PendingWrite, reader: FileReader) -> Any:
        """The configuration that counts after the write."""
        value = parse_file(self.path, write.new).value
        if self.overlay is not None:
            return apply_merge_patch(self.base, value)
        return resolve_includes(value, self.path, reader.value)


def read_config(home: Home, reader: FileReader) -> ConfigFile:
    """The configuration of a home. Raises DocumentError where openclaw.json, or our overlay, cannot be read."""
    path = home.config_path
    document = _object(path, reader)
    base = resolve_includes(document.value, path, reader.value)
    has_database = any(reader.watch(database) for database in databases(home))
    storage: CredentialStorage = "sqlite" if has_database or ConfigView(base).says_sqlite else "json"
    if storage == "json" and (reader.stamps[path] is None or reader.fs.can_replace(path)):
        return ConfigFile(storage, base, None, path, document, reader.stamps[path])
    overlay = _object(home.own_config, reader)
    stamp = reader.stamps[home.own_config]
    return ConfigFile(storage, base, overlay.value, home.own_config, overlay, stamp)


def edited(path: Path, document: Document, edits: Sequence[Edit], stamp: Stamp | None) -> PendingWrite:
    """The file `path`, which holds `document`, with the edits. Raises DocumentError for one that does not fit."""
    from openclaw_ipython.openclaw.json5.edit import edit  # loaded when something is changed

    try:
        return PendingWrite(path, document.text, edit(document.text, edits), stamp)
    except Json5Error as error:
        failure = syntax_error(path, error)
    raise failure


def _object(path: Path, reader: FileReader) -> Document:
    document = reader.document(path) or Document("", {})
    if not isinstance(document.value, Mapping):
        raise DocumentError(
            _("{path} is not an object", path=path),
            path=path,
            line=1,
            hint=_("correct {name}, or move it away", name=path.name),
        )
    return document


# -- includes ------------------------------------------------------------------------------


def resolve_includes(value: Any, path: Path, read: Callable[[Path], Any]) -> Any:
    """`value`, the content of the file `path`, with every `$include` replaced by what it names.

    `$include` holds a file name or a list of them, relative to the including file; keys beside it win.
    Raises DocumentError for a missing file, a circle, or more than `MAX_INCLUDES` levels.
    """
    return _resolve(value, (path,), read)


def _resolve(value: Any, chain: tuple[Path, ...], read: Callable[[Path], Any]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, chain, read) for item in value]
    if not isinstance(value, Mapping):
        return value
    rest = {key: _resolve(item, chain, read) for key, item in value.items() if key != INCLUDE}
    if INCLUDE not in value:
        return rest
    named = value[INCLUDE]
    included: Any = {}
    for name in named if isinstance(named, list) else [named]:
        included = _merge_include(included, _included(name, chain, read))
    return _merge_include(included, rest) if rest else included


def _included(name: Any, chain: tuple[Path, ...], read: Callable[[Path], Any]) -> Any:
    source = chain[-1]
    if not isinstance(name, str) or not _can_be_a_path(name):
        raise DocumentError(
            _("{source} has an {key} that names no file", source=source, key=INCLUDE), path=source
        )
    path = Path(source.parent / name)
    if path in chain:
        raise DocumentError(
            _("{source} includes itself through {name}", source=source, name=path.name), path=source
        )
    if len(chain) > MAX_INCLUDES:
        raise DocumentError(
            _("{source} includes more than {most} levels deep", source=source, most=MAX_INCLUDES),
            path=source,
        )
    value = read(path)
    if value is None:
        raise DocumentError(
            _("{source} includes {path}, which does not exist", source=source, path=path),
            path=source,
            hint=_("create {path}", path=path),
        )
    return _resolve(value, (*chain, path), read)


def _can_be_a_path(name: str) -> bool:
    """Whether `name` can be a path: no NUL, no lone surrogate."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name) and "\0" not in name


def _merge_include(base: Any, top: Any) -> Any:
    """OpenClaw's merge for includes: objects join, lists are appended, anything else is replaced."""
    if isinstance(base, Mapping) and isinstance(top, Mapping):
        return {
            **base,
            **{key: _merge_include(base[key], top[key]) if key in base else top[key] for key in top},
        }
    if isinstance(base, list) and isinstance(top, list):
        return [*base, *top]
    return top


# -- our overlay ---------------------------------------------------------------------------


def apply_merge_patch(base: Any, patch: Any) -> Any:
    """`base` with a JSON merge patch applied (RFC 7396 §2)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged


def merge_patch(base: Any, value: Any) -> Any:
    """What the overlay holds so that `base` under it reads as `value`; `REMOVE` where it holds nothing."""
    if value is REMOVE:
        return REMOVE if base is None else None
    if not isinstance(base, Mapping) or not isinstance(value, Mapping):
        return value
    gone = {key: None for key in base if key not in value}
    return gone | {key: merge_patch(base.get(key), item) for key, item in value.items()}


# -- checks of an edit ---------------------------------------------------------------------


def keep_references(old: Any, new: Any, environ: Mapping[str, str]) -> Any:
    """`new`, but with a `${NAME}` of `old` wherever it stands for the same text."""
    if isinstance(new, str) and isinstance(old, str):
        return old if "${" in old and resolve_references(old, environ) == new else new
    if isinstance(new, dict) and isinstance(old, Mapping):
        return {key: keep_references(old.get(key), value, environ) for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        typed = {resolve_references(item, environ): item for item in old if isinstance(item, str)}
        return [typed.get(item, item) if isinstance(item, str) else item for item in new]
    return new


def takes_effect(value: Any, result: Any) -> bool:
    """Whether an edit to `value` took effect where the configuration now reads `result`."""
    if value is REMOVE or value is None:
        return result is None
    if isinstance(value, Mapping) and isinstance(result, Mapping):
        return all(takes_effect(item, result.get(key)) for key, item in value.items())
    return same(value, result)
