"""One sign-in in progress: runs on the bridge, tells its watchers, can be waited for and cancelled.

Nothing here draws: a watcher (the widget panel, the plain-text copy, a blocked terminal) is told the new
state whenever there is one. Watchers are called on the bridge's thread, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from openclaw_ipython.auth.login import Prompted, Waiting
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
from openclaw_ipython.runtime.event_loop import TICK, Bridge, wait

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import LoginOutcome
    from openclaw_ipython.auth.device_flow import Prompt
    from openclaw_ipython.client import Client

log = logging.getLogger(__name__)

Phase = Literal["asking", "waiting", "signed in", "denied", "expired", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class State:
    """Where the sign-in is. `left` is seconds until the code expires, `trouble` what went wrong with a poll.

    `instead` is the sentence of another sign-in that took its place.
    """

    label: str
    phase: Phase = "asking"
    prompt: Prompt | None = None
    left: float = 0.0
    trouble: str = ""
    outcome: LoginOutcome | None = None
    error: OpenClawError | None = None
    instead: str = ""

    @property
    def unavailable(self) -> bool:
        """Whether the service does not offer it: another way is needed."""
        return isinstance(self.error, LoginUnavailable)

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.phase not in ("asking", "waiting")


Watcher = Callable[[State], None]


class SignIn:
    """Starts at once. `monotonic` is monotonic seconds."""

    def __init__(
        self,
        client: Client,
        bridge: Bridge,
        provider: str,
        *,
        set_default: bool,
        profile: str,
        monotonic: Callable[[], float],
    ) -> None:
        self.provider = provider
        self._client = client
        self._bridge = bridge
        self._set_default = set_default
        self._profile = profile
        self._monotonic = monotonic
        self._deadline = 0.0
        self._watchers: list[Watcher] = []
        self._ended = threading.Event()
        self._answered = threading.Event()
        self._work: Future[None] | None = None
        self.state = State(client.provider(provider).label)

    def start(self) -> None:
        """Ask the service for a code; everything else follows by itself."""
        self._work = self._bridge.submit(self._run())
        self._work.add_done_callback(self._end)  # also when cancelled before it ran

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` the state now and whenever it changes, on the bridge's thread."""

        async def join() -> None:
            self._watchers.append(watcher)
            watcher(self.state)

        self._bridge.submit(join())

    def cancel(self) -> None:
        """Stop. Only signals: safe to call from a widget's click handler on any thread."""
        if self._work is not None:
            self._work.cancel()

    def give_way(self, said: str) -> None:
        """End, because the person signed in another way; `said` is what that one came to."""

        async def end() -> None:
            self._tell(phase="cancelled", prompt=None, error=None, instead=said)
            self.cancel()

        self._bridge.submit(end())

    def answered(self, seconds: float) -> bool:
        """Whether the service has answered (with a code, or with a refusal), after waiting for up to `seconds`."""
        return wait(self._answered, seconds)

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, after waiting for up to `seconds`; an interrupt is let through."""
        return wait(self._ended, seconds)

    def wait(self) -> LoginOutcome:
        """Block until it has ended. An interrupt cancels it. Raises what it ended with."""
        try:
            while not self.ended(TICK):
                pass
        except KeyboardInterrupt:
            self.cancel()
            raise
        return self.result()

    def result(self) -> LoginOutcome:
        """What it ended with: the outcome, or its error raised."""
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
                        case Prompted(prompt):
                            self._deadline = self._monotonic() + prompt.expires_in
                            self._tell(phase="waiting", prompt=prompt, left=prompt.expires_in)
                            self._answered.set()
                        case Waiting(_, why):
                            self._tell(trouble=why, left=self._left())
                        case LoggedIn(outcome):
                            self._tell(phase="signed in", outcome=outcome, prompt=None)
        except asyncio.CancelledError:
            if not self.state.over:  # else it came too late: the login is written, or another took its place
                error = LoginCancelled(_("the sign-in was cancelled"), hint="%openclaw login")
                self._tell(phase="cancelled", error=error, prompt=None)
            raise
        except OpenClawError as error:
            self._tell(phase=_phase_of(error), error=error, prompt=None)
        except Exception as error:
            # A fault of ours must still end the panel; the traceback is for the log only.
            log.exception("sign-in failed")
            self._tell(
                phase="failed",
                error=ServiceError(_("the sign-in broke: {kind}", kind=type(error).__name__)),
                prompt=None,
            )
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self.state.phase == "waiting":
                self._tell(left=self._left())

    def _left(self) -> float:
        return max(0.0, self._deadline - self._monotonic())

    def _tell(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]
        for watcher in self._watchers:
            try:
                watcher(self.state)
            except Exception:  # a front end that is gone must not end the sign-in
                log.debug("a watcher of the sign-in failed", exc_info=True)


def _phase_of(error: OpenClawError) -> Phase:
    match error:
        case LoginDenied():
            return "denied"
        case LoginExpired():
            return "expired"
        case _:
            return "failed"


def ending(state: State) -> str:
    """The sentence a sign-in ends with."""
    match state.phase:
        case "signed in" if state.outcome is not None:
            model = (
                _(" · default model {model}", model=state.outcome.default) if state.outcome.default else ""
            )
            done = _("Signed in to {label} as {login}", label=state.label, login=state.outcome.profile_id)
            return done + model
        case "cancelled" if state.instead:
            return state.instead
        case "denied":
            return _("Denied: the sign-in was refused on the approval page")
        case "expired":
            return _("Expired: the code was not confirmed in time")
        case "cancelled":
            return _("Cancelled: nothing was written")
        case "failed" if state.unavailable:
            said = str(state.error)
            return _("{sentence}.", sentence=f"{said[:1].upper()}{said[1:]}")
        case _:
            return _("Failed: {error}", error=state.error) if state.error else _("Failed")
