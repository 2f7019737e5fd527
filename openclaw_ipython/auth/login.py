"""Carries out the steps of a flow with httpx and a clock: the only I/O of signing in."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from openclaw_ipython.auth.device_flow import Answer, Flow, NoAnswer, Post, Prompt, Show, Wait
from openclaw_ipython.errors import ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.net.client import from_httpx, read_capped
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.auth.types import TokenGrant


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
    flow: Flow, http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]], name: str
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


async def post(step: Post, http: httpx.AsyncClient, name: str) -> Answer | NoAnswer:
    """Send one form. Secrets are revealed here and nowhere else on the way out."""
    form = {key: value.reveal() if isinstance(value, Secret) else value for key, value in step.form.items()}
    headers = {"Accept": "application/json", "x-request-id": str(uuid.uuid4())}
    request = http.build_request("POST", step.url, data=form, headers=headers, timeout=httpx.Timeout(15.0))
    del form
    try:
        # auth=None: neither .netrc nor a client-wide login may touch the token endpoint
        response = await http.send(request, auth=None, stream=True, follow_redirects=False)
        try:
            return Answer(response.status_code, await read_capped(response), _retry_after(response))
        finally:
            await response.aclose()
    except httpx.HTTPError as error:
        return NoAnswer(from_httpx(error, name))
    except httpx.InvalidURL:
        return NoAnswer(ServiceUnavailable(_("the address of {name} is not a valid URL", name=name)))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() and len(value) < 6 else None
