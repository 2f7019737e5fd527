"""The pictures of README and site, from a real JupyterLab and the practice portal: `python scripts/pictures.py`.

Needs the extra `dev` and a Chromium. Writes `docs/images/NAME.png` and, in JupyterLab's dark theme, `NAME-dark.png`.
"""

import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT)]

from lab import jupyterlab  # noqa: E402

from openclaw_ipython.practice import Portal  # noqa: E402

IMAGES = ROOT / "docs" / "images"
CELLS = [
    "%load_ext openclaw_ipython",
    "%openclaw login",
    '%%qwen\nprices = {"tea": 3, "coffee": 4, "cake": 5}\nWhich of these costs most, and how do I find that in Python?',
    "%openclaw login --provider modelstudio",
    "%openclaw models scan",
]
ANSWER = (
    "**Cake** costs most, at 5.\n\n",
    "In Python, `max` with a key finds it:\n\n",
    '```python\nmax(prices, key=prices.get)  # "cake"\n```\n\n',
    "| item | price |\n|---|---|\n| cake | 5 |\n| coffee | 4 |\n| tea | 3 |\n",
)


def take(theme: str) -> None:
    portal = Portal()
    server = Portal().offers("Qwen/Qwen3-8B").accepts_key("")
    with tempfile.TemporaryDirectory() as folder, portal.serve() as origin, server.serve(8000):
        work = Path(folder)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        notebook.metadata["kernelspec"] = kernel
        nbformat.write(notebook, work / "readme.ipynb")
        environ = {
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin,
            "OPENCLAW_HOME": str(work / "home"),
            "LANGUAGE": "en",
        }
        with jupyterlab(work, environ, IMAGES, theme=theme, height=1100) as lab:
            lab.open("readme.ipynb")
            lab.page.keyboard.press("Control+b")
            lab.run(0)
            lab.finished(0)
            lab.run(1)
            panel = lab.output(1)
            lab.wait(lambda: panel.get_by_text("left").count() > 0)
            lab.wait(lambda: "No panel above" not in panel.inner_text())
            shot(lab, 1, "sign-in", theme)
            code = panel.locator("span[title]").first.inner_text()
            portal.approve(code)
            lab.wait(lambda: "Signed in" in panel.inner_text())
            portal.says(*ANSWER)
            lab.run(2)
            lab.finished(2)
            shot(lab, 2, "answer", theme)
            for index, name in ((3, "key"), (4, "scan")):
                lab.run(index)
                lab.finished(index)
                lab.wait(lambda index=index: lab.output(index).inner_text().strip())
                shot(lab, index, name, theme)


def shot(lab, at: int, name: str, theme: str) -> None:
    """A picture of one cell with its output."""
    lab.page.mouse.move(0, 0)
    lab.page.wait_for_timeout(600)
    IMAGES.mkdir(parents=True, exist_ok=True)
    lab.cell(at).screenshot(path=str(IMAGES / f"{name}{'-dark' * (theme == 'dark')}.png"))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ("light", "dark"):
        take(chosen)
