"""Translation of messages: English sentences in the code, other languages from gettext catalogues.

The keys of a catalogue are the English templates (`locale/LANGUAGE/LC_MESSAGES/openclaw_ipython.po`; the
`.mo` beside it is what is read). Messages are English until
`set_language` is called: the magics do so, while a program that uses only the client has English errors in its log.
No decision depends on a message. Names of commands, errors, files and statuses are not translated.
"""

from __future__ import annotations

import locale
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

ENGLISH = "en"
CHINESE = "zh_CN"

DOMAIN = "openclaw_ipython"
FOLDER = Path(__file__).parent / "locale"

# POSIX's order (XBD 8.2), with GNU gettext's LANGUAGE before it.
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_TRADITIONAL = ("zh_tw", "zh_hk", "zh_mo", "zh_hant", "chinese (traditional)")

_language = ENGLISH


def translate(template: str, **values: object) -> str:
    """`template` in the reader's language, its `{name}` fields filled with `values`.

    A sentence that the catalogue lacks stays English. The values are put in as they are, never translated;
    without values braces stay.
    """
    translated = template if _language == ENGLISH else _catalogue(_language).gettext(template)
    return translated.format(**values) if values else translated


_ = translate  # the name that gettext and its tools know


def N_(template: str) -> str:  # noqa: N802 - the name that gettext and its tools know
    """`template` itself: marks a sentence that is passed to `translate` elsewhere."""
    return template


def set_language(language: str) -> None:
    """Translate from now on to `language` (`en` or `zh_CN`), in all threads of this process."""
    global _language  # noqa: PLW0603 - one reader per process; a widget's clicks come from outside any cell
    _language = language


def language() -> str:
    """The language of messages now."""
    return _language


def language_for(wanted: str, environ: Mapping[str, str]) -> str:
    """The language for what was asked for: `wanted` where it is set, else the locale of `environ`, else the system's.

    A language without a catalogue is English. Each is taken as people write it: `zh`, `zh-CN`, `zh_CN.UTF-8`.
    """
    if wanted.strip():
        return _known(wanted) or ENGLISH
    named = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    first = next((one for one in environ.get("LANGUAGE", "").split(":") if _known(one)), "")
    if first and named.partition(".")[0] not in {"C", "POSIX"}:  # in these GNU gettext ignores LANGUAGE too
        return _known(first)
    return _known(named or _of_the_system()) or ENGLISH


def _known(name: str) -> str:
    """The catalogue for the name of a locale, or empty."""
    plain = name.strip().lower().replace("-", "_")
    if plain.startswith(("zh", "chinese")) and not plain.startswith(_TRADITIONAL):
        return CHINESE
    return ENGLISH if plain.startswith("en") else ""


def _of_the_system() -> str:
    try:  # Windows sets no variable
        return locale.getlocale()[0] or ""
    except ValueError:  # a name that Python cannot read
        return ""


@cache
def _catalogue(language: str) -> NullTranslations:
    import gettext

    return gettext.translation(DOMAIN, FOLDER, [language], fallback=True)
