"""The subcommands about models: the list, the chosen ones, aliases, fallbacks, and what this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import reports
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, TableView, View, written_to

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
def models_status(session: Session, *, check: bool, probe: bool) -> View:
    """The chosen models, and the logins in use."""
    status = reports.status(session)
    if probe:
        status["auth"]["probes"] = reports.probes(session)
    if check:
        reports.check(session, status)
    return reports.probes_view(session, status) if probe else reports.status_view(session, status)


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
    refresh: bool,
    local: bool,
) -> View:
    """The models, with what they read, their limits, and what they are used for."""
    failed = _refresh(session, provider) if refresh else ()
    rows = reports.model_rows(session, everything=all, provider=provider)
    if local:
        rows = [row for row in rows if session.client.models.is_local(row["key"])]
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
    return TableView(
        (_("Model"), _("Input"), _("Context"), _("Signed in"), _("Tags")),
        table,
        _("no models are set up yet"),
        reports.sign_in_command(session),
        failed,
        data={"count": len(rows), "models": rows},
        words=[row["key"] for row in rows],
    )


def _refresh(session: Session, provider: str | None) -> Sequence[str]:
    """Ask one service, or all that are set up, for their models.

    The failure of the named service is raised; those of the others are returned, a sentence each.
    """
    client = session.client
    if provider is not None:
        session.loop_thread.run(client.refresh_models(provider))
        return ()
    failed = []
    for name in client.models.to_refresh():
        try:
            session.loop_thread.run(client.refresh_models(name))
        except OpenClawError as error:
            failed.append(f"{name}: {error}")
    return [_("Not every service gave its list"), *failed] if failed else ()


@command("models set", MODEL)
def models_set(session: Session, *, model: str) -> View:
    """Choose the model that answers when `%%qwen` names none."""
    chosen = session.client.models.set_default(model)
    return MessageView(_("Default model: {ref}", ref=chosen.ref), details=written_to(chosen.path))


@command("models set-image", MODEL)
def models_set_image(session: Session, *, model: str) -> View:
    """Choose the model that answers questions with images."""
    chosen = session.client.models.set_default(model, images=True)
    return MessageView(_("Image model: {ref}", ref=chosen.ref), details=written_to(chosen.path))


# -- aliases -------------------------------------------------------------------------------


@command("models aliases list", JSON, PLAIN)
def aliases_list(session: Session) -> View:
    """The short names of models."""
    aliases = session.client.models.aliases()
    return TableView(
        (_("Alias"), _("Model")),
        list(aliases.items()),
        _("no aliases"),
        "%openclaw models aliases add NAME MODEL",
        data={"aliases": aliases},
        words=[f"{alias} {ref}" for alias, ref in aliases.items()],
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
    """Remove a short name."""
    path = session.client.models.remove_alias(name)
    return MessageView(_("Alias {name} removed", name=name), details=written_to(path))


# -- fallbacks -----------------------------------------------------------------------------


@command("models image-fallbacks list", JSON, PLAIN, images=True)
@command("models fallbacks list", JSON, PLAIN, images=False)
def fallbacks_list(session: Session, *, images: bool) -> View:
    """The models to ask, in order, when the default or the image model fails."""
    refs = _refs(session, images=images)
    rows = [(str(place), ref) for place, ref in enumerate(refs, 1)]
    add = f"%openclaw models {'image-fallbacks' if images else 'fallbacks'} add MODEL"
    return TableView(("#", _("Model")), rows, _("no fallbacks"), add, data={"fallbacks": refs}, words=refs)


@command("models image-fallbacks add", MODEL, images=True)
@command("models fallbacks add", MODEL, images=False)
def fallbacks_add(session: Session, *, model: str, images: bool) -> View:
    """Append a model to the fallbacks, or to those for images."""
    return _changed(session, session.client.models.add_fallback(model, images=images).path, images=images)


@command(
    "models image-fallbacks remove", Positional("model", "one of them", kind="image-fallback"), images=True
)
@command("models fallbacks remove", Positional("model", "one of them", kind="fallback"), images=False)
def fallbacks_remove(session: Session, *, model: str, images: bool) -> View:
    """Take a model off the fallbacks, or off those for images."""
    return _changed(session, session.client.models.remove_fallback(model, images=images), images=images)


@command("models image-fallbacks clear", images=True)
@command("models fallbacks clear", images=False)
def fallbacks_clear(session: Session, *, images: bool) -> View:
    """Remove all fallbacks, or all for images."""
    return _changed(session, session.client.models.clear_fallbacks(images=images), images=images)


def _refs(session: Session, *, images: bool) -> list[str]:
    models = session.client.models
    return [str(ref) for ref in (models.image_fallbacks() if images else models.fallbacks())]


def _changed(session: Session, path: Path, *, images: bool) -> View:
    label = _("Image fallbacks") if images else _("Fallbacks")
    models = ", ".join(_refs(session, images=images)) or _("none")
    return MessageView(_("{label}: {models}", label=label, models=models), details=written_to(path))


# -- what this machine has -----------------------------------------------------------------


@command("models scan", JSON)
def models_scan(session: Session) -> View:
    """Find local servers, keys and logins of other programs, with the command that uses each."""
    return reports.scan(session, session.loop_thread.run(session.client.scan()))
