"""Which models there are, which are chosen, and where a question to one goes.

Joins the providers' tables with OpenClaw's configuration: configured entries win, built-in models fill
up (unless `models.mode` is `replace`). Reads and writes only through the store; no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_ipython.config import documents
from openclaw_ipython.config.documents import ConfigView, ModelEntry
from openclaw_ipython.config.refs import Known, Ref, check_alias, did_you_mean, resolve, suggest
from openclaw_ipython.config.store import Store
from openclaw_ipython.errors import ConfigError, LoginRequired, UsageError
from openclaw_ipython.providers import ModelSpec, Provider, Providers

COMPLETIONS = "openai-completions"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model in a list. `tags` as OpenClaw prints them: default, image, fallback#1, configured, alias:qwen."""

    ref: Ref
    name: str
    input: tuple[str, ...]
    context_window: int
    max_tokens: int
    tags: tuple[str, ...] = ()
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where one question goes: `base_url` has no trailing slash; `model` is None for an id nobody listed."""

    ref: Ref
    base_url: str
    model: ModelSpec | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice that was written, and where."""

    ref: Ref
    path: Path


class Models:
    """The model settings of one home."""

    def __init__(self, store: Store, providers: Providers) -> None:
        self._store = store
        self._providers = providers

    # -- reading --

    def known(self) -> Known:
        """What words are resolved against, as the configuration stands now."""
        view = self._view()
        default = Ref.parse(view.default_model or "")
        models = {p: tuple(spec.id for spec in self._specs(p, view)) for p in self._ids(view)}
        return Known(
            aliases=view.aliases,
            default_provider=default.provider if default else next(iter(self._providers)),
            provider_of=self.provider_of,
            models=models,
            closed=frozenset(
                p for p in models if p in self._providers and self._providers[p].closed and models[p]
            ),
        )

    def provider_of(self, word: str, model: str = "") -> str | None:
        """The provider id that `word` stands for: built in, or an entry of the user's."""
        named = self._providers.named(word, model)
        if named is None and word.lower() in {p.lower() for p in self._view().provider_ids}:
            return word.lower()
        return named

    def resolve(self, word: str) -> Ref:
        """Alias, bare model or ref → ref. Raises UnknownModel, UnknownProvider."""
        return resolve(word, self.known())

    def default(self) -> Ref | None:
        """The model that answers when none is named; None when none was chosen yet."""
        return self._chosen(self._view().default_model)

    def image_default(self) -> Ref | None:
        """The model for questions with images, None when none was chosen."""
        return self._chosen(self._view().image_model)

    def fallbacks(self) -> tuple[Ref, ...]:
        """The models to turn to when the default fails, in order."""
        return tuple(ref for ref in map(self._chosen, self._view().fallbacks) if ref)

    def aliases(self) -> dict[str, str]:
        """Alias → ref, sorted by alias."""
        return dict(sorted(self._view().aliases.items()))

    def target(self, ref: Ref) -> Target:
        """Where questions to `ref` go. Raises LoginRequired when the provider was never set up."""
        view = self._view()
        entry = view.provider(ref.provider)
        built_in = self._providers.get(ref.provider)
        if entry is not None and entry.api not in (None, COMPLETIONS):
            raise ConfigError(f"{ref.provider} speaks {entry.api}; only {COMPLETIONS} is understood here")
        base_url = (entry.base_url if entry else None) or (built_in.base_url if built_in else None)
        if not base_url:
            raise LoginRequired(
                f"{ref.provider} has no base URL", hint=f"%openclaw login --provider {ref.provider}"
            )
        spec = next((s for s in self._specs(ref.provider, view) if s.id == ref.model), None)
        return Target(ref, base_url.rstrip("/"), spec)

    def rows(self, *, everything: bool = False, provider: str | None = None) -> list[ModelRow]:
        """The models: those in use or set up, or with `everything` also the ones never set up."""
        view = self._view()
        refs = self._named(view)  # chosen ones are listed even when nobody offers them
        for provider_id in self._ids(view):
            if everything or view.provider(provider_id) is not None:
                refs += [Ref(provider_id, spec.id) for spec in self._specs(provider_id, view)]
        if provider is not None:
            wanted = self.checked_provider(provider)
            refs = [ref for ref in refs if ref.provider == wanted]
        return [self._row(ref, view) for ref in sorted(set(refs))]

    def checked_provider(self, word: str) -> str:
        """The provider id `word` stands for. Raises UsageError with suggestions."""
        found = self.provider_of(word)
        if found is None:
            near = suggest(word, [*self._providers, *self._view().provider_ids]) or tuple(self._providers)
            raise UsageError(f"unknown provider {word!r}{did_you_mean(near)}", suggestions=near)
        return found

    # -- writing --

    def set_default(self, word: str) -> Chosen:
        """Choose the model that answers when none is named."""
        ref = self.resolve(word)
        return Chosen(ref, self._store.edit_config(lambda view: documents.set_default_model(view, str(ref))))

    def set_image_default(self, word: str) -> Chosen:
        """Choose the model for questions with images. Raises UsageError for one that reads text only."""
        ref = self.resolve(word)
        spec = (
            self.target(ref).model
            if self._view().provider(ref.provider) or ref.provider in self._providers
            else None
        )
        if spec is not None and "image" not in spec.input:
            able = [str(row.ref) for row in self.rows(everything=True) if "image" in row.input]
            hint = f"%openclaw models set-image {able[0]}" if able else ""
            raise UsageError(f"{ref} reads text only", suggestions=tuple(able[:3]), hint=hint)
        return Chosen(ref, self._store.edit_config(lambda view: documents.set_image_model(view, str(ref))))

    def add_alias(self, name: str, word: str) -> Chosen:
        """Give a model a short name (it has one at most). Raises UsageError for a name that cannot be one."""
        check_alias(name)
        ref = self.resolve(word)
        return Chosen(ref, self._store.edit_config(lambda view: documents.add_alias(view, name, str(ref))))

    def remove_alias(self, name: str) -> Path:
        """Forget a short name. Raises UsageError when there is none of that name."""
        aliases = self._view().aliases
        if name.lower() not in {alias.lower() for alias in aliases}:
            near = suggest(name, aliases)
            raise UsageError(f"Alias not found: {name}{did_you_mean(near)}", suggestions=near)
        return self._store.edit_config(lambda view: documents.remove_alias(view, name))

    # -- inside --

    def _view(self) -> ConfigView:
        return self._store.load().config

    def _ids(self, view: ConfigView) -> list[str]:
        return list(dict.fromkeys([*self._providers, *(p.lower() for p in view.provider_ids)]))

    def _chosen(self, text: str | None) -> Ref | None:
        """A configured model as a ref: written in full, by alias, or as a bare name of the default provider."""
        if not text:
            return None
        view = self._view()
        text = {a.lower(): r for a, r in view.aliases.items()}.get(text.lower(), text)
        ref = Ref.parse(text)
        if ref is None:
            return Ref(next(iter(self._providers)), text)
        return Ref(self.provider_of(ref.provider, ref.model) or ref.provider, ref.model)

    def _specs(self, provider_id: str, view: ConfigView) -> Iterator[ModelSpec]:
        """The provider's models: configured ones first, the built-in ones after them unless replaced."""
        entry = view.provider(provider_id)
        built_in: Provider | None = self._providers.get(provider_id)
        seen = set()
        for configured in entry.models if entry else ():
            seen.add(configured.id)
            yield _spec(configured, built_in)
        if built_in is not None and not (entry and view.models_mode == "replace"):
            yield from (spec for spec in built_in.models if spec.id not in seen)

    def _named(self, view: ConfigView) -> list[Ref]:
        words = [
            view.default_model,
            view.image_model,
            *view.fallbacks,
            *view.image_fallbacks,
            *view.listed_models,
        ]
        return [ref for ref in map(self._chosen, words) if ref]

    def _row(self, ref: Ref, view: ConfigView) -> ModelRow:
        tags = tuple(self._tags(ref, view))
        for spec in self._specs(ref.provider, view):
            if spec.id == ref.model:
                return ModelRow(ref, spec.name, spec.input, spec.context_window, spec.max_tokens, tags)
        return ModelRow(ref, ref.model, ("text",), 0, 0, tags, missing=True)

    def _tags(self, ref: Ref, view: ConfigView) -> Iterator[str]:
        if ref == self._chosen(view.default_model):
            yield "default"
        if ref == self._chosen(view.image_model):
            yield "image"
        yield from (
            f"fallback#{n}" for n, other in enumerate(map(self._chosen, view.fallbacks), 1) if other == ref
        )
        if str(ref) in view.listed_models or view.provider(ref.provider):
            yield "configured"
        yield from (f"alias:{alias}" for alias, target in view.aliases.items() if self._chosen(target) == ref)


def _spec(entry: ModelEntry, built_in: Provider | None) -> ModelSpec:
    known = next((s for s in built_in.models if s.id == entry.id), None) if built_in else None
    base = known or ModelSpec(entry.id, entry.id)
    return ModelSpec(
        entry.id,
        entry.name or base.name,
        entry.input or base.input,
        entry.context_window or base.context_window,
        entry.max_tokens or base.max_tokens,
        base.reasoning if entry.reasoning is None else entry.reasoning,
    )
