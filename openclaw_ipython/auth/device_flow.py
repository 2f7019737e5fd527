"""The device authorization grant as a generator of steps: RFC 8628 with PKCE (RFC 7636, S256). Pure.

A flow yields steps (`Post`, `Show`, `Wait`) and is sent their results; `flow_runner` carries the steps out. The refresh
of a token is a flow with a single `Post`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from openclaw_ipython.auth.token_grant import DeviceEndpoints, TokenGrant, read_grant, seconds_of
from openclaw_ipython.chat.http_errors import parse_error_body
from openclaw_ipython.errors import (
    LoginDenied,
    LoginExpired,
    LoginUnavailable,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import is_below
from openclaw_ipython.sanitize.secrets import HiddenFields, Secret

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL = 5.0  # RFC 8628 §3.2: when `interval` is missing
SLOW_DOWN_SECONDS = 5.0  # RFC 8628 §3.5: every slow_down adds them to all later intervals
SHORTEST_INTERVAL, LONGEST_INTERVAL = 1.0, 60.0  # the interval of the service is limited to this range
LONGEST_LIFETIME = 1800.0
BAD_REPLIES = 4  # the flow ends after so many replies in a row that are not OAuth (HTML, 5xx)
REQUESTS_FOR_A_CODE = 3  # a service that asks to wait is asked for a code so often
REFRESH_WAIT = 5.0  # the longest wait for another try of a refresh, during which its lock is held

_WAIT_STATUSES = frozenset({408, 429})
_WAIT_CODES = {"temporarily_unavailable", "server_error", "rate_limit_exceeded", "too_many_requests"}
_ENDED_STATUSES = {404, 405, 410, 501, 504}  # 504: what the Qwen portal has answered since it ended
_ENDED_CODES = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
_ENDED_WORDS = (
    r"(?i)discontinued|deprecated|no longer (offered|available|supported)|not (offered|available|supported) any ?more|"
    r"has (been )?(ended|retired|shut)"
)


# -- steps and their results ------------------------------------------------------------


class Post(Struct, frozen=True):
    """Send a form to `url`. Result: a `FormReply` or `NoReply`."""

    url: str
    form: Mapping[str, str | Secret]


class Show(Struct, frozen=True):
    """Show the prompt to the user. No result."""

    prompt: DevicePrompt


class Wait(Struct, frozen=True):
    """Wait for `seconds`. No result. `why` is a text for the status line, empty for an ordinary poll."""

    seconds: float
    why: str = ""


Step = Post | Show | Wait


class FormReply(HiddenFields, Struct, frozen=True):
    """An HTTP response: its status, the start of its body, and `Retry-After` in seconds if it has one."""

    status: int
    body: bytes
    retry_after: float | None = None


class NoReply(Struct, frozen=True):
    """There was no response."""

    error: OpenClawError


# -- values ---------------------------------------------------------------------------------


class Pkce(Struct, frozen=True):
    """A proof key (RFC 7636 §4.1, §4.2): the first request holds the `challenge`, the polls hold the `verifier`."""

    verifier: Secret
    challenge: str

    @classmethod
    def make(cls, random_bytes: Callable[[int], bytes]) -> Pkce:
        """A new proof key from 32 random bytes; the verifier has 43 characters."""
        verifier = _base64url(random_bytes(32))
        return cls(Secret(verifier), _base64url(hashlib.sha256(verifier.encode()).digest()))


class DevicePrompt(Struct, frozen=True):
    """The code, the page to enter it on, and its lifetime in seconds.

    `verification_uri_complete` is the page with the code filled in, if the service has one.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float

    @property
    def link(self) -> str:
        """The link for the user: with the code filled in, if there is one."""
        return self.verification_uri_complete or self.verification_uri


Flow = Generator[Step, Any, TokenGrant]


# -- the flows ------------------------------------------------------------------------------


def device_flow(endpoints: DeviceEndpoints, pkce: Pkce, monotonic: Callable[[], float]) -> Flow:
    """Sign in by device code. `monotonic` gives seconds that never go back.

    Raises LoginDenied, LoginExpired, LoginUnavailable, RateLimited, RequestRejected, ServiceUnavailable, ProtocolError.
    """
    asking = {
        "client_id": endpoints.client_id,
        "scope": endpoints.scope,
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
    }
    for attempt in range(1, REQUESTS_FOR_A_CODE + 1):
        first: FormReply | NoReply = yield Post(endpoints.device_url, asking)
        asked = _asked_to_wait(first, otherwise=DEFAULT_INTERVAL * attempt)
        if asked is None or asked > LONGEST_INTERVAL or attempt == REQUESTS_FOR_A_CODE:
            break
        yield Wait(asked, _trying_on(first))
    device_code, prompt, interval = _read_device(endpoints, first)
    yield Show(prompt)
    form: dict[str, str | Secret] = {
        "grant_type": DEVICE_GRANT,
        "client_id": endpoints.client_id,
        "device_code": device_code,
        "code_verifier": pkce.verifier,
    }
    deadline = monotonic() + prompt.expires_in
    backoff = 0.0
    bad = 0
    wait = Wait(interval)
    while True:
        left = deadline - monotonic()
        if left <= 0:
            raise _expired()
        yield Wait(min(wait.seconds, left), wait.why)
        if monotonic() >= deadline:
            raise _expired()
        reply: FormReply | NoReply = yield Post(endpoints.token_url, form)
        match read_poll(reply):
            case TokenGrant() as grant:
                return grant
            case Pending(slow_down=slow_down):
                interval = min(interval + SLOW_DOWN_SECONDS, LONGEST_INTERVAL) if slow_down else interval
                backoff, bad, wait = 0.0, 0, Wait(interval)
            case PollFailure(error, not_oauth, retry_after):
                bad = bad + 1 if not_oauth else 0
                if bad >= BAD_REPLIES:
                    raise error if isinstance(reply, NoReply) else _final(reply, error)
                # RFC 8628 §3.5: exponential, until the deadline
                backoff = min(max(backoff * 2, interval), LONGEST_INTERVAL)
                wait = Wait(max(backoff, retry_after or 0.0), _("{error}; trying on", error=error))


def refresh_flow(token_url: str, client_id: str, refresh: Secret) -> Flow:
    """Exchange a refresh token for a new pair of tokens (RFC 6749 §6).

    A service that asks for a short wait is asked once more. Raises RefreshRejected only for an OAuth error in JSON; for
    an HTML page, a wait or a failing server, which say nothing about the token, RateLimited, ServiceUnavailable or
    ProtocolError.
    """
    form: dict[str, str | Secret] = {
        "grant_type": "refresh_token",
        "refresh_token": refresh,
        "client_id": client_id,
    }
    reply: FormReply | NoReply = yield Post(token_url, form)
    asked = _asked_to_wait(reply, otherwise=1.0)
    if asked is not None and asked <= REFRESH_WAIT:
        yield Wait(asked, _trying_on(reply))
        reply = yield Post(token_url, form)
    if isinstance(reply, NoReply):
        raise reply.error
    parsed = _json(reply.body)
    if reply.status == 200 and parsed is not None and "error" not in parsed:
        return read_grant(parsed)
    error = _error_of(reply)
    if isinstance(error, RequestRejected) and reply.status in {400, 401} and error.code:
        raise RefreshRejected(_("the stored login is no longer accepted"), hint="%openclaw login --force")
    raise error


class Pending(Struct, frozen=True):
    """The user has not decided yet: `authorization_pending`, or `slow_down`."""

    slow_down: bool


class PollFailure(Struct, frozen=True):
    """No usable reply; the next poll may have one. `not_oauth`: the reply is not from an OAuth endpoint."""

    error: OpenClawError
    not_oauth: bool
    retry_after: float | None = None


def read_poll(reply: FormReply | NoReply) -> TokenGrant | Pending | PollFailure:
    """Read the reply to one poll.

    Raises LoginDenied and LoginExpired; LoginUnavailable or RequestRejected, with the service's words, for other
    refusals.
    """
    if isinstance(reply, NoReply):
        return PollFailure(reply.error, not_oauth=False)
    parsed = _json(reply.body) or {}
    code = parsed.get("error")
    if code == "slow_down":
        return Pending(slow_down=True)
    if code == "authorization_pending" or parsed.get("status") == "pending":
        return Pending(slow_down=False)
    if code == "access_denied":
        raise LoginDenied(_("the sign-in was denied"), hint=_("%openclaw login starts a new one"))
    if code == "expired_token":
        raise _expired()
    if reply.status == 200 and parsed and code is None:
        return read_grant(parsed)
    error = _error_of(reply)
    if isinstance(error, RequestRejected):
        raise _final(reply, error)
    waits = _asked_to_wait(reply, otherwise=0.0) is not None and reply.status < 500
    return PollFailure(error, not_oauth=not waits, retry_after=reply.retry_after)


# -- reading --------------------------------------------------------------------------------


def _read_device(
    endpoints: DeviceEndpoints, reply: FormReply | NoReply
) -> tuple[Secret, DevicePrompt, float]:
    if isinstance(reply, NoReply):
        raise reply.error
    parsed = _json(reply.body)
    if reply.status != 200 or parsed is None or "error" in parsed:
        raise _final(reply, _error_of(reply))
    device_code = parsed.get("device_code")
    if not isinstance(device_code, str) or not device_code:
        raise ProtocolError(_("the sign-in service's answer has no usable device_code"))
    user_code = parsed.get("user_code")
    if not isinstance(user_code, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", user_code):
        raise ProtocolError(_("the sign-in service's answer has no usable user_code"))
    uri = parsed.get("verification_uri")
    complete = parsed.get("verification_uri_complete")
    prompt = DevicePrompt(
        user_code,
        checked_link(uri, endpoints, "verification_uri"),
        checked_link(complete, endpoints, "verification_uri_complete") if complete else None,
        min(seconds_of(parsed.get("expires_in"), LONGEST_LIFETIME), LONGEST_LIFETIME),
    )
    interval = min(
        max(seconds_of(parsed.get("interval"), DEFAULT_INTERVAL), SHORTEST_INTERVAL), LONGEST_INTERVAL
    )
    return Secret(device_code), prompt, interval


def checked_link(value: Any, endpoints: DeviceEndpoints, field: str) -> str:
    """A link that may be shown: https at one of the service's hosts, or this machine where that is allowed."""
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
    if parts.scheme == "https" and is_below(host, endpoints.hosts):
        return value
    if parts.scheme in {"http", "https"} and endpoints.loopback and host in {"127.0.0.1", "localhost", "::1"}:
        return value
    raise refusal


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _asked_to_wait(reply: FormReply | NoReply, *, otherwise: float) -> float | None:
    """The seconds that the service asks to wait, `otherwise` if it names none; None if it does not ask for that."""
    if isinstance(reply, NoReply):
        return None
    waits = reply.status in _WAIT_STATUSES or (reply.status >= 400 and reply.retry_after is not None)
    if waits or (reply.status >= 400 and _code(_json(reply.body)) in _WAIT_CODES):
        return otherwise if reply.retry_after is None else reply.retry_after
    return None


def _trying_on(reply: FormReply | NoReply) -> str:
    return _("{error}; trying on", error=reply.error if isinstance(reply, NoReply) else _error_of(reply))


def _error_of(reply: FormReply) -> ServiceUnavailable | RateLimited | ProtocolError | RequestRejected:
    """The error of a reply that is neither tokens nor a step of the protocol, in the service's words."""
    status, parsed = reply.status, _json(reply.body)
    if 300 <= status < 400:
        return ProtocolError(
            _("the sign-in service redirects elsewhere ({status}); that is not followed", status=status),
            hint=_("check the sign-in address"),
            status=status,
        )
    details = parse_error_body(reply.body, {})
    words = _words(parsed) or details.message[:200] or details.code or _("no reason given")
    if status in _WAIT_STATUSES:
        return RateLimited(
            _("the sign-in service asks to wait ({status}): {reason}", status=status, reason=words),
            retry_after=reply.retry_after,
            hint=_("try again in {count} s", count=math.ceil(reply.retry_after))
            if reply.retry_after
            else _("try again in a moment"),
            status=status,
        )
    code = _code(parsed)
    if status >= 500 or code in _WAIT_CODES:
        return ServiceUnavailable(
            _("the sign-in service failed ({status})", status=status)
            if details.html or not parsed
            else _("the sign-in service failed ({status}): {reason}", status=status, reason=words),
            hint=_("try again later"),
            status=status,
        )
    if parsed is None:
        page = b"<" in reply.body[:200]
        kind = _("a web page") if page else _("something that is not JSON") if reply.body else _("nothing")
        return ProtocolError(
            _("the sign-in service answered {kind} ({status})", kind=kind, status=status), status=status
        )
    return RequestRejected(
        _("the service refused the sign-in ({status}): {reason}", status=status, reason=words),
        hint="%openclaw help login",
        status=status,
        code=code,
    )


def _code(parsed: dict[str, Any] | None) -> str:
    """The code of an OAuth error, empty for none."""
    code = (parsed or {}).get("error")
    return code if isinstance(code, str) else ""


def _words(parsed: dict[str, Any] | None) -> str:
    """The description of an OAuth error (RFC 6749 §5.2), made harmless."""
    text = (parsed or {}).get("error_description")
    if not isinstance(text, str):
        return ""
    return parse_error_body(json.dumps({"error": text}).encode(), {}).message[:200]


def _final(reply: FormReply, error: OpenClawError) -> OpenClawError:
    """`error`, or LoginUnavailable where the reply means that the sign-in is not offered (any more)."""
    page = _json(reply.body) is None and b"<" in reply.body[:200] and reply.status < 500
    ended = page or reply.status in _ENDED_STATUSES or _code(_json(reply.body)) in _ENDED_CODES
    if not ended and not re.search(_ENDED_WORDS, str(error)):
        return error
    return LoginUnavailable(
        _("this sign-in does not seem to be offered any more: {error}", error=error),
        hint=_("use an API key or a local server: %openclaw help login"),
    )


def _expired() -> LoginExpired:
    return LoginExpired(_("the code was not confirmed in time"), hint=_("%openclaw login starts a new one"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
