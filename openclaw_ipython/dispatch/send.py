"""A question delivered: sent with its login, with others standing in where they may, and what came of it noted.

`auth` and `chat` do not know each other: this is where a stream gets an `Auth` that carries the login.
Who is asked was decided before (`questions`), and who stands in is decided elsewhere (`routing`).
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import field, replace
from typing import TYPE_CHECKING, NamedTuple

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken, NoToken, TokenSource
from openclaw_ipython.auth.tokens import StoredTokens
from openclaw_ipython.chat.stream import Exchange, Patience, stream_chat
from openclaw_ipython.chat.types import ChatEvent, Notice, TextDelta, UsageReport
from openclaw_ipython.dispatch.failover import Question, Routing, reason_of
from openclaw_ipython.errors import OpenClawError, StreamBroken
from openclaw_ipython.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.chat.types import Usage
    from openclaw_ipython.net.client import HttpClient


class Sent(NamedTuple):
    """One request as it went, for who keeps the books: `at` in epoch seconds, spans in seconds.

    `outcome` is `ok`, `interrupted`, `ended early`, `cache` (nothing was sent), or the name of the error.
    """

    question: Question
    at: float
    seconds: float
    outcome: str
    usage: Usage | None = None
    first_text: float | None = None


@dataclass()
class _Heard:
    """What has come of an answer: whether anything, its text, whether all."""

    begun: bool = False
    complete: bool = False
    pieces: list[str] = field(default_factory=list)


class Delivery:
    """Carries questions out over one HTTP client.

    `http` opens that client at the first use; `explained` may turn the last error into one that says more, given
    the credential it met. `clock` is epoch seconds, `monotonic` seconds that never go back, `random` gives 0 to 1.
    `record` is told of every request when it is over, however it ended; `remarks` are what is to be said by the way
    of a provider that has answered. Both must neither raise nor take time.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        http: Callable[[], HttpClient],
        explained: Callable[[OpenClawError, Question], OpenClawError],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        patience: Patience,
        record: Callable[[Sent], None] | None = None,
        remarks: Callable[[str], list[str]] = lambda provider: [],
    ) -> None:
        self._accounts = accounts
        self._http = http
        self._explained = explained
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._patience = patience
        self._record = record
        self._remarks = remarks
        self._sources: dict[str, StoredTokens] = {}
        self._warnings: list[str] = []

    async def aclose(self) -> None:
        """Stop refreshes that go on."""
        sources, self._sources = self._sources, {}
        for source in sources.values():
            await source.aclose()

    async def forget(self, name: str) -> None:
        """Let go of one login: a refresh that goes on would write it back."""
        source = self._sources.pop(name, None)
        if source is not None:
            await source.aclose()

    async def stream(self, question: Question) -> AsyncGenerator[ChatEvent, None]:
        """Ask, and yield what comes as it comes; see `Client.stream` for what is raised."""
        routing, text = Routing(question), _Heard()
        while not text.complete:
            try:
                async with aclosing(self._attempt(routing, text)) as events:
                    async for event in events:
                        yield event
            except OpenClawError as error:
                await self._note_failure(routing.at, error)
                if isinstance(error, StreamBroken):
                    error.partial = "".join(text.pieces)
                if text.begun:  # it may have been paid for, and partly read
                    raise
                if not routing.goes_on(error):
                    raise self._explained(routing.error(error), routing.at) from None
        await self._note_success(routing)
        self._warnings += self._remarks(routing.at.ref.provider)
        while self._warnings:
            yield Notice(self._warnings.pop(0))

    async def _attempt(self, routing: Routing, heard: _Heard) -> AsyncGenerator[ChatEvent, None]:
        """One question to whoever is to be asked now; at its first word, who it is and why."""
        asked, at, since = routing.at, self._clock(), self._monotonic()
        outcome, usage, first_text = "interrupted", None, None
        try:
            async with aclosing(stream_chat(self.exchange(asked), asked.request)) as events:
                async for event in events:
                    if not heard.begun and not isinstance(event, Notice):
                        heard.begun = True
                        for said in routing.opening():
                            yield said
                    if isinstance(event, TextDelta):
                        if first_text is None:
                            first_text = self._monotonic() - since
                        heard.pieces.append(event.text)
                    elif isinstance(event, UsageReport):
                        usage = priced(event.usage, asked)
                        event = UsageReport(usage)  # noqa: PLW2901 - the same, with what it costs
                    yield event
            heard.complete, outcome = True, "ok"
        except OpenClawError as error:
            outcome = "ended early" if isinstance(error, StreamBroken) else type(error).__name__
            raise
        finally:
            if self._record is not None:
                self._record(Sent(asked, at, self._monotonic() - since, outcome, usage, first_text))

    def exchange(self, question: Question) -> Exchange:
        """Where and how `question` is sent."""
        return Exchange(
            http=self._http(),
            url=question.url,
            name=question.ref.provider,
            auth=BearerAuth(self.tokens(question)),
            sleep=self._sleep,
            clock=self._monotonic,
            wall=self._clock,
            random=self._random,
            patience=self._patience,
            dialect=question.dialect,
            wrong_key=question.wrong_key,
        )

    def tokens(self, question: Question) -> TokenSource:
        """The login of `question`, fresh on demand; one source for all questions by the same login."""
        credential = question.credential
        if credential.key is not None:
            return FixedToken(credential.key)
        if credential.profile is None:
            return NoToken()
        home = self._accounts.token_store(credential)
        if home.name not in self._sources:
            self._sources[home.name] = StoredTokens(
                home,
                token_url=question.token_url,
                client_id=question.client_id,
                http=self._http(),
                clock=self._clock,
                monotonic=self._monotonic,
                sleep=self._sleep,
                warn=self._warnings.append,
            )
        return self._sources[home.name]

    async def noted(self, question: Question, error: OpenClawError | None) -> None:
        """Write down how the login of `question` fared, for who carries out many exchanges by it and notes once."""
        if error is None:
            await self._note_success(Routing(question))
        else:
            await self._note_failure(question, error)

    async def _note_failure(self, question: Question, error: OpenClawError) -> None:
        reason, used = reason_of(error), question.credential
        if reason is not None and used.has_secret:
            await self._accounts.standing.failed(used.id, used.provider, reason, self._sleep)

    async def _note_success(self, routing: Routing) -> None:
        used = routing.at.credential
        if used.has_secret:
            await self._accounts.standing.worked(
                used.id, used.provider, self._sleep, competes=routing.competes
            )


def priced(usage: Usage, question: Question) -> Usage:
    """`usage` with what it costs, where the price of the model that was asked is known."""
    price = question.price
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    return replace(usage, cost=price.cost(usage.input_tokens, usage.output_tokens, usage.cached_tokens or 0))
