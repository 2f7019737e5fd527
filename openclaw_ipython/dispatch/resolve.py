"""Making a question ready: which model is meant, where it is asked, with which login, and who stands in.

Joins models and accounts; nothing is sent from here. What happens after a failure is decided in `routing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.keys import key_variable
from openclaw_ipython.chat.dialects import shaped
from openclaw_ipython.chat.types import Message
from openclaw_ipython.dispatch.failover import Passed, Question, routed
from openclaw_ipython.errors import ConfigError, LoginRequired
from openclaw_ipython.i18n import _
from openclaw_ipython.net.urls import checked_base_url
from openclaw_ipython.providers.addresses import wrong_key

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.auth.resolve import Credential
    from openclaw_ipython.chat.types import ChatRequest
    from openclaw_ipython.models.selection import Models, Target
    from openclaw_ipython.openclaw.model_refs import ModelRef
    from openclaw_ipython.providers import Providers


class Questions:
    """The questions that can be asked in one home."""

    def __init__(self, models: Models, accounts: Accounts, providers: Providers) -> None:
        self._models = models
        self._accounts = accounts
        self._providers = providers

    def to(self, word: str | None, request: ChatRequest) -> Question:
        """The question to the model that `word` stands for; None is the default, with its fallbacks behind it.

        A request with pictures goes to a model that takes them, unless another one is named.
        The model of `request` is filled in. Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError.
        """
        if word:
            return self._routed(self._models.resolve(word), (), request)
        if has_pictures(request):
            return self._with_pictures(request)
        return self._routed(self._default(), self._models.fallbacks(), request)

    def _with_pictures(self, request: ChatRequest) -> Question:
        """The question to the default model and those fallbacks that take pictures, or else to the image model."""
        models = self._models
        default = models.default() or models.image_default() or self._default()
        if models.reads_images(default) is not False:
            able = [ref for ref in models.fallbacks() if models.reads_images(ref) is not False]
            return self._routed(default, able, request)
        eyes = models.eyes(default)
        if eyes is None:
            able = [row.ref for row in models.rows(everything=True) if "image" in row.input]
            raise ConfigError(
                _("{ref} reads text only, and no model for pictures is chosen", ref=default),
                hint=f"%openclaw models set-image {able[0] if able else 'REF'}",
            )
        note = _("{ref} reads text only; pictures go to {eyes}", ref=default, eyes=eyes)
        return self._routed(eyes, models.image_fallbacks(), request).told([note])

    def meant(self, word: str | None, request: ChatRequest) -> ModelRef:
        """The model that `to` would ask first, whether or not there is a login for it. Raises UnknownModel."""
        models = self._models
        if word:
            return models.resolve(word)
        if not has_pictures(request):
            return self._default()
        default = models.default() or models.image_default() or self._default()
        return default if models.reads_images(default) is not False else models.eyes(default) or default

    def _default(self) -> ModelRef:
        ref = self._models.default()
        if ref is None:
            raise self._accounts.no_model()
        return ref

    def _routed(self, ref: ModelRef, fallbacks: Sequence[ModelRef], request: ChatRequest) -> Question:
        """The question to `ref`, with those to its fallbacks behind it. A fallback that is not set up is left out."""
        ways: list[Question] = []
        passed: list[Passed] = []
        missing: LoginRequired | None = None
        for other in dict.fromkeys((ref, *fallbacks)):
            try:
                ways += self.by_each_login(other, request)
            except LoginRequired as error:
                missing = missing or error
                if not ways:
                    passed.append(Passed(other, "", "no login"))
            except ConfigError:
                if other == ref:
                    raise
        if not ways and missing is not None:
            raise missing
        return routed(ways, passed)

    def by_each_login(self, ref: ModelRef, request: ChatRequest) -> list[Question]:
        """The question to one model, by each login that could be used. Raises LoginRequired, ConfigError."""
        target = self._models.target(ref)
        request = replace(request, model=ref.model)
        notes: tuple[str, ...] = ()
        if target.limit is not None and request.max_tokens is not None and request.max_tokens > target.limit:
            request = replace(request, max_tokens=target.limit)
            notes = (_("{ref} answers with at most {count} tokens", ref=ref, count=target.limit),)
        if has_pictures(request) and self._models.reads_images(ref) is False:
            notes += (_("{ref} reads text only; the picture was sent all the same", ref=ref),)
        credentials = self._accounts.credentials(ref.provider)
        if not credentials:
            raise self._no_login(ref.provider)
        return [self._by(credential, target, request, notes) for credential in credentials]

    def _by(
        self, credential: Credential, target: Target, request: ChatRequest, notes: tuple[str, ...]
    ) -> Question:
        ref = target.ref
        base_url, about = self._accounts.address(credential, target.base_url)
        url = checked_base_url(base_url, ref.provider) + "/chat/completions"
        provider = self._providers.get(ref.provider)
        dialect = self._accounts.dialect(ref.provider, base_url)
        family = target.model.thinking if target.model else ""
        shape = shaped(request, dialect, family)
        question = Question(
            ref,
            url,
            shape.request,
            credential,
            notes=(*notes, *about, *shape.notes),
            dialect=dialect,
            wrong_key=self._wrong_key(credential, base_url),
            asked=request,
            family=family,
            price=target.model.price if target.model else None,
        )
        if credential.profile is None or provider is None or provider.device_login is None:
            return question
        endpoints = self._accounts.device_endpoints(provider)
        return replace(question, token_url=endpoints.token_url, client_id=endpoints.client_id)

    def _wrong_key(self, credential: Credential, base_url: str) -> str:
        """What to do should a key be refused; a sign-in is simply done again."""
        provider = self._providers.get(credential.provider)
        if credential.key is None:
            return ""
        if provider is None:
            own = f"models.providers.{credential.provider}"
            return f"{credential.label} was sent to {base_url}; {own} in openclaw.json says where and with which key"
        if provider.device_login is not None:
            return ""
        return wrong_key(provider, base_url, self._providers.values())

    def _no_login(self, provider_id: str) -> LoginRequired:
        error = self._accounts.qwen_code.login_required(provider_id)
        why = self._accounts.obstacle(provider_id)
        hint = error.hint
        if provider_id not in self._providers:  # an entry of the person's own has no sign-in
            hint = _(
                "%openclaw models auth add --provider {provider_id}, or set {variable}",
                provider_id=provider_id,
                variable=key_variable(provider_id),
            )
        return LoginRequired(f"{error}: {why}" if why else str(error), hint=hint)


def has_pictures(request: ChatRequest) -> bool:
    """Whether a picture goes along."""
    return any(
        part.get("type") == "image_url"
        for message in request.messages
        if not isinstance(message.content, (str, type(None)))
        for part in message.content
    )


def messages_of(prompt: str | Sequence[Message], images: Sequence[Any] = ()) -> tuple[Message, ...]:
    """The turns that `prompt` is, with `images` (files, addresses, values) in the last one. Raises UsageError."""
    messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    if not images or not messages:
        return messages
    from openclaw_ipython.context.image_encoding import ORDINARY
    from openclaw_ipython.context.images import of_values

    *before, last = messages
    shown = [{"type": "image_url", "image_url": {"url": p.url}} for p in of_values(images, ORDINARY)]
    said = [{"type": "text", "text": last.content}] if isinstance(last.content, str) else last.content
    return (*before, replace(last, content=[*shown, *said]))
