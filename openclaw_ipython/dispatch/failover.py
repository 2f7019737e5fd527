"""Failover: the routes a request may take, and which one to try after an error. Pure.

A route is one model reached by one login. OpenClaw's rules apply: another key of the same service is tried after rate
limits only, a login in cooldown comes after all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.chat.dialects import PLAIN, Dialect
from openclaw_ipython.chat.http_errors import is_unknown_model
from openclaw_ipython.chat.types import Answering, Notice
from openclaw_ipython.errors import (
    BudgetExceeded,
    LoginRequired,
    OpenClawError,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.i18n import N_, _

if TYPE_CHECKING:
    from openclaw_ipython.auth.cooldown import Reason
    from openclaw_ipython.auth.resolver import Credential
    from openclaw_ipython.chat.thinking import Family
    from openclaw_ipython.chat.types import ChatEvent, ChatRequest
    from openclaw_ipython.journal.limits import Limit
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.providers.spec import Price

Scope = Literal["login", "limit", "model"]

_IN_WORDS: dict[type[OpenClawError] | tuple[type[OpenClawError], ...], str] = {
    RateLimited: N_("too many requests"),
    QuotaExceeded: N_("quota or balance used up"),
    (LoginRequired, RefreshRejected): N_("login not accepted"),
    ServiceUnavailable: N_("not reachable or failing"),
    StreamBroken: N_("the answer broke off"),
    RequestRejected: N_("no such model there"),
    BudgetExceeded: N_("over the budget"),
}


class SkippedRoute(Struct, frozen=True):
    """A route that was not tried, or failed: the model, the label of the login, and the reason in a few words."""

    ref: ModelRef
    login: str
    why: str


class ResolvedRequest(Struct, frozen=True):
    """A request with its model, address and login. Nothing has been sent yet.

    `request` is in the host's `dialect`; `unadapted` is the same request before that, and `family` how the model's
    thinking is switched. `alternatives` are the routes to try after a failure, best first; `skipped` those left out
    before. `notes` are shown with the answer. `refused_key_hint` is the hint of the error when the host refuses the
    key, `unreachable_hint` of that for a server that is not there. `may_load`: it is a local server, which may take any
    time to load the model. `price` is the price of the model's tokens, `limit` the most tokens of an answer, 0 if
    unknown. `kind` is what the journal records: `ask`, or
    `map` for one of many. `cache_key` is the key of the answer in the response cache, empty when it is not cached; with
    `cached_reply` nothing is sent. `timeout` limits the whole answer, in seconds; None is no limit. `missing_login` is
    the error of the requested model, where only fallbacks have a login. `budget` is the limit of the call.
    """

    ref: ModelRef
    url: str
    request: ChatRequest
    credential: Credential
    token_url: str = ""
    client_id: str = ""
    alternatives: tuple[ResolvedRequest, ...] = ()
    skipped: tuple[SkippedRoute, ...] = ()
    notes: tuple[str, ...] = ()
    dialect: Dialect = PLAIN
    refused_key_hint: str = ""
    unreachable_hint: str = ""
    may_load: bool = False
    unadapted: ChatRequest | None = None
    family: Family = ""
    price: Price | None = None
    limit: int = 0
    kind: str = "ask"
    cache_key: str = ""
    cached_reply: Mapping[str, Any] | None = None
    timeout: float | None = None
    missing_login: LoginRequired | None = None
    budget: Limit | None = None

    def with_notes(self, notes: Sequence[str]) -> ResolvedRequest:
        """The same request; `notes` come first in the notes of every route."""
        if not notes:
            return self
        alternatives = tuple(other.with_notes(notes) for other in self.alternatives)
        return replace(self, notes=(*notes, *self.notes), alternatives=alternatives)

    @property
    def requested_model(self) -> ModelRef:
        """The model that was chosen, whether or not another one is asked."""
        return self.skipped[0].ref if self.skipped else self.ref


def choose_route(routes: Sequence[ResolvedRequest], skipped: Sequence[SkippedRoute] = ()) -> ResolvedRequest:
    """The first of `routes`, in order of preference, whose login is not in cooldown; the others are its alternatives.

    When every login is in cooldown, the first route is used. `skipped` are models that have no route.
    """
    at = next((i for i, route in enumerate(routes) if not _cools_down(route)), 0)
    chosen = routes[at]
    notes = chosen.notes
    if _cools_down(chosen):
        login, cooldown = chosen.credential.label, _cooldown_text(chosen)
        notes += (_("{login}: {cooldown}; used all the same", login=login, cooldown=cooldown),)
    else:
        later = [r for r in routes[at + 1 :] if r.ref == chosen.ref and _cools_down(r)]
        skipped = (
            *skipped,
            *(SkippedRoute(r.ref, r.credential.label, _cooldown_text(r)) for r in [*routes[:at], *later]),
        )
    return replace(
        chosen,
        alternatives=tuple(sorted((r for r in routes if r is not chosen), key=_cools_down)),
        skipped=tuple(skipped),
        notes=notes,
    )


class Failover:
    """The attempts of one request: `current` is the route in use."""

    def __init__(self, resolved: ResolvedRequest) -> None:
        self.current = resolved
        self._initial = resolved
        self._untried = list(resolved.alternatives)
        self._skipped = list(resolved.skipped)
        self._exhausted: set[str] = set()  # ids of logins that were refused or reached a limit
        self._first: tuple[OpenClawError, SkippedRoute] | None = None

    def advance(self, error: OpenClawError) -> bool:
        """Make the next route that may succeed after `error` the current one; False when there is none."""
        failed = self.current
        skipped = SkippedRoute(failed.ref, failed.credential.label, short_reason(error))
        self._first = self._first or (error, skipped)
        self._skipped.append(skipped)
        self._untried = [other for other in self._untried if _may_succeed(error, failed, other)]
        if scope_of(error) in ("limit", "login"):
            self._exhausted.add(failed.credential.id)
        if not self._untried:
            return False
        self.current = min(
            self._untried, key=lambda route: _cools_down(route) or route.credential.id in self._exhausted
        )
        self._untried.remove(self.current)
        return True

    @property
    def has_other_logins(self) -> bool:
        """Whether the current model can be reached by more than one stored login, of which this is one."""
        routes = (self._initial, *self._initial.alternatives)
        logins = {r.credential.id for r in routes if r.ref == self.current.ref and r.credential.profile}
        return self.current.credential.profile is not None and len(logins) > 1

    def opening_events(self) -> Iterator[ChatEvent]:
        """The events before the first one of the answer: the model, if it changed, and the notes."""
        if self.current.ref != self._initial.ref:
            yield Answering(str(self.current.ref))
        for note in self.notes():
            yield Notice(note)

    def notes(self) -> Iterator[str]:
        """The notes to an answer of the current route."""
        if self._skipped:
            yield switch_note(self._skipped, self.current)
        yield from self.current.notes

    def final_error(self, last: OpenClawError) -> OpenClawError:
        """The error to raise when no route is left: the first one, with what else was tried.

        Where the requested model has no login, a fallback that cannot be reached is the lesser fault.
        """
        error, about = self._first or (last, None)
        if self._initial.missing_login is not None and isinstance(error, ServiceUnavailable):
            error, about = self._initial.missing_login, self._skipped[0]
        others = [s for s in self._skipped if s is not about]
        if others:
            routes = _listed(others, about.ref if about else None)
            error.args = (_("{error} · also tried: {routes}", error=error, routes=routes),)
        return error


def scope_of(error: OpenClawError) -> Scope | None:
    """What another route must change to succeed: the login, the limit or the model; None when no route would."""
    match error:
        case LoginRequired() | RefreshRejected():
            return "login"
        case RateLimited() | QuotaExceeded():
            return "limit"
        case ServiceUnavailable() | ProtocolError() | StreamBroken():
            return "model"
        case RequestRejected() if error.status == 403 or is_unknown_model(error):
            return "model"
    return None


def cooldown_reason(error: OpenClawError) -> Reason | None:
    """The reason recorded with the login after `error`; None when the login is not the cause.

    A quota error with status 429 counts as a rate limit, as in OpenClaw: quotas may be refilled by the minute.
    """
    match error:
        case RateLimited() | QuotaExceeded(status=429 | None):
            return "rate_limit"
        case QuotaExceeded():
            return "billing"
        case LoginRequired():
            return "auth"
    return None


def short_reason(error: OpenClawError) -> str:
    """An error in a few words, for a footer."""
    if isinstance(error, RequestRejected) and error.status == 403:
        return _("access refused")
    return next(
        (_(words) for kind, words in _IN_WORDS.items() if isinstance(error, kind)), _("no proper answer")
    )


def switch_note(skipped: Sequence[SkippedRoute], answering: ResolvedRequest) -> str:
    """The note about a switch: `qwen-portal/coder-model: too many requests; answered by other/model`."""
    routes = _listed(skipped, answering.ref)
    if all(s.ref == answering.ref for s in skipped):
        return _("{routes}; answered with {login}", routes=routes, login=answering.credential.label)
    return _("{routes}; answered by {model}", routes=routes, model=answering.ref)


def _listed(skipped: Sequence[SkippedRoute], ref: ModelRef | None) -> str:
    """Routes by the names of their models; routes of `ref` by their logins."""
    parts = [f"{s.login if s.ref == ref and s.login else s.ref}: {s.why}" for s in skipped]
    return "; ".join(dict.fromkeys(parts))


def _cools_down(route: ResolvedRequest) -> bool:
    return route.credential.cooldown is not None


def _cooldown_text(route: ResolvedRequest) -> str:
    cooldown = route.credential.cooldown
    assert cooldown is not None  # noqa: S101
    return _("cooling down for {time_left} ({reason})", time_left=cooldown.time_left, reason=cooldown.why)


def _may_succeed(error: OpenClawError, failed: ResolvedRequest, other: ResolvedRequest) -> bool:
    scope, other_login = scope_of(error), other.credential.id != failed.credential.id
    limited = isinstance(error, RateLimited) or (isinstance(error, QuotaExceeded) and error.status == 429)
    if other_login and other.credential.is_key and other.ref.provider == failed.ref.provider and not limited:
        return False  # another key of the same service is tried after rate limits only
    if scope == "login":
        return other_login
    return scope == "limit" or (scope == "model" and other.ref != failed.ref)
