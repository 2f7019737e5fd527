"""The practice portal and Gateway for tests: what they received, faults of services, and a portal without a socket."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import asdict, replace
from practice_transport import PracticeTransport
from prompt_cache import Bill, PromptCaches
from scripted_batches import BatchSettings, ScriptedBatchDesk

from openclaw_ipython.practice import portal as shipped
from openclaw_ipython.practice import practice_gateway
from openclaw_ipython.practice.http_types import (
    NO_RESPONSE,
    HttpRequest,
    HttpResponse,
    html_response,
    json_response,
    oauth_error,
)
from openclaw_ipython.practice.oauth import DEVICE_GRANT
from openclaw_ipython.practice.requests import ChatPrompt, RequestRefused
from openclaw_ipython.practice.script import ScriptedReply

EVENT_STREAM = shipped.STREAM_HEADERS["content-type"]

# The firewall in front of the service answers 200 with such a page.
FIREWALL_PAGE = (
    "<!doctype html><html><head><title>practice</title></head>"
    '<body><input id="aliyun_waf_aa" value="made up"></body></html>'
)
GATEWAY_PAGE = (
    "<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"
)


class RecordedRequest(HttpRequest, frozen=True):
    """A request, and when it came by the portal's clock, in seconds."""

    time: float = 0.0


class Disconnect(Struct, frozen=True):
    """A client closed its connection after `sent` chunks, before the response was complete."""

    path: str
    sent: int
    time: float


class RawReply(ScriptedReply, frozen=True):
    """Bytes in place of an answer, each a chunk."""

    raw: tuple[bytes, ...] = ()
    content_type: str = EVENT_STREAM


class Scripts:
    """What tests add to a portal. `keep` is the number of requests in `requests`."""

    def __init__(self, *args: Any, keep: int = 10_000, **options: Any) -> None:
        super().__init__(*args, **options)
        self._requests: deque[RecordedRequest] = deque(maxlen=keep)
        self._disconnects: list[Disconnect] = []
        self._disconnected = threading.Condition(self._lock)
        self._device_fields: dict[str, object] = {}
        self._token_fields: dict[str, object] = {}
        self._slow_downs = 0
        self._retired = False
        self._signs_in = True

    def transport(self, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> PracticeTransport:
        """The same portal for `httpx.AsyncClient(transport=…)`, without a socket, for any host.

        `sleep` is called for waits; one longer than the client's read timeout raises `ReadTimeout`.
        """
        return PracticeTransport(self, sleep)

    # -- what it received ------------------------------------------------------------------

    def handle(self, request: HttpRequest) -> HttpResponse:
        with self._lock:
            self._requests.append(RecordedRequest(**asdict(request), time=self._clock()))
            return super().handle(request)

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far, oldest first."""
        with self._lock:
            return tuple(self._requests)

    @property
    def disconnects(self) -> tuple[Disconnect, ...]:
        """Every connection that a client closed before its response was complete."""
        with self._lock:
            return tuple(self._disconnects)

    def wait_for_disconnect(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until `count` clients have disconnected; False after `timeout` seconds."""
        with self._disconnected:
            return self._disconnected.wait_for(lambda: len(self._disconnects) >= count, timeout)

    def client_disconnected(self, request: HttpRequest, sent: int) -> None:
        super().client_disconnected(request, sent)
        with self._disconnected:
            self._disconnects.append(Disconnect(request.path, sent, self._clock()))
            self._disconnected.notify_all()

    # -- sign-in ---------------------------------------------------------------------------

    def deny(self, user_code: str) -> Self:
        """Deny as the user does. Raises `LookupError` when no sign-in with that code is pending."""
        return self.approve(user_code, approved=False)

    def slows_down(self, times: int = 1) -> Self:
        """Answer the next `times` polls with `slow_down`, however slow they are."""
        return self._changed(self, _slow_downs=times)

    def interval(self, value: object, *, enforced: float | None = None) -> Self:
        """Set `interval` of device codes to any JSON value; None omits it.

        Faster polls get `slow_down`. `enforced` (seconds) sets another limit; by default it is `value` if that is a
        number up to 60, and 1 otherwise. `enforced=0` disables it.
        """
        self._device_fields["interval"] = value
        seconds = _number_or(value, least=0.001, most=60.0, otherwise=1.0) if enforced is None else enforced
        return self._changed(self._settings, interval=seconds)

    def expires_in(self, value: object) -> Self:
        """Set `expires_in` of device codes to any JSON value; None omits it (then 900 seconds)."""
        self._device_fields["expires_in"] = value
        return self._changed(
            self._settings, expires_in=_number_or(value, least=0.0, most=86_400.0, otherwise=900.0)
        )

    def token_lifetime(self, value: object) -> Self:
        """Set `expires_in` of access tokens to any JSON value; None omits it (then six hours)."""
        self._token_fields["expires_in"] = value
        return super().token_lifetime(_number_or(value, least=0.0, most=31_536_000.0, otherwise=21_600.0))

    def resource_url(self, value: str | None) -> Self:
        """Set `resource_url` of token responses; None omits it."""
        self._token_fields["resource_url"] = value
        return self

    def issue(self, origin: str = "http://127.0.0.1") -> dict[str, Any]:
        """A token response without a sign-in."""
        with self._lock:
            return _with_fields(self._oauth.issue(origin), self._token_fields)

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
        return self._changed(self, _retired=True, _signs_in=signs_in)

    def _device_code(self, request: HttpRequest) -> HttpResponse:
        return _as_scripted(super()._device_code(request), self._device_fields)

    def _token(self, request: HttpRequest) -> HttpResponse:
        if not self._signs_in:
            return html_response(504, GATEWAY_PAGE)
        if self._slow_downs > 0 and request.form().get("grant_type") == DEVICE_GRANT:
            self._slow_downs -= 1
            return oauth_error(429, "slow_down", "polling faster than the interval")
        return _as_scripted(super()._token(request), self._token_fields)

    def _check_bearer(self, request: HttpRequest) -> None:
        super()._check_bearer(request)
        if self._retired:
            raise RequestRefused("invalid access token or token expired", status=401, code="invalid_api_key")

    # -- chat ------------------------------------------------------------------------------

    def floods(self, count: int, text: str = "12345") -> Self:
        """Queue an answer of `count` equal deltas, for measurements."""
        return self.says(*[text] * count)

    def raw_stream(self, *chunks: bytes, content_type: str = EVENT_STREAM) -> Self:
        """Queue these bytes as the body of the next answer, each as a chunk."""
        return self._queued(RawReply(raw=chunks, content_type=content_type))

    def paces(self, seconds: float) -> Self:
        """Set the default wait before each delta."""
        return self._changed(self, _pace=seconds)

    def _answer(self, prompt: ChatPrompt, reply: ScriptedReply) -> HttpResponse:
        if isinstance(reply, RawReply):
            return HttpResponse(200, reply.raw, shipped.STREAM_HEADERS | {"content-type": reply.content_type})
        return super()._answer(prompt, reply)

    # -- failures --------------------------------------------------------------------------

    def answers_html(self, path_part: str, times: int | None = 1) -> Self:
        """Answer matching paths with the firewall's page (status 200)."""
        page = {"content-type": "text/html; charset=utf-8"}
        return self.fails_next(path_part, 200, FIREWALL_PAGE, page, times=times)

    def drops_next(self, path_part: str, times: int | None = 1, *, late: bool = False) -> Self:
        """Close the connection of the next `times` matching requests without a response; `late` as `fails_next`."""
        return self.fails_next(path_part, NO_RESPONSE, times=times, late=late)


class Portal(Scripts, shipped.Portal):
    """The practice portal, with the prompt cache of Model Studio and its batch interfaces.

    portal = Portal().approve_after(polls=2).says("Hel", "lo")
    httpx.AsyncClient(transport=portal.transport())
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._demands_cache_control = False
        self._caches = PromptCaches()
        self._bill = Bill()
        self._batch_settings = BatchSettings()
        self.batch_desk = ScriptedBatchDesk(
            self._batch_settings, self._clock, self._batch_answer, self._next_id
        )
        self._routes["/batch/v1/chat/completions"] = {"POST": self._batch_chat}

    @property
    def bill(self) -> Bill:
        """The tokens of all answers so far, by the kind of their price; those of batches, at half of it, are plain."""
        with self._lock:
            return copy(self._bill)

    def demands_cache_control(self) -> Self:
        """Refuse requests whose first message is not a system message with `cache_control` in a list content.

        The real portal did so in its last weeks.
        """
        return self._changed(self, _demands_cache_control=True)

    def batches(self, **settings: Any) -> Self:
        """Set how batches go: the fields of BatchSettings."""
        return self._changed(self._batch_settings, **settings)

    def _batch_chat(self, request: HttpRequest) -> HttpResponse:
        """The batch host: the answer comes whole, when there is time for it."""
        return replace(self._chat(request), delay=self._batch_settings.takes)

    def _prompt(self, request: HttpRequest, *, batch: bool = False) -> ChatPrompt:
        batch = request.path.startswith("/batch/")
        prompt = super()._prompt(request, batch=batch)
        body = request.json()
        if self._demands_cache_control and not _opens_with_cache_control(body):
            raise RequestRefused("bad request")
        return (
            prompt if batch else replace(prompt, cache=self._caches.usage(body, self._clock(), self._delay))
        )

    def _completed(self, prompt: ChatPrompt, reply: ScriptedReply) -> Any:
        completion, header, usage = super()._completed(prompt, reply)
        if completion.usage is None:  # a scripted one may have any form
            self._bill.add(usage)
        return completion, header, usage


class PracticeGateway(Scripts, practice_gateway.PracticeGateway):
    """The practice Gateway."""


def _number_or(value: object, *, least: float, most: float, otherwise: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return float(value) if math.isfinite(value) and least <= value <= most else otherwise


def _with_fields(value: Mapping[str, Any], fields: Mapping[str, object]) -> dict[str, Any]:
    return {name: item for name, item in {**value, **fields}.items() if item is not None}


def _as_scripted(response: HttpResponse, fields: Mapping[str, object]) -> HttpResponse:
    """A successful response with other values of these fields; None omits one."""
    if response.status != 200 or not fields:
        return response
    return json_response(200, _with_fields(json.loads(response.body), fields))


def _opens_with_cache_control(body: Mapping[str, Any]) -> bool:
    match body["messages"][0]:
        case {"role": "system", "content": [*parts]}:
            return any("cache_control" in part for part in parts)
    return False
