"""Sign-in without a device code: with an API key, with a local server, or by import from other programs.

A key is typed into a hidden field of a notebook, or at a prompt without echo.
"""

from __future__ import annotations

import getpass
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from openclaw_ipython.errors import LoginRequired, OpenClawError, UsageError
from openclaw_ipython.i18n import N_, _
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.shell.front_end import YES, FrontEnd, answer_to
from openclaw_ipython.shell.login.state import QUIET_LINE, default_suffix, notes_of
from openclaw_ipython.shell.render.renderer import Handle, JupyterSurface
from openclaw_ipython.shell.views import MessageView, TableView, View, written_to

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.providers import Provider
    from openclaw_ipython.shell.login.panel import KeyForm, Show
    from openclaw_ipython.shell.session import Session

log = logging.getLogger(__name__)

METHODS = ("device", "api-key", "token", "import")

KEY_REFUSED = N_(
    "The service refuses this key: it is mistyped, or it belongs to another product or region, to be chosen above"
)


class LoginOptions(Struct, frozen=True, kw_only=True):
    """The options of `%openclaw login`; `service` is the word after it."""

    service: str | None = None
    provider: str | None = None
    set_default: bool = False
    wait: bool = False
    force: bool = False
    open: bool = False
    profile: str | None = None
    method: str | None = None
    region: str | None = None
    yes: bool = False
    device_code: bool = False
    profile_id: str | None = None

    @property
    def provider_id(self) -> str | None:
        """The provider as typed, by option or by word."""
        by_id = (self.profile_id or "").partition(":")
        return self.provider or self.service or (by_id[0] if by_id[1] else None)

    def login_name(self, otherwise: str = "default") -> str:
        """The name of the login, the part of `--profile-id` after the colon. Raises UsageError for no name."""
        name = (self.profile_id.rpartition(":")[2] if self.profile_id else self.profile) or otherwise
        if not all(c.isalnum() or c in "._-@+" for c in name) or len(name) > 64:
            raise UsageError(
                _("{name!r} cannot be the name of a login", name=name),
                hint=_("letters, digits and . _ - @ + are allowed"),
            )
        return name

    @property
    def kind(self) -> str | None:
        """The method, also as OpenClaw's flag."""
        return "device" if self.device_code else self.method


def sign_in_by_key(session: Session, provider: Provider, options: LoginOptions) -> View | None:
    """Sign in with the API key of the environment, or else with one that the person enters.

    `--force` asks although the environment has a key, `--wait` asks at a prompt instead of in a panel. Raises
    UsageError, LoginRequired (also where no person can answer), and the service errors.
    """
    client, front = session.client, session.front
    address = client.keys.address(provider, options.region)
    refused = client.advice.has_refused_login(provider.id)
    asks = options.force or refused or client.keys.environment_key(provider) is None
    if asks and front.kind == "notebook" and front.attended and not options.wait:
        _show_fields(session, provider, address, options)
        return None
    if provider.terms:
        session.show(MessageView(_(provider.terms)))
    question = _("API key of {label}: ", label=provider.label)
    key = ask_secret(front, question, provider.key_variables) if asks else None
    outcome = session.loop_thread.run(
        client.login_with_key(
            provider.id, key, region=address, profile=options.login_name(), set_default=options.set_default
        )
    )
    return outcome_view(provider, outcome)


def set_up_local_server(session: Session, provider: Provider, options: LoginOptions) -> View:
    """Set up a server with the models it has. A key is asked for if the server does not answer without one."""

    def set_up(key: Secret | None = None) -> LoginOutcome:
        login = session.client.login_locally
        work = login(provider.id, key, region=options.region, set_default=options.set_default)
        return session.loop_thread.run(work)

    try:
        outcome = set_up()
    except LoginRequired:
        if not session.front.can_answer():
            raise
        outcome = set_up(ask_secret(session.front, _("API key of {label}: ", label=provider.label)))
    found = [row.ref.model for row in session.client.models.rows(provider=provider.id)]
    names = ", ".join(found[:5])
    one = _("{count} model: {names}", count=len(found), names=names)
    models = one if len(found) == 1 else _("{count} models: {names}", count=len(found), names=names)
    return outcome_view(provider, outcome, models + (" …" if len(found) > 5 else ""))


def outcome_view(provider: Provider, outcome: LoginOutcome, *details: str) -> MessageView:
    """The outcome of a sign-in, and what to type next."""
    message = (
        _("Signed in to {label} as {login}", label=provider.label, login=outcome.profile_id)
        if outcome.profile_id
        else _("{label} is set up", label=provider.label)
    )
    return MessageView(
        message + default_suffix(outcome.default), outcome.next_command, (*details, *notes_of(outcome))
    )


# -- prompts -------------------------------------------------------------------------------


def ask_secret(front: FrontEnd, prompt: str, variables: Sequence[str] = ()) -> Secret:
    """A secret that the person enters: in a hidden field in a notebook, without echo in a terminal.

    Raises LoginRequired where no person can answer (its hint names `variables`), UsageError for no answer.
    """
    if not front.can_answer():
        set_them = _("set {variables} in the environment", variables=_(" or ").join(variables))
        hint = set_them if variables else _("run this in a notebook")
        raise LoginRequired(_("no person can enter the key here"), hint=hint)
    with suppress(EOFError):
        # In a kernel, ipykernel has replaced getpass by its own, which asks the front end.
        return Secret(getpass.getpass(prompt).strip())
    raise UsageError(_("nothing was entered; nothing was written"))


# -- fields in a notebook ------------------------------------------------------------------


def widget_bundle(widget: Any, text: str) -> dict[str, str]:
    """The MIME bundle of a widget, with `text` for front ends and files without it."""
    return {**widget._repr_mimebundle_(), "text/plain": text}


def show_widget(surface: JupyterSurface, widget: Any, text: str) -> Handle:
    """Show a widget, with `text` for front ends that cannot."""
    return surface.show(widget_bundle(widget, text))


def _show_fields(session: Session, provider: Provider, address: str, options: LoginOptions) -> None:
    from openclaw_ipython.shell.login.panel import key_panel

    surface = JupyterSurface()
    fallback = MessageView(
        _(
            "No fields above? %openclaw login --provider {provider} --wait asks for the key in a prompt",
            provider=provider.id,
        )
    )
    handles: list[Handle] = []

    def show_end(message: str) -> None:
        for handle in handles:
            handle.update(_quietly(MessageView(message)))

    panel = key_panel(key_form(session, provider, address, options, on_saved=show_end))
    show_widget(surface, panel, _("[fields for an API key of {label}]", label=provider.label))
    handles.append(surface.show(_quietly(fallback)))


def key_form(
    session: Session,
    chosen: Provider | None = None,
    address: str = "",
    options: LoginOptions = LoginOptions(),  # noqa: B008 - immutable
    *,
    on_saved: Callable[[str], None],
) -> KeyForm:
    """A form for a key, with `chosen` and its `address` filled in. `on_saved` is called with the final message."""
    from openclaw_ipython.shell.login.panel import KeyForm

    keys = session.client.keys
    products = keys.products()

    def current(provider: Provider) -> str:
        if chosen is not None and provider.id == chosen.id and address:
            return address
        try:
            return keys.address(provider)
        except OpenClawError:  # a file that cannot be read is reported when it is written
            return provider.base_url

    def save(provider: Provider, base_url: str, key: Secret, show: Show) -> None:
        async def work() -> None:
            try:
                outcome = await session.client.login_with_key(
                    provider.id,
                    key,
                    region=base_url,
                    profile=options.login_name(),
                    set_default=options.set_default,
                )
            except OpenClawError as error:
                if isinstance(error, LoginRequired) or getattr(error, "status", None) == 403:
                    show(_(KEY_REFUSED))
                else:
                    show(str(error), (f"→ {error.hint}",) if error.hint else ())
            except Exception as error:
                # After any error the form must take input again; the traceback goes to the log only.
                log.exception("storing a key failed")
                show(_("it broke: {kind}", kind=type(error).__name__))
            else:
                view = outcome_view(provider, outcome)
                show(view.message, (*view.details, f"→ {view.next_command}"), succeeded=True)
                on_saved(view.message)

        session.loop_thread.submit(work())

    return KeyForm(products, chosen.id if chosen else products[0].id, current, save)


def _quietly(view: MessageView) -> dict[str, str]:
    bundle = view._repr_mimebundle_()
    return {**bundle, "text/html": f'<div style="{QUIET_LINE}">{bundle["text/html"]}</div>'}


# -- import --------------------------------------------------------------------------------


def import_credentials(session: Session, options: LoginOptions) -> View:
    """Take over the services of Qwen Code and the environment, after showing them with masked secrets.

    Raises UsageError where there is nothing to import, or no person to agree.
    """
    found = session.client.credential_import.found(Path.cwd())
    if (provider := options.provider_id) is not None:
        ids = {service.provider.id for service in found}
        wanted = provider if provider in ids else session.client.models.checked_provider(provider)
        found = [service for service in found if service.provider.id == wanted]
    if not found:
        raise UsageError(_("nothing to import was found"), hint=_("%openclaw models scan shows what is here"))
    rows = [(s.source, s.provider.label, s.base_url, s.shown_key, s.outcome) for s in found]
    session.show(TableView((_("Found in"), _("Service"), _("Address"), _("Key"), _("What happens")), rows))
    if not options.yes:
        if not session.front.can_answer():
            why = _("nothing was written: no person can confirm the import here")
            raise UsageError(why, hint=_("add --yes"))
        count = len(found)
        several = _("Import these {count}? [y/N] ", count=count)
        if answer_to(_("Import this? [y/N] ") if count == 1 else several) not in YES:
            return MessageView(_("Nothing was written"))
    outcomes = session.client.credential_import.import_services(found, set_default=options.set_default)
    services = ", ".join(outcome.provider for outcome in outcomes)
    written = dict.fromkeys(path for outcome in outcomes for path in outcome.written)
    return MessageView(
        _("Imported: {services}", services=services) + default_suffix(outcomes[-1].default),
        outcomes[0].next_command,
        written_to(*written),
    )
