"""What can go wrong around a sign-in, beyond single answers: clocks, redirects, two at once, hostile words."""

import asyncio
import json
import os

import httpx
import pytest

from openclaw_ipython.auth.device_flow import DeviceEndpoints, FormReply, Pkce, Post, Show, Wait, device_flow
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import OpenClawError, ProtocolError, RequestRejected, ServiceError
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in

AT = DeviceEndpoints("https://chat.qwen.ai/d", "https://chat.qwen.ai/t", "client-1", "openid", ("qwen.ai",))
DEVICE = {
    "device_code": "d-0001",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://chat.qwen.ai/authorize",
}
GRANT = {"access_token": "a-0001", "refresh_token": "r-0001", "token_type": "Bearer", "expires_in": 3600}


def carried_out(*answers):
    """Send a flow the answers (dictionaries are 200s); its result, what was shown, and its waits."""
    now, waits, shown = 0.0, [], []
    left = [FormReply(200, json.dumps(a).encode()) if isinstance(a, dict) else a for a in answers]
    flow = device_flow(AT, Pkce.make(os.urandom), lambda: now)
    sent = None
    try:
        while True:
            match flow.send(sent):
                case Post():
                    sent = left.pop(0)
                case Show(prompt):
                    shown.append(prompt)
                    sent = None
                case Wait(seconds):
                    waits.append(seconds)
                    now += seconds
                    sent = None
    except StopIteration as done:
        return done.value, shown, waits


def test_a_link_without_the_code_in_it_is_shown_where_there_is_no_other():
    _, (prompt,), _ = carried_out(DEVICE, GRANT)
    assert (prompt.link, prompt.user_code) == ("https://chat.qwen.ai/authorize", "ABCD-EFGH")


def test_fields_that_nobody_knows_are_passed_over():
    grant, _, _ = carried_out({**DEVICE, "new": {"a": [1]}}, {**GRANT, "id_token": 7, "scope": ["x"]})
    assert grant.access.reveal() == "a-0001"


def test_a_429_that_is_no_oauth_is_waited_for_as_long_as_it_says():
    _, _, waits = carried_out(
        DEVICE, FormReply(429, b"", retry_after=30), FormReply(429, b'{"error": {"a": 1}}'), GRANT
    )
    assert waits == [5, 30, 10]


@pytest.mark.parametrize("missing", DEVICE)
def test_an_answer_to_the_first_step_without_a_field_is_an_error_that_names_it(missing):
    with pytest.raises(ProtocolError, match=missing):
        carried_out({key: value for key, value in DEVICE.items() if key != missing})


@pytest.mark.parametrize("missing", ["access_token"])
def test_a_grant_without_a_token_is_an_error_that_names_it(missing):
    with pytest.raises(ProtocolError, match=missing):
        carried_out(DEVICE, {key: value for key, value in GRANT.items() if key != missing})


HOSTILE_WORDS = (
    "<script>\x1b[31m\u202e see Bearer abcdef0123456789 and sk-0123456789abcdef0123 " + "x" * 100_000
)


@pytest.mark.parametrize("field", ["error", "error_description", "message"])
def test_the_words_of_a_refusal_are_short_without_secrets_and_printable(field):
    refusal = (
        {"error": "no_such_thing", field: HOSTILE_WORDS} if field != "message" else {"message": HOSTILE_WORDS}
    )
    with pytest.raises(RequestRejected) as caught:
        carried_out(DEVICE, FormReply(400, json.dumps(refusal).encode()))
    said = str(caught.value)
    assert len(said) < 300
    assert "abcdef0123" not in said
    assert "\x1b" not in said
    assert "\u202e" not in said


# -- a whole client ---------------------------------------------------------------------------


class Listening(httpx.AsyncBaseTransport):
    """Passes on to another transport and keeps the answers to token requests."""

    def __init__(self, transport):
        self.transport = transport
        self.grants = []

    async def handle_async_request(self, request):
        response = await self.transport.handle_async_request(request)
        if request.url.path.endswith("/token"):
            answer = json.loads(await response.aread())
            if "access_token" in answer:
                self.grants.append((answer["access_token"], answer["refresh_token"]))
        return response


def client_of(house, transport, clock=None):
    clock = clock or house.clock
    runtime = Runtime(house.environ, clock, house.clock, house.clock.sleep, lambda: 0.0, os.urandom)
    store = Store(house.home, Runtime(house.environ, clock=clock))
    return Client(store=store, providers=built_in(), transport=transport, runtime=runtime)


def test_a_wall_clock_that_jumps_changes_nothing_while_a_sign_in_waits(house):
    jumps = iter([0.0, 86_400.0, -86_400.0] * 1000)

    def wall():
        return house.clock() + next(jumps)

    house.portal.approve_after(3)
    outcome = asyncio.run(house.login(client_of(house, house.portal.transport(), wall)))
    assert outcome.profile_id == "qwen-portal:default"
    assert len(set(house.clock.slept)) == 1  # every wait as long as the service said


def test_of_two_sign_ins_at_once_the_later_one_is_there_as_a_whole(house):
    house.portal.approve_after(1)
    transport = Listening(house.portal.transport())

    async def both():
        return await asyncio.gather(
            *(house.login(client_of(house, transport), set_default=True) for _ in range(2))
        )

    asyncio.run(both())
    profile = house.profiles()["qwen-portal:default"]
    assert len(transport.grants) == 2
    assert (profile["access"], profile["refresh"]) == transport.grants[-1]
    assert asyncio.run(house.another().ask("hi"))


# -- redirects --------------------------------------------------------------------------------

ELSEWHERE = {"location": "https://elsewhere.invalid/take/it"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["device/code", "oauth2/token"])
def test_a_redirect_at_the_sign_in_is_not_followed(house, path, status):
    house.portal.fails_next(path, status, "", ELSEWHERE, times=None)
    with pytest.raises(OpenClawError):
        asyncio.run(house.login())
    assert {request.origin for request in house.portal.requests} == {"http://127.0.0.1:8642"}
    assert house.files() == {}


@pytest.mark.parametrize("status", [307, 308])
def test_a_refresh_token_is_not_carried_to_where_the_service_points(house, status):
    asyncio.run(house.login())
    house.clock.now += 30 * 86_400
    house.portal.expires_tokens().fails_next("oauth2/token", status, "", ELSEWHERE, times=None)
    before = house.profiles()
    with pytest.raises(ServiceError):
        asyncio.run(house.another().ask("hi"))
    assert "elsewhere.invalid" not in {request.origin for request in house.portal.requests}
    assert house.profiles()["qwen-portal:default"]["refresh"] == before["qwen-portal:default"]["refresh"]
