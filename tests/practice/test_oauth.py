"""Sign-in: device codes with PKCE, polling, and rotating tokens."""

from __future__ import annotations

import re

import pytest


def test_the_device_response_has_every_field_of_the_protocol(ask):
    reply = ask.device_code()
    assert reply.status == 200
    invitation = reply.json()
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", invitation["user_code"])
    assert invitation["verification_uri"] == "http://127.0.0.1:8642/authorize"
    assert invitation["verification_uri_complete"] == (
        f"http://127.0.0.1:8642/authorize?user_code={invitation['user_code']}&client=qwen-code"
    )
    assert invitation["expires_in"] == 900
    assert invitation["interval"] == 1
    assert invitation["device_code"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": None}, "invalid_request"),
        ({"client_id": "somebody"}, "invalid_client"),
        ({"scope": None}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_an_invalid_device_request_is_refused(ask, changes, error):
    reply = ask.device_code(**changes)
    assert (reply.status, reply.error) == (400, error)


def test_oauth_endpoints_accept_forms_only(ask):
    reply = ask.send("POST", "/api/v1/oauth2/device/code", b"{}", content_type="application/json")
    assert (reply.status, reply.error) == (400, "invalid_request")


@pytest.mark.parametrize("value", [None, 0, -1, "2", 10**18, 7.5])
def test_interval_is_sent_as_scripted(ask, portal, value):
    portal.interval(value)
    invitation = ask.device_code().json()
    assert invitation.get("interval", "absent") == ("absent" if value is None else value)


def test_a_poll_before_the_decision_is_pending(ask):
    reply = ask.poll(ask.device_code().json()["device_code"])
    assert (reply.status, reply.error) == (400, "authorization_pending")


def test_approval_gives_tokens_for_a_minute_of_chat(ask, portal, clock):
    portal.token_lifetime(60)
    invitation = ask.device_code().json()
    portal.approve(invitation["user_code"])
    token = ask.poll(invitation["device_code"]).json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 60
    assert token["resource_url"] == "http://127.0.0.1:8642/v1"
    assert ask.chat("hello", token=token["access_token"]).status == 200
    clock.tick(60)
    late = ask.chat("hello", token=token["access_token"])
    assert late.status == 401
    assert late.json()["error"] == {
        "code": "invalid_api_key",
        "message": "invalid access token or token expired",
        "param": None,
        "type": "invalid_request_error",
    }
    assert late.json()["request_id"]


def test_a_device_code_works_once(ask, portal):
    invitation = ask.device_code().json()
    portal.approve(invitation["user_code"])
    assert ask.poll(invitation["device_code"]).status == 200
    again = ask.poll(invitation["device_code"])
    assert (again.status, again.error) == (400, "invalid_grant")


@pytest.mark.parametrize("verifier", ["w" * 43, "", "v" * 42, "v" * 129, "é" * 43])
def test_another_verifier_is_refused_even_after_approval(ask, portal, verifier):
    invitation = ask.device_code().json()
    portal.approve(invitation["user_code"])
    refused = ask.poll(invitation["device_code"], code_verifier=verifier)
    assert (refused.status, refused.error) == (400, "invalid_grant")
    assert ask.poll(invitation["device_code"]).status in (200, 429)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "somebody"}, "invalid_client"),
        ({"device_code": "made up"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
def test_an_invalid_token_request_is_refused(ask, portal, changes, error):
    invitation = ask.device_code().json()
    portal.approve(invitation["user_code"])
    reply = ask.poll(invitation["device_code"], **changes)
    assert (reply.status, reply.error) == (400, error)


def test_a_poll_within_the_interval_is_told_to_slow_down(ask, portal, clock):
    portal.interval(5)
    code = ask.device_code().json()["device_code"]
    assert ask.poll(code).error == "authorization_pending"
    clock.tick(3)
    early = ask.poll(code)
    assert (early.status, early.error) == (429, "slow_down")
    clock.tick(4.9)  # timers are not exact
    assert ask.poll(code).error == "authorization_pending"


def test_enforcement_of_the_interval_can_be_disabled(ask, portal):
    portal.interval(5, enforced=0)
    code = ask.device_code().json()["device_code"]
    assert [ask.poll(code).error for _ in range(3)] == ["authorization_pending"] * 3


def test_slow_down_can_be_scripted(ask, portal, clock):
    portal.slows_down(2)
    code = ask.device_code().json()["device_code"]
    errors = []
    for _ in range(3):
        errors.append(ask.poll(code).error)
        clock.tick(60)
    assert errors == ["slow_down", "slow_down", "authorization_pending"]


def test_approve_after_counts_the_pending_polls(ask, portal, clock):
    portal.approve_after(polls=2)
    code = ask.device_code().json()["device_code"]
    statuses = []
    for _ in range(3):
        statuses.append(ask.poll(code).status)
        clock.tick(1)
    assert statuses == [400, 400, 200]


@pytest.mark.parametrize("by", ["policy", "code"])
def test_a_denied_sign_in_ends(ask, portal, clock, by):
    invitation = ask.device_code().json()
    if by == "policy":
        portal.denies()
    else:
        portal.deny(invitation["user_code"])
    for _ in range(2):
        reply = ask.poll(invitation["device_code"])
        assert (reply.status, reply.error) == (400, "access_denied")
        clock.tick(1)


def test_an_approved_code_expires_too(ask, portal, clock):
    portal.expires_in(30)
    invitation = ask.device_code().json()
    portal.approve(invitation["user_code"])
    clock.tick(30)
    reply = ask.poll(invitation["device_code"])
    assert (reply.status, reply.error) == (400, "expired_token")


def test_approving_an_unknown_code_raises_lookup_error(ask, portal):
    with pytest.raises(LookupError):
        portal.approve("ABCD-EFGH")
    user_code = ask.device_code().json()["user_code"]
    portal.deny(user_code)
    with pytest.raises(LookupError):
        portal.approve(user_code)


def test_a_refresh_token_works_once_and_returns_its_successor(ask, portal):
    first = portal.issue()
    second = ask.refresh(first["refresh_token"])
    assert second.status == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert ask.chat("hello", token=second.json()["access_token"]).status == 200
    again = ask.refresh(first["refresh_token"])
    assert again.status == 400
    assert again.json() == {
        "error": "invalid_request",
        "error_description": "Invalid refresh token or client_id",
    }
    assert ask.refresh(second.json()["refresh_token"]).status == 200


def test_a_refused_client_does_not_use_up_the_refresh_token(ask, portal):
    token = portal.issue()["refresh_token"]
    assert ask.refresh(token, client_id="somebody").status == 400
    assert ask.refresh(token).status == 200


def test_refresh_tokens_can_be_revoked(ask, portal):
    token = portal.issue()["refresh_token"]
    portal.revokes_refresh()
    assert ask.refresh(token).status == 400


def test_access_tokens_can_be_expired_and_refreshed(ask, portal):
    token = portal.issue()
    portal.expires_tokens()
    assert ask.chat("hello", token=token["access_token"]).status == 401
    renewed = ask.refresh(token["refresh_token"]).json()["access_token"]
    assert ask.chat("hello", token=renewed).status == 200


@pytest.mark.parametrize("value", ["portal.qwen.ai", None])
def test_resource_url_is_sent_as_scripted(ask, portal, value):
    portal.resource_url(value)
    reply = ask.refresh(portal.issue()["refresh_token"]).json()
    assert reply.get("resource_url") == value
    assert ("resource_url" in reply) is (value is not None)


def test_api_keys_are_accepted_once_scripted(ask, portal):
    assert ask.chat("hello", token="sk-made-up").status == 401
    portal.accepts_key("sk-made-up")
    assert ask.chat("hello", token="sk-made-up").status == 200


@pytest.mark.parametrize("token", ["", "qwen-oauth"])
def test_no_token_and_the_placeholder_are_refused(ask, token):
    assert ask.chat("hello", token=token).status == 401
    assert ask.send("GET", "/v1/models", authorization=f"Bearer {token}").status == 401


def test_two_sign_ins_are_independent(ask, portal):
    one, two = ask.device_code().json(), ask.device_code().json()
    portal.approve(one["user_code"]).deny(two["user_code"])
    assert ask.poll(two["device_code"]).error == "access_denied"
    assert ask.poll(one["device_code"]).status == 200


def test_a_retired_portal_signs_in_and_refuses_the_chat(ask, portal):
    portal.retired().approve_after(0)
    token = ask.poll(ask.device_code().json()["device_code"])
    assert token.status == 200
    assert ask.chat("hello", token=token.json()["access_token"]).status == 401


def test_a_retired_token_endpoint_answers_504_with_a_page(ask, portal):
    portal.retired(signs_in=False)
    invitation = ask.device_code()
    assert invitation.status == 200
    reply = ask.poll(invitation.json()["device_code"])
    assert (reply.status, reply.headers["content-type"]) == (504, "text/html; charset=utf-8")


def test_old_codes_are_deleted(ask, portal, clock):
    old = ask.device_code().json()["device_code"]
    clock.tick(2 * 86_400)
    ask.device_code()
    assert ask.poll(old).error == "invalid_grant"


def test_reprs_hide_tokens(ask, portal):
    token = portal.issue()["access_token"]
    ask.chat("hello", token=token)
    ask.refresh(portal.issue()["refresh_token"])
    assert "practice-" not in repr(portal.requests)
