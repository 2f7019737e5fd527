"""The fields for an API key: product, region, the key itself, hidden. Imported only when they are shown in a notebook.

The key is in the widget for as long as a front end needs to hand it over: it comes in one message when the field is
left, is taken out of the widget at once, and is neither echoed nor part of any state that could be saved.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w
from msgspec import Struct
from traitlets import Unicode

from openclaw_ipython.i18n import N_, _
from openclaw_ipython.net.urls import https_host, is_loopback
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.providers import Provider

TEXT = "color: var(--jp-ui-font-color1, #222); font-family: var(--jp-ui-font-family, sans-serif)"
QUIET = "color: var(--jp-ui-font-color2, #666)"
_ELSEWHERE = ""  # the value of "Another address …"
_WIDE = "430px"
_ASKED = N_("paste it here")
_TAKEN = N_("entered; it is not shown again")


def heading(text: str) -> str:
    """A line of title."""
    return f'<div style="{TEXT}; font-size: 15px; font-weight: 600">{html.escape(text)}</div>'


def quiet(text: str) -> str:
    """A line in the quieter colour."""
    return f'<div style="{QUIET}; font-size: 13px; line-height: 1.5; overflow-wrap: anywhere">{html.escape(text)}</div>'


class KeyEntry(Struct, frozen=True):
    """The fields when Save is pressed."""

    provider: Provider
    base_url: str
    key: Secret


class SaveResult(Struct, frozen=True):
    """The result of saving: a sentence and quieter lines. `succeeded` closes the form."""

    message: str
    details: tuple[str, ...] = ()
    succeeded: bool = False


Save = Callable[[KeyEntry, Callable[[SaveResult], None]], None]
"""Starts saving and returns at once; the result is handed to its second argument, on any thread."""


class _KeyField(w.Password):
    """A password field whose value is not sent back to every front end, as other widgets' values are."""

    value = Unicode("", help="the key, until it is taken").tag(sync=True, echo_update=False)


class KeyForm:
    """Shown with `widget`. `current` is the address in use for a product; `save` is what the button does."""

    def __init__(
        self, products: Sequence[Provider], chosen: str, current: Callable[[Provider], str], save: Save
    ) -> None:
        self._products = {provider.id: provider for provider in products}
        self._current = current
        self._save = save
        self._key = Secret("")
        self._busy = False
        self._product = w.Dropdown(
            options=[(provider.label, provider.id) for provider in products],
            value=chosen if chosen in self._products else next(iter(self._products)),
            description=_("Product"),
            layout=w.Layout(width=_WIDE),
        )
        self._region = w.Dropdown(description=_("Region"), layout=w.Layout(width=_WIDE))
        self._address = w.Text(
            description=_("Address"),
            placeholder="https://…/v1",
            continuous_update=False,
            layout=w.Layout(width=_WIDE),
        )
        self._field = _KeyField(
            description=_("API key"),
            placeholder=_(_ASKED),
            continuous_update=False,  # else every keystroke is a state of the widget
            layout=w.Layout(width=_WIDE),
        )
        self._about = w.HTML("")
        self._button = w.Button(
            description=_("Save"),
            button_style="primary",
            tooltip=_("Check the key with the service, then store it"),
        )
        self._status = w.HTML("")
        self._status.add_class("openclaw-key-status")
        row = w.HBox([self._button], layout=w.Layout(margin="2px 0 0 88px"))
        about = w.HBox([self._about], layout=w.Layout(margin="0 0 0 88px", width="342px"))
        status = w.HBox([self._status], layout=w.Layout(margin="2px 0 0 88px", width="342px"))
        fields = [self._product, self._region, self._address, self._field, about, row, status]
        self.widget: Any = w.VBox(fields)
        self._product.observe(self._show_product, "value")
        self._region.observe(self._show_region, "value")
        self._field.observe(self._take, "value")
        self._button.on_click(self._pressed)
        self._show_product()

    # -- choosing --

    def _show_product(self, _change: Any = None) -> None:
        provider = self._products[self._product.value]
        options = [(_(region.label), region.base_url) for region in provider.regions]
        current = self._current(provider)
        known = current in [url for _label, url in options]
        self._region.options = [*options, (_("Another address …"), _ELSEWHERE)]
        self._region.value = current if known else _ELSEWHERE
        self._address.value = "" if known else current
        page = provider.key_login.page if provider.key_login else ""
        link = html.escape(page)
        made = (
            f'<a href="{link}" target="_blank" rel="noopener noreferrer" style="font-size: 13px; '
            f'color: var(--jp-content-link-color, #06c)">{_("Where keys are made")}</a>'
        )
        self._about.value = (quiet(_(provider.terms)) if provider.terms else "") + (made if page else "")
        self._show_region()

    def _show_region(self, _change: Any = None) -> None:
        self._address.layout.display = "none" if self._region.value else ""

    # -- the key --

    def _take(self, change: Any) -> None:
        """Take the key out of the widget the moment it is there."""
        if not change["new"]:
            return
        self._key = Secret(change["new"].strip())
        self._field.value = ""
        self._field.placeholder = _(_TAKEN)
        self._status.value = ""

    def _pressed(self, _change: Any) -> None:
        if self._busy:
            return
        provider = self._products[self._product.value]
        base_url = (self._region.value or self._address.value.strip()).rstrip("/")
        if not self._key:
            self._status.value = quiet(_("Enter a key first"))
        elif https_host(base_url) is None and not is_loopback(base_url):
            self._status.value = quiet(_("The address must begin with https://"))
        else:
            self._set_busy(busy=True)
            self._status.value = quiet(_("Asking {label} whether it takes the key …", label=provider.label))
            self._save(KeyEntry(provider, base_url, self._key), self._show)

    def _set_busy(self, *, busy: bool) -> None:
        self._busy = busy
        for widget in (self._button, self._product, self._region, self._address, self._field):
            widget.disabled = busy

    def _show(self, result: SaveResult) -> None:
        if result.succeeded:
            self._key = Secret("")
            self._status.value = heading(f"✓ {result.message}") + "".join(map(quiet, result.details))
            self.widget.children = (self._status,)
            return
        self._set_busy(busy=False)  # the key is kept: it may belong to another region
        wrong = (
            f'<div style="{TEXT}; font-size: 13px; line-height: 1.5">⚠ {html.escape(result.message)}</div>'
        )
        self._status.value = wrong + "".join(map(quiet, result.details))


class KeyPanel:
    """A form in a frame of its own, for a sign-in by key. Shown once with `widget`."""

    def __init__(self, form: KeyForm) -> None:
        title = w.HTML(heading(_("Sign in with an API key")))
        self.widget: Any = w.VBox(
            [title, form.widget],
            layout=w.Layout(
                border="1px solid var(--jp-border-color1, #ccc)",
                padding="12px 18px",
                width="fit-content",
            ),
        )
