"""`--assist` in real JupyterLab: a step asked about, run, and one refused. Screenshots are kept in `artifacts/`."""

import os
from pathlib import Path

import nbformat
import pytest
from lab import find_chromium, jupyterlab
from scripted_portal import Portal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
PENGUINS = Path(__file__).parents[2] / "notebooks" / "data" / "penguins.csv"
CELLS = [
    "%load_ext openclaw_ipython\n%openclaw login --set-default",
    f"import pandas as pd\n%matplotlib inline\npenguins = pd.read_csv({str(PENGUINS)!r})",
    "%%qwen --assist\nHow heavy are the `penguins` of each `species`? Compare `body_mass_g`.",
]
QUESTION = ".jp-Stdin-input"


def test_a_step_is_asked_about_run_and_another_refused(tmp_path):
    pytest.importorskip("matplotlib")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "assistant.ipynb")
    portal = Portal().approve_after()
    environ = {"OPENCLAW_HOME": str(tmp_path / "home")}
    with (
        portal.serve() as origin,
        jupyterlab(tmp_path, environ | {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}, SHOTS) as lab,
    ):
        lab.open("assistant.ipynb")
        lab.page.keyboard.press("Control+b")  # room for the notebook
        lab.run(0)
        lab.finished(0)
        lab.wait(lambda: "Signed in" in lab.output(0).inner_text())
        lab.run(1)
        lab.finished(1)
        lab.run(2)
        question = lab.cell(2).locator(QUESTION).last
        question.wait_for(timeout=60_000)
        asked = lab.output(2).inner_text()
        assert "means = penguins.groupby('species')['body_mass_g'].mean().sort_values()" in asked
        assert "✓ fits this kernel" in asked
        assert "Gentoo  " not in asked
        lab.shot("assistant-1-asked")
        question.fill("y")
        question.press("Enter")
        lab.wait(lambda: "5076.0" in lab.output(2).inner_text())
        question.wait_for(timeout=60_000)
        lab.shot("assistant-2-run")
        question.fill("n")
        question.press("Enter")
        lab.finished(2)
        lab.wait(lambda: "The person did not allow this call" in lab.output(2).inner_text())
        assert "image/png" not in str(lab.output(2).inner_html())
        lab.shot("assistant-3-refused")
