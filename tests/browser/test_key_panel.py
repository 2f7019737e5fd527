"""The fields for an API key in real JupyterLab, by keyboard alone: the key is nowhere once it was entered.

Screenshots are kept in `artifacts/` (or where OPENCLAW_TEST_SHOTS says): look at them.
"""

import json
import os
from pathlib import Path

import nbformat
import pytest
from contrast import FAINT
from lab import find_chromium, jupyterlab
from scripted_portal import Portal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
KEY = "sk-made-up-for-the-browser-0123456789"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_key_is_entered_by_keyboard_and_left_nowhere(tmp_path, theme):
    portal = Portal().accepts_key(KEY)
    with portal.serve() as origin:
        login = f"%openclaw login --provider modelstudio --region {origin}/v1"
        cells = ["%load_ext openclaw_ipython", login]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        notebook.metadata["kernelspec"] = kernel
        nbformat.write(notebook, tmp_path / "keys.ipynb")
        environ = {"OPENCLAW_HOME": str(tmp_path / "home")}
        with jupyterlab(tmp_path, environ, SHOTS, theme=theme, height=700) as lab:
            lab.open("keys.ipynb")
            lab.page.keyboard.press("Control+b")
            lab.run(0)
            lab.finished(0)
            lab.run(1)
            lab.finished(1)
            panel = lab.output(1)
            field = panel.locator("input[type=password]")
            lab.wait(lambda: field.count() == 1)
            lab.shot(f"8-key-{theme}")
            assert lab.output(1).evaluate(FAINT) == []
            panel.locator("select").first.focus()
            for _ in range(3):  # product, region, address
                lab.page.keyboard.press("Tab")
            lab.page.keyboard.type(KEY)
            if theme == "dark":  # Enter in the field saves
                lab.page.keyboard.press("Enter")
            else:
                lab.page.keyboard.press("Tab")
                lab.wait(lambda: field.input_value() == "")
                assert "key entered ••••" in (field.get_attribute("placeholder") or "")
                assert "key entered ••••" in panel.inner_text()
                lab.page.keyboard.press("Tab")  # past the link
                lab.page.keyboard.press("Enter")
            lab.wait(
                lambda: "Signed in to Alibaba Cloud Model Studio as modelstudio:default" in panel.inner_text()
            )
            lab.shot(f"9-key-saved-{theme}")
            assert KEY not in lab.page.content()
            saved = lab.save(tmp_path / "keys.ipynb")
        assert KEY not in saved
        profiles = json.loads(next((tmp_path / "home").rglob("auth-profiles.json")).read_text("utf-8"))
        assert profiles["profiles"]["modelstudio:default"]["key"] == KEY
