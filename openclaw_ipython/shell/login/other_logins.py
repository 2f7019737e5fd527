"""Signing in without a device code: with a key (fields in a notebook, a hidden prompt elsewhere), to a local server,
with what other programs left here. Decides how it is shown; `sign_ins` and `importing` do it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.login.secret_prompt import ask_secret, can_be_asked
from openclaw_ipython.shell.render.surfaces import Handle, JupyterSurface
from openclaw_ipython.shell.views import MessageView, TableView, View, short

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.providers import Provider
    from openclaw_ipython.shell.login.key_panel import KeyEntry, KeyForm, SaveResult
    from openclaw_ipython.shell.session import Session

log = logging.getLogger(__name__)


def by_key(session: Session, provider: Provider, profile: str, values: dict[str, Any]) -> View | None:
    """Sign in with an API key: the one of the environment, else one that is asked for.

    `--force` asks although the environment has one, `--wait` asks in a prompt instead of a panel. Raises UsageError,
    LoginRequired (also where nobody can be asked), and the service errors.
    """
    client = session.client
    region, set_default = values["region"], values["set_default"]
    address = client.keys.address(provider, region)
    key = None
    if values["force"] or client.keys.environment_key(provider) is None:
        if _can_show_fields(session) and not values["wait"]:
            _show_fields(session, provider, address, profile=profile, set_default=set_default)
            return None
        _say_terms(session, provider)
        key = ask_secret(
            session.front, _("API key of {label}: ", label=provider.label), provider.key_variables
        )
    else:
        _say_terms(session, provider)
    outcome = session.bridge.run(
        client.login_with_key(provider.id, key, region=address, profile=profile, set_default=set_default)
    )
    return said(provider, outcome)


def locally(session: Session, provider: Provider, values: dict[str, Any]) -> View:
    """Set up a server on this machine with the models it has."""
    outcome = session.bridge.run(
        session.client.login_locally(provider.id, region=values["region"], set_default=values["set_default"])
    )
    found = [row.ref.model for row in session.client.models.rows(provider=provider.id)]
    names = ", ".join(found[:5])
    one = _("{count} model: {names}", count=len(found), names=names)
    models = one if len(found) == 1 else _("{count} models: {names}", count=len(found), names=names)
    return said(provider, outcome, models + (" …" if len(found) > 5 else ""))


def said(provider: Provider, outcome: LoginOutcome, *more: str) -> MessageView:
    """What a sign-in came to, in a sentence, and where it is written."""
    lines = [*more, *outcome.notes, _("address {url}", url=outcome.base_url)]
    lines += [_("written to {path}", path=short(path)) for path in outcome.written]
    return MessageView(_sentence(provider, outcome), details=tuple(lines))


def _sentence(provider: Provider, outcome: LoginOutcome) -> str:
    stored = outcome.profile_id
    done = (
        _("Signed in to {label} as {login}", label=provider.label, login=stored)
        if stored
        else _("{label} is set up", label=provider.label)
    )
    return done + (_(" · default model {model}", model=outcome.default) if outcome.default else "")


def _say_terms(session: Session, provider: Provider) -> None:
    if provider.terms:
        session.show(MessageView(_(provider.terms)))


# -- fields in a notebook ------------------------------------------------------------------


def _can_show_fields(session: Session) -> bool:
    front = session.front
    if front.kind == "terminal" or not front.attended:
        return False
    try:
        import ipywidgets  # noqa: F401 - whether it is there
    except ImportError:
        return False
    return True


def show_widget(surface: JupyterSurface, widget: Any, text: str) -> Handle:
    """Show a widget, with `text` for where it cannot be shown."""
    bundle = dict(widget._repr_mimebundle_())
    bundle["text/plain"] = text
    return surface.show(bundle)


def _show_fields(
    session: Session, provider: Provider, address: str, *, profile: str, set_default: bool
) -> None:
    from openclaw_ipython.shell.login.key_panel import KeyPanel

    surface = JupyterSurface()
    waiting = MessageView(
        _(
            "No fields above? %openclaw login --provider {provider} --wait asks for the key in a prompt",
            provider=provider.id,
        )
    )
    handles: list[Handle] = []

    def done(sentence: str) -> None:
        for handle in handles:
            handle.update(_in_grey(MessageView(sentence)))

    form = key_form(session, provider, address, profile=profile, set_default=set_default, done=done)
    show_widget(surface, KeyPanel(form).widget, _("[fields for an API key of {label}]", label=provider.label))
    handles.append(surface.show(_in_grey(waiting)))


def key_form(
    session: Session,
    chosen: Provider | None = None,
    address: str = "",
    *,
    profile: str = "default",
    set_default: bool = False,
    done: Callable[[str], None],
) -> KeyForm:
    """Fields for a key, `chosen` and its `address` filled in; `done` is told the sentence once it is saved."""
    from openclaw_ipython.shell.login.key_panel import KeyForm, SaveResult

    keys = session.client.keys
    products = keys.products()

    def current(provider: Provider) -> str:
        if chosen is not None and provider.id == chosen.id and address:
            return address
        try:
            return keys.address(provider)
        except OpenClawError:  # a file that cannot be read: said when it is to be written
            return provider.base_url

    def save(entered: KeyEntry, tell: Callable[[SaveResult], None]) -> None:
        async def work() -> None:
            try:
                outcome = await session.client.login_with_key(
                    entered.provider.id,
                    entered.key,
                    region=entered.base_url,
                    profile=profile,
                    set_default=set_default,
                )
            except OpenClawError as error:
                tell(SaveResult(str(error), (f"→ {error.hint}",) if error.hint else ()))
            except Exception as error:
                # A fault of ours must still give the fields back; the traceback is for the log only.
                log.exception("storing a key failed")
                tell(SaveResult(_("it broke: {kind}", kind=type(error).__name__)))
            else:
                view = said(entered.provider, outcome)
                tell(SaveResult(view.message, view.details, succeeded=True))
                done(view.message)

        session.bridge.submit(work())

    return KeyForm(products, chosen.id if chosen else products[0].id, current, save)


def _in_grey(view: MessageView) -> dict[str, str]:
    bundle = view._repr_mimebundle_()
    style = "color: var(--jp-ui-font-color2, #777); font-size: var(--jp-ui-font-size1, 13px)"
    return {**bundle, "text/html": f'<div style="{style}">{bundle["text/html"]}</div>'}


# -- what other programs left --------------------------------------------------------------


def by_import(session: Session, values: dict[str, Any]) -> View | None:
    """Take over what Qwen Code and the environment have, after showing it, secrets masked.

    Raises UsageError where there is nothing, or nobody to say yes.
    """
    found = session.client.importing.found(Path.cwd())
    if values["provider"]:
        wanted = session.client.models.checked_provider(values["provider"])
        found = [service for service in found if service.provider.id == wanted]
    if not found:
        raise UsageError(_("nothing to import was found"), hint=_("%openclaw models scan shows what is here"))
    rows = [(s.source, s.provider.label, s.base_url, s.shown_key, s.outcome) for s in found]
    session.show(TableView((_("Found in"), _("Service"), _("Address"), _("Key"), _("What happens")), rows))
    if not values["yes"] and not _confirmed(session, len(found)):
        return MessageView(_("Nothing was written"))
    outcomes = session.client.importing.take_over(found, set_default=values["set_default"])
    written = dict.fromkeys(short(path) for outcome in outcomes for path in outcome.written)
    default = outcomes[-1].default
    return MessageView(
        _("Imported: {services}", services=", ".join(outcome.provider for outcome in outcomes))
        + (_(" · default model {model}", model=default) if default else ""),
        details=tuple(_("written to {path}", path=path) for path in written),
    )


def _confirmed(session: Session, count: int) -> bool:
    if not can_be_asked(session.front):
        raise UsageError(_("nothing was written: there is nobody to say yes"), hint=_("add --yes"))
    try:
        answer = input(
            _("Import this? [y/N] ") if count == 1 else _("Import these {count}? [y/N] ", count=count)
        )
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}
