"""`docs/adding-a-format.md` is true: one file adds a format, one file a renderer, and nothing else is edited."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openclaw_ipython
from openclaw_ipython.shell.render.formats import NAMES as FORMATS
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.render.renderers import NAMES as RENDERERS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "adding-a-format.md").read_text("utf-8")
FORMAT, RENDERER, CONTRACT = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
USE = """
import runpy
from IPython.core.interactiveshell import InteractiveShell
from openclaw_ipython.chat.types import Reply, TextDelta
from openclaw_ipython.shell.completion import candidates
from openclaw_ipython.shell.options import parse_cell_line
from openclaw_ipython.shell.render.formats import find_format
from openclaw_ipython.shell.reply import renderer_for

shell = InteractiveShell.instance()
shell.extension_manager.load_extension("openclaw_ipython")
magics = shell._openclaw_ipython
options = parse_cell_line("-f csv")
print(candidates(magics.session, "%%qwen -f c"))
shell.run_line_magic("openclaw", "help qwen")
print(runpy.run_path("scripts/docs.py")["generated"]())
magics.renderer = "slow"
print(type(renderer_for(magics.session)).__name__)
magics.renderer = "markdown"
answer = Reply("a,b\\n1,2\\n", model="m")
renderer = renderer_for(magics.session, options.format)
renderer.start("m")
renderer.update([TextDelta(str(answer))])
renderer.finish(answer)
print(find_format("csv").parse(answer))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package with the two files of the page in it."""
    root = tmp_path_factory.mktemp("copy")
    package = root / "openclaw_ipython"
    shutil.copytree(Path(openclaw_ipython.__file__).parent, package)
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (package / "shell" / "render" / "formats" / "csv.py").write_text(FORMAT, "utf-8")
    (package / "shell" / "render" / "renderers" / "slow.py").write_text(RENDERER, "utf-8")
    (root / "test_slow.py").write_text(CONTRACT, "utf-8")
    return root


def run(copy, *arguments):
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT / "tests" / "support")]),
        "OPENCLAW_HOME": str(copy / "home"),
        "IPYTHONDIR": str(copy / "ipython"),
    }
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_added_format_is_completed_explained_documented_shown_and_bound(copy):
    output = run(copy, "-c", USE)
    assert "('c', ['code', 'csv'])" in output
    assert re.search(r"^ *-f csv +a table, asked for as CSV$", output, re.M)
    assert "| `-f csv` | a table, asked for as CSV |" in output
    assert re.search(r"^ *-f, --format FORMAT +how the answer is shown$", output, re.M)
    assert "a,b\n1,2" in output
    assert "[['a', 'b'], ['1', '2']]" in output


def test_an_added_renderer_can_be_chosen(copy):
    assert "\nSlowRenderer\n" in run(copy, "-c", USE)


def test_the_test_of_the_added_renderer_passes(copy):
    assert "passed" in run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_slow.py")


def test_the_examples_are_not_in_the_package():
    assert "csv" not in FORMATS
    assert "slow" not in RENDERERS


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_explained_in_a_line(name):
    assert find_format(name).help.isprintable()
    assert find_format(name).help
