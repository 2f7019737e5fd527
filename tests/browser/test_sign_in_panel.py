"""The sign-in panel in real JupyterLab: by keyboard, in the accessibility tree, and over a reload of the page."""

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


def test_everything_is_reached_by_tab_and_named_and_a_reload_leaves_no_code(tmp_path):
    portal = Portal()
    with portal.serve() as origin:
        cells = ["%load_ext openclaw_ipython", "%openclaw login"]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        notebook.metadata["kernelspec"] = kernel
        nbformat.write(notebook, tmp_path / "panel.ipynb")
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "OPENCLAW_HOME": str(tmp_path / "home")}
        with jupyterlab(tmp_path, environ, SHOTS, height=1000) as lab:
            lab.open("panel.ipynb")
            lab.page.keyboard.press("Control+b")
            lab.run(0)
            lab.finished(0)
            lab.run(1)
            panel = lab.output(1)
            lab.wait(lambda: panel.get_by_role("progressbar").count() == 1)
            lab.wait(lambda: "No panel above" not in panel.inner_text())
            tree = panel.aria_snapshot()
            for named in (
                'button "Copy"',
                'link "Open the sign-in page"',
                'progressbar "time left"',
                'button "Cancel"',
                'button "▸ Other ways to sign in"',
                "status:",
                "as a QR code",
            ):
                assert named in tree, tree
            panel.get_by_role("button", name="Copy").focus()
            for _ in range(3):  # the page, Cancel, the other ways
                lab.page.keyboard.press("Tab")
            lab.page.keyboard.press("Enter")
            lab.wait(lambda: panel.locator("input[type=password]").is_visible())
            for label in ("Product", "Region", "API key"):
                assert panel.get_by_label(label).first.is_visible(), label
            lab.shot("10-other-ways")
            code = panel.locator("span[title]").first.inner_text()
            lab.save(tmp_path / "panel.ipynb")
            lab.page.reload()
            lab.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
            portal.approve(code)
            profiles = tmp_path / "home"
            lab.wait(lambda: any(profiles.rglob("auth-profiles.json")))
            lab.page.locator(".jp-Notebook .jp-Cell").first.click()
            saved = lab.save(tmp_path / "panel.ipynb")
        assert code not in saved
