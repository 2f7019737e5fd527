"""The subcommands about models: the list, the chosen ones, aliases, fallbacks, and what this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from msgspec.structs import asdict

from openclaw_ipython.diagnostics.probe import MAX_TOKENS, SECONDS
from openclaw_ipython.errors import CheckFailed, OpenClawError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import reports
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, TableView, View, short, written_to

if TYPE_CHECKING:
    from openclaw_ipython.diagnostics.scan import ScanResult
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
        status["auth"]["probes"] = _probes(session)
    if check:
        _check(session, status)
    if not probe:
        return reports.status_view(session, status)
    return TableView(
        (_("Login"), _("Model"), _("Result"), _("Time"), _("Error")),
        [
            (
                row["label"],
                row.get("model", ""),
                row["status"],
                f"{row['latencyMs']} ms" if "latencyMs" in row else "",
                row.get("error", ""),
            )
            for row in status["auth"]["probes"]["results"]
        ],
        _("there is no login to try"),
        reports.sign_in_command(session),
        data=status,
        words=[status["resolvedDefault"] or ""],
    )


def _probes(session: Session) -> dict[str, Any]:
    """`auth.probes` of `models status --json`, with OpenClaw's field names. Sends one tiny question per login."""
    monotonic = session.client.runtime.monotonic
    started = monotonic()
    rows = session.loop_thread.run(session.client.probe())
    return {
        "durationMs": round((monotonic() - started) * 1000),
        "totalTargets": len(rows),
        "options": {"timeoutMs": int(SECONDS * 1000), "maxTokens": MAX_TOKENS},
        "results": to_builtins(rows),
    }


def _check(session: Session, report: dict[str, Any]) -> None:
    """Raise CheckFailed where `openclaw models status --check` would exit with 1 or 2."""
    profiles = report["auth"]["oauth"]["profiles"]
    provider_of = {p["profileId"]: p["provider"] for p in profiles}
    expired = [p["profileId"] for p in profiles if p["status"] == "expired"]
    missing = report["auth"]["missingProvidersInUse"]
    if not report["resolvedDefault"]:
        raise session.client.advice.no_model()
    if missing or expired:
        first = missing[0] if missing else provider_of[expired[0]]
        raise CheckFailed(
            _("login missing or expired: {logins}", logins=", ".join(missing + expired)),
            code=1,
            hint=reports.sign_in_command(session, first),
        )
    soon = [p["profileId"] for p in profiles if p["status"] == "expiring"]
    if soon:
        raise CheckFailed(
            _("login ends within a day: {logins}", logins=", ".join(soon)),
            code=2,
            hint=f"%openclaw login --provider {provider_of[soon[0]]} --force",
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
    refresh: bool,
    local: bool,
) -> View:
    """The models, with what they read, their limits, and what they are used for."""
    failed = _refresh(session, provider) if refresh else ()
    client = session.client
    known = client.models.rows(everything=all, provider=provider)
    if local:
        known = [row for row in known if client.models.is_local(str(row.ref))]
    has_login = {one: client.accounts.credential(one) is not None for one in {r.ref.provider for r in known}}
    rows: list[dict[str, Any]] = [
        {
            "key": str(row.ref),
            "name": row.name,
            "input": "+".join(row.input) or "-",  # OpenClaw's word for unknown
            "contextWindow": row.context_window or None,
            "available": has_login[row.ref.provider] and not row.missing,
            "tags": list(row.tags),
            "missing": row.missing,
        }
        for row in known
    ]
    table = [
        (
            row["key"],
            row["input"],
            _tokens(row["contextWindow"] or 0),
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


def _tokens(number: int) -> str:
    """A number of tokens, shortened: `128k`, `1M`."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:g}M"
    return f"{number // 1000}k" if number >= 1000 else str(number or "?")


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
    return scan_view(session, session.loop_thread.run(session.client.scan()))


def scan_view(session: Session, found: Sequence[ScanResult]) -> View:
    """The scan as a table."""
    kinds = {"local server": _("local server"), "key": _("key")}
    rows = [
        (
            kinds.get(row.kind, row.kind),
            row.name if "://" in row.name else short(Path(row.name)),
            row.detail,
            row.command,
        )
        for row in found
    ]
    headings = (_("What"), _("Where"), _("Found"), _("To use it"))
    data = {"found": [{**asdict(row), "provider": row.provider or None} for row in found]}
    return TableView(headings, rows, _("nothing was found"), session.client.advice.other_ways(), data=data)
