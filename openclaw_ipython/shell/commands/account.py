"""The subcommands about logins: signing in and out, stored keys, and the order in which logins are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.stored_logins import MANUAL, KeyKind
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.commands.reports import sign_in_command
from openclaw_ipython.shell.login.flow import login
from openclaw_ipython.shell.login.keys import METHODS, LoginOptions, ask_secret
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, TableView, View, written_to

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

LOGIN_OPTIONS = (
    PROVIDER,
    Option(("--set-default",), "make its default model the default"),
    Option(("--wait",), "block until signed in (a terminal always does)"),
    Option(("--force",), "sign in although there is a valid login"),
    Option(("--open",), "also open the page in a browser on the kernel's machine"),
    Option(("--profile",), "the name of the login, `default` if not given", "NAME", kind="profile"),
    Option(
        ("--method",),
        "device, api-key, token or import; the service's own if not given",
        "M",
        choices=METHODS,
    ),
    Option(("--region",), "which address of the service: its id, or https://…", "ID", kind="region"),
    Option(("--yes",), "with --method import: do not ask"),
    Option(("--device-code",), "by link and code, as --method device"),
    Option(("--profile-id",), "the whole id of the login, e.g. qwen-portal:work", "ID", kind="profile"),
)
KEY_OPTIONS = (
    PROVIDER,
    Option(("--profile",), "the name of the login, `manual` if not given", "NAME", kind="profile"),
    Option(("--profile-id",), "its whole id, e.g. qwen:manual, in place of the two", "ID", kind="profile"),
)
KEY_ON_THE_LINE = N_(
    "a key is never typed on the line, where the notebook's history keeps it: it is asked for, hidden."
    " If that was a real one, make a new one"
)
KEYS: dict[str, Any] = {"arguments": LoginOptions, "leftover": KEY_ON_THE_LINE}


def _may_be_a_key(word: str, session: Session) -> bool:
    """Whether a word that names no service is as long as keys are, which need not have a known beginning."""
    return len(word) >= 20 and session.client.models.provider_of(word) is None


@command("models auth login", *LOGIN_OPTIONS, **KEYS, enables_plugin=False)
@command(
    "login",
    Positional("service", "which one; qwen-portal if not named", required=False, kind="provider"),
    *LOGIN_OPTIONS,
    **KEYS,
    enables_plugin=True,
)
def login_short(session: Session, options: LoginOptions, *, enables_plugin: bool) -> View | None:
    """Sign in: by link and code, with an API key, to a local server, or with the credentials of other programs."""
    if redact(word := options.provider_id or "") != word or _may_be_a_key(word, session):
        raise UsageError(_(KEY_ON_THE_LINE), hint="%openclaw login --provider ID")
    if options.method == "token":  # asks the person only, as `models auth paste-token`
        return store_key(session, options, kind="token")
    return login(session, options, enables_plugin=enables_plugin)


@command(
    "logout",
    PROVIDER,
    Option(("--profile",), "which of several logins", "NAME", kind="profile"),
)
def logout(session: Session, *, provider: str | None, profile: str | None) -> View:
    """Sign out: remove the stored login, and say what stays."""
    removed = session.loop_thread.run(session.client.logout(_provider(session, provider), profile))
    return MessageView(
        _("Signed out: {login} is removed", login=removed.profile_id), details=removed.remaining
    )


@command("models auth list", PROVIDER, JSON, PLAIN)
def auth_list(session: Session, *, provider: str | None) -> View:
    """The stored logins: their kind, and how long they last."""
    client = session.client
    rows = sorted(client.accounts.profiles(), key=lambda row: (row.profile.provider, row.profile.id))
    if provider:
        wanted = client.models.checked_provider(provider)
        rows = [row for row in rows if row.profile.provider == wanted]
    profiles: list[dict[str, Any]] = [
        {
            "id": row.profile.id,
            "provider": row.profile.provider,
            "type": row.profile.type,
            "account": row.profile.email,
            "credential": row.profile.credential,
            "status": row.state,
            "expiresAt": row.profile.expires,
        }
        for row in rows
    ]
    return TableView(
        (_("Profile"), _("Type"), _("Credential"), _("Account"), _("Status")),
        [[one[name] or "" for name in ("id", "type", "credential", "account", "status")] for one in profiles],
        _("no stored logins"),
        sign_in_command(session),
        data={**_agent(session), "storePath": str(client.accounts.store_path), "profiles": profiles},
        words=[one["id"] for one in profiles],
    )


@command("models auth paste-token", *KEY_OPTIONS, kind="token", **KEYS)
@command("models auth paste-api-key", *KEY_OPTIONS, kind="api_key", **KEYS)
@command("models auth add", *KEY_OPTIONS, kind="api_key", **KEYS)
def store_key(session: Session, options: LoginOptions, *, kind: KeyKind) -> View:
    """Store an API key, or a token from elsewhere, asked for in a hidden field."""
    provider_id = _provider(session, options.provider_id)
    name = options.login_name(MANUAL)
    logins = session.client.logins
    what = _("API key") if kind == "api_key" else _("Token")
    key = ask_secret(
        session.front,
        _("{what} for {provider}: ", what=what, provider=provider_id),
        logins.key_variables(provider_id),
    )
    details = written_to(*logins.add_key(provider_id, name, kind, key))
    profile_id = f"{provider_id}:{name}"
    used = session.client.accounts.credential(provider_id)
    command = ""
    if used is not None and used.profile is not None and used.profile.id != profile_id:
        details = (*details, _("{login} is used before it", login=used.profile.id))
        command = f"%openclaw models auth order set --provider {provider_id} {profile_id}"
    return MessageView(_("Stored as {login}", login=profile_id), command, details)


@command("models auth order get", PROVIDER, JSON)
def order_get(session: Session, *, provider: str | None) -> View:
    """The chosen order of the logins of a service."""
    provider_id = _provider(session, provider)
    order = session.client.logins.order(provider_id)
    where = {"provider": provider_id, "authStorePath": str(session.client.logins.path)}
    none = _("none chosen: sign-ins first, then tokens, then keys")
    return MessageView(
        f"{provider_id}: {', '.join(order) or none}",
        data={**_agent(session), **where, "order": list(order) or None},
    )


@command(
    "models auth order set",
    Positional("profiles", "their names, the first one first", rest=True, kind="profile"),
    PROVIDER,
)
def order_set(session: Session, *, profiles: tuple[str, ...], provider: str | None) -> View:
    """Choose the order of the logins of a service."""
    provider_id = _provider(session, provider)
    path = session.client.logins.set_order(provider_id, profiles)
    order = ", ".join(session.client.logins.order(provider_id))
    return MessageView(f"{provider_id}: {order}", details=written_to(path))


@command("models auth order clear", PROVIDER)
def order_clear(session: Session, *, provider: str | None) -> View:
    """Remove the chosen order."""
    provider_id = _provider(session, provider)
    path = session.client.logins.clear_order(provider_id)
    if path is None:
        return MessageView(_("{provider}: no order was chosen", provider=provider_id))
    return MessageView(_("{provider}: the order is removed", provider=provider_id), details=written_to(path))


def _provider(session: Session, word: str | None) -> str:
    """The id of the service `word`; the portal for none, as for `login`."""
    return session.client.models.checked_provider(word or "qwen-portal")


def _agent(session: Session) -> dict[str, str]:
    """OpenClaw's names for the agent: it is always the main one."""
    return {"agentId": "main", "agentDir": str(session.client.home.agent_dir)}
