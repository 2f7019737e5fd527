"""Conversations in a real kernel: what is sent before a question, what is saved, and what the footer says."""

import json
import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.kernel

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def asked(signed_in):
    yield Asked(signed_in)
    signed_in.run("%config OpenClaw.journal = True")  # what is configured outlives the extension


def in_words(content) -> str:
    """A content as text, where it is text; a service may be sent it in parts."""
    if isinstance(content, list) and all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    return content


class Asked:
    """A notebook whose cells have ids; the portal answers with what the test hands it."""

    def __init__(self, notebook) -> None:
        self.notebook = notebook
        self.portal = notebook.portal

    def cell(self, cell_id: str, line: str, prompt: str, answer: str = ""):
        """Run `%%qwen LINE` with `prompt` in the cell of that id."""
        if answer:
            self.portal.says(answer)
        return self.notebook.run(f"%%qwen {line}\n{prompt}", cell_id=cell_id)

    def sent(self) -> list[str]:
        """The contents of the last request's messages, the assistant's among them."""
        return [in_words(message["content"]) for message in self.notebook.chats()[-1].json()["messages"]]

    def command(self, words: str):
        return self.notebook.run(f"%openclaw {words}")

    def stored(self, query: str = "SELECT prompt, answer FROM turns ORDER BY id") -> list[tuple]:
        path = self.notebook.state / "ipython" / "journal.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()


def test_a_question_is_fresh_and_its_text_is_written_nowhere(asked):
    asked.cell("a", "", "What is this?", "A penguin.")
    asked.cell("b", "", "And this?", "Another one.")
    assert asked.sent() == ["And this?"]
    asked.notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")  # writes what is left
    everything = b"".join(asked.notebook.files().values())
    assert b"What is this" not in everything
    assert b"A penguin" not in everything


def test_c_continues_the_last_question(asked):
    asked.cell("a", "", "What is this?", "A penguin.")
    asked.cell("b", "-c", "Which?", "An Adelie.")
    assert asked.sent() == ["What is this?", "A penguin.", "Which?"]
    asked.cell("c", "--continue", "Where?", "On Torgersen.")
    assert asked.sent() == ["What is this?", "A penguin.", "Which?", "An Adelie.", "Where?"]
    assert asked.stored()[0] == ('"What is this?"', "A penguin.")
    assert len(asked.stored()) == 3


def test_a_fresh_question_begins_another_conversation(asked):
    asked.cell("a", "", "One?", "1")
    asked.cell("b", "-c", "Two?", "2")
    asked.cell("c", "", "Another?", "A")
    asked.cell("d", "-c", "And?", "B")
    assert asked.sent() == ["Another?", "A", "And?"]
    assert asked.stored("SELECT chat, count(*) FROM turns GROUP BY 1") == [("1", 2), ("2", 2)]


def test_with_nothing_to_continue_a_conversation_begins_and_the_reader_is_told(asked):
    cell = asked.cell("a", "-c", "One?", "1")
    assert asked.sent() == ["One?"]
    assert "there was nothing to continue: conversation 1 begins" in cell.text


def test_a_named_conversation_goes_on_by_its_name(asked):
    asked.cell("a", "--chat penguins", "One?", "1")
    asked.cell("b", "", "Something else?", "x")
    asked.cell("c", "--chat penguins", "Two?", "2")
    assert asked.sent() == ["One?", "1", "Two?"]


def test_a_cell_that_is_run_again_replaces_its_turn_and_later_turns_stay(asked):
    asked.cell("a", "--chat p", "One?", "1")
    asked.cell("b", "--chat p", "Two?", "2")
    asked.cell("c", "--chat p", "Three?", "3")
    asked.cell("b", "--chat p", "Two, really?", "2.0")
    assert asked.sent() == ["One?", "1", "Two, really?"]
    asked.cell("d", "--chat p", "Four?", "4")
    assert asked.sent() == ["One?", "1", "Two, really?", "2.0", "Three?", "3", "Four?"]


def test_run_all_twice_asks_the_same_and_keeps_as_much(asked):
    def run_all():
        asked.cell("a", "", "One?", "1")
        asked.cell("b", "-c", "Two?", "2")
        asked.cell("c", "", "Other?", "o")
        asked.cell("d", "-c", "More?", "m")
        return [chat.json()["messages"] for chat in asked.notebook.chats()[-4:]], asked.stored()

    first = run_all()
    assert run_all() == first
    asked.notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")  # as after a restart
    assert run_all() == first


def test_a_first_question_that_is_asked_again_is_replaced_in_its_conversation(asked):
    asked.cell("a", "", "One?", "1")
    asked.cell("b", "-c", "Two?", "2")
    asked.cell("a", "", "One, really?", "1.0")
    assert asked.sent() == ["One, really?"]
    asked.cell("b", "-c", "Two?", "2")
    assert asked.sent() == ["One, really?", "1.0", "Two?"]


def test_it_goes_on_after_the_kernel_was_restarted(asked):
    asked.cell("a", "", "One?", "1")
    asked.cell("b", "-c", "Two?", "2")
    asked.notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")
    asked.cell("c", "-c", "Three?", "3")
    assert asked.sent() == ["One?", "1", "Two?", "2", "Three?"]


def test_a_question_without_history_is_not_continued(asked):
    asked.cell("a", "", "One?", "1")
    asked.cell("b", "--no-history", "Secret?", "s")
    asked.cell("c", "-c", "Two?", "2")
    assert asked.sent() == ["One?", "1", "Two?"]
    cell = asked.cell("d", "-c --no-history", "?")
    assert cell.ename == "UsageError"


def test_an_answer_that_failed_does_not_enter(asked):
    asked.cell("a", "--chat p", "One?", "1")
    asked.portal.says("half ", "an", "answer").breaks_after(1)
    cell = asked.cell("b", "--chat p", "Two?")
    assert cell.ename
    asked.cell("c", "--chat p", "Three?", "3")
    assert asked.sent() == ["One?", "1", "Three?"]


def test_an_interrupted_answer_does_not_enter_and_the_old_turn_stays(asked):
    asked.cell("a", "--chat p", "One?", "1")
    asked.portal.says(*["never ending "] * 200, pace=0.05)
    interrupted = []

    def interrupt(cell):
        if "never" in cell.text and not interrupted:
            interrupted.append(True)
            asked.notebook.kernel.interrupt()

    cell = asked.notebook.run("%%qwen --chat p\nOne again?", cell_id="a", during=interrupt)
    assert cell.ename == "KeyboardInterrupt"
    asked.cell("b", "--chat p", "Two?", "2")
    assert asked.sent() == ["One?", "1", "Two?"]


def test_where_the_front_end_tells_no_cell_the_same_text_is_the_same_cell(asked):
    run = asked.notebook.run
    for _ in range(2):
        run("%%qwen --chat p\nOne?")
        run("%%qwen --chat p\nTwo?")
    assert len(asked.sent()) == 3
    assert asked.stored("SELECT count(*) FROM turns") == [(2,)]


def test_two_questions_of_one_cell_are_two_turns(asked):
    asked.portal.says("1").says("2")
    asked.notebook.run("%qwen --chat p One?\n%qwen --chat p Two?", cell_id="a")
    assert asked.sent() == ["One?", "1", "Two?"]


def test_the_oldest_turns_are_left_out_where_the_model_has_no_room_and_the_reader_is_told(asked):
    path = "models.providers.qwen-portal.models"
    small = [
        {
            "id": "coder-model",
            "name": "Qwen Coder",
            "input": ["text"],
            "contextWindow": 2000,
            "maxTokens": 500,
        }
    ]
    asked.notebook.run(f"%openclaw config set {path} '{json.dumps(small)}'")
    for number in range(4):
        asked.cell(f"c{number}", "--chat p", f"{number} " + "long " * 300, "short")
    cell = asked.cell("last", "--chat p", "And now?", "Now.")
    sent = asked.sent()
    assert sent[-1] == "And now?"
    assert [content.split()[0] for content in sent[:-1:2]] == ["1", "2", "3"]
    assert "left out the oldest turns (1)" in cell.text
    assert asked.stored("SELECT count(*) FROM turns") == [(5,)]


def test_pictures_of_earlier_turns_are_mentioned_and_not_sent_again(asked):
    asked.notebook.run(f"import base64; png = base64.b64decode({PNG!r})")
    asked.cell("a", "qwen-portal/vision-model --chat p -i png", "What is this?", "A dot.")
    assert "data:image/png" in json.dumps(asked.sent())
    cell = asked.cell("b", "qwen-portal/vision-model --chat p", "Which colour?", "Grey.")
    sent = json.dumps(asked.sent())
    assert "data:image" not in sent
    assert "a picture was here: image/png" in sent
    assert "pictures of earlier turns, not sent again: 1" in cell.text
    assert b"iVBOR" not in b"".join(asked.notebook.files().values())


def test_with_the_journal_off_a_conversation_lives_as_long_as_the_kernel(asked):
    asked.notebook.run("%config OpenClaw.journal = False")
    asked.cell("a", "", "One?", "1")
    cell = asked.cell("b", "-c", "Two?", "2")
    assert asked.sent() == ["One?", "1", "Two?"]
    assert "the conversation lives as long as this kernel: the journal is off" in cell.text
    asked.cell("c", "-c", "Three?", "3")
    assert asked.sent() == ["One?", "1", "Two?", "2", "Three?"]
    assert "One?" in asked.notebook.run("%openclaw chat list").text
    asked.notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")
    assert not (asked.notebook.state / "ipython").exists()


def test_a_journal_that_cannot_be_used_costs_neither_question_nor_conversation(asked):
    (asked.notebook.state / "ipython").write_text("in the way")
    asked.cell("a", "", "One?", "1")
    cell = asked.cell("b", "-c", "Two?", "2")
    assert not cell.ename
    assert asked.sent() == ["One?", "1", "Two?"]
    assert "the conversation lives as long as this kernel" in cell.text
    (asked.notebook.state / "ipython").unlink()
    assert "One?" in asked.command("chat list").text
    assert [answer for _, answer in asked.stored()] == ["1", "2"]  # written now


def test_notebooks_have_conversations_of_their_own(asked):
    run = asked.notebook.run
    run("import os; os.environ['JPY_SESSION_NAME'] = '/home/ada/a.ipynb'")
    asked.cell("a", "--chat p", "One?", "1")
    run("os.environ['JPY_SESSION_NAME'] = '/home/ada/b.ipynb'")
    asked.cell("b", "--chat p", "Two?", "2")
    assert asked.sent() == ["Two?"]
    assert "a.ipynb" not in asked.command("chat list").text
    assert "a.ipynb" in asked.command("chat list --all").text
    run("__vsc_ipynb_file__ = '/home/ada/a.ipynb'")
    asked.cell("c", "--chat p", "Three?", "3")
    assert asked.sent() == ["One?", "1", "Three?"]
    run("del __vsc_ipynb_file__, os.environ['JPY_SESSION_NAME']")


# -- %openclaw chat ------------------------------------------------------------------------


def test_the_list_names_conversations_with_their_turns_and_first_words(asked):
    assert "no conversation yet" in asked.command("chat list").text
    asked.cell("a", "--chat penguins", "What is <b>this</b>?", "A penguin.")
    shown = asked.command("chat list")
    assert "penguins" in shown.text
    assert "What is <b>this</b>?" in shown.text
    assert "<b>" not in "".join(d.get("text/html", "") for d in shown.displays.values())
    rows = json.loads(asked.command("chat list --json").stdout)["chats"]
    assert [(row["name"], row["turns"]) for row in rows] == [("penguins", 1)]


def test_a_conversation_is_shown_to_read_and_for_programs(asked):
    asked.cell("a", "--chat p", "What is this?", "A **penguin**. <img src=x onerror=alert(1)>")
    shown = asked.command("chat show")
    assert "What is this?" in shown.text
    assert "A **penguin**" in shown.markdown
    assert "<img" not in shown.markdown
    (turn,) = json.loads(asked.command("chat show p --json").stdout)
    assert turn["prompt"] == "What is this?"


def test_a_conversation_that_is_not_there_is_said_with_a_suggestion(asked):
    asked.cell("a", "--chat penguins", "One?", "1")
    cell = asked.command("chat show penguin")
    assert cell.ename == "UsageError"
    assert "did you mean penguins?" in cell.evalue
    assert asked.command("chat clear pengui").ename == "UsageError"


def test_clearing_forgets_it_here_and_in_the_file(asked):
    asked.cell("a", "--chat p", "One?", "1")
    asked.cell("b", "--chat q", "Two?", "2")
    assert "turns forgotten: 1" in asked.command("chat clear p").text
    asked.cell("c", "", "Three?", "3")
    assert "turns forgotten: 1" in asked.command("chat clear").text
    asked.cell("d", "-c", "Four?", "4")
    assert asked.sent() == ["Four?"]


@pytest.mark.parametrize("name", ["out.md", "out.json"])
def test_a_conversation_is_exported_as_its_suffix_says(asked, tmp_path, name):
    asked.cell("a", "--chat p", "One?", "The answer.")
    path = tmp_path / name
    assert "turns written" in asked.command(f"chat export p {path}").text
    text = path.read_text("utf-8")
    assert "The answer." in text
    assert (name == "out.json") == text.startswith("{")
    assert asked.command(f"chat export p {path}").ename == "UsageError"
    assert not asked.command(f"chat export p {path} --force").ename


def test_names_of_conversations_are_completed(asked):
    asked.cell("a", "--chat penguins", "One?", "1")
    complete = asked.notebook.kernel.complete
    assert complete("%%qwen --chat pe") == ["penguins"]
    assert "penguins" in complete("%openclaw chat show p")


@pytest.mark.parametrize("name", ["''", "x" * 100, "'a\tb'"])
def test_a_name_that_cannot_be_one_is_refused(asked, name):
    assert asked.cell("a", f"--chat {name}", "One?").ename == "UsageError"


def test_while_another_program_holds_the_journal_memory_stands_in_and_is_merged_later(asked):
    asked.cell("a", "--chat birds", "What is a penguin?", "A bird.")
    holder = sqlite3.connect(asked.notebook.state / "ipython" / "journal.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    cell = asked.cell("b", "--chat birds", "Does it fly?", "No.")
    assert "lives as long as this kernel" in cell.text
    assert "in use by another program" in cell.text
    assert asked.sent() == ["What is a penguin?", "A bird.", "Does it fly?"]
    assert "kept in memory only" in asked.command("doctor").text
    assert "kept as long as this kernel" in asked.command("cache on").text
    asked.command("cache off")
    asked.cell("c", "--chat birds", "Does it swim?", "Yes.")
    assert asked.sent()[-3:] == ["Does it fly?", "No.", "Does it swim?"]
    assert [answer for _, answer in asked.stored()] == ["A bird."]
    holder.execute("ROLLBACK")
    holder.close()
    cell = asked.cell("d", "--chat birds", "Does it sing?", "A little.")
    assert "lives as long as this kernel" not in cell.text
    assert [answer for _, answer in asked.stored()] == ["A bird.", "No.", "Yes.", "A little."]
    assert "kept in memory only" not in asked.command("doctor").text
