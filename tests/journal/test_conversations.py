"""Turns: per notebook and name, in their places."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.journal.conversations import Conversations, Turn, Unwritten
from openclaw_ipython.journal.export import as_json, as_markdown
from openclaw_ipython.journal.shelf import Shelf

HERE, THERE = "/a.ipynb", "/b.ipynb"


def turn(cell: str, at: float = 0.0, answer: str = "") -> Turn:
    return Turn(cell, at, "p/m", f"asked in {cell}", answer or f"answer to {cell}")


@pytest.fixture(params=["written", "in memory"])
def store(request, journal):
    return journal.conversations if request.param == "written" else Unwritten()


def cells(store, name="1", notebook=HERE) -> list[str]:
    return [turn.cell for turn in store.turns(notebook, name)]


def test_turns_come_in_the_order_they_were_asked(store):
    for cell in "abc":
        store.keep(HERE, "1", turn(cell))
    assert cells(store) == ["a", "b", "c"]


def test_a_turn_asked_again_is_replaced_in_its_place(store):
    store.keep(HERE, "1", turn("a"), turn("b"), turn("c"))
    store.keep(HERE, "1", turn("b", 9.0, "another answer"))
    assert cells(store) == ["a", "b", "c"]
    assert store.turns(HERE, "1")[1] == turn("b", 9.0, "another answer")


def test_conversations_are_of_their_notebook_and_name(store):
    store.keep(HERE, "1", turn("a"))
    store.keep(HERE, "bob", turn("a"), turn("b"))
    store.keep(THERE, "1", turn("c"))
    assert (cells(store), cells(store, "bob"), cells(store, "1", THERE)) == (["a"], ["a", "b"], ["c"])
    assert cells(store, "nobody") == []


def test_the_last_conversation_is_the_one_taken_up_last(store):
    assert store.latest(HERE) is None
    store.keep(HERE, "1", turn("a", 1.0))
    store.keep(HERE, "2", turn("b", 2.0))
    assert store.latest(HERE) == "2"
    store.keep(HERE, "1", turn("a", 3.0))
    assert store.latest(HERE) == "1"
    assert store.latest(THERE) is None


def test_a_cell_knows_the_conversation_it_was_last_part_of(store):
    store.keep(HERE, "1", turn("a", 1.0))
    store.keep(HERE, "2", turn("a", 2.0))
    assert store.of_cell(HERE, "a") == "2"
    assert store.of_cell(HERE, "b") is None
    assert store.of_cell(THERE, "a") is None


def test_numbers_go_on_where_they_were(store):
    assert store.free_number(HERE) == "1"
    store.keep(HERE, "7", turn("a"))
    store.keep(HERE, "bob", turn("b"))
    assert store.free_number(HERE) == "8"


def test_clearing_forgets_one_or_all_of_a_notebook(store):
    store.keep(HERE, "1", turn("a"), turn("b"))
    store.keep(HERE, "2", turn("c"))
    store.keep(THERE, "1", turn("d"))
    assert store.clear(HERE, "nobody") == 0
    assert store.clear(HERE, "1") == 2
    assert store.clear(HERE) == 1
    assert store.clear(HERE) == 0
    assert cells(store, "1", THERE) == ["d"]


def test_a_conversation_that_was_cleared_is_gone_from_the_file(journal, path):
    journal.conversations.keep(HERE, "1", turn("a", answer="not to be found"))
    journal.conversations.clear(HERE)
    assert all(b"not to be found" not in entry.read_bytes() for entry in path.parent.iterdir())


def test_contents_with_parts_come_back_as_they_were(journal):
    parts = [
        {"type": "text", "text": "Ü"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a"}},
    ]
    journal.conversations.keep(HERE, "1", Turn("a", 0.0, "p/m", parts, "x"))
    assert journal.conversations.turns(HERE, "1")[0].prompt == parts


def test_the_list_names_them_with_their_first_question(journal):
    journal.conversations.keep(HERE, "1", turn("a", 1.0), turn("b", 2.0))
    journal.conversations.keep(THERE, "2", turn("c", 3.0))
    assert journal.conversations.chats(HERE) == [(HERE, "1", 2, 2.0, "asked in a")]
    assert [chat.notebook for chat in journal.conversations.chats()] == [THERE, HERE]


def test_the_oldest_turns_go(journal):
    small = Conversations(Shelf(journal.database), most=5)
    for number in range(12):
        small.keep(HERE, "1", turn(f"{number}"))
    assert cells(small) == ["7", "8", "9", "10", "11"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.text(max_size=3))))
def test_in_memory_it_is_as_in_the_file(tmp_path_factory, steps):
    from openclaw_ipython.journal.journal import Journal

    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.sqlite")
    written, remembered = journal.conversations, Unwritten()
    for at, (cell, name, answer) in enumerate(steps):
        for store in (written, remembered):
            store.keep(HERE, name, Turn(cell, float(at), "p/m", "?", answer))
        assert written.latest(HERE) == remembered.latest(HERE)
        assert written.of_cell(HERE, cell) == remembered.of_cell(HERE, cell)
        assert written.chats(HERE) == remembered.chats(HERE) == remembered.chats()
    for name in "12":
        assert written.turns(HERE, name) == remembered.turns(HERE, name)
    journal.close()


# -- export --------------------------------------------------------------------------------


def test_markdown_has_questions_and_answers_under_their_numbers():
    text = as_markdown("bob", [turn("a"), turn("b")])
    assert text.splitlines()[0] == "# bob"
    for part in ("## 1 · 1970-01-01 00:00 UTC", "asked in a", "### p/m", "answer to b"):
        assert part in text


def test_json_has_messages_as_a_service_takes_them():
    data = json.loads(as_json("bob", [turn("a")]))
    assert data["name"] == "bob"
    assert data["turns"][0]["messages"] == [
        {"role": "user", "content": "asked in a"},
        {"role": "assistant", "content": "answer to a"},
    ]
