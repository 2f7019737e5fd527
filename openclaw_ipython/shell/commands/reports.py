"""What `%openclaw` and `models status` report, with OpenClaw's field names in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython._version import __version__
from openclaw_ipython.chat.thinking import family_of
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.qwen_code.source import QwenCode
from openclaw_ipython.shell.commands.usage import today
from openclaw_ipython.shell.views import FactsView, View, duration, short

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import ProfileRow
    from openclaw_ipython.shell.session import Session


def overview(session: Session, commands: Sequence[tuple[str, str]]) -> View:
    """Bare `%openclaw`: the login, the models, today's usage, and the first commands."""
    report, models = status(session), session.client.models
    image = models.default() or models.image_default()  # the model that a question with images goes to
    if image is not None and not models.reads_images(image):
        image = models.vision_model(image)
    facts = [
        (_("account"), _account(session, report)),
        (_("model"), report["resolvedDefault"] or _("none chosen yet")),
        (_("images"), str(image or _("no image model yet: %openclaw models set-image"))),
        (_("today"), today(session)),
    ]
    ask = ("%%qwen", _("ask: the cell is the prompt"))
    return FactsView(f"openclaw-ipython {__version__}", facts, [ask, *commands])


def _account(session: Session, report: dict[str, Any]) -> str:
    if session.pending is not None:
        return _("signing in to {label} …", label=session.pending.state.label)
    profiles = report["auth"]["oauth"]["profiles"]
    if profiles:
        remarks = {"expired": _(" (expired)"), "expiring": _(" (ends within a day)")}
        return ", ".join(p["profileId"] + remarks.get(p["status"], "") for p in profiles)
    usable = [p for p in report["auth"]["providers"] if p["effective"]["kind"] != "missing"]
    return ", ".join(f"{p['provider']} ({p['effective']['detail']})" for p in usable) or _("not signed in")


def status(session: Session) -> dict[str, Any]:
    """`models status` as a JSON object."""
    models, accounts = session.client.models, session.client.accounts
    default, image = models.default(), models.image_default()
    fallbacks = (*models.fallbacks(), *models.image_fallbacks())
    used = {ref.provider for ref in (default, image, *fallbacks) if ref}
    rows = accounts.profiles()
    shown = sorted(used | {row.profile.provider for row in rows} | set(models.to_refresh()))
    providers = [_provider_status(session, provider, rows) for provider in shown]
    missing = [provider for provider in sorted(used) if accounts.credential(provider) is None]
    home = session.client.home
    return {
        "configPath": str(home.config_path),
        "agentDir": str(home.agent_dir),
        "defaultModel": str(default) if default else None,
        "resolvedDefault": str(default) if default else None,
        "fallbacks": [str(ref) for ref in models.fallbacks()],
        "imageModel": str(image) if image else None,
        "imageFallbacks": [str(ref) for ref in models.image_fallbacks()],
        "aliases": models.aliases(),
        "allowed": [str(ref) for ref in models.allowed()],
        "auth": {
            "storePath": str(accounts.store_path),
            "providers": providers,
            "missingProvidersInUse": missing,
            "oauth": {
                "profiles": [
                    {
                        "profileId": row.profile.id,
                        "provider": row.profile.provider,
                        "type": row.profile.type,
                        "status": row.status,
                        "expiresAt": row.profile.expires,
                        "remainingMs": row.remaining_ms,
                        "source": row.source,
                    }
                    for row in rows
                ]
            },
        },
    }


def _provider_status(session: Session, provider: str, rows: Sequence[ProfileRow]) -> dict[str, Any]:
    credential = session.client.accounts.credential(provider)
    kind, detail = "missing", N_("no login")
    if credential is not None and credential.profile is not None:
        kind, detail = "profiles", credential.profile.id
    elif credential is not None:
        kind, detail = ("env" if credential.source.startswith("env") else "key"), credential.source
    labels = [row.profile.id for row in rows if row.profile.provider == provider]
    effective = {"kind": kind, "detail": detail}
    try:
        base_url = session.client.models.target(ModelRef(provider, "")).base_url
    except OpenClawError:
        base_url = None
    return {
        "provider": provider,
        "baseUrl": base_url,
        "effective": effective,
        "profiles": {"labels": labels},
    }


def sign_in_command(session: Session, provider: str = "") -> str:
    """The command that leads to a login for a service, by default for any."""
    advice = session.client.advice
    first = session.client.provider("qwen-portal").id
    if (provider or first) == first and not advice.retirement(first):
        return "%openclaw login"
    return advice.command(provider or first)


def status_view(session: Session, report: dict[str, Any]) -> View:
    """The status as a view."""
    auth = report["auth"]
    facts = [
        (_("default model"), report["resolvedDefault"] or _("none chosen yet")),
        (_("image model"), report["imageModel"] or _("none chosen")),
        (_("fallbacks"), ", ".join(report["fallbacks"]) or _("none")),
        (_("image fallbacks"), ", ".join(report["imageFallbacks"]) or _("none")),
        (_("aliases"), ", ".join(f"{a} → {r}" for a, r in report["aliases"].items()) or _("none")),
    ]
    model = report["resolvedDefault"]
    if family_of(model or "") == "effort":  # as of Qwen's page on deep thinking, November 2026
        what = _(
            "{model} thinks with the highest effort unless --thinking says otherwise; it is billed as output",
            model=model,
        )
        facts.append((_("thinking"), what))
    facts += [(p["profileId"], _profile_line(p)) for p in auth["oauth"]["profiles"]]
    for one in auth["providers"]:
        # the address, and the login that is used there, where that is no stored one
        login = "" if one["profiles"]["labels"] else _(one["effective"]["detail"])
        facts.append((one["provider"], " · ".join(filter(None, (login, one["baseUrl"] or _("no address"))))))
    facts += [
        (_("config"), short(Path(report["configPath"]))),
        (_("logins"), short(Path(auth["storePath"]))),
    ]
    missing = auth["missingProvidersInUse"] or ([] if auth["providers"] else [""])
    commands = [(sign_in_command(session, provider), _("sign in")) for provider in missing]
    words = [report["resolvedDefault"] or ""]
    return FactsView(_("Models"), facts, commands, data=report, words=words)


def _profile_line(profile: dict[str, Any]) -> str:
    left = profile["remainingMs"]
    words = [profile["type"], profile["status"]]
    if profile["source"] == QwenCode.source:
        words.append(QwenCode.source)
    if left is not None and left > 0:
        words.append(_("token valid for {time}", time=duration(left / 1000)))
    elif left is not None:
        words.append(_("token due for renewal"))
    return " · ".join(words)
