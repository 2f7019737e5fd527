"""A journal that cannot be written: memory stands in, waiting is bounded, and what is in memory is written later."""

import json
import sqlite3

import pytest

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.journal.conversations import Turn
from openclaw_ipython.journal.database import RENEWAL, Patience
from openclaw_ipython.journal.journal import Journal, portable_cache
from openclaw_ipython.journal.stand_in import stand_in_for
from openclaw_ipython.journal.usage import UsageRecord


def turn(cell):
    return Turn(cell, 1.0, "p/m", f"question {cell}", f"answer {cell}")


def record(model):
    return UsageRecord(1.0, "ask", "p", model, "ok")


@pytest.fixture
def impatient(path):
    stand_in_for(path).patience = Patience(0.0)


@pytest.fixture
def locked(path, journal, impatient):
    """The journal with one turn, while another process holds its file. Calling it lets the file go."""
    journal.conversations.save("n", "c", turn("1"))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield lambda: holder.execute("ROLLBACK")
    holder.close()


def fill(journal):
    """Write something of each kind."""
    journal.usage.add([record("a")])
    journal.conversations.save("n", "c", turn("2"), turn("3"))
    journal.cache.put("key", "p/m", {"text": "cached"})
    job = journal.jobs.open("job")
    job.store("0", "result")
    job.flush()


def in_memory_or_file(journal):
    return (
        [found.cell for found in journal.conversations.turns("n", "c")],
        journal.conversations.latest("n"),
        journal.cache.get("key"),
        journal.jobs.open("job").results(),
    )


COMPLETE = (["1", "2", "3"], "c", {"text": "cached"}, {"0": "result"})


def test_memory_stands_in_for_a_locked_file_and_is_merged_when_it_is_free(path, locked, clock):
    here = Journal(path, clock=clock)
    fill(here)
    assert in_memory_or_file(here) == COMPLETE
    assert isinstance(here.error, StoreBusy)
    assert isinstance(here.jobs.open("job").error, StoreBusy)
    locked()
    assert here.check() is None
    here.usage.add([record("b")])
    assert here.jobs.open("job").error is None
    other = Journal(path, clock=clock)
    assert in_memory_or_file(other) == COMPLETE
    assert {one.name for one in other.usage.sums("model", 0)} == {"a", "b"}
    for each in (here, other):
        each.close()


def test_what_is_in_memory_is_written_when_the_journal_is_closed(path, locked, clock):
    here = Journal(path, clock=clock)
    fill(here)
    locked()
    here.close()
    other = Journal(path, clock=clock)
    assert in_memory_or_file(other) == COMPLETE
    other.close()


def test_all_journals_of_a_process_share_the_memory(path, locked, clock):
    fill(Journal(path, clock=clock))
    assert in_memory_or_file(Journal(path, clock=clock)) == COMPLETE


def test_it_is_said_once_for_each_journal(path, locked, clock):
    here = Journal(path, clock=clock)
    fill(here)
    (notice,) = here.notices
    assert "in use by another program" in notice
    assert "kept in memory" in notice


def test_a_save_tells_whether_it_is_in_the_file(path, locked, clock):
    here = Journal(path, clock=clock)
    assert not here.conversations.save("n", "c", turn("2"))
    assert isinstance(here.check(), StoreBusy)
    locked()
    assert here.check() is None
    assert here.conversations.save("n", "c", turn("3"))


def test_a_file_that_cannot_be_opened_at_all(path, clock, impatient):
    path.mkdir(parents=True)
    here = Journal(path, clock=clock)
    fill(here)
    cells, *others = in_memory_or_file(here)
    assert (cells, *others) == (["2", "3"], *COMPLETE[1:])
    assert isinstance(here.error, DocumentError)
    here.close()


def full(database):
    """As on a full disk: the file cannot grow."""
    ((pages,),) = database.read(lambda c: c.execute("PRAGMA page_count").fetchall(), None)
    database.write(lambda c: None)
    database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall(), None)


def test_a_full_disk_loses_nothing_while_the_process_lives(path, journal, impatient):
    journal.conversations.save("n", "c", turn("1"))
    full(journal.database)
    long = Turn("2", 1.0, "p/m", "?", "x" * 100_000)
    assert not journal.conversations.save("n", "c", long)
    assert "full" in str(journal.error)
    assert [found.cell for found in journal.conversations.turns("n", "c")] == ["1", "2"]
    journal.database.close()  # a new connection has no limit
    assert [found.cell for found in journal.conversations.turns("n", "c")] == ["1", "2"]
    assert journal.check() is None
    assert json.loads(json.dumps(Journal(path).conversations.turns("n", "c")[1].answer)) == long.answer


def test_a_portable_cache_that_cannot_be_written_still_answers(tmp_path):
    path = tmp_path / "answers.sqlite"
    cache = portable_cache(path)
    cache.put("a", "p/m", {"text": "old"})
    full(cache._store.database)
    cache.put("b", "p/m", {"text": "x" * 100_000})
    assert cache.get("a") == {"text": "old"}
    assert cache.get("b") == {"text": "x" * 100_000}
    cache.close()


def test_pending_transactions_are_not_tried_with_every_write(path, locked, clock, monkeypatch):
    tried = []
    here = Journal(path, clock=clock)
    for number in range(100):
        here.usage.add([record(str(number))])
        here._store.stand_in.pending[-1] = lambda c, n=number: tried.append(n)
    locked()
    here._store.stand_in._failed = float("-inf")  # a while later
    here.usage.add([record("last")])
    assert tried == list(range(100))
    assert [one.name for one in here.usage.sums("model", 0)] == ["last"]


# -- waiting -------------------------------------------------------------------------------


class Time:
    def __init__(self):
        self.now = 100.0
        self.slept = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept += seconds


def test_all_waits_together_take_no_longer_than_the_limit():
    time = Time()
    patience = Patience(2.0, time.monotonic, time.sleep)
    for _ in range(10):  # operations
        while patience.wait():
            pass
        time.now += 1.0
    assert 2.0 <= time.slept < 2.1


def test_waiting_is_possible_again_after_a_while():
    time = Time()
    patience = Patience(2.0, time.monotonic, time.sleep)
    while patience.wait():
        pass
    time.now += RENEWAL + 1
    assert patience.wait()
