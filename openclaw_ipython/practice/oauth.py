"""The sign-in of the portal: device codes (RFC 8628) with PKCE (RFC 7636), and rotating tokens.

Its state is in memory; clock and randomness are passed in. Not thread-safe: the portal holds a lock around each call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from openclaw_ipython.practice.http_types import HttpResponse, json_response, oauth_error

CLIENT_ID = "f0304373b74a44d2b584a3fb70ca9e56"  # the portal's public client; it has no secret
SCOPES = frozenset({"openid", "profile", "email", "model.completion"})
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # base64url of 32 bytes, unpadded (RFC 7636 §4.2)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636 §4.1
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words (RFC 8628 §6.1)
_DAY = 86_400.0
_TOLERANCE = 0.8  # the part of the interval after which a poll is allowed: timers are not exact

AuthorizationStatus = Literal["pending", "approved", "denied", "used", "expired"]


class OAuthSettings(Struct):
    """The behaviour of the server, which scripts change at any time. Times are in seconds."""

    interval: float = 1
    expires_in: float = 900
    token_lifetime: float = 21_600
    approve_after: int | None = None
    denies: bool = False


class DeviceAuthorization(Struct):
    """One device authorization (RFC 8628), from the device code to its use. Its repr shows no secret.

    The form of the approval page must return the `csrf_token`.
    """

    user_code: str
    client_name: str
    scopes: tuple[str, ...]
    device_code: str
    code_challenge: str
    expires_at: float
    csrf_token: str
    decision: Literal["pending", "approved", "denied", "used"] = "pending"
    polls: int = 0
    last_poll: float | None = None

    def __repr__(self) -> str:
        return f"DeviceAuthorization({self.user_code}, {self.decision}, polls={self.polls})"


class AuthorizationServer:
    """The device authorizations of the portal, the valid `access` and `refresh` tokens, and the API `keys`."""

    def __init__(self, settings: OAuthSettings, clock: Callable[[], float], rng: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._by_device_code: dict[str, DeviceAuthorization] = {}
        self.access: dict[str, float] = {}  # token -> time of expiry
        self.refresh: set[str] = set()
        self.keys: set[str] = set()

    # -- the device authorization request (RFC 8628 §3.1) ----------------------------------

    def authorize_device(self, form: Mapping[str, str], *, origin: str, client_name: str) -> HttpResponse:
        """Answer a device authorization request; `client_name` is shown on the approval page."""
        refused = _refusal(form)
        if refused is not None:
            return refused
        self._delete_old()
        authorization = DeviceAuthorization(
            user_code=self._user_code(),
            client_name=client_name[:80] or "an unnamed program",
            scopes=tuple(form["scope"].split()),
            device_code=self._random("practice-device"),
            code_challenge=form["code_challenge"],
            expires_at=self._clock() + self._settings.expires_in,
            csrf_token=self._random("page"),
        )
        self._by_device_code[authorization.device_code] = authorization
        return json_response(200, self._device_response(authorization, origin))

    def _device_response(self, authorization: DeviceAuthorization, origin: str) -> dict[str, object]:
        uri = f"{origin}/authorize"
        return {
            "device_code": authorization.device_code,
            "user_code": authorization.user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={authorization.user_code}&client=qwen-code",
            "expires_in": self._settings.expires_in,
            "interval": self._settings.interval,
        }

    # -- the approval page -----------------------------------------------------------------

    def find(self, user_code: str) -> DeviceAuthorization | None:
        """The latest authorization with this user code, in any case, with or without the dash."""
        wanted = _letters(user_code)
        known = (each for each in reversed(self._by_device_code.values()) if wanted)
        return next((each for each in known if _letters(each.user_code) == wanted), None)

    def status_of(self, authorization: DeviceAuthorization) -> AuthorizationStatus:
        """The current status of an authorization."""
        if authorization.decision in ("pending", "approved") and self._clock() >= authorization.expires_at:
            return "expired"
        return authorization.decision

    def decide(self, authorization: DeviceAuthorization, *, approved: bool) -> bool:
        """Approve or deny; False if the authorization is not pending."""
        if self.status_of(authorization) != "pending":
            return False
        authorization.decision = "approved" if approved else "denied"
        return True

    # -- the token request (RFC 8628 §3.4, RFC 6749 §6) ------------------------------------

    def token(self, form: Mapping[str, str], *, origin: str) -> HttpResponse:
        """Answer a token request, for a device code or a refresh token."""
        match form.get("grant_type", ""):
            case "":
                return oauth_error(400, "invalid_request", "grant_type is missing")
            case "refresh_token":
                return self._refresh_token(form, origin)
            case grant if grant == DEVICE_GRANT:
                return self._device_token(form, origin)
            case _:
                return oauth_error(400, "unsupported_grant_type", "unknown grant_type")

    def _device_token(self, form: Mapping[str, str], origin: str) -> HttpResponse:
        authorization = self._by_device_code.get(form.get("device_code", ""))
        if form.get("client_id") != CLIENT_ID:
            return oauth_error(400, "invalid_client", "unknown client_id")
        if authorization is None or authorization.decision == "used":
            return oauth_error(400, "invalid_grant", "unknown or used device_code")
        if not _verifies(form.get("code_verifier", ""), authorization.code_challenge):
            return oauth_error(400, "invalid_grant", "code_verifier does not match code_challenge")
        if self._polls_too_fast(authorization):
            return oauth_error(429, "slow_down", "polling faster than the interval")
        self._apply_script(authorization)
        return self._poll_response(authorization, origin)

    def _polls_too_fast(self, authorization: DeviceAuthorization) -> bool:
        now, before = self._clock(), authorization.last_poll
        authorization.last_poll = now
        return before is not None and now - before < self._settings.interval * _TOLERANCE

    def _apply_script(self, authorization: DeviceAuthorization) -> None:
        after = self._settings.approve_after
        if self._settings.denies:
            self.decide(authorization, approved=False)
        elif after is not None and authorization.polls >= after:
            self.decide(authorization, approved=True)
        authorization.polls += 1

    def _poll_response(self, authorization: DeviceAuthorization, origin: str) -> HttpResponse:
        match self.status_of(authorization):
            case "approved":
                authorization.decision = "used"
                return json_response(200, self.issue(origin))
            case "denied":
                return oauth_error(400, "access_denied", "the user denied the sign-in")
            case "expired":
                return oauth_error(400, "expired_token", "the code was not confirmed in time")
            case _:
                return oauth_error(400, "authorization_pending", "the sign-in is pending")

    def _refresh_token(self, form: Mapping[str, str], origin: str) -> HttpResponse:
        token = form.get("refresh_token", "")
        if form.get("client_id") != CLIENT_ID or token not in self.refresh:
            return oauth_error(400, "invalid_request", "Invalid refresh token or client_id")
        self.refresh.remove(token)  # single use: the response has the next one
        return json_response(200, self.issue(origin))

    # -- tokens ----------------------------------------------------------------------------

    def issue(self, origin: str) -> dict[str, Any]:
        """A token response with a new access token and a new refresh token."""
        access, refresh = self._random("practice-access"), self._random("practice-refresh")
        self.access[access] = self._clock() + self._settings.token_lifetime
        self.refresh.add(refresh)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self._settings.token_lifetime,
            "resource_url": f"{origin}/v1",
        }

    def accepts(self, bearer: str) -> bool:
        """Whether `bearer` is a valid access token or API key."""
        return bearer in self.keys or self.access.get(bearer, -math.inf) > self._clock()

    # -- details ---------------------------------------------------------------------------

    def _random(self, kind: str) -> str:
        noise = base64.urlsafe_b64encode(self._rng.randbytes(24)).decode()
        return f"{kind}-{noise}"

    def _user_code(self) -> str:
        letters = "".join(self._rng.choice(_LETTERS) for _ in range(8))
        return f"{letters[:4]}-{letters[4:]}"

    def _delete_old(self) -> None:
        now = self._clock()
        for code in [code for code, each in self._by_device_code.items() if each.expires_at < now - _DAY]:
            del self._by_device_code[code]
        for token in [token for token, expiry in self.access.items() if expiry < now - _DAY]:
            del self.access[token]


def _refusal(form: Mapping[str, str]) -> HttpResponse | None:
    """The error response to an invalid device authorization request; None for a valid one."""
    for name in ("client_id", "scope", "code_challenge", "code_challenge_method"):
        if not form.get(name):
            return oauth_error(400, "invalid_request", f"{name} is missing")
    if form["client_id"] != CLIENT_ID:
        return oauth_error(400, "invalid_client", "unknown client_id")
    if not SCOPES.issuperset(form["scope"].split()):
        return oauth_error(400, "invalid_scope", "unknown scope")
    if form["code_challenge_method"] != "S256":
        return oauth_error(400, "invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.match(form["code_challenge"]):
        return oauth_error(400, "invalid_request", "code_challenge is not the hash of a verifier")
    return None


def _verifies(verifier: str, challenge: str) -> bool:
    """Whether the verifier matches the challenge (RFC 7636 §4.6, S256)."""
    if not _VERIFIER.match(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(computed, challenge.encode())


def _letters(user_code: str) -> str:
    return "".join(user_code.split()).replace("-", "").upper()
