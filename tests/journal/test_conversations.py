"""Conversations in the journal and in memory, and their export."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.journal.conversations import (
    Conversations,
    Turn,
    as_json,
    as_markdown,
    memory_conversations,
)
from openclaw_ipython.journal.writer import BestEffortStore

HERE, THERE = "/a.ipynb", "/b.ipynb"


def turn(cell: str, at: float = 0.0, answer: str = "") -> Turn:
    return Turn(cell, at, "p/m", f"asked in {cell}", answer or f"answer to {cell}")


@pytest.fixture(params=["written", "in memory"])
def store(request, journal):
    return journal.conversations if request.param == "written" else memory_conversations()


def cells(store, name="1", notebook=HERE) -> list[str]:
    return [turn.cell for turn in store.turns(notebook, name)]


def test_turns_come_in_the_order_they_were_asked(store):
    for cell in "abc":
        store.save(HERE, "1", turn(cell))
    assert cells(store) == ["a", "b", "c"]


def test_a_repeated_turn_is_replaced_in_place(store):
    store.save(HERE, "1", turn("a"), turn("b"), turn("c"))
    store.save(HERE, "1", turn("b", 9.0, "another answer"))
    assert cells(store) == ["a", "b", "c"]
    assert store.turns(HERE, "1")[1] == turn("b", 9.0, "another answer")


def test_conversations_are_separate_by_notebook_and_name(store):
    store.save(HERE, "1", turn("a"))
    store.save(HERE, "bob", turn("a"), turn("b"))
    store.save(THERE, "1", turn("c"))
    assert (cells(store), cells(store, "bob"), cells(store, "1", THERE)) == (["a"], ["a", "b"], ["c"])
    assert cells(store, "nobody") == []


def test_the_latest_conversation_has_the_latest_turn(store):
    assert store.latest(HERE) is None
    store.save(HERE, "1", turn("a", 1.0))
    store.save(HERE, "2", turn("b", 2.0))
    assert store.latest(HERE) == "2"
    store.save(HERE, "1", turn("a", 3.0))
    assert store.latest(HERE) == "1"
    assert store.latest(THERE) is None


def test_the_latest_conversation_of_a_cell_is_found(store):
    store.save(HERE, "1", turn("a", 1.0))
    store.save(HERE, "2", turn("a", 2.0))
    assert store.of_cell(HERE, "a") == "2"
    assert store.of_cell(HERE, "b") is None
    assert store.of_cell(THERE, "a") is None


def test_the_next_name_follows_the_highest_number(store):
    assert store.next_name(HERE) == "1"
    store.save(HERE, "7", turn("a"))
    store.save(HERE, "bob", turn("b"))
    assert store.next_name(HERE) == "8"


def test_clearing_deletes_one_or_all_conversations_of_a_notebook(store):
    store.save(HERE, "1", turn("a"), turn("b"))
    store.save(HERE, "2", turn("c"))
    store.save(THERE, "1", turn("d"))
    assert store.clear(HERE, "nobody") == 0
    assert store.clear(HERE, "1") == 2
    assert store.clear(HERE) == 1
    assert store.clear(HERE) == 0
    assert cells(store, "1", THERE) == ["d"]


def test_a_cleared_conversation_does_not_stay_in_the_file(journal, path):
    journal.conversations.save(HERE, "1", turn("a", answer="not to be found"))
    journal.conversations.clear(HERE)
    assert all(b"not to be found" not in entry.read_bytes() for entry in path.parent.iterdir())


def test_content_parts_are_read_back_unchanged(journal):
    parts = [
        {"type": "text", "text": "Ü"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a"}},
    ]
    journal.conversations.save(HERE, "1", Turn("a", 0.0, "p/m", parts, "x"))
    assert journal.conversations.turns(HERE, "1")[0].prompt == parts


def test_a_summary_has_the_first_question(journal):
    journal.conversations.save(HERE, "1", turn("a", 1.0), turn("b", 2.0))
    journal.conversations.save(THERE, "2", turn("c", 3.0))
    assert journal.conversations.summaries(HERE) == [(HERE, "1", 2, 2.0, "asked in a")]
    assert [chat.notebook for chat in journal.conversations.summaries()] == [THERE, HERE]


def test_the_oldest_turns_are_deleted(journal):
    small = Conversations(BestEffortStore(journal.database), max_turns=5)
    for number in range(12):
        small.save(HERE, "1", turn(f"{number}"))
    assert cells(small) == ["7", "8", "9", "10", "11"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.text(max_size=3))))
def test_conversations_in_memory_behave_as_in_the_journal(tmp_path_factory, steps):
    from openclaw_ipython.journal.journal import Journal

    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    written, remembered = journal.conversations, memory_conversations()
    for at, (cell, name, answer) in enumerate(steps):
        for store in (written, remembered):
            store.save(HERE, name, Turn(cell, float(at), "p/m", "?", answer))
        assert written.latest(HERE) == remembered.latest(HERE)
        assert written.of_cell(HERE, cell) == remembered.of_cell(HERE, cell)
        assert written.summaries(HERE) == remembered.summaries(HERE) == remembered.summaries()
    for name in "12":
        assert written.turns(HERE, name) == remembered.turns(HERE, name)
    journal.close()


# -- export --------------------------------------------------------------------------------


def test_exported_markdown_has_numbered_questions_and_answers():
    text = as_markdown("bob", [turn("a"), turn("b")])
    assert text.splitlines()[0] == "# bob"
    for part in ("## 1 · 1970-01-01 00:00 UTC", "asked in a", "### p/m", "answer to b"):
        assert part in text


def test_exported_json_has_chat_messages():
    data = json.loads(as_json("bob", [turn("a")]))
    assert data["name"] == "bob"
    assert data["turns"][0]["messages"] == [
        {"role": "user", "content": "asked in a"},
        {"role": "assistant", "content": "answer to a"},
    ]
