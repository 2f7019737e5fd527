"""Jobs: what an item came to is there again, for this process and for the next."""

import pytest

from openclaw_ipython.journal.jobs import KEPT_SECONDS, Jobs
from openclaw_ipython.journal.journal import Journal
from openclaw_ipython.journal.shelf import Shelf


def test_results_are_there_again_in_another_program(journal, path, clock):
    job = journal.jobs.open("label")
    job.store("0", {"text": "Ü", "tokens": [1, None]})
    job.store("1", "text")
    job.flush()
    assert Journal(path, clock=clock).jobs.open("label").done() == {
        "0": {"text": "Ü", "tokens": [1, None]},
        "1": "text",
    }


def test_what_was_just_stored_is_done(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    assert job.done() == {"0": 1}


def test_opening_a_job_makes_no_file(journal, path):
    assert journal.jobs.open("label").done() == {}
    assert not path.exists()


def test_jobs_do_not_see_each_others_results(journal):
    journal.jobs.open("a").store("0", 1)
    assert journal.jobs.open("b").done() == {}


def test_a_second_result_replaces_the_first(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    job.store("0", 2)
    assert job.done() == {"0": 2}


def test_a_forgotten_job_starts_again(journal):
    job = journal.jobs.open("label")
    job.store("0", 1)
    journal.jobs.open("other").store("0", 1)
    job.forget()
    assert job.done() == {}
    assert journal.jobs.open("other").done() == {"0": 1}


def test_what_json_has_no_form_for_is_refused_at_once(journal):
    with pytest.raises(TypeError):
        journal.jobs.open("label").store("0", object())


def test_while_the_journal_is_off_nothing_is_kept(path, clock):
    journal = Journal(path, clock=clock, on=lambda: False)
    job = journal.jobs.open("label")
    job.store("0", 1)
    assert job.done() == {}
    assert not path.exists()


def test_old_jobs_go_but_not_one_that_still_goes_on(journal, clock):
    old, long = journal.jobs.open("old"), journal.jobs.open("long")
    old.store("0", 1)
    long.store("0", 1)
    journal.jobs.flush()
    clock.now += KEPT_SECONDS + 1
    long.store("1", 1)
    journal.jobs.flush()
    later = Jobs(Shelf(journal.database), clock)
    later.open("new").store("0", 1)
    later.flush()
    assert old.done() == {}
    assert long.done() == {"0": 1, "1": 1}


def test_of_too_many_results_the_oldest_go(journal, clock):
    for number in range(8):
        small = Jobs(Shelf(journal.database), clock, most=3)
        small.open("label").store(f"{number}", number)
        small.flush()
        clock.now += 1
    assert set(small.open("label").done()) == {"5", "6", "7"}
