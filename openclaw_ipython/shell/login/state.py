"""A sign-in by device code in progress: it runs on the network's event loop, and can be waited for and cancelled.

Nothing is displayed here: observers (the panel, its plain-text copy, a blocked terminal) are called with every new
state, on the thread of the event loop, one after another.
"""

from __future__ import annotations

import asyncio
import html
import io
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.device_flow import Show, Wait
from openclaw_ipython.auth.sign_in import LoggedIn
from openclaw_ipython.errors import (
    LoginCancelled,
    LoginDenied,
    LoginExpired,
    LoginUnavailable,
    OpenClawError,
    ServiceError,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.event_loop import TICK, LoopThread, wait
from openclaw_ipython.sanitize.html import QUIET
from openclaw_ipython.shell.views import duration, written_to

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.auth.device_flow import DevicePrompt
    from openclaw_ipython.client import Client

log = logging.getLogger(__name__)

Phase = Literal["asking", "waiting", "signed in", "denied", "expired", "cancelled", "failed"]


class SignInState(Struct, frozen=True):
    """The state of a sign-in. `left` is the seconds until the code expires, `trouble` why the last poll failed.

    `replaced_by` is the final message of another sign-in that took its place. `retirement` states, before anything is
    clicked, that the service is known to have ended its sign-in; `other_ways` are the commands in place of it.
    """

    label: str
    phase: Phase = "asking"
    prompt: DevicePrompt | None = None
    left: float = 0.0
    trouble: str = ""
    outcome: LoginOutcome | None = None
    error: OpenClawError | None = None
    replaced_by: str = ""
    retirement: str = ""
    other_ways: str = ""

    @property
    def unavailable(self) -> bool:
        """Whether the service does not offer this way to sign in."""
        return isinstance(self.error, LoginUnavailable)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.phase not in ("asking", "waiting")


Observer = Callable[[SignInState], None]


class PendingSignIn:
    """A sign-in by device code. `start` begins it."""

    def __init__(
        self,
        client: Client,
        loop_thread: LoopThread,
        provider: str,
        *,
        set_default: bool,
        profile: str,
    ) -> None:
        self.provider = provider
        self._client = client
        self._loop_thread = loop_thread
        self._set_default = set_default
        self._profile = profile
        self._monotonic = client.runtime.monotonic
        self._deadline = 0.0
        self._observers: list[Observer] = []
        self._ended = threading.Event()
        self._answered = threading.Event()
        self._work: Future[None] | None = None
        advice = client.advice
        retirement = advice.retirement(provider)
        other_ways = advice.other_ways() if retirement else ""
        self.state = SignInState(
            client.provider(provider).label, retirement=retirement, other_ways=other_ways
        )

    def start(self) -> None:
        """Ask the service for a code; the rest follows on the event loop."""
        self._work = self._loop_thread.submit(self._run())
        self._work.add_done_callback(self._end)  # also when cancelled before it ran

    def observe(self, observer: Observer) -> None:
        """Call `observer` with the state now and at every change, on the thread of the event loop."""

        async def add() -> None:
            self._observers.append(observer)
            observer(self.state)

        self._loop_thread.submit(add())

    def cancel(self) -> None:
        """Signal the end. Safe in a widget's click handler, on any thread."""
        if self._work is not None:
            self._work.cancel()

    def replace_by(self, message: str) -> None:
        """End, since the person signed in another way; `message` is the final one of that way."""

        async def end() -> None:
            self._update(phase="cancelled", prompt=None, error=None, replaced_by=message)
            self.cancel()

        self._loop_thread.submit(end())

    def answered(self, seconds: float) -> bool:
        """Whether the service has answered (with a code, or with a refusal), after waiting for up to `seconds`."""
        return wait(self._answered, seconds)

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, after waiting for up to `seconds`. Can be interrupted."""
        return wait(self._ended, seconds)

    def wait(self) -> LoginOutcome:
        """Block until it has ended, and return `result`."""
        while not self.ended(TICK):
            pass
        return self.result()

    def result(self) -> LoginOutcome:
        """The outcome. Raises the error of a sign-in that failed or was cancelled."""
        if self.state.outcome is not None:
            return self.state.outcome
        raise self.state.error or LoginCancelled(_("the sign-in was cancelled"), hint="%openclaw login")

    def _end(self, _: Future[None]) -> None:
        self._answered.set()
        self._ended.set()

    async def _run(self) -> None:
        ticking = asyncio.create_task(self._tick())
        try:
            async with aclosing(
                self._client.login(self.provider, set_default=self._set_default, profile=self._profile)
            ) as events:
                async for event in events:
                    match event:
                        case Show(prompt):
                            self._deadline = self._monotonic() + prompt.expires_in
                            self._update(phase="waiting", prompt=prompt, left=prompt.expires_in)
                            self._answered.set()
                        case Wait(_, trouble):
                            self._update(trouble=trouble, left=self._left())
                        case LoggedIn(outcome):
                            self._update(phase="signed in", outcome=outcome, prompt=None)
        except asyncio.CancelledError:
            if not self.state.over:  # otherwise too late: the login is written, or another took its place
                error = LoginCancelled(_("the sign-in was cancelled"), hint="%openclaw login")
                self._update(phase="cancelled", error=error, prompt=None)
            raise
        except OpenClawError as error:
            phases: dict[type, Phase] = {LoginDenied: "denied", LoginExpired: "expired"}
            self._update(phase=phases.get(type(error), "failed"), error=error, prompt=None)
        except Exception as error:
            # After any error the panel must end; the traceback goes to the log only.
            log.exception("sign-in failed")
            broken = ServiceError(_("the sign-in broke: {kind}", kind=type(error).__name__))
            self._update(phase="failed", error=broken, prompt=None)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.state.phase == "waiting":
                self._update(left=self._left())

    def _left(self) -> float:
        return max(0.0, self._deadline - self._monotonic())

    def _update(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)
        for observer in self._observers:
            try:
                observer(self.state)
            except Exception:  # a closed front end must not end the sign-in
                log.debug("an observer of the sign-in failed", exc_info=True)


# -- as text, for terminals, front ends without widgets and saved files --------------------

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
