"""Cooldowns after failures: OpenClaw's numbers, records as its releases write them, and any content of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.cooldown import (
    Backoff,
    after_failure,
    after_success,
    cooldown_of,
    has_failures,
    last_change,
    without_failures,
)

NOW = 1_795_336_674_150
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def test_a_first_rate_limit_writes_what_openclaw_writes():
    assert after_failure({}, "rate_limit", NOW, Backoff()) == {
        "errorCount": 1,
        "failureCounts": {"rate_limit": 1},
        "lastFailureAt": 1_795_336_674_150,
        "cooldownUntil": 1_795_336_734_150,
    }


def test_a_first_billing_failure_writes_what_openclaw_writes():
    assert after_failure({}, "billing", 1_795_336_721_295, Backoff()) == {
        "errorCount": 1,
        "failureCounts": {"billing": 1},
        "lastFailureAt": 1_795_336_721_295,
        "disabledUntil": 1_795_354_721_295,
        "disabledReason": "billing",
    }


@pytest.mark.parametrize(
    ("before", "minutes"), [(0, 1), (1, 5), (2, 25), (3, 60), (4, 60), (400, 60), (2**31, 1), ("3", 1)]
)
@pytest.mark.parametrize("reason", ["rate_limit", "auth"])
def test_each_failure_makes_the_cooldown_five_times_as_long_up_to_an_hour(before, minutes, reason):
    record = {"errorCount": before, "lastFailureAt": NOW - MINUTE}
    assert after_failure(record, reason, NOW, Backoff())["cooldownUntil"] == NOW + minutes * MINUTE


@pytest.mark.parametrize(("before", "hours"), [(0, 5), (1, 10), (2, 20), (3, 24), (4, 24), (400, 24)])
def test_each_billing_failure_doubles_the_cooldown_up_to_a_day(before, hours):
    record = {"errorCount": 7, "failureCounts": {"billing": before}, "lastFailureAt": NOW - MINUTE}
    assert after_failure(record, "billing", NOW, Backoff())["disabledUntil"] == NOW + hours * HOUR


def test_a_current_cooldown_is_not_extended():
    first = after_failure({}, "rate_limit", NOW, Backoff())
    second = after_failure(first, "rate_limit", NOW + 30_000, Backoff())
    assert second["cooldownUntil"] == first["cooldownUntil"]
    assert second["errorCount"] == 2
    paid = after_failure(second, "billing", NOW + 31_000, Backoff())
    assert after_failure(paid, "billing", NOW + HOUR, Backoff())["disabledUntil"] == paid["disabledUntil"]


def test_counting_starts_again_after_a_finished_cooldown():
    first = after_failure({"errorCount": 2}, "rate_limit", NOW, Backoff())
    assert first["cooldownUntil"] == NOW + 25 * MINUTE
    after = after_failure(first, "rate_limit", NOW + 25 * MINUTE, Backoff())
    assert after["errorCount"] == 1
    assert after["failureCounts"] == {"rate_limit": 1}
    assert after["cooldownUntil"] == NOW + 26 * MINUTE


def test_during_a_billing_cooldown_the_end_of_a_shorter_one_restarts_nothing():
    record = after_failure(after_failure({}, "rate_limit", NOW, Backoff()), "billing", NOW, Backoff())
    after = after_failure(record, "rate_limit", NOW + 2 * MINUTE, Backoff())
    assert after["errorCount"] == 3
    assert after["disabledUntil"] == record["disabledUntil"]
    assert after["cooldownUntil"] == NOW + 27 * MINUTE


def test_counting_starts_anew_after_a_day_without_failure():
    record = {"errorCount": 3, "failureCounts": {"auth": 3}, "lastFailureAt": NOW - DAY - 1}
    after = after_failure(record, "auth", NOW, Backoff())
    assert after["errorCount"] == 1
    assert after["failureCounts"] == {"auth": 1}
    assert after_failure(record | {"lastFailureAt": NOW - DAY}, "auth", NOW, Backoff())["errorCount"] == 4


def test_the_longer_of_two_cooldowns_counts_with_its_reason():
    record = after_failure(after_failure({}, "rate_limit", NOW, Backoff()), "billing", NOW, Backoff())
    cooldown = cooldown_of(record, NOW + 1000)
    assert cooldown is not None
    assert cooldown.seconds == 5 * 3600 - 1
    assert cooldown.why == "quota or balance used up"
    assert cooldown.time_left == "5 h"


def test_a_cooldown_ends_at_its_time():
    record = after_failure({}, "auth", NOW, Backoff())
    cooldown = cooldown_of(record, NOW + 15_500)
    assert cooldown is not None
    assert (cooldown.time_left, cooldown.why) == ("45 s", "login not accepted")
    assert cooldown_of(record, NOW + MINUTE - 1) is not None
    assert cooldown_of(record, NOW + MINUTE) is None


def test_success_leaves_no_failures_and_foreign_keys():
    record = after_failure({"theirs": [1]}, "billing", NOW, Backoff())
    assert after_success(record, NOW + 5) == {"theirs": [1], "errorCount": 0, "lastUsed": NOW + 5}
    assert not has_failures(after_success(record, NOW + 5))
    assert without_failures(record | {"lastUsed": 7}) == {"theirs": [1], "errorCount": 0, "lastUsed": 7}


@pytest.mark.parametrize(
    ("settings", "provider", "first", "most", "window"),
    [
        (None, "p", 5, 24, 24),
        ({}, "p", 5, 24, 24),
        ({"billingBackoffHours": 1, "billingMaxHours": 3, "failureWindowHours": 2}, "p", 1, 3, 2),
        ({"billingBackoffHours": 1, "billingBackoffHoursByProvider": {"P": 2, "q": 9}}, "p", 2, 24, 24),
        ({"billingBackoffHours": 0, "billingMaxHours": -1, "failureWindowHours": "2"}, "p", 5, 24, 24),
        ({"billingBackoffHours": True, "billingMaxHours": 1e99}, "p", 5, 24, 24),
        ({"billingBackoffHours": 30}, "p", 30, 24, 24),
        ("nonsense", "p", 5, 24, 24),
    ],
)
def test_the_cooldowns_can_be_configured(settings, provider, first, most, window):
    backoff = Backoff.of(settings, provider)
    assert backoff == Backoff(first * HOUR, most * HOUR, window * HOUR)
    assert after_failure({}, "billing", NOW, backoff)["disabledUntil"] == NOW + first * HOUR


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
)
records = st.dictionaries(
    st.sampled_from(
        ["errorCount", "failureCounts", "lastFailureAt", "cooldownUntil", "disabledUntil", "lastUsed", "x"]
    ),
    junk,
)


@given(records, st.sampled_from(["rate_limit", "billing", "auth"]), junk)
def test_whatever_a_record_holds_the_next_one_is_sound(record, reason, settings):
    now = NOW
    after = after_failure(record, reason, now, Backoff.of(settings, "p"))
    cooldown = cooldown_of(after, now)
    assert cooldown is not None
    assert cooldown.seconds > 0
    assert cooldown.time_left
    assert after.get("x") == record.get("x") or after["x"] != after["x"]  # or NaN
    assert last_change(after) >= now
    assert cooldown_of(after_success(after, now), now) is None
