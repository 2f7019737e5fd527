"""The subcommands about logins: signing in and out, keys by hand, their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.auth.logins import MANUAL, KeyKind, LoginRow
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands.table import JSON, PLAIN, PROVIDER, command
from openclaw_ipython.shell.login.flow import METHODS, login, profile_name
from openclaw_ipython.shell.login.secret_prompt import ask_secret
from openclaw_ipython.shell.parser import Option, Positional, choice
from openclaw_ipython.shell.views import MessageView, RawView, TableView, View, as_json, short

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
        choice(*METHODS),
        "method",
    ),
    Option(("--region",), "which address of the service: its id, or https://…", "ID", kind="region"),
    Option(("--yes",), "with --method import: do not ask"),
)
KEY_NAME = Option(("--profile",), f"the name of the login, `{MANUAL}` if not given", "NAME", kind="profile")
NEVER_TYPED = (
    "a key is never typed on the line, where the notebook's history keeps it: it is asked for, hidden."
    " If that was a real one, make a new one"
)


@command(
    "login",
    Positional("service", "which one; qwen-portal if not named", required=False, kind="provider"),
    *LOGIN_OPTIONS,
)
def login_short(session: Session, values: dict[str, Any]) -> View | None:
    """Sign in: by link and code, with an API key, to a local server, or with what is there already."""
    values["provider"] = values["provider"] or values["service"]
    return _login(session, values, enables_plugin=True)


def _login(session: Session, values: dict[str, Any], *, enables_plugin: bool) -> View | None:
    if values["method"] == "token":  # nobody is asked but the person: as `models auth paste-token`
        return _store_key(session, values, "token")
    return login(session, values, enables_plugin=enables_plugin)


@command(
    "logout",
    PROVIDER,
    Option(("--profile",), "which of several logins", "NAME", kind="profile"),
)
def logout(session: Session, values: dict[str, Any]) -> View | None:
    """Sign out: removes the stored login, and says what stays."""
    client = session.client
    forgotten = session.bridge.run(client.logout(_provider(session, values), values["profile"]))
    return MessageView(
        _("Signed out: {login} is removed", login=forgotten.profile_id), details=forgotten.stays
    )


@command("models auth login", *LOGIN_OPTIONS)
def login_long(session: Session, values: dict[str, Any]) -> View | None:
    """The long form of `login`, as in OpenClaw."""
    return _login(session, values, enables_plugin=False)


@command("models auth list", PROVIDER, JSON, PLAIN)
def auth_list(session: Session, values: dict[str, Any]) -> View | None:
    """The stored logins: their kind, and how long they last."""
    client = session.client
    rows = client.upkeep.logins.rows(client.accounts.profiles())
    if values["provider"]:
        wanted = client.models.checked_provider(values["provider"])
        rows = [row for row in rows if row.provider == wanted]
    if values["json"]:
        return as_json(
            {**_agent(session), "storePath": str(client.upkeep.logins.path), "profiles": _plain(rows)}
        )
    if values["plain"]:
        return RawView("\n".join(row.id for row in rows))
    table = [(row.id, row.type, row.credential, row.account or "", row.status) for row in rows]
    headings = (_("Profile"), _("Type"), _("Credential"), _("Account"), _("Status"))
    return TableView(headings, table, _("no stored logins"), "%openclaw login")


@command("models auth add", PROVIDER, KEY_NAME, leftover=NEVER_TYPED)
def auth_add(session: Session, values: dict[str, Any]) -> View | None:
    """Store an API key, asked for in a hidden field."""
    return _store_key(session, values, "api_key")


@command("models auth paste-token", PROVIDER, KEY_NAME, leftover=NEVER_TYPED)
def auth_paste_token(session: Session, values: dict[str, Any]) -> View | None:
    """Store a token from elsewhere, asked for in a hidden field."""
    return _store_key(session, values, "token")


def _store_key(session: Session, values: dict[str, Any], kind: KeyKind) -> View:
    provider = _provider(session, values)
    name = profile_name(values["profile"] or MANUAL)
    logins = session.client.upkeep.logins
    what = _("API key") if kind == "api_key" else _("Token")
    key = ask_secret(
        session.front,
        _("{what} for {provider}: ", what=what, provider=provider),
        logins.key_variables(provider),
    )
    written = logins.add_key(provider, name, kind, key)
    profile_id = f"{provider}:{name}"
    more = [_("written to {path}", path=short(path)) for path in written]
    used = session.client.accounts.credential(provider)
    then = ""
    if used is not None and used.profile is not None and used.profile.id != profile_id:
        more.append(_("{login} is used before it", login=used.profile.id))
        then = f"%openclaw models auth order set --provider {provider} {profile_id}"
    return MessageView(_("Stored as {login}", login=profile_id), then, tuple(more))


@command("models auth order get", PROVIDER, JSON)
def order_get(session: Session, values: dict[str, Any]) -> View | None:
    """The order in which the logins of a service are tried, where you chose one."""
    provider = _provider(session, values)
    order = session.client.upkeep.logins.order(provider)
    if values["json"]:
        where = {"authStorePath": str(session.client.upkeep.logins.path)}
        return as_json({**_agent(session), "provider": provider, **where, "order": list(order) or None})
    none = _("none chosen: sign-ins first, then tokens, then keys")
    return MessageView(f"{provider}: {', '.join(order) or none}")


@command(
    "models auth order set",
    Positional("profiles", "their names, the first one first", rest=True, kind="profile"),
    PROVIDER,
)
def order_set(session: Session, values: dict[str, Any]) -> View | None:
    """Choose the order in which the logins of a service are tried."""
    provider = _provider(session, values)
    path = session.client.upkeep.logins.set_order(provider, values["profiles"])
    order = ", ".join(session.client.upkeep.logins.order(provider))
    return MessageView(f"{provider}: {order}", details=(_("written to {path}", path=short(path)),))


@command("models auth order clear", PROVIDER)
def order_clear(session: Session, values: dict[str, Any]) -> View | None:
    """Forget the chosen order."""
    provider = _provider(session, values)
    path = session.client.upkeep.logins.clear_order(provider)
    if path is None:
        return MessageView(f"{provider}: no order was chosen")
    return MessageView(
        f"{provider}: the order is forgotten", details=(_("written to {path}", path=short(path)),)
    )


def _provider(session: Session, values: dict[str, Any]) -> str:
    """The service that is meant: the one named, else the portal, as for `login`."""
    return session.client.models.checked_provider(values["provider"] or "qwen-portal")


def _agent(session: Session) -> dict[str, str]:
    """Which of OpenClaw's agents this is: the main one, always."""
    return {"agentId": "main", "agentDir": str(session.client.home.agent_dir)}


def _plain(rows: Sequence[LoginRow]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "provider": row.provider,
            "type": row.type,
            "account": row.account,
            "credential": row.credential,
            "status": row.status,
            "expiresAt": row.expires_at,
        }
        for row in rows
    ]
