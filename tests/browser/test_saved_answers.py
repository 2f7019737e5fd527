"""A saved answer opened again: not trusted, trusted, and exported as a page. Nothing acts, and it looks as it did.

Screenshots are kept in `artifacts/` (or where OPENCLAW_TEST_SHOTS says): look at them.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from contrast import CONTRAST
from hostile import HOSTILE
from lab import find_chromium, jupyterlab

from openclaw_ipython.chat.types import Reply, Usage
from openclaw_ipython.sanitize.markdown import safe_markdown
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
ACTING = "script, iframe, object, embed, form, input, svg:not(mjx-container svg), img, video, audio, link, meta, style"
ANSWERED = {"openclaw": {"answer": True}}
ANSWER = """# Two steps

**Note:** it costs $5 (or $6) and is *36.7* degrees in `C:\\temp`.

1. Install it:

    ```bash
    export A=$HOME/a
    export B=$HOME/b
    ```
2. Run it:
   - with Python

     ```python
     def f(x: int) -> str:
         return f"{x}"  # a comment
     ```

| a | $b_1$ |
|---|---|
| `x` | <b> |
"""


class Recorder:
    """A surface that keeps what it was shown."""

    def __init__(self) -> None:
        self.bundles: list[dict[str, str]] = []

    def show(self, bundle):
        self.bundles.append(dict(bundle))
        return self

    def update(self, bundle):
        self.bundles[-1] = dict(bundle)

    def write(self, text):
        raise AssertionError(text)


@pytest.fixture
def saved(tmp_path):
    surface = Recorder()
    renderer = MarkdownRenderer(surface, lambda: 0.0)
    renderer.finish(Reply(ANSWER, model="qwen-portal/coder-model", usage=Usage(12, 34), seconds=3.2))
    cells = [
        [nbformat.v4.new_output("display_data", bundle, metadata=ANSWERED) for bundle in surface.bundles],
        [
            nbformat.v4.new_output(
                "display_data",
                {"text/markdown": safe_markdown(text), "text/plain": text},
                metadata=ANSWERED,
            )
            for _, text in HOSTILE
            if len(text) < 2000 and text.isprintable() | ("\n" in text)
        ],
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("%%qwen\nhi", outputs=outputs) for outputs in cells]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook, path)
    return path


def nothing_acts(page, outputs) -> None:
    assert page.evaluate("window.hit || []") == []
    assert outputs.locator(ACTING).evaluate_all("all => all.map(e => e.outerHTML)") == []
    links = outputs.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href') || '')")
    assert [link for link in links if not link.startswith(("http://", "https://", "mailto:", "#"))] == []
    handlers = "all => all.flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
    assert outputs.locator("*").evaluate_all(handlers) == []


@pytest.mark.parametrize(("trusted", "theme"), [(False, "light"), (False, "dark"), (True, "light")])
def test_an_opened_notebook_looks_as_it_did_and_nothing_in_it_acts(saved, trusted, theme):
    work = saved.parent
    if trusted:
        subprocess.run(
            [sys.executable, "-m", "jupyter", "trust", str(saved)],
            env=os.environ | {"HOME": str(work / "home"), "JUPYTER_DATA_DIR": str(work / "data")},
            check=True,
            capture_output=True,
        )
    with jupyterlab(work, {"OPENCLAW_HOME": str(work / "home")}, SHOTS, theme=theme, height=2600) as lab:
        lab.page.add_init_script("window.hit = []; window.alert = (x) => window.hit.push(String(x))")
        lab.open("saved.ipynb")
        lab.page.keyboard.press("Control+b")
        answer = lab.output(0)
        lab.wait(lambda: answer.locator("table").count() == 1)
        lab.wait(lambda: lab.output(1).locator("pre").count() > 5)
        lab.page.wait_for_timeout(1500)
        lab.shot(f"saved-{'trusted' if trusted else 'untrusted'}-{theme}")
        nothing_acts(lab.page, lab.page.locator(".jp-OutputArea-output"))
        assert answer.locator("pre").all_inner_texts() == [
            "export A=$HOME/a\nexport B=$HOME/b",
            'def f(x: int) -> str:\n    return f"{x}"  # a comment',
        ]
        assert answer.locator("pre span").count() > 5  # the front end colours it
        assert answer.locator("mjx-container").count() == 1
        footer = answer.locator(".jp-OutputArea-output").last.locator("div").last
        size = footer.evaluate("e => getComputedStyle(e).fontSize")
        body = answer.locator("p").first.evaluate("e => getComputedStyle(e).fontSize")
        assert float(size.removesuffix("px")) < float(body.removesuffix("px"))
        assert 4.5 <= footer.evaluate(CONTRAST) < answer.locator("p").first.evaluate(CONTRAST)


def test_an_exported_page_has_the_code_and_nothing_in_it_acts(saved):
    from playwright.sync_api import sync_playwright

    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", str(saved)],
        check=True,
        capture_output=True,
    )
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 2600})
        page.route("http*://**", lambda route: (asked.append(route.request.url), route.abort()))
        page.add_init_script("window.hit = []; window.alert = (x) => window.hit.push(String(x))")
        page.goto(saved.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
        page.wait_for_timeout(500)
        page.screenshot(path=str(SHOTS / "saved-exported.png"))
        outputs = page.locator(".jp-OutputArea-output")
        nothing_acts(page, outputs)
        code = outputs.locator("pre").first.inner_text()
        browser.close()
    assert code.strip() == "export A=$HOME/a\nexport B=$HOME/b"
    assert [url for url in asked if "invalid" in url] == []
