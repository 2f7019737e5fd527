"""Resumable jobs: results are found again by this process and by later ones."""

import os
import socket

import pytest

from openclaw_ipython.errors import StoreBusy
from openclaw_ipython.journal.jobs import CLAIM_AGE, MAX_AGE, Jobs
from openclaw_ipython.journal.journal import Journal
from openclaw_ipython.journal.writer import BestEffortStore


def test_results_are_read_by_another_journal(journal, path, clock):
    job = journal.jobs.open("label")
    job.store("0", {"text": "Ü", "tokens": [1, None]})
    job.store("1", "text")
    job.flush()
    assert Journal(path, clock=clock).jobs.open("label").results() == {
        "0": {"text": "Ü", "tokens": [1, None]},
        "1": "text",
    }


def test_a_result_is_found_right_after_it_is_stored(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    assert job.results() == {"0": 1}


def test_opening_a_job_creates_no_file(journal, path):
    assert journal.jobs.open("label").results() == {}
    assert not path.exists()


def test_jobs_do_not_see_each_others_results(journal):
    journal.jobs.open("a").store("0", 1)
    assert journal.jobs.open("b").results() == {}


def test_a_second_result_replaces_the_first(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    job.store("0", 2)
    assert job.results() == {"0": 2}


def test_a_deleted_job_has_no_results(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    journal.jobs.open("other").store("0", 1)
    job.delete()
    assert job.results() == {}
    assert journal.jobs.open("other").results() == {"0": 1}


def test_a_job_is_claimed_by_one_call_of_all_processes(journal, path, clock):
    give_back = journal.jobs.open("label").claim()
    other = Journal(path, clock=clock).jobs
    other.open("another").claim()
    with pytest.raises(StoreBusy, match=f"running in process {os.getpid()} of {socket.gethostname()}"):
        other.open("label").claim()
    give_back()
    other.open("label").claim()


@pytest.mark.parametrize(
    ("owner", "taken"),
    [(f"{socket.gethostname()} {os.getpid()} 1", True), ("elsewhere 7 1", False)],
    ids=["of this machine", "of another"],
)
def test_the_claim_of_a_process_that_is_gone_is_taken_over(journal, path, clock, owner, taken):
    journal.jobs.open("label").claim()
    journal.database.write(lambda c: c.execute("UPDATE results SET result = ?", (owner,)))
    other = Journal(path, clock=clock).jobs.open("label")
    if not taken:  # of another machine nothing is known
        with pytest.raises(StoreBusy):
            other.claim()
        clock.now += CLAIM_AGE
    other.claim()


def test_a_result_without_a_json_form_is_refused_at_once(journal):
    with pytest.raises(TypeError):
        journal.jobs.open("label").store("0", object())


def test_while_the_journal_is_off_nothing_is_written(path, clock):
    journal = Journal(path, clock=clock, enabled=lambda: False)
    job = journal.jobs.open("label")
    job.store("0", 1)
    assert job.results() == {}
    assert not path.exists()


def test_old_jobs_are_deleted_except_those_with_a_recent_result(journal, clock):
    old, long = journal.jobs.open("old"), journal.jobs.open("long")
    old.store("0", 1)
    long.store("0", 1)
    journal.jobs.queue.flush()
    clock.now += MAX_AGE + 1
    long.store("1", 1)
    journal.jobs.queue.flush()
    later = Jobs(BestEffortStore(journal.database), clock)
    later.open("new").store("0", 1)
    later.queue.flush()
    assert old.results() == {}
    assert long.results() == {"0": 1, "1": 1}


def test_of_too_many_results_the_oldest_are_deleted(journal, clock):
    for number in range(8):
        small = Jobs(BestEffortStore(journal.database), clock, max_results=3)
        small.open("label").store(f"{number}", number)
        small.queue.flush()
        clock.now += 1
    assert set(small.open("label").results()) == {"5", "6", "7"}
