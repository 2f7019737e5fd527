"""Which addresses written by a model or a server may become links. A list of what may, not of what may not."""

from __future__ import annotations

import re
from urllib.parse import quote

from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.characters import HIDDEN, SURROGATES

MAX_LENGTH = 4096
"""Characters; longer addresses are shown as text. Front ends and people give up well before."""

# Anything that browsers skip, turn into a slash, or that ends an address early (WHATWG URL §4.4).
_FORBIDDEN = pattern(rf"[\s\\<>\"{HIDDEN}{SURROGATES}]")
_WEB = pattern(r"(?i)(https?)://([^/?#]+)(.*)", re.S)
_HOST = pattern(r"(?i)(?=[^:]*[a-z0-9])[a-z0-9_](?:[a-z0-9._-]*[a-z0-9._])?(:[0-9]{1,5})?")
_MAIL = pattern(r"(?i)mailto:([a-z0-9.!#%&'*+/=?^_{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*)(\?[^#]*)?")
_STRAY_PERCENT = pattern(r"%(?![0-9A-Fa-f]{2})")

# Everything else is percent-encoded: quotes, brackets, `$`, `*`, `|`, backtick and non-ASCII could mean
# something to the Markdown, table, math or HTML reader that the address passes through.
_KEPT = "-._~/?#@!&=+,;:%"


def safe_link(url: str) -> str | None:
    """The address to link to, percent-encoded, or None when it has to stay plain text.

    Only `http`, `https` (with a host, without user info), `mailto` and `#fragment`. The result consists of
    ASCII letters, digits and ``-._~/?#@!&=+,;:%``; the caller still writes `&` as an entity in HTML.
    Applying it twice changes nothing.
    """
    if len(url) > MAX_LENGTH or _FORBIDDEN.search(url):
        return None
    if url.startswith("#"):
        return "#" + _encoded(url[1:]).replace("#", "%23")
    if mail := _MAIL.fullmatch(url):
        return "mailto:" + _encoded(mail[1] + (mail[2] or ""))
    if web := _WEB.fullmatch(url):
        host = _ascii_host(web[2])
        return None if host is None else f"{web[1].lower()}://{host}{_encoded(web[3])}"
    return None


def _encoded(text: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=_KEPT)


def _ascii_host(host: str) -> str | None:
    """`host` in ASCII (RFC 3490), or None when it is not a plain host name with an optional port."""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if _HOST.fullmatch(host) else None
