"""A sign-in as plain text, for terminals, front ends without widgets and saved files."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import QUIET
from openclaw_ipython.shell.views import duration, written_to

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.auth.device_flow import DevicePrompt
    from openclaw_ipython.shell.login.state import SignInState

QUIET_LINE = f"{QUIET}; font-size: var(--jp-ui-font-size1, 13px)"
"""The style of a line below a panel."""


def prompt_text(state: SignInState) -> str:
    """What to do now, or the end, in which neither code nor link is left."""
    if state.over:
        lines = [ending(state)]
        if state.outcome is not None:
            lines += [*(f"  {line}" for line in notes_of(state.outcome)), f"→ {state.outcome.next_command}"]
        elif state.error and state.error.hint:
            lines.append(f"→ {state.error.hint}")
        return "\n".join(lines)
    if state.prompt is None:
        return _("Asking {label} for a code …", label=state.label)
    before = "".join(f"{line}\n" for line in retirement_lines(state)) + ("\n" if state.retirement else "")
    return before + _(
        "To sign in to {label}, open\n\n    {link}\n\nand confirm the code  {code}  (within {time})",
        label=state.label,
        link=state.prompt.link,
        code=state.prompt.user_code,
        time=duration(state.prompt.expires_in),
    )


def retirement_lines(state: SignInState) -> tuple[str, ...]:
    """What to know before a sign-in that its service is known to have ended; empty for others."""
    if not state.retirement:
        return ()
    return (
        _("{sentence}; a new one is most likely refused.", sentence=capitalized(state.retirement)),
        _("Other ways: {commands}", commands=state.other_ways),
    )


def capitalized(sentence: str) -> str:
    """A sentence with a capital at its start."""
    return f"{sentence[:1].upper()}{sentence[1:]}"


def notes_of(outcome: LoginOutcome) -> tuple[str, ...]:
    """The sentences for the user. A file is named only where it is another one than OpenClaw's."""
    own = [path for path in outcome.written if path.parent.name == "ipython"]
    return (*outcome.notes, *written_to(*own))


def ending(state: SignInState) -> str:
    """The sentence at the end of a sign-in."""
    match state.phase:
        case "signed in" if state.outcome is not None:
            done = _("Signed in to {label} as {login}", label=state.label, login=state.outcome.profile_id)
            return done + default_suffix(state.outcome.default)
        case "cancelled" if state.replaced_by:
            return state.replaced_by
        case "denied":
            return _("Denied: the sign-in was refused on the approval page")
        case "expired":
            return _("Expired: the code was not confirmed in time")
        case "cancelled":
            return _("Cancelled: nothing was written")
        case "failed" if state.unavailable:
            return _("{sentence}.", sentence=capitalized(str(state.error)))
        case _:
            return _("Failed: {error}", error=state.error) if state.error else _("Failed")


def default_suffix(default: object) -> str:
    """The end of a sentence that names the default model; empty without one."""
    return _(" · default model {model}", model=default) if default else ""


def prompt_bundle(state: SignInState) -> dict[str, str]:
    """The text for a notebook: one quiet line below the panel, and complete without it."""
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
        line = "<br>".join([*map(html.escape, retirement_lines(state)), line])
    return {"text/plain": text, "text/html": f'<div style="{QUIET_LINE}">{line}</div>'}


def qr_text(prompt: DevicePrompt) -> str:
    """The link as a QR code of half-block characters."""
    import segno

    out = io.StringIO()
    segno.make(prompt.link, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()


def qr_svg(prompt: DevicePrompt) -> str:
    """The link as a QR code in an SVG data URI, dark on white with its quiet zone in every theme."""
    import segno

    return str(
        segno.make(prompt.link, error="m", micro=False).svg_data_uri(
            scale=3, border=3, dark="#111", light="#fff"
        )
    )
