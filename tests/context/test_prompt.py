"""Composed questions: order, notes, the limit of added text, attachments, earlier cells."""

import io
import os
import statistics

import pytest
from PIL import Image

from openclaw_ipython.context.blocks import TextBudget
from openclaw_ipython.context.prompt import PromptOptions, attach, cell_numbers, cells_text, compose
from openclaw_ipython.errors import UsageError


def png():
    into = io.BytesIO()
    Image.new("RGB", (64, 48)).save(into, "PNG")
    return into.getvalue()


def test_images_come_first_and_the_typed_text_last(cells):
    contents = cells({"d": {"a": 1}, "p": png()}, inputs=("", "1 + 1", "%%qwen"), outputs={1: "2"})
    prompt = compose("what of {d}?", contents, PromptOptions(images=["p"], attach=["d"], cells="all"))
    image, text = prompt.content
    assert image["type"] == "image_url"
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": prompt.text}
    assert [prompt.text.index(part) for part in ("Cell [1]", "d (dict of 1)", "what of")] == sorted(
        prompt.text.index(part) for part in ("Cell [1]", "d (dict of 1)", "what of")
    )
    assert prompt.text.endswith("\n\nwhat of {'a': 1}?")
    assert prompt.typed == "what of {d}?"
    assert prompt.notes == ("inserted d", "attached d", "cells: 1 (51 characters)", "p 64×48, 1 kB")


def test_without_images_the_content_is_text(notebook):
    prompt = compose("hello {name}", notebook(name="Ada"), PromptOptions())
    assert prompt.content == prompt.text == "hello Ada"


def test_with_raw_references_stay_and_attachments_are_added(notebook):
    prompt = compose("hello {name}", notebook(name="Ada"), PromptOptions(attach=["name"], raw=True))
    assert prompt.text.endswith("hello {name}")
    assert prompt.notes == ("attached name",)


def test_all_added_text_shares_one_limit_and_the_notes_name_what_was_truncated(cells):
    contents = cells({"a": "x" * 300, "b": "y" * 300}, inputs=("", "z" * 300, "%%qwen"))
    prompt = compose("{a}", contents, PromptOptions(attach=["b"], cells="1", limit=500))
    assert len(prompt.text) < 700
    assert prompt.notes == (
        "inserted a (300 characters)",
        "attached b (232 characters, capped)",
        "cells: 0 (0 characters), 1 earlier left out",
    )


def test_in_high_resolution_an_image_is_scaled_less(notebook):
    into = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(into, "PNG")
    contents = notebook(p=into.getvalue())
    assert compose("x", contents, PromptOptions(images=["p"])).images[0].width < 1569
    assert compose("x", contents, PromptOptions(images=["p"], high_resolution=True)).images[0].width == 3000


def test_nothing_is_added_that_was_not_named(cells):
    displayed = {1: [("image/png", png())]}
    contents = cells(
        {"secret": "hidden"}, inputs=("", "token = 1", "%%qwen"), outputs={1: "printed"}, displayed=displayed
    )
    prompt = compose("plain", contents, PromptOptions())
    assert (prompt.content, prompt.notes) == ("plain", ())


def test_a_broken_reference_is_in_the_notes(notebook):
    prompt = compose("{d.x} {other}", notebook(d={}), PromptOptions())
    assert prompt.text == "{d.x} {other}"
    assert prompt.notes == ("{d.x} left as typed (AttributeError)",)


def test_braces_left_for_the_same_reason_are_one_note_and_code_comes_last(notebook):
    typed = "`f'{d}'` {d.x} {dd} " + " ".join(f"{{d.y{number}}}" for number in range(5))
    prompt = compose(typed, notebook(d=1), PromptOptions())
    assert prompt.notes == (
        "{d.x}, {d.y0}, {d.y1}, {d.y2}, … left as typed (AttributeError)",
        "{dd} left as typed (there is no dd · did you mean d?)",
        "{d} left as typed (in code or a formula)",
    )


# -- attachments --


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_variable_becomes_a_block_with_its_name_and_kind(notebook):
    found = attach("d", notebook(d={"a": 1}), TextBudget())
    assert found.block == "d (dict of 1):\n```python\n{'a': 1}\n```"
    assert (found.name, found.characters, found.truncated) == ("d", 8, False)


def test_parts_of_variables_inputs_and_results_can_be_attached(notebook):
    contents = notebook(d={"a": {"b": "deep"}})
    assert "deep" in attach('d["a"]["b"]', contents, TextBudget()).block
    assert "a = 1" in attach("In[1]", contents, TextBudget()).block
    assert "[10, 20]" in attach("Out[2]['a']", contents, TextBudget()).block


def test_a_text_file_becomes_a_block_with_its_language(folder, notebook):
    (folder / "tool.py").write_text("print('hé')\n", "utf-8")
    assert attach("tool.py", notebook(), TextBudget()).block == "tool.py (file):\n```python\nprint('hé')\n```"


def test_a_variable_wins_over_a_file_and_a_path_value_is_read(folder, notebook):
    (folder / "d").write_text("the file", "utf-8")
    assert "variable" in attach("d", notebook(d="the variable"), TextBudget()).block
    assert "the file" in attach("d", notebook(d=folder / "d"), TextBudget()).block
    assert "the file" in attach("./d", notebook(d="the variable"), TextBudget()).block


def test_a_file_name_that_begins_with_a_variable_name_is_a_file(folder, notebook):
    (folder / "data.csv").write_text("a,b\n1,2\n", "utf-8")
    assert "a,b\n1,2" in attach("data.csv", notebook(data={"x": 1}), TextBudget()).block


def test_a_function_of_a_module_can_be_attached(notebook):
    assert "def mean(" in attach("stats.mean", notebook(stats=statistics), TextBudget()).block


def test_a_long_unknown_word_is_shortened_in_the_error(notebook):
    with pytest.raises(UsageError) as caught:
        attach("some text " * 1_000, notebook(), TextBudget())
    assert len(str(caught.value)) < 200


def test_a_fence_in_the_text_does_not_end_the_block(notebook):
    block = attach("s", notebook(s="a\n```\nb\n````\nc"), TextBudget()).block
    assert block == "s (text):\n`````\na\n```\nb\n````\nc\n`````"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_as_utf_8_or_by_its_byte_order_mark(folder, notebook, encoding):
    (folder / "note.txt").write_text("naïve ✓", encoding)
    assert "naïve ✓" in attach("note.txt", notebook(), TextBudget()).block


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_a_long_file_is_truncated_with_a_note(folder, notebook, letter):
    (folder / "long.txt").write_text(letter * 10_000, "utf-8")
    found = attach("long.txt", notebook(), TextBudget(1_000))
    assert found.truncated
    assert f"{letter * 1_000}\n… 9,000 more characters, left out" in found.block


def test_attachments_share_the_limit(notebook):
    budget, contents = TextBudget(150), notebook(a="x" * 100, b="y" * 100)
    assert not attach("a", contents, budget).truncated
    second = attach("b", contents, budget)
    assert second.truncated
    assert "y" * 50 + "\n… 50 more characters" in second.block
    assert "… 100 more characters" in attach("b", contents, budget).block


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nothing.txt", "is neither a variable nor a file"),
        ("penguin", "did you mean penguins?"),
        ("penguins.nope", "has no value (AttributeError)"),
        ("picture.png", "is not a text file"),
        ("latin.txt", "is not text in UTF-8"),
        ("os", "os is a module; name something in it"),
        ("", "is neither a variable nor a file"),
        ("inner", "is a folder"),
        ("x" * 5_000, "is neither a variable nor a file"),
        ("a\0b", "is neither a variable nor a file"),
        ("~nobody-has-this-name/x", "is neither a variable nor a file"),
    ],
)
def test_a_word_that_cannot_be_attached_is_an_error_of_one_line(folder, notebook, word, message):
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "latin.txt").write_bytes("naïve".encode("latin-1"))
    (folder / "inner").mkdir()
    with pytest.raises(UsageError) as caught:
        attach(word, notebook(penguins="x", os=os), TextBudget())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused(folder, notebook):
    os.mkfifo(folder / "pipe")
    with pytest.raises(UsageError, match="not a file that can be sent"):
        attach("pipe", notebook(), TextBudget())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read here")
def test_a_file_without_read_permission_is_an_error(folder, notebook):
    (folder / "mine.txt").write_text("x")
    (folder / "mine.txt").chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        attach("mine.txt", notebook(), TextBudget())


# -- earlier cells --


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        ("3", [3]),
        ("2-5", [2, 3, 4, 5]),
        ("4-", [4, 5, 6]),
        ("1,3-4,3", [1, 3, 4]),
        ("-2", [5, 6]),
        ("-99", [1, 2, 3, 4, 5, 6]),
        ("all", [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_spec_selects_cells(spec, numbers):
    assert cell_numbers(spec, 6) == numbers


@pytest.mark.parametrize("spec", ["7", "0", "5-9", "4-2", "1,9"])
def test_a_cell_that_does_not_exist_is_an_error(spec):
    with pytest.raises(UsageError, match="there are no such cells yet") as caught:
        cell_numbers(spec, 6)
    assert "1 to 6 have run" in caught.value.hint


def test_without_cells_nothing_is_selected():
    assert cell_numbers("all", 0) == cell_numbers("-4", 0) == []


def test_a_cell_is_added_with_its_source_and_output(cells):
    contents = cells(inputs=("", "1 + 1", "x = 2", "  ", "%%qwen"), outputs={1: "2"})
    found = cells_text("all", contents, TextBudget())
    assert found.text == (
        "Cell [1]:\n```python\n1 + 1\n```\nIts output:\n```\n2\n```\n\nCell [2]:\n```python\nx = 2\n```"
    )
    assert (found.cells, found.left_out, found.truncated) == (2, 0, False)


def test_of_too_many_cells_the_latest_are_added(cells):
    contents = cells(inputs=("", *(f"cell_{n} = '{'x' * 100}'" for n in range(1, 11)), "%%qwen"))
    found = cells_text("all", contents, TextBudget(500))
    assert found.text.startswith("(7 earlier cells left out)")
    assert "cell_10" in found.text
    assert "cell_7 " not in found.text
    assert (found.cells, found.left_out) == (3, 7)


def test_a_long_output_is_truncated_with_a_note(cells):
    contents = cells(inputs=("", "print(log)", "%%qwen"), outputs={1: "y" * 5_000})
    found = cells_text("1", contents, TextBudget(1_000))
    assert found.truncated
    assert "print(log)" in found.text
    assert "more characters, left out" in found.text
    assert 700 < len(found.text) <= 1_000


def test_the_running_cell_is_not_added(cells):
    assert "secret plan" not in cells_text("all", cells(inputs=("", "a", "secret plan")), TextBudget()).text
