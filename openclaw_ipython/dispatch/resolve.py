"""Resolves a request: its model, address and login, and the routes to fall back to. Sends nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from openclaw_ipython.auth.resolver import key_variable
from openclaw_ipython.chat.adapt import adapt, has_pictures
from openclaw_ipython.chat.completions import parts_of
from openclaw_ipython.chat.http_errors import is_unknown_model
from openclaw_ipython.chat.types import Message
from openclaw_ipython.dispatch.failover import ResolvedRequest, SkippedRoute, choose_route
from openclaw_ipython.errors import ConfigError, LoginRequired, ServiceError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.models.stated import price_at
from openclaw_ipython.net.urls import checked_base_url, is_loopback, is_private, is_unencrypted
from openclaw_ipython.providers.lookup import refused_key_hint
from openclaw_ipython.suggestions import did_you_mean, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict

    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.auth.advice import SignInAdvice
    from openclaw_ipython.auth.resolver import Credential
    from openclaw_ipython.chat.types import ChatRequest, Thinking
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.journal.limits import Limit
    from openclaw_ipython.models.selection import Models, Target
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.structured.tools import Functions

    class RequestKeywords(TypedDict, total=False):
        """The keywords of whatever asks a model."""

        model: str | None
        system: str | None
        temperature: float | None
        top_p: float | None
        max_tokens: int | None
        thinking: Thinking | None
        cache: bool | None

    class ResolveKeywords(RequestKeywords, total=False):
        """The keywords of `Client.resolve`."""

        stream: bool
        images: Sequence[Any]
        extra: Mapping[str, Any] | None
        answer_schema: Mapping[str, Any] | None
        notes: Sequence[str]
        timeout: float | None
        budget: str | Limit | None

    class ClientKeywords(ResolveKeywords, total=False):
        """The keywords of `Client.ask` that do not change its type."""

        tools: Functions


_ABOUT_PICTURES = r"(?i)\b(image|picture|vision|multi-?modal)|image_url|mmproj"


class RequestResolver(Struct, eq=False):
    """Resolves requests with the models and logins of one home. `advice` is asked where there is no login."""

    models: Models
    accounts: Accounts
    providers: Providers
    advice: Callable[[], SignInAdvice]
    _known_unencrypted: set[str] = set()  # providers of which it was said

    def resolve(self, model: str | None, request: ChatRequest) -> ResolvedRequest:
        """`request` to `model`, an alias or ref; None is the default model, followed by its fallbacks.

        Without `model`, a request with pictures goes to a model that reads them. `request.model` is filled in.
        Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError.
        """
        if model:
            return self._with_fallbacks(self.models.resolve(model), (), request)
        if has_pictures(request.messages):
            return self._with_pictures(request)
        return self._with_fallbacks(self._default(), self.models.fallbacks(), request)

    def _with_pictures(self, request: ChatRequest) -> ResolvedRequest:
        """To the default model and its fallbacks that read pictures, or else to the vision model."""
        models = self.models
        default = models.default() or models.image_default() or self._default()
        if models.reads_images(default) is not False:
            fallbacks = [ref for ref in models.fallbacks() if models.reads_images(ref) is not False]
            return self._with_fallbacks(default, fallbacks, request)
        vision_model = models.vision_model(default)
        if vision_model is None:
            raise ConfigError(
                _("{ref} reads text only, and no model for pictures is chosen", ref=default),
                hint=self._set_image_hint(default),
            )
        note = _(
            "{ref} reads text only; pictures go to {vision_model}", ref=default, vision_model=vision_model
        )
        return self._with_fallbacks(vision_model, models.image_fallbacks(), request).with_notes([note])

    def requested_model(self, model: str | None, request: ChatRequest) -> ModelRef:
        """The model that `resolve` would choose, whether or not there is a login for it. Raises UnknownModel."""
        models = self.models
        if model:
            return models.resolve(model)
        if not has_pictures(request.messages):
            return self._default()
        default = models.default() or models.image_default() or self._default()
        return (
            default if models.reads_images(default) is not False else models.vision_model(default) or default
        )

    def _set_image_hint(self, other_than: ModelRef) -> str:
        """The command that chooses a model for pictures with a login; without one, the command that signs in."""
        models = self.models
        able = [ref for ref in models.suggestions() if ref != other_than and models.reads_images(ref)]
        model = self._usable(able)
        return f"%openclaw models set-image {model}" if model else self.advice().by_key()

    def explained(self, error: OpenClawError, resolved: ResolvedRequest) -> OpenClawError:
        """`error`, for a refused picture or an unknown model with what repairs it."""
        ref = resolved.ref
        if not isinstance(error, ServiceError) or not ref.model:
            return error
        if has_pictures(resolved.request.messages) and re.search(_ABOUT_PICTURES, str(error)):
            error.hint = self._set_image_hint(ref)
        elif is_unknown_model(error):
            rows = self.models.rows(everything=True, provider=ref.provider)
            others = {row.ref.model: str(row.ref) for row in rows if row.ref != ref}
            near = tuple(others[model] for model in suggest(ref.model, others))
            error.args = (f"{error}{did_you_mean(near)}",)
        return error

    def _default(self) -> ModelRef:
        ref = self.models.default()
        if ref is None:
            raise self.advice().no_model()
        return ref

    def _with_fallbacks(
        self, ref: ModelRef, fallbacks: Sequence[ModelRef], request: ChatRequest
    ) -> ResolvedRequest:
        """`request` to `ref`; the routes of `fallbacks` are alternatives. A fallback that is not set up is left out."""
        routes: list[ResolvedRequest] = []
        skipped: list[SkippedRoute] = []
        missing: LoginRequired | None = None
        for other in dict.fromkeys((ref, *fallbacks)):
            try:
                routes += self.routes(other, request)
            except LoginRequired as error:
                missing = missing or error
                if not routes:
                    skipped.append(SkippedRoute(other, "", _("no login")))
            except ConfigError:
                if other == ref:
                    raise
        if not routes and missing is not None:
            raise missing
        chosen = choose_route(routes, skipped)
        if skipped:
            chosen = structs.replace(chosen, missing_login=missing)
        if is_unencrypted(chosen.url):
            self._known_unencrypted.add(chosen.ref.provider)
        return chosen

    def routes(self, ref: ModelRef, request: ChatRequest) -> list[ResolvedRequest]:
        """`request` to one model, by each login that can be used. Raises LoginRequired, ConfigError."""
        if self.models.is_openclaws(ref.provider):
            raise self._not_asked_from_here(ref)
        if problem := self.accounts.setup_problem(ref.provider):
            raise problem
        target = self.models.target(ref)
        request = structs.replace(request, model=ref.model)
        notes: tuple[str, ...] = ()
        if target.limit is not None and request.max_tokens is not None and request.max_tokens > target.limit:
            request = structs.replace(request, max_tokens=target.limit)
            notes = (_("{ref} answers with at most {count} tokens", ref=ref, count=target.limit),)
        if has_pictures(request.messages) and self.models.reads_images(ref) is False:
            notes += (_("{ref} reads text only; the picture was sent all the same", ref=ref),)
        credentials = self.accounts.credentials(ref.provider)
        if not credentials:
            raise self._no_login(ref.provider)
        return [self._route(credential, target, request, notes) for credential in credentials]

    def _route(
        self, credential: Credential, target: Target, request: ChatRequest, notes: tuple[str, ...]
    ) -> ResolvedRequest:
        ref, model = target.ref, target.model
        base_url, about = self.accounts.address(credential, target.base_url)
        provider = self.providers.get(ref.provider)
        dialect = self.accounts.dialect(ref.provider, base_url)
        family = model.thinking if model else ""
        adapted = adapt(request, dialect, family)
        service = provider.configured if provider is not None else None
        if service is not None and is_unencrypted(base_url):
            raise _unencrypted_gateway(base_url)
        own_key = credential.profile is None or credential.profile.type == "api_key"
        sign_in = not own_key or (provider is not None and provider.device_login is not None)
        base_url = checked_base_url(base_url, ref.provider, sign_in=sign_in)
        local = provider.local if provider is not None else None
        if is_unencrypted(base_url) and ref.provider not in self._known_unencrypted:
            about = (*about, _("{provider} is asked over http, not encrypted", provider=ref.provider))
        resolved = ResolvedRequest(
            ref,
            base_url + "/chat/completions",
            adapted.request,
            credential,
            notes=(*notes, *about, *adapted.notes),
            dialect=dialect,
            refused_key_hint=self._refused_key_hint(credential, base_url),
            unreachable_hint=_(ours.start) if (ours := local or service) is not None else "",
            may_load=(provider is None or local is not None)
            and (is_loopback(base_url) or is_private(base_url)),
            unadapted=request,
            family=family,
            price=price_at(model, base_url) if model else None,
            limit=target.limit or 0,
        )
        if credential.profile is None or provider is None or provider.device_login is None:
            return resolved
        endpoints = self.accounts.device_endpoints(provider)
        return structs.replace(resolved, token_url=endpoints.token_url, client_id=endpoints.client_id)

    def _refused_key_hint(self, credential: Credential, base_url: str) -> str:
        """The hint of the error when the key is refused; empty for a sign-in, which is repeated instead."""
        provider = self.providers.get(credential.provider)
        if credential.key is None:
            if credential.profile is None:  # a server that was thought to need no key
                return f"%openclaw models auth add --provider {credential.provider}"
            return ""
        if provider is None:
            own = f"models.providers.{credential.provider}"
            return _(
                "{login} was sent to {base_url}; {path} in openclaw.json says where and with which key",
                login=credential.label,
                base_url=base_url,
                path=own,
            )
        if provider.device_login is not None:
            return ""
        if provider.configured is not None:
            return self.accounts.key_command(provider, credential.source)
        return refused_key_hint(provider, base_url, self.providers.values())

    def _not_asked_from_here(self, ref: ModelRef) -> ConfigError:
        """The error for a model that only OpenClaw can ask; the hint names one that can answer here."""
        other = self._usable(self.models.suggestions())
        hint = (
            f'%%qwen -m {other}; for this notebook: %config OpenClaw.default_model = "{other}"'
            if other
            else "%openclaw login --provider modelstudio"
        )
        return ConfigError(_("{ref} can be asked by OpenClaw only, not from here", ref=ref), hint=hint)

    def _usable(self, refs: Sequence[ModelRef]) -> str:
        """The first of some models that has a login; empty for none."""
        has_login = {p: bool(self.accounts.credentials(p)) for p in dict.fromkeys(r.provider for r in refs)}
        return next((str(ref) for ref in refs if has_login[ref.provider]), "")

    def _no_login(self, provider_id: str) -> LoginRequired:
        error = self.accounts.qwen_code.login_required(provider_id)
        if self.advice().retirement(provider_id):
            return self.advice().login_required(error, provider_id)
        why = self.accounts.login_problem(provider_id)
        hint = error.hint
        provider = self.providers.get(provider_id)
        if provider is not None and provider.configured is not None:
            error = LoginRequired(_("the secret of the {label} is not known here", label=provider.label))
            hint = self.accounts.key_command(provider)
        if provider_id not in self.providers:  # the user's own entry has no sign-in
            hint = _(
                "%openclaw models auth add --provider {provider_id}, or set {variable}",
                provider_id=provider_id,
                variable=key_variable(provider_id),
            )
        return LoginRequired(f"{error}: {why}" if why else str(error), hint=hint)


def _unencrypted_gateway(base_url: str) -> ConfigError:
    """The error for a Gateway elsewhere that is asked over http."""
    url = base_url.removesuffix("/v1")
    port = urlsplit(url).port or 80
    tunnel = f"ssh -N -L {port}:127.0.0.1:{port} {urlsplit(url).hostname}"
    command = f"!openclaw config set gateway.remote.url ws://127.0.0.1:{port}"
    return ConfigError(
        _("the secret of the Gateway at {url} goes over https only, or to this machine", url=url),
        hint=_("in a terminal {tunnel}, then {command}", tunnel=tunnel, command=command),
    )


async def with_servers(tools: Functions, store: Store, *, awaitable: bool = True) -> Functions:
    """The functions that a program offers, with the tools of MCP servers in place of their names; as `mcp.offer`."""
    if not isinstance(tools, Sequence) or not any(isinstance(each, str) for each in tools):
        return tools
    from openclaw_ipython.mcp.offer import functions_with_servers

    return await asyncio.to_thread(functions_with_servers, tools, store, awaitable=awaitable)


def messages_of(prompt: str | Sequence[Message], images: Sequence[Any] = ()) -> tuple[Message, ...]:
    """`prompt` as messages, with `images` (files, addresses, values) in the last one. Raises UsageError."""
    if not isinstance(prompt, Sequence):
        raise UsageError(_("a prompt is a text or a sequence of messages"))
    messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    if not images or not messages:
        return messages
    from openclaw_ipython.context.image_encoding import STANDARD
    from openclaw_ipython.context.images import images_of

    *before, last = messages
    pictures = [{"type": "image_url", "image_url": {"url": p.url}} for p in images_of(images, STANDARD)]
    return (*before, replace(last, content=[*pictures, *parts_of(last.content)]))


def image_reader(models: Models) -> Callable[[str], bool]:
    """A function that tells whether a model (`provider/model`) is known to read images."""
    from openclaw_ipython.openclaw.model_refs import ModelRef

    def reads(model: str) -> bool:
        provider, _slash, name = model.partition("/")
        return bool(models.reads_images(ModelRef(provider, name)))

    return reads
