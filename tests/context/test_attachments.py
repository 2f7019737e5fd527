"""`--attach`: variables and text files as blocks, capped; everything else is refused in one sentence."""

import os
import statistics

import pytest

from openclaw_ipython.context.allowance import Allowance
from openclaw_ipython.context.attachments import attach
from openclaw_ipython.errors import UsageError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_variable_is_a_block_with_its_name_and_kind(notebook):
    found = attach("d", notebook(d={"a": 1}), Allowance())
    assert found.block == "d (dict of 1):\n```python\n{'a': 1}\n```"
    assert (found.name, found.characters, found.capped) == ("d", 8, False)


def test_a_part_of_a_variable_an_input_and_a_result(notebook):
    held = notebook(d={"a": {"b": "deep"}})
    assert "deep" in attach('d["a"]["b"]', held, Allowance()).block
    assert "a = 1" in attach("In[1]", held, Allowance()).block
    assert "[10, 20]" in attach("Out[2]['a']", held, Allowance()).block


def test_a_text_file_is_a_block_in_its_language(folder, notebook):
    (folder / "tool.py").write_text("print('hé')\n", "utf-8")
    assert attach("tool.py", notebook(), Allowance()).block == "tool.py (file):\n```python\nprint('hé')\n```"


def test_a_variable_goes_before_a_file_of_its_name_and_a_path_is_its_file(folder, notebook):
    (folder / "d").write_text("the file", "utf-8")
    assert "variable" in attach("d", notebook(d="the variable"), Allowance()).block
    assert "the file" in attach("d", notebook(d=folder / "d"), Allowance()).block
    assert "the file" in attach("./d", notebook(d="the variable"), Allowance()).block


def test_a_file_is_meant_where_its_name_begins_like_a_variable_and_leads_nowhere(folder, notebook):
    (folder / "data.csv").write_text("a,b\n1,2\n", "utf-8")
    assert "a,b\n1,2" in attach("data.csv", notebook(data={"x": 1}), Allowance()).block


def test_what_is_in_a_module_can_be_attached(notebook):
    assert "def mean(" in attach("stats.mean", notebook(stats=statistics), Allowance()).block


def test_a_long_word_that_names_nothing_is_said_in_short(notebook):
    with pytest.raises(UsageError) as caught:
        attach("some text " * 1_000, notebook(), Allowance())
    assert len(str(caught.value)) < 200


def test_a_fence_inside_does_not_end_the_block(notebook):
    block = attach("s", notebook(s="a\n```\nb\n````\nc"), Allowance()).block
    assert block == "s (text):\n`````\na\n```\nb\n````\nc\n`````"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_the_encodings_that_say_so(folder, notebook, encoding):
    (folder / "note.txt").write_text("naïve ✓", encoding)
    assert "naïve ✓" in attach("note.txt", notebook(), Allowance()).block


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_a_long_file_is_capped_and_says_how_much_is_left_out(folder, notebook, letter):
    (folder / "long.txt").write_text(letter * 10_000, "utf-8")
    found = attach("long.txt", notebook(), Allowance(1_000))
    assert found.capped
    assert f"{letter * 1_000}\n… 9,000 more characters, left out" in found.block


def test_several_attachments_share_the_limit(notebook):
    allowance, held = Allowance(150), notebook(a="x" * 100, b="y" * 100)
    assert not attach("a", held, allowance).capped
    second = attach("b", held, allowance)
    assert second.capped
    assert "y" * 50 + "\n… 50 more characters" in second.block
    assert "… 100 more characters" in attach("b", held, allowance).block


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nothing.txt", "is no variable and no file"),
        ("penguin", "did you mean penguins?"),
        ("penguins.nope", "leads nowhere (AttributeError)"),
        ("picture.png", "is not a text file"),
        ("latin.txt", "is not text in UTF-8"),
        ("os", "os is a module; name something in it"),
        ("", "is no variable and no file"),
        ("inner", "is a folder"),
        ("x" * 5_000, "is no variable and no file"),
        ("a\0b", "is no variable and no file"),
        ("~nobody-has-this-name/x", "is no variable and no file"),
    ],
)
def test_what_cannot_be_attached_is_one_sentence(folder, notebook, word, said):
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "latin.txt").write_bytes("naïve".encode("latin-1"))
    (folder / "inner").mkdir()
    with pytest.raises(UsageError) as caught:
        attach(word, notebook(penguins="x", os=os), Allowance())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(folder, notebook):
    os.mkfifo(folder / "pipe")
    with pytest.raises(UsageError, match="not a file that can be sent"):
        attach("pipe", notebook(), Allowance())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read here")
def test_a_file_that_may_not_be_read_says_so(folder, notebook):
    (folder / "mine.txt").write_text("x")
    (folder / "mine.txt").chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        attach("mine.txt", notebook(), Allowance())
