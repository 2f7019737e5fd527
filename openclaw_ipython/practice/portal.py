"""The portal: one function from request to response over the state of a sign-in and a script.

It does no I/O. `serve` and `transport` open its doors; the clock and the randomness are passed in.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.practice import pages
from openclaw_ipython.practice.answers import compose
from openclaw_ipython.practice.checks import Refused, check
from openclaw_ipython.practice.completions import Heading, counted, document, event_stream, limited
from openclaw_ipython.practice.requests import Prompt, read
from openclaw_ipython.practice.script import EVENT_STREAM, GATEWAY_PAGE, Plan, Scripted
from openclaw_ipython.practice.wire import (
    FORM_TYPE,
    HangUp,
    Request,
    Response,
    html_response,
    json_response,
    oauth_error,
)

if TYPE_CHECKING:
    from openclaw_ipython.net.client import Transport
    from openclaw_ipython.practice.server import Served

_UNCACHED = {"cache-control": "no-cache"}


class Portal(Scripted):
    """A practice portal. Not a model, and every answer says so.

    `clock` tells the time in seconds, `pace` is the wait before each delta, `rng` makes codes and
    tokens (`random.SystemRandom` unless a test wants them repeatable), `keep` is how many requests
    are remembered. Thread-safe.

        portal = Portal().approve_after(polls=2).says("Hel", "lo")
        with portal.serve() as url: ...
        httpx.AsyncClient(transport=portal.transport())
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        pace: float = 0.0,
        rng: random.Random | None = None,
        keep: int = 10_000,
    ) -> None:
        super().__init__(clock=clock, pace=pace, rng=rng)
        self._requests: deque[Request] = deque(maxlen=keep)
        self._hang_ups: list[HangUp] = []
        self._hung_up = threading.Condition(self._lock)
        self._answered = 0
        self._routes: Mapping[str, Mapping[str, Callable[[Request], Response]]] = {
            "/": {"GET": self._approval_page},
            "/authorize": {"GET": self._approval_page, "POST": self._approval},
            "/api/v1/oauth2/device/code": {"POST": self._device_code},
            "/api/v1/oauth2/token": {"POST": self._token},
            "/v1/models": {"GET": self._list_models},
            "/v1/chat/completions": {"POST": self._chat},
        }

    # -- doors -----------------------------------------------------------------------------

    def serve(self, port: int = 0) -> Served:
        """Listen on 127.0.0.1 while a `with` block runs; it gives the address, without a slash.

        Port 0 takes a free one. Raises `OSError` when the port is in use.
        """
        from openclaw_ipython.practice.server import Served

        return Served(self, port)

    def transport(self, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> Transport:
        """The same portal for `httpx.AsyncClient(transport=…)`, without a socket; any host is answered.

        Waits go through `sleep`; one that is longer than the client's read timeout raises `ReadTimeout`.
        """
        from openclaw_ipython.practice.transport import PracticeTransport

        return PracticeTransport(self, sleep)

    # -- what tests look at ----------------------------------------------------------------

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, oldest first."""
        with self._lock:
            return tuple(self._requests)

    @property
    def hung_up(self) -> tuple[HangUp, ...]:
        """Every connection a client closed before its answer had ended."""
        with self._lock:
            return tuple(self._hang_ups)

    def wait_for_hang_up(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until `count` clients have hung up; False after `timeout` seconds."""
        with self._hung_up:
            return self._hung_up.wait_for(lambda: len(self._hang_ups) >= count, timeout)

    def noticed_hang_up(self, request: Request, sent: int) -> None:
        """For the doors: the client of `request` went away after `sent` chunks."""
        with self._hung_up:
            self._hang_ups.append(HangUp(request.path, sent, self._clock()))
            self._hung_up.notify_all()

    # -- routing ---------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            request = replace(request, time=self._clock())
            self._requests.append(request)
            failure = self._failure_for(request.path)
            return failure if failure is not None else self._route(request)

    def _route(self, request: Request) -> Response:
        methods = self._routes.get(request.path)
        if methods is None:
            return self._error(404, "not_found", f"no such path: {request.path[:200]}")
        if request.method not in methods:
            allowed = {"allow": ", ".join(methods)}
            return self._error(405, "method_not_allowed", "not with this method", headers=allowed)
        return methods[request.method](request)

    def _error(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """An error as the service words it."""
        error = {"code": code, "message": message, "param": None, "type": kind}
        return json_response(status, {"error": error, "request_id": self._next_id()}, headers)

    def _next_id(self) -> str:
        self._answered += 1
        return f"practice-{self._answered:06d}"

    # -- signing in ------------------------------------------------------------------------

    def _device_code(self, request: Request) -> Response:
        refused = _refuse_form(request)
        asked_by = request.headers.get("user-agent", "")
        return refused or self._sign_ins.ask(request.form(), origin=request.origin, asked_by=asked_by)

    def _token(self, request: Request) -> Response:
        if not self._signs_in:
            return html_response(504, GATEWAY_PAGE)
        return _refuse_form(request) or self._sign_ins.token(request.form(), origin=request.origin)

    def _approval_page(self, request: Request) -> Response:
        user_code = request.params().get("user_code", "")
        if not user_code.strip():
            return pages.ask_code()
        sign_in = self._sign_ins.find(user_code)
        if sign_in is None:
            return pages.unknown_code()
        standing = self._sign_ins.standing(sign_in)
        if standing != "pending":
            return pages.settled(standing)
        return pages.ask_approval(
            user_code=sign_in.user_code,
            asked_by=sign_in.asked_by,
            scopes=sign_in.scopes,
            page_token=self._sign_ins.page_token(sign_in),
        )

    def _approval(self, request: Request) -> Response:
        if request.headers.get("origin", request.origin) != request.origin:
            return pages.foreign_post()
        form = request.form()
        sign_in = self._sign_ins.find(form.get("user_code", ""))
        if sign_in is None:
            return pages.unknown_code()
        decision = form.get("decision")
        if not self._sign_ins.knows_page(sign_in, form.get("page_token", "")):
            return pages.foreign_post()
        if decision not in ("approve", "deny"):
            return pages.foreign_post()
        approved = decision == "approve"
        if not self._sign_ins.decide(sign_in, approved=approved):
            return pages.settled(self._sign_ins.standing(sign_in))
        return pages.thanks(approved=approved)

    # -- models and chat -------------------------------------------------------------------

    def _refuse_bearer(self, request: Request) -> Response | None:
        if not self._retired and self._sign_ins.accepts(request.bearer()):
            return None
        return self._error(401, "invalid_api_key", "invalid access token or token expired")

    def _list_models(self, request: Request) -> Response:
        fixed = {"object": "model", "created": 1_735_689_600, "owned_by": "practice-portal"}
        models = [{"id": name} | fixed for name in self._models]
        return self._refuse_bearer(request) or json_response(200, {"object": "list", "data": models})

    def _chat(self, request: Request) -> Response:
        refused = self._refuse_bearer(request)
        if refused is not None:
            return refused
        try:
            prompt = self._prompt(request)
        except Refused as refusal:
            return self._error(refusal.status, refusal.code, str(refusal))
        plan = self._plans.popleft() if self._plans else Plan()
        return replace(self._answer(prompt, plan, request.time), delay=self._delay)

    def _prompt(self, request: Request) -> Prompt:
        try:
            body = request.json()
        except ValueError:
            raise Refused("Request body format invalid") from None
        model = check(body, self._models)
        if self._demands_cache_control and not _opens_with_cache_control(body):
            raise Refused("bad request")
        return read(body, model)

    def _answer(self, prompt: Prompt, plan: Plan, now: float) -> Response:
        if plan.raw is not None:
            return Response(200, plan.raw, _UNCACHED | {"content-type": plan.content_type})
        answer = plan.answer or limited(compose(prompt), prompt.limit)
        heading = Heading(f"chatcmpl-{self._next_id()}", int(now), prompt.model)
        usage = counted(answer, prompt)
        if not prompt.streams:
            return _whole(document(answer, heading, usage), plan)
        stream = event_stream(answer, heading, usage if prompt.reports_usage else None)
        pace = self._pace if plan.pace is None else plan.pace
        steps = stream.steps(pace=pace, fault=plan.fault)
        return Response(200, steps, _UNCACHED | {"content-type": EVENT_STREAM})


def _whole(value: Mapping[str, Any], plan: Plan) -> Response:
    """A JSON answer; with a fault, half of it."""
    response = json_response(200, value)
    if plan.fault is None or not isinstance(response.body, bytes):
        return response
    return replace(response, body=(response.body[: len(response.body) // 2], plan.fault.step()))


def _refuse_form(request: Request) -> Response | None:
    """The OAuth endpoints take forms only (RFC 6749 §4, RFC 8628 §3.1)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE:
        return None
    return oauth_error(400, "invalid_request", f"the body must be {FORM_TYPE}")


def _opens_with_cache_control(body: Mapping[str, Any]) -> bool:
    match body["messages"][0]:
        case {"role": "system", "content": [*parts]}:
            return any("cache_control" in part for part in parts)
    return False
