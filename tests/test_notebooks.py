"""Every notebook runs from top to bottom against the practice portal, and its checked outputs hold (nbval)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from signed_in import signed_in

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REPLAYED = [ROOT / "notebooks" / f"{name}.ipynb" for name in ("replay", "compare")]
"""Those that are kept with their outputs: they come out of the cache beside each, the same every time."""

pytestmark = pytest.mark.kernel


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(notebook, tmp_path):
    work = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", work)
    with signed_in(tmp_path) as environ:  # nbval runs without a person, so the sign-in has happened before
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax",
            "--nbval-kernel-name=python3",
            "--nbval-cell-timeout=60", "-c", os.devnull, f"--rootdir={work}", str(work / notebook.name),
        ]  # fmt: skip
        done = subprocess.run(command, env=environ, cwd=work, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("notebook", REPLAYED, ids=lambda p: p.stem)
def test_a_replay_gives_the_same_outputs_without_login_or_network_and_leaves_its_cache_as_it_is(
    notebook, tmp_path
):
    work, cache = tmp_path / "notebooks", f"{notebook.stem}-cache.sqlite"
    shutil.copytree(ROOT / "notebooks" / "data", work / "data")
    for name in (notebook.name, cache):
        shutil.copy(notebook.with_name(name), work)
    before = (work / cache).read_bytes()
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-kernel-name=python3",
        "-c", os.devnull, f"--rootdir={work}", str(work / notebook.name),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=nobody(tmp_path), cwd=work, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert (work / cache).read_bytes() == before
    assert {file.name for file in work.iterdir()} == {notebook.name, cache, "data"}


def nobody(folder: Path) -> dict[str, str]:
    """The environment of somebody who has no login and no network."""
    return os.environ | {
        "OPENCLAW_HOME": str(folder / "nobody"),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": "http://127.0.0.1:9",  # nobody listens there
        "IPYTHONDIR": str(folder / "ip"),
    }


def test_the_test_of_a_prompt_passes_without_login_or_network_and_fails_with_another_prompt(tmp_path):
    work = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", work)
    test = work / "test_prompt.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(test)]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=nobody(tmp_path), cwd=work, capture_output=True, text=True, timeout=300
        )

    done = run()
    assert done.returncode == 0, done.stdout[-4000:]
    test.write_text(test.read_text("utf-8").replace("Good or bad?", "Bad or good?"), "utf-8")
    done = run()
    assert done.returncode == 1
    assert "UnknownProvider" in done.stdout or "LoginRequired" in done.stdout


def test_the_replay_is_kept_with_outputs_that_say_where_they_are_from():
    text = REPLAYED[0].read_text("utf-8")
    assert text.count('"text/markdown"') == 3
    assert text.count("from the cache)") == 3


@pytest.mark.parametrize(
    "notebook", [path for path in NOTEBOOKS if path not in REPLAYED], ids=lambda p: p.stem
)
def test_a_notebook_is_kept_without_outputs(notebook):
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


def demo(*options: str) -> str:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--headless", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_same_cell_is_answered_by_the_portal_a_key_service_and_a_local_server():
    shown = demo("--notebook", "providers.ipynb")
    for answered in (
        "(qwen-portal/coder-model ·",
        "(openrouter/",
        "(vllm/",
        "answered by vllm/Qwen/Qwen3-8B",
    ):
        assert answered in shown


@pytest.mark.parametrize("name", ["batch", "data", "vision"])
def test_a_notebook_runs_at_once_for_a_newcomer_who_signs_in_meanwhile(name):
    assert "FAILED" not in demo("--notebook", f"{name}.ipynb")


def test_the_demo_brings_what_its_notebooks_import():
    extras = re.search(r"install -e '\.\[(.*lab.*)\]'", (ROOT / "Makefile").read_text("utf-8"))
    assert {"lab", "plot", "pandas", "schema"} <= set(extras.group(1).split(","))


def test_functions_are_called_and_answers_become_objects():
    shown = demo("--notebook", "tools.ipynb")
    for part in (
        '→ mean_mass({"species": "Gentoo"})  = 5076.0',
        "✗ LookupError: no penguin is a 'Emu'; there are Adelie, Chinstrap, Gentoo",
        '→ station_temperature({"island": "Biscoe"})  = -3.5',
        "Penguin(species='Chinstrap', grams=3733.1)",
    ):
        assert part in shown


def test_an_assistant_looks_computes_and_plots():
    shown = demo("--notebook", "assistant.ipynb")
    for part in (
        "→ variables({})  = pd: module pandas",
        "means = penguins.groupby('species')['body_mass_g'].mean().sort_values()",
        "✓ fits this kernel",
        "Gentoo       5076.0",
        "penguins has no attribute group_by (did you mean groupby",
    ):
        assert part in shown


def test_a_table_is_put_into_objects_of_a_class():
    shown = demo("--notebook", "data.ipynb")
    for part in ("attached penguins", "Chinstrap    68  195.8 mm  3733.1 g", "['Gentoo', 'Adelie']"):
        assert part in shown


def test_the_demo_runs_the_quickstart_and_prints_every_cell_with_its_answer():
    shown = demo()
    for part in (
        "%openclaw login",
        "pressed Approve",
        "Signed in to Qwen",
        "not a model",
        "Default model: qwen-portal/vision-model",
        "344",
    ):
        assert part in shown
