"""Which addresses a request may go to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _

_PRIVATE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fe80::/10"))
)
"""The addresses of private networks (RFC 1918) and of one link (RFC 3927, RFC 4291)."""

_PRIVATE_NAME = r"[a-z0-9_-]*[a-z_-][a-z0-9_-]*|([a-z0-9_-]+\.)+(local|internal|lan)"
"""A name of one label, or below a domain that the public DNS does not have."""


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL with a host and a possible port; None for anything else."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """Whether `url` is an http(s) URL of this machine, where plain http is allowed for everything."""
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"}:
        return False
    host = parts.hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(url: str) -> bool:
    """Whether `url` is an http(s) URL of a host in a private network, by its address or by its name."""
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or is_loopback(url):
        return False
    host = parts.hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return re.fullmatch(_PRIVATE_NAME, host) is not None
    return any(address in network for network in _PRIVATE)


def is_unencrypted(url: str) -> bool:
    """Whether requests to `url` cross a network as plain text."""
    return url[:7].lower() == "http://" and not is_loopback(url)


def https_host(url: str) -> str | None:
    """The host of a well-formed https URL without user name or password; None for anything else.

    Stricter than `checked_base_url`: for addresses that a service names.
    """
    if not re.fullmatch(r"https://[!-~]+", url, re.I) or "\\" in url:
        return None
    parts = _parts(url)
    host = parts.hostname if parts else None
    if parts is None or host is None or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", host):
        return None
    return host if parts.username is None and parts.password is None else None


def is_below(host: str, hosts: Iterable[str]) -> bool:
    """Whether `host` is one of `hosts` or below one of them."""
    return any(host == one or host.endswith("." + one) for one in hosts)


def same_origin(url: str, other: str) -> bool:
    """Whether two well-formed URLs have the same scheme, host and port."""
    one, two = _parts(url), _parts(other)
    if one is None or two is None:
        return False
    default = {"http": 80, "https": 443}
    return (one.scheme, one.hostname, one.port or default.get(one.scheme)) == (
        two.scheme,
        two.hostname,
        two.port or default.get(two.scheme),
    )


def base_url_problem(url: str, *, sign_in: bool = False) -> str:
    """What is wrong with a base URL that the user typed, in words for a sentence; empty if it can be used.

    With `sign_in` it is for the token of a sign-in, which goes over https, or to this machine.
    """
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return _("has a blank, a line break or a backslash in it")
    scheme, found, _rest = url.partition("://")
    if not found:
        return _("has no https:// in front")
    if scheme.lower() not in {"http", "https"}:
        return _("begins with {scheme}, not with https", scheme=f"{scheme}://")
    parts = _parts(url)
    if parts is None:
        return _("has no valid host and port")
    if parts.username is not None or parts.password is not None:
        return _("has a user name or password in it; a key is stored as a login instead")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return _("has a query or a fragment, behind which no path can follow")
    if is_loopback(url) or scheme.lower() == "https" or (is_private(url) and not sign_in):
        return ""
    if is_private(url):
        return _("is not encrypted, and the token of a sign-in goes over https only")
    return _("is neither https nor on this machine or in a private network")


def checked_base_url(base_url: str, provider: str, *, sign_in: bool = False) -> str:
    """`base_url`, without a slash at its end. Raises ConfigError with what is wrong with it, as `base_url_problem`."""
    problem = base_url_problem(base_url, sign_in=sign_in)
    if problem:
        raise ConfigError(
            _("the base URL of {provider} {problem}", provider=provider, problem=problem),
            hint=_("models.providers.{provider}.baseUrl in openclaw.json", provider=provider),
        )
    return base_url.rstrip("/")
