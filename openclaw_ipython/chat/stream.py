"""One streaming HTTP exchange with a completions endpoint: sent, retried where allowed, always closed.

Yields ChatEvents and raises our errors. Nothing is retried once anything of the answer was yielded:
it may have been paid for and partly read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from openclaw_ipython.chat.completions import ANSWER_LIMIT, AnswerDecoder, decode_completion, encoded
from openclaw_ipython.chat.dialects import PLAIN, Dialect, Mended, mended
from openclaw_ipython.chat.http_errors import error_for, read_failure, retry_after, retryable
from openclaw_ipython.chat.types import ChatEvent, ChatRequest, Notice
from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.net.client import (
    BODY_LIMIT,
    Auth,
    DecodingError,
    HttpClient,
    HTTPError,
    ReadTimeout,
    Response,
    body_pieces,
    from_httpx,
    read_capped,
    translated,
    undelivered,
)
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.values import dataclass, field


@dataclass(frozen=True)
class Patience:
    """How long is waited and how often tried. Seconds.

    `idle` is the longest silence, before the answer and inside it. Only data breaks it: comments keep a
    connection open, not our patience. `ending` is how long the usage may take once the service has said why it
    stopped, `parting` how long the connection may take to come free after `[DONE]`. `limits`: "too many requests" is
    waited out as well; not where many requests share a pace, which has to hear of it.
    """

    retries: int = 2
    longest_wait: float = 60.0
    first_wait: float = 0.5
    idle: float = 120.0
    ending: float = 5.0
    parting: float = 0.2
    limits: bool = True


@dataclass(frozen=True)
class Exchange:
    """Where and how one request is sent.

    `url` is the full address of the completions endpoint, `name` what the other side is called in
    messages, `auth` applies the login. `sleep`, `clock` (monotonic), `wall` (epoch) and `random`
    (a number from 0 to 1) are passed in, so that tests need no waiting. `dialect` knows what the host may be asked
    again differently; `wrong_key` is what to do about a key that is refused.
    """

    http: HttpClient
    url: str
    name: str
    auth: Auth
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]
    patience: Patience = field(default_factory=Patience)
    dialect: Dialect = PLAIN
    wrong_key: str = ""


async def stream_chat(at: Exchange, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
    """Send `request` and yield what comes, until it is finished.

    Raises LoginRequired, RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
    ProtocolError; StreamBroken when the answer ended without a finish reason; UsageError when the
    request is no JSON; whatever of ours `auth` raises.
    """
    better: Mended | None = None
    for attempt in range(at.patience.retries + 1):
        try:
            response = await _sent(at, better.request if better else request)
        except RequestRejected as error:
            better = None if better else mended(request, error, at.dialect)
            if better is None:
                raise
            if better.note:
                yield Notice(better.note)
            response = await _sent(at, better.request)
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
        wait = _wait(at, attempt, response.retry_after)
        paced = isinstance(response.error, RateLimited) and not at.patience.limits
        if paced or attempt == at.patience.retries or wait > at.patience.longest_wait:
            raise response.error
        yield Notice(f"{response.error} · trying again", seconds=wait)
        await at.sleep(wait)


@dataclass(frozen=True)
class _Refused:
    """Not answered, and the same request may be sent again."""

    error: OpenClawError
    retry_after: float | None


def _wait(at: Exchange, attempt: int, asked: float | None) -> float:
    if asked is not None:
        return asked
    return float(at.patience.first_wait * 2**attempt * (1 + at.random()))


async def _sent(at: Exchange, request: ChatRequest) -> Response | _Refused:
    """An open response that promises an answer; whoever gets it closes it."""
    with translated(at.name):
        try:
            response = await _opened(at, request)
        except HTTPError as error:
            if not undelivered(error):
                raise
            return _Refused(from_httpx(error, at.name), None)
        if response.is_success:
            return response
        try:
            return await _refusal(at, response)
        finally:
            await response.aclose()


async def _opened(at: Exchange, request: ChatRequest) -> Response:
    return await at.http.send(
        "POST",
        at.url,
        content=encoded(request),
        headers={
            **request.headers,
            "Accept": "text/event-stream" if request.stream else "application/json",
            "Content-Type": "application/json",
        },
        auth=at.auth,
        idle=at.patience.idle,
    )


async def _refusal(at: Exchange, response: Response) -> _Refused:
    """An error answer: raised when final, returned when it may be tried again."""
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
        body = await read_capped(response)
    except HTTPError:
        body = b""  # the status alone says enough
    failure = read_failure(body, response.headers, _login_of(response))
    wait = retry_after(response.headers, at.wall())
    error = error_for(status, failure, retry_after=wait)
    if at.wrong_key and isinstance(error, LoginRequired):
        error.hint = at.wrong_key
    if not retryable(status, failure):
        raise error
    return _Refused(error, wait)


def _login_of(response: Response) -> Secret:
    """The token that was sent, so that an error text repeating it can be redacted."""
    return Secret(response.request.headers.get("authorization", "").partition(" ")[2])


def _answer(at: Exchange, response: Response) -> AsyncGenerator[ChatEvent, None]:
    """A 200 by what it claims to be: a document, a web page, or else a stream."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        return _document(at, response, html=True)
    if kind == "application/json" or kind.endswith("+json"):
        return _document(at, response)
    return _events(at, response, labelled=kind == "text/event-stream")


async def _document(
    at: Exchange, response: Response, *, html: bool = False
) -> AsyncGenerator[ChatEvent, None]:
    login = _login_of(response)
    try:
        body = await read_capped(response, BODY_LIMIT if html else ANSWER_LIMIT)
    except HTTPError as error:
        raise _broken_off(at, error) from None
    if html:
        raise error_for(response.status_code, read_failure(body, response.headers, login))
    for event in decode_completion(body, login):
        yield event


async def _events(at: Exchange, response: Response, *, labelled: bool) -> AsyncGenerator[ChatEvent, None]:
    answer = AnswerDecoder(_login_of(response))
    heard = at.clock()
    async with aclosing(body_pieces(response)) as pieces:
        try:
            while not answer.done:
                piece = await (_soon(pieces, at.patience.ending) if answer.finished else anext(pieces, None))
                if piece is None:
                    break
                before = answer.events
                for said in answer.feed(piece):
                    yield said
                if answer.events > before:
                    heard = at.clock()  # after the reader had its time with what was said
                elif at.clock() - heard > (at.patience.ending if answer.finished else at.patience.idle):
                    raise _silent(at)
        except (HTTPError, StreamBroken) as error:
            if not answer.finished:
                raise _broken_off(at, error) from None
        if answer.done and answer.finished:
            await _let_end(pieces, at.patience.parting)
    if not answer.finished:
        raise _unfinished(at, started=labelled or answer.events > 0)


async def _soon(pieces: AsyncGenerator[bytes, None], within: float) -> bytes | None:
    """The next piece; None at the end, and when it did not come `within` seconds."""
    try:
        async with asyncio.timeout(within):
            return await anext(pieces, None)
    except TimeoutError:
        return None


async def _let_end(pieces: AsyncGenerator[bytes, None], within: float) -> None:
    """After `[DONE]`: the end of the body makes the connection free for the next request."""
    try:
        async with asyncio.timeout(within):
            for _ in range(8):
                if await anext(pieces, None) is None:
                    return
    except (TimeoutError, HTTPError):
        pass  # then it is closed instead


def _broken_off(at: Exchange, error: HTTPError | StreamBroken) -> OpenClawError:
    match error:
        case StreamBroken():
            return error
        case ReadTimeout():
            return _silent(at)
        case DecodingError():
            return from_httpx(error, at.name)
        case _:
            return _ended_early(type(error).__name__)


def _unfinished(at: Exchange, *, started: bool) -> OpenClawError:
    if started:
        return _ended_early()
    hint = _("check the base URL with %openclaw models status")
    return ProtocolError(_("{name} answered something that is not a stream", name=at.name), hint=hint)


def _silent(at: Exchange) -> StreamBroken:
    return StreamBroken(
        _("the answer stopped coming: no data for {idle:g} s", idle=at.patience.idle),
        hint=_("run the cell again"),
    )


def _ended_early(why: str = "") -> StreamBroken:
    return StreamBroken(
        _(
            "the answer ended early: the connection broke before it was finished{why}",
            why=f" ({why})" if why else "",
        ),
        hint=_("run the cell again"),
    )
