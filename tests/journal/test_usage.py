"""The usage log: one row per request, and sums."""

import time
from datetime import datetime

import pytest

from openclaw_ipython.journal.usage import UsageLog, UsageRecord, UsageSum
from openclaw_ipython.journal.writer import BestEffortStore

NOON = datetime(2026, 11, 23, 12).timestamp()
DAY = 86_400.0
OK = UsageRecord(NOON, "ask", "p", "p/m", "ok", 100, 50, 20, 10, 0.5, 2.0, 0.25)


def test_a_request_is_counted_with_all_its_numbers(journal):
    journal.usage.add([OK])
    assert journal.usage.sums("model", 0) == [UsageSum("p/m", 1, 0, 0, 0, 100, 50, 20, 10, 0.5, 2.0, 0.25, 1)]


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        ("ok", {"requests": 1}),
        ("RateLimited", {"requests": 1, "errors": 1}),
        ("ended early", {"requests": 1, "errors": 1}),
        ("interrupted", {"requests": 1, "interrupted": 1}),
        ("cache", {"replays": 1}),
    ],
)
def test_each_outcome_has_its_count(journal, outcome, counted):
    journal.usage.add([UsageRecord(NOON, "ask", "p", "p/m", outcome)])
    (one,) = journal.usage.sums("provider", 0)
    assert {k: v for k, v in one._asdict().items() if v and k != "name"} == counted


def test_times_are_averages_of_complete_answers(journal):
    journal.usage.add(
        [
            OK,
            OK._replace(first_text=1.5, seconds=4.0),
            OK._replace(outcome="interrupted", first_text=9.0, seconds=99.0),
        ]
    )
    assert journal.usage.total(0)[9:11] == (1.0, 3.0)


def test_only_requests_with_a_price_have_a_cost(journal):
    journal.usage.add([OK, OK._replace(cost=None)])
    assert journal.usage.total(0)[11:13] == (0.25, 1)
    journal.usage.add([OK._replace(model="p/free", cost=None)])
    assert {one.name: one.cost for one in journal.usage.sums("model", 0)} == {"p/m": 0.25, "p/free": None}


def test_hits_writes_and_upper_bounds_are_summed(journal):
    journal.usage.add([OK._replace(written_tokens=60, upper_bound=True), OK._replace(written_tokens=None)])
    total = journal.usage.total(0)
    assert (total.cached_tokens, total.written_tokens, total.bounded) == (40, 60, 1)


def test_days_are_in_local_time(journal):
    journal.usage.add([OK._replace(at=NOON - DAY), OK, OK])
    assert [(one.name, one.requests) for one in journal.usage.sums("day", 0)] == [
        ("2026-11-22", 1),
        ("2026-11-23", 2),
    ]
    assert time.strftime("%Y-%m-%d", time.localtime(NOON)) == "2026-11-23"


def test_the_model_with_the_most_requests_comes_first(journal):
    journal.usage.add([OK, OK._replace(model="p/n"), OK._replace(model="p/n")])
    assert [one.name for one in journal.usage.sums("model", 0)] == ["p/n", "p/m"]


def test_each_model_has_its_days(journal):
    journal.usage.add([OK._replace(at=NOON - DAY), OK, OK._replace(model="p/n")])
    assert [(model, one.name, one.requests) for model, one in journal.usage.daily(0)] == [
        ("p/m", "2026-11-22", 1),
        ("p/m", "2026-11-23", 1),
        ("p/n", "2026-11-23", 1),
    ]


def test_older_requests_are_not_counted(journal):
    journal.usage.add([OK._replace(at=NOON - DAY), OK])
    assert journal.usage.total(NOON - 1).requests == 1
    assert journal.usage.count("p", NOON - 1) == 1


def test_replays_count_against_no_limit(journal):
    journal.usage.add([OK, OK._replace(outcome="cache"), OK._replace(outcome="RateLimited")])
    assert journal.usage.count("p", 0) == 2
    assert journal.usage.count("q", 0) == 0


def test_without_a_file_there_is_nothing_and_no_file_is_made(journal, path):
    assert journal.usage.sums("day", 0) == []
    assert journal.usage.total(0) == UsageSum("")
    assert journal.usage.count("p", 0) == 0
    assert not path.exists()


def test_the_oldest_rows_are_deleted(journal):
    journal.usage.add([OK._replace(at=NOON + number) for number in range(30)])
    small = UsageLog(BestEffortStore(journal.database), max_rows=10)
    small.add([OK._replace(at=NOON + 30)])
    assert small.total(0).requests == 10
    assert small.total(NOON + 21).requests == 10


def test_a_journal_that_cannot_be_written_raises_nothing(tmp_path, clock):
    from openclaw_ipython.journal.journal import Journal

    (tmp_path / "file").write_text("in the way")
    journal = Journal(tmp_path / "file" / "journal.sqlite", clock=clock)
    journal.usage.add([OK])
    assert journal.usage.total(0) == UsageSum("")
    assert journal.error is not None


def test_while_it_is_off_nothing_is_written(path, clock):
    from openclaw_ipython.journal.journal import Journal

    on = [False]
    journal = Journal(path, clock=clock, enabled=lambda: on[0])
    journal.usage.add([OK])
    assert not path.exists()
    on[0] = True
    journal.usage.add([OK])
    on[0] = False
    journal.usage.add([OK])
    assert journal.usage.total(0).requests == 1
