"""The route that is tried after an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.cooldown import Cooldown
from openclaw_ipython.auth.resolver import Credential
from openclaw_ipython.chat.types import ChatRequest
from openclaw_ipython.dispatch.failover import (
    Failover,
    ResolvedRequest,
    choose_route,
    cooldown_reason,
    scope_of,
)
from openclaw_ipython.errors import (
    ConfigError,
    LoginRequired,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    RefreshRejected,
    RequestRejected,
    ServiceUnavailable,
    StreamBroken,
    UnknownModel,
    UsageError,
)
from openclaw_ipython.openclaw.model_refs import ModelRef
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.sanitize.secrets import Secret


def route(model, login, cooldown=None):
    """A question to `p/model` by the profile `p:…` or the key `K…`."""
    if login.startswith("p:"):
        credential = Credential("p", "profile", StoredProfile(login, "oauth", "p"), cooldown=cooldown)
    else:
        credential = Credential("p", f"env: {login}", key=Secret(login), cooldown=cooldown)
    return ResolvedRequest(ModelRef("p", model), "https://p.example", ChatRequest(model, ()), credential)


@pytest.mark.parametrize(
    ("error", "scope", "reason"),
    [
        (RateLimited("x"), "limit", "rate_limit"),
        (QuotaExceeded("x", status=402), "limit", "billing"),
        (QuotaExceeded("x", status=403), "limit", "billing"),
        (QuotaExceeded("x", status=429), "limit", "rate_limit"),
        (QuotaExceeded("x"), "limit", "rate_limit"),
        (LoginRequired("x"), "login", "auth"),
        (RefreshRejected("x"), "login", None),
        (ServiceUnavailable("x", status=503), "model", None),
        (ProtocolError("x"), "model", None),
        (StreamBroken("x"), "model", None),
        (RequestRejected("x", status=404), "model", None),
        (RequestRejected("x", status=403), "model", None),
        (RequestRejected("x", status=400, code="model_not_found"), "model", None),
        (RequestRejected("x", status=400), None, None),
        (RequestRejected("x"), None, None),
        (UsageError("x"), None, None),
        (UnknownModel("x"), None, None),
        (ConfigError("x"), None, None),
    ],
)
def test_each_error_has_a_scope_and_a_cooldown_reason(error, scope, reason):
    assert scope_of(error) == scope
    assert cooldown_reason(error) == reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimited("x"), "one by K1"),
        (QuotaExceeded("x", status=402), "two by p:b"),
        (LoginRequired("x"), "two by p:b"),
        (ServiceUnavailable("x"), "two by p:b"),
        (UsageError("x"), None),
    ],
)
def test_the_route_after_a_failed_login(error, expected):
    failover = Failover(choose_route([route("one", "p:a"), route("one", "K1"), route("two", "p:b")]))
    found = None
    if failover.advance(error):
        found = f"{failover.current.ref.model} by {failover.current.credential.id.removeprefix('p env: ')}"
    assert found == expected


def test_logins_in_cooldown_come_last():
    cooldown = Cooldown(90, "too many requests")
    question = choose_route(
        [
            route("one", "p:a", cooldown),
            route("two", "p:b"),
            route("three", "p:c", cooldown),
            route("four", "p:d"),
        ]
    )
    assert question.ref.model == "two"
    assert question.requested_model.model == "one"
    failover = Failover(question)
    order = [failover.current.ref.model]
    while failover.advance(RateLimited("x")):
        order.append(failover.current.ref.model)
    assert order == ["two", "four", "one", "three"]


def test_with_every_login_in_cooldown_the_first_is_used():
    cooldown = Cooldown(90, "too many requests")
    question = choose_route([route("one", "p:a", cooldown), route("two", "p:b", cooldown)])
    assert question.ref.model == "one"
    assert question.skipped == ()
    assert question.notes == ("p:a: cooling down for 90 s (too many requests); used all the same",)


ERRORS = (
    RateLimited("x"),
    QuotaExceeded("x", status=402),
    LoginRequired("x"),
    RefreshRejected("x"),
    ServiceUnavailable("x"),
    RequestRejected("x", status=404),
    RequestRejected("x", status=400),
)
ways = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(["p:1", "p:2", "K1", "K2"]),
    st.none() | st.builds(Cooldown, st.floats(1, 9e4), st.just("failures")),
)


@given(st.lists(ways, min_size=1, max_size=8, unique_by=lambda w: w[:2]), st.data())
def test_every_route_is_tried_at_most_once_and_every_switch_is_noted(found, data):
    failover = Failover(choose_route([route(*parts) for parts in found]))
    taken = [(failover.current.ref, failover.current.credential.id)]
    while failover.advance(data.draw(st.sampled_from(ERRORS))):
        assert list(failover.notes())
        taken.append((failover.current.ref, failover.current.credential.id))
    assert len(taken) == len(set(taken)) <= len(found)
