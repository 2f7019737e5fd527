"""Many processes write one journal while some of them are killed."""

import random
import sqlite3
import time

import pytest
from writers import Writer

from openclaw_ipython.journal.journal import Journal

pytestmark = pytest.mark.slow

WRITERS, SECONDS, PAUSE = 20, 5.0, 0.2


def test_twenty_writers_lose_no_committed_row_when_some_are_killed(path):
    chance = random.Random(7)  # which process is killed
    writers = [Writer(path, f"w{number}") for number in range(WRITERS)]
    all_writers = list(writers)
    killed = 0
    try:
        assert all(writer.begun.wait(60) for writer in writers)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            at = chance.randrange(WRITERS)
            if not writers[at].begun.wait(PAUSE):
                continue
            writers[at].kill()
            killed += 1
            writers[at] = Writer(path, f"w{WRITERS + killed}")
            all_writers.append(writers[at])
            time.sleep(chance.random() * PAUSE)  # a kill is to hit whatever the others are at
    finally:
        for writer in writers:
            writer.kill()
    assert [writer.errors for writer in all_writers if writer.errors] == []
    committed = [row for writer in all_writers for row in writer.committed]
    assert killed >= 5
    assert len(committed) > 100

    journal = Journal(path)
    assert journal.database.read(lambda c: c.execute("PRAGMA quick_check(1)").fetchone(), None) == ("ok",)
    assert set(committed) <= {one.name for one in journal.usage.sums("model", 0)}
    turns = {t.cell for c in journal.conversations.summaries() for t in journal.conversations.turns(*c[:2])}
    assert set(committed) <= turns
    assert all(journal.cache.get(row) for row in committed)
    journal.close()
    assert {entry.name for entry in path.parent.iterdir()} == {"journal.sqlite"}
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
