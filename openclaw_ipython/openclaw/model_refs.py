"""`provider/model` references and aliases: parsed and resolved. Pure.

Rules as OpenClaw has them: a ref is split at its first `/`; the provider part ignores case, the model
part keeps it; a bare word is an alias (ignoring case), then a model of the one configured provider that lists it,
then a model of the default provider. An id with a `/` that a configured provider lists as it is typed is that model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from openclaw_ipython.errors import UnknownModel, UnknownProvider, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.suggestions import did_you_mean, suggest

_ALIAS = r"[\w.:-]{1,64}"


class ModelRef(Struct, frozen=True, order=True):
    """One model of one provider. `str(ref)` is how it is written, always in full."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> ModelRef | None:
        """The ref in `text`, or None when it has no `/` or an empty half. The provider is lower-cased."""
        provider, slash, model = text.strip().partition("/")
        return cls(provider.lower(), model) if slash and provider and model else None


class KnownModels(Struct, frozen=True):
    """The names that a word is resolved with.

    `aliases`: alias → ref text. `default_provider`: where a bare model name is looked for.
    `provider_of(id, model)`: the provider with an id as typed (it may depend on the model), or
    None when there is none. `models`: provider → model ids; `closed`: providers that have no others; `listed`:
    provider → the ids that its entry in the configuration lists.
    """

    aliases: Mapping[str, str]
    default_provider: str
    provider_of: Callable[[str, str], str | None]
    models: Mapping[str, tuple[str, ...]]
    closed: frozenset[str]
    listed: Mapping[str, tuple[str, ...]] = {}

    def listing(self, model: str) -> tuple[str, ...]:
        """The configured providers that list a model id exactly as it is typed."""
        return tuple(provider for provider, ids in self.listed.items() if model in ids)


def resolve_model(word: str, known: KnownModels) -> ModelRef:
    """The model that `word` (alias, bare model or ref) names.

    Raises UnknownModel or UnknownProvider, with suggestions.
    """
    word = word.strip()
    target = {alias.lower(): ref for alias, ref in known.aliases.items()}.get(word.lower(), word)
    ref = ModelRef.parse(target)
    if ref is None:
        return _bare(word, known)
    provider = known.provider_of(ref.provider, ref.model)
    if provider is None or ref.model not in known.listed.get(provider, ()):
        listing = known.listing(target)
        if len(listing) == 1:
            return ModelRef(listing[0], target)
        if listing:
            raise _several(target, listing)
    if provider is None:
        near = suggest(ref.provider, known.models)
        raise UnknownProvider(
            _("unknown provider {word!r}", word=ref.provider) + did_you_mean(near),
            suggestions=near,
            hint="%openclaw models list --all",
        )
    if provider in known.closed and ref.model not in known.models.get(provider, ()):
        raise _unknown_model(word, provider, known)
    return ModelRef(provider, ref.model)


def _several(word: str, providers: Sequence[str]) -> UnknownModel:
    refs = tuple(f"{provider}/{word}" for provider in providers)
    return UnknownModel(
        _("{word!r} is a model of several services: {refs}", word=word, refs=", ".join(refs)),
        suggestions=refs,
        hint=_("name the service as well: {ref}", ref=refs[0]),
    )


def _bare(word: str, known: KnownModels) -> ModelRef:
    listing = known.listing(word)
    if len(listing) == 1:
        return ModelRef(listing[0], word)
    if listing and known.default_provider not in listing:
        raise _several(word, listing)
    if word in known.models.get(known.default_provider, ()):
        return ModelRef(known.default_provider, word)
    raise _unknown_model(word, known.default_provider, known)


def _unknown_model(word: str, provider: str, known: KnownModels) -> UnknownModel:
    refs = [f"{p}/{m}" for p, models in known.models.items() for m in models]
    near = suggest(word, [*known.aliases, *refs])
    if not near:  # a bare model name, or the right model under the wrong provider
        model = word.rpartition("/")[2]
        near = tuple(
            ref
            for ref in refs
            if ref.rpartition("/")[2] in suggest(model, [r.rpartition("/")[2] for r in refs])
        )
    return UnknownModel(
        _("unknown model {word!r}", word=word) + did_you_mean(near[:2]),
        suggestions=near[:3],
        hint="%openclaw models list --all",
    )


def check_alias(name: str) -> str:
    """`name` if it may be an alias (letters, digits and `. _ : -`); raises UsageError."""
    if not re.fullmatch(_ALIAS, name):
        raise UsageError(
            _("{name!r} cannot be an alias", name=name), hint=_("letters, digits and . _ : - are allowed")
        )
    return name
