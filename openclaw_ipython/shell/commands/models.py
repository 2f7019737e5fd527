"""The subcommands about models: what there is, what is chosen, short names, fallbacks, what is reachable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import checks, reports
from openclaw_ipython.shell.commands.refreshing import refresh
from openclaw_ipython.shell.commands.table import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, RawView, TableView, View, as_json, short

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

MODEL = Positional("model", "provider/model or alias", kind="model")


@command(
    "models status",
    JSON,
    PLAIN,
    Option(("--check",), "fail the cell when a login is missing or ends soon"),
    Option(("--probe",), "send one tiny question with each login, and say how it went"),
)
def models_status(session: Session, values: dict[str, Any]) -> View | None:
    """Which models are chosen, and who is signed in."""
    status = reports.status(session)
    if values["probe"]:
        status["auth"]["probes"] = checks.probes(session)
    if values["check"]:
        reports.check(status)
    if values["json"]:
        return as_json(status)
    if values["plain"]:
        return RawView(status["resolvedDefault"] or "")
    return checks.probes_view(status["auth"]["probes"]) if values["probe"] else reports.status_view(status)


@command(
    "models list",
    Option(("--all",), "also models of services never set up"),
    PROVIDER,
    JSON,
    PLAIN,
    Option(("--refresh",), "ask the services for their lists first, and remember them"),
)
def models_list(session: Session, values: dict[str, Any]) -> View | None:
    """The models, with what they read, how much, and what they are used for."""
    if values["refresh"]:
        refresh(session, values["provider"], quiet=values["json"] or values["plain"])
    rows = reports.model_rows(session, everything=values["all"], provider=values["provider"])
    if values["json"]:
        return as_json({"count": len(rows), "models": rows})
    if values["plain"]:
        return RawView("\n".join(row["key"] for row in rows))
    table = [
        (
            r["key"],
            r["input"],
            reports.tokens(r["contextWindow"]),
            reports.yes_no(r["available"]),
            ", ".join(r["tags"]),
        )
        for r in rows
    ]
    return TableView(
        (_("Model"), _("Input"), _("Context"), _("Signed in"), _("Tags")),
        table,
        _("no models are set up yet"),
        "%openclaw login",
    )


@command("models set", MODEL)
def models_set(session: Session, values: dict[str, Any]) -> View | None:
    """Choose the model that answers when `%%qwen` names none."""
    chosen = session.client.models.set_default(values["model"])
    return MessageView(
        _("Default model: {ref}", ref=chosen.ref), details=(_("written to {path}", path=short(chosen.path)),)
    )


@command("models set-image", MODEL)
def models_set_image(session: Session, values: dict[str, Any]) -> View | None:
    """Choose the model that answers questions with images."""
    chosen = session.client.models.set_image_default(values["model"])
    return MessageView(
        _("Image model: {ref}", ref=chosen.ref), details=(_("written to {path}", path=short(chosen.path)),)
    )


# -- short names ---------------------------------------------------------------------------


@command("models aliases list", JSON, PLAIN)
def aliases_list(session: Session, values: dict[str, Any]) -> View | None:
    """The short names of models."""
    aliases = session.client.models.aliases()
    if values["json"]:
        return as_json({"aliases": aliases})
    if values["plain"]:
        return RawView("\n".join(f"{alias} {ref}" for alias, ref in aliases.items()))
    return TableView(
        (_("Alias"), _("Model")),
        list(aliases.items()),
        _("no aliases"),
        "%openclaw models aliases add NAME MODEL",
    )


@command(
    "models aliases add", Positional("name", "the short name"), Positional("model", "its model", kind="model")
)
def aliases_add(session: Session, values: dict[str, Any]) -> View | None:
    """Give a model a short name; it has one at most."""
    chosen = session.client.models.add_alias(values["name"], values["model"])
    return MessageView(
        _("Alias {name} → {ref}", name=values["name"], ref=chosen.ref),
        details=(_("written to {path}", path=short(chosen.path)),),
    )


@command("models aliases remove", Positional("name", "the short name", kind="alias"))
def aliases_remove(session: Session, values: dict[str, Any]) -> View | None:
    """Forget a short name."""
    path = session.client.models.remove_alias(values["name"])
    return MessageView(
        _("Alias {name} removed", name=values["name"]), details=(_("written to {path}", path=short(path)),)
    )


# -- fallbacks -----------------------------------------------------------------------------


@command("models fallbacks list", JSON, PLAIN)
def fallbacks_list(session: Session, values: dict[str, Any]) -> View | None:
    """The models that are asked when the default one fails, in order."""
    return _fallbacks(session, values, images=False)


@command("models fallbacks add", MODEL)
def fallbacks_add(session: Session, values: dict[str, Any]) -> View | None:
    """Append a model to the fallbacks."""
    path = session.client.models.add_fallback(values["model"]).path
    return _changed(session, path, images=False)


@command("models fallbacks remove", Positional("model", "one of them", kind="fallback"))
def fallbacks_remove(session: Session, values: dict[str, Any]) -> View | None:
    """Take a model off the fallbacks."""
    path = session.client.models.remove_fallback(values["model"])
    return _changed(session, path, images=False)


@command("models fallbacks clear")
def fallbacks_clear(session: Session, values: dict[str, Any]) -> View | None:
    """Have no fallbacks."""
    return _changed(session, session.client.models.clear_fallbacks(), images=False)


@command("models image-fallbacks list", JSON, PLAIN)
def image_fallbacks_list(session: Session, values: dict[str, Any]) -> View | None:
    """The models that are asked when the image model fails, in order."""
    return _fallbacks(session, values, images=True)


@command("models image-fallbacks add", MODEL)
def image_fallbacks_add(session: Session, values: dict[str, Any]) -> View | None:
    """Append a model to the fallbacks for images."""
    path = session.client.models.add_fallback(values["model"], images=True).path
    return _changed(session, path, images=True)


@command("models image-fallbacks remove", Positional("model", "one of them", kind="image-fallback"))
def image_fallbacks_remove(session: Session, values: dict[str, Any]) -> View | None:
    """Take a model off the fallbacks for images."""
    path = session.client.models.remove_fallback(values["model"], images=True)
    return _changed(session, path, images=True)


@command("models image-fallbacks clear")
def image_fallbacks_clear(session: Session, values: dict[str, Any]) -> View | None:
    """Have no fallbacks for images."""
    return _changed(session, session.client.models.clear_fallbacks(images=True), images=True)


def _refs(session: Session, *, images: bool) -> list[str]:
    models = session.client.models
    return [str(ref) for ref in (models.image_fallbacks() if images else models.fallbacks())]


def _fallbacks(session: Session, values: dict[str, Any], *, images: bool) -> View:
    refs = _refs(session, images=images)
    if values["json"]:
        return as_json({"fallbacks": refs})
    if values["plain"]:
        return RawView("\n".join(refs))
    rows = [(str(place), ref) for place, ref in enumerate(refs, 1)]
    group = "image-fallbacks" if images else "fallbacks"
    return TableView(("#", _("Model")), rows, _("no fallbacks"), f"%openclaw models {group} add MODEL")


def _changed(session: Session, path: Any, *, images: bool) -> View:
    refs: Sequence[str] = _refs(session, images=images)
    label = _("Image fallbacks") if images else _("Fallbacks")
    return MessageView(
        _("{label}: {models}", label=label, models=", ".join(refs) or _("none")),
        details=(_("written to {path}", path=short(path)),),
    )


# -- what is there -------------------------------------------------------------------------


@command("models scan", JSON)
def models_scan(session: Session, values: dict[str, Any]) -> View | None:
    """What could answer from here: local servers, keys, other programs' logins; with a command for each."""
    found = session.bridge.run(session.client.upkeep.scan())
    return as_json(checks.scan(found)) if values["json"] else checks.scan_view(found)
