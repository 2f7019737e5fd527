"""Client: joins configuration, tokens, providers and chat. Async only; the front door for programs.

What it joins is carried out elsewhere: questions are delivered by `delivery`, sign-ins by `sign_ins`.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import httpx

from openclaw_ipython.accounts import Accounts, LoginOutcome
from openclaw_ipython.auth.bearer import BearerAuth
from openclaw_ipython.auth.token_homes import StoreProfile
from openclaw_ipython.catalogue import Catalogue
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.messages import (
    ChatEvent,
    ChatRequest,
    Message,
    Reply,
)
from openclaw_ipython.chat.stream import Patience
from openclaw_ipython.config.paths import Home, here
from openclaw_ipython.config.refs import Ref
from openclaw_ipython.config.store import Store
from openclaw_ipython.delivery import Delivery
from openclaw_ipython.errors import UsageError
from openclaw_ipython.http import make_client
from openclaw_ipython.models import Models
from openclaw_ipython.providers import ModelSpec, Provider, Providers, built_in
from openclaw_ipython.questions import Questions
from openclaw_ipython.routing import Question
from openclaw_ipython.words import say

if TYPE_CHECKING:
    from openclaw_ipython.catalogue import Refreshed
    from openclaw_ipython.importing import Importing
    from openclaw_ipython.key_login import KeyLogins
    from openclaw_ipython.logins import Forgotten
    from openclaw_ipython.safe.secrets import Secret
    from openclaw_ipython.sign_ins import LoginEvent, SignIns
    from openclaw_ipython.upkeep import Upkeep

Prompt = str | Sequence[Message]


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

    It belongs to the event loop it is first used in. The arguments replace what would be taken from this machine.
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
        self._world = world or World(os.environ)  # live: a key set in a cell is seen by the next one
        self._providers = providers if providers is not None else built_in()
        self._store = store or Store(here(), environ=self._world.environ)
        self._transport = transport
        self._patience = patience or Patience()
        self._http: httpx.AsyncClient | None = None
        self._catalogue = Catalogue(self._store.home.catalogue, self._world.clock)
        self.models = Models(self._store, self._providers, self._catalogue)
        self.accounts = Accounts(self._store, self._providers, self._world.environ, self._world.clock)
        self._questions = Questions(self.models, self.accounts, self._providers)
        self._delivery = Delivery(
            self.accounts,
            http=self._open,
            explained=lambda error, question: self._sign_ins.explained(error, question.credential),
            clock=self._world.clock,
            pulse=self._world.pulse,
            sleep=self._world.sleep,
            jitter=self._world.jitter,
            patience=self._patience,
        )

    @cached_property
    def keys(self) -> KeyLogins:
        """Sign-in by API key: which products, which address, what is written."""
        from openclaw_ipython.key_login import KeyLogins  # as all below: not loaded by a question

        return KeyLogins(self._store, self._providers, self._world.environ)

    @cached_property
    def importing(self) -> Importing:
        """What other programs left that can be used here."""
        from openclaw_ipython.importing import Importing

        return Importing(self._store.home, self._providers, self._world.environ, self.keys)

    @cached_property
    def _sign_ins(self) -> SignIns:
        from openclaw_ipython.sign_ins import SignIns

        return SignIns(
            self._store,
            self._providers,
            self.accounts,
            self.keys,
            http=self._open,
            sleep=self._world.sleep,
            pulse=self._world.pulse,
            random_bytes=self._world.random_bytes,
            today=self._catalogue.today,
            patience=self._patience.idle,
        )

    @cached_property
    def upkeep(self) -> Upkeep:
        """Looking after the home: settings, logins, check-up, scan, probes."""
        from openclaw_ipython.upkeep import Outside, Upkeep

        return Upkeep(
            self._store,
            self.models,
            self.accounts,
            providers=self._providers,
            environ=self._world.environ,
            clock=self._world.clock,
            pulse=self._world.pulse,
            outside=Outside(self._open, self._questions.by_each_login, self._delivery.exchange),
        )

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
        await self._delivery.aclose()
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
        thinking: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Question:
        """Decide to whom a prompt goes, and to whom instead. Sends nothing.

        `model` is an alias or `provider/model`; None is the default, and then its fallbacks stand in where it
        cannot answer. `thinking` is `off`, `on`, `low`, `medium` or `high`, None for the model's own way.
        Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError, DocumentError; UsageError for what the
        host cannot do at once.
        """
        messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
        if system:
            messages = (Message("system", system), *messages)
        request = ChatRequest("", messages, temperature, top_p, max_tokens, stream, extra or {}, thinking)
        with self._store.steady():
            return self._questions.to(model, request)

    async def stream(self, prompt: Prompt | Question, **options: Any) -> AsyncGenerator[ChatEvent, None]:
        """Ask, and yield what comes as it comes. `options` are those of `question`.

        As long as nothing was yielded of an answer, another key, login or fallback model stands in for one that
        fails; a Notice says so, and Answering says who it is.
        Raises what `question` raises, and RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
        ProtocolError, RefreshRejected; StreamBroken (its `.partial` is the text so far) when the answer ends early.
        """
        question = prompt if isinstance(prompt, Question) else self.question(prompt, **options)
        async with aclosing(self._delivery.stream(question)) as events:
            async for event in events:
                yield event

    async def ask(self, prompt: Prompt | Question, **options: Any) -> Reply:
        """Ask, and return the whole answer. Options and errors as for `stream`."""
        question = prompt if isinstance(prompt, Question) else self.question(prompt, **options)
        collector = Collector(str(question.ref), self._world.pulse())
        async with aclosing(self.stream(question)) as events:
            async for event in events:
                collector.add(event, self._world.pulse())
        return collector.reply(self._world.pulse())

    # -- signing in --

    def login(
        self, provider: str = "qwen-portal", *, set_default: bool = False, profile: str = "default"
    ) -> AsyncGenerator[LoginEvent, None]:
        """Sign in by device code: yields Prompted once, Waiting before each poll, LoggedIn at the end.

        Nothing is written before the service has said yes. Raises LoginDenied, LoginExpired, LoginUnavailable,
        ServiceUnavailable, ProtocolError, DocumentError.
        """
        return self._sign_ins.by_device(self.provider(provider), set_default=set_default, profile=profile)

    async def login_with_key(
        self,
        provider: str,
        key: Secret | None = None,
        *,
        region: str | None = None,
        profile: str = "default",
        set_default: bool = False,
    ) -> LoginOutcome:
        """Sign in with an API key; without one, with that of the environment, which stays there.

        `region` is the id of a region or an address. The service is asked once whether it takes the key; only then
        something is written. Raises LoginRequired for a key that is refused (its hint names the address in use and
        its sisters) or none, UsageError for what is no key of this service, and the service errors.
        """
        setup = self.keys.setup(self.provider(provider), key, region)
        return await self._sign_ins.by_key(replace(setup, profile=profile, set_default=set_default))

    async def login_locally(
        self, provider: str, *, region: str | None = None, set_default: bool = False
    ) -> LoginOutcome:
        """Set up a server on this machine with the models it has now; no key. `region` may be another address of it.

        Raises ServiceUnavailable, saying what to start, where none answers.
        """
        return await self._sign_ins.locally(self.provider(provider), region, set_default=set_default)

    async def logout(self, provider: str, profile: str | None = None) -> Forgotten:
        """Remove a stored login of `provider`; `profile` names it where there are several. Raises UsageError."""
        profile_id = self.upkeep.logins.meant(provider, profile)
        await self._delivery.forget(StoreProfile(self._store, profile_id).name)
        return self.upkeep.logins.forget(provider, profile_id)

    # -- what services list --

    async def refresh_models(self, provider: str) -> Refreshed:
        """Ask a service for its models and remember them. Raises what asking it a question would raise."""
        found = self.models.checked_provider(provider)
        question = self._questions.by_each_login(Ref(found, ""), ChatRequest("", ()))[0]
        base_url = question.url.removesuffix("/chat/completions")
        auth = BearerAuth(self._delivery.tokens(question))
        from openclaw_ipython.catalogue import Door, fetch_models

        at = Door(self._open(), base_url, auth, found, self._providers.get(found), question.wrong_key)
        models = await fetch_models(at, self._catalogue.today())
        return self._catalogue.save(found, base_url, models)

    async def try_key(self, provider: Provider, base_url: str, key: Secret) -> tuple[ModelSpec, ...]:
        """Whether a key belongs to an address: the models it is shown there. Nothing is written.

        A service that keeps no list cannot tell; the provider's table is given then. Raises LoginRequired for a key
        that is refused (its hint names the address in use and its sisters), ConfigError for an address without TLS.
        """
        return await self._sign_ins.try_key(provider, base_url, key)

    def provider(self, word: str) -> Provider:
        """The built-in provider `word` stands for. Raises UsageError with suggestions."""
        found = self.models.checked_provider(word)
        if found not in self._providers:
            raise UsageError(
                say("{found} is an entry of your own in openclaw.json; it has no sign-in here", found=found),
                hint=say("%openclaw models auth add --provider {found} stores a key for it", found=found),
            )
        return self._providers[found]

    # -- inside --

    def _open(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = make_client(self._transport)
        return self._http
