"""How the portal is told what to do: sentences for tests and demonstrations.

Each method returns the portal, so a script reads in one line, and may be called at any time from any
thread: `portal.says("Hel", "lo").breaks_after(1)`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from openclaw_ipython.practice.checks import Model
from openclaw_ipython.practice.completions import Answer, Call, Fault
from openclaw_ipython.practice.oauth import SignIn, SignIns, Terms
from openclaw_ipython.practice.wire import NO_ANSWER, Response

MODELS: Final = (
    Model("coder-model"),
    Model("vision-model", images=True, context=131_072, max_output=32_768),
)

EVENT_STREAM = "text/event-stream; charset=utf-8"

# The firewall in front of the service answers 200 with a page like this one.
FIREWALL_PAGE = (
    "<!doctype html><html><head><title>practice</title></head>"
    '<body><input id="aliyun_waf_aa" value="made up"></body></html>'
)
GATEWAY_PAGE = (
    "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The next answer of the chat endpoint, as far as a script wants to say; the rest is composed."""

    answer: Answer | None = None
    raw: tuple[bytes, ...] | None = None
    content_type: str = EVENT_STREAM
    pace: float | None = None
    fault: Fault | None = None


@dataclass(slots=True)
class _Failure:
    """An answer given instead of the right one, to requests whose path contains `path_part`."""

    path_part: str
    response: Response
    times: int | None = field(default=1)


class Scripted:
    """The half of the portal that scripts talk to."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        pace: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._terms = Terms()
        self._sign_ins = SignIns(self._terms, clock, rng or random.SystemRandom())
        self._models = {model.id: model for model in MODELS}
        self._plans: deque[Plan] = deque()
        self._failures: list[_Failure] = []
        self._pace = pace
        self._delay = 0.0
        self._retired = False
        self._signs_in = True
        self._demands_cache_control = False

    # -- signing in ------------------------------------------------------------------------

    def approve(self, user_code: str) -> Self:
        """The person presses *Approve*. Raises `LookupError` when nothing is waiting under that code."""
        return self._decided(user_code, approved=True)

    def deny(self, user_code: str) -> Self:
        """The person presses *Deny*. Raises `LookupError` when nothing is waiting under that code."""
        return self._decided(user_code, approved=False)

    def _decided(self, user_code: str, *, approved: bool) -> Self:
        with self._lock:
            sign_in: SignIn | None = self._sign_ins.find(user_code)
            if sign_in is None or not self._sign_ins.decide(sign_in, approved=approved):
                raise LookupError(f"no sign-in is waiting under the code {user_code!r}")
        return self

    def approve_after(self, polls: int = 0) -> Self:
        """Every sign-in is approved by itself: `polls` polls are told to wait, the next gets tokens."""
        return self._agreed(approve_after=polls, denies=False)

    def denies(self) -> Self:
        """Every sign-in is denied at its next poll."""
        return self._agreed(denies=True)

    def slows_down(self, times: int = 1) -> Self:
        """The next `times` polls are told to slow down, however slow they are."""
        return self._agreed(slow_downs=times)

    def interval(self, value: object, *, enforced: float | None = None) -> Self:
        """`interval` as device codes carry it: any JSON value, None leaves it out.

        Polls faster than that are told to slow down. `enforced` (seconds) says another limit; by
        default it is `value` if that is a number up to 60, and 1 otherwise. `enforced=0` never minds.
        """
        return self._agreed(interval=value, enforced_interval=enforced)

    def expires_in(self, value: object) -> Self:
        """`expires_in` of device codes: any JSON value, None leaves it out (900 seconds then)."""
        return self._agreed(expires_in=value)

    def token_lifetime(self, value: object) -> Self:
        """`expires_in` of access tokens: any JSON value, None leaves it out (six hours then)."""
        return self._agreed(token_lifetime=value)

    def resource_url(self, value: str | None) -> Self:
        """`resource_url` of token replies from now on; None leaves it out."""
        return self._agreed(resource_url=value)

    def _agreed(self, **changes: object) -> Self:
        with self._lock:
            for name, value in changes.items():
                setattr(self._terms, name, value)
        return self

    def issue(self, origin: str = "http://127.0.0.1") -> dict[str, Any]:
        """A token reply without any sign-in, for tests that begin after it."""
        with self._lock:
            return self._sign_ins.issue(origin)

    def accepts_key(self, key: str) -> Self:
        """Take `key` as an API key, as the pay-as-you-go endpoints do."""
        with self._lock:
            self._sign_ins.accept_key(key)
        return self

    def expires_tokens(self) -> Self:
        """Every access token given out so far is expired now."""
        with self._lock:
            self._sign_ins.expire_access_tokens()
        return self

    def revokes_refresh(self) -> Self:
        """Every refresh token given out so far is refused from now on."""
        with self._lock:
            self._sign_ins.revoke_refresh_tokens()
        return self

    def retired(self, *, signs_in: bool = True) -> Self:
        """Behave as the real portal since April 2026: one can sign in, but chat answers 401.

        `signs_in=False` is the state since that summer: the token endpoint answers 504 with a page.
        """
        with self._lock:
            self._retired = True
            self._signs_in = signs_in
        return self

    # -- chat ------------------------------------------------------------------------------

    def says(
        self,
        *deltas: str,
        reasoning: tuple[str, ...] = (),
        finish: str | None = "stop",
        usage: Mapping[str, Any] | None = None,
        pace: float | None = None,
    ) -> Self:
        """Queue an answer with exactly these deltas; `finish=None` ends it without a finish reason."""
        return self._planned(Plan(Answer(deltas, reasoning, (), finish, usage), pace=pace))

    def floods(self, count: int, text: str = "12345") -> Self:
        """Queue an answer of `count` equal deltas, for measuring clients."""
        return self.says(*[text] * count)

    def calls(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *others: tuple[str, Mapping[str, Any] | str],
        finish: str = "tool_calls",
    ) -> Self:
        """Queue an answer that calls a tool, and `others`.

        Arguments as a string are sent as they are, broken or not.
        """
        called = [(name, arguments), *others]
        calls = (
            Call(f"call_{at}", name, given if isinstance(given, str) else json.dumps(given))
            for at, (name, given) in enumerate(called, 1)
        )
        return self._planned(Plan(Answer(calls=tuple(calls), finish=finish)))

    def raw_stream(self, *chunks: bytes, content_type: str = EVENT_STREAM) -> Self:
        """Queue exactly these bytes as the body of the next answer, each in a chunk of its own."""
        return self._planned(Plan(raw=chunks, content_type=content_type))

    def breaks_after(self, deltas: int) -> Self:
        """The answer queued last loses its connection after that many deltas.

        With nothing queued it is the next answer, composed as usual.
        """
        return self._faulty(Fault("breaks", deltas))

    def stalls_after(self, deltas: int) -> Self:
        """As `breaks_after`, but the connection stays open and silent until the client closes it."""
        return self._faulty(Fault("stalls", deltas))

    def _planned(self, plan: Plan) -> Self:
        with self._lock:
            self._plans.append(plan)
        return self

    def _faulty(self, fault: Fault) -> Self:
        with self._lock:
            queued = bool(self._plans) and self._plans[-1].fault is None
            plan = self._plans.pop() if queued else Plan()
            self._plans.append(replace(plan, fault=fault))
        return self

    def paces(self, seconds: float) -> Self:
        """Wait that long before every delta of answers without a pace of their own."""
        with self._lock:
            self._pace = seconds
        return self

    def takes(self, seconds: float) -> Self:
        """Wait that long before the first byte of every chat answer."""
        with self._lock:
            self._delay = seconds
        return self

    def offers(self, model: str, *, images: bool = False) -> Self:
        """Have one more model."""
        with self._lock:
            self._models[model] = Model(model, images=images)
        return self

    def demands_cache_control(self) -> Self:
        """Refuse, as the portal did in its last weeks, a request whose first message is not a system
        message with a list content that carries `cache_control`."""
        with self._lock:
            self._demands_cache_control = True
        return self

    # -- trouble ---------------------------------------------------------------------------

    def fails_next(
        self,
        path_part: str,
        status: int,
        body: str | bytes | Mapping[str, Any] = "",
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
    ) -> Self:
        """Answer the next `times` requests to matching paths like this; None means for good."""
        content = "application/json" if isinstance(body, Mapping) else "text/plain; charset=utf-8"
        response = Response(status, _bytes(body), {"content-type": content} | dict(headers or {}))
        return self._failing(_Failure(path_part, response, times))

    def answers_html(self, path_part: str, times: int | None = 1) -> Self:
        """Put the firewall's page (status 200) before matching paths."""
        return self.fails_next(
            path_part, 200, FIREWALL_PAGE, {"content-type": "text/html; charset=utf-8"}, times=times
        )

    def drops_next(self, path_part: str, times: int | None = 1) -> Self:
        """Close the connection of the next `times` matching requests without an answer."""
        return self._failing(_Failure(path_part, Response(NO_ANSWER), times))

    def _failing(self, failure: _Failure) -> Self:
        with self._lock:
            self._failures.append(failure)
        return self

    def _failure_for(self, path: str) -> Response | None:
        """The scripted trouble for a path, used up by asking."""
        for failure in self._failures:
            if failure.path_part in path:
                if failure.times is not None:
                    failure.times -= 1
                    if failure.times <= 0:
                        self._failures.remove(failure)
                return failure.response
        return None


def _bytes(body: str | bytes | Mapping[str, Any]) -> bytes:
    match body:
        case bytes():
            return body
        case str():
            return body.encode()
        case _:
            return json.dumps(body).encode()
