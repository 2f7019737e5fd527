"""Sends one request to a completions endpoint and streams the answer; retries where that is safe.

Nothing is retried once anything of the answer was yielded: it may be paid for and partly read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.chat.adapt import Revision, revise
from openclaw_ipython.chat.completions import ANSWER_LIMIT, AnswerDecoder, decode_completion, encode_bytes
from openclaw_ipython.chat.dialects import PLAIN, Dialect
from openclaw_ipython.chat.http_errors import error_for, parse_error_body, retry_after, retryable
from openclaw_ipython.chat.types import ChatEvent, ChatRequest, Notice, TextDelta
from openclaw_ipython.chat.wrong_address import answering_base_url, is_wrong_path, wrong_address
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import (
    BODY_LIMIT,
    Auth,
    DecodingError,
    HttpClient,
    HTTPError,
    ReadTimeout,
    Response,
    body_pieces,
    read_capped,
    service_error,
    translated,
    undelivered,
)
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.runtime.env import Runtime


ERROR_SECONDS = 10.0
"""The longest time for the body of an error; after it the status is enough."""

DOCUMENT_TIMEOUTS = 10
"""The longest time for an answer that is not streamed, in idle timeouts: a body that trickles ends there."""

LOADING_SECONDS = 10.0
"""The silence of a local server after which it is said that it may be loading the model."""


class RetryPolicy(Struct, frozen=True):
    """How long to wait and how often to retry. Times in seconds.

    `idle_timeout` is the longest time without data, before the answer and inside it; comments, which keep a
    connection open, do not count as data. `usage_timeout` is how long the usage may take after the finish reason,
    `drain_timeout` how long the end of the body may take after `[DONE]`. With `retry_rate_limits` "too many requests"
    is retried as well; not where many requests share a rate, which has to slow down then.
    """

    retries: int = 2
    max_wait: float = 60.0
    first_wait: float = 0.5
    idle_timeout: float = 120.0
    usage_timeout: float = 5.0
    drain_timeout: float = 0.2
    retry_rate_limits: bool = True


class ChatEndpoint(Struct, frozen=True):
    """Where and how a request is sent.

    `url` is the full address of the completions endpoint, `name` the service's name in messages. `auth` applies the
    login. `dialect` is what the host accepts. `refused_key_hint` is the hint of the error for a refused key,
    `unreachable_hint` of that for a server that is not there. `may_load`: it is a local server, which may take any
    time to load a model before it answers.
    """

    http: HttpClient
    url: str
    name: str
    auth: Auth
    runtime: Runtime
    retry_policy: RetryPolicy = RetryPolicy()
    dialect: Dialect = PLAIN
    refused_key_hint: str = ""
    unreachable_hint: str = ""
    may_load: bool = False

    @property
    def base_url(self) -> str:
        """The address without the path of the endpoint."""
        return self.url.removesuffix("/chat/completions")


async def stream_chat(at: ChatEndpoint, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
    """Send `request` and yield the events of the answer. The response is always closed.

    Raises LoginRequired, RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
    ProtocolError; StreamBroken when the answer ends without a finish reason; UsageError when the
    request cannot be written as JSON; the errors of `auth`.
    """
    revision: Revision | None = None
    attempt = 0
    while True:
        try:
            response = await _send(at, revision.request if revision else request)
        except RequestRejected as error:
            revision = None if revision else revise(request, error, at.dialect)
            if revision is None:
                raise
            if revision.note:
                yield Notice(revision.note)
            response = await _send(at, revision.request)
        if isinstance(response, Response):
            if attempt:
                yield Notice(_("sent {count} times", count=attempt + 1))
            try:
                with translated(at.name):
                    async with aclosing(_answer(at, response)) as events:
                        async for event in events:
                            yield event
            finally:
                await response.aclose()
            return
        if at.may_load and _is_loading(response.error):
            yield Notice(loading_text(at.name), seconds=0)
            await at.runtime.sleep(1.0)
            continue
        wait = _wait(at, attempt, response.retry_after)
        paced = isinstance(response.error, RateLimited) and not at.retry_policy.retry_rate_limits
        if paced or attempt == at.retry_policy.retries or wait > at.retry_policy.max_wait:
            raise response.error
        yield Notice(_("{error} · trying again", error=response.error), seconds=wait)
        await at.runtime.sleep(wait)
        attempt += 1


def loading_text(name: str) -> str:
    """What is said while a local server is silent."""
    return _("{name} may be loading the model…", name=name)


def _is_loading(error: OpenClawError) -> bool:
    """Whether a server says that it is loading the model (llama.cpp: 503 "Loading model")."""
    return isinstance(error, ServiceUnavailable) and "loading model" in str(error).lower()


class _Retryable(Struct, frozen=True):
    """A request that was not answered and may be sent again."""

    error: OpenClawError
    retry_after: float | None


def _wait(at: ChatEndpoint, attempt: int, asked: float | None) -> float:
    if asked is not None:
        return asked
    return float(at.retry_policy.first_wait * 2**attempt * (1 + at.runtime.random()))


async def _send(at: ChatEndpoint, request: ChatRequest) -> Response | _Retryable:
    """An open, successful response, which the caller closes, or an error that may be retried."""
    with translated(at.name, at.unreachable_hint):
        try:
            response = await _open(at, request)
        except ReadTimeout:
            raise _silent(at) from None
        except HTTPError as error:
            if not undelivered(error):
                raise
            return _Retryable(service_error(error, at.name, at.unreachable_hint), None)
        if response.is_success:
            return response
        try:
            return await _failed(at, response)
        finally:
            await response.aclose()


async def _open(at: ChatEndpoint, request: ChatRequest) -> Response:
    return await at.http.send(
        "POST",
        at.url,
        content=encode_bytes(request),
        headers={
            **request.headers,
            "Accept": "text/event-stream" if request.stream else "application/json",
            "Content-Type": "application/json",
        },
        auth=at.auth,
        idle=None if at.may_load else at.retry_policy.idle_timeout,
    )


async def _failed(at: ChatEndpoint, response: Response) -> _Retryable:
    """The error of a response: returned if it may be retried, else raised."""
    status = response.status_code
    if response.is_redirect or 300 <= status < 400:
        raise ProtocolError(
            _(
                "{name} redirects elsewhere; that is not followed, since it would repeat the login and the prompt",
                name=at.name,
            ),
            hint=_("check the base URL with %openclaw models status"),
            status=status,
        )
    try:
        body = await read_capped(response, within=ERROR_SECONDS)
    except HTTPError:
        body = b""  # the status is enough
    details = parse_error_body(body, response.headers, _token_of(response))
    if is_wrong_path(status, details):
        answering = await answering_base_url(at.http, at.base_url)
        reason = details.message or _("no reason given")
        raise wrong_address(at.base_url, at.name, answering, status, reason)
    wait = retry_after(response.headers, at.runtime.clock())
    error = error_for(status, details, retry_after=wait)
    if at.refused_key_hint and isinstance(error, LoginRequired):
        error.hint = at.refused_key_hint
    if not retryable(status, details):
        raise error
    return _Retryable(error, wait)


def _token_of(response: Response) -> Secret:
    """The token that was sent, to redact it in error messages."""
    return Secret(response.request.headers.get("authorization", "").partition(" ")[2])


def _answer(at: ChatEndpoint, response: Response) -> AsyncGenerator[ChatEvent, None]:
    """The events of a successful response, by its content type: a document, a web page, or else a stream."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        return _document(at, response, html=True)
    if kind == "application/json" or kind.endswith("+json"):
        return _document(at, response)
    return _events(at, response, labelled=kind == "text/event-stream")


async def _document(
    at: ChatEndpoint, response: Response, *, html: bool = False
) -> AsyncGenerator[ChatEvent, None]:
    token = _token_of(response)
    try:
        body = await read_capped(
            response, BODY_LIMIT if html else ANSWER_LIMIT, DOCUMENT_TIMEOUTS * at.retry_policy.idle_timeout
        )
    except HTTPError as error:
        raise _connection_error(at, error) from None
    if html:
        raise error_for(response.status_code, parse_error_body(body, response.headers, token))
    for event in decode_completion(body, token):
        yield event


async def _events(at: ChatEndpoint, response: Response, *, labelled: bool) -> AsyncGenerator[ChatEvent, None]:
    answer = AnswerDecoder(_token_of(response))
    last_data = at.runtime.monotonic()
    async with aclosing(body_pieces(response)) as pieces:
        try:
            while not answer.done:
                piece = await (
                    _next_within(pieces, at.retry_policy.usage_timeout)
                    if answer.finished
                    else _next_of_local(at, pieces)
                    if at.may_load and answer.events
                    else anext(pieces, None)
                )
                if piece is None:
                    break
                before = answer.events
                for event in answer.feed(piece):
                    yield event
                if answer.events > before:
                    last_data = at.runtime.monotonic()  # without the time the caller took for the events
                elif (answer.events or not at.may_load) and at.runtime.monotonic() - last_data > (
                    at.retry_policy.usage_timeout if answer.finished else at.retry_policy.idle_timeout
                ):
                    raise _idle_error(at)
        except (HTTPError, StreamBroken) as error:
            if not answer.finished:
                raise _connection_error(at, error) from None
        if answer.done and answer.finished:
            await _drain(pieces, at.retry_policy.drain_timeout)
    if not answer.finished:
        raise _unfinished(at, started=labelled or answer.events > 0)


async def _next_within(pieces: AsyncGenerator[bytes, None], within: float) -> bytes | None:
    """The next piece; None at the end or after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            return await anext(pieces, None)
    except TimeoutError:
        return None


async def _next_of_local(at: ChatEndpoint, pieces: AsyncGenerator[bytes, None]) -> bytes | None:
    """The next piece from a server whose connection has no limit for its first one; None at the end."""
    try:
        async with asyncio.timeout(at.retry_policy.idle_timeout):
            return await anext(pieces, None)
    except TimeoutError:
        raise _idle_error(at) from None


async def _drain(pieces: AsyncGenerator[bytes, None], within: float) -> None:
    """Read the end of the body after `[DONE]`, which frees the connection for the next request."""
    try:
        async with asyncio.timeout(within):
            for _ in range(8):
                if await anext(pieces, None) is None:
                    return
    except (TimeoutError, HTTPError):
        pass  # the connection is closed instead


def _connection_error(at: ChatEndpoint, error: HTTPError | StreamBroken) -> OpenClawError:
    match error:
        case StreamBroken():
            return error
        case ReadTimeout():
            return _idle_error(at)
        case DecodingError():
            return service_error(error, at.name)
        case _:
            return _ended_early(type(error).__name__)


def _unfinished(at: ChatEndpoint, *, started: bool) -> OpenClawError:
    if started:
        return _ended_early()
    hint = _("check the base URL with %openclaw models status")
    return ProtocolError(_("{name} answered something that is not a stream", name=at.name), hint=hint)


def _idle_error(at: ChatEndpoint) -> StreamBroken:
    return StreamBroken(
        _("the answer stopped coming: no data for {idle:g} s", idle=at.retry_policy.idle_timeout),
        hint=_longer(at),
    )


def _silent(at: ChatEndpoint) -> ServiceUnavailable:
    idle = at.retry_policy.idle_timeout
    return ServiceUnavailable(
        _("{name} did not begin to answer within {idle:g} s", name=at.name, idle=idle), hint=_longer(at)
    )


def _longer(at: ChatEndpoint) -> str:
    return _(
        "run the cell again; --timeout {seconds:.0f} waits longer", seconds=5 * at.retry_policy.idle_timeout
    )


def _ended_early(why: str = "") -> StreamBroken:
    return StreamBroken(
        _(
            "the answer ended early: the connection broke before it was finished{why}",
            why=f" ({why})" if why else "",
        ),
        hint=_("run the cell again"),
    )


async def announced(
    events: AsyncGenerator[ChatEvent, None], text: str, after: float = LOADING_SECONDS
) -> AsyncGenerator[ChatEvent, None]:
    """`events`, with a notice of `text` when the first of them takes longer than `after` seconds."""
    async with aclosing(events):
        first = asyncio.ensure_future(anext(events))
        try:
            if not (await asyncio.wait({first}, timeout=after))[0]:
                yield Notice(text, seconds=0)
            await asyncio.wait({first})
        finally:
            first.cancel()
            await asyncio.wait({first})
            _unheeded = first.cancelled() or first.exception()  # else asyncio logs it
        try:
            event = first.result()
        except StopAsyncIteration:
            return
        yield event
        async for event in events:
            yield event


async def with_timeout(
    seconds: float, events: AsyncGenerator[ChatEvent, None]
) -> AsyncGenerator[ChatEvent, None]:
    """`events`, if the last of them comes within `seconds` from now.

    Raises StreamBroken (its `.partial` is the text so far) if text has arrived by then, else ServiceUnavailable.
    """
    end = asyncio.get_running_loop().time() + seconds
    texts: list[str] = []
    async with aclosing(events):
        while True:
            try:
                # only the wait is timed: a timeout around the `yield` would interrupt the receiver
                async with asyncio.timeout_at(end):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _timed_out(seconds, "".join(texts)) from None
            if isinstance(event, TextDelta):
                texts.append(event.text)
            yield event


def _timed_out(seconds: float, partial: str) -> ServiceUnavailable | StreamBroken:
    if not partial:
        return ServiceUnavailable(
            _("no answer within {seconds} s", seconds=f"{seconds:g}"),
            hint=_("--timeout S waits longer; without it there is no limit"),
        )
    error = StreamBroken(_("the answer took longer than {seconds} s", seconds=f"{seconds:g}"))
    error.partial = partial
    return error
