"""Every error that this package raises on purpose, by what repairs it.

    OpenClawError                 .hint   the command or act that repairs it
    ├── ConfigError               fix the file
    │   ├── DocumentError         .path .line    a file that cannot be read or written safely
    │   ├── StoreBusy             .path          another program holds the lock
    │   ├── UnknownModel          .suggestions
    │   └── UnknownProvider       .suggestions
    ├── AuthError                 sign in
    │   ├── LoginRequired         .status .code .request_id    there is no usable login
    │   ├── LoginDenied           the person (or the service) said no
    │   ├── LoginExpired          the code was not used in time
    │   ├── LoginCancelled        the person pressed Cancel or interrupted
    │   ├── LoginUnavailable      the service does not offer this sign-in (any more)
    │   ├── RefreshRejected       the stored login is no longer accepted
    │   └── CheckFailed           .code   what `models status --check` would exit with
    ├── ServiceError              .status .code .request_id .partial    wait or report
    │   ├── RateLimited           .retry_after (seconds, or None)
    │   ├── QuotaExceeded         waiting a moment does not help
    │   ├── RequestRejected       the service understood and refused
    │   ├── ServiceUnavailable    not reachable, or failing
    │   ├── ProtocolError         it answered something that is not the protocol
    │   ├── StreamBroken          the answer ended early
    │   ├── SchemaMismatch        .reply     it does not fit what was asked for; the answer as it came
    │   └── TooManyRounds         .reply     the model went on calling functions
    ├── BudgetExceeded            .under_way    raise the limit, or ask for less
    └── UsageError                .suggestions    retype the command

`str(error)` is one sentence for people, without secrets; `hint` is what to type or do.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any


class OpenClawError(Exception):
    """Base of all errors of this package: catch it to catch them all."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def hint(self) -> str:
        """What to type or do, empty if nothing; the last line of a Python traceback, too."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint
        self.__notes__ = [f"→ {hint}"] if hint else []


class _Suggesting(OpenClawError):
    """Something mistyped; `suggestions` are near misses, best first."""

    def __init__(self, message: str, *, suggestions: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.suggestions = suggestions


class _ServiceAnswer(OpenClawError):
    """An error that may be the answer of a service. `partial` is the text that had arrived before it."""

    partial: str = ""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        code: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.request_id = request_id


# -- fix the file --------------------------------------------------------------------------


class ConfigError(OpenClawError):
    """The configuration says something that cannot be used."""


class DocumentError(ConfigError):
    """A file cannot be read or written safely. It was left as it is.

    `path` is the file, `line` the 1-based line of the fault where it is known.
    """

    def __init__(self, message: str, *, path: Path, line: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line


class StoreBusy(ConfigError):
    """Another program holds the lock of `path` and did not let go in time."""

    def __init__(self, message: str, *, path: Path, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class UnknownModel(_Suggesting, ConfigError):
    """No such model or alias."""


class UnknownProvider(_Suggesting, ConfigError):
    """No such provider."""


# -- sign in -------------------------------------------------------------------------------


class AuthError(OpenClawError):
    """Signing in is what helps."""


class LoginRequired(_ServiceAnswer, AuthError):
    """There is no usable login for the provider.

    Where the service said so, `status`, `code` and `request_id` are as in ServiceError; else None and empty.
    """


class LoginDenied(AuthError):
    """The request to sign in was refused."""


class LoginExpired(AuthError):
    """The code was not confirmed in time."""


class LoginCancelled(AuthError):
    """The person stopped the sign-in."""


class LoginUnavailable(AuthError):
    """The service does not offer this way to sign in."""


class RefreshRejected(AuthError):
    """The stored login is no longer accepted by the service."""


class CheckFailed(AuthError):
    """`models status --check` found a login missing or expired (`code` 1) or ending within a day (2)."""

    def __init__(self, message: str, *, code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


# -- wait or report ------------------------------------------------------------------------


class ServiceError(_ServiceAnswer):
    """The other side failed or refused.

    `status` is the HTTP status or None, `code` the service's own error code, `request_id` what to
    quote when reporting it, `partial` the text of the answer that had arrived. Without `delivered` the service does not
    have the request.
    """

    delivered: bool = True


class RateLimited(ServiceError):
    """Too many requests for now; `retry_after` in seconds where the service said.

    `others_answered`: in a batch, other requests were answered while this one was refused.
    """

    others_answered: bool = False

    def __init__(
        self, message: str, *, retry_after: float | None = None, status: int | None = 429, **answer: Any
    ) -> None:
        super().__init__(message, status=status, **answer)
        self.retry_after = retry_after


class QuotaExceeded(ServiceError):
    """A quota is used up; trying again soon does not help."""


class RequestRejected(ServiceError):
    """The service understood the request and refuses it."""


class ServiceUnavailable(ServiceError):
    """The service cannot be reached, or answers with server errors."""


class ProtocolError(ServiceError):
    """The answer is not what the protocol allows (HTML, cut JSON, wrong types)."""


class StreamBroken(ServiceError):
    """The answer ended before it was finished. `partial` is the text that had arrived."""


class _Unfit(ServiceError):
    """An answer that came and cannot be used: `reply`."""

    def __init__(self, message: str, *, reply: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reply = reply


class SchemaMismatch(_Unfit):
    """The answer does not fit the schema, and did not when asked again either, or has nothing of the format asked for.

    `reply` is the answer as it came.
    """


class TooManyRounds(_Unfit):
    """The model goes on calling functions instead of answering. `reply` is its text so far."""


# -- raise the limit -----------------------------------------------------------------------


class BudgetExceeded(OpenClawError):
    """A limit of `%openclaw budget` or `budget=` does not allow a request, or cannot be checked. It was not sent.

    `under_way`: it may be allowed when the requests that are under way have ended.
    """

    def __init__(self, message: str, *, under_way: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.under_way = under_way


# -- retype --------------------------------------------------------------------------------


class UsageError(_Suggesting):
    """A mistyped command. `suggestions` are near misses, best first."""


# -- what errors and objects hold ------------------------------------------------------------


def without_locals(error: BaseException) -> BaseException:
    """`error` and the errors that led to it, with the local variables of their finished frames cleared.

    They would keep keys and whole bodies of answers alive, and show them to debuggers. The traceback stays.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]
    return error


def hidden_fields(self: object) -> list[tuple[str, Any]]:
    """The `__rich_repr__` of a Struct whose `repr` leaves out its fields: rich would show all of them."""
    return []
