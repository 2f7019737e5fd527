"""Errors of httpx as errors of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from httpx import DecodingError, HTTPError, InvalidURL, RemoteProtocolError

from openclaw_ipython.errors import OpenClawError, ProtocolError, ServiceUnavailable
from openclaw_ipython.i18n import _
from openclaw_ipython.net.tls import is_tls_error, tls_problem
from openclaw_ipython.sanitize.secrets import redact

CONNECT_SECONDS = 10.0


@contextmanager
def translated(what: str, unreachable_hint: str = "") -> Iterator[None]:
    """Inside, errors of httpx become ours. `what` names the other side, e.g. `qwen-portal at host`.

    `unreachable_hint` is the hint of the error when nothing answers there.
    """
    try:
        yield
    except HTTPError as error:
        raise service_error(error, what, unreachable_hint) from None
    except InvalidURL:
        raise ProtocolError(_("the address of {what} is not a valid URL", what=what)) from None


def service_error(error: HTTPError, what: str, unreachable_hint: str = "") -> OpenClawError:
    """Our error for an httpx one; its text is kept short and without secrets."""
    hint = unreachable_hint or _("is the address right? %openclaw models status shows it")
    match error:
        case httpx.ConnectTimeout():
            return ServiceUnavailable(
                _("{what} did not answer within {seconds:.0f} s", what=what, seconds=CONNECT_SECONDS),
                hint=hint,
            )
        case httpx.TimeoutException():
            return ServiceUnavailable(
                _("{what} stopped answering", what=what), hint=_("try again in a moment")
            )
        case httpx.ConnectError() if problem := tls_problem(error, what):
            return ServiceUnavailable(problem[0], hint=problem[1])
        case httpx.ConnectError():
            return ServiceUnavailable(_("{what} cannot be reached", what=what), hint=hint)
        case httpx.UnsupportedProtocol():
            return ProtocolError(_("the address of {what} must begin with https://", what=what), hint=hint)
        case httpx.ProxyError():
            return ServiceUnavailable(
                _("the proxy on the way to {what} refused", what=what),
                hint=_("check HTTPS_PROXY and NO_PROXY"),
            )
        case RemoteProtocolError() if _hung_up(error):
            return ServiceUnavailable(
                _("{what} closed the connection without an answer", what=what),
                hint=_("try again in a moment"),
            )
        case RemoteProtocolError() | DecodingError():
            reason = redact(str(error)[:500])[:120]
            return ProtocolError(_("{what} broke the HTTP protocol: {reason}", what=what, reason=reason))
        case httpx.LocalProtocolError():  # its text quotes the header: the login, as a rule
            return ProtocolError(
                _("the request to {what} is not valid HTTP", what=what),
                hint=_("is there a line break or blank in the key?"),
            )
        case _:
            return ServiceUnavailable(
                _("the connection to {what} broke", what=what), hint=_("try again in a moment")
            )


def undelivered(error: HTTPError) -> bool:
    """Whether a question may be sent again after `error`, which came instead of an answer.

    There was no connection, or it ended before a byte of the answer: an idle one closed under the request, as a rule.
    That the service has not read it is likely, not certain.
    """
    match error:
        case httpx.ConnectError():
            return not is_tls_error(error)
        case RemoteProtocolError():
            return _hung_up(error)
        case _:
            return isinstance(error, httpx.ConnectTimeout | httpx.ReadError | httpx.WriteError)


def _hung_up(error: RemoteProtocolError) -> bool:
    return "disconnected" in str(error)
