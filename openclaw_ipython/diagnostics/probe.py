"""`models status --probe`: whom to ask one tiny question, and what the outcome is called. Pure.

The words are those OpenClaw prints. Sending is the client's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_ipython.errors import (
    AuthError,
    ConfigError,
    OpenClawError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceUnavailable,
)

Outcome = Literal["ok", "auth", "rate_limit", "billing", "timeout", "format", "unknown", "no_model"]

PROMPT = "Reply with OK."
MAX_TOKENS = 1
SECONDS = 20.0  # for each question


@dataclass(frozen=True, slots=True)
class Probed:
    """How one login did. `latency_ms` None where nothing was sent; `error` is a sentence with its class in front."""

    provider: str
    model: str | None
    profile_id: str | None
    label: str
    source: str
    mode: str | None
    status: Outcome
    error: str | None = None
    latency_ms: int | None = None


def outcome_of(error: OpenClawError) -> Outcome:
    """OpenClaw's word for a failure."""
    match error:
        case QuotaExceeded():
            return "billing"
        case RateLimited():
            return "rate_limit"
        case AuthError():
            return "auth"
        case ConfigError():
            return "no_model"
        case RequestRejected():
            return "auth" if error.status in {401, 403} else "format"
        case ServiceUnavailable():
            return "timeout"
        case ServiceError():
            return "format"
        case _:
            return "unknown"


def said(error: OpenClawError) -> str:
    """The failure in one line."""
    return f"{type(error).__name__}: {error}"
