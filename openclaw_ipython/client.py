"""Client: joins configuration, tokens, providers and chat. Async only; the front door for programs.

`auth` and `chat` do not know each other: this is where a stream gets an `httpx.Auth` that carries the login.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self

import httpx

from openclaw_ipython.accounts import Accounts, Credential, LoginOutcome
from openclaw_ipython.auth.device_flow import Pkce, device_flow
from openclaw_ipython.auth.login import Granted, Prompted, Waiting, carry_out
from openclaw_ipython.auth.tokens import BearerAuth, FixedToken, NoToken, StoredTokens, TokenSource
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.messages import ChatEvent, ChatRequest, Message, Notice, Reply, TextDelta
from openclaw_ipython.chat.stream import Exchange, Patience, stream_chat
from openclaw_ipython.config.paths import Home, here
from openclaw_ipython.config.refs import Ref
from openclaw_ipython.config.store import Store
from openclaw_ipython.errors import ConfigError, LoginRequired, StreamBroken, UsageError
from openclaw_ipython.http import https_host, is_loopback, make_client
from openclaw_ipython.models import Models
from openclaw_ipython.providers import Provider, Providers, built_in

Prompt = str | Sequence[Message]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The login is finished and written."""

    outcome: LoginOutcome


LoginEvent = Prompted | Waiting | LoggedIn


@dataclass(frozen=True, slots=True)
class Question:
    """A question made ready: to whom, where, and with which login. Nothing was sent yet."""

    ref: Ref
    url: str
    request: ChatRequest
    credential: Credential
    token_url: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What a client takes from outside: time, randomness, the environment. Tests pass their own.

    `clock` is epoch seconds, `pulse` monotonic seconds.
    """

    environ: Mapping[str, str]
    clock: Callable[[], float] = time.time
    pulse: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


class Client:
    """Talks to the models that OpenClaw's configuration names.

        async with Client() as client:
            reply = await client.ask("Why is the sky blue?")
            async for event in client.stream("And at sunset?", model="qwen"):
                ...

    A client belongs to the event loop it is first used in. `store`, `providers`, `transport` (an httpx
    transport), `world` and `patience` replace what would be taken from this machine.
    """

    def __init__(
        self,
        *,
        store: Store | None = None,
        providers: Providers | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        world: World | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._world = world or World(dict(os.environ))
        self._providers = providers if providers is not None else built_in()
        self._store = store or Store(here(), environ=self._world.environ)
        self._transport = transport
        self._patience = patience or Patience()
        self._http: httpx.AsyncClient | None = None
        self._sources: dict[str, StoredTokens] = {}
        self._warnings: list[str] = []
        self.models = Models(self._store, self._providers)
        self.accounts = Accounts(self._store, self._providers, self._world.environ, self._world.clock)

    @property
    def home(self) -> Home:
        """Where the files of this client are."""
        return self._store.home

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        self._sources.clear()
        if http is not None:
            await http.aclose()

    # -- asking --

    def question(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stream: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> Question:
        """Decide to whom a prompt goes. Sends nothing.

        `model` is an alias or `provider/model`, None for the default. Raises UnknownModel, UnknownProvider,
        LoginRequired, ConfigError, DocumentError.
        """
        ref = self.models.resolve(model) if model else self._default()
        target = self.models.target(ref)
        credential = self.accounts.credential(ref.provider)
        if credential is None:
            raise LoginRequired(f"no login for {ref.provider}", hint=_login_command(ref.provider))
        url = _checked_base_url(target.base_url, ref.provider) + "/chat/completions"
        messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
        if system:
            messages = (Message("system", system), *messages)
        request = ChatRequest(ref.model, messages, temperature, top_p, max_tokens, stream, extra or {})
        provider = self._providers.get(ref.provider)
        if credential.profile is None or provider is None or provider.device_login is None:
            return Question(ref, url, request, credential)
        endpoints = self.accounts.device_endpoints(provider)
        return Question(ref, url, request, credential, endpoints.token_url, endpoints.client_id)

    async def stream(self, prompt: Prompt | Question, **options: Any) -> AsyncGenerator[ChatEvent, None]:
        """Ask, and yield what comes as it comes. `options` are those of `question`.

        Raises what `question` raises, and RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
        ProtocolError, RefreshRejected; StreamBroken (its `.partial` is the text so far) when the answer ends early.
        """
        question = prompt if isinstance(prompt, Question) else self.question(prompt, **options)
        exchange = Exchange(
            http=self._open(),
            url=question.url,
            name=question.ref.provider,
            auth=BearerAuth(self._tokens(question)),
            sleep=self._world.sleep,
            clock=self._world.pulse,
            wall=self._world.clock,
            jitter=self._world.jitter,
            patience=self._patience,
        )
        text: list[str] = []
        try:
            async with aclosing(stream_chat(exchange, question.request)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        text.append(event.text)
                    yield event
        except StreamBroken as error:
            error.partial = "".join(text)
            raise
        while self._warnings:
            yield Notice(self._warnings.pop(0))

    async def ask(self, prompt: Prompt | Question, **options: Any) -> Reply:
        """Ask, and return the whole answer. Options and errors as for `stream`."""
        question = prompt if isinstance(prompt, Question) else self.question(prompt, **options)
        collector = Collector(str(question.ref), self._world.pulse())
        async with aclosing(self.stream(question)) as events:
            async for event in events:
                collector.add(event, self._world.pulse())
        return collector.reply(self._world.pulse())

    # -- signing in --

    async def login(
        self, provider: str = "qwen-portal", *, set_default: bool = False, profile: str = "default"
    ) -> AsyncGenerator[LoginEvent, None]:
        """Sign in by device code: yields Prompted once, Waiting before each poll, LoggedIn at the end.

        Nothing is written before the service has said yes. Raises LoginDenied, LoginExpired, LoginUnavailable,
        ServiceUnavailable, ProtocolError, DocumentError.
        """
        spec = self.provider(provider)
        # A file that cannot be edited is found now, not after the person has confirmed the code.
        self._store.load()
        flow = device_flow(
            self.accounts.device_endpoints(spec), Pkce.make(self._world.random_bytes), self._world.pulse
        )
        name = f"the sign-in service of {spec.label}"
        async with aclosing(carry_out(flow, self._open(), self._world.sleep, name)) as events:
            async for event in events:
                if not isinstance(event, Granted):
                    yield event
                    continue
                outcome = self.accounts.record_login(
                    spec, event.grant, set_default=set_default, profile_name=profile
                )
                yield LoggedIn(outcome)

    def provider(self, word: str) -> Provider:
        """The built-in provider `word` stands for. Raises UsageError with suggestions."""
        found = self.models.checked_provider(word)
        if found not in self._providers:
            raise UsageError(f"{found} is an entry of your own in openclaw.json; it has no sign-in here")
        return self._providers[found]

    # -- inside --

    def _default(self) -> Ref:
        ref = self.models.default()
        if ref is None:
            raise LoginRequired("no model is chosen and nobody is signed in yet", hint="%openclaw login")
        return ref

    def _open(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = make_client(self._transport)
        return self._http

    def _tokens(self, question: Question) -> TokenSource:
        credential = question.credential
        if credential.key is not None:
            return FixedToken(credential.key)
        if credential.profile is None:
            return NoToken()
        profile_id = credential.profile.id
        if profile_id not in self._sources:
            self._sources[profile_id] = StoredTokens(
                self._store,
                profile_id,
                token_url=question.token_url,
                client_id=question.client_id,
                http=self._open(),
                clock=self._world.clock,
                pulse=self._world.pulse,
                sleep=self._world.sleep,
                warn=self._warnings.append,
            )
        return self._sources[profile_id]


def _checked_base_url(base_url: str, provider: str) -> str:
    """A login goes out over https, or to this machine."""
    if https_host(base_url) is None and not is_loopback(base_url):
        raise ConfigError(
            f"the base URL of {provider} is neither https nor on this machine",
            hint=f"models.providers.{provider}.baseUrl in openclaw.json",
        )
    return base_url


def _login_command(provider: str) -> str:
    return "%openclaw login" if provider == "qwen-portal" else f"%openclaw login --provider {provider}"
