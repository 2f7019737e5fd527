"""What goes into a question, in a real kernel: for each way to name something, what reached the portal and is read."""

import base64
import io

import pytest
from PIL import Image

pytestmark = pytest.mark.kernel

SETUP = """
%matplotlib inline
import numpy as np, pandas as pd, io, sys
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image as Pillow
from IPython.display import Image, display

def png(size):
    into = io.BytesIO()
    Pillow.new("RGB", size, "teal").save(into, "PNG")
    return into.getvalue()

fig = Figure(figsize=(20, 15), dpi=100); axes = fig.subplots(); lines = axes.plot([1, 3, 2])
array, pillow, shown, raw, many = np.zeros((48, 64)), Pillow.new("RGB", (64, 48)), Image(png((64, 48))), png((64, 48)), [png((20, 20)), png((30, 30))]
name, numbers, table = "Ada", {"a": [1, 2], "b": {"c": 3}}, pd.DataFrame({"x": range(1000)})
class Odd:
    def __repr__(self): raise RuntimeError("no")
odd = Odd()
def double(n):
    "Twice."
    return 2 * n
"""  # noqa: E501


@pytest.fixture(scope="module")
def prepared(module_kernel):
    cell = module_kernel.run(SETUP)
    assert not cell.ename, cell.traceback


@pytest.fixture
def asked(prepared, signed_in):
    """Ask in the kernel; give back the content that reached the portal, the cell, and the footer."""

    def ask(code, **options):
        before = len(signed_in.chats())
        cell = signed_in.run(code, **options)
        bodies = [chat.json() for chat in signed_in.chats()[before:]]
        content = bodies[-1]["messages"][-1]["content"] if bodies else None
        footer = cell.text.rpartition("\n(")[2] if bodies else ""
        return content, cell, footer

    ask.notebook = signed_in
    return ask


def pictures(content):
    """Format and size of the pictures in a message, as the service would see them."""
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    found = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
    return [(image.format, image.size) for image in found]


def refused(cell):
    """The one or two lines of a question that was not sent."""
    assert cell.ename == "UsageError", cell.text
    lines = cell.traceback.splitlines()
    assert len(lines) <= 2
    return lines[0]


# -- references ------------------------------------------------------------------------------


def test_references_are_replaced_and_named_in_the_footer_and_other_braces_stay(asked):
    typed = """hi {name}, {numbers["b"]["c"]}, {numbers['a'][-1]} {"json": {}} {unknown} {{name}} {name.nope} {odd}"""
    content, _, footer = asked(f"%%qwen\n{typed}")
    assert content == (
        'hi Ada, 3, 2 {"json": {}} {unknown} {{name}} {name.nope} <Odd that cannot be shown: RuntimeError>'
    )
    assert 'inserted name, numbers["b"]["c"], numbers[\'a\'][-1], odd' in footer
    assert "{name.nope} left as typed (AttributeError)" in footer


def test_earlier_cells_results_and_the_last_error_are_references(asked):
    asked.notebook.run("6 * 7")
    number = asked.notebook.value("len(In) - 1") - 1
    content, _, _ = asked(f"%%qwen\n{{In[{number}]}} gave {{Out[{number}]}}")
    assert content == "6 * 7 gave 42"
    asked.notebook.run("def broken():\n    return 1 / 0\nbroken()")
    content, _, footer = asked("%qwen why? {Err}")
    assert "def broken():" in content
    assert content.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "IPython/core" not in content
    assert "inserted Err" in footer


def test_inserted_text_is_not_expanded_again_and_raw_expands_nothing(asked):
    asked.notebook.run("braces = '{name}'")
    assert asked("%qwen say {braces}")[0] == "say {name}"
    content, _, footer = asked("%%qwen --raw\nsay {braces}")
    assert content == "say {braces}"
    assert "inserted" not in footer


def test_a_value_is_capped_at_the_limit_and_the_cap_is_read(asked):
    asked.notebook.run("%config OpenClaw.context_limit = 1000\nlong = 'x' * 5000")
    content, _, footer = asked("%qwen {long}")
    assert content == "x" * 1000 + "\n… 4,000 more characters, left out"
    assert "inserted long (1,034 characters, capped)" in footer
    asked.notebook.run("%config OpenClaw.context_limit = 100000")


def test_a_plain_question_loads_nothing_of_the_room(asked):
    asked.notebook.run(
        "for m in [m for m in sys.modules if 'openclaw_ipython.context.' in m]: del sys.modules[m]"
    )
    assert asked("%%qwen\nplain")[0] == "plain"
    assert asked.notebook.value("[m for m in sys.modules if 'openclaw_ipython.context.' in m]") == []


# -- pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ("array", (64, 48)),
        ("pillow", (64, 48)),
        ("shown", (64, 48)),
        ("raw", (64, 48)),
        ("many[0]", (20, 20)),
    ],
)
def test_a_variable_with_a_picture_goes_along_with_its_size_in_the_footer(asked, source, size):
    content, cell, footer = asked(f"%%qwen -i {source}\nwhat is this?")
    assert pictures(content) == [("PNG", size)]
    assert content[-1] == {"type": "text", "text": "what is this?"}
    assert f"PNG, {size[0]} × {size[1]} pixels" in cell.text  # the portal says what it got
    assert f"{source} {size[0]}×{size[1]}, 1 kB" in footer


@pytest.mark.parametrize("source", ["fig", "axes", "lines", "lines[0]"])
def test_a_figure_is_drawn_scaled_and_the_footer_says_to_what(asked, source):
    content, _, footer = asked(f"%qwen --image {source} describe it")
    ((form, size),) = pictures(content)
    assert form == "PNG"
    assert 1000 < max(size) <= 1568
    assert f"→ {size[0]}×{size[1]}" in footer


def test_a_file_an_address_and_several_pictures_go_along_in_order(asked):
    asked.notebook.run("open('a picture.png', 'wb').write(png((90, 60)))")
    content, cell, footer = asked(
        "%%qwen -i 'a picture.png' -i https://example.org/cat.png --image=many\ncompare"
    )
    assert content[1]["image_url"]["url"] == "https://example.org/cat.png"
    assert pictures([content[0], *content[2:]]) == [("PNG", (90, 60)), ("PNG", (20, 20)), ("PNG", (30, 30))]
    assert "image at example.org" in footer
    assert "not fetched" in cell.text


def test_what_a_cell_displayed_is_reached_by_its_number_and_by_the_underscore(asked):
    asked.notebook.run("plt.figure(figsize=(3, 2))\nplt.plot([1, 2])")  # returns lines, displays a figure
    number = asked.notebook.value("len(In) - 1") - 1
    for source in ("_", f"Out[{number}]"):
        asked.notebook.run("_ = None" if source != "_" else "lines")
        ((form, size),) = pictures(asked(f"%%qwen -i {source}\nwhat?")[0])
        assert form == "PNG"
        assert size[0] > 200
    asked.notebook.run("display(Image(png((33, 44))), 'text')")
    number = asked.notebook.value("len(In) - 1") - 1
    assert pictures(asked(f"%%qwen -i Out[{number}]\nwhat?")[0]) == [("PNG", (33, 44))]


def test_pictures_go_to_the_image_model_and_the_footer_says_so(asked):
    _, cell, footer = asked("%%qwen -i raw\nwhat?")
    assert asked.notebook.chats()[-1].json()["model"] == "vision-model"
    assert footer.startswith("qwen-portal/vision-model")
    assert "qwen-portal/coder-model reads text only; pictures go to qwen-portal/vision-model" in footer
    asked.notebook.run("%config OpenClaw.default_model = 'qwen'")
    asked("%%qwen -i raw\nwhat?")
    assert asked.notebook.chats()[-1].json()["model"] == "vision-model"
    asked.notebook.run("%config OpenClaw.default_model = ''")
    assert not cell.ename
    asked("%%qwen qwen -i raw\nwhat?")  # named: asked, and it refuses
    assert asked.notebook.chats()[-1].json()["model"] == "coder-model"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-i missing.png", "missing.png is neither a variable nor a file"),
        ("-i figg", "figg is neither a variable nor a file · did you mean fig, Figure?"),
        ("-i table", "table is not an image (DataFrame)"),
        ("-i odd", "odd is not an image (Odd)"),
        ("-i bad.png", "bad.png is not an image that can be read"),
        ("-i np.zeros((9,9))", "is neither a variable nor a file"),
        ("-i http://example.org/x.png", "only https addresses"),
        ("-i [raw]*30", "is neither a variable nor a file"),
        ("-a missing.txt", "missing.txt is neither a variable nor a file"),
        ("-a tabel", "did you mean table?"),
        ("-a bad.png", "bad.png is not a text file"),
        ("-a table.nope", "table.nope has no value (AttributeError)"),
        ("--cells 9999", "there are no such cells yet"),
        ("--cells some", "--cells some: must be 3, 2-5, -4 (the last four) or all"),
        ("-p nonsense", "-p nonsense: must be KEY=VALUE"),
        ("-p model=other", "another field"),
        ("--cells -0", "--cells -0: must be 3, 2-5, -4 (the last four) or all"),
        ("-o class", "-o class: must be the name of a variable"),
        ("qwen -m other", "two models are named: qwen and other"),
        ("-a np", "np is a module; name something in it"),
        ("--tools mcp:", "UsageError: mcp: lacks the name of a server: mcp:NAME"),
        ("--timeout never", "--timeout never: must be a number"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_sent(asked, options, message):
    asked.notebook.run("open('bad.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n\\0\\0')")
    content, cell, _ = asked(f"%%qwen {options}\nwhat?")
    assert content is None
    assert message in refused(cell)


def test_a_huge_picture_is_refused_before_it_is_unpacked(asked):
    asked.notebook.run(
        "import zlib\nbomb = bytearray(png((8, 8)))\nbomb[16:24] = (200_000).to_bytes(4, 'big') * 2\n"
        "bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, 'big')\nbomb = bytes(bomb)"
    )
    content, cell, _ = asked("%%qwen -i bomb\nwhat?")
    assert content is None
    assert "bomb is too large to be opened safely" in refused(cell)
    assert cell.seconds < 3


# -- attachments and cells -------------------------------------------------------------------


def test_variables_and_files_are_attached_before_the_question(asked):
    asked.notebook.run("open('notes.md', 'w').write('# Notes\\nbuy milk')")
    content, _, footer = asked('%%qwen -a table -a double -a notes.md --attach numbers["b"]\nwell?')
    assert content.startswith("table (DataFrame, 1,000 rows × 1 columns):\n```\n")
    assert "x: int64, 0 missing" in content
    assert "double (function):\n```python\ndef double(n):" in content
    assert "notes.md (file):\n```markdown\n# Notes\nbuy milk\n```" in content
    assert "numbers[\"b\"] (dict of 1):\n```python\n{'c': 3}\n```" in content
    assert content.endswith("\n\nwell?")
    assert "attached table (" in footer
    assert 'double, notes.md, numbers["b"]' in footer


def test_a_class_of_the_notebook_is_attached_by_its_source(asked):
    assert "class Odd:\n    def __repr__" in asked("%%qwen -a Odd\nwell?")[0]


def test_earlier_cells_go_along_with_what_they_printed_displayed_and_raised(asked):
    asked.notebook.run("print('printed', end='')\ndisplay('displayed')\n'returned'")
    asked.notebook.run("{}['raised']")
    first = asked.notebook.value("len(In) - 1") - 2
    content, _, footer = asked(f"%%qwen --cells {first}-{first + 1}\nwhat happened?")
    assert f"Cell [{first}]:\n```python\nprint('printed', end='')\ndisplay('displayed')" in content
    for message in ("printed", "'displayed'", "'returned'", "KeyError: 'raised'"):
        assert message in content.partition("Its output:")[2]
    assert "cells: 2 (" in footer
    assert "what happened?" not in asked("%%qwen --cells -1\nand now?")[0].rpartition("Its output")[0][:10]


def test_c11_what_earlier_cells_wrote_to_stderr_goes_along(asked):
    asked.notebook.run(
        "import sys, warnings\nprint('to stderr', file=sys.stderr)\nwarnings.warn('take care')"
    )
    content, _, footer = asked("%%qwen --cells -1\nwhat happened?")
    output = content.partition("Its output:")[2]
    assert "to stderr" in output
    assert "UserWarning: take care" in output
    assert "cells: 1 (" in footer


# -- the rest --------------------------------------------------------------------------------


def test_further_fields_reach_the_service_as_json_or_text(asked):
    asked('%%qwen -p seed=3 -p stop=\'["x", "y"]\' -p user=me\nwhat?')
    body = asked.notebook.chats()[-1].json()
    assert (body["seed"], body["stop"], body["user"]) == (3, ["x", "y"], "me")


def test_a_timeout_ends_the_cell_and_keeps_what_came(asked):
    asked.notebook.portal.stalls_after(3)
    content, cell, _ = asked("%%qwen --timeout 0.4 -o answer\na long story")
    assert content is not None
    assert cell.ename == "StreamBroken"
    assert "longer than 0.4 s" in cell.traceback
    assert asked.notebook.value("answer.finish_reason") == "ended early"
    assert asked.notebook.value("len(answer) > 0")


def test_a_dry_run_shows_all_of_it_and_sends_nothing(asked):
    content, cell, _ = asked(
        "%%qwen --dry-run -i raw -a numbers -s 'be brief' -t 0.5 -p seed=1\nhello {name}"
    )
    assert content is None
    assert not cell.ename
    text = cell.text
    assert "Nothing was sent." in text
    assert "To qwen-portal/vision-model at 127.0.0.1" in text
    assert "tokens; messages: 2" in text
    assert '"temperature": 0.5' in text
    assert '"seed": 1' in text
    assert "--- system ---\nbe brief" in text
    assert "[raw 64×48, 1 kB]" in text
    assert "hello Ada" in text
    assert "base64" not in cell.everything()
    assert "text/html" in list(cell.displays.values())[-1]


def test_a_dry_run_shows_nothing_as_live_markup(asked):
    asked.notebook.run("nasty = '<script>alert(1)</script> $x$ \\x1b[31m </pre>'")
    _, cell, _ = asked("%%qwen --dry-run\n{nasty}")
    html = list(cell.displays.values())[-1]["text/html"]
    assert "<script" not in html
    assert "\x1b" not in cell.everything()
    assert html.count("</pre>") == 1


def test_names_complete_after_the_options_and_within_braces(asked):
    complete = asked.notebook.kernel.complete
    assert complete("%%qwen -i pill") == ["Pillow", "pillow"]
    assert complete("%%qwen -a tab") == ["table"]
    assert "table.shape" in complete("%%qwen -a table.sh")
    assert complete("%%qwen -o numb") == ["numbers"]
    assert complete("%openclaw mcp serve numb") == ["numbers"]
    assert complete("%%qwen --image=arr") == ["array"]
    assert complete("%%qwen\nwhat is {numb") == ["numbers"]
    assert complete("%qwen what is {numb") == ["numbers"]
    assert complete("%%qwen\n{table.shap") == ["table.shape"]
    assert asked.notebook.chats() == []


def test_a_file_completes_beside_the_variables(asked):
    asked.notebook.run("open('table of contents.txt', 'w').close()")
    assert asked.notebook.kernel.complete("%%qwen -a table") == ["table", "table of contents.txt"]


# -- what the notebook holds -----------------------------------------------------------------


def test_the_last_failure_is_known_with_its_cell_and_line(asked):
    view = "get_ipython()._openclaw_ipython.session.notebook"
    asked.notebook.run("\n\ndef f():\n    raise KeyError('gone')\n\nf()")
    assert asked.notebook.value(f"(lambda f: (repr(f.error), f.source, f.line))({view}.last_failure())") == (
        "KeyError('gone')",
        "def f():\n    raise KeyError('gone')\n\nf()",
        2,
    )
    asked.notebook.run("x = = 1")
    assert asked.notebook.value(f"{view}.last_failure().source") == "x = = 1"
    assert asked.notebook.value(f"{view}.last_failure().line") == 1


def test_what_was_displayed_is_forgotten_when_the_extension_is_unloaded(asked):
    asked.notebook.run("display(Image(raw))")
    asked.notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")
    number = asked.notebook.value("len(In) - 1") - 2
    assert "returned and displayed no image" in refused(asked(f"%%qwen -i Out[{number}]\nwhat?")[1])
    assert asked.notebook.value("len(get_ipython().display_pub._hooks)") == 1
