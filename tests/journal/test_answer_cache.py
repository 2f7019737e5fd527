"""The answer cache in the journal and in a portable file."""

import sqlite3
from contextlib import closing
from pathlib import Path

from openclaw_ipython.journal.answer_cache import AnswerCache
from openclaw_ipython.journal.journal import Journal, portable_cache
from openclaw_ipython.journal.writer import BestEffortStore


def test_an_answer_is_found_by_another_journal(journal, path, clock):
    journal.cache.put("k", "p/m", {"text": "a"})
    assert Journal(path, clock=clock).cache.get("k") == {"text": "a"}
    assert journal.cache.get("other") is None


def test_a_second_answer_replaces_the_first(journal):
    journal.cache.put("k", "p/m", {"text": "a"})
    journal.cache.put("k", "p/m", {"text": "b"})
    assert journal.cache.get("k") == {"text": "b"}
    assert journal.cache.size().answers == 1


def test_reading_does_not_change_a_portable_file(tmp_path):
    path = tmp_path / "cache.sqlite"
    answers = portable_cache(path)
    answers.put("k", "p/m", {"text": "a"})
    before = path.read_bytes()
    assert portable_cache(path).get("k") == {"text": "a"}
    assert portable_cache(path).get("other") is None
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir() if "sqlite" in entry.name] == ["cache.sqlite"]


def test_a_portable_file_of_an_older_release_is_used_as_it_is(tmp_path):
    path = tmp_path / "cache.sqlite"
    path.write_bytes((Path(__file__).parent / "version-1.sqlite").read_bytes())
    before = path.read_bytes()
    assert portable_cache(path).get("other") is None
    assert path.read_bytes() == before
    portable_cache(path).put("k", "p/m", {"text": "a"})
    assert portable_cache(path).get("k") == {"text": "a"}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_invalid_json_is_not_an_answer(journal):
    journal.cache.put("k", "p/m", {"text": "a"})
    for text in ("{", "[1]", "null"):
        journal.database.write(lambda c, t=text: c.execute("UPDATE answers SET answer = ?", (t,)))
        assert journal.cache.get("k") is None


def test_cleared_answers_do_not_stay_in_the_file(journal, path):
    journal.cache.put("k", "p/m", {"text": "not to be found"})
    assert journal.cache.clear().answers == 1
    assert journal.cache.get("k") is None
    assert all(b"not to be found" not in entry.read_bytes() for entry in path.parent.iterdir())
    assert journal.cache.clear().answers == 0


def test_the_oldest_answers_are_deleted_first(journal, clock):
    for number in range(10):
        small = AnswerCache(BestEffortStore(journal.database), clock, max_characters=1_000)
        small.put(f"{number}", "p/m", {"text": "x" * 200})
        clock.now += 1
    kept = [number for number in range(10) if journal.cache.get(f"{number}")]
    assert kept == [6, 7, 8, 9]
