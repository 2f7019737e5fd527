"""The words of OpenClaw's present provider pages that are no other command here: onboarding, plugins, agents, logins.

What a notebook can do is done; for the rest one line says what stands in for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.commands import account, models
from openclaw_ipython.shell.commands.registry import PROVIDER, command
from openclaw_ipython.shell.login.flow import login
from openclaw_ipython.shell.login.keys import LoginOptions
from openclaw_ipython.shell.parser import Option, Positional
from openclaw_ipython.shell.views import MessageView, View, written_to
from openclaw_ipython.suggestions import mistyped

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session

# OpenClaw's choice → provider and region, as its provider page of September 2026 and its older pages have them.
CHOICES = {
    "qwen-standard-api-key": ("modelstudio", "singapore"),
    "qwen-standard-api-key-cn": ("modelstudio", "beijing"),
    "qwen-api-key": ("qwen-coding-plan", "international"),
    "qwen-api-key-cn": ("qwen-coding-plan", "beijing"),
    "qwen-token-plan": ("qwen-token-plan", "singapore"),
    "qwen-token-plan-cn": ("qwen-token-plan", "beijing"),
    "modelstudio-standard-api-key": ("modelstudio", "singapore"),
    "modelstudio-standard-api-key-cn": ("modelstudio", "beijing"),
    "modelstudio-api-key": ("qwen-coding-plan", "international"),
    "modelstudio-api-key-cn": ("qwen-coding-plan", "beijing"),
    "openrouter-api-key": ("openrouter", None),
    "fireworks-api-key": ("fireworks", None),
    "qwen-portal": ("qwen-portal", None),
    "ollama": ("ollama", None),
    "lmstudio": ("lmstudio", None),
    "vllm": ("vllm", None),
}
_PACKAGES = {
    "@openclaw/qwen-provider": "modelstudio",
    "qwen": "modelstudio",
    "qwen-portal-auth": "qwen-portal",
}


@command(
    "onboard",
    Option(("--auth-choice",), "which service, in OpenClaw's words: qwen-standard-api-key, …", "CHOICE"),
    Option(("--non-interactive",), "accepted; a key is then taken from the environment"),
)
def onboard(session: Session, *, auth_choice: str | None, non_interactive: bool) -> View | None:
    """Sign in, as on OpenClaw's provider page; nothing else is set up."""
    if auth_choice is None:
        raise UsageError(
            _("onboard needs --auth-choice here: it signs in, and sets up nothing else of OpenClaw"),
            hint="%openclaw login",
        )
    if auth_choice not in CHOICES:
        what = _("{choice!r} is a choice of OpenClaw's own set-up, not of this extension", choice=auth_choice)
        raise mistyped(what, auth_choice, CHOICES, hint=_("%openclaw login lists what can be used here"))
    provider, region = CHOICES[auth_choice]
    return login(session, LoginOptions(provider=provider, region=region), enables_plugin=True)


@command("plugins install", Positional("package", "as in OpenClaw, e.g. @openclaw/qwen-provider"))
def plugins_install(session: Session, *, package: str) -> View:
    """Say what to use here in place of a plugin of a Gateway."""
    name = package.partition("@latest")[0].strip()
    provider = _PACKAGES.get(name)
    install = f"!openclaw plugins install {package}"
    if provider is None:
        raise UsageError(_("plugins are installed into a Gateway, not into this extension"), hint=install)
    return MessageView(
        _("Nothing to install: this service is built in here"),
        f"%openclaw login --provider {provider}",
        (_("for a Gateway: {command}", command=install),),
    )


@command("models refresh", PROVIDER)
def models_refresh(session: Session, *, provider: str | None) -> View:
    """Ask the services for their lists of models, and store them; as `models list --refresh`."""
    return models.models_list(session, all=False, provider=provider, refresh=True, local=False)


_LOGIN_ID = Positional("login", "its id, e.g. modelstudio:default", kind="profile")


@command("models auth activate", _LOGIN_ID)
def auth_activate(session: Session, *, login: str) -> View:
    """Try this login before the others of its service."""
    client = session.client
    provider = client.models.checked_provider(login.partition(":")[0])
    others = sorted(row.profile.id for row in client.accounts.profiles() if row.profile.provider == provider)
    first = client.logins.find(provider, login)
    path = client.logins.set_order(provider, [first, *(other for other in others if other != first)])
    return MessageView(_("{login} is tried first", login=first), details=written_to(path))


@command("models auth logout", _LOGIN_ID)
def auth_logout(session: Session, *, login: str) -> View:
    """Remove a stored login by its id; as `logout`."""
    return account.logout(session, provider=login.partition(":")[0], profile=login)


@command(
    "agent",
    Option(("--message", "-m"), "the question", "TEXT"),
    Option(("--agent",), "the agent of your Gateway that answers, as %%openclaw", "ID", kind="agent"),
    Option(("--model",), "the model that answers, from this kernel, without an agent", "REF", kind="model"),
    Option(("--local",), "ask the default model from this kernel, also where a Gateway is set up"),
)
def agent(
    session: Session, *, message: str | None, agent: str | None, model: str | None, local: bool
) -> View | None:
    """One message to an agent of your Gateway, as `%%openclaw`; without a Gateway, to a model, as `%qwen`."""
    if not message:
        raise UsageError(_("agent needs --message"), hint='%openclaw agent --message "…"')
    if agent and (model or local):
        raise UsageError(_("an agent asks its own model: leave out --model and --local, or --agent"))
    if agent or not (model or local or session.client.accounts.credential("openclaw") is None):
        from openclaw_ipython.shell.agent_cell import send
        from openclaw_ipython.shell.options import AskOptions

        send(session, agent, message, AskOptions())
        return None
    from openclaw_ipython.shell.ask import ask

    ask(session, f"-m {model}" if model else "", message)
    return None
