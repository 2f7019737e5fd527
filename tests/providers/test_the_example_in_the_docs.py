"""`docs/adding-a-provider.md` is true: its two files add a provider, and nothing else is edited."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openclaw_ipython
from openclaw_ipython.chat.dialects import DIALECTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text("utf-8")
NAMED = re.findall(r"^`((?:openclaw_ipython|tests)/\S+\.py)`[^`]*?```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package and its tests of providers, with the page's files added."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(openclaw_ipython.__file__).parent, root / "openclaw_ipython")
    for folder in ("tests/support", "tests/providers", "tests/models", "scripts"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / file, root / file)
    for path, text in NAMED:
        assert not (root / path).exists()
        (root / path).write_text(text, "utf-8")
    return root


def test_the_page_names_two_files():
    assert [path for path, _ in NAMED] == [
        "openclaw_ipython/providers/acme.py",
        "tests/providers/test_acme.py",
    ]


def test_with_them_the_tests_of_the_provider_and_of_all_providers_pass(copy):
    environ = os.environ | {"PYTHONPATH": str(copy)}
    tests = (
        "tests/providers/test_acme.py",
        "tests/providers/test_all.py",
        "tests/models",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


def test_every_dialect_is_on_the_page():
    rows = re.search(r"\| `dialect` \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE)[1].splitlines()
    named = [name.strip(" `") for row in rows for name in row.split("|")[1].split(",")]
    assert sorted(named) == sorted(name or "(empty)" for name in DIALECTS)
