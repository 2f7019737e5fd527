"""The methods that control the portal, for demonstrations and tests.

Each returns the portal and can be called at any time from any thread: `portal.says("Hel", "lo").breaks_after(1)`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.practice.completion_format import Call, Completion, Fault
from openclaw_ipython.practice.http_types import HttpResponse
from openclaw_ipython.practice.oauth import AuthorizationServer, DeviceAuthorization, OAuthSettings
from openclaw_ipython.practice.requests import Model

MODELS: Final = (
    Model("coder-model"),
    Model("vision-model", images=True, context=131_072, max_output=32_768),
)


class ScriptedReply(Struct, frozen=True):
    """The next reply of the chat endpoint. What is None is composed or has its default."""

    completion: Completion | None = None
    pace: float | None = None
    fault: Fault | None = None


class _ScriptedFailure(Struct):
    """A response to requests whose path contains `path_part`. `times` None means always.

    `late`: the request takes effect all the same.
    """

    path_part: str
    response: HttpResponse
    times: int | None = 1
    late: bool = False


class PortalScript:
    """The part of the portal that scripts control."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        pace: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._settings = OAuthSettings()
        self._oauth = AuthorizationServer(self._settings, clock, rng or random.SystemRandom())
        self._models = {model.id: model for model in MODELS}
        self._replies: deque[ScriptedReply] = deque()
        self._failures: list[_ScriptedFailure] = []
        self._pace = pace
        self._delay = 0.0

    def _changed(self, settings: object, **changes: object) -> Self:
        with self._lock:
            for name, value in changes.items():
                setattr(settings, name, value)
        return self

    # -- sign-in ---------------------------------------------------------------------------

    def approve(self, user_code: str, *, approved: bool = True) -> Self:
        """Decide as the user does. Raises `LookupError` when no sign-in with that code is pending."""
        with self._lock:
            authorization: DeviceAuthorization | None = self._oauth.find(user_code)
            if authorization is None or not self._oauth.decide(authorization, approved=approved):
                raise LookupError(f"no sign-in is waiting under the code {user_code!r}")
        return self

    def approve_after(self, polls: int = 0) -> Self:
        """Approve every sign-in automatically: after `polls` pending polls the next one gets tokens."""
        return self._changed(self._settings, approve_after=polls, denies=False)

    def denies(self) -> Self:
        """Deny every sign-in at its next poll."""
        return self._changed(self._settings, denies=True)

    def token_lifetime(self, seconds: float) -> Self:
        """Set the time until an access token expires."""
        return self._changed(self._settings, token_lifetime=seconds)

    def accepts_key(self, key: str) -> Self:
        """Accept `key` as an API key, as the pay-as-you-go endpoints do."""
        with self._lock:
            self._oauth.keys.add(key)
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
        """Queue an answer with these deltas; `finish=None` omits the finish reason."""
        return self._queued(ScriptedReply(Completion(deltas, reasoning, (), finish, usage), pace=pace))

    def calls(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *others: tuple[str, Mapping[str, Any] | str],
        finish: str = "tool_calls",
    ) -> Self:
        """Queue an answer that calls a function, and `others`. A string is sent as arguments unchanged."""
        called = [(name, arguments), *others]
        calls = (
            Call(f"call_{at}", name, given if isinstance(given, str) else json.dumps(given))
            for at, (name, given) in enumerate(called, 1)
        )
        return self._queued(ScriptedReply(Completion(calls=tuple(calls), finish=finish)))

    def breaks_after(self, deltas: int) -> Self:
        """Break the connection of the last queued answer, or of the next composed one, after that many deltas."""
        return self._with_fault(Fault("breaks", deltas))

    def stalls_after(self, deltas: int) -> Self:
        """As `breaks_after`, but keep the connection open without sending until the client closes it."""
        return self._with_fault(Fault("stalls", deltas))

    def _queued(self, reply: ScriptedReply) -> Self:
        with self._lock:
            self._replies.append(reply)
        return self

    def _with_fault(self, fault: Fault) -> Self:
        with self._lock:
            queued = bool(self._replies) and self._replies[-1].fault is None
            reply = self._replies.pop() if queued else ScriptedReply()
            self._replies.append(replace(reply, fault=fault))
        return self

    def takes(self, seconds: float) -> Self:
        """Set the wait before the first byte of every chat response."""
        return self._changed(self, _delay=seconds)

    def offers(self, model: str, *, images: bool = False) -> Self:
        """Offer one more model."""
        with self._lock:
            self._models[model] = Model(model, images=images)
        return self

    # -- failures --------------------------------------------------------------------------

    def fails_next(
        self,
        path_part: str,
        status: int,
        body: str | bytes | Mapping[str, Any] = "",
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
        *,
        late: bool = False,
    ) -> Self:
        """Answer the next `times` requests to matching paths like this; None means always.

        With `late` they take effect all the same, as when a gateway gives up on a service that does not. With the
        status `NO_RESPONSE` the connection is closed without a response.
        """
        content = "application/json" if isinstance(body, Mapping) else "text/plain; charset=utf-8"
        text = json.dumps(body) if isinstance(body, Mapping) else body
        raw = text.encode() if isinstance(text, str) else text
        response = HttpResponse(status, raw, {"content-type": content} | dict(headers or {}))
        with self._lock:
            self._failures.append(_ScriptedFailure(path_part, response, times, late))
        return self

    def _failure_for(self, path: str) -> _ScriptedFailure | None:
        """The next scripted failure for a path, which is counted as used."""
        for failure in self._failures:
            if failure.path_part in path:
                if failure.times is not None:
                    failure.times -= 1
                    if failure.times <= 0:
                        self._failures.remove(failure)
                return failure
        return None
