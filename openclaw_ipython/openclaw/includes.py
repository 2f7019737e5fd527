"""Joining configurations: `$include` files under their includer, our overlay over somebody's file.

Pure: reading a file is handed in. Two kinds of merge, because OpenClaw and we mean different things by one:
an include adds to a configuration (lists grow), an overlay corrects it (lists are replaced, null removes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.config_view import resolve_references
from openclaw_ipython.openclaw.json5.parse import REMOVE, same

KEY = "$include"
MAX_INCLUDES = 10
"""Files that include one another, as in OpenClaw."""


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
    rest = {key: _resolve(item, chain, read) for key, item in value.items() if key != KEY}
    if KEY not in value:
        return rest
    named = value[KEY]
    included: Any = {}
    for name in named if isinstance(named, list) else [named]:
        included = _joined(included, _included(name, chain, read))
    return _joined(included, rest) if rest else included


def _included(name: Any, chain: tuple[Path, ...], read: Callable[[Path], Any]) -> Any:
    source = chain[-1]
    if not isinstance(name, str) or not _can_be_a_path(name):
        raise DocumentError(
            _("{source} has an {key} that names no file", source=source, key=KEY), path=source
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
    """Whether an operating system can be asked for it: no NUL, no half characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name) and "\0" not in name


def _joined(base: Any, top: Any) -> Any:
    """OpenClaw's merge for includes: objects join, lists are appended, anything else is replaced."""
    if isinstance(base, Mapping) and isinstance(top, Mapping):
        return {**base, **{key: _joined(base[key], top[key]) if key in base else top[key] for key in top}}
    if isinstance(base, list) and isinstance(top, list):
        return [*base, *top]
    return top


# -- the overlay ---------------------------------------------------------------------------


def overlaid(base: Any, overlay: Any) -> Any:
    """`base` corrected by `overlay`: a JSON merge patch (RFC 7396 §2)."""
    if not isinstance(overlay, Mapping):
        return overlay
    joined = dict(base) if isinstance(base, Mapping) else {}
    for key, value in overlay.items():
        if value is None:
            joined.pop(key, None)
        else:
            joined[key] = overlaid(joined.get(key), value)
    return joined


def correction(base: Any, value: Any) -> Any:
    """What an overlay must hold so that `base` under it reads as `value` (may be `REMOVE`)."""
    if value is REMOVE:
        return REMOVE if base is None else None
    if not isinstance(base, Mapping) or not isinstance(value, Mapping):
        return value
    gone = {key: None for key in base if key not in value}
    return gone | {key: correction(base.get(key), item) for key, item in value.items()}


# -- what an edit must not do --------------------------------------------------------------


def with_references(old: Any, new: Any, environ: Mapping[str, str]) -> Any:
    """`new`, but with `${NAME}` kept wherever `old` has it and it stands for the same text."""
    if isinstance(new, str) and isinstance(old, str):
        return old if "${" in old and resolve_references(old, environ) == new else new
    if isinstance(new, dict) and isinstance(old, Mapping):
        return {key: with_references(old.get(key), value, environ) for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        typed = {resolve_references(item, environ): item for item in old if isinstance(item, str)}
        return [typed.get(item, item) if isinstance(item, str) else item for item in new]
    return new


def takes_effect(value: Any, result: Any) -> bool:
    """Whether a configuration that reads `result` at some path has the wanted `value` there."""
    if value is REMOVE or value is None:
        return result is None
    if isinstance(value, Mapping) and isinstance(result, Mapping):
        return all(takes_effect(item, result.get(key)) for key, item in value.items())
    return same(value, result)
