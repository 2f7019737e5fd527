"""What passes through a door of the portal: requests, responses, and the steps of a streamed body.

Values only. A response does not wait and does not write: it says what the door shall do (`Pause`,
`Stall`, `Cut`), so the same answer can leave through a socket or inside the process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

FORM_TYPE = "application/x-www-form-urlencoded"
NO_ANSWER = 0  # a "status": the connection is closed without a byte


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    `origin` is scheme and host as the client named them, without a slash; header names are lower
    case; `time` is the portal's clock, in seconds. The repr hides headers and body, which carry tokens.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    time: float = 0.0

    def json(self) -> Any:
        """The body read as JSON. Raises `ValueError` when it is not."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def form(self) -> dict[str, str]:
        """The fields of a form-encoded body; the last one of a name wins."""
        return _fields(self.body.decode("utf-8", "replace"))

    def params(self) -> dict[str, str]:
        """The fields of the query string."""
        return _fields(self.query)

    def bearer(self) -> str:
        """The token of `Authorization: Bearer …` (RFC 6750 §2.1), or an empty string."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


def _fields(encoded: str) -> dict[str, str]:
    return dict(parse_qsl(encoded, keep_blank_values=True, errors="replace"))


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Keep the connection open and send nothing more, until the client closes it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection in the middle of the body."""


Step = bytes | Pause | Stall | Cut


@dataclass(frozen=True, slots=True)
class Response:
    """What to send: a whole body, or the steps of a streamed one (each `bytes` is its own chunk).

    `delay` is how many seconds pass before the first byte of the head.
    """

    status: int
    body: bytes | Iterable[Step] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class HangUp:
    """A client closed its connection before the answer had ended; `sent` chunks had left by then."""

    path: str
    sent: int
    time: float


class Desk(Protocol):
    """What a door needs to know of the portal behind it."""

    def handle(self, request: Request) -> Response:
        """Answer one request."""

    def noticed_hang_up(self, request: Request, sent: int) -> None:
        """The client went away after `sent` chunks of the answer to `request`."""


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as a JSON answer that no cache keeps."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    fixed = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status, body, fixed | dict(headers or {}))


def html_response(status: int, page: str, headers: Mapping[str, str] | None = None) -> Response:
    """`page` as an HTML answer."""
    fixed = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    return Response(status, page.encode(), fixed | dict(headers or {}))


def oauth_error(status: int, error: str, description: str) -> Response:
    """An OAuth error answer (RFC 6749 §5.2, RFC 8628 §3.5)."""
    return json_response(status, {"error": error, "error_description": description})
