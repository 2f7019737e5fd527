"""The portal: `handle` maps a request to a response, with the state of sign-ins and a script.

It does no I/O itself; clock and randomness are passed in.
"""

from __future__ import annotations

import hmac
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from msgspec.structs import replace

from openclaw_ipython.practice import pages
from openclaw_ipython.practice.answers import compose
from openclaw_ipython.practice.batch_desk import BatchDesk
from openclaw_ipython.practice.completion_format import (
    Completion,
    CompletionHeader,
    document,
    event_stream,
    truncate,
    usage_of,
)
from openclaw_ipython.practice.http_types import (
    FORM_TYPE,
    HttpRequest,
    HttpResponse,
    json_response,
    oauth_error,
)
from openclaw_ipython.practice.requests import ChatPrompt, RequestRefused, check, parse
from openclaw_ipython.practice.script import PortalScript, ScriptedReply

STREAM_HEADERS = {"cache-control": "no-cache", "content-type": "text/event-stream; charset=utf-8"}


class Portal(PortalScript):
    """A practice portal. It is not a model, and every answer says so. Thread-safe.

    `clock` returns Unix seconds, `pace` is the wait before each delta in seconds, `rng` makes codes and tokens
    (`random.SystemRandom` by default).

        portal = Portal().approve_after(polls=2).says("Hel", "lo")
        with portal.serve() as url: ...
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        pace: float = 0.0,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(clock=clock, pace=pace, rng=rng)
        self._answered = 0
        self.batch_desk = BatchDesk(self._batch_answer, self._next_id)
        self._routes: dict[str, dict[str, Callable[[HttpRequest], HttpResponse]]] = {
            "/": {"GET": self._approval_page},
            "/authorize": {"GET": self._approval_page, "POST": self._approval},
            "/api/v1/oauth2/device/code": {"POST": self._device_code},
            "/api/v1/oauth2/token": {"POST": self._token},
            "/v1/models": {"GET": self._list_models},
            "/v1/chat/completions": {"POST": self._chat},
        }

    # -- endpoints -------------------------------------------------------------------------

    def serve(self, port: int = 0) -> AbstractContextManager[str]:
        """A context manager that listens on 127.0.0.1 and returns the origin, without a slash.

        Port 0 is a free one. Raises `OSError` when the port is in use.
        """
        from openclaw_ipython.practice.server import listening

        return listening(self, port)

    def client_disconnected(self, request: HttpRequest, sent: int) -> None:
        """Called by the endpoint: the client of `request` disconnected after `sent` chunks."""

    # -- routing ---------------------------------------------------------------------------

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request."""
        with self._lock:
            failure = self._failure_for(request.path)
            response = self._route(request) if failure is None or failure.late else failure.response
            return response if failure is None else failure.response

    def _route(self, request: HttpRequest) -> HttpResponse:
        of_batches = request.path.startswith(("/v1/files", "/v1/batches"))
        methods = {request.method: self._batches} if of_batches else self._routes.get(request.path)
        if methods is None:
            return self._error(404, "not_found", f"no such path: {request.path[:200]}")
        if request.method not in methods:
            allowed = {"allow": ", ".join(methods)}
            return self._error(405, "method_not_allowed", "not with this method", allowed)
        try:
            return methods[request.method](request)
        except RequestRefused as refusal:
            return self._error(refusal.status, refusal.code, str(refusal))

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """An error response in the form of the service."""
        error = {"code": code, "message": message, "param": None, "type": "invalid_request_error"}
        return json_response(status, {"error": error, "request_id": self._next_id()}, headers)

    def _next_id(self) -> str:
        self._answered += 1
        return f"practice-{self._answered:06d}"

    # -- sign-in ---------------------------------------------------------------------------

    def _device_code(self, request: HttpRequest) -> HttpResponse:
        refused = _refuse_form(request)
        client_name = request.headers.get("user-agent", "")
        return refused or self._oauth.authorize_device(
            request.form(), origin=request.origin, client_name=client_name
        )

    def _token(self, request: HttpRequest) -> HttpResponse:
        return _refuse_form(request) or self._oauth.token(request.form(), origin=request.origin)

    def _approval_page(self, request: HttpRequest) -> HttpResponse:
        user_code = request.params().get("user_code", "")
        if not user_code.strip():
            return pages.code_page()
        authorization = self._oauth.find(user_code)
        if authorization is None:
            return pages.unknown_code_page()
        status = self._oauth.status_of(authorization)
        if status != "pending":
            return pages.closed_page(status)
        return pages.approval_page(
            user_code=authorization.user_code,
            client_name=authorization.client_name,
            scopes=authorization.scopes,
            csrf_token=authorization.csrf_token,
        )

    def _approval(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("origin", request.origin) != request.origin:
            return pages.rejected_form_page()
        form = request.form()
        authorization = self._oauth.find(form.get("user_code", ""))
        if authorization is None:
            return pages.unknown_code_page()
        decision = form.get("decision")
        given = form.get("csrf_token", "").encode("utf-8", "replace")
        returned = hmac.compare_digest(authorization.csrf_token.encode(), given)
        if not returned or decision not in ("approve", "deny"):
            return pages.rejected_form_page()
        approved = decision == "approve"
        if not self._oauth.decide(authorization, approved=approved):
            return pages.closed_page(self._oauth.status_of(authorization))
        return pages.decision_page(approved=approved)

    # -- models and chat -------------------------------------------------------------------

    def _check_bearer(self, request: HttpRequest) -> None:
        if not self._oauth.accepts(request.bearer()):
            text = "invalid access token or token expired"
            raise RequestRefused(text, status=401, code="invalid_api_key")

    def _list_models(self, request: HttpRequest) -> HttpResponse:
        self._check_bearer(request)
        fixed = {"object": "model", "created": 1_735_689_600, "owned_by": "practice-portal"}
        models = [{"id": name} | fixed for name in self._models]
        return json_response(200, {"object": "list", "data": models})

    def _chat(self, request: HttpRequest) -> HttpResponse:
        self._check_bearer(request)
        prompt = self._prompt(request)
        reply = self._replies.popleft() if self._replies else ScriptedReply()
        return replace(self._answer(prompt, reply), delay=self._delay)

    def _batches(self, request: HttpRequest) -> HttpResponse:
        self._check_bearer(request)
        return self.batch_desk.handle(request)

    def _batch_answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """The completion for a row of a batch, which may think without a stream."""
        prompt = parse(body, check(body, self._models, batch=True))
        reply = self._replies.popleft() if self._replies else ScriptedReply()
        return document(*self._completed(prompt, reply))

    def _completed(
        self, prompt: ChatPrompt, reply: ScriptedReply
    ) -> tuple[Completion, CompletionHeader, Mapping[str, Any]]:
        completion = reply.completion or truncate(compose(prompt), prompt.limit)
        header = CompletionHeader(f"chatcmpl-{self._next_id()}", int(self._clock()), prompt.model)
        return completion, header, usage_of(completion, prompt)

    def _prompt(self, request: HttpRequest, *, batch: bool = False) -> ChatPrompt:
        try:
            body = request.json()
        except ValueError:
            raise RequestRefused("Request body format invalid") from None
        return parse(body, check(body, self._models, batch=batch))

    def _answer(self, prompt: ChatPrompt, reply: ScriptedReply) -> HttpResponse:
        completion, header, usage = self._completed(prompt, reply)
        if not prompt.streams:
            return _json_completion(document(completion, header, usage), reply)
        reported = usage if prompt.reports_usage else None
        pace = self._pace if reply.pace is None else reply.pace
        steps = event_stream(completion, header, reported, pace=pace, fault=reply.fault)
        return HttpResponse(200, steps, STREAM_HEADERS)


def _json_completion(value: Mapping[str, Any], reply: ScriptedReply) -> HttpResponse:
    """A completion as one JSON document; with a fault, half of it."""
    response = json_response(200, value)
    if reply.fault is None or not isinstance(response.body, bytes):
        return response
    return replace(response, body=(response.body[: len(response.body) // 2], reply.fault.step()))


def _refuse_form(request: HttpRequest) -> HttpResponse | None:
    """The error response to a body that is not a form (RFC 6749 §4, RFC 8628 §3.1); None for a form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE:
        return None
    return oauth_error(400, "invalid_request", f"the body must be {FORM_TYPE}")
