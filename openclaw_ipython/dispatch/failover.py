"""Who is asked, and who instead: the questions a prompt may become, and which of them is worth trying next.

Pure: it decides after an error and words what the reader is told. Nothing is sent, read or written from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from openclaw_ipython.chat.dialects import PLAIN, Dialect
from openclaw_ipython.chat.types import Answering, Notice
from openclaw_ipython.errors import (
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
from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from openclaw_ipython.auth.cooldown import Reason
    from openclaw_ipython.auth.resolve import Credential
    from openclaw_ipython.chat.thinking import Family
    from openclaw_ipython.chat.types import ChatEvent, ChatRequest
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.providers.spec import Price

Scope = Literal["login", "limit", "model"]


@dataclass(frozen=True)
class Passed:
    """A way that was not taken, or led nowhere: which model by which login, and why, in a few words."""

    ref: ModelRef
    login: str
    why: str


@dataclass(frozen=True)
class Question:
    """A question made ready: to whom, where, and with which login. Nothing was sent yet.

    `others` are the ways to go when this one fails, best first; `passed` those that were left out before, and
    `notes` what the reader should know if this is the one that answers. `dialect` is the host's manner, in which
    `request` already is; `wrong_key` is what to do should it refuse the key. `asked` is the request before it was put
    into that manner, and `family` how the model's thinking is switched: enough to ask the same model something else.
    `price` is what its tokens cost, `kind` what it is for (`ask`, or `map`: one of many). `key` is what the answer may
    be kept under, empty where it may not; `kept` is the answer that is there already: then nothing is sent. `timeout`
    is after how many seconds it is given up, None for never.
    """

    ref: ModelRef
    url: str
    request: ChatRequest
    credential: Credential
    token_url: str = ""
    client_id: str = ""
    others: tuple[Question, ...] = ()
    passed: tuple[Passed, ...] = ()
    notes: tuple[str, ...] = ()
    dialect: Dialect = PLAIN
    wrong_key: str = ""
    asked: ChatRequest | None = None
    family: Family = ""
    price: Price | None = None
    kind: str = "ask"
    key: str = ""
    kept: Mapping[str, Any] | None = None
    timeout: float | None = None

    def told(self, notes: Sequence[str]) -> Question:
        """The same question, of which the reader is told `notes` whoever answers it."""
        others = tuple(other.told(notes) for other in self.others) if notes else self.others
        return replace(self, notes=(*notes, *self.notes), others=others)

    @property
    def meant(self) -> ModelRef:
        """The model that was chosen, whichever is asked."""
        return self.passed[0].ref if self.passed else self.ref


def routed(ways: Sequence[Question], passed: Sequence[Passed] = ()) -> Question:
    """The question to ask of `ways` (in the order they are preferred): the first whose login does not rest.

    Where all of them rest, the first is asked all the same. `passed` are models that could not be asked at all.
    """
    at = next((i for i, way in enumerate(ways) if way.credential.rest is None), 0)
    before = [Passed(w.ref, w.credential.label, _resting(w)) for w in ways[:at]]
    same = [
        Passed(w.ref, w.credential.label, _resting(w)) for w in ways[at + 1 :] if _passed_over(w, ways[at])
    ]
    chosen = ways[at]
    notes = list(chosen.notes)
    if chosen.credential.rest is not None:
        notes.append(f"{chosen.credential.label} {_resting(chosen)}; asked all the same")
    else:
        before += same
    return replace(
        chosen,
        others=tuple(sorted((w for w in ways if w is not chosen), key=_rests)),
        passed=(*passed, *before),
        notes=tuple(notes),
    )


class Routing:
    """The way of one question: `at` is who is asked now."""

    def __init__(self, question: Question) -> None:
        self.at = question
        self._started_at = question
        self._left = list(question.others)
        self._passed = list(question.passed)
        self._tired: set[str] = set()
        self._first: tuple[OpenClawError, Passed] | None = None

    def goes_on(self, error: OpenClawError) -> bool:
        """Whether somebody else may be asked after `error`; then `at` is who."""
        failed = self.at
        passed = Passed(failed.ref, failed.credential.label, in_short(error))
        self._first = self._first or (error, passed)
        self._passed.append(passed)
        self._left = [other for other in self._left if _may_heal(error, failed, other)]
        if scope_of(error) in ("limit", "login"):
            self._tired.add(failed.credential.id)
        if not self._left:
            return False
        self.at = min(self._left, key=lambda way: _rests(way) or way.credential.id in self._tired)
        self._left.remove(self.at)
        return True

    @property
    def has_turned(self) -> bool:
        """Whether another model is asked than the question was for."""
        return self.at.ref != self._started_at.ref

    @property
    def competes(self) -> bool:
        """Whether the model that is asked could be asked by another stored login too."""
        ways = (self._started_at, *self._started_at.others)
        logins = {w.credential.id for w in ways if w.ref == self.at.ref and w.credential.profile is not None}
        return self.at.credential.profile is not None and len(logins) > 1

    def opening(self) -> Iterator[ChatEvent]:
        """What is said once somebody answers: who it is, where that is another one, and why."""
        if self.has_turned:
            yield Answering(str(self.at.ref))
        for note in self.notes():
            yield Notice(note)

    def notes(self) -> Iterator[str]:
        """What the reader is told once `at` answers."""
        if self._passed:
            yield told(self._passed, self.at)
        yield from self.at.notes

    def error(self, last: OpenClawError) -> OpenClawError:
        """The error to raise when nobody is left: the first one, with what else was tried."""
        error, about = self._first or (last, None)
        others = [p for p in self._passed if p is not about]
        if others:
            error.args = (f"{error} · also tried: {_listed(others, about.ref if about else None)}",)
        return error


def scope_of(error: OpenClawError) -> Scope | None:
    """What somebody else must differ in to fare better: the login, the limit, the model; None: nobody would."""
    match error:
        case LoginRequired() | RefreshRejected():
            return "login"
        case RateLimited() | QuotaExceeded():
            return "limit"
        case ServiceUnavailable() | ProtocolError() | StreamBroken():
            return "model"
        case RequestRejected(status=403 | 404) | RequestRejected(code="model_not_found"):
            return "model"
    return None


def reason_of(error: OpenClawError) -> Reason | None:
    """What is written down about the login that met `error`; None when it is not the login's fault.

    A quota that came as "too many requests" (429) is one, as OpenClaw reads it: it may be refilled by the minute.
    """
    match error:
        case RateLimited() | QuotaExceeded(status=429 | None):
            return "rate_limit"
        case QuotaExceeded():
            return "billing"
        case LoginRequired():
            return "auth"
    return None


def in_short(error: OpenClawError) -> str:
    """An error in a few words, for a footer."""
    match error:
        case RateLimited():
            return "too many requests"
        case QuotaExceeded():
            return "quota or balance used up"
        case LoginRequired() | RefreshRejected():
            return "login not accepted"
        case ServiceUnavailable():
            return "not reachable or failing"
        case StreamBroken():
            return "the answer broke off"
        case RequestRejected(status=403):
            return "access refused"
        case RequestRejected():
            return "no such model there"
    return "no proper answer"


def told(passed: Sequence[Passed], answering: Question) -> str:
    """The sentence about a switch: `qwen-portal/coder-model: too many requests; answered by other/model`."""
    if all(p.ref == answering.ref for p in passed):
        end = f"answered with {answering.credential.label}"
    else:
        end = f"answered by {answering.ref}"
    return f"{_listed(passed, answering.ref)}; {end}"


def _listed(passed: Sequence[Passed], ref: ModelRef | None) -> str:
    """Models by their names; of `ref` itself the logins."""
    parts = [f"{p.login if p.ref == ref and p.login else p.ref}: {p.why}" for p in passed]
    return "; ".join(dict.fromkeys(parts))


def _resting(way: Question) -> str:
    rest = way.credential.rest
    return f"rests for {rest.span} ({rest.why})" if rest else ""


def _rests(way: Question) -> bool:
    return way.credential.rest is not None


def _passed_over(way: Question, chosen: Question) -> bool:
    """Whether a resting login of the chosen model itself was left out for another one."""
    return way.ref == chosen.ref and way.credential.rest is not None


def _may_heal(error: OpenClawError, failed: Question, other: Question) -> bool:
    scope = scope_of(error)
    if scope is None or (_is_key_rotation(failed, other) and not _is_rate_limit(error)):
        return False
    if scope == "login":
        return other.credential.id != failed.credential.id
    return scope == "limit" or other.ref != failed.ref


def _is_key_rotation(failed: Question, other: Question) -> bool:
    """Whether `other` differs in the key only, or turns from a profile to a key: that is for rate limits."""
    same_service = failed.ref.provider == other.ref.provider
    return same_service and other.credential.is_key and other.credential.id != failed.credential.id


def _is_rate_limit(error: OpenClawError) -> bool:
    return isinstance(error, RateLimited) or (isinstance(error, QuotaExceeded) and error.status == 429)
