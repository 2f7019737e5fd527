"""Which proxy serves an address. Pure.

The settings are those of `urllib.request.getproxies`: the address of the proxy for `http`, `https` and `all`, and the
exceptions under `no`. A setting that cannot be used is left out where another one serves the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import is_loopback

_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})


def proxy_for(url: str, settings: Mapping[str, str], *, socks: bool | None = None) -> str | None:
    """The proxy on the way to `url`; None for the direct way, which loopback always takes.

    `socks` is whether SOCKS proxies can be used; None for whether the package for them is installed.
    Raises ConfigError, which names the variable, where no setting for `url` can be used.
    """
    parts = urlsplit(url)
    names = [name for name in (parts.scheme.lower(), "all") if settings.get(name)]
    if not names or is_loopback(url) or _is_exempt(parts.hostname or "", parts.port, settings):
        return None
    if socks is None:
        socks = find_spec("socksio") is not None
    problems = {}
    for name in names:
        proxy = settings[name] if "://" in settings[name] else f"http://{settings[name]}"
        problems[name] = _problem(proxy, socks=socks)
        if not problems[name]:
            return proxy
    name, problem = next(iter(problems.items()))
    raise ConfigError(
        _("{variable} in the environment {problem}", variable=f"{name.upper()}_PROXY", problem=problem),
        # an empty variable in small letters wins over the one in capitals
        hint=_("correct it, or %env {variable}= switches it off in this kernel", variable=f"{name}_proxy"),
    )


def _problem(proxy: str, *, socks: bool) -> str:
    """Why a proxy cannot be used, without its address, which may hold a password; empty if it can be."""
    try:
        parts = urlsplit(proxy)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        return _("is not a valid proxy address")
    if parts.scheme not in _SCHEMES:
        return _("begins with {scheme}, which is no kind of proxy address", scheme=f"{parts.scheme}://")
    if parts.scheme.startswith("socks") and not socks:
        return _("is a SOCKS proxy, for which a package is missing: %pip install 'httpx[socks]'")
    return ""


def _is_exempt(host: str, port: int | None, settings: Mapping[str, str]) -> bool:
    """Whether `no_proxy` names the host: `*`, its name or a domain, with or without its port, or a network (CIDR)."""
    words = [word.strip().lower().lstrip(".") for word in settings.get("no", "").split(",")]
    names = (host, f"{host}:{port}")
    return any(
        word == "*" or word in names or any(name.endswith(f".{word}") for name in names) or _is_in(host, word)
        for word in words
        if word
    )


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
