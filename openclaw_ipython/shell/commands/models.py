"""The subcommands about models: the list, the chosen ones, aliases, fallbacks, and what this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import reports
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, RawView, TableView, View, as_json, written_to

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
def models_status(session: Session, *, json: bool, plain: bool, check: bool, probe: bool) -> View:
    """Which models are chosen, and who is signed in."""
    status = reports.status(session)
    if probe:
        status["auth"]["probes"] = reports.probes(session)
    if check:
        reports.check(session, status)
    if json:
        return as_json(status)
    if plain:
        return RawView(status["resolvedDefault"] or "")
    return (
        reports.probes_view(session, status["auth"]["probes"])
        if probe
        else reports.status_view(session, status)
    )


@command(
    "models list",
    Option(("--all",), "also models of services never set up"),
    PROVIDER,
    JSON,
    PLAIN,
    Option(("--refresh",), "ask the services for their lists first, and remember them"),
    Option(("--local",), "only models of servers on this machine"),
)
def models_list(
    session: Session,
    *,
    all: bool,  # noqa: A002 - named as its option
    provider: str | None,
    json: bool,
    plain: bool,
    refresh: bool,
    local: bool,
) -> View:
    """The models, with what they read, how much, and what they are used for."""
    if refresh:
        _refresh(session, provider, quiet=json or plain)
    rows = reports.model_rows(session, everything=all, provider=provider)
    if local:
        rows = [row for row in rows if session.client.models.is_local(row["key"])]
    if json:
        return as_json({"count": len(rows), "models": rows})
    if plain:
        return RawView("\n".join(row["key"] for row in rows))
    headings = (_("Model"), _("Input"), _("Context"), _("Signed in"), _("Tags"))
    table = [
        (
            row["key"],
            row["input"],
            reports.tokens(row["contextWindow"]),
            _("yes") if row["available"] else _("no"),
            ", ".join(row["tags"]),
        )
        for row in rows
    ]
    return TableView(headings, table, _("no models are set up yet"), reports.sign_in_command(session))


def _refresh(session: Session, provider: str | None, *, quiet: bool) -> None:
    """Ask one service, or all that are set up, for their models.

    The failure of the named service is raised; those of the others are shown, except when `quiet`.
    """
    client = session.client
    if provider is not None:
        session.loop_thread.run(client.refresh_models(provider))
        return
    refreshed, failed = [], []
    for name in client.models.to_refresh():
        try:
            models = session.loop_thread.run(client.refresh_models(name)).models
        except OpenClawError as error:
            failed.append(f"{name}: {error}")
        else:
            refreshed.append(f"{name}: {len(models)}")
    if failed and not quiet:
        details = (*failed, *refreshed, *written_to(client.home.catalogue))
        session.show(MessageView(_("Not every service gave its list"), details=details))


@command("models set", MODEL)
def models_set(session: Session, *, model: str) -> View:
    """Choose the model that answers when `%%qwen` names none."""
    chosen = session.client.models.set_default(model)
    return MessageView(_("Default model: {ref}", ref=chosen.ref), details=written_to(chosen.path))


@command("models set-image", MODEL)
def models_set_image(session: Session, *, model: str) -> View:
    """Choose the model that answers questions with images."""
    chosen = session.client.models.set_image_default(model)
    return MessageView(_("Image model: {ref}", ref=chosen.ref), details=written_to(chosen.path))


# -- aliases -------------------------------------------------------------------------------


@command("models aliases list", JSON, PLAIN)
def aliases_list(session: Session, *, json: bool, plain: bool) -> View:
    """The short names of models."""
    aliases = session.client.models.aliases()
    if json:
        return as_json({"aliases": aliases})
    if plain:
        return RawView("\n".join(f"{alias} {ref}" for alias, ref in aliases.items()))
    headings = (_("Alias"), _("Model"))
    return TableView(
        headings, list(aliases.items()), _("no aliases"), "%openclaw models aliases add NAME MODEL"
    )


@command(
    "models aliases add", Positional("name", "the short name"), Positional("model", "its model", kind="model")
)
def aliases_add(session: Session, *, name: str, model: str) -> View:
    """Give a model a short name; it has one at most."""
    chosen = session.client.models.add_alias(name, model)
    return MessageView(_("Alias {name} → {ref}", name=name, ref=chosen.ref), details=written_to(chosen.path))


@command("models aliases remove", Positional("name", "the short name", kind="alias"))
def aliases_remove(session: Session, *, name: str) -> View:
    """Forget a short name."""
    path = session.client.models.remove_alias(name)
    return MessageView(_("Alias {name} removed", name=name), details=written_to(path))


# -- fallbacks -----------------------------------------------------------------------------


@command("models fallbacks list", JSON, PLAIN)
def fallbacks_list(session: Session, *, json: bool, plain: bool) -> View:
    """The models that are asked when the default one fails, in order."""
    return _fallbacks(session, json=json, plain=plain, images=False)


@command("models fallbacks add", MODEL)
def fallbacks_add(session: Session, *, model: str) -> View:
    """Append a model to the fallbacks."""
    return _changed(session, session.client.models.add_fallback(model).path, images=False)


@command("models fallbacks remove", Positional("model", "one of them", kind="fallback"))
def fallbacks_remove(session: Session, *, model: str) -> View:
    """Take a model off the fallbacks."""
    return _changed(session, session.client.models.remove_fallback(model), images=False)


@command("models fallbacks clear")
def fallbacks_clear(session: Session) -> View:
    """Have no fallbacks."""
    return _changed(session, session.client.models.clear_fallbacks(), images=False)


@command("models image-fallbacks list", JSON, PLAIN)
def image_fallbacks_list(session: Session, *, json: bool, plain: bool) -> View:
    """The models that are asked when the image model fails, in order."""
    return _fallbacks(session, json=json, plain=plain, images=True)


@command("models image-fallbacks add", MODEL)
def image_fallbacks_add(session: Session, *, model: str) -> View:
    """Append a model to the fallbacks for images."""
    return _changed(session, session.client.models.add_fallback(model, images=True).path, images=True)


@command("models image-fallbacks remove", Positional("model", "one of them", kind="image-fallback"))
def image_fallbacks_remove(session: Session, *, model: str) -> View:
    """Take a model off the fallbacks for images."""
    return _changed(session, session.client.models.remove_fallback(model, images=True), images=True)


@command("models image-fallbacks clear")
def image_fallbacks_clear(session: Session) -> View:
    """Have no fallbacks for images."""
    return _changed(session, session.client.models.clear_fallbacks(images=True), images=True)


def _refs(session: Session, *, images: bool) -> list[str]:
    models = session.client.models
    return [str(ref) for ref in (models.image_fallbacks() if images else models.fallbacks())]


def _fallbacks(session: Session, *, json: bool, plain: bool, images: bool) -> View:
    refs = _refs(session, images=images)
    if json:
        return as_json({"fallbacks": refs})
    if plain:
        return RawView("\n".join(refs))
    rows = [(str(place), ref) for place, ref in enumerate(refs, 1)]
    words = "image-fallbacks" if images else "fallbacks"
    return TableView(("#", _("Model")), rows, _("no fallbacks"), f"%openclaw models {words} add MODEL")


def _changed(session: Session, path: Path, *, images: bool) -> View:
    label = _("Image fallbacks") if images else _("Fallbacks")
    models = ", ".join(_refs(session, images=images)) or _("none")
    return MessageView(_("{label}: {models}", label=label, models=models), details=written_to(path))


# -- what this machine has -----------------------------------------------------------------


@command("models scan", JSON)
def models_scan(session: Session, *, json: bool) -> View:
    """What could answer from here: local servers, keys, other programs' logins; with a command for each."""
    found = session.loop_thread.run(session.client.scan())
    return as_json(reports.scan(found)) if json else reports.scan_view(session, found)
