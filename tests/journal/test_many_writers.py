"""Many kernels, one journal, some of them killed at any moment: real processes, a real file."""

import random
import sqlite3
import time

import pytest
from writers import Writer

from openclaw_ipython.journal.journal import Journal

pytestmark = pytest.mark.slow

WRITERS, SECONDS, PAUSE = 20, 5.0, 0.2


def test_twenty_writers_some_killed_lose_no_row_and_leave_a_sound_file(path):
    chance = random.Random(7)  # which one dies; when, the machine decides
    writers = [Writer(path, f"w{number}") for number in range(WRITERS)]
    everybody = list(writers)
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
            everybody.append(writers[at])
            time.sleep(chance.random() * PAUSE)  # a kill is to hit whatever the others are at
    finally:
        for writer in writers:
            writer.kill()
    assert [writer.errors for writer in everybody if writer.errors] == []
    committed = [row for writer in everybody for row in writer.committed]
    assert killed >= 5
    assert len(committed) > 100

    journal = Journal(path)
    assert journal.database.fault() == ""
    assert set(committed) <= {one.name for one in journal.usage.sums("model", 0)}
    turns = {t.cell for c in journal.conversations.chats() for t in journal.conversations.turns(*c[:2])}
    assert set(committed) <= turns
    assert all(journal.answers.get(row) for row in committed)
    journal.close()
    assert {entry.name for entry in path.parent.iterdir()} == {"journal.sqlite"}
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
