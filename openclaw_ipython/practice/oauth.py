"""The sign-in of the portal: device codes (RFC 8628) with PKCE (RFC 7636), and rotating tokens.

State in memory, no I/O: the clock and the randomness are passed in. Not thread-safe by itself; the
portal holds its lock around every call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from openclaw_ipython.practice.wire import Response, json_response, oauth_error

CLIENT_ID = "f0304373b74a44d2b584a3fb70ca9e56"  # the portal's public client; it has no secret
SCOPES = frozenset({"openid", "profile", "email", "model.completion"})
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # base64url of 32 bytes, unpadded (RFC 7636 §4.2)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636 §4.1
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, no words (RFC 8628 §6.1)
_DAY = 86_400.0
_EARLY = 0.8  # a poll after this part of the interval is not yet "too fast": timers are not exact

Standing = Literal["pending", "approved", "denied", "used", "expired"]


class OwnOrigin:
    """Stands for `resource_url`: the address under which the client reached the portal, plus /v1."""


OWN_ORIGIN: Final = OwnOrigin()


@dataclass(slots=True)
class Terms:
    """What the portal promises and how it behaves; scripts change it at any time.

    `interval`, `expires_in` and `token_lifetime` are sent as they are, so they can be absurd; None
    leaves the field out. What is *enforced* then is a plain value. Seconds throughout.
    """

    interval: object = 1
    enforced_interval: float | None = None
    expires_in: object = 900
    token_lifetime: object = 21_600
    resource_url: str | OwnOrigin | None = OWN_ORIGIN
    approve_after: int | None = None
    denies: bool = False
    slow_downs: int = 0

    def shortest_interval(self) -> float:
        """Polls closer together than this are told to slow down."""
        if self.enforced_interval is not None:
            return self.enforced_interval
        return _plain(self.interval, least=0.001, most=60.0, otherwise=1.0)


def _plain(value: object, *, least: float, most: float, otherwise: float) -> float:
    """`value` if it is an ordinary number in range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return float(value) if math.isfinite(value) and least <= value <= most else otherwise


@dataclass(slots=True)
class SignIn:
    """One request to sign in, from the device code to its use."""

    user_code: str
    asked_by: str
    scopes: tuple[str, ...]
    device_code: str = field(repr=False)
    code_challenge: str = field(repr=False)
    expires_at: float
    decision: Literal["pending", "approved", "denied", "used"] = "pending"
    polls: int = 0
    last_poll: float | None = None
    page_tokens: list[str] = field(default_factory=list, repr=False)


class SignIns:
    """All sign-ins and tokens the portal knows."""

    def __init__(self, terms: Terms, clock: Callable[[], float], rng: random.Random) -> None:
        self._terms = terms
        self._clock = clock
        self._rng = rng
        self._by_device_code: dict[str, SignIn] = {}
        self._access: dict[str, float] = {}  # token -> time of expiry
        self._refresh: set[str] = set()
        self._keys: set[str] = set()

    # -- the device authorization request (RFC 8628 §3.1) ----------------------------------

    def ask(self, form: Mapping[str, str], *, origin: str, asked_by: str) -> Response:
        """Answer a device authorization request; `asked_by` is shown on the approval page."""
        refused = _refuse_request(form)
        if refused is not None:
            return refused
        self._forget_old()
        lifetime = _plain(self._terms.expires_in, least=0.0, most=_DAY, otherwise=900.0)
        sign_in = SignIn(
            user_code=self._user_code(),
            asked_by=asked_by[:80] or "a program without a name",
            scopes=tuple(form["scope"].split()),
            device_code=self._random("practice-device"),
            code_challenge=form["code_challenge"],
            expires_at=self._clock() + lifetime,
        )
        self._by_device_code[sign_in.device_code] = sign_in
        return json_response(200, self._invitation(sign_in, origin))

    def _invitation(self, sign_in: SignIn, origin: str) -> dict[str, object]:
        uri = f"{origin}/authorize"
        reply: dict[str, object] = {
            "device_code": sign_in.device_code,
            "user_code": sign_in.user_code,
            "verification_uri": uri,
            "verification_uri_complete": f"{uri}?user_code={sign_in.user_code}&client=qwen-code",
        }
        optional = {"expires_in": self._terms.expires_in, "interval": self._terms.interval}
        return reply | {name: value for name, value in optional.items() if value is not None}

    # -- the page --------------------------------------------------------------------------

    def find(self, user_code: str) -> SignIn | None:
        """The newest sign-in with this code, typed in any case and with or without the dash."""
        wanted = _letters(user_code)
        known = (each for each in reversed(self._by_device_code.values()) if wanted)
        return next((each for each in known if _letters(each.user_code) == wanted), None)

    def standing(self, sign_in: SignIn) -> Standing:
        """Where a sign-in stands now."""
        if sign_in.decision in ("pending", "approved") and self._clock() >= sign_in.expires_at:
            return "expired"
        return sign_in.decision

    def page_token(self, sign_in: SignIn) -> str:
        """A new random token that an approval form must bring back: other sites cannot know it."""
        token = self._random("page")
        sign_in.page_tokens[:] = [*sign_in.page_tokens[-9:], token]
        return token

    def knows_page(self, sign_in: SignIn, token: str) -> bool:
        """Whether `token` was given out with a page of this sign-in."""
        given = token.encode("utf-8", "replace")
        return any(hmac.compare_digest(each.encode(), given) for each in sign_in.page_tokens)

    def decide(self, sign_in: SignIn, *, approved: bool) -> bool:
        """The person's answer. False if it came too late or again."""
        if self.standing(sign_in) != "pending":
            return False
        sign_in.decision = "approved" if approved else "denied"
        return True

    # -- the token request (RFC 8628 §3.4, RFC 6749 §6) ------------------------------------

    def token(self, form: Mapping[str, str], *, origin: str) -> Response:
        """Answer a token request, for a device code or a refresh token."""
        match form.get("grant_type", ""):
            case "":
                return oauth_error(400, "invalid_request", "grant_type is missing")
            case "refresh_token":
                return self._refreshed(form, origin)
            case grant if grant == DEVICE_GRANT:
                return self._polled(form, origin)
            case _:
                return oauth_error(400, "unsupported_grant_type", "no such grant type here")

    def _polled(self, form: Mapping[str, str], origin: str) -> Response:
        sign_in = self._by_device_code.get(form.get("device_code", ""))
        if form.get("client_id") != CLIENT_ID:
            return oauth_error(400, "invalid_client", "unknown client_id")
        if sign_in is None or sign_in.decision == "used":
            return oauth_error(400, "invalid_grant", "unknown or used device_code")
        if not _verifies(form.get("code_verifier", ""), sign_in.code_challenge):
            return oauth_error(400, "invalid_grant", "code_verifier does not match code_challenge")
        if self._too_fast(sign_in):
            return oauth_error(429, "slow_down", "polling faster than the interval")
        self._follow_script(sign_in)
        return self._verdict(sign_in, origin)

    def _too_fast(self, sign_in: SignIn) -> bool:
        now, before = self._clock(), sign_in.last_poll
        sign_in.last_poll = now
        if self._terms.slow_downs > 0:
            self._terms.slow_downs -= 1
            return True
        return before is not None and now - before < self._terms.shortest_interval() * _EARLY

    def _follow_script(self, sign_in: SignIn) -> None:
        """Decide in the person's place if the portal was told to."""
        patience = self._terms.approve_after
        if self._terms.denies:
            self.decide(sign_in, approved=False)
        elif patience is not None and sign_in.polls >= patience:
            self.decide(sign_in, approved=True)
        sign_in.polls += 1

    def _verdict(self, sign_in: SignIn, origin: str) -> Response:
        match self.standing(sign_in):
            case "approved":
                sign_in.decision = "used"
                return json_response(200, self.issue(origin))
            case "denied":
                return oauth_error(400, "access_denied", "the person said no")
            case "expired":
                return oauth_error(400, "expired_token", "the code was not confirmed in time")
            case _:
                return oauth_error(400, "authorization_pending", "nobody has answered yet")

    def _refreshed(self, form: Mapping[str, str], origin: str) -> Response:
        token = form.get("refresh_token", "")
        if form.get("client_id") != CLIENT_ID or token not in self._refresh:
            return oauth_error(400, "invalid_request", "Invalid refresh token or client_id")
        self._refresh.remove(token)  # single use: the reply carries its successor
        return json_response(200, self.issue(origin))

    # -- tokens ----------------------------------------------------------------------------

    def issue(self, origin: str) -> dict[str, Any]:
        """A new pair of tokens, as the token endpoint words it."""
        terms = self._terms
        lifetime = _plain(terms.token_lifetime, least=0.0, most=365 * _DAY, otherwise=21_600.0)
        access, refresh = self._random("practice-access"), self._random("practice-refresh")
        self._access[access] = self._clock() + lifetime
        self._refresh.add(refresh)
        reply = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer"}
        url = f"{origin}/v1" if isinstance(terms.resource_url, OwnOrigin) else terms.resource_url
        optional = {"expires_in": terms.token_lifetime, "resource_url": url}
        return reply | {name: value for name, value in optional.items() if value is not None}

    def accept_key(self, key: str) -> None:
        """Take `key` as an API key from now on."""
        self._keys.add(key)

    def accepts(self, bearer: str) -> bool:
        """Whether `bearer` is an access token that has not expired, or a known key."""
        return bearer in self._keys or self._access.get(bearer, -math.inf) > self._clock()

    def expire_access_tokens(self) -> None:
        """Every access token given out so far is expired now."""
        self._access.clear()

    def revoke_refresh_tokens(self) -> None:
        """Every refresh token given out so far is worthless now."""
        self._refresh.clear()

    # -- helpers ---------------------------------------------------------------------------

    def _random(self, kind: str) -> str:
        noise = base64.urlsafe_b64encode(self._rng.randbytes(24)).decode()
        return f"{kind}-{noise}"

    def _user_code(self) -> str:
        letters = "".join(self._rng.choice(_LETTERS) for _ in range(8))
        return f"{letters[:4]}-{letters[4:]}"

    def _forget_old(self) -> None:
        """A portal that runs for days keeps neither old codes nor expired tokens."""
        now = self._clock()
        for code in [code for code, each in self._by_device_code.items() if each.expires_at < now - _DAY]:
            del self._by_device_code[code]
        for token in [token for token, expiry in self._access.items() if expiry < now - _DAY]:
            del self._access[token]


def _refuse_request(form: Mapping[str, str]) -> Response | None:
    """Why a device authorization request cannot be taken, if so."""
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
    """RFC 7636 §4.6 for S256."""
    if not _VERIFIER.match(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(computed, challenge.encode())


def _letters(user_code: str) -> str:
    return "".join(user_code.split()).replace("-", "").upper()
