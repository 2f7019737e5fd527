"""OpenClaw's configuration for reading, tolerant of anything that may be typed in it.

Pure. A value of the wrong type reads as absent and is never an error: OpenClaw itself checks the file, and a notebook
works as far as it can. Writing is in `config_edit`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.openclaw.json5.parse import member_at
from openclaw_ipython.sanitize.secrets import HiddenFields, Secret

_REFERENCE = r"\$?\$\{([A-Z_][A-Z0-9_]*)\}"
_SHORT_REFERENCE = r"\$([A-Z][A-Z0-9_]{0,127})"  # as a whole key, `$NAME` is `${NAME}`
_VERSION = r"([0-9]{4})\.([0-9]{1,4})\.([0-9]{1,4})"
_SQLITE_SINCE = (2026, 6, 5)  # the first OpenClaw release that keeps credentials in SQLite
_MARKERS = frozenset({
    "custom-local", "lmstudio-local", "minimax-oauth", "ollama-local", "qwen-oauth", "secretref-managed", "vllm-local",
})  # fmt: skip
_VARIABLE_NAME = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN)"


def is_marker(value: str | Secret) -> bool:
    """Whether an `apiKey` is a placeholder, which is never sent: `qwen-oauth`, `oauth:…`, the name of a variable."""
    text = value.reveal() if isinstance(value, Secret) else value
    return text in _MARKERS or text.startswith("oauth:") or re.fullmatch(_VARIABLE_NAME, text) is not None


def resolve_references(text: str, environ: Mapping[str, str]) -> str:
    """`text` with each `${NAME}` replaced by that variable; unset ones stay as typed, `$${NAME}` is `${NAME}`."""

    def value(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        return environ.get(match[1]) or match[0]

    return re.sub(_REFERENCE, value, text)


def has_reference(text: str) -> bool:
    """Whether `text` has a `${NAME}` in it."""
    return any(not match[0].startswith("$$") for match in re.finditer(_REFERENCE, text))


class ModelEntry(Struct, frozen=True):
    """One model as listed under a provider. What the entry lacks is empty or None.

    `cost` is the price of a million tokens in US dollars: input, output, input read from the prompt cache and
    written to it.
    """

    id: str
    name: str = ""
    input: tuple[str, ...] = ()
    context_window: int | None = None
    max_tokens: int | None = None
    reasoning: bool | None = None
    cost: tuple[float, float, float | None, float | None] | None = None


class ProviderEntry(Struct, frozen=True):
    """One entry of `models.providers`.

    `api_key` is a key that may be sent, or None. `key_marker` is the placeholder in its place: `qwen-oauth`, the
    name of a variable, a `${NAME}` that is not set. `key_ref` is a reference to a secret that is not in the
    environment. `context_window` and `max_tokens` are for models without values of their own.
    """

    id: str
    base_url: str | None = None
    api: str | None = None
    api_key: Secret | None = None
    key_marker: str | None = None
    models: tuple[ModelEntry, ...] = ()
    key_ref: Mapping[str, Any] | None = None
    context_window: int | None = None
    max_tokens: int | None = None


class ConfigView(HiddenFields, Struct, frozen=True, eq=False, dict=True):
    """OpenClaw's configuration, read-only. `${NAME}` is resolved when a value is read, never written back."""

    config: Mapping[str, Any]
    environ: Mapping[str, str] = {}

    def get(self, path: tuple[str, ...]) -> Any:
        """The value at a path, references resolved; None where there is none."""
        value = self.raw(path)
        return self._resolved(value) if self._refers else value

    @cached_property
    def _refers(self) -> bool:
        """Whether there is any reference: most files have none, and every question reads a dozen values."""
        return any("${" in text for text in _texts_in(self.config))

    def raw(self, path: tuple[str, ...]) -> Any:
        """The value at a path as it is typed; None where there is none."""
        return member_at(self.config, path)

    # -- models ----------------------------------------------------------------------------

    @property
    def default_model(self) -> str | None:
        """The model used when none is named: `agents.defaults.model`, a string or `{primary}`."""
        return self._primary("model")

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The models tried when the default fails, in order."""
        return self._texts(("agents", "defaults", "model", "fallbacks"))

    @property
    def image_model(self) -> str | None:
        """The model for questions with images."""
        return self._primary("imageModel")

    @property
    def image_fallbacks(self) -> tuple[str, ...]:
        """The models tried when the image model fails, in order."""
        return self._texts(("agents", "defaults", "imageModel", "fallbacks"))

    @property
    def listed_models(self) -> tuple[str, ...]:
        """The refs under `agents.defaults.models`: alias table and allowlist in one."""
        return tuple(self._mapping(("agents", "defaults", "models")))

    @property
    def aliases(self) -> dict[str, str]:
        """Alias → ref. Case as typed; of two models with one alias, the first counts."""
        found: dict[str, str] = {}
        for ref, entry in self._mapping(("agents", "defaults", "models")).items():
            alias = _text(entry.get("alias")) if isinstance(entry, Mapping) else None
            if alias and alias.lower() not in {name.lower() for name in found}:
                found[alias] = ref
        return found

    # -- providers -------------------------------------------------------------------------

    @property
    def models_mode(self) -> str:
        """`merge` or `replace`: whether built-in models are added to the configured ones."""
        return "replace" if self.get(("models", "mode")) == "replace" else "merge"

    @property
    def provider_ids(self) -> tuple[str, ...]:
        """The ids under `models.providers`."""
        providers = self._mapping(("models", "providers"))
        return tuple(key for key, entry in providers.items() if isinstance(entry, Mapping))

    def provider(self, provider_id: str) -> ProviderEntry | None:
        """One entry of `models.providers`; ids ignore case."""
        key = self.provider_key(provider_id)
        if key is None:
            return None
        return _provider(provider_id, self._mapping(("models", "providers", key)), self.environ)

    def provider_key(self, provider_id: str) -> str | None:
        """A provider's id as it is typed in the file."""
        ids = self.provider_ids
        if provider_id in ids:
            return provider_id
        return next((key for key in ids if key.lower() == provider_id.lower()), None)

    def base_url(self, provider_id: str) -> str | None:
        """A provider's `baseUrl` as it is typed, reference and all."""
        return _text(self.raw(("models", "providers", self.provider_key(provider_id) or "", "baseUrl")))

    @property
    def says_sqlite(self) -> bool:
        """Whether a release that keeps credentials in SQLite wrote this (June 2026 and later)."""
        if self.raw(("meta", "migrations")) is not None or self.raw(("agents", "entries")) is not None:
            return True
        version = self.raw(("meta", "lastTouchedVersion"))
        numbers = re.match(_VERSION, version) if isinstance(version, str) else None
        return numbers is not None and tuple(map(int, numbers.groups())) >= _SQLITE_SINCE

    # -- sign-in and plugins ---------------------------------------------------------------

    def plugin_enabled(self, plugin_id: str) -> bool | None:
        """`plugins.entries.<id>.enabled`, None where it is not set."""
        enabled = self.get(("plugins", "entries", plugin_id, "enabled"))
        return enabled if isinstance(enabled, bool) else None

    def auth_order(self, provider_id: str) -> tuple[str, ...]:
        """The profiles of a provider in the order they are to be tried; empty where none is set."""
        return self._texts(("auth", "order", provider_id))

    def configured_profiles(self, provider_id: str) -> dict[str, str]:
        """Profile id → mode for the provider's entries of `auth.profiles`; mode '' where it is not set."""
        return {
            profile_id: _text(entry.get("mode")) or ""
            for profile_id, entry in self._mapping(("auth", "profiles")).items()
            if isinstance(entry, Mapping) and entry.get("provider") == provider_id
        }

    # -- inside ----------------------------------------------------------------------------

    def _primary(self, name: str) -> str | None:
        value = self.get(("agents", "defaults", name))
        return _text(value.get("primary") if isinstance(value, Mapping) else value)

    def _mapping(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        value = self.get(path)
        return value if isinstance(value, Mapping) else {}

    def _texts(self, path: tuple[str, ...]) -> tuple[str, ...]:
        value = self.get(path)
        return tuple(item for item in value if _text(item)) if isinstance(value, list) else ()

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, str):
            return resolve_references(value, self.environ) if "${" in value else value
        if isinstance(value, Mapping):
            return {key: self._resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        return value


def _texts_in(value: Any) -> Iterator[str]:
    """All strings in a value, however deep."""
    left = [value]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list):
            left += value


def _provider(provider_id: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> ProviderEntry:
    reference, models = entry.get("apiKey"), entry.get("models")
    key, marker = _key(reference, environ)
    found = {}
    for one in models if isinstance(models, list) else ():
        if isinstance(one, Mapping) and (model_id := _text(one.get("id"))):
            found[model_id] = _model(model_id, one)
    return ProviderEntry(
        id=provider_id,
        base_url=_text(entry.get("baseUrl")),
        api=_text(entry.get("api")),
        api_key=key,
        key_marker=marker,
        models=tuple(found.values()),
        key_ref=reference if isinstance(reference, Mapping) and reference.get("source") != "env" else None,
        context_window=_count(entry.get("contextWindow")),
        max_tokens=_count(entry.get("maxTokens")),
    )


def merged_entry(
    config: ConfigView, catalog: Mapping[str, ProviderEntry], provider_id: str
) -> ProviderEntry | None:
    """A provider's entry in the configuration, completed from OpenClaw's derived catalog (`models.json`).

    The configuration wins; with `models.mode` `replace` the catalog adds nothing.
    """
    entry = config.provider(provider_id)
    derived = next((e for key, e in catalog.items() if key.lower() == provider_id.lower()), None)
    if derived is None or config.models_mode == "replace":
        return entry
    if entry is None:
        return derived
    listed = {model.id for model in entry.models}
    return replace(
        entry,
        base_url=entry.base_url or derived.base_url,
        api=entry.api or derived.api,
        api_key=entry.api_key or (derived.api_key if not (entry.key_marker or entry.key_ref) else None),
        models=(*entry.models, *(m for m in derived.models if m.id not in listed)),
    )


def _key(value: Any, environ: Mapping[str, str]) -> tuple[Secret | None, str | None]:
    """The key that may be sent, and the marker in its place."""
    if isinstance(value, Mapping):  # {source, provider, id}: only variables can be looked up here
        name = _text(value.get("id")) if value.get("source") == "env" else None
        return _variable(name, environ), name or "secretref-managed"
    text = _text(value)
    if text is None:
        return None, None
    if has_reference(text):
        return None, text  # a variable that is not set
    if short := re.fullmatch(_SHORT_REFERENCE, text):
        return _variable(short[1], environ), text
    if is_marker(text):
        return _variable(text, environ), text
    return Secret(text), None


def _variable(name: str | None, environ: Mapping[str, str]) -> Secret | None:
    value = environ.get(name, "").strip() if name else ""
    return Secret(value) if value else None


def _model(model_id: str, entry: Mapping[str, Any]) -> ModelEntry:
    kinds, reasoning = entry.get("input"), entry.get("reasoning")
    return ModelEntry(
        id=model_id,
        name=_text(entry.get("name")) or "",
        input=tuple(kind for kind in kinds if _text(kind)) if isinstance(kinds, list) else (),
        context_window=_count(entry.get("contextWindow")),
        max_tokens=_count(entry.get("maxTokens")),
        reasoning=reasoning if isinstance(reasoning, bool) else None,
        cost=_cost(entry.get("cost")),
    )


def _cost(value: Any) -> tuple[float, float, float | None, float | None] | None:
    """A model's prices; OpenClaw writes zeros where it knows none."""
    if not isinstance(value, Mapping):
        return None
    input_, output, read, write = (
        _price(value.get(name)) for name in ("input", "output", "cacheRead", "cacheWrite")
    )
    if input_ is None or output is None or not (input_ or output):
        return None
    return input_, output, read or None, write or None


def _price(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return None
    return float(value)


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return None
    return int(value)
