"""Error responses: status, headers and body to one of the package's errors. Pure.

Follows the error bodies of the Qwen services (Model Studio help, "error-code") and the OpenAI form. A body is
`{"error": {…}}`, DashScope's flat `{"code", "message", "request_id"}`, `{"error": "text"}`, HTML of a gateway, or
empty.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from msgspec import Struct

from openclaw_ipython.errors import (
    LoginRequired,
    OpenClawError,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServiceError,
    ServiceUnavailable,
)
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.secrets import Secret, redact
from openclaw_ipython.sanitize.text import json_value, visible

_Kind = tuple[type[ServiceError | LoginRequired], str, str]

EXCERPT = 300
_YEAR = 366 * 86400
_QUOTA = r"(?i)free allocated quota exceeded|will reset at|insufficient balance|quota.{0,40}used up"
_INTERNAL_CODE = (
    r"internal|system_?error|server_?error|service_?unavailable|modelservingerror|"
    r"modelunavailable|overloaded|5\d\d$"
)
_OVERDUE = r"(?i)access denied.{0,80}(overdue|good standing)"
_PLAN_ONLY = r"(?i)only available for coding agents"
_NO_SUCH_MODEL = (
    r"(?i)\bmodel:? +([`'\"]?)[\w./:@-]+\1 (does not exist|(is )?not found)"
    r"|\bmodel:? +([`'\"])[\w./:@-]+\4 is not supported|\bmodels/[\w.-]+ is not found|model not exist"
    r"|(invalid|unknown|no such) model\b|is not a valid model"
)
_NO_SUCH_MODEL_CODES = {"model_not_found", "unknown_model", "invalid_model", "deploymentnotfound"}
_TOO_LARGE = r"(?i)request too large"
_CODE_FIRST = r"([A-Za-z][\w.]{2,60}):"


class ErrorDetails(Struct, frozen=True):
    """What the service says about an error, shortened and without secrets."""

    message: str = ""
    code: str = ""
    request_id: str = ""
    html: bool = False


def parse_error_body(body: bytes, headers: Mapping[str, str], *known: Secret) -> ErrorDetails:
    """The details in an error body of any form. Never raises.

    `known` are the secrets of the request, which are redacted.
    """
    request_id = headers.get("x-request-id", "")
    text = body.decode("utf-8-sig", "replace").strip()
    parsed = json_value(text, text)
    if parsed is text and (text.startswith("<") or "aliyun_waf" in text):
        return ErrorDetails(request_id=_word(request_id, known), html=True)
    if isinstance(parsed, list) and len(parsed) == 1:  # some gateways wrap it
        parsed = parsed[0]
    found = error_in(parsed, *known, request_id=request_id)
    return found or ErrorDetails(server_text(text, *known), request_id=_word(request_id, known))


def error_in(parsed: Any, *known: Secret, request_id: str = "") -> ErrorDetails | None:
    """The error in a parsed body or stream event; None when there is none."""
    if not isinstance(parsed, dict):
        return None
    request_id = _word(parsed.get("request_id") or request_id, known)
    error = parsed.get("error") or parsed.get("errors")  # `errors` is ModelScope's
    if isinstance(error, dict) and error:
        code = error.get("code") or error.get("type")
        return ErrorDetails(
            server_text(_sentence(error.get("message")), *known), _word(code, known), request_id
        )
    if isinstance(error, str) and error:
        return ErrorDetails(server_text(error, *known), request_id=request_id)
    if "choices" not in parsed and (parsed.get("message") or parsed.get("code")):
        message, code = parsed.get("message"), parsed.get("code")
        return ErrorDetails(server_text(_sentence(message), *known), _word(code, known), request_id)
    ret = parsed.get("ret")
    if isinstance(ret, list) and ret:  # the gateway's own refusal, {"ret": ["FAIL_SYS_…"]}
        return ErrorDetails(
            server_text(" ".join(map(str, ret[:5])), *known), _word(ret[0], known), request_id
        )
    if "choices" not in parsed and "detail" in parsed:  # the form of FastAPI servers
        return ErrorDetails(server_text(_sentence(parsed["detail"]), *known), request_id=request_id)
    return ErrorDetails(server_text(error, *known), request_id=request_id) if error else None


def _sentence(message: Any) -> Any:
    """A message as text; that of a FastAPI server is a list of `{"loc", "msg"}`, which some put into a `detail`."""
    if isinstance(message, dict):
        message = message.get("detail", message.get("message", message))
    if not isinstance(message, list):
        return message
    return " · ".join(map(_fault, message[:3]))


def _fault(row: Any) -> str:
    """One fault of a field: `stream_options: Extra inputs are not permitted`."""
    if not isinstance(row, dict) or "msg" not in row:
        return str(row)
    places = row.get("loc")
    names = [str(place) for place in places if place != "body"] if isinstance(places, (list, tuple)) else []
    return f"{'.'.join(names)}: {row['msg']}" if names else str(row["msg"])


def error_in_text(text: object, *known: Secret) -> ErrorDetails:
    """The error in the text of a last chunk, such as `Throttling: slow down`."""
    message = server_text(text, *known)
    code = re.match(_CODE_FIRST, message)
    return ErrorDetails(message or _("the service gave up"), code[1] if code else "")


def error_for(
    status: int | None, details: ErrorDetails, *, retry_after: float | None = None
) -> OpenClawError:
    """The error to raise. `status` is None when it came inside an answer."""
    about: dict[str, Any] = {"status": status, "code": details.code, "request_id": details.request_id}
    if details.html and status not in {401, 429}:
        kind, words, hint = _of_page(status)
    else:
        kind, words, hint = _kind(status, details.code.lower(), details.message)
    if kind is RateLimited:
        about["retry_after"] = retry_after
    if kind in {RateLimited, ServiceUnavailable}:
        hint = _later(retry_after, hint)
    reason = details.message or details.code or _("no reason given")
    number = f" ({status})" if status else ""
    return kind(words.format(reason=reason, number=number, status=status), hint=hint, **about)


def _of_page(status: int | None) -> _Kind:
    """As `_kind`, for a web page."""
    if _broken(status, ""):
        return ServiceUnavailable, _("the service's gateway failed ({status})"), _("try again later")
    words = _("a web page came instead of an answer (a gateway or firewall)")
    return ProtocolError, words, _("check the base URL with %openclaw models status")


def _kind(status: int | None, code: str, message: str) -> _Kind:
    """The class of an error, what it says, and what repairs it."""
    if status == 401 or code in {"invalid_api_key", "invalidapikey"}:
        return LoginRequired, _("the service does not accept the login: {reason}"), "%openclaw login --force"
    if code == "allocationquota.freetieronly":
        hint = _(
            "in the service's console, switch off 'free tier only' to go on with paid use, or use another model"
        )
        return QuotaExceeded, _("the free quota is used up: {reason}"), hint
    if code == "insufficient_quota" or (_throttled(status, code) and re.search(_QUOTA, message)):
        hint = _("wait for its reset, or a minute if tokens a minute are meant, or use another model")
        return QuotaExceeded, _("the quota is used up: {reason}"), hint
    if code == "arrearage" or status == 402 or re.search(_OVERDUE, message):
        return QuotaExceeded, _("the account has an unpaid bill or no balance: {reason}"), ""
    if status in {413, 429} and re.search(_TOO_LARGE, message):
        hint = _("a shorter prompt, fewer images or attachments, or another model")
        return RequestRejected, _("the request is too large for this service: {reason}"), hint
    if _throttled(status, code):
        hint = _("wait a moment, then run the cell again")
        return RateLimited, _("too many requests: {reason}"), hint
    if code in {"data_inspection_failed", "datainspectionfailed"}:
        return RequestRejected, _("the service's content filter stopped this: {reason}"), ""
    if re.search(_PLAN_ONLY, message):
        hint = _("use a pay-as-you-go or Token Plan key: %openclaw login --provider modelstudio")
        return RequestRejected, _("this plan serves only the programs its vendor lists: {reason}"), hint
    refused = _("the service refused{number}: {reason}")
    if code in {"access_denied", "accessdenied", "model.accessdenied"}:
        hint = _("the key has no right to this model: %openclaw models list shows the others")
        return RequestRejected, refused, hint
    if status == 404 or code in _NO_SUCH_MODEL_CODES or (status == 400 and _names_no_model(message)):
        return RequestRejected, _("not found: {reason}"), "%openclaw models list"
    if _broken(status, code):
        return ServiceUnavailable, _("the service failed{number}: {reason}"), _("try again later")
    return RequestRejected, refused, ""


def is_unknown_model(error: OpenClawError) -> bool:
    """Whether the service has no such model, by the status, the code or the words of its error."""
    if not isinstance(error, RequestRejected):
        return False
    code = error.code.lower()
    return error.status == 404 or code in _NO_SUCH_MODEL_CODES or _names_no_model(str(error))


def _names_no_model(message: str) -> bool:
    return re.search(_NO_SUCH_MODEL, message) is not None


def retryable(status: int, details: ErrorDetails) -> bool:
    """Whether the request may be sent again: after 408, 409, 5xx, and 429 unless a quota is used up."""
    if status == 429:
        temporary = isinstance(error_for(status, details), RateLimited)
        return temporary and "allocationquota" not in details.code.lower()  # refilled by the minute
    return status in {408, 409} or status >= 500


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (RFC 9110 §10.2.3: seconds or a date).

    None when absent or out of range (not positive, not finite, a year or more).
    `now` is seconds since the epoch.
    """
    value = headers.get("retry-after", "")
    found = (_number(headers.get("retry-after-ms"), 0.001), _number(value, 1.0), _until(value, now))
    seconds = next((each for each in found if each is not None), 0.0)
    return seconds if 0 < seconds < _YEAR else None


def _number(value: str | None, scale: float) -> float | None:
    try:
        return float(value) * scale if value else None
    except ValueError:
        return None


def _until(date: str, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):  # depends on the version of Python
        return None
    if moment.tzinfo is None:  # the asctime form of RFC 9110 §5.6.7, which is in UTC
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - now


def _throttled(status: int | None, code: str) -> bool:
    return (
        status == 429 or code.startswith(("throttling", "limit_")) or code in {"rate_limit_exceeded", "429"}
    )


def _broken(status: int | None, code: str) -> bool:
    if status is None:
        return re.match(_INTERNAL_CODE, code, re.I) is not None
    return status in {408, 409} or status >= 500


def _later(seconds: float | None, otherwise: str) -> str:
    if seconds is None:
        return otherwise
    unit, name = next(((n, u) for n, u in ((3600, "h"), (60, "min")) if seconds > 2 * n), (1, "s"))
    return _("run the cell again in {count} {unit}", count=math.ceil(seconds / unit), unit=name)


def server_text(value: object, *known: Secret) -> str:
    """Text of a service that can be shown: one line, shortened, without control characters and secrets."""
    # shortened before the patterns run, so that a hostile text cannot slow them down
    words = str(value or "")[: 8 * EXCERPT].split()
    text = visible(redact(" ".join(words), *known))
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def _word(value: object, known: tuple[Secret, ...]) -> str:
    return re.sub(r"[^\w.:/-]", "", redact(str(value or "")[: 8 * EXCERPT], *known))[:80]
