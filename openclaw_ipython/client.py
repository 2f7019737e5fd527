"""`Client`, the async API: asks models, signs in, lists models. Its parts do the work; this module connects them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from msgspec import structs

from openclaw_ipython.auth.accounts import Accounts, LoginOutcome
from openclaw_ipython.cell_errors import brief_in_cells
from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.received import with_timeout
from openclaw_ipython.chat.stream import RetryPolicy
from openclaw_ipython.chat.types import Answered, ChatEvent, ChatRequest, Message, Reply, Thinking
from openclaw_ipython.dispatch.budget import Budget, limit_for
from openclaw_ipython.dispatch.failover import ResolvedRequest
from openclaw_ipython.dispatch.host_memory import StoredHostMemory
from openclaw_ipython.dispatch.recorder import Recorder, RecordingOptions
from openclaw_ipython.dispatch.resolve import RequestResolver, image_reader, messages_of, with_servers
from openclaw_ipython.dispatch.send import Sender
from openclaw_ipython.errors import OpenClawError, UsageError, without_locals
from openclaw_ipython.i18n import _
from openclaw_ipython.models.catalog import ModelCatalog
from openclaw_ipython.models.selection import Models
from openclaw_ipython.net.http import HttpClient, Transport
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.paths import Home, current_home
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.openclaw.token_stores import ProfileTokenStore
from openclaw_ipython.providers import Provider, Providers, built_in
from openclaw_ipython.runtime.env import Runtime

if TYPE_CHECKING:
    from types import UnionType
    from typing import TypeVar, Unpack

    from openclaw_ipython.auth.advice import SignInAdvice
    from openclaw_ipython.auth.import_credentials import CredentialImport
    from openclaw_ipython.auth.key_login import KeyLogins
    from openclaw_ipython.auth.sign_in import LoginEvent, LoginService
    from openclaw_ipython.auth.stored_logins import RemovedLogin, StoredLogins
    from openclaw_ipython.diagnostics.doctor import Doctor
    from openclaw_ipython.diagnostics.probe import ProbeResult
    from openclaw_ipython.diagnostics.scan import ScanResult
    from openclaw_ipython.dispatch.resolve import ClientKeywords, ResolveKeywords
    from openclaw_ipython.journal.limits import Limit
    from openclaw_ipython.models.catalog import RefreshedModels
    from openclaw_ipython.openclaw.settings import Settings
    from openclaw_ipython.sanitize.secrets import Secret
    from openclaw_ipython.structured.loop import ModelRequest
    from openclaw_ipython.structured.tools import Functions

    T = TypeVar("T")


Prompt = str | Sequence[Message]


class Client:
    """Talks to the models that OpenClaw's configuration names.

        async with Client() as client:
            reply = await client.ask("Why is the sky blue?")
            async for event in client.stream("And at sunset?", model="qwen"):
                ...

    It belongs to the event loop in which it is first used. With `cache` the same request is sent once; its answer is
    stored in the journal, or in the file that `cache` names. With `journal=False` no request is recorded. `budget` is
    the most that this client's requests may cost: `2 USD`, `500k` tokens. The others replace what comes from here.
    """

    @brief_in_cells
    def __init__(
        self,
        *,
        store: Store | None = None,
        providers: Providers | None = None,
        transport: Transport | None = None,
        runtime: Runtime | None = None,
        retry_policy: RetryPolicy | None = None,
        journal: bool = True,
        cache: bool | str | os.PathLike[str] = False,
        budget: str | Limit | None = None,
    ) -> None:
        self.runtime = runtime or Runtime(os.environ)  # live: a key set in a cell is seen by the next one
        self._providers = providers if providers is not None else built_in()
        self._store = store or Store(current_home(), self.runtime)
        self._transport = transport
        self._retry_policy = retry_policy or RetryPolicy()
        self._http: HttpClient | None = None
        self.recording = RecordingOptions(journal=journal, cache=cache)
        self.recorder = Recorder(
            self._store.home.journal, self.recording, self._providers, self.runtime.clock
        )
        self.budget = Budget(self._store.home, self.runtime.clock, lambda: self.recording.journal, budget)
        self._catalogue = ModelCatalog(self._store.home.catalogue, self.runtime.clock)
        self.models = Models(self._store, self._providers, self._catalogue)
        self.accounts = Accounts(self._store, self._providers, self.runtime)
        self._resolver = RequestResolver(self.models, self.accounts, self._providers, lambda: self.advice)
        self.sender = Sender(
            self.accounts,
            runtime=self.runtime,
            http=self._open,
            retry_policy=self._retry_policy,
            explain=self.explained,
            record=self.recorder.record,
            remarks=self.recorder.warnings,
            host_memory=StoredHostMemory(self._store.home.hosts, self.runtime.clock),
            budget=self.budget,
        )

    @cached_property
    def advice(self) -> SignInAdvice:
        """Which services can answer, and what to offer for those that cannot."""
        from openclaw_ipython.auth.advice import SignInAdvice  # as all below: not needed by a plain request

        return SignInAdvice(self._store, self._providers, self.accounts, self.models)

    @cached_property
    def keys(self) -> KeyLogins:
        """Login with an API key: the products, the address, the storage."""
        from openclaw_ipython.auth.key_login import KeyLogins

        return KeyLogins(self._store, self._providers, self.runtime, self.advice.keeps_default)

    @cached_property
    def credential_import(self) -> CredentialImport:
        """Credentials of other programs that can be used here."""
        from openclaw_ipython.auth.import_credentials import CredentialImport

        return CredentialImport(self._store.home, self._providers, self.runtime, self.keys)

    @cached_property
    def _login_service(self) -> LoginService:
        from openclaw_ipython.auth.sign_in import LoginService

        return LoginService(
            self._store, self._providers, self.accounts, self.advice, self.keys, http=self._open,
            runtime=self.runtime, today=self._catalogue.today, timeout=self._retry_policy.idle_timeout,
        )  # fmt: skip

    @cached_property
    def settings(self) -> Settings:
        """The settings in `openclaw.json`, by path."""
        from openclaw_ipython.openclaw.settings import Settings

        return Settings(self._store)

    @cached_property
    def logins(self) -> StoredLogins:
        """The stored logins: their list, keys by hand, their order."""
        from openclaw_ipython.auth.stored_logins import StoredLogins

        return StoredLogins(self._store, self._providers, self.runtime)

    @cached_property
    def doctor(self) -> Doctor:
        """The check-up of the home."""
        from openclaw_ipython.diagnostics.doctor import Doctor

        return Doctor(
            self._store, self.models, self.accounts, self.advice, self._providers,
            runtime=self.runtime, http=self._open, probe=self.probe,
        )  # fmt: skip

    async def scan(self) -> list[ScanResult]:
        """What this machine has that can be used: local servers, keys, other programs' logins."""
        from openclaw_ipython.diagnostics.scan import scan

        return await scan(
            self._store, self.accounts, self._providers, self.runtime, http=self._open(),
            services=self.credential_import.found(Path.cwd()), retirement=self.advice.retirement,
        )  # fmt: skip

    async def probe(self) -> list[ProbeResult]:
        """Ask one tiny question with each login and key."""
        from openclaw_ipython.diagnostics.probe import Probe

        routes, endpoint = self._resolver.routes, self.sender.endpoint
        return await Probe(self.models, self.accounts, self.runtime, routes, endpoint).run()

    @property
    def home(self) -> Home:
        """The paths of this client's files."""
        return self._store.home

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        await self.sender.aclose()
        if http is not None:
            await http.aclose()
        self.budget.close()
        if self.recorder.opened:
            await asyncio.to_thread(self.recorder.close)

    # -- asking --

    def resolve(
        self,
        prompt: Prompt,
        *,
        model: str | None = None,
        system: str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        stream: bool = True,
        thinking: Thinking | None = None,
        images: Sequence[Any] = (),
        extra: Mapping[str, Any] | None = None,
        answer_schema: Mapping[str, Any] | None = None,
        cache: bool | None = None,
        notes: Sequence[str] = (),
        timeout: float | None = None,
        budget: str | Limit | None = None,
    ) -> ResolvedRequest:
        """Choose the model, address and login for a prompt, and the fallbacks. Sends nothing.

        `model` is an alias or `provider/model`; None is the default model with its fallbacks. `thinking` is `off`,
        `on`, `low`, `medium` or `high`, None for the model's default. `images` are files, `https` addresses, bytes,
        figures, arrays, PIL images; without `model` they go to the image model if the default reads text only.
        `answer_schema` is passed to the host as `ChatRequest.schema`; the answer is not checked. `notes` are shown with
        the answer. `timeout` limits the whole answer, in seconds. `cache` is whether a cached answer will do; None for
        the setting of the client.
        Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError, DocumentError; UsageError for options that
        the host does not take together.
        """
        messages = messages_of(prompt, images)
        if system:
            messages = (Message("system", system), *messages)
        request = ChatRequest(
            "", messages, temperature, top_p, max_tokens, stream, extra or {}, thinking, schema=answer_schema
        )
        with self._store.pinned():
            resolved = self.recorder.resolve(cache, self._resolver, model, request)
        return structs.replace(resolved.with_notes(notes), timeout=timeout, budget=limit_for(budget, "call"))

    async def stream(
        self,
        prompt: Prompt | ResolvedRequest,
        *,
        schema: type | Mapping[str, Any] | UnionType | None = None,
        tools: Functions = (),
        **options: Unpack[ResolveKeywords],
    ) -> AsyncGenerator[ChatEvent, None]:
        """Ask, and yield the events as they arrive. The other `options` are those of `resolve`.

        Before anything of the answer has arrived, a failure leads to another key, login or fallback model; a Notice
        says so, and Answering names the model.

        With `schema` (a pydantic model, dataclass, TypedDict, `list[…]` of those, or a JSON schema) the answer has to
        fit it, and is asked for once more if it does not. `tools` are functions the model may call without
        confirmation: coroutines run in this loop concurrently, ordinary functions in a thread one after another; also
        `mcp:NAME`, an MCP server. ToolCall and ToolResult tell of a call; with either the last event is Answered.
        Raises what `resolve` raises, and RateLimited, QuotaExceeded, RequestRejected, ServiceUnavailable,
        ProtocolError, RefreshRejected; StreamBroken (its `.partial` is the text so far) when the answer ends early;
        SchemaMismatch and TooManyRounds (their `.reply` is the answer as it came).
        """
        tools = await with_servers(tools, self._store)
        if schema is not None or tools:
            events = self._tool_loop(prompt, schema, tools, dict(options))
        else:
            resolved = prompt if isinstance(prompt, ResolvedRequest) else self.resolve(prompt, **options)
            events = self._answer(resolved)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        except OpenClawError as error:
            raise without_locals(error)  # noqa: B904 - the same error

    @overload
    async def ask(
        self, prompt: Prompt, *, schema: type[T], **options: Unpack[ClientKeywords]
    ) -> Reply[T]: ...
    @overload
    async def ask(
        self, prompt: Prompt | ResolvedRequest, *, schema: None = None, **options: Unpack[ClientKeywords]
    ) -> Reply[None]: ...
    @overload
    async def ask(
        self, prompt: Prompt, *, schema: Mapping[str, Any] | UnionType, **options: Unpack[ClientKeywords]
    ) -> Reply: ...
    async def ask(
        self, prompt: Prompt | ResolvedRequest, *, schema: Any = None, tools: Functions = (), **options: Any
    ) -> Reply:
        """Ask, and return the whole answer; `.parsed` is the object that fits `schema`. As `stream` otherwise."""
        if schema is None and not tools and not isinstance(prompt, ResolvedRequest):
            prompt = self.resolve(prompt, **options)
        ref = str(prompt.ref) if isinstance(prompt, ResolvedRequest) else ""
        collector = Collector(ref, self.runtime.monotonic())
        async with aclosing(self.stream(prompt, schema=schema, tools=tools, **options)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event.reply
                collector.add(event, self.runtime.monotonic())
        return collector.reply(self.runtime.monotonic())

    def _tool_loop(
        self, prompt: Prompt | ResolvedRequest, schema: Any, tools: Functions, options: dict[str, Any]
    ) -> AsyncGenerator[ChatEvent, None]:
        from openclaw_ipython.structured.loop import tool_loop
        from openclaw_ipython.structured.runner import stream_loop

        if isinstance(prompt, ResolvedRequest):
            raise UsageError(_("a resolved request takes no schema and no tools"))
        messages = messages_of(prompt, options.pop("images", ()))
        loop = tool_loop(messages, schema, tools, reads_images=image_reader(self.models))
        extra = options.pop("extra", None) or {}
        options["budget"] = limit_for(options.get("budget"), "call")  # one for all rounds

        def send(step: ModelRequest) -> tuple[str, AsyncGenerator[ChatEvent, None]]:
            resolved = self.resolve(
                step.messages, extra={**extra, **step.fields}, answer_schema=step.schema, **options
            )
            return str(resolved.ref), self._answer(resolved)

        return stream_loop(loop, send, self.runtime.monotonic)

    # -- many requests at once: the caller handles rate, retries and failover --

    def sibling(self, *, retry_policy: RetryPolicy | None = None) -> Client:
        """Another client of the same home with the same recording options, for another event loop."""
        other = Client(
            store=self._store, providers=self._providers, transport=self._transport, runtime=self.runtime,
            retry_policy=retry_policy or self._retry_policy, budget=self.budget.own,
        )  # fmt: skip
        vars(other.recording).update(vars(self.recording))
        other.sender.host_memory = self.sender.host_memory
        return other

    def explained(self, error: OpenClawError, resolved: ResolvedRequest) -> OpenClawError:
        """An error of the service with what is known here: near models, a model for pictures, an ended sign-in."""
        return self._login_service.explained(self._resolver.explained(error, resolved), resolved.credential)

    # -- signing in --

    def login(
        self, provider: str = "qwen-portal", *, set_default: bool = False, profile: str = "default"
    ) -> AsyncGenerator[LoginEvent, None]:
        """Sign in by device code: yields Show once, Wait before each poll, LoggedIn at the end.

        Nothing is written before the service has confirmed it. Raises LoginDenied, LoginExpired, LoginUnavailable,
        ServiceUnavailable, ProtocolError, DocumentError.
        """
        return self._login_service.by_device(
            self.provider(provider), set_default=set_default, profile=profile
        )

    async def login_with_key(
        self,
        provider: str,
        key: Secret | None = None,
        *,
        region: str | None = None,
        profile: str = "default",
        set_default: bool = False,
    ) -> LoginOutcome:
        """Sign in with an API key; without `key`, with the one in the environment, which is not copied.

        `region` is the id of a region or an address. The key is checked before anything is written, where the
        service can: ModelScope lists its models to everybody, and a note says so.
        Raises LoginRequired for a refused key (its hint names the address in use and the alternatives) or a missing
        one, UsageError for text that is no key of this service, and the service errors.
        """
        setup = self.keys.setup(self.provider(provider), key, region)
        return await self._login_service.by_key(
            structs.replace(setup, profile=profile, set_default=set_default)
        )

    async def login_locally(
        self,
        provider: str,
        key: Secret | None = None,
        *,
        region: str | None = None,
        set_default: bool = False,
    ) -> LoginOutcome:
        """Set up a server with its current models, and store `key` if it needs one. `region` may be its address.

        Raises ServiceUnavailable, with a hint what to start, when none answers; LoginRequired if it needs another key.
        """
        found = self.provider(provider)
        return await self._login_service.locally(found, region, key, set_default=set_default)

    async def logout(self, provider: str, profile: str | None = None) -> RemovedLogin:
        """Remove a stored login of `provider`; `profile` names it where there are several. Raises UsageError."""
        profile_id = self.logins.find(provider, profile)
        await self.sender.forget(ProfileTokenStore(self._store, profile_id).name)
        return self.logins.remove(provider, profile_id)

    # -- what services list --

    async def refresh_models(self, provider: str) -> RefreshedModels:
        """Ask a service for its models and store the list. Raises what `ask` raises."""
        from openclaw_ipython.models.listing import ModelsEndpoint, fetch_models

        found = self.models.checked_provider(provider)
        to = self.sender.endpoint(self._resolver.routes(ModelRef(found, ""), ChatRequest("", ()))[0])
        at = ModelsEndpoint(
            to.http, to.base_url, to.auth, to.name, self._providers.get(found),
            to.refused_key_hint, to.unreachable_hint,
        )  # fmt: skip
        models = await fetch_models(at, self._catalogue.today())
        return self._catalogue.save(found, at.base_url, models)

    def provider(self, word: str) -> Provider:
        """The built-in provider named `word`, an id or another name. Raises UsageError with suggestions."""
        return self.models.built_in_provider(word)

    def _answer(self, resolved: ResolvedRequest) -> AsyncGenerator[ChatEvent, None]:
        events = self.recorder.answer(resolved, self.sender.stream)
        return events if resolved.timeout is None else with_timeout(resolved.timeout, events)

    def _open(self) -> HttpClient:
        if self._http is None:
            self._http = HttpClient(self._transport)
        return self._http
