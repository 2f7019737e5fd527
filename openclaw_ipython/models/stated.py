"""What is stated about one model: by the configuration, the provider's table, the service's list, or its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from openclaw_ipython.providers.guesses import guessed, unlisted
from openclaw_ipython.providers.spec import Price, Source, listed_price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_ipython.openclaw.config_view import ModelEntry, ProviderEntry
    from openclaw_ipython.providers import ModelSpec, Provider

OWN = Source("models.providers in openclaw.json", "")


def configured_spec(
    entry: ModelEntry, of: ProviderEntry | None, built_in: Provider | None, listed: Sequence[ModelSpec]
) -> ModelSpec:
    """The model of an entry in the configuration; what it leaves out is taken from the table, the list, the name."""
    base = _find(entry.id, built_in.models if built_in else ()) or _find(entry.id, listed)
    base = base or guessed(entry.id) or unlisted(entry.id)
    return replace(
        base,
        name=entry.name or base.name,
        input=entry.input or base.input,
        context_window=entry.context_window or (of and of.context_window) or base.context_window,
        max_tokens=entry.max_tokens or (of and of.max_tokens) or base.max_tokens,
        reasoning=base.reasoning if entry.reasoning is None else entry.reasoning,
        price=_price(base.price, entry.cost),
    )


def _price(
    known: Price | None, stated: tuple[float, float, float | None, float | None] | None
) -> Price | None:
    """The stated prices; the known ones, which have more kinds, where the stated ones are a copy of them."""
    if stated is None or (known is not None and stated[:2] == (known.input, known.output)):
        return known
    return Price(*stated[:2], OWN, *stated[2:])


def price_at(model: ModelSpec, base_url: str) -> Price | None:
    """The price of a model at an address: the user's own, else that of the lists, as far as it is in dollars."""
    own = model.price is not None and model.price.source == OWN
    return model.price if own else listed_price(model, base_url)


def answer_limit(
    model: str, entry: ProviderEntry | None, built_in: Provider | None, listed: Sequence[ModelSpec]
) -> int | None:
    """The stated limit of an answer in tokens: of the model, its provider entry, the table, or the service's list."""
    own = next((m.max_tokens for m in entry.models if m.id == model), None) if entry else None
    spec = _find(model, built_in.models if built_in else ()) or _find(model, listed)
    return own or (entry.max_tokens if entry else None) or (spec.max_tokens if spec else None) or None


def _find(model: str, specs: Sequence[ModelSpec]) -> ModelSpec | None:
    return next((spec for spec in specs if spec.id == model), None)
