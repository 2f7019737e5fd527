"""The Provider value: everything that is known about one service before talking to it. No I/O.

A fact carries where it is from and when it was looked up (`Source`), so that a reader can tell an old one from a
wrong one. How a request is shaped for a host is no fact of these tables: that is `chat.dialects`, named here.

The small values are named tuples: a dataclass takes almost a millisecond to define, and the first question would wait
for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.values import dataclass, field

if TYPE_CHECKING:
    from openclaw_ipython.chat.thinking import Family


class Source(NamedTuple):
    """Where a fact is from and when it was looked up: `2026-07` or `2026-07-02`."""

    title: str
    date: str


class Price(NamedTuple):
    """US dollars per million tokens. None: not known.

    A prompt of more than `above` tokens costs `above_input` and `above_output` per million instead.
    """

    input: float
    output: float
    source: Source
    cache_read: float | None = None
    cache_write: float | None = None
    above: int | None = None
    above_input: float | None = None
    above_output: float | None = None

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Dollars for one exchange; `cached_tokens` are those of the input that came from the prompt cache."""
        into, out = self.input, self.output
        if self.above is not None and input_tokens > self.above:
            into, out = self.above_input or into, self.above_output or out
        kept = into if self.cache_read is None else self.cache_read
        cached = min(cached_tokens, input_tokens)
        return ((input_tokens - cached) * into + cached * kept + output_tokens * out) / 1e6


@dataclass(frozen=True)
class ModelSpec:
    """One model as the provider's table has it. Limits in tokens.

    `thinking` says how its thinking is switched (`chat.thinking`); empty means: by the rules for its name.
    """

    id: str
    name: str
    input: tuple[str, ...] = ("text",)
    context_window: int = 128_000
    max_tokens: int = 8_192
    reasoning: bool = False
    thinking: Family = ""
    price: Price | None = None
    source: Source | None = None


class Region(NamedTuple):
    """One address of a service. A key belongs to one of them."""

    id: str
    label: str
    base_url: str


@dataclass(frozen=True)
class DeviceLogin:
    """Sign-in by device code: where, as whom, and which hosts may get the token.

    `origin` is the scheme and host of the sign-in service, the paths are below it. `hosts` are the
    host names (and their subdomains) that links may have and the access token may be sent to. `retired` says, in a
    sentence, that the service ended this sign-in; empty while it offers it.
    """

    origin: str
    device_path: str
    token_path: str
    client_id: str
    scope: str
    hosts: tuple[str, ...]
    retired: str = ""


class KeyLogin(NamedTuple):
    """Sign-in by API key: `prefix` is how its keys begin (empty where not known), `page` where one is made."""

    prefix: str = ""
    page: str = ""


class Quota(NamedTuple):
    """How many requests a service takes within `seconds`, and where that is from."""

    requests: int
    seconds: float
    source: Source


class LocalServer(NamedTuple):
    """A server on this machine that needs no key. Paths are below its origin, not below the base URL.

    `list_path` answers GET with the models and more about each than the completions dialect tells;
    `detail_path` answers POST `{"model": id}` about one. `start` says what starts it with a model.
    """

    port: int
    list_path: str = ""
    detail_path: str = ""
    start: str = ""


@dataclass(frozen=True)
class Provider:
    """One service.

    `aliases` are other ids people type for it and files may hold it under, `plugin` OpenClaw's plugin id,
    `placeholder` what stands in the provider entry's `apiKey` when the key is elsewhere (never sent),
    `key_variables` the environment variables that may hold a credential, in order, `model_aliases` alias → model id
    that a first login sets up. `regions` are its addresses, the default one first; `base_url` is that one's.
    `closed`: it has no models but the listed ones. `dialect` names its manner of speaking (`chat.dialects`); empty
    is plain OpenAI. `terms` is said once, before a key is saved. `base_url_from` turns what the sign-in returned as
    `resource_url` into a base URL. `quotas` are its limits that everybody has. `sources` says for each group of facts
    (`address`, `variables`, `models`, `dialect`, …) where they are from.
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
    dialect: str = ""
    regions: tuple[Region, ...] = ()
    key_login: KeyLogin | None = None
    local: LocalServer | None = None
    terms: str = ""
    quotas: tuple[Quota, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)

    def ref(self, model: str) -> ModelRef:
        """The ref of one of its models."""
        return ModelRef(self.id, model)

    def model(self, model_id: str) -> ModelSpec | None:
        """One of the listed models."""
        return next((spec for spec in self.models if spec.id == model_id), None)

    def sisters(self, base_url: str) -> tuple[Region, ...]:
        """Its other addresses than the one in use."""
        return tuple(region for region in self.regions if region.base_url != base_url.rstrip("/"))

    def entry(self, base_url: str) -> dict[str, Any]:
        """The entry under `models.providers.<id>`, with only keys and values that every OpenClaw release accepts."""
        return {
            "baseUrl": base_url,
            "apiKey": self.placeholder,
            "api": "openai-completions",
            "models": [_entry(model) for model in self.models],
        }


def _entry(model: ModelSpec) -> dict[str, Any]:
    price = model.price
    cost = (price.input, price.output, price.cache_read or 0, price.cache_write or 0) if price else (0,) * 4
    return {
        "id": model.id,
        "name": model.name,
        "reasoning": model.reasoning,
        "input": [kind for kind in model.input if kind in {"text", "image"}],  # it knows no other kinds
        "cost": dict(zip(("input", "output", "cacheRead", "cacheWrite"), cost, strict=True)),
        "contextWindow": model.context_window,
        "maxTokens": model.max_tokens,
    }
