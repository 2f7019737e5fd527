"""The keys that the environment holds for a provider, in the order they are tried. Pure.

OpenClaw's names (its provider page, "API key rotation"), `<P>` being the provider's id in capitals:
`OPENCLAW_LIVE_<P>_KEY` alone if it is set; else the list `<P>_API_KEYS`, what the provider itself is known to use,
`<P>_API_KEY`, and `<P>_API_KEY_1`, `_2`, …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from openclaw_ipython.openclaw.config_view import is_marker
from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.values import dataclass

_SEPARATORS = pattern(r"[,;\s]+")
_DIGITS = pattern(r"(\d+)")
_NOT_KEYS = ("_FILE", "_PATH")  # by convention these name a file that holds the key


@dataclass(frozen=True)
class Key:
    """One key and the variable it stands in, `X_API_KEYS #2` for the second of a list."""

    name: str
    value: Secret


def keys_of(provider_id: str, environ: Mapping[str, str], own: Sequence[str] = ()) -> tuple[Key, ...]:
    """The keys of a provider, each value once. `own` are further variables that the provider is known to use."""
    prefix = _prefix(provider_id)
    live = list(_single(f"OPENCLAW_LIVE_{prefix}_KEY", environ))
    found: dict[Secret, Key] = {}
    for key in live or _all(prefix, environ, own):
        found.setdefault(key.value, key)
    return tuple(found.values())


def key_variable(provider_id: str) -> str:
    """The variable that a person is told to set."""
    return f"{_prefix(provider_id)}_API_KEY"


def is_live(provider_id: str, keys: Sequence[Key]) -> bool:
    """Whether the keys are the one that is to be used instead of everything else."""
    return bool(keys) and keys[0].name.startswith("OPENCLAW_LIVE_")


def _prefix(provider_id: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", provider_id.upper())


def _all(prefix: str, environ: Mapping[str, str], own: Sequence[str]) -> Iterator[Key]:
    listed = f"{prefix}_API_KEYS"
    values = [value for value in _SEPARATORS.split(environ.get(listed, "")) if _may_be_sent(value)]
    for number, value in enumerate(values, 1):
        yield Key(f"{listed} #{number}" if len(values) > 1 else listed, Secret(value))
    main = f"{prefix}_API_KEY"
    numbered = [n for n in environ if n.startswith(main + "_") and not n.endswith(_NOT_KEYS)]
    for name in dict.fromkeys([*own, main, *sorted(numbered, key=_natural)]):
        yield from _single(name, environ)


def _single(name: str, environ: Mapping[str, str]) -> Iterator[Key]:
    value = environ.get(name, "").strip()
    if _may_be_sent(value):
        yield Key(name, Secret(value))


def _may_be_sent(value: str) -> bool:
    """A key goes into a header: no placeholder, and nothing that a header cannot hold."""
    return bool(value) and value.isascii() and value.isprintable() and not is_marker(value)


def _natural(name: str) -> list[tuple[int, str]]:
    """`_2` before `_10`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(name)]
