"""How fast is asked: pure arithmetic over a clock that is a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.batch.rate_limit import LONGEST_PAUSE, Limits, Pacer


def pacer(concurrency=8, requests=None, tokens=None, window=None, random=1.0):
    return Pacer(Limits(concurrency, requests, tokens), 0.0, lambda: random, window)


def start_all(pace, now=0.0):
    tickets = []
    while pace.wait(now) == 0:
        tickets.append(pace.start(0, now))
    return tickets


def test_as_many_requests_are_under_way_as_the_window_is_wide():
    pace = pacer(concurrency=5)
    assert len(start_all(pace)) == 5
    assert pace.wait(0.0) is None


@pytest.mark.parametrize("per_minute", [1, 30, 60, 600, 6000])
def test_requests_a_minute_are_kept_to_and_used_up(per_minute):
    pace, now, sent = pacer(concurrency=1000, requests=per_minute), 0.0, []
    while now < 180:
        wait = pace.wait(now)
        if wait == 0:
            pace.answered(pace.start(0, now), (1, 1), now)
            sent.append(now)
        else:
            now += max(wait, 1e-6)
    for begin in range(0, 120, 7):
        assert sum(begin <= at < begin + 60 for at in sent) <= per_minute + max(1, per_minute / 60) + 1
    assert len(sent) >= 0.99 * 3 * per_minute


@pytest.mark.parametrize(("took_in", "took_out"), [(10, 5), (100, 200), (900, 3000)])
def test_tokens_a_minute_are_kept_to_once_the_answers_have_told_what_they_take(took_in, took_out):
    pace, now, sent = pacer(concurrency=4, tokens=60_000), 0.0, []
    while now < 300:
        wait = pace.wait(now)
        if wait == 0:
            pace.answered(pace.start(4 * took_in, now), (took_in, took_out), now)
            sent.append(now)
        else:
            now += max(wait, 1e-6)
    each = took_in + took_out
    in_the_last_minute = sum(240 <= at < 300 for at in sent) * each
    assert 0.9 * 60_000 <= in_the_last_minute <= 60_000 + 1_000 + each


def test_too_many_requests_halve_the_window_once_for_all_that_were_under_way():
    pace = pacer(concurrency=64)
    tickets = start_all(pace)
    for ticket in tickets:
        pace.refused(ticket, None, 1.0)
    assert pace.window == 32
    assert pace.refusals == 64
    assert pace.running == 0


def test_nobody_asks_until_the_time_the_service_named_is_over():
    pace = pacer()
    pace.refused(pace.start(0, 0.0), 17.0, 1.0)
    assert pace.wait(1.0) == 17.0
    assert pace.wait(17.9) == pytest.approx(0.1)
    assert pace.wait(18.0) == 0


def test_an_answer_to_an_older_request_does_not_open_a_window_that_was_just_cut():
    pace = pacer(concurrency=8)
    old, refused = pace.start(0, 0.0), pace.start(0, 0.0)
    pace.refused(refused, None, 1.0)
    before = pace.window
    pace.answered(old, (1, 1), 1.5)
    assert pace.window == before


def test_each_round_that_works_opens_the_window_by_about_one():
    pace = pacer(concurrency=32, window=4)
    now = 10.0
    for round_ in range(1, 6):
        for ticket in start_all(pace, now):
            pace.answered(ticket, (1, 1), now + 1)
        now += 2
        assert pace.window == pytest.approx(4 + round_, abs=0.8)


def test_pauses_double_from_cut_to_cut_up_to_the_longest():
    pace, now, pauses = pacer(concurrency=1), 0.0, []
    for _ in range(9):
        now += pace.wait(now)
        pace.refused(pace.start(0, now), None, now)
        pauses.append(pace.pause(now))
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert pauses[-1] == LONGEST_PAUSE


def test_a_window_that_was_learned_before_is_where_the_next_one_begins():
    assert pacer(concurrency=32, window=3).window == 3
    assert pacer(concurrency=32, window=500).window == 32
    assert pacer(concurrency=32, window=0.1).window == 1


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 32])
def test_the_shares_of_all_workers_stay_within_the_limits(workers):
    whole = Limits(32, 600, 90_000)
    share = whole.divided(workers)
    assert 1 <= share.concurrency * workers <= 32
    assert share.requests_per_minute * workers == pytest.approx(600)
    assert share.tokens_per_minute * workers == pytest.approx(90_000)


@pytest.mark.parametrize(("per_minute", "chunk"), [(4, 1), (15, 3), (600, 7)])
def test_one_pacer_after_the_other_keeps_to_the_limits_as_a_single_one_does(per_minute, chunk):
    now, sent, owed = 0.0, [], 0.0
    while now < 180:
        pace = Pacer(Limits(1000, per_minute, 10 * per_minute), now, lambda: 1.0, rest=owed)
        for _ in range(chunk):
            while (wait := pace.wait(now)) > 0:
                now += max(wait, 1e-6)
            pace.answered(pace.start(0, now), (8, 2), now)
            sent.append(now)
        owed = pace.owed(now)
    assert len([at for at in sent if at < 180]) <= 3 * per_minute + max(1, per_minute / 60) + 1
    assert len(sent) >= 0.8 * 3 * per_minute


def test_a_pause_the_service_wants_goes_over_to_the_next_pacer():
    pace = pacer()
    pace.refused(pace.start(0, 0.0), 30.0, 0.0)
    assert pace.owed(10.0) == 20
    assert Pacer(Limits(), 10.0, lambda: 1.0, rest=pace.owed(10.0)).wait(10.0) == 20


@given(
    st.integers(1, 20),
    st.lists(
        st.tuples(st.sampled_from("arf"), st.floats(0, 5), st.none() | st.floats(0.1, 100)), max_size=80
    ),
)
def test_whatever_comes_back_the_window_stays_between_one_and_the_limit_and_asking_goes_on(limit, story):
    pace, now, out = pacer(concurrency=limit), 0.0, []
    for what, seconds, retry_after in story:
        now += seconds
        while pace.wait(now) == 0:
            out.append(pace.start(40, now))
        assert pace.running == len(out) <= limit
        if out:
            ticket = out.pop(0)
            match what:
                case "a":
                    pace.answered(ticket, (10, 10), now)
                case "r":
                    pace.refused(ticket, retry_after, now)
                case "f":
                    pace.failed(ticket, now)
        assert 1 <= pace.window <= limit
    for ticket in out:
        pace.failed(ticket, now)
    assert pace.wait(now) is not None  # with nothing under way, time alone opens the way
    assert pace.wait(now + 200) == 0
