"""The front-end extension as it is shipped: built from its sources, once in the wheel, in step with the package."""

import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from openclaw_ipython import __version__
from openclaw_ipython.chat.types import PYTHON
from openclaw_ipython.shell import magics
from openclaw_ipython.shell.render import code_cells, renderer

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "labextension"
SHARED = "share/jupyter/labextensions/openclaw-ipython/"
BUTTONS = (FOLDER / "src" / "buttons.ts").read_text("utf-8")


def built(kind: str, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob(f"*.{'whl' if kind == 'wheel' else 'tar.gz'}"))


def test_the_built_files_are_made_from_these_sources():
    spec = importlib.util.spec_from_file_location("labextension", ROOT / "scripts" / "labextension.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.RECORD.read_text("utf-8").strip() == script.digest(), "run: make labextension"


def test_the_wheel_has_the_extension_once(tmp_path):
    with zipfile.ZipFile(built("wheel", tmp_path)) as wheel:
        names = wheel.namelist()
        shared = {name.partition(".data/data/")[2]: name for name in names if ".data/data/" in name}
        package = json.loads(wheel.read(shared[SHARED + "package.json"]))
    load = package["jupyterlab"]["_build"]["load"]
    assert re.fullmatch(r"static/remoteEntry\.\w+\.js", load)
    assert SHARED + load in shared
    assert {name.removeprefix(SHARED) for name in shared} == {
        "install.json",
        *(p.relative_to(FOLDER / "built").as_posix() for p in (FOLDER / "built").rglob("*") if p.is_file()),
    }
    assert [name for name in names if "labextension" in name and ".data/data/" not in name] == []


def test_the_source_distribution_has_what_it_is_built_from_and_nothing_of_node(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"labextension/src/index.ts", "labextension/yarn.lock", "labextension/built/package.json"} <= names
    assert [name for name in names if "node_modules" in name or name.startswith("labextension/lib/")] == []


def test_it_carries_the_version_of_the_package():
    assert json.loads((FOLDER / "package.json").read_text("utf-8"))["version"] == __version__


@pytest.mark.parametrize(
    ("constant", "words"), [("PYTHON", {"", *PYTHON}), ("SHELL", code_cells._SHELL)], ids=["python", "shell"]
)
def test_it_knows_the_same_languages_as_the_package(constant, words):
    (pattern,) = re.findall(rf"const {constant} = /\^\((.*)\)\$/", BUTTONS)
    assert set(pattern.split("|")) == words


def test_it_looks_for_what_the_package_sets():
    assert f"hasattr(get_ipython(), '{magics._ATTRIBUTE}')" in BUTTONS
    (key,) = renderer._ANSWER
    assert f"'{key}' in metadata" in BUTTONS


def test_of_others_only_what_loads_the_style_sheet_is_bundled():
    licences = json.loads(next((FOLDER / "built").rglob("third-party-licenses.json")).read_text("utf-8"))
    assert {one["name"] for one in licences["packages"]} <= {"css-loader", "style-loader"}


def test_it_stays_small():
    assert sum(len(p.read_text("utf-8").splitlines()) for p in (FOLDER / "src").glob("*.ts")) <= 200
    assert sum(p.stat().st_size for p in (FOLDER / "built").rglob("*") if p.is_file()) < 40_000
