"""The Provider value: everything that is known about one service before talking to it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openclaw_ipython.config.refs import Ref


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as the provider's table has it. Limits in tokens."""

    id: str
    name: str
    input: tuple[str, ...] = ("text",)
    context_window: int = 128_000
    max_tokens: int = 8_192
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """Sign-in by device code: where, as whom, and which hosts may get the token.

    `origin` is the scheme and host of the sign-in service, the paths are below it. `hosts` are the
    host names (and their subdomains) that links may have and the access token may be sent to.
    """

    origin: str
    device_path: str
    token_path: str
    client_id: str
    scope: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """One service.

    `aliases` are other ids people type for it, `plugin` OpenClaw's plugin id, `placeholder` what
    stands in the provider entry's `apiKey` when the key is elsewhere (never sent), `key_variables` the
    environment variables that may hold a credential, `model_aliases` alias → model id that a first login sets up.
    `closed`: it has no models but the listed ones. `base_url_from` turns what the sign-in returned as
    `resource_url` into a base URL.
    """

    id: str
    label: str
    base_url: str
    models: tuple[ModelSpec, ...]
    default_model: str
    image_model: str = ""
    aliases: tuple[str, ...] = ()
    plugin: str = ""
    placeholder: str = ""
    key_variables: tuple[str, ...] = ()
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    device_login: DeviceLogin | None = None
    base_url_from: Callable[[str], str] | None = None
    notes: tuple[str, ...] = ()

    def ref(self, model: str) -> Ref:
        """The ref of one of its models."""
        return Ref(self.id, model)

    def entry(self, base_url: str) -> dict[str, Any]:
        """The entry under `models.providers.<id>`, with only keys that every OpenClaw release accepts."""
        return {
            "baseUrl": base_url,
            "apiKey": self.placeholder,
            "api": "openai-completions",
            "models": [
                {
                    "id": model.id,
                    "name": model.name,
                    "reasoning": model.reasoning,
                    "input": list(model.input),
                    "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
                    "contextWindow": model.context_window,
                    "maxTokens": model.max_tokens,
                }
                for model in self.models
            ],
        }
