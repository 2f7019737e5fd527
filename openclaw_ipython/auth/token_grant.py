"""The endpoints of a sign-in and the tokens it yields. Pure values; their secrets cannot be printed."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import ProtocolError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.token_stores import REFRESH_MARGIN
from openclaw_ipython.sanitize.secrets import Secret, is_token

UNKNOWN_LIFETIME = 900  # seconds assumed when the service does not say
LONGEST_LIFETIME = 366 * 86400


class DeviceEndpoints(Struct, frozen=True):
    """The endpoints of a sign-in by device code.

    `hosts` are the host names that its links may have, with their subdomains (`qwen.ai` allows `chat.qwen.ai`).
    `loopback` allows plain-http links to this machine, for a service that runs there.
    """

    device_url: str
    token_url: str
    client_id: str
    scope: str
    hosts: tuple[str, ...]
    loopback: bool = False


class TokenGrant(Struct, frozen=True):
    """A successful answer of the token endpoint (RFC 6749 §5.1).

    `expires_in` is in seconds. `refresh` is None if the present refresh token stays valid. `resource_url` is the
    address for which the service issued the token, unchecked.
    """

    access: Secret
    refresh: Secret | None
    expires_in: int
    resource_url: str | None


def read_grant(answer: dict[str, Any]) -> TokenGrant:
    """Read a token answer. Raises ProtocolError that names the missing or wrong field."""
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProtocolError(_("the sign-in service sent a token of a kind other than Bearer"))
    refresh = answer.get("refresh_token")
    resource = answer.get("resource_url")
    return TokenGrant(
        access=_token(answer.get("access_token"), "access_token"),
        refresh=_token(refresh, "refresh_token") if refresh else None,
        expires_in=lifetime(answer.get("expires_in")),
        resource_url=resource if isinstance(resource, str) and resource else None,
    )


def lifetime(value: Any) -> int:
    """`expires_in` as whole seconds, from a number or a numeric string; UNKNOWN_LIFETIME for anything else."""
    return max(1, int(min(seconds_of(value, UNKNOWN_LIFETIME), LONGEST_LIFETIME)))


def seconds_of(value: Any, default: float) -> float:
    """A positive number of seconds, from a number or a numeric string; `default` for anything else."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return default if isinstance(value, bool) or not math.isfinite(seconds) or seconds <= 0 else seconds


def expires_soon(expires_ms: int | None, now: float, margin: float = REFRESH_MARGIN) -> bool:
    """Whether a token expires within `margin` seconds. `expires_ms` is epoch milliseconds, `now` epoch seconds."""
    return expires_ms is None or expires_ms / 1000 - margin <= now


def _token(value: Any, field: str) -> Secret:
    if not is_token(value):
        raise ProtocolError(_("the sign-in service's answer has no usable {field}", field=field))
    return Secret(value)
