"""Which addresses a request may go to. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _


def is_loopback(url: str) -> bool:
    """Whether `url` is an http(s) URL of this machine: the only place plain http is allowed."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and host in {"127.0.0.1", "localhost", "::1"}


def https_host(url: str) -> str | None:
    """The host of a well-formed https URL without user name or password; None for anything else."""
    if not re.fullmatch(r"https://[!-~]+", url, re.I) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    named = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", host)
    return host if named and parts.username is None and parts.password is None else None


def checked_base_url(base_url: str, provider: str) -> str:
    """A login goes out over https, or to this machine."""
    if https_host(base_url) is None and not is_loopback(base_url):
        raise ConfigError(
            _("the base URL of {provider} is neither https nor on this machine", provider=provider),
            hint=_("models.providers.{provider}.baseUrl in openclaw.json", provider=provider),
        )
    return base_url
