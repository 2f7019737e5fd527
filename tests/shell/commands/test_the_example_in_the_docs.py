"""`docs/adding-a-command.md` is true: one decorated function adds a subcommand, and nothing else is edited."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openclaw_ipython
from openclaw_ipython.shell.commands import COMMANDS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adding-a-command.md"
(MODULE,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
USE = """
from IPython.core.interactiveshell import InteractiveShell
from openclaw_ipython.shell.completion import candidates

shell = InteractiveShell.instance()
shell.extension_manager.load_extension("openclaw_ipython")
session = shell._openclaw_ipython.session
print(candidates(session, "%openclaw models la"))
print(candidates(session, "%openclaw models largest --t"))
for line in ("help", "help models largest", "models largest qwen-portal --top 1", "models larges"):
    shell.run_line_magic("openclaw", line)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its docs with the module of the page in it."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(openclaw_ipython.__file__).parent, root / "openclaw_ipython")
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / "docs", root / "docs")
    (root / "openclaw_ipython" / "shell" / "commands" / "largest.py").write_text(MODULE, "utf-8")
    return root


def run(copy, *arguments):
    environ = os.environ | {
        "PYTHONPATH": str(copy),
        "OPENCLAW_HOME": str(copy / "home"),
        "IPYTHONDIR": str(copy / "ipython"),
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environ, capture_output=True, text=True, check=False
    )


def test_an_added_command_is_completed_explained_run_and_suggested(copy):
    done = run(copy, "-c", USE)
    assert "('la', ['largest'])" in done.stdout
    assert "('--t', ['--top'])" in done.stdout
    assert done.stdout.count("The models with the largest context windows.") == 2  # in the list, and alone
    assert re.search(r"^ *--top N +how many$", done.stdout, re.M)
    assert re.search(r"^qwen-portal/\S+ +[\d,]+$", done.stdout, re.M)
    assert "did you mean models largest?" in done.stderr


def test_an_added_command_is_in_the_table_of_the_docs(copy):
    assert run(copy, "scripts/docs.py").returncode == 0
    page = (copy / "docs" / "magics.md").read_text("utf-8")
    row = "| `models largest [SERVICE] [--top N]` | The models with the largest context windows. |"
    assert row in page


def test_the_example_is_not_in_the_package():
    assert ("models", "largest") not in COMMANDS
