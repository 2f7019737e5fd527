"""The sign-in panel. Imported only when a sign-in is shown in a notebook.

The click handler signals and does nothing else; every change of a widget is made by the sign-in's
watcher call, so there is one writer. When it ends, code, link and QR code are taken out of the widgets'
state, so that none of them is in a file saved later.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.login.key_panel import heading, quiet
from openclaw_ipython.shell.login.prompts import qr_svg
from openclaw_ipython.shell.login.state import State, ending
from openclaw_ipython.shell.views import duration

if TYPE_CHECKING:
    from openclaw_ipython.auth.device_flow import Prompt

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


class SignInPanel:
    """Shown once with `widget`; told every state through `update`.

    `cancel` is what its button does. `other` has the other ways to sign in: folded away, until this one turns out not
    to be offered any more.
    """

    def __init__(self, label: str, cancel: Callable[[], None], other: Any) -> None:
        self._title = w.HTML(heading(_("Sign in to {label}", label=label)))
        self._code = w.HTML("")
        self._link = w.HTML("")
        self._qr = w.HTML("")
        self._left = w.FloatProgress(
            value=1.0, min=0.0, max=1.0, bar_style="info", layout=w.Layout(width="100%", height="10px")
        )
        self._time = w.HTML("")
        self._status = w.HTML(quiet(_("Asking {label} for a code …", label=label)))
        self._cancel = w.Button(description=_("Cancel"), tooltip=_("Stop this sign-in; nothing is written"))
        self._cancel.on_click(lambda _: cancel())
        words = w.VBox(
            [self._title, self._code, self._link, self._left, self._time, self._status, self._cancel],
            layout=w.Layout(width="380px", overflow="hidden"),
        )
        self._other = w.Accordion(
            [other], titles=(_("Other ways to sign in"),), layout=w.Layout(margin="10px 0 0")
        )
        self._top = w.HBox([words, self._qr], layout=w.Layout(align_items="center", grid_gap="24px"))
        self.widget: Any = w.VBox(
            [self._top, self._other],
            layout=w.Layout(
                border="1px solid var(--jp-border-color1, #ccc)",
                padding="12px 18px",
                width="fit-content",
                max_width="100%",
            ),
        )
        self._words = words
        self._prompt: Prompt | None = None

    def update(self, state: State) -> None:
        """Show `state`."""
        if state.over:
            self._end(state)
        elif state.prompt is not None:
            if state.prompt != self._prompt:
                self._ask(state.prompt)
            self._left.value = state.left / state.prompt.expires_in
            self._time.value = quiet(_("{time} left", time=duration(state.left)))
            self._status.value = quiet(state.trouble or _("Waiting for your approval …"))

    def _ask(self, prompt: Prompt) -> None:
        self._prompt = prompt
        code, link = html.escape(prompt.user_code), html.escape(prompt.link)
        copy = _COPY.replace("COPIED", _("Copied")).replace("COPY", _("Copy"))
        big = (
            "font: 600 28px/1.4 var(--jp-code-font-family, monospace); letter-spacing: 3px; user-select: all; "
            "color: var(--jp-ui-font-color0, #000)"
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
            f"{quiet(_('or scan it with a phone'))}</div>"
        )

    def _end(self, state: State) -> None:
        self._prompt = None
        for gone in (self._code, self._link, self._qr, self._time):
            gone.value = ""
        said = state.phase == "cancelled" or state.unavailable  # the other ways are right below
        hint = state.error.hint if state.error and not said else ""
        more = quiet(f"→ {hint}") if hint else ""
        notes = "".join(quiet(note) for note in (state.outcome.notes if state.outcome else ()))
        mark = "✓" if state.instead else _MARKS.get(state.phase, "")
        self._title.value = heading(f"{mark} {ending(state)}")
        self._status.value = more + notes
        self._words.layout.width = "auto"
        self._words.children = (self._title, self._status) if self._status.value else (self._title,)
        self._top.children = (self._words,)
        if state.phase == "signed in" or state.instead:
            self.widget.children = (self._top,)
        elif state.unavailable:
            self._other.selected_index = 0
