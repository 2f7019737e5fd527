"""Signing in by device code, as a generator of steps: RFC 8628 with PKCE (RFC 7636, S256). Pure.

The flow yields what it wants done (`Post`, `Show`, `Wait`) and is sent the outcome; whoever carries
the steps out (`login.py`, a test) owns network, screen and clock. Refreshing a token is the same
kind of generator with a single `Post`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from openclaw_ipython.auth.types import DeviceEndpoints, TokenGrant, read_grant
from openclaw_ipython.errors import (
    LoginDenied,
    LoginExpired,
    LoginUnavailable,
    OpenClawError,
    ProtocolError,
    RefreshRejected,
    ServiceUnavailable,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.characters import visible
from openclaw_ipython.sanitize.secrets import Secret, redact

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL = 5.0  # RFC 8628 §3.2: when `interval` is missing
SLOWER = 5.0  # RFC 8628 §3.5: added by every slow_down, for good
SHORTEST, LONGEST = 1.0, 60.0  # an absurd interval is brought into this range
LONGEST_LIFE = 1800.0
BAD_ANSWERS = 4  # answers in a row that are no OAuth (HTML, 5xx) before giving up


# -- steps and what is sent back ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post:
    """Send a form to `url`; sent back: an `Answer` or `NoAnswer`."""

    url: str
    form: Mapping[str, str | Secret]


@dataclass(frozen=True, slots=True)
class Show:
    """Show the prompt; nothing is sent back."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds; nothing is sent back. `why` is for the status line, empty when ordinary."""

    seconds: float
    why: str = ""


Step = Post | Show | Wait


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, the start of its body, and `Retry-After` in seconds if given."""

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request did not get through."""

    error: OpenClawError


# -- values ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pkce:
    """A proof key: the `verifier` stays here, the `challenge` is sent first (RFC 7636 §4.1, §4.2)."""

    verifier: Secret
    challenge: str

    @classmethod
    def make(cls, random_bytes: Callable[[int], bytes]) -> Pkce:
        """From 32 bytes of a cryptographic source: a verifier of 43 characters."""
        verifier = _base64url(random_bytes(32))
        return cls(Secret(verifier), _base64url(hashlib.sha256(verifier.encode()).digest()))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the person is shown: the code, where to type it, and until when.

    `verification_uri_complete` has the code in it and may be absent. `expires_in` in seconds.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float

    @property
    def link(self) -> str:
        """The one link to press."""
        return self.verification_uri_complete or self.verification_uri


Flow = Generator[Step, Any, TokenGrant]


# -- the flows ------------------------------------------------------------------------------


def device_flow(at: DeviceEndpoints, pkce: Pkce, clock: Callable[[], float]) -> Flow:
    """Sign in by device code. `clock` is monotonic seconds: a jump of the wall clock changes nothing.

    Raises LoginDenied, LoginExpired, LoginUnavailable, ServiceUnavailable, ProtocolError.
    """
    device_code, prompt, interval = _read_device(at, (yield Post(at.device_url, _device_form(at, pkce))))
    yield Show(prompt)
    deadline = clock() + prompt.expires_in
    backoff = 0.0
    bad = 0
    wait = Wait(interval)
    while True:
        left = deadline - clock()
        if left <= 0:
            raise _expired()
        yield Wait(min(wait.seconds, left), wait.why)
        if clock() >= deadline:
            raise _expired()
        reply: Answer | NoAnswer = yield Post(at.token_url, _token_form(at, pkce, device_code))
        match read_token_answer(reply):
            case TokenGrant() as grant:
                return grant
            case Pending(slow_down=slow_down):
                interval = min(interval + SLOWER, LONGEST) if slow_down else interval
                backoff, bad, wait = 0.0, 0, Wait(interval)
            case Trouble(error, not_oauth, retry_after):
                bad = bad + 1 if not_oauth else 0
                if bad >= BAD_ANSWERS:
                    raise _not_offered(error)
                backoff = min(
                    max(backoff * 2, interval), LONGEST
                )  # RFC 8628 §3.5: exponential, until the deadline
                wait = Wait(
                    max(backoff, min(retry_after or 0.0, LONGEST)), _("{error}; trying on", error=error)
                )


def refresh_flow(token_url: str, client_id: str, refresh: Secret) -> Flow:
    """Trade a refresh token for a new pair (RFC 6749 §6).

    Raises RefreshRejected only when the service says the token is dead; an HTML page or a failing
    server proves nothing of the kind and raises ServiceUnavailable or ProtocolError.
    """
    form: dict[str, str | Secret] = {
        "grant_type": "refresh_token",
        "refresh_token": refresh,
        "client_id": client_id,
    }
    reply: Answer | NoAnswer = yield Post(token_url, form)
    if isinstance(reply, NoAnswer):
        raise reply.error
    parsed = _json(reply.body)
    if reply.status == 200 and parsed is not None and "error" not in parsed:
        return read_grant(parsed)
    if parsed is not None and reply.status in {400, 401} and isinstance(parsed.get("error"), str):
        raise RefreshRejected(_("the stored login is no longer accepted"), hint="%openclaw login --force")
    raise _unusable(reply, parsed)


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet: `authorization_pending`, or `slow_down`."""

    slow_down: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """No usable answer, but maybe the next time. `not_oauth`: it came from something else than OAuth."""

    error: OpenClawError
    not_oauth: bool
    retry_after: float | None = None


def read_token_answer(reply: Answer | NoAnswer) -> TokenGrant | Pending | Trouble:
    """What one poll means. Raises when the service has decided: denied, expired, or unknown errors."""
    if isinstance(reply, NoAnswer):
        return Trouble(reply.error, not_oauth=False)
    parsed = _json(reply.body)
    if parsed is None:
        return Trouble(_unusable(reply, None), not_oauth=True, retry_after=reply.retry_after)
    code = parsed.get("error")
    if code == "slow_down":
        return Pending(slow_down=True)
    if code == "authorization_pending" or parsed.get("status") == "pending":
        return Pending(slow_down=False)
    if code == "access_denied":
        raise LoginDenied(_("the sign-in was denied"), hint=_("%openclaw login starts a new one"))
    if code == "expired_token":
        raise _expired()
    if reply.status >= 500 or (reply.status in {408, 429} and not isinstance(code, str)):
        return Trouble(_unusable(reply, parsed), not_oauth=reply.status >= 500, retry_after=reply.retry_after)
    if reply.status == 200 and code is None:
        return read_grant(parsed)
    raise LoginUnavailable(
        _("the service refused the sign-in: {said}", said=_said(parsed)), hint="%openclaw help login"
    )


# -- reading --------------------------------------------------------------------------------


def _read_device(at: DeviceEndpoints, reply: Answer | NoAnswer) -> tuple[Secret, Prompt, float]:
    if isinstance(reply, NoAnswer):
        raise reply.error
    parsed = _json(reply.body)
    if reply.status != 200 or parsed is None or "error" in parsed:
        error = _unusable(reply, parsed)
        raise _not_offered(error) if parsed is None or reply.status in {401, 403, 404, 410} else error
    device_code = parsed.get("device_code")
    if not isinstance(device_code, str) or not device_code:
        raise ProtocolError(_("the sign-in service's answer has no usable device_code"))
    user_code = parsed.get("user_code")
    if not isinstance(user_code, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", user_code):
        raise ProtocolError(_("the sign-in service's answer has no usable user_code"))
    uri = parsed.get("verification_uri")
    complete = parsed.get("verification_uri_complete")
    prompt = Prompt(
        user_code,
        checked_link(uri, at, "verification_uri"),
        checked_link(complete, at, "verification_uri_complete") if complete else None,
        min(_seconds(parsed.get("expires_in"), LONGEST_LIFE), LONGEST_LIFE),
    )
    interval = min(max(_seconds(parsed.get("interval"), DEFAULT_INTERVAL), SHORTEST), LONGEST)
    return Secret(device_code), prompt, interval


def checked_link(value: Any, at: DeviceEndpoints, field: str) -> str:
    """A link a person may be asked to press: https of the provider itself, or this machine where allowed."""
    refusal = ProtocolError(
        _(
            "the sign-in service sent a {field} that is not an https link of its own; it is not shown",
            field=field,
        ),
        hint=_("check the sign-in address"),
    )
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[!-~]{8,2048}", value)
        or set(value) & set("\\<>\"'`^{|}")
    ):
        raise refusal
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise refusal from None
    if parts.username is not None or parts.password is not None:
        raise refusal
    if parts.scheme == "https" and any(host == h or host.endswith("." + h) for h in at.hosts):
        return value
    if parts.scheme in {"http", "https"} and at.loopback and host in {"127.0.0.1", "localhost", "::1"}:
        return value
    raise refusal


def _seconds(value: Any, default: float) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return default if isinstance(value, bool) or not math.isfinite(seconds) or seconds <= 0 else seconds


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _unusable(reply: Answer, parsed: dict[str, Any] | None) -> OpenClawError:
    if reply.status >= 500:
        return ServiceUnavailable(
            _("the sign-in service failed ({status})", status=reply.status),
            hint=_("try again later"),
            status=reply.status,
        )
    if parsed is None:
        page = b"<" in reply.body[:200]
        kind = _("a web page") if page else _("something that is not JSON") if reply.body else _("nothing")
        return ProtocolError(
            _("the sign-in service answered {kind} ({status})", kind=kind, status=reply.status),
            status=reply.status,
        )
    return LoginUnavailable(
        _("the service refused the sign-in ({status}): {said}", status=reply.status, said=_said(parsed))
    )


def _said(parsed: dict[str, Any]) -> str:
    text = (
        parsed.get("error_description") or parsed.get("error") or parsed.get("message") or "no reason given"
    )
    return visible(redact(" ".join(str(text)[:2000].split())))[:200]


def _not_offered(error: OpenClawError) -> OpenClawError:
    return LoginUnavailable(
        _("this sign-in does not seem to be offered any more: {error}", error=error),
        hint=_("use an API key or a local server: %openclaw help login"),
    )


def _expired() -> LoginExpired:
    return LoginExpired(_("the code was not confirmed in time"), hint=_("%openclaw login starts a new one"))


def _device_form(at: DeviceEndpoints, pkce: Pkce) -> dict[str, str | Secret]:
    return {
        "client_id": at.client_id,
        "scope": at.scope,
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
    }


def _token_form(at: DeviceEndpoints, pkce: Pkce, device_code: Secret) -> dict[str, str | Secret]:
    return {
        "grant_type": DEVICE_GRANT,
        "client_id": at.client_id,
        "device_code": device_code,
        "code_verifier": pkce.verifier,
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
