"""Carries out the steps of a flow with HTTP and a clock."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from openclaw_ipython.auth.device_flow import Flow, FormReply, NoReply, Post, Show, Wait
from openclaw_ipython.chat.http_errors import retry_after
from openclaw_ipython.errors import ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import HttpClient, HTTPError, InvalidURL, Response, read_capped, service_error
from openclaw_ipython.sanitize.secrets import Secret

if TYPE_CHECKING:
    from openclaw_ipython.auth.token_grant import TokenGrant


POST_SECONDS = 15.0  # the longest silence
EXCHANGE_SECONDS = 30.0  # the longest time for a request and all of its answer


class Granted(Struct, frozen=True):
    """The service issued tokens."""

    grant: TokenGrant


FlowEvent = Show | Wait | Granted


async def run_flow(
    flow: Flow, http: HttpClient, sleep: Callable[[float], Awaitable[None]], name: str
) -> AsyncGenerator[FlowEvent, None]:
    """Carry out the steps of `flow` and yield its events. `name` is the service's name in error messages.

    Raises what the flow raises. Closing the iterator, or cancelling its task, ends the flow.
    """
    result: FormReply | NoReply | None = None
    try:
        while True:
            step = flow.send(result)
            result = None
            match step:
                case Post():
                    result = await post(step, http, name)
                case Show():
                    yield step
                case Wait(seconds):
                    yield step
                    await sleep(seconds)
    except StopIteration as done:
        yield Granted(done.value)
    finally:
        flow.close()


async def post(step: Post, http: HttpClient, name: str) -> FormReply | NoReply:
    """Send one form. The secrets of a flow are revealed only here."""
    form = {key: value.reveal() if isinstance(value, Secret) else value for key, value in step.form.items()}
    headers = {"Accept": "application/json", "x-request-id": str(uuid.uuid4())}
    try:
        async with (
            asyncio.timeout(EXCHANGE_SECONDS),
            aclosing(
                await http.send("POST", step.url, data=form, headers=headers, idle=POST_SECONDS)
            ) as response,
        ):
            return FormReply(response.status_code, await read_capped(response), _retry_after(response))
    except TimeoutError:
        what = _("{name} did not end its answer within {seconds:.0f} s", name=name, seconds=EXCHANGE_SECONDS)
        return NoReply(ServiceUnavailable(what, hint=_("try again in a moment")))
    except HTTPError as error:
        hint = _(
            "is this machine online? %openclaw login --provider modelstudio signs in with an API key instead"
        )
        return NoReply(service_error(error, name, hint))
    except InvalidURL:
        return NoReply(ServiceUnavailable(_("the address of {name} is not a valid URL", name=name)))


def _retry_after(response: Response) -> float | None:
    """The wait that a response asks for, in seconds; a date counts from the date of the response."""
    try:
        sent = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        sent = 0.0  # any date is too far away then
    return retry_after(response.headers, sent)
