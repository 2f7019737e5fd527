"""The base URL that a finished sign-in stores, and whether a token may be sent to an address. Pure.

The user's own setting always wins. Without one the address is that of the service which gave out the token: the one its
answer names, if it is of the same origin, else the origin itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import https_host, is_below, same_origin
from openclaw_ipython.openclaw.config_view import has_reference

if TYPE_CHECKING:
    from openclaw_ipython.auth.token_grant import DeviceEndpoints
    from openclaw_ipython.openclaw.config_view import ConfigView
    from openclaw_ipython.providers import Provider


class ChosenAddress(Struct, frozen=True):
    """A base URL, and notes about it for the user."""

    base_url: str
    notes: tuple[str, ...] = ()


def base_url_after(
    provider: Provider, at: DeviceEndpoints, resource_url: str | None, view: ConfigView
) -> ChosenAddress:
    """The base URL to store after a sign-in at the endpoints `at`, whose answer names `resource_url`."""
    entry, typed = view.provider(provider.id), view.base_url(provider.id) or ""
    current = entry.base_url if entry else None
    if current and (current != provider.base_url or has_reference(typed)):
        note = _("the base URL in openclaw.json stays: {url}", url=typed)
        return ChosenAddress(current, (note,))
    default = _default(provider, at)
    if resource_url is None or provider.base_url_from is None:
        return ChosenAddress(default)
    offered = provider.base_url_from(resource_url)
    is_own = is_allowed(offered, at) if _is_vendors(provider, at) else same_origin(offered, at.token_url)
    if is_own:
        return ChosenAddress(offered)
    note = _("the service named an address outside its own hosts; the usual one is used")
    return ChosenAddress(default, (note,))


def is_allowed(url: str, at: DeviceEndpoints) -> bool:
    """Whether a token of the service may be sent to `url`: to its hosts, and to this machine if it signs in there."""
    host = https_host(url)
    return is_below(host, at.hosts) if host is not None else at.loopback and same_origin(url, at.token_url)


def is_vendors_address(url: str, provider: Provider) -> bool:
    """Whether `url` is one of the vendor's own hosts."""
    host, login = https_host(url), provider.device_login
    return host is not None and login is not None and is_below(host, login.hosts)


def _default(provider: Provider, at: DeviceEndpoints) -> str:
    if _is_vendors(provider, at):
        return provider.base_url
    parts = urlsplit(at.token_url)
    return f"{parts.scheme}://{parts.netloc}/v1"


def _is_vendors(provider: Provider, at: DeviceEndpoints) -> bool:
    login = provider.device_login
    return login is not None and same_origin(at.token_url, login.origin)
