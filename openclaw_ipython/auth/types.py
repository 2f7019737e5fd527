"""What a sign-in yields, and whether it is still fresh. Pure values; the secrets in them cannot be printed."""

from __future__ import annotations

import math
from typing import Any

from openclaw_ipython.errors import ProtocolError
from openclaw_ipython.i18n import _
from openclaw_ipython.openclaw.token_stores import REFRESH_MARGIN
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.values import dataclass

UNKNOWN_LIFETIME = 900  # seconds assumed when the service does not say
LONGEST_LIFETIME = 366 * 86400


@dataclass(frozen=True)
class DeviceEndpoints:
    """One service's device login. `hosts` are the host names its links may have (whole labels;
    `qwen.ai` allows `chat.qwen.ai`). `loopback` allows plain-http links to this machine, for a
    service that the person runs there.
    """

    device_url: str
    token_url: str
    client_id: str
    scope: str
    hosts: tuple[str, ...]
    loopback: bool = False


@dataclass(frozen=True)
class TokenGrant:
    """A successful answer of the token endpoint (RFC 6749 §5.1).

    `expires_in` in seconds; `refresh` None means: keep the one you have. `resource_url` is where the
    service wants the token used, as it wrote it, unchecked.
    """

    access: Secret
    refresh: Secret | None
    expires_in: int
    resource_url: str | None


def read_grant(answer: dict[str, Any]) -> TokenGrant:
    """Check a token answer. Raises ProtocolError naming the field that is missing or wrong."""
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
    """`expires_in` as whole seconds: numbers and numeric strings; a short time where it is unusable."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN_LIFETIME
    if isinstance(value, bool) or not math.isfinite(seconds) or seconds <= 0:
        return UNKNOWN_LIFETIME
    return max(1, int(min(seconds, LONGEST_LIFETIME)))


def expires_soon(expires_ms: int | None, now: float, margin: float = REFRESH_MARGIN) -> bool:
    """Whether a token with `expires_ms` (epoch milliseconds) is within `margin` seconds of its end."""
    return expires_ms is None or expires_ms / 1000 - margin <= now


def _token(value: Any, field: str) -> Secret:
    # A line break would end the header it is put into; such a token is refused, never cleaned up.
    if (
        not isinstance(value, str)
        or not value
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise ProtocolError(_("the sign-in service's answer has no usable {field}", field=field))
    return Secret(value)
