"""Carries out the steps of a flow with HTTP and a clock: the only I/O of signing in."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openclaw_ipython.auth.device_flow import Answer, Flow, NoAnswer, Post, Prompt, Show, Wait
from openclaw_ipython.errors import ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.net.client import HttpClient, HTTPError, InvalidURL, Response, from_httpx, read_capped
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.auth.types import TokenGrant


POST_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Prompted:
    """Show this to the person now."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next poll is in `seconds`; `why` says what went wrong with the last one, empty if nothing."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The service said yes."""

    grant: TokenGrant


FlowEvent = Prompted | Waiting | Granted


async def carry_out(
    flow: Flow, http: HttpClient, sleep: Callable[[float], Awaitable[None]], name: str
) -> AsyncGenerator[FlowEvent, None]:
    """Perform `flow` and tell what happens. `name` is what the service is called in error texts.

    Raises what the flow raises; closing the iterator (or cancelling its task) ends the flow.
    """
    sent: Answer | NoAnswer | None = None
    try:
        while True:
            step = flow.send(sent)
            sent = None
            match step:
                case Post():
                    sent = await post(step, http, name)
                case Show(prompt):
                    yield Prompted(prompt)
                case Wait(seconds, why):
                    yield Waiting(seconds, why)
                    await sleep(seconds)
    except StopIteration as done:
        yield Granted(done.value)
    finally:
        flow.close()


async def post(step: Post, http: HttpClient, name: str) -> Answer | NoAnswer:
    """Send one form. Secrets are revealed here and nowhere else on the way out."""
    form = {key: value.reveal() if isinstance(value, Secret) else value for key, value in step.form.items()}
    headers = {"Accept": "application/json", "x-request-id": str(uuid.uuid4())}
    try:
        async with aclosing(
            await http.send("POST", step.url, data=form, headers=headers, idle=POST_SECONDS)
        ) as response:
            return Answer(response.status_code, await read_capped(response), _retry_after(response))
    except HTTPError as error:
        return NoAnswer(from_httpx(error, name))
    except InvalidURL:
        return NoAnswer(ServiceUnavailable(_("the address of {name} is not a valid URL", name=name)))


def _retry_after(response: Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else None
