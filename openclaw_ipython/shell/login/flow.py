"""`%openclaw login`: chooses the way to sign in, shows it, and blocks or returns at once."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from typing import TYPE_CHECKING

from openclaw_ipython.errors import LoginCancelled, LoginRequired, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.login.keys import (
    LoginOptions,
    import_credentials,
    key_form,
    set_up_local_server,
    show_widget,
    sign_in_by_key,
    widget_bundle,
)
from openclaw_ipython.shell.login.state import (
    PendingSignIn,
    SignInState,
    default_suffix,
    ending,
    notes_of,
    prompt_bundle,
    prompt_text,
    qr_text,
)
from openclaw_ipython.shell.render.renderer import JupyterSurface
from openclaw_ipython.shell.views import MessageView, View

if TYPE_CHECKING:
    from openclaw_ipython.providers import Provider
    from openclaw_ipython.shell.login.panel import SignInPanel
    from openclaw_ipython.shell.session import Session

ANSWER_SECONDS = 15.0  # how long a notebook's cell waits for the code before it returns without it


def login(session: Session, options: LoginOptions, *, enables_plugin: bool) -> View | None:
    """Sign in by device code or by key, set up a local server, or import what other programs have.

    By device code in a notebook this returns at once, and the sign-in goes on in the background. `enables_plugin`: a
    disabled plugin is enabled, as the short `login` does, instead of being an error.

    Raises UsageError, LoginRequired (a run without a person), and with --wait the error of the sign-in.
    """
    client = session.client
    if options.method == "import":
        return import_credentials(session, options)
    provider = client.provider(options.provider_id or "qwen-portal")
    if provider.configured is not None:
        return MessageView(
            _("Nothing to sign in to: its secret is read where OpenClaw keeps it"), "%openclaw gateway"
        )
    profile = options.login_name()
    by_device = _is_by_device(provider, options.kind)
    if not by_device and provider.local is not None:
        return set_up_local_server(session, provider, options)
    pending = session.pending
    if by_device and pending is not None:
        if pending.provider != provider.id:
            raise UsageError(
                _("a sign-in to {provider} is going on", provider=pending.provider),
                hint=_("finish or cancel it first"),
            )
        return _follow(session, pending, wait=options.wait)
    existing = client.accounts.stored_login(provider.id)
    if existing is not None and not options.force and client.advice.usable(provider.id):
        models, ref = client.models, provider.ref(provider.default_model)
        if options.set_default and models.default() != ref:
            models.set_default(str(ref))
        return MessageView(
            _("Already signed in as {login}", login=existing.id) + default_suffix(models.default()),
            details=(_("%openclaw login --force signs in anew"),),
        )
    if not by_device:
        return sign_in_by_key(session, provider, options)
    if not enables_plugin and any(
        p.id == provider.plugin and p.enabled is False for p in client.accounts.plugins()
    ):
        raise UsageError(
            _("the plugin {plugin} is disabled", plugin=provider.plugin),
            hint=f"%openclaw plugins enable {provider.plugin}",
        )
    if not session.front.attended and not options.wait:
        variables = _(" or ").join(provider.key_variables)
        ways = _("set {variables}", variables=variables) if variables else _("sign in first")
        raise LoginRequired(
            _("no person can approve a sign-in in this run"),
            hint=_(
                "{ways}, or run %openclaw login once in a notebook or terminal with the same home, or add --wait",
                ways=ways,
            ),
        )
    sign_in = PendingSignIn(
        client, session.loop_thread, provider.id, set_default=options.set_default, profile=profile
    )
    session.sign_in = sign_in
    if options.open:
        opened: list[str] = []

        def open_page(state: SignInState) -> None:
            if state.prompt is not None and not opened:
                opened.append(state.prompt.link)
                # In a thread: a browser may take seconds to start, and a failure does no harm.
                session.loop_thread.submit(asyncio.to_thread(webbrowser.open, state.prompt.link))

        sign_in.observe(open_page)
    sign_in.start()
    return _follow(session, sign_in, wait=options.wait)


def _is_by_device(provider: Provider, method: str | None) -> bool:
    """Whether the sign-in is by device code. Raises UsageError for a method that the service does not have."""
    hint = f"%openclaw login --provider {provider.id}"
    if method == "device" and provider.device_login is None:
        raise UsageError(_("{provider} has no sign-in by device code", provider=provider.id), hint=hint)
    if method == "api-key" and provider.key_login is None:
        raise UsageError(_("{provider} takes no API key", provider=provider.id), hint=hint)
    return provider.device_login is not None and method != "api-key"


def _follow(session: Session, sign_in: PendingSignIn, *, wait: bool) -> View | None:
    """Show a sign-in until its end, or until its code is there. An interrupt cancels it at any point."""
    try:
        if session.front.kind == "terminal":
            return _follow_in_terminal(sign_in)
        _follow_in_notebook(session, sign_in, wait=wait)
    except KeyboardInterrupt:
        sign_in.cancel()
        raise LoginCancelled(
            _("the sign-in was cancelled; nothing was written"), hint="%openclaw login"
        ) from None
    return None


def _follow_in_notebook(session: Session, sign_in: PendingSignIn, *, wait: bool) -> None:
    """Show a panel, and a plain-text copy below it."""
    surface = JupyterSurface()
    attended = session.front.attended
    _wait_for_code(sign_in, 1.0, shows_other_ways=attended)
    panel = None
    if attended:
        panel = _show_panel(session, surface, sign_in)
        _wait_for_code(sign_in, 0.0)
    handle = surface.show(prompt_bundle(sign_in.state))
    shown = prompt_text(sign_in.state)

    def update_copy(state: SignInState) -> None:
        nonlocal shown
        # A front end that shows the panel needs no copy of the code: a page that is loaded anew keeps the outputs it
        # finds in the file, and no update reaches those any more. An end that the copy tells stays there.
        gone = panel is not None and panel.is_shown and not (state.over and shown)
        text = "" if gone else prompt_text(state)
        if text != shown:  # without a countdown: it changes twice, not every second
            shown = text
            handle.update(prompt_bundle(state) if text else {"text/plain": "", "text/html": ""})

    if panel is not None:
        panel.when_shown(lambda: update_copy(sign_in.state))
    sign_in.observe(update_copy)
    if wait:
        sign_in.wait()
    else:
        _wait_for_code(sign_in, ANSWER_SECONDS)


def _wait_for_code(sign_in: PendingSignIn, seconds: float, *, shows_other_ways: bool = False) -> None:
    """Wait for the service's first answer, so that the cell's first output has the code, and a refusal fails the cell.

    With `shows_other_ways` a sign-in that is no longer offered does not fail it yet: the panel has the other ways.
    """
    sign_in.answered(seconds)
    state = sign_in.state
    if sign_in.ended() and state.phase == "failed" and not (shows_other_ways and state.unavailable):
        sign_in.result()


def _show_panel(session: Session, surface: JupyterSurface, sign_in: PendingSignIn) -> SignInPanel:
    from openclaw_ipython.shell.login.panel import SignInPanel

    form = key_form(session, on_saved=sign_in.replace_by)
    label = sign_in.state.label
    panel = SignInPanel(label, sign_in.cancel, form.widget)
    panel.update(sign_in.state)
    handle = show_widget(surface, panel.widget, _("[sign-in panel of {label}]", label=label))

    def update(state: SignInState) -> None:
        panel.update(state)
        if state.over:  # the end as text, for the saved file, unless the copy below has it
            handle.update(widget_bundle(panel.widget, prompt_text(state) if panel.is_shown else ""))

    sign_in.observe(update)
    return panel


def _follow_in_terminal(sign_in: PendingSignIn) -> View:
    printed: set[str] = set()

    def print_news(state: SignInState) -> None:
        text = prompt_text(state)
        if state.phase == "waiting" and state.prompt and text not in printed:
            printed.add(text)
            waiting = _("Waiting for your approval … (Ctrl-C cancels)")
            sys.stdout.write(f"{text}\n\n{qr_text(state.prompt)}\n{waiting}\n")
            sys.stdout.flush()
        elif state.trouble and state.trouble not in printed:
            printed.add(state.trouble)
            sys.stdout.write(f"{state.trouble}\n")

    sign_in.observe(print_news)
    outcome = sign_in.wait()
    return MessageView(ending(sign_in.state), outcome.next_command, notes_of(outcome))
