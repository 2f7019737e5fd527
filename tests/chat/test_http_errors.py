"""Error answers: what they say, which error they become, whether and when one may try again."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.http_errors import (
    EXCERPT,
    ErrorDetails,
    error_for,
    error_in,
    error_in_text,
    parse_error_body,
    retry_after,
    retryable,
)
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
from openclaw_ipython.sanitize.secrets import Secret


def openai(code, message, kind="invalid_request_error"):
    return {"error": {"code": code, "message": message, "param": None, "type": kind}, "request_id": "r-1"}


def native(code, message):
    return {"code": code, "message": message, "request_id": "r-1"}


NGINX = "<html>\r\n<head><title>504 Gateway Time-out</title></head></html>"
FIREWALL = '<!doctype html><html><body><input id="aliyun_waf_aa"></body></html>'

# status, body, error, its code, may be tried again
TABLE = [
    (401, openai("invalid_api_key", "invalid access token or token expired"), LoginRequired, None, False),
    (401, openai("invalid_api_key", "Incorrect API key provided."), LoginRequired, None, False),
    (401, "", LoginRequired, None, False),
    (401, NGINX, LoginRequired, None, False),
    (400, native("InvalidApiKey", "Invalid API-key provided."), LoginRequired, None, False),
    (403, openai("access_denied", "Access denied."), RequestRejected, "access_denied", False),
    (403, native("Model.AccessDenied", "Model access denied."), RequestRejected, "Model.AccessDenied", False),
    (
        403,
        native("AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted."),
        QuotaExceeded,
        "AllocationQuota.FreeTierOnly",
        False,
    ),
    (400, native("Arrearage", "Access denied, please make sure …"), QuotaExceeded, "Arrearage", False),
    (402, openai(None, "Insufficient Balance", "unknown_error"), QuotaExceeded, "unknown_error", False),
    (
        404,
        openai("model_not_found", "The model `x` does not exist."),
        RequestRejected,
        "model_not_found",
        False,
    ),
    (
        405,
        {"error": "Coding Plan is currently only available for Coding Agents"},
        RequestRejected,
        "",
        False,
    ),
    (
        400,
        openai("data_inspection_failed", "Input data may contain inappropriate content."),
        RequestRejected,
        "data_inspection_failed",
        False,
    ),
    (
        400,
        openai("invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: …"),
        RequestRejected,
        "invalid_parameter_error",
        False,
    ),
    (
        400,
        native("InternalError.Algo.InvalidParameter", "…"),
        RequestRejected,
        "InternalError.Algo.InvalidParameter",
        False,
    ),
    (
        429,
        openai("insufficient_quota", "Free allocated quota exceeded.", "insufficient_quota"),
        QuotaExceeded,
        "insufficient_quota",
        False,
    ),
    (
        429,
        openai(None, "You exceeded your current quota, please check your plan.", "insufficient_quota"),
        QuotaExceeded,
        "insufficient_quota",
        False,
    ),
    (
        429,
        openai("throttled", "The quota will reset at 2026-11-02 00:00"),
        QuotaExceeded,
        "throttled",
        False,
    ),
    (
        429,
        native("Throttling.AllocationQuota", "Allocated quota exceeded"),
        RateLimited,
        "Throttling.AllocationQuota",
        False,  # by the minute: two more tries within two seconds would be wasted
    ),
    (
        429,
        native("Throttling.RateQuota", "Requests rate limit exceeded"),
        RateLimited,
        "Throttling.RateQuota",
        True,
    ),
    (
        429,
        openai("limit_requests", "You exceeded your current requests list.", "limit_requests"),
        RateLimited,
        "limit_requests",
        True,
    ),
    (
        429,
        openai("limit_burst_rate", "Request rate increased too quickly"),
        RateLimited,
        "limit_burst_rate",
        True,
    ),
    (429, native("Throttling.BurstRate", "…"), RateLimited, "Throttling.BurstRate", True),
    (429, "", RateLimited, "", True),
    (429, NGINX, RateLimited, "", True),
    (408, "", ServiceUnavailable, "", True),
    (409, openai("conflict", "try again"), ServiceUnavailable, "conflict", True),
    (
        500,
        openai("internal_error", "An internal error has occurred"),
        ServiceUnavailable,
        "internal_error",
        True,
    ),
    (503, native("ServiceUnavailable", "busy"), ServiceUnavailable, "ServiceUnavailable", True),
    (504, "stream timeout", ServiceUnavailable, "", True),
    (504, NGINX, ServiceUnavailable, "", True),
    (200, FIREWALL, ProtocolError, "", False),
    (403, FIREWALL, ProtocolError, "", False),
    (404, NGINX, ProtocolError, "", False),
    (200, {"ret": ["FAIL_SYS_USER_VALIDATE", "…"]}, RequestRejected, "FAIL_SYS_USER_VALIDATE", False),
    (400, "plain words", RequestRejected, "", False),
    (400, b"\xff\xfe not text", RequestRejected, "", False),
    (400, "[]", RequestRejected, "", False),
    (418, {"unknown": "shape"}, RequestRejected, "", False),
]


def raw(body):
    if isinstance(body, dict):
        return json.dumps(body).encode()
    return body if isinstance(body, bytes) else body.encode()


@pytest.mark.parametrize(("status", "body", "kind", "code", "again"), TABLE)
def test_each_answer_becomes_its_error(status, body, kind, code, again):
    failure = parse_error_body(raw(body), {"x-request-id": "r-head"})
    error = error_for(status, failure)
    assert type(error) is kind
    assert retryable(status, failure) is again
    if isinstance(error, ServiceError):
        assert (error.status, error.code) == (status, code)
        in_body = isinstance(body, dict) and "request_id" in body
        assert error.request_id == ("r-1" if in_body else "r-head")


@pytest.mark.parametrize(
    "body",
    [
        openai("c", "the reason"),
        native("c", "the reason"),
        {"error": "the reason"},
        {"error": ["the reason"]},
        {"error": {"message": "the reason"}},
        {"object": "error", "message": "the reason", "code": 400},
        "the reason",
        "\ufeff" + json.dumps({"error": "the reason"}),
    ],
)
def test_the_reason_is_told_whatever_the_shape(body):
    said = str(error_for(400, parse_error_body(raw(body), {})))
    assert said.startswith("the service refused (400): ")
    assert "the reason" in said
    assert "{" not in said


def test_a_web_page_is_not_quoted():
    for page in (NGINX, FIREWALL, "<?xml version='1.0'?><Error><Message>no</Message></Error>"):
        for status in (200, 403, 404, 429, 401, 502):
            assert "<" not in str(error_for(status, parse_error_body(page.encode(), {})))


@pytest.mark.parametrize(
    "parsed",
    [
        None,
        1,
        "x",
        [],
        [{"error": "x"}],
        {},
        {"error": None},
        {"error": ""},
        {"error": {}},
        {"ret": []},
        {"choices": [], "message": "hi"},
        {"code": "", "message": ""},
        {"id": "1", "object": "chat.completion"},
    ],
)
def test_what_is_no_failure_is_not_taken_for_one(parsed):
    assert error_in(parsed) is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Throttling.AllocationQuota", RateLimited),
        ("rate_limit_exceeded", RateLimited),
        ("429", RateLimited),
        ("insufficient_quota", QuotaExceeded),
        ("invalid_api_key", LoginRequired),
        ("data_inspection_failed", RequestRejected),
        ("internal_error", ServiceUnavailable),
        ("InternalError.Timeout", ServiceUnavailable),
        ("SystemError", ServiceUnavailable),
        ("server_error", ServiceUnavailable),
        ("ServiceUnavailable", ServiceUnavailable),
        ("503", ServiceUnavailable),
        ("invalid_parameter_error", RequestRejected),
        ("", RequestRejected),
    ],
)
def test_inside_an_answer_the_code_alone_decides(code, kind):
    error = error_for(None, ErrorDetails("why", code, "r-2"))
    assert type(error) is kind
    assert "None" not in str(error)


def test_a_failure_told_as_text_has_its_code_before_the_colon():
    assert error_in_text("Throttling: slow down") == ErrorDetails("Throttling: slow down", "Throttling")
    assert error_in_text("it broke").code == ""
    assert error_in_text(None).message == "the service gave up"
    assert type(error_for(None, error_in_text("Throttling.RateQuota: x"))) is RateLimited


# -- secrets and hostile text ------------------------------------------------------------------

TOKEN = "Qx7-odd.token~without/any+known=shape"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"bad token {TOKEN}", "code": TOKEN, "type": TOKEN}, "request_id": TOKEN},
        {"error": f"Authorization: Bearer {TOKEN}"},
        {"message": {"token": TOKEN}, "code": "x"},
        {"ret": [TOKEN]},
        {"unknown": TOKEN},
        f"plain {TOKEN}",
        f"{'x ' * 400}{TOKEN}",
    ],
)
def test_a_repeated_token_is_not_shown(body):
    error = error_for(400, parse_error_body(raw(body), {"x-request-id": TOKEN}, Secret(TOKEN)))
    shown = " ".join([str(error), repr(error), error.code, error.request_id])
    assert TOKEN[:12] not in shown


@pytest.mark.parametrize("text", ["Bearer abcdef0123456789", "sk-abcdefghij0123456789", "api_key=abcdef123"])
def test_what_looks_like_a_secret_is_not_shown_either(text):
    message = str(error_for(400, parse_error_body(raw(openai("c", f"wrong: {text}")), {})))
    assert text not in message
    assert "…" in message


def test_the_text_is_short_one_line_and_can_be_printed():
    body = json.dumps(openai("c" * 500, "a\n\nb\x1b[31m\u202e \ud83d " + "x" * 5000))
    failure = parse_error_body(body.encode(), {})
    assert failure.message.startswith("a b⟨U+001B⟩[31m⟨U+202E⟩ \ufffd")
    assert len(failure.message) <= EXCERPT + 1
    assert len(failure.code) <= 80
    failure.message.encode()


@pytest.mark.parametrize("piece", [b"<script ", b"<", b"eyJ-", b"a.", b"sk-", b"quota ", b"[", b'{"a":'])
def test_hostile_bodies_are_read_in_no_time(piece):
    body = (piece * 65536)[:65536]
    began = time.process_time()
    error_for(429, parse_error_body(body, {}))
    assert time.process_time() - began < 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "request_id", "ret", "type", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())), st.integers(100, 599))
def test_any_body_becomes_an_error_of_ours(body, status):
    failure = parse_error_body(body, {})
    error = error_for(status, failure, retry_after=None)
    assert isinstance(error, OpenClawError)
    str(error).encode()
    assert retryable(status, failure) in {True, False}


# -- Retry-After -----------------------------------------------------------------------------

NOW = 1_795_000_000.0


def dated(seconds):
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        ("0.5", 0.5),
        (" 7 ", 7),
        ("60", 60),
        ("86400", 86400),
        (dated(30), 30),
        (dated(30).replace(" GMT", " +0000"), 30),
        (datetime.fromtimestamp(NOW + 30, UTC).strftime("%a %b %d %H:%M:%S %Y"), 30),
        ("0", None),
        ("-3", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("1e999", None),
        ("99999999999", None),
        ("soon", None),
        ("", None),
        ("5 seconds", None),
        ("0x10", None),
        (dated(0), None),
        (dated(-30), None),
        (dated(400 * 86400), None),
        ("Fri, 99 Foo 9999 99:99:99 GMT", None),
        ("Thu, 01 Jan 99999999999 00:00:00 GMT", None),
        ("\u0666", 6),
    ],
)
def test_the_wait_asked_for(value, seconds):
    found = retry_after({"retry-after": value}, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be changed here")
def test_a_date_without_a_zone_is_in_utc_wherever_one_is(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        date = datetime.fromtimestamp(NOW + 30, UTC).strftime("%a %b %d %H:%M:%S %Y")
        assert retry_after({"retry-after": date}, NOW) == pytest.approx(30)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_milliseconds_come_first():
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}, NOW) == pytest.approx(1.5)
    assert retry_after({"retry-after-ms": "soon", "retry-after": "9"}, NOW) == 9
    assert retry_after({}, NOW) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} -?\d+ \d+:\d+:\d+ [A-Z+-]\w*"))
def test_any_retry_after_is_a_sensible_wait_or_none(value):
    seconds = retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 < seconds < 366 * 86400


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (90, "90 s"), (121, "3 min"), (7200, "120 min"), (7201, "3 h")]
)
def test_a_long_wait_is_told(seconds, said):
    for status in (429, 503):
        hint = error_for(status, ErrorDetails("busy"), retry_after=seconds).hint
        assert hint == f"run the cell again in {said}"


# -- shapes and refusals of further services --------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"errors": {"message": "Please bind your account"}, "request_id": "r-2"}', "Please bind your account", ""),
        (b'{"detail": "Not Found"}', "Not Found", ""),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}, {"msg": "b"}]}', "field required · b", ""),
        (b'[{"error": {"code": 429, "message": "slow down"}}]', "slow down", "429"),
        (b'{"error": {"message": "no credits", "code": 402, "metadata": {"raw": "x"}}}', "no credits", "402"),
        (b'{"object": "error", "message": "no model", "type": "NotFoundError", "code": 404}', "no model", "404"),
        (b'{"error": "Coding Plan is currently only available for Coding Agents"}',
         "Coding Plan is currently only available for Coding Agents", ""),
    ],
)  # fmt: skip
def test_every_shape_of_an_error_body_is_read(body, message, code):
    failure = parse_error_body(body, {})
    assert (failure.message, failure.code) == (message, code)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "hint"),
    [
        (
            405,
            "",
            "Coding Plan is currently only available for Coding Agents",
            RequestRejected,
            "modelstudio",
        ),
        (403, "AllocationQuota.FreeTierOnly", "used up", QuotaExceeded, "free tier only"),
        (403, "access_denied", "Access denied.", RequestRejected, "models list"),
        (400, "", "Access denied, please make sure your account is in good standing.", QuotaExceeded, ""),
        (
            400,
            "invalid_parameter_error",
            "model 'qwen3.8-max' is not supported.",
            RequestRejected,
            "models list",
        ),
        (429, "", "", RateLimited, "wait"),
    ],
)
def test_a_refusal_is_told_with_what_helps(status, code, message, kind, hint):
    error = error_for(status, ErrorDetails(message, code))
    assert type(error) is kind
    assert hint in error.hint
