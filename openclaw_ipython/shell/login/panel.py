"""The widgets of a sign-in: the panel with the code, and the form for an API key. Needs ipywidgets.

Click handlers only signal. Every change of the sign-in panel is made in a call by the pending sign-in, so there is one
writer. At its end code, link and QR code are removed from the widgets' state, so that a file saved later has none.

A key arrives in one message when its field loses the focus, or at Enter. It is taken out of the widget at once, is not
echoed, and is in no state that could be saved.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w
from traitlets import Unicode

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.net.urls import base_url_problem
from openclaw_ipython.sanitize.html import QUIET
from openclaw_ipython.sanitize.secrets import Secret
from openclaw_ipython.shell.login.state import ending, notes_of, qr_svg, retirement_lines
from openclaw_ipython.shell.views import duration

if TYPE_CHECKING:
    from openclaw_ipython.auth.device_flow import DevicePrompt
    from openclaw_ipython.providers import Provider
    from openclaw_ipython.shell.login.state import SignInState

_TEXT = "color: var(--jp-ui-font-color1, inherit); font-family: var(--jp-ui-font-family, sans-serif)"
_QUIET = f"{_TEXT}; {QUIET}"
_OTHER_ADDRESS = ""  # the value of "Another address …"
_KEY_ENTERED = N_("key entered ••••")
_SUBMIT_SECONDS = 0.2  # Enter is reported before the value of the field, where that has changed

# One click selects the whole code; the button copies it, by the clipboard where the page may use it
# (https or localhost), else by the selection.
_COPY = (
    "const c=this.previousElementSibling,b=this,"
    "d=()=>{b.textContent='COPIED';setTimeout(()=>b.textContent='COPY',1500)};"
    "const s=()=>{const r=document.createRange();r.selectNodeContents(c);const g=getSelection();"
    "g.removeAllRanges();g.addRange(r);document.execCommand('copy');d()};"
    "navigator.clipboard?navigator.clipboard.writeText(c.textContent).then(d,s):s()"
)
_MARKS = {"signed in": "✓", "denied": "✗", "expired": "⏱", "cancelled": "✗", "failed": "⚠"}


def _heading(text: str) -> str:
    return f'<div style="{_TEXT}; font-size: 15px; font-weight: 600">{html.escape(text)}</div>'


def _quiet(text: str) -> str:
    style = f"{_QUIET}; font-size: 13px; line-height: 1.5; overflow-wrap: anywhere"
    return f'<div style="{style}">{html.escape(text)}</div>'


def _status(text: str) -> str:
    """A quiet line that a screen reader reads out when it changes."""
    return f'<div role="status" aria-live="polite">{_quiet(text)}</div>'


def _alert(markup: str) -> str:
    """The end of something, which a screen reader reads out at once."""
    return f'<div role="alert">{markup}</div>'


def _progress(share: float, label: str) -> str:
    """A bar with the part that is left, from 0 to 1; `label` says it in words."""
    name, style = html.escape(_("time left")), "width: 100%; accent-color: var(--jp-brand-color1, #2196f3)"
    bar = f'<progress value="{share:.2f}" aria-label="{name}" aria-valuetext="{html.escape(label)}"'
    return f'{bar} style="{style}"></progress>{_quiet(label)}'


Show = Callable[..., None]
"""`show(message, details=(), succeeded=False)`: the result of saving, on any thread; a success closes the form."""

Save = Callable[["Provider", str, Secret, Show], None]
"""Starts saving the key for a product at an address, and returns at once."""


class _KeyField(w.Password):
    """A password field whose value is not echoed to other front ends."""

    value = Unicode("", help="the key, until it is taken out").tag(sync=True, echo_update=False)


class KeyForm:
    """The fields for a key, in `widget`. `current` gives the address of a product, Enter and Save call `save`."""

    def __init__(
        self, products: Sequence[Provider], chosen: str, current: Callable[[Provider], str], save: Save
    ) -> None:
        self._products = {provider.id: provider for provider in products}
        self._current = current
        self._save = save
        self._key = Secret("")
        self._busy = False
        self._submitted = False
        self._product = w.Dropdown(
            options=[(provider.label, provider.id) for provider in products],
            value=chosen if chosen in self._products else next(iter(self._products)),
            description=_("Product"),
        )
        self._region = w.Dropdown(description=_("Region"))
        # A continuous update would make every keystroke a state of the widget.
        typed = {"placeholder": "https://…/v1", "continuous_update": False}
        self._address = w.Text(description=_("Address"), **typed)
        self._field = _KeyField(description=_("API key"), **typed | {"placeholder": _("paste it here")})
        self._about = w.HTML("")
        self._button = w.Button(
            description=_("Save"),
            button_style="primary",
            tooltip=_("Check the key with the service, then store it"),
        )
        self._status = w.HTML("")
        self._status.add_class("openclaw-key-status")
        self._fields = [self._product, self._region, self._address, self._field]
        for field in self._fields:
            field.layout.width = "430px"
        below = [self._about, self._button, self._status]
        beside = w.VBox(below, layout=w.Layout(margin="2px 0 0 88px", width="342px"))
        self.widget: Any = w.VBox([*self._fields, beside])
        self._product.observe(self._show_product, "value")
        self._region.observe(self._show_region, "value")
        self._field.observe(self._take, "value")
        self._field.on_msg(self._enter_pressed)
        self._button.on_click(self._pressed)
        self._show_product()

    # -- choosing --

    def _show_product(self, _change: Any = None) -> None:
        provider = self._products[self._product.value]
        options = [(_(region.label), region.base_url) for region in provider.regions]
        current = self._current(provider)
        known = current in [url for _label, url in options]
        self._region.options = [*options, (_("Another address …"), _OTHER_ADDRESS)]
        self._region.value = current if known else _OTHER_ADDRESS
        self._address.value = "" if known else current
        page = provider.key_login.page if provider.key_login else ""
        link = html.escape(page)
        made = (
            f'<a href="{link}" target="_blank" rel="noopener noreferrer" style="font-size: 13px; '
            f'color: var(--jp-content-link-color, #06c)">{_("Get an API key")}</a>'
        )
        self._about.value = (_quiet(_(provider.terms)) if provider.terms else "") + (made if page else "")
        self._show_region()

    def _show_region(self, _change: Any = None) -> None:
        self._address.layout.display = "none" if self._region.value else ""

    # -- the key --

    def _take(self, change: Any) -> None:
        """Take the key out of the widget as soon as it arrives."""
        if not change["new"]:
            return
        self._key = Secret(change["new"].strip())
        self._field.value = ""
        self._field.placeholder = _(_KEY_ENTERED)
        self._status.value = _status(_(_KEY_ENTERED))
        if self._submitted:
            self._submit()

    def _enter_pressed(self, _widget: Any, content: Any, _buffers: Any = None) -> None:
        """Save at Enter, when the value of the field has arrived."""
        if not isinstance(content, dict) or content.get("event") != "submit":
            return
        self._submitted = True
        try:
            asyncio.get_running_loop().call_later(_SUBMIT_SECONDS, self._submit)
        except RuntimeError:  # no loop: the value comes with the next message
            if self._key:
                self._submit()

    def _submit(self) -> None:
        if self._submitted:
            self._submitted = False
            self._pressed(None)

    def _pressed(self, _change: Any) -> None:
        if self._busy:
            return
        provider = self._products[self._product.value]
        base_url = (self._region.value or self._address.value.strip()).rstrip("/")
        if not self._key:
            self._status.value = _status(_("Enter a key first"))
        elif base_url_problem(base_url):
            self._status.value = _status(_("The address must begin with https://"))
        else:
            self._set_busy(busy=True)
            self._status.value = _status(_("Asking {label} whether it takes the key …", label=provider.label))
            self._save(provider, base_url, self._key, self._show)

    def _set_busy(self, *, busy: bool) -> None:
        self._busy = busy
        for widget in (self._button, *self._fields):
            widget.disabled = busy

    def _show(self, message: str, details: Sequence[str] = (), *, succeeded: bool = False) -> None:
        quieter = "".join(map(_quiet, details))
        if succeeded:
            self._key = Secret("")
            self._status.value = _alert(_heading(f"✓ {message}") + quieter)
            self.widget.children = (self._status,)
            return
        self._set_busy(busy=False)  # the key stays: it may belong to another region
        wrong = f'<div style="{_TEXT}; font-size: 13px; line-height: 1.5">⚠ {html.escape(message)}</div>'
        self._status.value = _alert(wrong + quieter)


def _framed(*children: Any) -> Any:
    """The frame of a panel."""
    border = "1px solid var(--jp-border-color1, #ccc)"
    layout = w.Layout(border=border, padding="12px 18px", width="fit-content", max_width="100%")
    return w.VBox(children, layout=layout)


def key_panel(form: KeyForm) -> Any:
    """A form in a frame, for a sign-in by key."""
    return _framed(w.HTML(_heading(_("Sign in with an API key"))), form.widget)


class SignInPanel:
    """The panel of a sign-in by device code, in `widget`; `update` shows a state.

    `cancel` is called by its button. `other` has the other ways to sign in. They are shown by a button, and at once
    where the service no longer offers this one, or is known to have ended it.
    """

    def __init__(self, label: str, cancel: Callable[[], None], other: Any) -> None:
        self._title = w.HTML(_heading(_("Sign in to {label}", label=label)))
        self._before, self._code, self._link, self._qr, self._time = (w.HTML("") for _ in range(5))
        self._status = w.HTML(_status(_("Asking {label} for a code …", label=label)))
        self._cancel = w.Button(description=_("Cancel"), tooltip=_("Stop this sign-in; nothing is written"))
        self._cancel.on_click(lambda _: cancel())
        self._sign = w.Play(min=0, max=1, interval=100, layout=w.Layout(display="none"))
        self._when_shown: Callable[[], None] = lambda: None
        self.is_shown = False
        self._sign.observe(self._seen, "value")
        fields = [self._title, self._before, self._code, self._link, self._time, self._status, self._cancel]
        self._texts = w.VBox(fields, layout=w.Layout(width="380px", overflow="hidden"))
        self._other: Any = w.VBox()
        self._toggle = w.Button(layout=w.Layout(width="auto", margin="10px 0 4px 2px"))
        self._toggle.on_click(lambda _: self._show_other(shown=self._other.layout.display == "none"))
        commands = (
            (_("On this machine, no key"), "%openclaw login --provider ollama"),
            (_("Your own OpenClaw agent"), "%openclaw gateway"),
            (_("Qwen Code, or keys in the environment"), "%openclaw login --method import"),
        )
        lines = "".join(f"{html.escape(what)}: <code>{command}</code><br>" for what, command in commands)
        more = w.HTML(f'<div style="{_QUIET}; font-size: 13px; line-height: 1.6">{lines}</div>')
        self._other.children = (other, more)
        self._show_other(shown=False)
        self._top = w.HBox([self._texts, self._qr], layout=w.Layout(align_items="center", grid_gap="24px"))
        self.widget: Any = _framed(self._top, self._toggle, self._other, self._sign)
        self._prompt: DevicePrompt | None = None

    def when_shown(self, call: Callable[[], None]) -> None:
        """Call `call` as soon as a front end shows the panel."""
        self._when_shown = call
        if self.is_shown:
            call()

    def _seen(self, _change: Any) -> None:
        """A front end has moved the invisible counter, so it shows the panel."""
        if not self.is_shown:
            self.is_shown = True
            self._when_shown()

    def _show_other(self, *, shown: bool) -> None:
        self._other.layout.display = "" if shown else "none"
        self._toggle.description = ("▾ " if shown else "▸ ") + _("Other ways to sign in")
        self._toggle.tooltip = _("Hide the other ways") if shown else _("Show the other ways")

    def update(self, state: SignInState) -> None:
        """Show `state`."""
        if state.over:
            self._end(state)
            return
        if not self.is_shown:  # its view may have come after the last time
            self._sign.playing = False
            self._sign.playing = True
        if state.prompt is not None:
            if state.prompt != self._prompt:
                self._ask(state.prompt)
                if state.retirement:
                    self._before.value = _quiet(retirement_lines(state)[0])
                    self._show_other(shown=True)
            left = _("{time} left", time=duration(state.left))
            self._time.value = _progress(state.left / state.prompt.expires_in, left)
            self._status.value = _status(state.trouble or _("Waiting for your approval …"))

    def _ask(self, prompt: DevicePrompt) -> None:
        self._prompt = prompt
        code, link = html.escape(prompt.user_code), html.escape(prompt.link)
        copy = _COPY.replace("COPIED", _("Copied")).replace("COPY", _("Copy"))
        big = (
            "font: 600 28px/1.4 var(--jp-code-font-family, monospace); letter-spacing: 3px; user-select: all; "
            "color: var(--jp-ui-font-color0, inherit)"
        )
        self._code.value = (
            f'<div style="display: flex; align-items: center; gap: 14px">'
            f'<span style="{big}" title="{_("click to select")}">{code}</span>'
            f'<button class="jupyter-button" style="width: 84px" onclick="{html.escape(copy)}">'
            f"{_('Copy')}</button></div>"
        )
        self._link.value = (
            f'<a class="jupyter-button mod-primary" style="width: auto; padding: 0 16px; text-decoration: none; '
            f'display: inline-block" href="{link}" target="_blank" rel="noopener noreferrer">'
            f"{_('Open the sign-in page')}</a>"
        )
        self._qr.value = (
            f'<div style="text-align: center"><img alt="{_("the link as a QR code")}" '
            f'src="{html.escape(qr_svg(prompt))}">'
            f"{_quiet(_('or scan it with a phone'))}</div>"
        )

    def _end(self, state: SignInState) -> None:
        self._prompt = None
        for widget in (self._before, self._code, self._link, self._qr, self._time):
            widget.value = ""
        without_hint = state.phase == "cancelled" or state.unavailable  # the other ways are right below
        hint = state.error.hint if state.error and not without_hint else ""
        lines = notes_of(state.outcome) if state.outcome else ()
        if next_command := state.outcome.next_command if state.outcome else hint:
            lines = (*lines, f"→ {next_command}")
        mark = "✓" if state.replaced_by else _MARKS.get(state.phase, "")
        self._title.value = _alert(_heading(f"{mark} {ending(state)}"))
        self._status.value = "".join(map(_quiet, lines))
        self._texts.layout.width = "auto"
        self._texts.children = (self._title, self._status) if lines else (self._title,)
        self._top.children = (self._texts,)
        if state.phase == "signed in" or state.replaced_by:
            self.widget.children = (self._top,)
        elif state.unavailable:
            self._show_other(shown=True)
