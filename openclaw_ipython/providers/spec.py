"""The facts about a provider: its addresses, models, prices and ways to sign in. No I/O.

A fact has a `Source`, so that a reader can tell an outdated fact from a wrong one. The dialect (`chat.dialects`) of a
provider decides the form of its requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from openclaw_ipython.chat.thinking import Family  # noqa: TC001 - msgspec decodes it
from openclaw_ipython.openclaw.model_refs import ModelRef

if TYPE_CHECKING:
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.openclaw.config_view import ConfigView


class Source(Struct, frozen=True):
    """The origin of a fact, and the date of its look-up: `2026-07` or `2026-07-02`."""

    title: str
    date: str


_BILLED_IN_CNY = r"(?i)https://(dashscope\.aliyuncs\.com|[^/]+\.cn-beijing\.maas\.aliyuncs\.com)(?=[:/]|$)"
"""The addresses of Alibaba Cloud's Beijing region. Its list has other prices, in yuan; they are not in the tables."""


class Price(Struct, frozen=True):
    """US dollars per million tokens; None where the price is unknown.

    `cache_read` is the price of a hit in the prompt cache, `unmarked_read` that of one whose prefix was not marked for
    it, where the service has two kinds; `cache_write` is the creation of a marked prefix.
    For a prompt of more than `above` tokens the prices are `above_input` and `above_output`, and those of the cache in
    proportion.
    """

    input: float
    output: float
    source: Source
    cache_read: float | None = None
    cache_write: float | None = None
    above: int | None = None
    above_input: float | None = None
    above_output: float | None = None
    unmarked_read: float | None = None

    def cost(self, plain: int, output: int, hit: int = 0, written: int = 0, *, marked: bool = False) -> float:
        """The price of one request in dollars, for its plain input tokens, its output tokens, and the input tokens that
        were read from the prompt cache and written to it. Where the price of those is unknown they cost as plain ones.

        `marked`: the prefix that was read had been marked for the cache.
        """
        into, out = self.input, self.output
        if self.above is not None and plain + hit + written > self.above:
            into, out = self.above_input or into, self.above_output or out
        scale = into / self.input if self.input else 1.0
        read = self.cache_read if marked or self.unmarked_read is None else self.unmarked_read
        of_hit = into if read is None else read * scale
        of_written = into if self.cache_write is None else self.cache_write * scale
        return (plain * into + hit * of_hit + written * of_written + output * out) / 1e6


class ModelSpec(Struct, frozen=True):
    """One model of a provider. Limits in tokens, 0 if unknown; `input` is empty if unknown.

    `thinking` is the family that decides how thinking is switched (`chat.thinking`); if it is empty, the family is
    found by the model's name.
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


class Region(Struct, frozen=True):
    """One address of a service. A key is valid in one region."""

    id: str
    label: str
    base_url: str


class DeviceLogin(Struct, frozen=True):
    """Sign-in by device code.

    `origin` is the scheme and host of the sign-in service, the paths are below it. `hosts` are the host names, with
    their subdomains, that links may have and that the access token may be sent to. `retired` is a sentence that
    states the end of this sign-in; empty while the service offers it.
    """

    origin: str
    device_path: str
    token_path: str
    client_id: str
    scope: str
    hosts: tuple[str, ...]
    retired: str = ""


class KeyLogin(Struct, frozen=True):
    """Sign-in by API key: `prefix` begins all keys (empty if unknown), `page` is the page that creates one.

    `check` is the path below the base URL that answers GET for a right key only; empty where no path does.
    """

    prefix: str = ""
    page: str = ""
    check: str = "/models"


class Quota(Struct, frozen=True):
    """The largest number of requests within `seconds`."""

    requests: int
    seconds: float
    source: Source


class LocalServer(Struct, frozen=True):
    """A server on this machine that needs no key. Paths are below its origin, not below the base URL.

    `list_path` answers GET with the models in more detail than `/models`; `detail_path` answers POST
    `{"model": id}` with the details of one model. `start` is a sentence on how to start the server with a model.
    `variable` is the environment variable with its address, `key_variable` that with the key for that address, `owners`
    what its list of models has in `owned_by`.
    """

    port: int
    list_path: str = ""
    detail_path: str = ""
    start: str = ""
    variable: str = ""
    key_variable: str = ""
    owners: tuple[str, ...] = ()


class ConfiguredEndpoint(Struct, frozen=True):
    """The address of a service in OpenClaw's configuration.

    `keys` are the places that may hold its key, in order: the name of each, and the value as it is typed: text,
    `${NAME}`, or a secret reference. Without `needs_key` it lets everybody in. `problem` is why it cannot
    be asked at all.
    """

    base_url: str
    keys: tuple[tuple[str, Any], ...] = ()
    needs_key: bool = True
    problem: OpenClawError | None = None


class ConfiguredService(Struct, frozen=True):
    """A service that is part of OpenClaw: `endpoint` is where it is, by OpenClaw's configuration.

    `start` is what starts it. `key_command` gives what mends its key: the one of a place in `keys` that is refused, or,
    of the empty place, one that is not found.
    """

    endpoint: Callable[[ConfigView], ConfiguredEndpoint]
    start: str
    key_command: Callable[[ConfigView, str], str]


class Provider(Struct, frozen=True):
    """One service.

    - `aliases`: other ids that users type and files may hold; `plugin`: the id of OpenClaw's plugin;
    - `base_url`: the address of the first of its `regions`;
    - `placeholder`: the `apiKey` of the provider entry when the key is elsewhere; it is never sent;
    - `key_variables`: the environment variables that may hold a key, in order;
    - `model_aliases`: alias → model id, set by a first login;
    - `closed`: the service refuses models that are not in `models`;
    - `dialect`: a name in `chat.dialects`; empty is plain OpenAI;
    - `terms`: a sentence about the terms of use, shown before a key is stored;
    - `base_url_from`: the base URL for the `resource_url` of a sign-in;
    - `quotas`: the limits that hold for every account;
    - `configured`: a service of OpenClaw's own, whose address and key are in OpenClaw's configuration;
    - `sources`: the source of each group of facts (`address`, `variables`, `models`, `dialect`, …).
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
    configured: ConfiguredService | None = None
    terms: str = ""
    quotas: tuple[Quota, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)

    def ref(self, model: str) -> ModelRef:
        """The reference to one of its models."""
        return ModelRef(self.id, model)

    def model(self, model_id: str) -> ModelSpec | None:
        """One of the listed models."""
        return next((spec for spec in self.models if spec.id == model_id), None)

    def entry(self, base_url: str) -> dict[str, Any]:
        """The entry under `models.providers.<id>`, with only keys and values that every OpenClaw release accepts."""
        return {
            "baseUrl": base_url,
            "apiKey": self.placeholder,
            "api": "openai-completions",
            "models": [_entry(model, listed_price(model, base_url)) for model in self.models],
        }


def listed_price(model: ModelSpec, base_url: str) -> Price | None:
    """The price of a model in a table; None at an address that bills in another currency than dollars."""
    return None if re.match(_BILLED_IN_CNY, base_url) else model.price


def _entry(model: ModelSpec, price: Price | None) -> dict[str, Any]:
    cost = (price.input, price.output, price.cache_read or 0, price.cache_write or 0) if price else (0,) * 4
    entry = {
        "id": model.id,
        "name": model.name,
        "reasoning": model.reasoning,
        "input": [kind for kind in model.input if kind in {"text", "image"}],  # OpenClaw knows no other kinds
        "cost": dict(zip(("input", "output", "cacheRead", "cacheWrite"), cost, strict=True)),
        "contextWindow": model.context_window,
        "maxTokens": model.max_tokens,
    }
    unknown = {name for name in ("input", "contextWindow", "maxTokens") if not entry[name]}
    return {name: value for name, value in entry.items() if name not in unknown}
