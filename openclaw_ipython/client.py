"""Client: joins configuration, tokens, providers and chat. Async only; the front door for programs.

What it joins is carried out elsewhere: questions are delivered by `delivery`, sign-ins by `sign_ins`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from openclaw_ipython.auth.accounts import Accounts, LoginOutcome
from openclaw_ipython.auth.bearer import BearerAuth
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.stream import Patience
from openclaw_ipython.chat.types import (
    Answered,
    ChatEvent,
    ChatRequest,
    Message,
    Reply,
)
from openclaw_ipython.dispatch.failover import Question
from openclaw_ipython.dispatch.recorder import Bookkeeping, Keeping
from openclaw_ipython.dispatch.resolve import Questions, messages_of
from openclaw_ipython.dispatch.send import Delivery
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.models.catalog import Catalogue
from openclaw_ipython.models.selection import Models
from openclaw_ipython.net.client import HttpClient, Transport
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.paths import Home, current_home
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.openclaw.token_stores import ProfileTokenStore
from openclaw_ipython.providers import ModelSpec, Provider, Providers, built_in
from openclaw_ipython.runtime.env import Runtime

if TYPE_CHECKING:
    from openclaw_ipython.auth.bearer import TokenSource
    from openclaw_ipython.auth.import_credentials import Importing
    from openclaw_ipython.auth.key_login import KeyLogins
    from openclaw_ipython.auth.logins import Forgotten
    from openclaw_ipython.auth.sign_in import LoginEvent, SignIns
    from openclaw_ipython.chat.stream import Exchange
    from openclaw_ipython.diagnostics.upkeep import Upkeep
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.models.catalog import Refreshed
    from openclaw_ipython.sanitize.secrets import Secret
    from openclaw_ipython.structured.loop import ModelRequest
    from openclaw_ipython.structured.tools import Functions

Prompt = str | Sequence[Message]


class Client:
    """Talks to the models that OpenClaw's configuration names.

        async with Client() as client:
            reply = await client.ask("Why is the sky blue?")
            async for event in client.stream("And at sunset?", model="qwen"):
                ...

    It belongs to the event loop it is first used in. With `cache` the same request is sent once; its answer is kept in
    the journal, or in the file that `cache` names. With `journal=False` nothing is written down of what is asked. The
    other arguments replace what would be taken from this machine.
    """

    def __init__(
        self,
        *,
        store: Store | None = None,
        providers: Providers | None = None,
        transport: Transport | None = None,
        runtime: Runtime | None = None,
        patience: Patience | None = None,
        journal: bool = True,
        cache: bool | str | os.PathLike[str] = False,
    ) -> None:
        self.runtime = runtime or Runtime(os.environ)  # live: a key set in a cell is seen by the next one
        self._providers = providers if providers is not None else built_in()
        self._store = store or Store(current_home(), self.runtime)
        self._transport = transport
        self._patience = patience or Patience()
        self._http: HttpClient | None = None
        self.keeping = Keeping(journal=journal, cache=cache)
        self.books = Bookkeeping(self._store.home.journal, self.keeping, self._providers, self.runtime.clock)
        self._catalogue = Catalogue(self._store.home.catalogue, self.runtime.clock)
        self.models = Models(self._store, self._providers, self._catalogue)
        self.accounts = Accounts(self._store, self._providers, self.runtime.environ, self.runtime.clock)
        self._questions = Questions(self.models, self.accounts, self._providers)
        self._delivery = Delivery(
            self.accounts,
            http=self._open,
            explained=lambda error, question: self._sign_ins.explained(error, question.credential),
            clock=self.runtime.clock,
            monotonic=self.runtime.monotonic,
            sleep=self.runtime.sleep,
            random=self.runtime.random,
            patience=self._patience,
            record=self.books.note,
            remarks=self.books.warnings,
        )

    @cached_property
    def keys(self) -> KeyLogins:
        """Sign-in by API key: which products, which address, what is written."""
        from openclaw_ipython.auth.key_login import KeyLogins  # as all below: not loaded by a question

        return KeyLogins(self._store, self._providers, self.runtime.environ)

    @cached_property
    def importing(self) -> Importing:
        """What other programs left that can be used here."""
        from openclaw_ipython.auth.import_credentials import Importing

        return Importing(self._store.home, self._providers, self.runtime.environ, self.keys)

    @cached_property
    def _sign_ins(self) -> SignIns:
        from openclaw_ipython.auth.sign_in import SignIns

        return SignIns(
            self._store,
            self._providers,
            self.accounts,
            self.keys,
            http=self._open,
            sleep=self.runtime.sleep,
            monotonic=self.runtime.monotonic,
            random_bytes=self.runtime.random_bytes,
            today=self._catalogue.today,
            patience=self._patience.idle,
        )

    @cached_property
    def upkeep(self) -> Upkeep:
        """Looking after the home: settings, logins, check-up, scan, probes."""
        from openclaw_ipython.diagnostics.upkeep import Outside, Upkeep

        return Upkeep(
            self._store,
            self.models,
            self.accounts,
            providers=self._providers,
            environ=self.runtime.environ,
            clock=self.runtime.clock,
            monotonic=self.runtime.monotonic,
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
        if self.books.opened:
            await asyncio.to_thread(self.books.close)

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
        images: Sequence[Any] = (),
        extra: Mapping[str, Any] | None = None,
        answer_schema: Mapping[str, Any] | None = None,
        cache: bool | None = None,
        notes: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Question:
        """Decide to whom a prompt goes, and to whom instead. Sends nothing.

        `model` is an alias or `provider/model`; None is the default, and then its fallbacks stand in where it
        cannot answer. `thinking` is `off`, `on`, `low`, `medium` or `high`, None for the model's own way.
        `images` are files, `https` addresses, bytes, figures, arrays, PIL images.
        `answer_schema` is what the host is asked to hold the answer to, as `ChatRequest.schema`; nothing is checked.
        A question with pictures and no `model` goes to the model for pictures where the default reads text only.
        `notes` are told along with the answer; after `timeout` seconds it is given up.
        `cache` is whether an answer that was given before will do; None for what the client was made with.
        Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError, DocumentError; UsageError for what the
        host cannot do at once.
        """
        messages = messages_of(prompt, images)
        if system:
            messages = (Message("system", system), *messages)
        request = ChatRequest(
            "", messages, temperature, top_p, max_tokens, stream, extra or {}, thinking, schema=answer_schema
        )
        with self._store.pinned():
            question = self.books.question(cache, self._questions, model, request)
        return replace(question.told(notes), timeout=timeout)

    async def stream(
        self, prompt: Prompt | Question, *, schema: Any = None, tools: Functions = (), **options: Any
    ) -> AsyncGenerator[ChatEvent, None]:
        """Ask, and yield what comes as it comes. The other `options` are those of `question`.

        As long as nothing was yielded of an answer, another key, login or fallback model stands in for one that
        fails; a Notice says so, and Answering says who it is.

        With `schema` (a pydantic model, dataclass, TypedDict, `list[…]` of those, or a JSON schema) the answer has to
        fit it, and is asked for once more where it does not. `tools` are functions the model may call without further
        question: coroutines run in this loop, side by side; ordinary functions in a thread, one after another. A
        ToolCall says that one is called, a ToolResult what came of it. With either, the last event is Answered.

        Raises what `question` raises, and RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
        ProtocolError, RefreshRejected; StreamBroken (its `.partial` is the text so far) when the answer ends early;
        SchemaMismatch and TooManyRounds (their `.reply` is the answer as it came).
        """
        if schema is not None or tools:
            events = self._in_rounds(prompt, schema, tools, options)
        else:
            question = prompt if isinstance(prompt, Question) else self.question(prompt, **options)
            events = self._answer(question)
        async with aclosing(events):
            async for event in events:
                yield event

    async def ask(
        self, prompt: Prompt | Question, *, schema: Any = None, tools: Functions = (), **options: Any
    ) -> Reply:
        """Ask, and return the whole answer; `.parsed` is the object that fits `schema`. As `stream` otherwise."""
        in_rounds = schema is not None or bool(tools)
        if not in_rounds and not isinstance(prompt, Question):
            prompt = self.question(prompt, **options)
        collector = Collector(
            str(prompt.ref) if isinstance(prompt, Question) else "", self.runtime.monotonic()
        )
        async with aclosing(self.stream(prompt, schema=schema, tools=tools, **options)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event.reply
                collector.add(event, self.runtime.monotonic())
        return collector.reply(self.runtime.monotonic())

    def _in_rounds(
        self, prompt: Prompt | Question, schema: Any, tools: Functions, options: dict[str, Any]
    ) -> AsyncGenerator[ChatEvent, None]:
        from openclaw_ipython.structured.loop import tool_loop
        from openclaw_ipython.structured.runner import stream_loop

        if isinstance(prompt, Question):
            raise UsageError(_("a question that was made ready takes no schema and no tools any more"))
        loop = tool_loop(messages_of(prompt, options.pop("images", ())), schema, tools)
        extra = options.pop("extra", None) or {}

        def put(step: ModelRequest) -> tuple[str, AsyncGenerator[ChatEvent, None]]:
            question = self.question(
                step.messages, extra={**extra, **step.fields}, answer_schema=step.schema, **options
            )
            return str(question.ref), self._answer(question)

        return stream_loop(loop, put, self.runtime.monotonic)

    # -- asking much at once: who does so looks after pace, retries and stand-ins itself --

    def sibling(self, *, patience: Patience | None = None) -> Client:
        """Another client of the same home, for another event loop, that keeps what this one keeps."""
        other = Client(
            store=self._store,
            providers=self._providers,
            transport=self._transport,
            runtime=self.runtime,
            patience=patience or self._patience,
        )
        vars(other.keeping).update(vars(self.keeping))
        return other

    def exchange(self, question: Question) -> Exchange:
        """Where and how a question is sent. Nobody stands in, and how its login fares is not written down."""
        return self._delivery.exchange(question)

    def tokens(self, question: Question) -> TokenSource:
        """The login of a question, renewed where needed."""
        return self._delivery.tokens(question)

    async def noted(self, question: Question, error: OpenClawError | None) -> None:
        """Write down, as after a single question, that a login failed with `error` or worked."""
        await self._delivery.noted(question, error)

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
        await self._delivery.forget(ProfileTokenStore(self._store, profile_id).name)
        return self.upkeep.logins.forget(provider, profile_id)

    # -- what services list --

    async def refresh_models(self, provider: str) -> Refreshed:
        """Ask a service for its models and remember them. Raises what asking it a question would raise."""
        found = self.models.checked_provider(provider)
        question = self._questions.by_each_login(ModelRef(found, ""), ChatRequest("", ()))[0]
        base_url = question.url.removesuffix("/chat/completions")
        auth = BearerAuth(self._delivery.tokens(question))
        from openclaw_ipython.models.catalog import Door, fetch_models

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
                _("{found} is an entry of your own in openclaw.json; it has no sign-in here", found=found),
                hint=_("%openclaw models auth add --provider {found} stores a key for it", found=found),
            )
        return self._providers[found]

    # -- inside --

    def _answer(self, question: Question) -> AsyncGenerator[ChatEvent, None]:
        events = self.books.answer(question, self._delivery.stream)
        if question.timeout is None:
            return events
        from openclaw_ipython.chat.deadline import within

        return within(question.timeout, events)

    def _open(self) -> HttpClient:
        if self._http is None:
            self._http = HttpClient(self._transport)
        return self._http
