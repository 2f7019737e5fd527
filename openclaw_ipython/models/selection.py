"""The models of one home: the list, the chosen ones, and the address of each.

The configured models come first, then the built-in ones, unless `models.mode` is `replace`. Reads and writes only
through the store; no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.errors import ConfigError, LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.models.stated import answer_limit, configured_spec
from openclaw_ipython.net.urls import is_loopback
from openclaw_ipython.openclaw.config_rules import apis, services
from openclaw_ipython.openclaw.model_refs import KnownModels, ModelRef, check_alias, resolve_model
from openclaw_ipython.providers.addresses import configured_address
from openclaw_ipython.providers.guesses import guessed, unlisted
from openclaw_ipython.providers.lookup import entry_of
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.models.catalog import ModelCatalog
    from openclaw_ipython.openclaw.config_view import ConfigView, ProviderEntry
    from openclaw_ipython.openclaw.json5.parse import Edit
    from openclaw_ipython.openclaw.store import Store
    from openclaw_ipython.providers import ModelSpec, Provider, Providers

COMPLETIONS = "openai-completions"
OPENCLAWS_PROVIDER = "anthropic"
"""The provider of a model that OpenClaw's configuration names without one."""


class ModelRow(Struct, frozen=True):
    """One model in a list. `tags` as OpenClaw prints them: default, image, fallback#1, configured, alias:qwen."""

    ref: ModelRef
    name: str
    input: tuple[str, ...]
    context_window: int
    max_tokens: int
    tags: tuple[str, ...] = ()
    missing: bool = False


class Target(Struct, frozen=True):
    """The address of a model. `base_url` has no trailing slash; `model` is None for an unlisted id.

    `limit` is the largest number of tokens in an answer, None if it is unknown.
    """

    ref: ModelRef
    base_url: str
    model: ModelSpec | None
    limit: int | None = None


class SavedChoice(Struct, frozen=True):
    """A stored choice, and its file."""

    ref: ModelRef
    path: Path


class Models:
    """The model settings of one home."""

    def __init__(self, store: Store, providers: Providers, catalogue: ModelCatalog | None = None) -> None:
        self._store = store
        self._providers = providers
        self._catalogue = catalogue

    # -- reading --

    def known(self) -> KnownModels:
        """The names that a reference may use, by the present configuration."""
        view = self._view()
        default = ModelRef.parse(view.default_model or "")
        models = {p: tuple(spec.id for spec in self._specs(p, view)) for p in self._ids(view)}
        return KnownModels(
            aliases=view.aliases,
            default_provider=default.provider if default else next(iter(self._providers)),
            provider_of=self.provider_of,
            models=models,
            closed=frozenset(
                p for p in models if p in self._providers and self._providers[p].closed and models[p]
            ),
            listed=self._listed_in_entries(view),
        )

    def provider_of(self, word: str, model: str = "") -> str | None:
        """The id of the provider named `word`: a built-in one, the user's own entry, or a service of OpenClaw's."""
        named = self._providers.named(word, model)
        if named is None and (word.lower() in self._ids(self._view()) or word.lower() in services()):
            return word.lower()
        return named

    def is_openclaws(self, provider_id: str) -> bool:
        """Whether a service is one that OpenClaw can ask and this extension cannot: it has another protocol, or
        OpenClaw brings its address along."""
        entry = self._entry(provider_id)
        if entry is not None and entry.api not in (None, COMPLETIONS):
            return entry.api in apis()
        return (
            provider_id not in self._providers
            and (entry is None or entry.base_url is None)
            and provider_id in services()
        )

    def resolve(self, word: str) -> ModelRef:
        """Alias, bare model or ref → ref. Raises UnknownModel, UnknownProvider."""
        return resolve_model(word, self.known())

    def default(self) -> ModelRef | None:
        """The default model; None if none is set."""
        return self._chosen(self._view().default_model)

    def image_default(self) -> ModelRef | None:
        """The model for questions with images; None if none is set."""
        return self._chosen(self._view().image_model)

    def fallbacks(self) -> tuple[ModelRef, ...]:
        """The fallbacks of the default model, in order."""
        return tuple(ref for ref in map(self._chosen, self._view().fallbacks) if ref)

    def image_fallbacks(self) -> tuple[ModelRef, ...]:
        """The fallbacks of the image model, in order."""
        return tuple(ref for ref in map(self._chosen, self._view().image_fallbacks) if ref)

    def allowed(self) -> tuple[ModelRef, ...]:
        """The models of `agents.defaults.models`, which OpenClaw's chats may switch to."""
        return tuple(ref for ref in map(self._chosen, self._view().listed_models) if ref)

    def aliases(self) -> dict[str, str]:
        """Alias → ref, sorted by alias."""
        return dict(sorted(self._view().aliases.items()))

    def reads_images(self, ref: ModelRef) -> bool | None:
        """Whether a model reads images, by the configuration, a list or its name; None if unknown."""
        specs = self._specs(ref.provider, self._view())
        spec = next((s for s in specs if s.id == ref.model), None) or guessed(ref.model)
        return "image" in spec.input if spec is not None and spec.input else None

    def vision_model(self, ref: ModelRef) -> ModelRef | None:
        """The model for images in place of `ref`: the image model, else that of the same provider, else None."""
        provider = self._providers.get(ref.provider)
        own = ModelRef(provider.id, provider.image_model) if provider and provider.image_model else None
        return self.image_default() or (own if own and self.reads_images(own) else None)

    def is_local(self, word: str) -> bool:
        """Whether a model is served on this machine."""
        ref = ModelRef.parse(word)
        return ref is not None and is_loopback(self._address(ref.provider, self._view()) or "")

    def suggestions(self) -> list[ModelRef]:
        """The models that can be asked from here: fallbacks, then the services' own choices; retired services last."""
        rows = [row.ref for row in self.rows(everything=True) if not row.missing]
        asked = [ref for ref in (*self.fallbacks(), *rows) if not self.is_openclaws(ref.provider)]

        def rank(ref: ModelRef) -> tuple[bool, bool]:
            provider = self._providers.get(ref.provider)
            login = provider.device_login if provider else None
            return bool(login and login.retired), provider is not None and provider.default_model != ref.model

        chosen = set(self.fallbacks())
        return sorted(dict.fromkeys(asked), key=lambda ref: (ref not in chosen, *rank(ref)))

    def target(self, ref: ModelRef) -> Target:
        """The address of a model. Raises LoginRequired if its provider has none, ConfigError for another protocol."""
        view = self._view()
        entry = self._entry(ref.provider)
        built_in = self._providers.get(ref.provider)
        if entry is not None and entry.api not in (None, COMPLETIONS):
            what = _(
                "{provider} speaks {api}; only {known} is understood here",
                provider=ref.provider, api=entry.api, known=COMPLETIONS,
            )  # fmt: skip
            raise ConfigError(what)
        base_url = self._address(ref.provider, view)
        if not base_url:
            if self.is_openclaws(ref.provider):
                raise ConfigError(_("{ref} can be asked by OpenClaw only, not from here", ref=ref))
            raise LoginRequired(
                _("{provider} has no base URL", provider=ref.provider),
                hint=f"%openclaw login --provider {ref.provider}",
            )
        spec = next((s for s in self._specs(ref.provider, view) if s.id == ref.model), None)
        listed = self._listed(ref.provider, view)
        return Target(ref, base_url.rstrip("/"), spec, answer_limit(ref.model, entry, built_in, listed))

    def rows(self, *, everything: bool = False, provider: str | None = None) -> list[ModelRow]:
        """The models that are in use or set up; with `everything`, all models."""
        with self._store.pinned():
            view = self._view()
            refs = self._named(view)  # chosen models are listed even if no provider has them
            for provider_id in self._ids(view) if everything else self.to_refresh():
                refs += [ModelRef(provider_id, spec.id) for spec in self._specs(provider_id, view)]
            if provider is not None:
                wanted = self.checked_provider(provider)
                refs = [ref for ref in refs if ref.provider == wanted]
            return [self._row(ref, view) for ref in sorted(set(refs))]

    def to_refresh(self) -> list[str]:
        """The providers whose lists can be refreshed: those that are set up or were asked before."""
        view = self._view()
        return [p for p in self._ids(view) if self._entry(p) is not None or self._listed(p, view)]

    def checked_provider(self, word: str) -> str:
        """The provider id `word` stands for. Raises UsageError with suggestions."""
        found = self.provider_of(word)
        if found is None:
            what, known = (
                _("unknown provider {word!r}", word=word),
                [*self._providers, *self._view().provider_ids],
            )
            raise mistyped(what, word, known, hint="%openclaw models list --all", otherwise=known)
        return found

    def built_in_provider(self, word: str) -> Provider:
        """The built-in provider named `word`, an id or another name. Raises UsageError with suggestions."""
        found = self.checked_provider(word)
        if self.is_openclaws(found) and found not in self._providers:
            raise UsageError(
                _("{found} is a service of OpenClaw's own; it is set up there, not here", found=found),
                hint=f"!openclaw models auth login --provider {found}",
            )
        if found not in self._providers:
            raise UsageError(
                _("{found} is an entry of your own in openclaw.json; it has no sign-in here", found=found),
                hint=_("%openclaw models auth add --provider {found} stores a key for it", found=found),
            )
        return self._providers[found]

    # -- writing --

    def set_default(self, word: str, *, images: bool = False) -> SavedChoice:
        """Set the default model, or with `images` the model for questions with images.

        Raises UsageError for an image model that reads text only.
        """
        from openclaw_ipython.openclaw.config_edit import set_default_model

        ref = self._reading_images(word, "%openclaw models set-image") if images else self.resolve(word)
        path = self._store.edit_config(lambda view: set_default_model(view, str(ref), images=images))
        return SavedChoice(ref, path)

    def add_fallback(self, word: str, *, images: bool = False) -> SavedChoice:
        """Append a model to the fallbacks, or to those of the image model; an existing one keeps its place."""
        from openclaw_ipython.openclaw.config_edit import set_fallbacks

        command = "%openclaw models image-fallbacks add"
        ref = self._reading_images(word, command) if images else self.resolve(word)

        def plan(view: ConfigView) -> list[Edit]:
            words = view.image_fallbacks if images else view.fallbacks
            if ref in map(self._chosen, words):
                return []
            return set_fallbacks(view, [*words, str(ref)], images=images)

        return SavedChoice(ref, self._store.edit_config(plan))

    def remove_fallback(self, word: str, *, images: bool = False) -> Path:
        """Remove a fallback. Raises UsageError if it is none."""
        from openclaw_ipython.openclaw.config_edit import set_fallbacks

        removed = self._chosen(word)

        def plan(view: ConfigView) -> list[Edit]:
            words = view.image_fallbacks if images else view.fallbacks
            kept = [other for other in words if other != word and self._chosen(other) != removed]
            if len(kept) == len(words):
                raise mistyped(_("Fallback not found: {word}", word=word), word, words, otherwise=words)
            return set_fallbacks(view, kept, images=images)

        return self._store.edit_config(plan)

    def clear_fallbacks(self, *, images: bool = False) -> Path:
        """Remove all fallbacks; an empty list stays in the file, as in OpenClaw."""
        from openclaw_ipython.openclaw.config_edit import set_fallbacks

        return self._store.edit_config(lambda view: set_fallbacks(view, [], images=images))

    def add_alias(self, name: str, word: str) -> SavedChoice:
        """Set the alias of a model. Raises UsageError for an impossible name."""
        from openclaw_ipython.openclaw.config_edit import add_alias

        check_alias(name)
        ref = self.resolve(word)
        return SavedChoice(ref, self._store.edit_config(lambda view: add_alias(view, name, str(ref))))

    def remove_alias(self, name: str) -> Path:
        """Remove an alias. Raises UsageError if there is none of that name."""
        from openclaw_ipython.openclaw.config_edit import remove_alias

        aliases = self._view().aliases
        if name.lower() not in {alias.lower() for alias in aliases}:
            raise mistyped(_("Alias not found: {name}", name=name), name, aliases)
        return self._store.edit_config(lambda view: remove_alias(view, name))

    # -- inside --

    def _reading_images(self, word: str, command: str) -> ModelRef:
        """The model that `word` means. Raises UsageError if it reads text only; `command` is for the hint."""
        ref = self.resolve(word)
        known = self._view().provider(ref.provider) or ref.provider in self._providers
        spec = self.target(ref).model if known else None
        if spec is not None and spec.input and "image" not in spec.input:
            others = [row.ref for row in self.rows(everything=True) if "image" in row.input]
            candidates = [
                str(other) for other in sorted(others, key=lambda other: other.provider != ref.provider)
            ]
            hint = f"{command} {candidates[0]}" if candidates else ""
            raise UsageError(
                _("{ref} reads text only", ref=ref), suggestions=tuple(candidates[:3]), hint=hint
            )
        return ref

    def _view(self) -> ConfigView:
        return self._store.load().config

    def _ids(self, view: ConfigView) -> list[str]:
        ids = [*self._providers, *view.provider_ids]
        if view.models_mode == "merge":
            ids += self._store.load().models_json
        return list(dict.fromkeys(self._providers.named(p) or p.lower() for p in ids))

    def _entry(self, provider_id: str) -> ProviderEntry | None:
        """The entry of a provider in the configuration and OpenClaw's derived catalog."""
        snapshot = self._store.load()
        return entry_of(self._providers, snapshot.config, snapshot.models_json, provider_id)

    def _address(self, provider_id: str, view: ConfigView) -> str | None:
        """The base URL. The derived catalog may hold an outdated one, so it is not read for built-in providers."""
        built_in = self._providers.get(provider_id)
        catalog = {} if built_in else self._store.load().models_json
        entry = entry_of(self._providers, view, catalog, provider_id)
        found = entry.base_url if entry else None
        return found or (configured_address(built_in, view) if built_in else None)

    def _listed(self, provider_id: str, view: ConfigView) -> tuple[ModelSpec, ...]:
        """The last list of the service at the address in use."""
        base_url = self._address(provider_id, view) if self._catalogue else None
        return self._catalogue.models(provider_id, base_url) if self._catalogue and base_url else ()

    def _chosen(self, text: str | None) -> ModelRef | None:
        """A configured model as a ref: written in full, by alias, or as a bare name of the default provider."""
        if not text:
            return None
        view = self._view()
        text = {a.lower(): r for a, r in view.aliases.items()}.get(text.lower(), text)
        ref = ModelRef.parse(text)
        if ref is None:
            return ModelRef(self._provider_of_bare(text, view), text)
        return ModelRef(self.provider_of(ref.provider, ref.model) or ref.provider, ref.model)

    def _provider_of_bare(self, model: str, view: ConfigView) -> str:
        """The provider of a model that is configured without one: the only one that lists it, else OpenClaw's rule."""
        listing = [p for p, ids in self._listed_in_entries(view).items() if model in ids]
        if len(listing) == 1:
            return listing[0]
        first = next(iter(self._providers))
        return first if self._providers[first].model(model) else OPENCLAWS_PROVIDER

    def _listed_in_entries(self, view: ConfigView) -> dict[str, tuple[str, ...]]:
        entries = {self._providers.named(p) or p.lower(): view.provider(p) for p in view.provider_ids}
        return {p: tuple(model.id for model in entry.models) for p, entry in entries.items() if entry}

    def _specs(self, provider_id: str, view: ConfigView) -> Iterator[ModelSpec]:
        """A provider's models: the configured ones, then (unless replaced) the service's list or the built-in ones."""
        entry = self._entry(provider_id)
        built_in: Provider | None = self._providers.get(provider_id)
        seen = set()
        for configured in entry.models if entry else ():
            seen.add(configured.id)
            yield configured_spec(configured, entry, built_in, self._listed(provider_id, view))
        if entry is None or view.models_mode != "replace":
            offered = self._listed(provider_id, view) or (built_in.models if built_in else ())
            yield from (spec for spec in offered if spec.id not in seen)

    def _named(self, view: ConfigView) -> list[ModelRef]:
        words = [
            view.default_model,
            view.image_model,
            *view.fallbacks,
            *view.image_fallbacks,
            *view.listed_models,
        ]
        return [ref for ref in map(self._chosen, words) if ref]

    def _row(self, ref: ModelRef, view: ConfigView) -> ModelRow:
        tags = tuple(self._tags(ref, view))
        for spec in self._specs(ref.provider, view):
            if spec.id == ref.model:
                return ModelRow(ref, spec.name, spec.input, spec.context_window, spec.max_tokens, tags)
        likely = guessed(ref.model) or unlisted(ref.model)
        return ModelRow(
            ref, ref.model, likely.input, likely.context_window, likely.max_tokens, tags, missing=True
        )

    def _tags(self, ref: ModelRef, view: ConfigView) -> Iterator[str]:
        if ref == self._chosen(view.default_model):
            yield "default"
        if ref == self._chosen(view.image_model):
            yield "image"
        yield from (
            f"fallback#{n}" for n, other in enumerate(map(self._chosen, view.fallbacks), 1) if other == ref
        )
        if str(ref) in view.listed_models or entry_of(self._providers, view, {}, ref.provider):
            yield "configured"
        yield from (f"alias:{alias}" for alias, target in view.aliases.items() if self._chosen(target) == ref)
