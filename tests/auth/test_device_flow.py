"""The device flow against RFC 8628 and the answers of real and broken services: no network, no clock but ours."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.device_flow import (
    BAD_REPLIES,
    DeviceEndpoints,
    FormReply,
    NoReply,
    Pkce,
    Post,
    Show,
    Wait,
    device_flow,
    refresh_flow,
)
from openclaw_ipython.auth.token_grant import TokenGrant
from openclaw_ipython.errors import (
    AuthError,
    LoginDenied,
    LoginExpired,
    LoginUnavailable,
    OpenClawError,
    ProtocolError,
    RateLimited,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
)
from openclaw_ipython.sanitize.secrets import Secret

AT = DeviceEndpoints(
    "https://chat.qwen.ai/device", "https://chat.qwen.ai/token", "client-1", "openid", ("qwen.ai",)
)
PKCE = Pkce.make(lambda n: bytes(range(n)))
DEVICE = {
    "device_code": "d-0001",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://chat.qwen.ai/authorize",
    "verification_uri_complete": "https://chat.qwen.ai/authorize?user_code=ABCD-EFGH",
    "expires_in": 900,
    "interval": 2,
}
GRANT = {
    "access_token": "a-1",
    "refresh_token": "r-1",
    "token_type": "Bearer",
    "expires_in": 3600,
    "resource_url": "portal.qwen.ai",
}
PENDING = FormReply(400, b'{"error": "authorization_pending"}')
SLOW = b'{"message": "slow"}'
SLOW_DOWN = FormReply(429, b'{"error": "slow_down"}')
HTML = FormReply(504, b"<html>504 Gateway Time-out</html>")
NETWORK = NoReply(ServiceUnavailable("cannot be reached"))


def ok(body: object) -> FormReply:
    return FormReply(200, json.dumps(body).encode())


class Person:
    """Carries out a flow: answers posts from a list, lets time pass only where the flow waits."""

    def __init__(self, *answers, device=DEVICE, at=AT, oversleep=0.0, post_seconds=0.0):
        self.answers = [device if isinstance(device, (FormReply, NoReply)) else ok(device), *answers]
        self.now = 1000.0
        self.post_seconds = post_seconds
        self.oversleep = oversleep  # seconds that each wait takes longer than asked for
        self.waits: list[float] = []
        self.reasons: list[str] = []
        self.posts: list[Post] = []
        self.posted_at: list[float] = []
        self.prompts = []
        self.flow = device_flow(at, PKCE, lambda: self.now)

    def run(self) -> TokenGrant:
        sent = None
        try:
            while True:
                match self.flow.send(sent):
                    case Post() as post:
                        self.posts.append(post)
                        self.posted_at.append(self.now)
                        self.now += self.post_seconds
                        sent = self.answers.pop(0) if self.answers else PENDING
                    case Show(prompt):
                        self.prompts.append(prompt)
                        sent = None
                    case Wait(seconds, why):
                        assert seconds > 0 or self.now > 0
                        self.waits.append(seconds)
                        self.reasons.append(why)
                        self.now += seconds + self.oversleep
                        sent = None
        except StopIteration as done:
            return done.value


def test_a_login_goes_from_code_to_tokens():
    person = Person(PENDING, PENDING, ok(GRANT))
    grant = person.run()
    assert grant.access == Secret("a-1")
    assert grant.refresh == Secret("r-1")
    assert grant.expires_in == 3600
    assert grant.resource_url == "portal.qwen.ai"
    assert person.prompts[0].user_code == "ABCD-EFGH"
    assert person.prompts[0].link == DEVICE["verification_uri_complete"]
    assert person.waits == [2, 2, 2]


@pytest.mark.parametrize(
    ("oversleep", "polls"),
    [(0.0, 4), (0.5, 3), (1.0, 3), (100.0, 0)],  # the last: the machine was suspended
    ids=["on time", "late", "later", "suspended"],
)
def test_no_poll_is_sent_at_or_after_the_end_of_the_code(oversleep, polls):
    person = Person(device=DEVICE | {"expires_in": 10, "interval": 2}, oversleep=oversleep)
    with pytest.raises(LoginExpired):
        person.run()
    device, *polled_at = person.posted_at
    assert len(polled_at) == polls
    assert all(at < device + 10 for at in polled_at)


def test_the_last_wait_ends_with_the_code():
    person = Person(device=DEVICE | {"expires_in": 10, "interval": 7})
    with pytest.raises(LoginExpired):
        person.run()
    assert person.waits == [7, 3]


@pytest.mark.parametrize("post_seconds", [3, 5], ids=["at the end of the code", "after it"])
def test_nothing_is_waited_for_once_a_slow_poll_has_outlived_the_code(post_seconds):
    person = Person(device=DEVICE | {"expires_in": 10, "interval": 2}, post_seconds=post_seconds)
    with pytest.raises(LoginExpired):
        person.run()
    assert person.waits == [2, 2]


def test_the_proof_key_is_s256_and_the_verifier_is_only_sent_to_the_token_endpoint():
    person = Person(ok(GRANT))
    person.run()
    first, second = person.posts
    verifier = second.form["code_verifier"].reveal()
    digest = hashlib.sha256(verifier.encode()).digest()
    assert 43 <= len(verifier) <= 128
    assert first.form["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert first.form["code_challenge_method"] == "S256"
    assert "code_verifier" not in first.form
    assert second.form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"


def test_every_login_has_a_fresh_verifier():
    from secrets import token_bytes

    assert Pkce.make(token_bytes).verifier != Pkce.make(token_bytes).verifier


def test_slow_down_adds_five_seconds_for_good():
    person = Person(PENDING, SLOW_DOWN, PENDING, SLOW_DOWN, PENDING, ok(GRANT))
    person.run()
    assert person.waits == [2, 2, 7, 7, 12, 12]


@pytest.mark.parametrize("status", [400, 429])
def test_slow_down_counts_with_either_status(status):
    person = Person(FormReply(status, b'{"error": "slow_down"}'), ok(GRANT))
    person.run()
    assert person.waits == [2, 7]


@pytest.mark.parametrize(
    ("interval", "waited"),
    [
        (None, 5), ("missing", 5), (0, 5), (-3, 5), ("7", 7), ("x", 5), (0.01, 1), (1e9, 60), (float("nan"), 5),
        (float("inf"), 5), (True, 5), ([], 5), ({}, 5), (3.5, 3.5),
    ],
)  # fmt: skip
def test_an_absurd_interval_becomes_a_sane_one(interval, waited):
    device = {k: v for k, v in DEVICE.items() if k != "interval"}
    if interval != "missing":
        device["interval"] = interval
    person = Person(ok(GRANT), device=device)
    person.run()
    assert person.waits == [waited]


@pytest.mark.parametrize(
    ("expires_in", "polls_until"),
    [
        (900, 900),
        ("900", 900),
        (None, 1800),
        (0, 1800),
        (-1, 1800),
        (10**18, 1800),
        ("x", 1800),
        (True, 1800),
    ],
)
def test_the_code_lives_as_long_as_the_service_says_but_not_longer_than_half_an_hour(expires_in, polls_until):
    person = Person(device={**DEVICE, "expires_in": expires_in})
    with pytest.raises(LoginExpired):
        person.run()
    assert person.now - 1000 == pytest.approx(polls_until)


def test_pending_with_status_200_is_still_pending():
    person = Person(ok({"status": "pending"}), ok(GRANT))
    person.run()
    assert len(person.waits) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FormReply(400, b'{"error": "access_denied"}'), LoginDenied),
        (FormReply(400, b'{"error": "expired_token"}'), LoginExpired),
        (
            FormReply(400, b'{"error": "invalid_client", "error_description": "no such client"}'),
            LoginUnavailable,
        ),
        (FormReply(401, b'{"error": "invalid_grant"}'), RequestRejected),
        (FormReply(400, b'{"error": 17}'), RequestRejected),
        (FormReply(400, b'{"error": {"message": "odd"}}'), RequestRejected),
        (
            FormReply(400, b'{"error": "gone", "error_description": "This was discontinued."}'),
            LoginUnavailable,
        ),
        (FormReply(400, b'{"error": "unsupported_grant_type"}'), LoginUnavailable),
    ],
)
def test_a_decision_of_the_service_ends_the_login_at_once(answer, error):
    person = Person(PENDING, answer)
    with pytest.raises(error):
        person.run()
    assert len(person.waits) == 2


def test_network_errors_back_off_exponentially_and_a_good_answer_resets_that():
    person = Person(NETWORK, NETWORK, NETWORK, PENDING, NETWORK, ok(GRANT))
    person.run()
    assert person.waits == [2, 2, 4, 8, 2, 2]
    assert "cannot be reached" in person.reasons[1]
    assert person.reasons[4] == ""


def test_network_errors_are_borne_until_the_code_expires():
    person = Person(*[NETWORK] * 100)
    with pytest.raises(LoginExpired):
        person.run()
    assert max(person.waits) == 60


def test_retry_after_of_a_failing_service_is_honoured():
    person = Person(FormReply(503, b"{}", retry_after=30), ok(GRANT))
    person.run()
    assert person.waits == [2, 30]


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (FormReply(429, SLOW, retry_after=7), 7),
        (FormReply(429, b'{"error": "too_many_requests"}', retry_after=90), 90),
        (FormReply(408, b""), 2),
        (FormReply(429, b"null"), 2),
        (FormReply(400, b'{"error": "temporarily_unavailable"}'), 2),
        (FormReply(302, b""), 2),
        (FormReply(204, b""), 2),
        (FormReply(200, b"null"), 2),
    ],
)
def test_a_poll_that_is_no_decision_is_followed_by_another_one(reply, wait):
    person = Person(reply, ok(GRANT))
    person.run()
    assert person.waits == [2, wait]
    assert person.reasons[1]


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (FormReply(302, b""), ProtocolError, "redirects elsewhere"),
        (FormReply(204, b""), ProtocolError, "answered nothing"),
        (FormReply(200, b"null"), ProtocolError, "not JSON"),
        (FormReply(500, b'{"message": "database"}'), ServiceUnavailable, "database"),
        (FormReply(504, b""), LoginUnavailable, "any more"),
        (FormReply(404, b"{}"), LoginUnavailable, "any more"),
        (
            FormReply(403, b'{"error": "region", "error_description": "not in your country"}'),
            RequestRejected,
            "country",
        ),
    ],
)
@pytest.mark.parametrize("place", ["device", "poll"])
def test_what_a_service_answers_for_good_is_said_in_its_words_and_ended_only_for_what_means_it(
    reply, error, said, place
):
    person = Person(device=reply) if place == "device" else Person(*[reply] * BAD_REPLIES)
    with pytest.raises(error, match=said):
        person.run()


def test_requests_to_wait_are_borne_until_the_code_expires():
    with pytest.raises(LoginExpired):
        Person(*[FormReply(429, SLOW, retry_after=30)] * 100).run()


@pytest.mark.parametrize(
    ("replies", "waits"),
    [
        ([FormReply(429, SLOW, retry_after=2)], [2]),
        ([FormReply(429, SLOW), FormReply(408, b"")], [5, 10]),
        ([FormReply(503, b"", retry_after=3)], [3]),
    ],
)
def test_a_code_is_asked_for_again_after_the_wait_that_the_service_wants(replies, waits):
    person = Person(*replies[1:], ok(DEVICE), ok(GRANT), device=replies[0])
    person.run()
    assert person.waits == [*waits, 2]
    assert all(person.reasons[: len(waits)])


@pytest.mark.parametrize(
    "replies", [[FormReply(429, SLOW, retry_after=600)], [FormReply(429, SLOW, retry_after=2)] * 3]
)
def test_a_code_that_has_to_be_waited_for_too_long_is_an_error_that_says_so(replies):
    person = Person(*replies[1:], device=replies[0])
    with pytest.raises(RateLimited, match="slow"):
        person.run()


def test_a_login_that_answers_only_web_pages_is_said_to_be_gone():
    person = Person(*[HTML] * BAD_REPLIES)
    with pytest.raises(LoginUnavailable, match="any more"):
        person.run()


def test_single_web_pages_between_good_answers_are_borne():
    person = Person(*[HTML, PENDING] * 6, ok(GRANT))
    assert person.run().access == Secret("a-1")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"{", b"\xff\xfe", b"12", b"[" * 100_000])
def test_answers_that_are_no_object_are_typed_errors(body):
    with pytest.raises(OpenClawError):
        Person(*[FormReply(200, body)] * BAD_REPLIES).run()


@pytest.mark.parametrize(
    "device",
    [
        FormReply(404, b"<html>"), FormReply(200, b"<html>"), FormReply(500, b""), NETWORK,
        FormReply(401, b'{"error": "gone"}'),
        {**DEVICE, "device_code": None}, {**DEVICE, "device_code": ""}, {**DEVICE, "user_code": 7},
        {k: v for k, v in DEVICE.items() if k != "user_code"},
        {k: v for k, v in DEVICE.items() if k != "verification_uri"},
    ],
)  # fmt: skip
def test_an_unusable_first_answer_is_a_typed_error_and_nothing_is_shown(device):
    person = Person(device=device)
    with pytest.raises(OpenClawError):
        person.run()
    assert person.prompts == []


@pytest.mark.parametrize(
    "code", ["<b>A</b>", "A\nB", "\x1b[31mRED", "A" * 65, "", "ABCD EFGH", "\u202eABC", "a'b", 'a"b']
)
def test_a_user_code_that_could_be_markup_is_refused(code):
    with pytest.raises(ProtocolError, match="user_code"):
        Person(device={**DEVICE, "user_code": code}).run()


BAD_LINKS = [
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "-qwen.ai", "http://chat.qwen.ai/x",
    "https://chat.qwen.ai.evil.example/x", "https://evilqwen.ai/x", "https://user@chat.qwen.ai/x",
    "https://chat.qwen.ai@evil.example/x", "https://evil.example/chat.qwen.ai", "https://chat.qwen.ai\\@evil.example/",
    "https://chat.qwen.ai/<script>", 'https://chat.qwen.ai/"onclick=', "https://chat.qwen.ai/\nx", "https://127.0.0.1/x",
    "https://чат.qwen.ai/", "//chat.qwen.ai/x", "https://", "https://chat.qwen.ai:port/x", 17, None, "x" * 5000,
    "https://[::1", "http://127.0.0.1:8000/authorize",
]  # fmt: skip


@pytest.mark.parametrize("link", BAD_LINKS)
@pytest.mark.parametrize("field", ["verification_uri", "verification_uri_complete"])
def test_only_https_links_of_the_provider_are_ever_shown(link, field):
    person = Person(ok(GRANT), device={**DEVICE, field: link})
    if field == "verification_uri_complete" and not link:
        person.run()
        assert person.prompts[0].link == DEVICE["verification_uri"]
        return
    with pytest.raises(ProtocolError):
        person.run()
    assert person.prompts == []


def test_a_loopback_link_is_shown_only_where_the_person_pointed_the_login_there():
    local = {
        **DEVICE,
        "verification_uri": "http://127.0.0.1:8000/authorize",
        "verification_uri_complete": None,
    }
    at = DeviceEndpoints(
        "http://127.0.0.1:8000/d", "http://127.0.0.1:8000/t", "c", "s", ("qwen.ai",), loopback=True
    )
    person = Person(ok(GRANT), device=local, at=at)
    person.run()
    assert person.prompts[0].link == "http://127.0.0.1:8000/authorize"


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None}, {"access_token": ""}, {"access_token": 3}, {"access_token": "a\r\nX: y"},
        {"access_token": "naïve"}, {"access_token": "a b"}, {"token_type": "mac"}, {"token_type": 5},
        {"refresh_token": ["x"]},
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_a_header_is_refused(change):
    with pytest.raises(ProtocolError):
        Person(ok({**GRANT, **change})).run()


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (0, 900),
        (-5, 900),
        (None, 900),
        ("soon", 900),
        (10**18, 366 * 86400),
        (0.2, 1),
        (1e400, 900),
        (True, 900),
    ],
)
def test_the_lifetime_of_a_token_is_made_usable(expires_in, seconds):
    assert Person(ok({**GRANT, "expires_in": expires_in})).run().expires_in == seconds


def test_no_secret_is_in_the_repr_of_any_step():
    person = Person(ok(GRANT))
    grant = person.run()
    shown = repr(person.posts) + repr(grant) + repr(PKCE)
    for secret in ("d-0001", "a-1", "r-1", PKCE.verifier.reveal()):
        assert secret not in shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["error", "status", "access_token", "refresh_token", "expires_in", "interval", "token_type"]
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 400, 401, 429, 500]), st.dictionaries(fields, json_values) | json_values
        ),
        max_size=6,
    )
)
def test_whatever_the_service_answers_the_login_ends_in_tokens_or_a_typed_error(answers):
    person = Person(*[FormReply(status, json.dumps(body).encode()) for status, body in answers])
    try:
        assert isinstance(person.run(), TokenGrant)
    except OpenClawError:
        pass
    assert all(0 < wait <= 60 for wait in person.waits)


@given(st.dictionaries(st.sampled_from(list(DEVICE)), json_values))
def test_whatever_the_first_answer_holds_only_safe_prompts_are_shown(changes):
    person = Person(ok(GRANT), device={**DEVICE, **changes})
    try:
        person.run()
    except OpenClawError:
        return
    prompt = person.prompts[0]
    assert prompt.link.startswith("https://chat.qwen.ai/")
    assert prompt.user_code.replace("-", "").isalnum()


# -- refresh --------------------------------------------------------------------------------


def refreshed(*answers):
    flow = refresh_flow("https://chat.qwen.ai/token", "client-1", Secret("r-old"))
    step, left, waits = flow.send(None), list(answers), []
    try:
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                step = flow.send(None)
            else:
                step = flow.send(left.pop(0))
    except StopIteration as done:
        assert not left
        return (done.value, waits) if waits else done.value


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (FormReply(429, SLOW, retry_after=2), 2),
        (FormReply(429, b""), 1),
        (FormReply(408, b"{}"), 1),
        (FormReply(503, b"<html>", retry_after=5), 5),
        (FormReply(400, b'{"error": "temporarily_unavailable"}'), 1),
    ],
)
def test_a_refresh_that_is_asked_to_wait_waits_and_tries_once_more(reply, wait):
    grant, waits = refreshed(reply, ok(GRANT))
    assert grant.access == Secret("a-1")
    assert waits == [wait]


@pytest.mark.parametrize(
    ("replies", "error", "said"),
    [
        ([FormReply(429, SLOW, retry_after=90)], RateLimited, "slow"),
        ([FormReply(429, b'{"error": {"message": "slow"}}', retry_after=90)], RateLimited, "slow"),
        ([FormReply(429, SLOW)] * 2, RateLimited, "slow"),
        ([FormReply(400, b'{"error": "server_error"}')] * 2, ServiceUnavailable, "server_error"),
    ],
)
def test_a_wait_that_is_too_long_is_an_error_in_the_words_of_the_service(replies, error, said):
    with pytest.raises(error, match=said) as caught:
        refreshed(*replies)
    assert "{" not in str(caught.value)
    assert not isinstance(caught.value, AuthError)
    if error is RateLimited:
        assert caught.value.retry_after == replies[0].retry_after


def test_a_refresh_brings_a_new_pair():
    assert refreshed(ok(GRANT)).refresh == Secret("r-1")


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one():
    assert refreshed(ok({k: v for k, v in GRANT.items() if k != "refresh_token"})).refresh is None


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_says_to_sign_in_again(status):
    with pytest.raises(RefreshRejected) as caught:
        refreshed(
            FormReply(
                status,
                b'{"error":"invalid_request","error_description":"Invalid refresh token or client_id"}',
            )
        )
    assert caught.value.hint == "%openclaw login --force"


@pytest.mark.parametrize(
    "answer",
    [
        FormReply(400, b"<html>"),
        FormReply(401, b""),
        HTML,
        NETWORK,
        FormReply(200, b"[]"),
        FormReply(500, b"{}"),
    ],
)
def test_a_page_or_a_failing_server_is_no_proof_that_the_token_is_dead(answer):
    with pytest.raises(OpenClawError) as caught:
        refreshed(answer)
    assert not isinstance(caught.value, RefreshRejected)
    assert not isinstance(caught.value, AuthError)
