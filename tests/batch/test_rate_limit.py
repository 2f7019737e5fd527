"""The rate limiter: pure arithmetic over a clock that is a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.batch.rate_limit import MAX_PAUSE, Limits, RateLimiter


def make_limiter(concurrency=8, requests=None, tokens=None, window=None, random=1.0):
    return RateLimiter(Limits(concurrency, requests, tokens), 0.0, lambda: random, window)


def start_all(limiter, now=0.0):
    permits = []
    while limiter.wait(now) == 0:
        permits.append(limiter.start(0, now))
    return permits


def test_the_window_limits_the_requests_in_flight():
    limiter = make_limiter(concurrency=5)
    assert len(start_all(limiter)) == 5
    assert limiter.wait(0.0) is None


@pytest.mark.parametrize("per_minute", [1, 30, 60, 600, 6000])
def test_requests_per_minute_are_kept_and_used_fully(per_minute):
    limiter, now, sent = make_limiter(concurrency=1000, requests=per_minute), 0.0, []
    while now < 180:
        wait = limiter.wait(now)
        if wait == 0:
            limiter.answered(limiter.start(0, now), (1, 1), now)
            sent.append(now)
        else:
            now += max(wait, 1e-6)
    for begin in range(0, 120, 7):
        assert sum(begin <= at < begin + 60 for at in sent) <= per_minute + max(1, per_minute / 60) + 1
    assert len(sent) >= 0.99 * 3 * per_minute


@pytest.mark.parametrize(("took_in", "took_out"), [(10, 5), (100, 200), (900, 3000)])
def test_tokens_per_minute_are_kept_once_answers_have_corrected_the_estimate(took_in, took_out):
    limiter, now, sent = make_limiter(concurrency=4, tokens=60_000), 0.0, []
    while now < 300:
        wait = limiter.wait(now)
        if wait == 0:
            limiter.answered(limiter.start(4 * took_in, now), (took_in, took_out), now)
            sent.append(now)
        else:
            now += max(wait, 1e-6)
    each = took_in + took_out
    in_the_last_minute = sum(240 <= at < 300 for at in sent) * each
    assert 0.9 * 60_000 <= in_the_last_minute <= 60_000 + 1_000 + each


def test_too_many_requests_halve_the_window_once_for_all_in_flight():
    limiter = make_limiter(concurrency=64)
    permits = start_all(limiter)
    for permit in permits:
        limiter.refused(permit, None, 1.0)
    assert limiter.window == 32
    assert limiter.refusals == 64
    assert limiter.running == 0


def test_requests_wait_for_retry_after():
    limiter = make_limiter()
    limiter.refused(limiter.start(0, 0.0), 17.0, 1.0)
    assert limiter.wait(1.0) == 17.0
    assert limiter.wait(17.9) == pytest.approx(0.1)
    assert limiter.wait(18.0) == 0


def test_an_answer_to_an_older_request_does_not_widen_a_window_that_was_just_halved():
    limiter = make_limiter(concurrency=8)
    old, refused = limiter.start(0, 0.0), limiter.start(0, 0.0)
    limiter.refused(refused, None, 1.0)
    before = limiter.window
    limiter.answered(old, (1, 1), 1.5)
    assert limiter.window == before


def test_each_successful_round_widens_the_window_by_about_one():
    limiter = make_limiter(concurrency=32, window=4)
    now = 10.0
    for round_ in range(1, 6):
        for permit in start_all(limiter, now):
            limiter.answered(permit, (1, 1), now + 1)
        now += 2
        assert limiter.window == pytest.approx(4 + round_, abs=0.8)


def test_pauses_double_up_to_the_maximum():
    limiter, now, pauses = make_limiter(concurrency=1), 0.0, []
    for _ in range(9):
        now += limiter.wait(now)
        limiter.refused(limiter.start(0, now), None, now)
        pauses.append(limiter.pause(now))
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert pauses[-1] == MAX_PAUSE


def test_the_window_of_an_earlier_chunk_is_taken_over():
    assert make_limiter(concurrency=32, window=3).window == 3
    assert make_limiter(concurrency=32, window=500).window == 32
    assert make_limiter(concurrency=32, window=0.1).window == 1


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 32])
def test_the_shares_of_all_workers_stay_within_the_limits(workers):
    whole = Limits(32, 600, 90_000)
    share = whole.share(workers)
    assert 1 <= share.concurrency * workers <= 32
    assert share.requests_per_minute * workers == pytest.approx(600)
    assert share.tokens_per_minute * workers == pytest.approx(90_000)


@pytest.mark.parametrize(("per_minute", "chunk"), [(4, 1), (15, 3), (600, 7)])
def test_successive_rate_limiters_keep_the_limits_together(per_minute, chunk):
    now, sent, delay = 0.0, [], 0.0
    while now < 180:
        limiter = RateLimiter(Limits(1000, per_minute, 10 * per_minute), now, lambda: 1.0, delay=delay)
        for _ in range(chunk):
            while (wait := limiter.wait(now)) > 0:
                now += max(wait, 1e-6)
            limiter.answered(limiter.start(0, now), (8, 2), now)
            sent.append(now)
        delay = limiter.next_delay(now)
    assert len([at for at in sent if at < 180]) <= 3 * per_minute + max(1, per_minute / 60) + 1
    assert len(sent) >= 0.8 * 3 * per_minute


def test_a_pause_carries_over_to_the_next_rate_limiter():
    limiter = make_limiter()
    limiter.refused(limiter.start(0, 0.0), 30.0, 0.0)
    assert limiter.next_delay(10.0) == 20
    assert RateLimiter(Limits(), 10.0, lambda: 1.0, delay=limiter.next_delay(10.0)).wait(10.0) == 20


@given(
    st.integers(1, 20),
    st.lists(
        st.tuples(st.sampled_from("arf"), st.floats(0, 5), st.none() | st.floats(0.1, 100)), max_size=80
    ),
)
def test_the_window_stays_between_one_and_the_limit_and_never_blocks_for_good(limit, story):
    limiter, now, out = make_limiter(concurrency=limit), 0.0, []
    for what, seconds, retry_after in story:
        now += seconds
        while limiter.wait(now) == 0:
            out.append(limiter.start(40, now))
        assert limiter.running == len(out) <= limit
        if out:
            permit = out.pop(0)
            match what:
                case "a":
                    limiter.answered(permit, (10, 10), now)
                case "r":
                    limiter.refused(permit, retry_after, now)
                case "f":
                    limiter.failed(permit, now)
        assert 1 <= limiter.window <= limit
    for permit in out:
        limiter.failed(permit, now)
    assert limiter.wait(now) is not None  # with nothing under way, time alone opens the way
    assert limiter.wait(now + 200) == 0
