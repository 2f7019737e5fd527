"""Making a question ready: which model is meant, where it is asked, with which login, and who stands in.

Joins models and accounts; nothing is sent from here. What happens after a failure is decided in `routing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_ipython.auth.keys import key_variable
from openclaw_ipython.chat.dialects import shaped
from openclaw_ipython.errors import ConfigError, LoginRequired
from openclaw_ipython.http import https_host, is_loopback
from openclaw_ipython.providers.addresses import wrong_key
from openclaw_ipython.routing import Passed, Question, routed
from openclaw_ipython.words import say

if TYPE_CHECKING:
    from openclaw_ipython.accounts import Accounts
    from openclaw_ipython.candidates import Credential
    from openclaw_ipython.chat.messages import ChatRequest
    from openclaw_ipython.config.refs import Ref
    from openclaw_ipython.models import Models, Target
    from openclaw_ipython.providers import Providers


class Questions:
    """The questions that can be asked in one home."""

    def __init__(self, models: Models, accounts: Accounts, providers: Providers) -> None:
        self._models = models
        self._accounts = accounts
        self._providers = providers

    def to(self, word: str | None, request: ChatRequest) -> Question:
        """The question to the model that `word` stands for; None is the default, with its fallbacks behind it.

        The model of `request` is filled in. Raises UnknownModel, UnknownProvider, LoginRequired, ConfigError.
        """
        if word:
            return self._routed(self._models.resolve(word), (), request)
        return self._routed(self._default(), self._models.fallbacks(), request)

    def _default(self) -> Ref:
        ref = self._models.default()
        if ref is None:
            raise self._accounts.no_model()
        return ref

    def _routed(self, ref: Ref, fallbacks: Sequence[Ref], request: ChatRequest) -> Question:
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

    def by_each_login(self, ref: Ref, request: ChatRequest) -> list[Question]:
        """The question to one model, by each login that could be used. Raises LoginRequired, ConfigError."""
        target = self._models.target(ref)
        request = replace(request, model=ref.model)
        notes: tuple[str, ...] = ()
        if target.limit is not None and request.max_tokens is not None and request.max_tokens > target.limit:
            request = replace(request, max_tokens=target.limit)
            notes = (say("{ref} answers with at most {count} tokens", ref=ref, count=target.limit),)
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
        shape = shaped(request, dialect, target.model.thinking if target.model else "")
        question = Question(
            ref,
            url,
            shape.request,
            credential,
            notes=(*notes, *about, *shape.notes),
            dialect=dialect,
            wrong_key=self._wrong_key(credential, base_url),
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
        error = self._accounts.qwen_code.no_login(provider_id)
        why = self._accounts.obstacle(provider_id)
        hint = error.hint
        if provider_id not in self._providers:  # an entry of the person's own has no sign-in
            hint = say(
                "%openclaw models auth add --provider {provider_id}, or set {variable}",
                provider_id=provider_id,
                variable=key_variable(provider_id),
            )
        return LoginRequired(f"{error}: {why}" if why else str(error), hint=hint)


def checked_base_url(base_url: str, provider: str) -> str:
    """A login goes out over https, or to this machine."""
    if https_host(base_url) is None and not is_loopback(base_url):
        raise ConfigError(
            say("the base URL of {provider} is neither https nor on this machine", provider=provider),
            hint=say("models.providers.{provider}.baseUrl in openclaw.json", provider=provider),
        )
    return base_url
