"""`%openclaw login`: decides how a sign-in is shown and whether it blocks, then starts it."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import AuthError, LoginCancelled, LoginRequired, OpenClawError, UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.shell.login import other_logins
from openclaw_ipython.shell.login.prompts import prompt_bundle, prompt_text, qr_text
from openclaw_ipython.shell.login.state import SignIn, State, Watcher, ending
from openclaw_ipython.shell.render.surfaces import JupyterSurface
from openclaw_ipython.shell.views import MessageView, View, short

if TYPE_CHECKING:
    from openclaw_ipython.providers import Provider
    from openclaw_ipython.shell.session import Session

METHODS = ("device", "api-key", "token", "import")

ANSWER_SECONDS = 15.0  # how long a notebook's cell waits for the code before it returns all the same


def login(session: Session, values: dict[str, Any], *, enables_plugin: bool) -> View | None:
    """Sign in as the service has it: by device code, by key, or as a server of this machine that needs neither.

    By device code in a notebook this returns at once and goes on by itself.

    `enables_plugin`: the short `login` enables a disabled plugin by itself, OpenClaw's long form says so instead.
    Raises UsageError, LoginRequired (a run without a person), and with --wait what the sign-in ends with.
    """
    client = session.client
    if values["method"] == "import":
        return other_logins.by_import(session, values)
    provider = client.provider(values["provider"] or "qwen-portal")
    profile = profile_name(values["profile"])
    if not _by_device(provider, values["method"]):
        return _without_device(session, provider, profile, values)
    pending = session.pending
    if pending is not None:
        if pending.provider != provider.id:
            raise UsageError(
                _("a sign-in to {provider} is going on", provider=pending.provider),
                hint=_("finish or cancel it first"),
            )
        return _follow(session, pending, wait=values["wait"])
    existing = client.accounts.signed_in(provider.id)
    if existing is not None and not values["force"]:
        return _already(session, existing.id, provider.ref(provider.default_model), values["set_default"])
    if not enables_plugin and any(
        p.id == provider.plugin and p.enabled is False for p in client.accounts.plugins()
    ):
        raise UsageError(
            _("the plugin {plugin} is disabled", plugin=provider.plugin),
            hint=f"%openclaw plugins enable {provider.plugin}",
        )
    if not session.front.attended and not values["wait"]:
        raise _nobody_there(provider.key_variables)
    signin = SignIn(
        client,
        session.bridge,
        provider.id,
        set_default=values["set_default"],
        profile=profile,
        monotonic=session.monotonic,
    )
    session.signin = signin
    if values["open"]:
        signin.watch(_opener(session))
    signin.start()
    return _follow(session, signin, wait=values["wait"])


def _by_device(provider: Provider, method: str | None) -> bool:
    """Whether the sign-in is by device code. Raises UsageError for a way that the service does not have."""
    if method == "device" and provider.device_login is None:
        raise UsageError(
            _("{provider} has no sign-in by device code", provider=provider.id),
            hint=f"%openclaw login --provider {provider.id}",
        )
    if method == "api-key" and provider.key_login is None:
        raise UsageError(
            _("{provider} takes no API key", provider=provider.id),
            hint=f"%openclaw login --provider {provider.id}",
        )
    return provider.device_login is not None and method != "api-key"


def _without_device(
    session: Session, provider: Provider, profile: str, values: dict[str, Any]
) -> View | None:
    if provider.local is not None:
        return other_logins.locally(session, provider, values)
    existing = session.client.accounts.signed_in(provider.id)
    if existing is not None and not values["force"]:
        return _already(session, existing.id, provider.ref(provider.default_model), values["set_default"])
    return other_logins.by_key(session, provider, profile, values)


def _follow(session: Session, signin: SignIn, *, wait: bool) -> View | None:
    """Show a sign-in until it is over, or until its code is there. An interrupt, wherever it hits, cancels it."""
    try:
        if session.front.kind == "terminal":
            return _follow_in_terminal(signin)
        _follow_in_notebook(session, signin, wait=wait)
    except KeyboardInterrupt:
        signin.cancel()
        raise LoginCancelled(
            _("the sign-in was cancelled; nothing was written"), hint="%openclaw login"
        ) from None
    return None


def _follow_in_notebook(session: Session, signin: SignIn, *, wait: bool) -> None:
    """A panel with a plain copy below it."""
    surface = JupyterSurface()
    _wait_for_code(signin, 1.0, let_pass=session.front.attended)
    if session.front.attended:
        _show_panel(session, surface, signin)
        _wait_for_code(signin, 0.0)
    handle = surface.show(prompt_bundle(signin.state))
    shown = prompt_text(signin.state)

    def copy(state: State) -> None:
        nonlocal shown
        text = prompt_text(state)
        if text != shown:  # the copy has no countdown: it changes twice, not every second
            shown = text
            handle.update(prompt_bundle(state))

    signin.watch(copy)
    if wait:
        signin.wait()
    else:
        _wait_for_code(signin, ANSWER_SECONDS)


def _wait_for_code(signin: SignIn, seconds: float, *, let_pass: bool = False) -> None:
    """Give the service a moment to answer, so that a refusal fails this cell and the code is in its first output.

    `let_pass`: not where the sign-in is not offered any more, since the panel has the other ways.
    """
    signin.answered(seconds)
    if signin.ended() and signin.state.phase == "failed" and not (let_pass and signin.state.unavailable):
        signin.result()


def _show_panel(session: Session, surface: JupyterSurface, signin: SignIn) -> None:
    try:
        from openclaw_ipython.shell.login.panel import SignInPanel
    except ImportError:  # no widgets here: the plain copy is complete
        return
    form = other_logins.key_form(session, done=signin.give_way)
    panel = SignInPanel(signin.state.label, signin.cancel, form.widget)
    panel.update(signin.state)
    other_logins.show_widget(surface, panel.widget, _("[sign-in panel of {label}]", label=signin.state.label))
    signin.watch(panel.update)


def _follow_in_terminal(signin: SignIn) -> View | None:
    told: list[str] = []

    def tell(state: State) -> None:
        text = prompt_text(state)
        if state.phase == "waiting" and state.prompt and text not in told:
            told.append(text)
            sys.stdout.write(
                f"{text}\n\n{qr_text(state.prompt)}\n{_('Waiting for your approval … (Ctrl-C cancels)')}\n"
            )
            sys.stdout.flush()
        elif state.trouble and state.trouble not in told:
            told.append(state.trouble)
            sys.stdout.write(f"{state.trouble}\n")

    signin.watch(tell)
    signin.wait()
    outcome = signin.state.outcome
    more = [_("written to {path}", path=short(path)) for path in outcome.written] if outcome else []
    return MessageView(ending(signin.state), details=(*more, *(outcome.notes if outcome else ())))


def join(session: Session, notice: Any) -> None:
    """Wait for the pending sign-in, if any, so that *Run All* works. `notice(seconds_left)` shows the wait.

    Raises LoginRequired when it ends without a login.
    """
    pending = session.pending
    if pending is None:
        return
    while not pending.ended(0.2):
        notice(pending.state.label, pending.state.left)
    if pending.state.instead:
        return
    try:
        pending.result()
    except OpenClawError as error:
        raise LoginRequired(
            _("nobody signed in: {error}", error=error), hint=error.hint or "%openclaw login"
        ) from None


def _already(session: Session, profile_id: str, default: Any, set_default: bool) -> View:
    if set_default and session.client.models.default() != default:
        session.client.models.set_default(str(default))
    now = session.client.models.default()
    return MessageView(
        _("Already signed in as {login}", login=profile_id)
        + (_(" · default model {model}", model=now) if now else ""),
        details=(_("%openclaw login --force signs in anew"),),
    )


def _nobody_there(variables: tuple[str, ...]) -> AuthError:
    ways = _("set {variables}", variables=_(" or ").join(variables)) if variables else _("sign in first")
    return LoginRequired(
        _("this run has nobody to approve a sign-in"),
        hint=_(
            "{ways}, or run %openclaw login once in a notebook or terminal with the same home, or add --wait",
            ways=ways,
        ),
    )


def profile_name(name: str | None) -> str:
    """`name` if a login may be called that, `default` for None. Raises UsageError."""
    name = name or "default"
    if not all(c.isalnum() or c in "._-@+" for c in name) or len(name) > 64:
        raise UsageError(
            _("{name!r} cannot be the name of a login", name=name),
            hint=_("letters, digits and . _ - @ + are allowed"),
        )
    return name


def _opener(session: Session) -> Watcher:
    opened: list[str] = []

    def open_page(state: State) -> None:
        if state.prompt is not None and not opened:
            opened.append(state.prompt.link)
            # In a thread of its own: starting a browser may take seconds, and failing is harmless.
            session.bridge.submit(asyncio.to_thread(webbrowser.open, state.prompt.link))

    return open_page
