"""The methods that control the portal, for tests and demonstrations.

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

from openclaw_ipython.practice.batch_desk import BatchSettings
from openclaw_ipython.practice.completion_format import Call, Completion, Fault
from openclaw_ipython.practice.http_types import NO_RESPONSE, HttpResponse
from openclaw_ipython.practice.oauth import AuthorizationServer, DeviceAuthorization, OAuthSettings
from openclaw_ipython.practice.requests import Model

MODELS: Final = (
    Model("coder-model"),
    Model("vision-model", images=True, context=131_072, max_output=32_768),
)

EVENT_STREAM = "text/event-stream; charset=utf-8"

# The firewall in front of the service answers 200 with such a page.
FIREWALL_PAGE = (
    "<!doctype html><html><head><title>practice</title></head>"
    '<body><input id="aliyun_waf_aa" value="made up"></body></html>'
)
GATEWAY_PAGE = (
    "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"
)


class ScriptedReply(Struct, frozen=True):
    """The next reply of the chat endpoint. What is None is composed or has its default."""

    completion: Completion | None = None
    raw: tuple[bytes, ...] | None = None
    content_type: str = EVENT_STREAM
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
        self._retired = False
        self._signs_in = True
        self._demands_cache_control = False
        self._batch_settings = BatchSettings()

    # -- sign-in ---------------------------------------------------------------------------

    def approve(self, user_code: str) -> Self:
        """Approve as the user does. Raises `LookupError` when no sign-in with that code is pending."""
        return self._decided(user_code, approved=True)

    def deny(self, user_code: str) -> Self:
        """Deny as the user does. Raises `LookupError` when no sign-in with that code is pending."""
        return self._decided(user_code, approved=False)

    def _decided(self, user_code: str, *, approved: bool) -> Self:
        with self._lock:
            authorization: DeviceAuthorization | None = self._oauth.find(user_code)
            if authorization is None or not self._oauth.decide(authorization, approved=approved):
                raise LookupError(f"no sign-in is waiting under the code {user_code!r}")
        return self

    def approve_after(self, polls: int = 0) -> Self:
        """Approve every sign-in automatically: after `polls` pending polls the next one gets tokens."""
        return self._configured(approve_after=polls, denies=False)

    def denies(self) -> Self:
        """Deny every sign-in at its next poll."""
        return self._configured(denies=True)

    def slows_down(self, times: int = 1) -> Self:
        """Answer the next `times` polls with `slow_down`, however slow they are."""
        return self._configured(slow_downs=times)

    def interval(self, value: object, *, enforced: float | None = None) -> Self:
        """Set `interval` of device codes to any JSON value; None omits it.

        Faster polls get `slow_down`. `enforced` (seconds) sets another limit; by default it is `value` if that is a
        number up to 60, and 1 otherwise. `enforced=0` disables it.
        """
        return self._configured(interval=value, enforced_interval=enforced)

    def expires_in(self, value: object) -> Self:
        """Set `expires_in` of device codes to any JSON value; None omits it (then 900 seconds)."""
        return self._configured(expires_in=value)

    def token_lifetime(self, value: object) -> Self:
        """Set `expires_in` of access tokens to any JSON value; None omits it (then six hours)."""
        return self._configured(token_lifetime=value)

    def resource_url(self, value: str | None) -> Self:
        """Set `resource_url` of token responses; None omits it."""
        return self._configured(resource_url=value)

    def _configured(self, **changes: object) -> Self:
        return self._changed(self._settings, changes)

    def _changed(self, settings: object, changes: Mapping[str, object]) -> Self:
        with self._lock:
            for name, value in changes.items():
                setattr(settings, name, value)
        return self

    def issue(self, origin: str = "http://127.0.0.1") -> dict[str, Any]:
        """A token response without a sign-in."""
        with self._lock:
            return self._oauth.issue(origin)

    def accepts_key(self, key: str) -> Self:
        """Accept `key` as an API key, as the pay-as-you-go endpoints do."""
        with self._lock:
            self._oauth.keys.add(key)
        return self

    def expires_tokens(self) -> Self:
        """Expire every access token issued so far."""
        with self._lock:
            self._oauth.access.clear()
        return self

    def revokes_refresh(self) -> Self:
        """Revoke every refresh token issued so far."""
        with self._lock:
            self._oauth.refresh.clear()
        return self

    def retired(self, *, signs_in: bool = True) -> Self:
        """Behave as the real portal since April 2026: sign-in works, chat answers 401.

        With `signs_in=False`, as since that summer: the token endpoint answers 504 with an HTML page.
        """
        return self._changed(self, {"_retired": True, "_signs_in": signs_in})

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

    def floods(self, count: int, text: str = "12345") -> Self:
        """Queue an answer of `count` equal deltas, for measurements."""
        return self.says(*[text] * count)

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

    def raw_stream(self, *chunks: bytes, content_type: str = EVENT_STREAM) -> Self:
        """Queue these bytes as the body of the next answer, each as a chunk."""
        return self._queued(ScriptedReply(raw=chunks, content_type=content_type))

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

    def paces(self, seconds: float) -> Self:
        """Set the default wait before each delta."""
        return self._changed(self, {"_pace": seconds})

    def takes(self, seconds: float) -> Self:
        """Set the wait before the first byte of every chat response."""
        return self._changed(self, {"_delay": seconds})

    def offers(self, model: str, *, images: bool = False) -> Self:
        """Offer one more model."""
        with self._lock:
            self._models[model] = Model(model, images=images)
        return self

    def demands_cache_control(self) -> Self:
        """Refuse requests whose first message is not a system message with `cache_control` in a list content.

        The real portal did so in its last weeks.
        """
        return self._changed(self, {"_demands_cache_control": True})

    def batches(self, **settings: Any) -> Self:
        """Set how batches go: the fields of BatchSettings."""
        return self._changed(self._batch_settings, settings)

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

        With `late` they take effect all the same, as when a gateway gives up on a service that does not.
        """
        content = "application/json" if isinstance(body, Mapping) else "text/plain; charset=utf-8"
        text = json.dumps(body) if isinstance(body, Mapping) else body
        raw = text.encode() if isinstance(text, str) else text
        response = HttpResponse(status, raw, {"content-type": content} | dict(headers or {}))
        return self._failing(_ScriptedFailure(path_part, response, times, late))

    def answers_html(self, path_part: str, times: int | None = 1) -> Self:
        """Answer matching paths with the firewall's page (status 200)."""
        return self.fails_next(
            path_part, 200, FIREWALL_PAGE, {"content-type": "text/html; charset=utf-8"}, times=times
        )

    def drops_next(self, path_part: str, times: int | None = 1, *, late: bool = False) -> Self:
        """Close the connection of the next `times` matching requests without a response; `late` as above."""
        return self._failing(_ScriptedFailure(path_part, HttpResponse(NO_RESPONSE), times, late))

    def _failing(self, failure: _ScriptedFailure) -> Self:
        with self._lock:
            self._failures.append(failure)
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
