"""Changes of OpenClaw's configuration as lists of edits. Pure: a view in, edits out.

Only keys that every OpenClaw release accepts are written: a release refuses a file with a key it does not know. No key
of ours and no time stamp is added.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from openclaw_ipython.openclaw.config_view import ConfigView, has_reference
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit

_DEFAULTS = ("agents", "defaults")
_MODELS = (*_DEFAULTS, "models")


def set_default_model(view: ConfigView, ref: str, *, images: bool = False) -> list[Edit]:
    """Make `ref` the default model, or with `images` the model for questions with images.

    Fallbacks stay, and a default that is a string stays a string.
    """
    listed = [] if ref in view.listed_models else _set_in(view, (*_MODELS, ref), {})
    return [*_primary_edit(view, "imageModel" if images else "model", ref), *listed]


def set_fallbacks(view: ConfigView, refs: Sequence[str], *, images: bool = False) -> list[Edit]:
    """Set the fallbacks of the default model, or with `images` those of the image model.

    An empty list is written as one, as OpenClaw does.
    """
    path = (*_DEFAULTS, "imageModel" if images else "model")
    current = view.raw(path)
    present = {*view.listed_models, *(view.image_fallbacks if images else view.fallbacks)}
    listed = [edit for ref in refs if ref not in present for edit in _set_in(view, (*_MODELS, ref), {})]
    if isinstance(current, str):  # a string cannot hold fallbacks
        return [Edit(path, {"primary": current, "fallbacks": list(refs)}), *listed]
    return [*_set_in(view, path, {"fallbacks": list(refs)}), *listed]


def add_alias(view: ConfigView, name: str, ref: str) -> list[Edit]:
    """Make `name` the alias of a model: a model has one alias, and an alias one model."""
    edits = [
        Edit((*_MODELS, other, "alias"), REMOVE) for other in _models_with_alias(view, name) if other != ref
    ]
    return [*edits, *_set_in(view, (*_MODELS, ref), {"alias": name})]


def remove_alias(view: ConfigView, name: str) -> list[Edit]:
    """Remove the alias; the model stays listed. No edits where no model has it."""
    return [Edit((*_MODELS, ref, "alias"), REMOVE) for ref in _models_with_alias(view, name)]


def set_plugin(view: ConfigView, plugin_id: str, enabled: bool) -> list[Edit]:
    """Switch a plugin on or off."""
    return _set_in(view, ("plugins", "entries", plugin_id), {"enabled": enabled})


def login_patch(
    view: ConfigView,
    *,
    provider_id: str,
    entry: Mapping[str, Any],
    profile_id: str,
    mode: str,
    aliases: Mapping[str, str],
    model_refs: Sequence[str],
    default: str | None,
    plugin_id: str | None,
    overwrite: Collection[str] = (),
) -> list[Edit]:
    """The changes of a finished login, as OpenClaw's February 2026 release writes them.

    `entry` is the full provider entry. Keys that the configuration has already stay, except those in `overwrite`
    (for example `{"baseUrl"}`); models are added only where none are listed. `aliases` (alias → ref) are set where
    neither the name nor the model is taken. With `default` None the default stays. An empty `profile_id` means that no
    login is stored: the entry alone is enough.
    """
    edits = _provider_entry(view, provider_id, entry, overwrite)
    if profile_id:
        listed = {"provider": provider_id, "mode": mode}
        edits = [*_set_in(view, ("auth", "profiles", profile_id), listed), *edits]
    wanted = _free_aliases(view, aliases)
    for ref in dict.fromkeys([*wanted, *model_refs, *([default] if default else [])]):
        if ref in wanted:
            edits += _set_in(view, (*_MODELS, ref), {"alias": wanted[ref]})
        elif ref not in view.listed_models:
            edits += _set_in(view, (*_MODELS, ref), {})
    if default is not None:
        edits += _primary_edit(view, "model", default)
    if plugin_id is not None and view.plugin_enabled(plugin_id) is not True:
        edits += set_plugin(view, plugin_id, enabled=True)
    return edits


def logout_patch(view: ConfigView, profile_id: str) -> list[Edit]:
    """Remove a profile from `auth.profiles`; provider entry, models and alias stay."""
    path = ("auth", "profiles", profile_id)
    return [Edit(path, REMOVE)] if view.raw(path) is not None else []


def catalog_patch(catalog: ConfigView, config: ConfigView, provider_id: str) -> list[Edit]:
    """Make a provider's base URL in OpenClaw's `models.json` the configured one: the February release prefers it.

    `catalog` views the file as `{"models": <content>}`; the edits are for the file itself. A base URL with a
    `${NAME}` is not written: the entry is removed, and OpenClaw derives it anew.
    """
    typed, derived = config.base_url(provider_id), catalog.base_url(provider_id)
    entry, key = config.provider(provider_id), catalog.provider_key(provider_id)
    if typed is None or derived is None or entry is None or key is None or entry.base_url == derived:
        return []
    if has_reference(typed):
        return [Edit(("providers", key), REMOVE)]
    return [Edit(("providers", key, "baseUrl"), typed)]


def catalog_entry(catalog: ConfigView, config: ConfigView, provider_id: str) -> list[Edit]:
    """Add a signed-in provider's entry to `models.json`, as OpenClaw does when it next lists its models: the members in
    its order, and `api` in each model.

    Only an entry without `${NAME}` and with a placeholder in place of a key: OpenClaw derives any other itself.
    """
    key, entry = config.provider_key(provider_id), config.provider(provider_id)
    if (
        key is None
        or entry is None
        or entry.key_marker is None
        or catalog.provider_key(provider_id) is not None
    ):
        return []
    raw = config.raw(("models", "providers", key))
    if any(has_reference(value) for value in raw.values() if isinstance(value, str)):
        return []
    models = [{**model, "api": raw["api"]} if "api" in raw else model for model in raw.get("models", ())]
    order = {name: raw[name] for name in ("baseUrl", "api") if name in raw}
    rest = {name: value for name, value in raw.items() if name not in (*order, "models", "apiKey")}
    return [Edit(("providers", key), {**order, **rest, "models": models, "apiKey": raw["apiKey"]})]


# -- parts ---------------------------------------------------------------------------------


def _primary_edit(view: ConfigView, name: str, ref: str) -> list[Edit]:
    path = (*_DEFAULTS, name)
    if isinstance(view.raw(path), str):
        return [Edit(path, ref)]
    return _set_in(view, path, {"primary": ref})


def _set_in(view: ConfigView, path: tuple[str, ...], content: Mapping[str, Any]) -> list[Edit]:
    """Set `content` in the object at `path`, which is created where it is missing or no object."""
    if isinstance(view.raw(path), Mapping):
        return [Edit((*path, key), value) for key, value in content.items()]
    return [Edit(path, dict(content))]


def _models_with_alias(view: ConfigView, name: str) -> list[str]:
    """Every model that has the alias, ignoring case."""
    return [
        ref
        for ref in view.listed_models
        if isinstance(alias := view.get((*_MODELS, ref, "alias")), str) and alias.lower() == name.lower()
    ]


def _free_aliases(view: ConfigView, aliases: Mapping[str, str]) -> dict[str, str]:
    """Ref → alias, of those whose name and model are both free."""
    names = {name.lower() for name in view.aliases}
    taken = set(view.aliases.values())
    return {ref: name for name, ref in aliases.items() if name.lower() not in names and ref not in taken}


def _provider_entry(
    view: ConfigView, provider_id: str, entry: Mapping[str, Any], overwrite: Collection[str]
) -> list[Edit]:
    key = view.provider_key(provider_id)
    if key is None:
        return [Edit(("models", "providers", provider_id), dict(entry))] if entry else []
    path = ("models", "providers", key)
    return [
        Edit((*path, name), value)
        for name, value in entry.items()
        if name in overwrite or view.raw((*path, name)) in (None, "", [])
    ]
