"""Requests, responses, and the steps of a streamed body, as values.

A response neither waits nor writes: it says what the endpoint does (`Pause`, `Stall`, `Cut`), so the same response can
be sent through a socket or within the process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from msgspec import Struct, field

FORM_TYPE = "application/x-www-form-urlencoded"
NO_RESPONSE = 0  # in place of a status: the connection is closed without a response


class HttpRequest(Struct, frozen=True):
    """One request as received.

    `origin` is scheme and host as sent by the client, without a slash; header names are in lower case. The repr hides
    query, headers and body, which can contain tokens.
    """

    method: str
    origin: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.origin}{self.path})"

    def json(self) -> Any:
        """The body parsed as JSON. Raises `ValueError` for anything else."""
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


class Pause(Struct, frozen=True):
    """Wait before the next step."""

    seconds: float


class Stall(Struct, frozen=True):
    """Keep the connection open and send nothing more, until the client closes it."""


class Cut(Struct, frozen=True):
    """Close the connection before the body is complete."""


Step = bytes | Pause | Stall | Cut


class HttpResponse(Struct, frozen=True):
    """A response with a complete body, or with the steps of a streamed one (each `bytes` is a chunk).

    `delay` is in seconds, before the first byte of the head.
    """

    status: int
    body: bytes | Iterable[Step] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


class RequestHandler(Protocol):
    """Handles the requests of an endpoint."""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request."""

    def client_disconnected(self, request: HttpRequest, sent: int) -> None:
        """The client closed the connection after `sent` chunks of the response to `request`."""


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON response that is not to be cached."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    fixed = {"content-type": "application/json", "cache-control": "no-store"}
    return HttpResponse(status, body, fixed | dict(headers or {}))


def html_response(status: int, page: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An HTML response that is not to be cached."""
    fixed = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    return HttpResponse(status, page.encode(), fixed | dict(headers or {}))


def oauth_error(status: int, error: str, description: str) -> HttpResponse:
    """An OAuth error response (RFC 6749 §5.2, RFC 8628 §3.5)."""
    return json_response(status, {"error": error, "error_description": description})
