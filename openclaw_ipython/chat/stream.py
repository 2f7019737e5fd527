"""Sends one request to a completions endpoint and streams the answer; retries where that is safe.

Nothing is retried once anything of the answer was yielded: it may be paid for and partly read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct, field

from openclaw_ipython.chat.adjustments import REFUSAL_LENGTH, AdjustedRequest, HostMemory
from openclaw_ipython.chat.agents import agent_error, turn_broken
from openclaw_ipython.chat.completions import to_bytes
from openclaw_ipython.chat.decode import AnswerDecoder, joined
from openclaw_ipython.chat.dialects import PLAIN, Dialect
from openclaw_ipython.chat.http_errors import (
    ErrorDetails,
    error_for,
    parse_error_body,
    retry_after,
    retryable,
)
from openclaw_ipython.chat.received import partial_kept
from openclaw_ipython.chat.types import AdjustmentNotice, ChatEvent, ChatRequest, Notice
from openclaw_ipython.chat.wrong_address import answering_base_url, is_wrong_path, wrong_address
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceUnavailable,
    StreamBroken,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import (
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
    login. `dialect` is what the host accepts, `host_memory` what hosts have refused so far. `refused_key_hint` is the
    hint of the error for a refused key, `unreachable_hint` of that for a server that is not there. `may_load`: it is a
    local server, which may take any time to load a model before it answers.
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
    host_memory: HostMemory = field(default_factory=HostMemory)

    def error(
        self, status: int | None, details: ErrorDetails, retry_after: float | None = None
    ) -> OpenClawError:
        """The error for what the host reports; `status` is None inside an answer."""
        make = agent_error if self.dialect.agent else error_for
        error = make(status, details, retry_after=retry_after)
        if self.refused_key_hint and isinstance(error, LoginRequired):
            error.hint = self.refused_key_hint
        return error

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
    known = at.dialect.adjustments | at.host_memory.known(at.url, request.model)
    sent = AdjustedRequest(request, known, at.dialect.name)
    attempt = 0
    while True:
        failure = await _send(at, sent)
        if isinstance(failure, Response):
            begun = False
            try:
                async with aclosing(_answer_to(at, sent, request, failure)) as events:
                    async for event in events:
                        if not begun and attempt:
                            yield Notice(_("sent {count} times", count=attempt + 1))
                        begun = True
                        yield event
            except OpenClawError as error:  # an error in a response with a status of success
                if begun or not _may_name_a_part(at, error) or not sent.revise(str(error)):
                    raise
                continue
            return
        if _may_name_a_part(at, failure.error) and sent.revise(failure.refusal):
            continue
        if (
            at.may_load
            and isinstance(failure.error, ServiceUnavailable)
            and "loading model" in str(failure.error).lower()  # llama.cpp: 503 "Loading model"
        ):
            yield Notice(loading_text(at.name), seconds=0)
            await at.runtime.sleep(1.0)
            continue
        wait = failure.retry_after
        if wait is None:
            wait = at.retry_policy.first_wait * 2**attempt * (1 + at.runtime.random())
        paced = isinstance(failure.error, RateLimited) and not at.retry_policy.retry_rate_limits
        last = attempt == at.retry_policy.retries or wait > at.retry_policy.max_wait
        if not failure.retryable or paced or last:
            raise failure.error
        yield Notice(_("{error} · trying again", error=failure.error), seconds=wait)
        await at.runtime.sleep(wait)
        attempt += 1


def loading_text(name: str) -> str:
    """What is said while a local server is silent."""
    return _("{name} may be loading the model…", name=name)


def _may_name_a_part(at: ChatEndpoint, error: OpenClawError) -> bool:
    return not at.dialect.agent and isinstance(error, (RequestRejected, ServiceUnavailable))


async def _answer_to(
    at: ChatEndpoint, sent: AdjustedRequest, request: ChatRequest, response: Response
) -> AsyncGenerator[ChatEvent, None]:
    """The events of a successful response, after the notes about adjustments, which the host is remembered to need.

    An answer that was streamed although the request did not ask for it is given at its end.
    """
    held: list[ChatEvent] = []
    failure: OpenClawError | None = None
    holds, begun = sent.body["stream"] and not request.stream, False
    try:
        with partial_kept() as received, translated(at.name):
            async with aclosing(_answer(at, response, request)) as events:
                async for event in events:
                    received.add(event)
                    if not begun:
                        begun = True
                        at.host_memory.learn(at.url, request.model, sent.learned)
                        for note in sent.notes():
                            yield AdjustmentNotice(note)
                    if holds:
                        held.append(event)
                    else:
                        yield event
    except OpenClawError as error:
        failure = error
    finally:
        await response.aclose()
    for event in joined(iter(held)):
        yield event
    if failure is not None:
        raise failure


class _Failure(Struct, frozen=True):
    """A request that was not answered. `refusal` is what the host says, searched for parts of the request."""

    error: OpenClawError
    retry_after: float | None
    retryable: bool = True
    refusal: str = ""


async def _send(at: ChatEndpoint, sent: AdjustedRequest) -> Response | _Failure:
    """An open, successful response, which the caller closes, or the failure."""
    with translated(at.name, at.unreachable_hint):
        try:
            response = await at.http.send(
                "POST",
                at.url,
                content=to_bytes(sent.body),
                headers={
                    **sent.headers,
                    "Accept": "text/event-stream" if sent.body["stream"] else "application/json",
                    "Content-Type": "application/json",
                },
                auth=at.auth,
                idle=None if at.may_load else at.retry_policy.idle_timeout,
            )
        except ReadTimeout:
            idle = at.retry_policy.idle_timeout
            words = _("{name} did not begin to answer within {idle:g} s", name=at.name, idle=idle)
            raise ServiceUnavailable(words, hint=_longer(at)) from None
        except HTTPError as error:
            if not undelivered(error):
                raise
            failure = service_error(error, at.name, at.unreachable_hint)
            if isinstance(failure, ServiceError):
                failure.delivered = False
            return _Failure(failure, None)
        if response.is_success:
            return response
        try:
            return await _failed(at, response)
        finally:
            await response.aclose()


async def _failed(at: ChatEndpoint, response: Response) -> _Failure:
    """The failure that a response reports. Raises ProtocolError for a redirect."""
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
    details = parse_error_body(body, response.headers, token_of(response))
    if is_wrong_path(status, details) and not at.dialect.agent:
        answering = await answering_base_url(at.http, at.base_url)
        reason = details.message or _("no reason given")
        raise wrong_address(at.base_url, at.name, answering, status, reason)
    wait = retry_after(response.headers, at.runtime.clock())
    refusal = body[: 2 * REFUSAL_LENGTH].decode("utf-8", "replace")
    return _Failure(at.error(status, details, wait), wait, retryable(status, details), refusal)


def token_of(response: Response) -> Secret:
    """The token that was sent, to redact it in error messages."""
    return Secret(response.request.headers.get("authorization", "").partition(" ")[2])


async def _answer(
    at: ChatEndpoint, response: Response, request: ChatRequest
) -> AsyncGenerator[ChatEvent, None]:
    """The events of a successful response, whatever its content type says."""
    answer = AnswerDecoder(
        token_of(response), model=request.model, cache=at.dialect.cache, error_for=at.error
    )
    started = at.runtime.monotonic()
    last_data = started
    async with aclosing(body_pieces(response)) as pieces:
        try:
            while not answer.done:
                piece = await _next_piece(at, answer, pieces)
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
                if (
                    answer.is_document
                    and last_data - started > DOCUMENT_TIMEOUTS * at.retry_policy.idle_timeout
                ):
                    raise _idle_error(at)
        except (HTTPError, StreamBroken) as error:
            if not answer.finished:
                raise _connection_error(at, error) from None
        for event in answer.finish():
            yield event
        if answer.done and answer.finished:
            await _drain(pieces, at.retry_policy.drain_timeout)
    if not answer.finished:
        labelled = response.headers.get("content-type", "").startswith("text/event-stream")
        raise _unfinished(at, started=answer.events > 0 or (labelled and not answer.junk), junk=answer.junk)


async def _next_piece(
    at: ChatEndpoint, answer: AnswerDecoder, pieces: AsyncGenerator[bytes, None]
) -> bytes | None:
    """The next piece; None at the end, or if the usage does not come in time after the finish reason."""
    limit = None  # the connection has one, but not for a local server that may load
    if answer.finished:
        limit = at.retry_policy.usage_timeout
    elif at.may_load and answer.events:
        limit = at.retry_policy.idle_timeout
    try:
        async with asyncio.timeout(limit):
            return await anext(pieces, None)
    except TimeoutError:
        if answer.finished:
            return None
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
    if isinstance(error, StreamBroken):
        return error
    if isinstance(error, DecodingError):
        return service_error(error, at.name)
    return _idle_error(at) if isinstance(error, ReadTimeout) else _ended_early(at, type(error).__name__)


def _unfinished(at: ChatEndpoint, *, started: bool, junk: str) -> OpenClawError:
    if started:
        return _ended_early(at)
    hint = _("check the base URL with %openclaw models status")
    if junk:
        why = _("{name} answered something that is not an answer of a model: {text}", name=at.name, text=junk)
        return ProtocolError(why, hint=hint)
    return ProtocolError(_("{name} answered nothing", name=at.name), hint=hint)


def _idle_error(at: ChatEndpoint) -> StreamBroken:
    return StreamBroken(
        _("the answer stopped coming: no data for {idle:g} s", idle=at.retry_policy.idle_timeout),
        hint=_longer(at),
    )


def _longer(at: ChatEndpoint) -> str:
    return _(
        "run the cell again; --timeout {seconds:.0f} waits longer", seconds=5 * at.retry_policy.idle_timeout
    )


def _ended_early(at: ChatEndpoint, why: str = "") -> StreamBroken:
    if at.dialect.agent:
        return turn_broken()
    return StreamBroken(
        _(
            "the answer ended early: the connection broke before it was finished{why}",
            why=f" ({why})" if why else "",
        ),
        hint=_("run the cell again"),
    )


async def announced(
    events: AsyncGenerator[ChatEvent, None], *silences: tuple[float, str]
) -> AsyncGenerator[ChatEvent, None]:
    """`events`, with a notice for each of `silences` (seconds, text) that the first of them takes longer than."""
    async with aclosing(events):
        first = asyncio.ensure_future(anext(events))
        waited = 0.0
        try:
            for after, text in silences:
                if not (await asyncio.wait({first}, timeout=after - waited))[0]:
                    yield Notice(text, seconds=0)
                waited = after
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
