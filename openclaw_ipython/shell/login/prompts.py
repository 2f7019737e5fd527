"""The sign-in as plain text: for terminals, front ends without widgets, and saved files. Pure."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.shell.login.state import State, ending
from openclaw_ipython.shell.views import duration, short

if TYPE_CHECKING:
    from openclaw_ipython.auth.device_flow import Prompt


def prompt_text(state: State) -> str:
    """What to do now, or how it ended. After the end neither code nor link is left in it."""
    if state.over:
        return "\n".join([ending(state), *_after(state)])
    if state.prompt is None:
        return _("Asking {label} for a code …", label=state.label)
    return _(
        "To sign in to {label}, open\n\n    {link}\n\nand confirm the code  {code}  (within {time})",
        label=state.label,
        link=state.prompt.link,
        code=state.prompt.user_code,
        time=duration(state.prompt.expires_in),
    )


def _after(state: State) -> list[str]:
    """What is said below the ending: where the login was written, or what to type next."""
    if state.outcome is not None:
        return ["  " + _("written to {path}", path=short(path)) for path in state.outcome.written]
    return [f"→ {state.error.hint}"] if state.error and state.error.hint else []


def prompt_bundle(state: State) -> dict[str, str]:
    """The same for a notebook: one quiet line under the panel, complete without it."""
    text = prompt_text(state)
    if state.over or state.prompt is None:
        line = html.escape(text).replace("\n", "<br>")
    else:
        link = html.escape(state.prompt.link)
        line = _(
            "No panel above? Open {link} and confirm the code {code}.",
            link=f'<a href="{link}" target="_blank" rel="noopener noreferrer">{link}</a>',
            code=f"<code>{html.escape(state.prompt.user_code)}</code>",
        )
    grey = "color: var(--jp-ui-font-color2, #777); font-size: var(--jp-ui-font-size1, 13px)"
    return {"text/plain": text, "text/html": f'<div style="{grey}">{line}</div>'}


def qr_text(prompt: Prompt) -> str:
    """The link as a QR code of half-block characters, for the phone."""
    import segno

    out = io.StringIO()
    segno.make(prompt.link, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()


def qr_svg(prompt: Prompt) -> str:
    """The link as a QR code in an SVG data URI, dark on white with its quiet zone, for any theme."""
    import segno

    return str(
        segno.make(prompt.link, error="m", micro=False).svg_data_uri(
            scale=3, border=3, dark="#111", light="#fff"
        )
    )
